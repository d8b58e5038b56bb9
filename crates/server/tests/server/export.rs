//! Export and federation.

use timestrata::{Batch, STALE_MARKER_BITS, SeriesKey, Timestamp};

use crate::common::TestServer;

fn server() -> TestServer {
    let server = TestServer::new();
    let mut batch = Batch::new();
    for (second, value) in [(1, 1.5), (2, 2.5), (3, 3.5)] {
        batch.push_key(&SeriesKey::new("temp").tag("site", "a"), Timestamp::from_secs(second), value);
    }
    batch.push_key(&SeriesKey::new("count"), Timestamp::from_nanos(1_000_000_001), 7_u64);
    batch.push_key(&SeriesKey::new("gone"), Timestamp::from_secs(1), f64::from_bits(STALE_MARKER_BITS));
    server.db.write_blocking(batch).unwrap();
    server
}

#[tokio::test]
async fn every_format_has_the_points_of_the_selectors_and_the_range() {
    let server = server();
    let csv = server.get("/api/v1/export?match[]=temp&match[]=count&start=1&end=2&format=csv").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let mut lines: Vec<&str> = csv.text().lines().collect();
    assert_eq!(lines.remove(0), "series,type,time,value");
    lines.sort_unstable();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[2], "count,u64,1970-01-01T00:00:01.000000001Z,7");
    let json = server.get("/api/v1/export?match[]=gone").await;
    assert!(json.text().contains(r#""value":"NaN(7ff0000000000002)"}"#), "{}", json.text());
    let influx = server.get("/api/v1/export?match[]=count&format=influx").await;
    assert_eq!(influx.text(), "count value=7u 1000000001\n");
    let metrics = server.get("/api/v1/export?match[]=temp&start=3&format=openmetrics").await;
    assert_eq!(metrics.text(), "temp{site=\"a\"} 3.5 3\n# EOF\n");
    let none = server.get("/api/v1/export?match[]=none&format=openmetrics").await;
    assert_eq!((none.status.as_u16(), none.text()), (200, "# EOF\n"));
}

#[tokio::test]
async fn what_a_format_cannot_hold_ends_the_export_unless_the_request_says_otherwise() {
    let server = server();
    let path = "/api/v1/export?match[]=%7B__name__%3D~%22.%2B%22%7D";
    for format in ["influx", "openmetrics"] {
        let refused = server.get(&format!("{path}&format={format}")).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("outside=skip"), "{}", refused.text());
    }
    let skipped = server.get(&format!("{path}&format=influx&outside=skip")).await;
    assert_eq!(skipped.text().lines().count(), 4, "{}", skipped.text());
    let nearest = server.get(&format!("{path}&format=openmetrics&outside=nearest")).await;
    assert!(nearest.text().contains("count 7 1.000000001\ngone NaN 1\n"), "{}", nearest.text());
    let metrics = server.get("/metrics").await;
    assert!(metrics.text().contains("\ntimestrata_export_left_out_points_total 1\n"), "{}", metrics.text());
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let server = server();
    for (query, word) in [
        ("", "match[]"),
        ("match[]=(", "match[]"),
        ("match[]=up&format=xml", "format"),
        ("match[]=up&outside=x", "outside"),
        ("match[]=up&end=x", "end"),
    ] {
        let answer = server.get(&format!("/api/v1/export?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(word), "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn federation_has_the_newest_current_sample_of_each_series() {
    let server = TestServer::new();
    let now = Timestamp::now().as_nanos() / 1_000_000;
    let mut batch = Batch::new();
    let up = |job: &str| SeriesKey::new("up").tag("job", job);
    batch.push_key(&up("a"), Timestamp::from_millis(now - 2_000), 1.0);
    batch.push_key(&up("a"), Timestamp::from_millis(now - 1_000), 2.0);
    batch.push_key(&up("old"), Timestamp::from_millis(now - 400_000), 1.0);
    batch.push_key(&up("stale"), Timestamp::from_millis(now - 1_000), f64::from_bits(STALE_MARKER_BITS));
    batch.push_key(&SeriesKey::new("a.b"), Timestamp::from_millis(now - 1_000), 3.0);
    server.db.write(batch).await.unwrap();
    let path = "/federate?match[]=up&match[]=%7B%22a.b%22%7D";
    let answer = server.get(path).await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let at = now - 1_000;
    let expected = format!(
        "# TYPE a_b untyped\na_b{{instance=\"\"}} 3 {at}\n# TYPE up untyped\nup{{job=\"a\",instance=\"\"}} 2 {at}\n"
    );
    assert_eq!(answer.text(), expected);
    let accept = [("accept", "application/openmetrics-text,text/plain;version=1.0.0;escaping=allow-utf-8")];
    let quoted = server.send(axum::http::Method::GET, path, &accept, axum::body::Body::empty()).await;
    assert!(quoted.text().contains("{\"a.b\",instance=\"\"} 3"), "{}", quoted.text());
    assert_eq!(server.get("/federate").await.status, 400);
}
