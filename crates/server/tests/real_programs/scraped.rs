//! A Prometheus that scrapes a node exporter and a Pushgateway, and writes what it scrapes to the server: both answer alike.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::programs::{RunningProgram, free_address, program, query, request, wait_for};
use crate::server::RunningServer;

/// Queries whose answers are compared at one time.
const QUERIES: [&str; 10] = [
    "up",
    "count({__name__=~\".+\"})",
    "count by (__name__, job) ({__name__=~\"node_.+\"})",
    "sum by (mode) (node_cpu_seconds_total)",
    "sum by (mode) (rate(node_cpu_seconds_total[4s]))",
    "node_memory_MemTotal_bytes / 1024",
    "max_over_time(node_load1[4s])",
    "sum(node_memory_MemFree_bytes)",
    "pushed_total",
    "scrape_samples_scraped",
];

/// Returns seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the time of the test, which the programs share")]
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Returns the values of an answer by their labels.
fn by_labels(result: &Value) -> BTreeMap<String, f64> {
    let value = |sample: &Value| sample["value"][1].as_str().unwrap().parse().unwrap();
    result.as_array().unwrap().iter().map(|sample| (sample["metric"].to_string(), value(sample))).collect()
}

fn is_equal(ours: &BTreeMap<String, f64>, theirs: &BTreeMap<String, f64>) -> bool {
    let is_close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs() || a.is_nan() && b.is_nan();
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(theirs)
            .all(|((label, value), (other, expected))| label == other && is_close(*value, *expected))
}

/// Writes the configuration of a Prometheus.
fn configure(home: &Path, node: SocketAddr, gateway: SocketAddr, server: SocketAddr) {
    let text = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ['{node}']}}]
  - job_name: gateway
    honor_labels: true
    static_configs: [{{targets: ['{gateway}']}}]
remote_write:
  - url: http://{server}/api/v1/write
    queue_config: {{batch_send_deadline: 500ms}}
    metadata_config: {{send_interval: 1s}}
"
    );
    std::fs::write(home.join("prometheus.yml"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_writes_what_it_scrapes_and_both_answer_alike() {
    let programs = ["prometheus", "prometheus-node-exporter", "prometheus-pushgateway"];
    let found: Option<Vec<_>> = programs.iter().map(|name| program(&format!("usr/bin/{name}"))).collect();
    let Some(found) = found else { return };
    let server = RunningServer::start().await;
    let address = server.address;
    let compared = tokio::task::spawn_blocking(move || {
        let home = tempfile::tempdir().unwrap();
        let [node, gateway, prometheus] = [free_address(), free_address(), free_address()];
        let listen = |address: SocketAddr| format!("--web.listen-address={address}");
        let _node = RunningProgram::start(Command::new(&found[1]).arg(listen(node)));
        let _gateway = RunningProgram::start(Command::new(&found[2]).arg(listen(gateway)));
        configure(home.path(), node, gateway, address);
        let mut command = Command::new(&found[0]);
        command.arg(format!("--config.file={}", home.path().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", home.path().join("data").display())).arg(listen(prometheus));
        let _prometheus = RunningProgram::start(&mut command);
        wait_for("the gateway takes nothing", || {
            request(gateway, "POST", "/metrics/job/batch/instance/one", "pushed_total 7\n")
        });
        // A time at which all jobs have been scraped some times, and whose samples have been written to the server.
        let time = wait_for("Prometheus scrapes nothing", || {
            let time = now();
            let scrapes = query(prometheus, "sum(count_over_time(up[1m]))", time)?;
            (scrapes[0]["value"][1].as_str()?.parse::<f64>().ok()? > 12.0).then_some(time)
        });
        for text in QUERIES {
            let theirs = by_labels(&query(prometheus, text, time).unwrap());
            assert!(!theirs.is_empty(), "{text}");
            let ours = wait_for(&format!("{text}: {theirs:?}"), || {
                let ours = by_labels(&query(address, text, time)?);
                is_equal(&ours, &theirs).then_some(ours)
            });
            println!("{text}: {} values are equal", ours.len());
        }
        wait_for("the metadata did not arrive", || {
            let metadata = request(address, "GET", "/api/v1/metadata?metric=node_cpu_seconds_total", "")?;
            metadata.contains("\"type\":\"counter\"").then_some(())
        });
        QUERIES.len()
    });
    assert_eq!(compared.await.unwrap(), QUERIES.len());
    server.stop().await;
}
