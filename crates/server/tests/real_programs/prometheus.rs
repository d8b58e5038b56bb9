//! Prometheus and promtool 2.42: they write, read, scrape and query the server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::common::{remote_write_body, series};
use crate::http::{api, request};
use crate::programs::program;
use crate::prometheus_program::PrometheusProgram;
use crate::remote_read_client::{ReadRequest, chunk_bytes, matcher, query, read_chunks, read_samples};
use crate::remote_write_messages::TimeSeries;
use crate::server::{RunningServer, run};

/// First time of the samples in seconds; the start of a block of two hours.
const START: i64 = 1_700_006_400;
/// A value of a stale sample.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Samples of every shape that the chunks distinguish: equal values, counters, noise, gaps, markers.
fn samples() -> Vec<TimeSeries> {
    let jitter = |number: i64| (number * 7_919) % 97;
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let make = |job: &str, value: &dyn Fn(i64) -> f64| {
        let points: Vec<(i64, f64)> =
            (0..100).map(|number| (START * 1_000 + number * 15_000 + jitter(number), value(number))).collect();
        series(&[("__name__", "m"), ("Zone", "z"), ("job", job)], &points)
    };
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let list: [(&str, &dyn Fn(i64) -> f64); 5] = [
        ("constant", &|_| 1.0),
        ("counter", &|number| ((number % 60) * 17) as f64),
        ("noise", &|number| (number as f64).sin() * 1e3),
        ("odd", &|number| [f64::INFINITY, -0.0, 1e300, f64::MIN_POSITIVE][usize::try_from(number % 4).unwrap()]),
        ("stale", &|number| if number % 10 == 9 { STALE } else { number as f64 }),
    ];
    list.into_iter().map(|(job, value)| make(job, value)).collect()
}

async fn write(address: SocketAddr, list: Vec<TimeSeries>) {
    let headers = [
        ("Content-Type", "application/x-protobuf"),
        ("Content-Encoding", "snappy"),
        ("X-Prometheus-Remote-Write-Version", "0.1.0"),
    ];
    let (status, body) = request(address, "POST", "/api/v1/write", &headers, &remote_write_body(list)).await;
    assert_eq!(status, 204, "{}", String::from_utf8_lossy(&body));
}

async fn read(address: SocketAddr, request_body: &ReadRequest) -> Vec<u8> {
    let headers = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
    let (status, body) = request(address, "POST", "/api/v1/read", &headers, &request_body.to_body()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    body
}

/// Returns the data of an answer with the series in the order of their labels; Prometheus has none for vectors, and 2.42 has
/// no annotations.
fn in_order(mut answer: Value) -> Value {
    assert_eq!(answer["status"], "success", "{answer}");
    if let Some(list) = answer["data"]["result"].as_array_mut() {
        list.sort_by_key(|series| series["metric"].to_string());
    }
    answer["data"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_that_reads_from_the_server_has_its_answers() {
    let Some(program) = program("usr/bin/prometheus") else { return };
    let server = RunningServer::start().await;
    write(server.address, samples()).await;
    let configuration = format!("remote_read:\n  - url: {}/api/v1/read\n    read_recent: true\n", server.url());
    let prometheus = PrometheusProgram::start(&program, &configuration).await;
    let (start, end) = ((START + 307).to_string(), (START + 1_507).to_string());
    for text in [
        "m",
        "m{job=~\"c.*|stale\",Zone!=\"\"}",
        "{__name__=~\"m|n\",job!~\"odd|noise\"}",
        "rate(m{job=\"counter\"}[5m])",
        "max_over_time(m[2m]) - min_over_time(m[2m])",
        "sum by (Zone) (m{job=~\"constant|counter\"})",
        "count(m) + absent(none)",
        "quantile_over_time(0.5, m{job!=\"odd\"}[4m])",
        "m{job=\"noise\"} offset 3m > 0",
    ] {
        let range = [("query", text), ("start", &start), ("end", &end), ("step", "31")];
        let (ours, theirs) =
            (api(server.address, "query_range", &range).await, api(prometheus.address, "query_range", &range).await);
        let (ours, theirs) = (in_order(ours), in_order(theirs));
        assert!(!theirs["result"].as_array().unwrap().is_empty(), "{text}: {theirs}");
        assert_eq!(ours, theirs, "{text}");
        let instant = [("query", text), ("time", end.as_str())];
        let (ours, theirs) =
            (api(server.address, "query", &instant).await, api(prometheus.address, "query", &instant).await);
        assert_eq!(in_order(ours), in_order(theirs), "{text}");
    }
    let list = [("match[]", "m"), ("start", start.as_str()), ("end", end.as_str())];
    let (ours, theirs) = (api(server.address, "series", &list).await, api(prometheus.address, "series", &list).await);
    assert_eq!(ours, theirs);
    drop(prometheus);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_read_has_the_chunks_of_prometheus() {
    let Some(program) = program("usr/bin/prometheus") else { return };
    let server = RunningServer::start().await;
    let prometheus = PrometheusProgram::start(&program, "global:\n  evaluation_interval: 1m\n").await;
    for address in [server.address, prometheus.address] {
        write(address, samples()).await;
    }
    let whole = query(START * 1_000, (START + 7_000) * 1_000, vec![matcher(0, "__name__", "m")]);
    let part = query((START + 100) * 1_000, (START + 200) * 1_000, vec![matcher(2, "job", "c.+")]);
    let chunks = ReadRequest { queries: vec![whole.clone(), part.clone()], accepted_response_types: vec![1] };
    let (ours, theirs) = (read(server.address, &chunks).await, read(prometheus.address, &chunks).await);
    let bits = |answer: Vec<Vec<crate::remote_read_client::ReadSeries>>| format!("{answer:x?}");
    assert_eq!(bits(read_chunks(&ours, 2)), bits(read_chunks(&theirs, 2)));
    let only_whole = ReadRequest { queries: vec![whole.clone()], accepted_response_types: vec![1] };
    let (ours, theirs) = (read(server.address, &only_whole).await, read(prometheus.address, &only_whole).await);
    let (ours, theirs) = (chunk_bytes(&ours), chunk_bytes(&theirs));
    assert_eq!((ours.len(), theirs.len()), (5, 5));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        // Prometheus may append a byte before it has a bit for it.
        assert!(theirs == ours || theirs.strip_suffix(&[0]) == Some(ours), "{ours:?}\n{theirs:?}");
    }
    let raw = ReadRequest { queries: vec![whole, part], accepted_response_types: vec![] };
    let (ours, theirs) = (read(server.address, &raw).await, read(prometheus.address, &raw).await);
    assert_eq!(bits(read_samples(&ours)), bits(read_samples(&theirs)));
    drop(prometheus);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_the_federation() {
    let Some(program) = program("usr/bin/prometheus") else { return };
    let server = RunningServer::start().await;
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let list = vec![
        series(&[("__name__", "temp"), ("site", "a \"b\"\\\n")], &[(now - 5_000, 1.5), (now - 1_000, 2.5)]),
        series(
            &[("__name__", "temp"), ("site", "c"), ("instance", "d:1"), ("job", "e")],
            &[(now - 2_000, f64::INFINITY)],
        ),
        series(&[("__name__", "temp"), ("site", "old")], &[(now - 400_000, 1.0)]),
        series(&[("__name__", "temp"), ("site", "stale")], &[(now - 1_000, STALE)]),
    ];
    write(server.address, list).await;
    let text = server.get("/federate?match[]=temp").await;
    assert_eq!(text.lines().filter(|line| line.starts_with("temp{")).count(), 2, "{text}");
    let configuration = format!(
        "scrape_configs:\n  - job_name: federate\n    scrape_interval: 1s\n    honor_labels: true\n    metrics_path: /federate\n    \
         params: {{ 'match[]': ['temp'] }}\n    static_configs: [{{ targets: ['{}'] }}]\n",
        server.address
    );
    let prometheus = PrometheusProgram::start(&program, &configuration).await;
    let mut found = Value::Null;
    for _ in 0..300 {
        found = api(prometheus.address, "query", &[("query", "temp")]).await;
        if found["data"]["result"].as_array().is_some_and(|list| !list.is_empty()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let found = in_order(found);
    let metric = |at: usize| found["result"][at]["metric"].clone();
    let value = |at: usize| found["result"][at]["value"][1].clone();
    assert_eq!(found["result"].as_array().unwrap().len(), 2, "{found}");
    let with_instance = json!({ "__name__": "temp", "site": "c", "instance": "d:1", "job": "e" });
    let without_instance = json!({ "__name__": "temp", "site": "a \"b\"\\\n", "job": "federate" });
    assert_eq!((metric(0), value(0)), (with_instance, json!("+Inf")));
    assert_eq!((metric(1), value(1)), (without_instance, json!("2.5")));
    drop(prometheus);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_queries_the_server() {
    let Some(program) = program("usr/bin/prometheus") else { return };
    let server = RunningServer::start().await;
    write(server.address, samples()).await;
    let promtool = program.with_file_name("promtool");
    let url = server.url();
    let output = async |arguments: &[&str]| promtool_output(&promtool, arguments).await;
    let (start, end) = (START.to_string(), (START + 60).to_string());
    let instant = output(&["query", "instant", &format!("--time={end}"), &url, "sum(m{job='constant'})"]).await;
    assert_eq!(instant, format!("{{}} => 1 @[{end}]\n"));
    let times = [format!("--start={start}"), format!("--end={end}")];
    let range = output(&["query", "range", &times[0], &times[1], "--step=30s", &url, "m{job='constant'} * 2"]).await;
    let expected = format!("{{Zone=\"z\", job=\"constant\"}} =>\n2 @[{start}]\n2 @[{}]\n2 @[{end}]\n", START + 30);
    assert_eq!(range, expected);
    let found = output(&["query", "series", "--match=m{job=~'c.*'}", &times[0], &times[1], &url]).await;
    assert!(found.contains("constant") && found.contains("counter") && found.lines().count() == 2, "{found}");
    let values = output(&["query", "labels", &times[0], &times[1], &url, "job"]).await;
    assert_eq!(values.split_whitespace().collect::<Vec<_>>(), ["constant", "counter", "noise", "odd", "stale"]);
    server.stop().await;
}

/// The library of PyPI that `.ci/clients.sh FOLDER` installs; `TIMESTRATA_CLIENTS=FOLDER` names the folder.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_api_client_of_pypi_reads() {
    let Some(folder) = std::env::var_os("TIMESTRATA_CLIENTS").map(std::path::PathBuf::from) else {
        println!("skipped: TIMESTRATA_CLIENTS names no folder; `bash .ci/clients.sh FOLDER` makes one");
        return;
    };
    let server = RunningServer::start().await;
    let of = |job: &str, value: f64| series(&[("__name__", "m"), ("job", job)], &[(START * 1_000, value)]);
    write(server.address, vec![of("a", 1.0), of("b", 2.0)]).await;
    let mut command = Command::new(folder.join("venv/bin/python"));
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/prometheus_api.py"));
    command.args([server.url(), START.to_string()]);
    run(command).await;
    server.stop().await;
}

async fn promtool_output(promtool: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(promtool);
    command.args(arguments);
    String::from_utf8(run(command).await.stdout).unwrap()
}
