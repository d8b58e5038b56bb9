//! OpenTelemetry metrics over HTTP.

use prost::Message;
use serde_json::json;
use timestrata_server::ServerOptions;

use crate::common::TestServer;

const PATH: &str = "/v1/metrics";
const JSON: &[(&str, &str)] = &[("content-type", "application/json; charset=utf-8")];
const PROTOBUF: &[(&str, &str)] = &[("content-type", "application/x-protobuf")];

/// `ExportMetricsServiceResponse`.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_data_points: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// Returns a request with one point of a gauge at a second, and one of a sum with a temporality.
fn request(second: u32, temporality: u32) -> String {
    let time = format!("{second}000000000");
    json!({"resourceMetrics": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "shop"}},
            {"key": "host.name", "value": {"stringValue": "web-1"}},
        ]},
        "scopeMetrics": [{"metrics": [
            {"name": "cpu.temperature", "unit": "Cel", "description": "d",
             "gauge": {"dataPoints": [{"timeUnixNano": time, "asDouble": 21.5}]}},
            {"name": "requests", "sum": {"aggregationTemporality": temporality, "isMonotonic": true,
             "dataPoints": [{"timeUnixNano": time, "asInt": "7"}, {"timeUnixNano": time, "asInt": "8"}]}},
        ]}],
    }]})
    .to_string()
}

#[tokio::test]
async fn points_are_found_by_the_names_of_prometheus() {
    for path in [PATH, "/api/v1/otlp/v1/metrics"] {
        let server = TestServer::new();
        let answer = server.post(path, JSON, request(60, 2)).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({})));
        assert_eq!(answer.header("content-type"), "application/json");
        let data = server.data("/api/v1/query?query=cpu_temperature_celsius&time=61").await;
        assert_eq!(data["result"][0]["metric"], json!({"__name__": "cpu_temperature_celsius", "job": "shop"}));
        assert_eq!(data["result"][0]["value"][1], "21.5");
        let data = server.data("/api/v1/query?query=target_info&time=61").await;
        assert_eq!(data["result"][0]["metric"]["host_name"], "web-1");
        let data = server.data("/api/v1/query?query=requests_total&time=61").await;
        assert_eq!(data["result"][0]["value"][1], "8", "the last of two points at one time");
        let metadata = server.db.snapshot().metric_metadata("cpu_temperature_celsius").unwrap();
        assert_eq!((metadata.unit.as_str(), metadata.description.as_str()), ("celsius", "d"));
    }
}

#[tokio::test]
async fn refused_data_points_are_a_partial_success() {
    let server = TestServer::new();
    let answer = server.post(PATH, JSON, request(60, 1)).await;
    assert_eq!(answer.status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"], "2");
    let message = partial["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("2 refused (delta-temporality 2): 2: requests: delta"), "{message}");
    assert_eq!(server.db.stats().points, 2, "the gauge and target_info");
}

#[tokio::test]
async fn points_that_the_database_refuses_are_rejected_data_points() {
    let server = TestServer::new();
    let mut batch = timestrata::Batch::new();
    let key = timestrata::SeriesKey::new("cpu_temperature_celsius").tag("job", "shop");
    batch.push_key(&key, timestrata::Timestamp::from_secs(1), true);
    server.db.write(batch).await.unwrap();
    let answer = server.post(PATH, JSON, request(60, 2)).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedDataPoints"], "1", "{}", answer.text());
}

#[tokio::test]
async fn protobuf_is_answered_in_protobuf() {
    let server = TestServer::new();
    let answer = server.post(PATH, PROTOBUF, Vec::new()).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-type"), "application/x-protobuf");
    // A metric `m` of an exponential histogram with one point.
    let metric = [&[0x0a, 1, b'm', 0x52, 2, 0x0a, 0][..]].concat();
    let nested =
        |field: u8, message: &[u8]| [&[field << 3 | 2, u8::try_from(message.len()).unwrap()], message].concat();
    let body = nested(1, &nested(2, &nested(2, &metric)));
    let answer = server.post(PATH, PROTOBUF, body).await;
    let response = ExportResponse::decode(&answer.body[..]).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 1);
    assert!(partial.error_message.contains("exponential-histogram 1"), "{}", partial.error_message);
}

#[tokio::test]
async fn bodies_that_are_no_request_get_an_error_in_their_encoding() {
    let server = TestServer::new();
    let answer = server.post(PATH, JSON, "{").await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["message"].as_str().unwrap().contains("not an OTLP metrics request"));
    let answer = server.post(PATH, PROTOBUF, vec![0x0a, 9]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (400, "application/x-protobuf"));
    assert_eq!(answer.body[0], 0x12, "the message of a status");
    for content_type in ["text/plain", "application/grpc"] {
        assert_eq!(server.post(PATH, &[("content-type", content_type)], "x").await.status, 415);
    }
    assert_eq!(server.post("/db/other/v1/metrics", JSON, "{}").await.status, 404);
    assert_eq!(server.db.stats().points, 0);
}

#[tokio::test]
async fn names_stay_as_they_were_sent_if_the_options_say_so() {
    let mut options = ServerOptions::default();
    options.otlp_unchanged_names = true;
    let server = TestServer::with_options(options);
    server.post(PATH, JSON, request(60, 2)).await;
    let data = server.data("/api/v1/query?query=%7B%22cpu.temperature%22%7D&time=61").await;
    assert_eq!(data["result"][0]["metric"]["__name__"], "cpu.temperature");
}
