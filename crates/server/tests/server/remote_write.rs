//! Prometheus remote write.

use timestrata::{SeriesKey, Timestamp};
use timestrata_server::ServerOptions;

use crate::common::{TestServer, remote_write_body, series};

type Headers = &'static [(&'static str, &'static str)];

const PATH: &str = "/api/v1/write";

#[tokio::test]
async fn samples_are_found_by_a_query_once_the_write_succeeds() {
    let server = TestServer::new();
    let body = remote_write_body(vec![series(&[("__name__", "up"), ("job", "a")], &[(60_000, 1.0), (120_000, 0.0)])]);
    let answer = server.post(PATH, &[("content-type", "application/x-protobuf")], body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-prometheus-remote-write-samples-written")), (204, "2"));
    let data = server.data("/api/v1/query?query=up&time=130").await;
    assert_eq!(data["result"][0]["metric"], serde_json::json!({"__name__": "up", "job": "a"}));
    assert_eq!(data["result"][0]["value"], serde_json::json!([130, "0"]));
    let data = server.data("/api/v1/query_range?query=up&start=60&end=120&step=1m").await;
    assert_eq!(data["result"][0]["values"], serde_json::json!([[60, "1"], [120, "0"]]));
}

#[tokio::test]
async fn good_samples_are_written_and_bad_ones_are_named() {
    let server = TestServer::new();
    let bad = series(&[("job", "a")], &[(1, 1.0)]);
    let good = series(&[("__name__", "up")], &[(1, 1.0)]);
    let answer = server.post(PATH, &[], remote_write_body(vec![bad, good])).await;
    assert_eq!(answer.status, 400);
    let text = answer.text();
    assert!(text.starts_with("1 samples written, 1 refused") && text.contains("__name__"), "{text}");
    assert_eq!(
        server
            .db
            .snapshot()
            .latest(server.db.series::<f64>(&SeriesKey::new("up")).unwrap())
            .await
            .unwrap()
            .unwrap()
            .timestamp,
        Timestamp::from_millis(1)
    );
}

#[tokio::test]
async fn bodies_that_are_no_remote_write_get_an_error_and_store_nothing() {
    let options = {
        let mut options = ServerOptions::default();
        options.max_decompressed_bytes = 1 << 20;
        options.max_body_bytes = 64 << 10;
        options
    };
    let server = TestServer::with_options(options);
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; 8 << 20]).unwrap();
    let whole = remote_write_body(vec![series(&[("__name__", "up")], &[(1, 1.0)])]);
    let cases: [(Headers, Vec<u8>, u16); 7] = [
        (&[], b"not snappy".to_vec(), 400),
        (&[], whole[..whole.len() - 3].to_vec(), 400),
        (&[], bomb, 413),
        (&[], vec![0; 65 << 10], 413),
        (&[("content-type", "application/json")], whole.clone(), 415),
        (&[("content-encoding", "br")], whole.clone(), 415),
        (&[("content-encoding", "gzip")], whole.clone(), 400),
    ];
    for (headers, body, status) in cases {
        let answer = server.post(PATH, headers, body).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
        assert!(answer.text().len() > 20, "{headers:?}: {}", answer.text());
    }
    assert_eq!(server.db.stats().points, 0);
}
