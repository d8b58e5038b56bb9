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

/// A body of one series with many samples of two bytes each: value 0 at 1970.
fn dense_body(samples: usize) -> Vec<u8> {
    let label = [0x0a, 0x0e, 0x0a, 8, b'_', b'_', b'n', b'a', b'm', b'e', b'_', b'_', 0x12, 2, b'u', b'p'];
    let mut series = label.to_vec();
    series.extend([0x12, 0x00].repeat(samples));
    let mut body = vec![0x0a];
    let mut len = series.len();
    while len >= 0x80 {
        body.push(len.to_le_bytes()[0] | 0x80);
        len >>= 7;
    }
    body.push(len.to_le_bytes()[0]);
    body.extend(series);
    snap::raw::Encoder::new().compress_vec(&body).unwrap()
}

#[tokio::test]
async fn points_that_need_more_memory_than_bodies_have_are_refused_before_they_are_decoded() {
    let mut options = ServerOptions::default();
    options.memory_budget = 128 << 20;
    let server = TestServer::with_options(options);
    let answer = server.post(PATH, &[], dense_body(2_000)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-prometheus-remote-write-samples-written")), (204, "2000"));
    let answer = server.post(PATH, &[], dense_body(1_000_000)).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.text().contains("bytes of memory are needed"), "{}", answer.text());
    assert_eq!(server.db.stats().points, 2_000);
}
