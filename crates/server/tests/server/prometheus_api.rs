//! The HTTP API of Prometheus.

use axum::http::Method;
use serde_json::{Value, json};
use timestrata::{Batch, Db, DuplicatePolicy, MetricKind, MetricMetadata, SeriesKey, Timestamp};
use timestrata_server::ServerOptions;

use crate::common::{Answer, TestServer};

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];

/// Returns a server with `up` of three jobs at 60 s and 120 s, and `"a.b"` at 60 s alone.
fn server() -> TestServer {
    let server = TestServer::new();
    fill(&server.db);
    server
}

fn fill(db: &Db) {
    let mut batch = Batch::new();
    for (job, value) in [("a", 1.0), ("b", 2.0), ("c", 3.0)] {
        let key = SeriesKey::new("up").tag("job", job).tag("host.name", format!("h-{job}"));
        batch.push_key(&key, Timestamp::from_secs(60), value);
        batch.push_key(&key, Timestamp::from_secs(120), value * 10.0);
    }
    batch.push_key(&SeriesKey::new("a.b"), Timestamp::from_secs(60), 7.0);
    db.write_blocking(batch).unwrap();
}

fn error(answer: &Answer) -> (u16, String, String) {
    let json = answer.json();
    assert_eq!(json["status"], "error", "{json}");
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    (answer.status.as_u16(), text("errorType"), text("error"))
}

#[tokio::test]
async fn queries_have_the_shapes_of_prometheus_by_get_and_by_post() {
    let server = server();
    let scalar = server.get("/api/v1/query?query=1%2B1&time=4").await;
    assert_eq!(scalar.text(), r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#);
    let by_get = server.get("/api/v1/query_range?query=sum(up)&start=60&end=120&step=30s").await;
    let by_post = server.post("/api/v1/query_range", FORM, "query=sum(up)&start=60&end=120&step=30s").await;
    assert_eq!(by_get.text(), by_post.text());
    assert_eq!(by_get.json()["data"]["result"][0]["values"], json!([[60, "6"], [90, "6"], [120, "60"]]));
    let text = server.data("/api/v1/query?query=%22x%22&time=1").await;
    assert_eq!(text, json!({ "resultType": "string", "result": [1, "x"] }));
    let matrix = server.data("/api/v1/query?query=up%7Bjob%3D%22a%22%7D%5B2m%5D&time=120").await;
    assert_eq!(matrix["result"][0]["values"], json!([[60, "1"], [120, "10"]]));
    // A lookback of 30 s does not reach 60 s.
    let none = server.data("/api/v1/query?query=a%2A0&time=100&lookback_delta=30s").await;
    assert_eq!(none["result"], json!([]));
    assert_eq!(server.data("/api/v1/query?query=up&time=100&lookback_delta=30s").await["result"], json!([]));
}

#[tokio::test]
async fn an_answer_has_statistics_limits_and_warnings_where_they_are_asked_for() {
    let server = server();
    let limited = server.get("/api/v1/query?query=up&time=60&limit=2").await.json();
    assert_eq!(limited["data"]["result"].as_array().unwrap().len(), 2);
    assert_eq!(limited["warnings"], json!(["results truncated due to limit"]));
    let all = server.get("/api/v1/query?query=up&time=60&limit=3").await.json();
    assert_eq!((all.get("warnings"), all["data"].get("stats")), (None, None));
    let counted = server.get("/api/v1/query?query=up&time=60&stats=all").await.json();
    let stats = &counted["data"]["stats"];
    assert!(stats["samples"]["totalQueryableSamples"].as_u64().unwrap() >= 3, "{stats}");
    assert!(stats["timings"]["execTotalTime"].as_f64().unwrap() > 0.0, "{stats}");
    let info = server.get("/api/v1/query?query=rate(up%5B2m%5D)&time=120").await.json();
    assert!(info["infos"][0].as_str().unwrap().contains("might not be a counter"), "{info}");
}

#[tokio::test]
async fn errors_have_the_types_and_statuses_of_prometheus() {
    let server = server();
    let at = |path: &'static str| server.get(path);
    let parse = error(&at("/api/v1/query?query=sum(").await);
    assert_eq!((parse.0, parse.1.as_str()), (400, "bad_data"));
    assert!(parse.2.starts_with("invalid parameter \"query\": 1:5: parse error"), "{}", parse.2);
    assert_eq!(
        error(&at("/api/v1/query").await).2,
        "invalid parameter \"query\": unknown position: parse error: no expression found in input"
    );
    for (path, name) in [
        ("/api/v1/query?query=up&time=x", "time"),
        ("/api/v1/query?query=up&timeout=x", "timeout"),
        ("/api/v1/query?query=up&limit=-1", "limit"),
        ("/api/v1/query_range?query=up&end=1&step=1", "start"),
        ("/api/v1/query_range?query=up&start=2&end=1&step=1", "end"),
        ("/api/v1/query_range?query=up&start=0&end=1", "step"),
        ("/api/v1/series?match[]=up&start=x", "start"),
        ("/api/v1/series?match[]=up%5B5m%5D", "match[]"),
        ("/api/v1/labels?match[]=%7B%7D", "match[]"),
        ("/api/v1/labels?match[]=%7Ba%3D~%22(%22%7D", "match[]"),
    ] {
        let (status, kind, text) = error(&at(path).await);
        assert_eq!((status, kind.as_str()), (400, "bad_data"), "{path}: {text}");
        assert!(text.starts_with(&format!("invalid parameter {name:?}: ")), "{path}: {text}");
    }
    let steps = error(&at("/api/v1/query_range?query=up&start=0&end=11001&step=1").await);
    assert!(steps.0 == 400 && steps.2.contains("maximum resolution of 11,000 points"), "{}", steps.2);
    let step = error(&at("/api/v1/query_range?query=up&start=0&end=1&step=0").await);
    assert!(step.0 == 400 && step.2.contains("zero or negative"), "{}", step.2);
    let execution = error(&at("/api/v1/query?query=up%2Bon()up&time=60").await);
    assert_eq!((execution.0, execution.1.as_str()), (422, "execution"));
    assert!(execution.2.contains("many-to-many matching not allowed"), "{}", execution.2);
    let timeout = error(&at("/api/v1/query?query=count_over_time(up%5B100d:1s%5D)&time=60&timeout=0.000000001").await);
    assert_eq!((timeout.0, timeout.1.as_str()), (503, "timeout"), "{}", timeout.2);
    assert_eq!(error(&at("/api/v1/series").await).2, "no match[] parameter provided");
    let many = error(&server.post("/api/v1/series", FORM, "a&".repeat(10_001)).await);
    assert!(many.0 == 400 && many.2.contains("more than 10000 parameters"), "{}", many.2);
    let patterns: Vec<String> = (0..201).map(|number| format!("match[]=up{{job=~\"{number}\"}}")).collect();
    let many = error(&server.post("/api/v1/series", FORM, patterns.join("&")).await);
    assert!(many.0 == 400 && many.2.contains("more than 200 patterns"), "{}", many.2);
}

#[tokio::test]
async fn series_labels_and_values_are_found_by_selectors_and_time() {
    let server = server();
    let series = server.data("/api/v1/series?match[]=up%7Bjob%3D~%22a|b%22%7D&match[]=%7B%22a.b%22%7D").await;
    let up = |job: &str| json!({ "__name__": "up", "job": job, "host.name": format!("h-{job}") });
    assert_eq!(series, json!([{ "__name__": "a.b" }, up("a"), up("b")]));
    assert_eq!(server.data("/api/v1/series?match[]=up&match[]=a&start=90&end=130").await.as_array().unwrap().len(), 3);
    let late = "/api/v1/series?match[]=%7B__name__%3D~%22.%2B%22%7D&start=130&end=140";
    assert_eq!(server.data(late).await, json!([]));
    let by_post = server.post("/api/v1/series", FORM, "match[]=up&limit=1").await.json();
    assert_eq!(
        (&by_post["data"], &by_post["warnings"]),
        (&json!([up("a")]), &json!(["results truncated due to limit"]))
    );
    assert_eq!(server.data("/api/v1/labels").await, json!(["__name__", "host.name", "job"]));
    assert_eq!(server.data("/api/v1/labels?match[]=%7B%22a.b%22%7D").await, json!(["__name__"]));
    assert_eq!(server.data("/api/v1/labels?start=1&end=2").await, json!([]));
    let limited = server.get("/api/v1/labels?limit=1").await.json();
    assert_eq!(
        (&limited["data"], &limited["warnings"]),
        (&json!(["__name__"]), &json!(["results truncated due to limit"]))
    );
    assert_eq!(server.data("/api/v1/label/__name__/values").await, json!(["a.b", "up"]));
    assert_eq!(server.data("/api/v1/label/job/values?match[]=up%7Bjob!%3D%22b%22%7D").await, json!(["a", "c"]));
    assert_eq!(server.data("/api/v1/label/U__host_2e_name/values?limit=5").await, json!(["h-a", "h-b", "h-c"]));
    assert_eq!(server.data("/api/v1/label/host.name/values").await, json!(["h-a", "h-b", "h-c"]));
    assert_eq!(server.data("/api/v1/label/none/values").await, json!([]));
    let far = "/api/v1/label/job/values?start=-292273086-05-16T16:47:06Z&end=99999999999999";
    assert_eq!(server.data(far).await, json!(["a", "b", "c"]));
    assert_eq!(server.get("/api/v1/label/U__a_zz_/values").await.status, 400);
}

#[tokio::test]
async fn metadata_is_listed_and_limited() {
    let server = server();
    for (metric, kind) in [("up", MetricKind::Gauge), ("requests_total", MetricKind::Counter)] {
        let metadata = MetricMetadata::new(kind).with_description("of \"x\"").with_unit("s");
        server.db.set_metric_metadata(metric, metadata).await.unwrap();
    }
    let entry = |kind: &str| json!([{ "type": kind, "help": "of \"x\"", "unit": "s" }]);
    let all = json!({ "requests_total": entry("counter"), "up": entry("gauge") });
    assert_eq!(server.data("/api/v1/metadata").await, all);
    assert_eq!(
        server.data("/api/v1/metadata?limit=1&limit_per_metric=1").await,
        json!({ "requests_total": entry("counter") })
    );
    assert_eq!(server.data("/api/v1/metadata?metric=up").await, json!({ "up": entry("gauge") }));
    assert_eq!(server.data("/api/v1/metadata?metric=none").await, json!({}));
}

#[tokio::test]
async fn queries_are_formatted_and_parsed_without_data() {
    let server = server();
    assert_eq!(server.data("/api/v1/format_query?query=sum(up)by(job)").await, json!("sum by (job) (up)"));
    let tree = server.post("/api/v1/parse_query", FORM, "query=foo/bar").await.json();
    assert_eq!((&tree["data"]["type"], &tree["data"]["rhs"]["name"]), (&json!("binaryExpr"), &json!("bar")));
    assert_eq!(error(&server.get("/api/v1/format_query?query=(").await).1, "bad_data");
    assert_eq!(server.data("/api/v1/query_exemplars?query=up&start=1&end=2").await, json!([]));
    assert_eq!(server.get("/api/v1/query_exemplars?query=up&start=2&end=1").await.status, 400);
}

#[tokio::test]
async fn clients_that_ask_for_the_rest_of_prometheus_get_well_formed_answers() {
    let server = server();
    for (path, member) in [
        ("alertmanagers", "activeAlertmanagers"),
        ("alerts", "alerts"),
        ("rules", "groups"),
        ("targets", "activeTargets"),
    ] {
        assert_eq!(server.data(&format!("/api/v1/{path}")).await[member], json!([]), "{path}");
    }
    for path in ["targets/metadata", "notifications"] {
        assert_eq!(server.data(&format!("/api/v1/{path}")).await, json!([]), "{path}");
    }
    let build = server.data("/api/v1/status/buildinfo").await;
    assert!(build["version"].as_str().unwrap().starts_with("3.") && build["application"] == "timestrata", "{build}");
    assert!(server.data("/api/v1/status/runtimeinfo").await["startTime"].as_str().unwrap().ends_with('Z'));
    assert_eq!(server.data("/api/v1/status/flags").await["query.lookback-delta"], "5m");
    let config = server.data("/api/v1/status/config").await;
    assert!(config["yaml"].as_str().unwrap().contains("query.timeout: \"2m\""), "{config}");
    assert_eq!(server.data("/api/v1/status/walreplay").await["current"], 0);
    let tsdb = server.data("/api/v1/status/tsdb?limit=1").await;
    let head = &tsdb["headStats"];
    assert_eq!((&head["numSeries"], &head["minTime"], &head["maxTime"]), (&json!(4), &json!(60_000), &json!(120_000)));
    assert_eq!(tsdb["seriesCountByMetricName"], json!([{ "name": "up", "value": 3 }]));
    assert_eq!(tsdb["seriesCountByLabelValuePair"], json!([{ "name": "__name__=up", "value": 3 }]));
    assert_eq!(server.get("/api/v1/status/tsdb?limit=10001").await.status, 400);
}

#[tokio::test]
async fn deletes_take_the_points_of_a_range_from_all_selectors() {
    let server = server();
    let path = "/api/v1/admin/tsdb/delete_series";
    let without = error(&server.post(path, &[], "").await);
    assert_eq!(without.2, "no match[] parameter provided");
    let answer =
        server.post(&format!("{path}?match[]=up%7Bjob%3D%22a%22%7D&match[]=%7B%22a.b%22%7D&end=60"), &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    let left = server.data("/api/v1/query?query=count_over_time(%7B__name__%3D~%22.%2B%22%7D%5B10m%5D)&time=120").await;
    let counts: Vec<(Value, Value)> = left["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|series| (series["metric"]["job"].clone(), series["value"][1].clone()))
        .collect();
    assert_eq!(counts, [(json!("a"), json!("1")), (json!("b"), json!("2")), (json!("c"), json!("2"))]);
    let cleaned = server.send(Method::PUT, "/api/v1/admin/tsdb/clean_tombstones", &[], axum::body::Body::empty()).await;
    assert_eq!(cleaned.status, 204);
    let answer = server.send(Method::PUT, &format!("{path}?match[]=up"), &[], axum::body::Body::empty()).await;
    assert_eq!(answer.status, 204);
    assert_eq!(server.data("/api/v1/series?match[]=up").await, json!([]));
}

#[tokio::test]
async fn a_server_inside_another_program_makes_no_snapshots() {
    let answer = server().post("/api/v1/admin/tsdb/snapshot", &[], "").await;
    assert_eq!(answer.status, 400);
    assert!(error(&answer).2.contains("which its program opened"), "{}", answer.text());
}

#[tokio::test]
async fn answers_of_many_pieces_are_whole() {
    let server = TestServer::new();
    let mut batch = Batch::new();
    for number in 0..5_000 {
        let key = SeriesKey::new("many").tag("number", format!("{number:05}"));
        batch.push_key(&key, Timestamp::from_secs(60), f64::from(number));
    }
    server.db.write(batch).await.unwrap();
    let result = server.data("/api/v1/query?query=many&time=60").await;
    assert_eq!(result["result"].as_array().unwrap().len(), 5_000);
    assert_eq!(result["result"][4_999]["value"], json!([60, "4999"]));
    assert_eq!(server.data("/api/v1/series?match[]=many").await.as_array().unwrap().len(), 5_000);
    assert_eq!(server.data("/api/v1/label/number/values").await.as_array().unwrap().len(), 5_000);
}

#[tokio::test]
async fn a_deep_query_and_a_long_one_are_answered() {
    let server = server();
    let deep = format!("{}1{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(server.data(&format!("/api/v1/query?query={deep}&time=1")).await["result"][1], "1");
    let tree = server.data(&format!("/api/v1/parse_query?query={deep}")).await;
    assert_eq!(tree["type"], "parenExpr");
    let too_deep = "(".repeat(1_000);
    assert_eq!(server.get(&format!("/api/v1/parse_query?query={too_deep}")).await.status, 400);
    let long = format!("query=up%7Bjob%3D~%22{}%22%7D", "a|".repeat(20_000));
    assert_eq!(server.post("/api/v1/query", FORM, long).await.status, 200);
}

#[tokio::test]
async fn limits_of_samples_are_errors_of_the_execution() {
    let mut options = ServerOptions::default();
    options.query_max_samples = 4;
    let db = Db::builder("test").in_memory().duplicates(DuplicatePolicy::KeepLast).open_blocking().unwrap();
    fill(&db);
    let server = TestServer::with_database(db, options);
    let answer = server.get("/api/v1/query?query=up%5B5m%5D&time=120").await;
    let (status, kind, text) = error(&answer);
    assert_eq!((status, kind.as_str()), (422, "execution"), "{text}");
}
