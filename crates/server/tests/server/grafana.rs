//! The requests of Grafana's data source for Prometheus, in their order: health check, completion, a panel.

use serde_json::{Value, json};
use timestrata::{Batch, SeriesKey, Timestamp};

use crate::common::TestServer;

const FORM: &[(&str, &str)] =
    &[("content-type", "application/x-www-form-urlencoded"), ("user-agent", "Grafana/12.0.0")];

/// Sends a form, and returns `data` of the answer, which must be a success.
async fn form(server: &TestServer, path: &str, body: &'static str) -> Value {
    let answer = server.post(path, FORM, body).await;
    let mut json = answer.json();
    assert_eq!((answer.status.as_u16(), &json["status"]), (200, &json!("success")), "{path}: {json}");
    json["data"].take()
}

#[tokio::test]
async fn the_requests_of_grafana_are_answered() {
    let server = TestServer::new();
    let mut batch = Batch::new();
    for step in 0..=40 {
        for host in ["a", "b"] {
            let key = SeriesKey::new("node_load1").tag("instance", host).tag("job", "node");
            batch.push_key(&key, Timestamp::from_secs(1_700_000_000 + 15 * step), 0.5);
        }
    }
    server.db.write(batch).await.unwrap();

    // "Save & test": the health check, then which Prometheus this is.
    let health = form(&server, "/api/v1/query", "query=1%2B1&time=1700000000.123").await;
    assert_eq!(health, json!({ "resultType": "scalar", "result": [1_700_000_000.123, "2"] }));
    let build = server.data("/api/v1/status/buildinfo").await;
    assert!(build["version"].as_str().is_some_and(|version| version.starts_with("3.")), "{build}");

    // The query editor: metrics, labels and values of the time range, metadata, rules.
    let labels = form(&server, "/api/v1/labels", "start=1700000000&end=1700000600&match%5B%5D=node_load1").await;
    assert_eq!(labels, json!(["__name__", "instance", "job"]));
    let range = "start=1700000000&end=1700000600";
    let names = server.data(&format!("/api/v1/label/__name__/values?{range}&limit=40000")).await;
    assert_eq!(names, json!(["node_load1"]));
    let values = server
        .data(&format!("/api/v1/label/instance/values?{range}&match%5B%5D=node_load1%7Bjob%3D%22node%22%7D"))
        .await;
    assert_eq!(values, json!(["a", "b"]));
    let series = form(&server, "/api/v1/series", "match%5B%5D=node_load1&start=1700000000&end=1700000600").await;
    assert_eq!(series.as_array().map(Vec::len), Some(2));
    assert!(server.data("/api/v1/metadata?limit_per_metric=1&limit=5000").await.is_object());
    assert_eq!(server.data("/api/v1/rules").await["groups"], json!([]));

    // A panel: $__interval and $__rate_interval are filled in, exemplars are requested beside it.
    let body = "query=avg+by+%28instance%29+%28avg_over_time%28node_load1%5B1m0s%5D%29%29&start=1700000000&end=1700000600&step=15&timeout=30s";
    let panel = form(&server, "/api/v1/query_range", body).await;
    assert_eq!((panel["resultType"].as_str(), panel["result"].as_array().map(Vec::len)), (Some("matrix"), Some(2)));
    assert_eq!(panel["result"][0]["values"].as_array().map(Vec::len), Some(41));
    let exemplars = form(&server, "/api/v1/query_exemplars", "query=node_load1&start=1700000000&end=1700000600").await;
    assert_eq!(exemplars, json!([]));

    // An error of the query is shown with its text.
    let wrong = server.post("/api/v1/query_range", FORM, "query=rate%28node_load1%29&start=1&end=2&step=1").await;
    let json = wrong.json();
    assert_eq!((wrong.status.as_u16(), &json["errorType"]), (400, &json!("bad_data")));
    assert!(json["error"].as_str().unwrap().contains("expected type range vector"), "{json}");
}
