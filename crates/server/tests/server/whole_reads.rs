//! Reads from a server with its sockets: clients that go away or read slowly, and snapshots in the data directory.

use std::time::Duration;

use timestrata::{Db, Selector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{remote_write_body, series};
use crate::whole_server::{Running, start};

/// Writes series of points at whole seconds.
async fn write(server: &Running, series_count: usize, points: i64) {
    for number in 0..series_count {
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let samples: Vec<(i64, f64)> = (0..points).map(|second| (second * 1_000, (second as f64).sqrt())).collect();
        let body = remote_write_body(vec![series(&[("__name__", "load"), ("host", &number.to_string())], &samples)]);
        let answer = server.exchange("POST /api/v1/write HTTP/1.1", &body).await;
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
}

async fn metric(server: &Running, name: &str) -> u64 {
    let metrics = server.exchange("GET /metrics HTTP/1.1", b"").await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
    line.trim().parse().unwrap()
}

async fn wait_for(server: &Running, name: &str, expected: u64) {
    for _ in 0..1_000 {
        if metric(server, name).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} did not become {expected}");
}

async fn request(server: &Running, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_query() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    write(&server, 4, 2_000).await;
    // Minutes of work without optimisation.
    let heavy = "/api/v1/query?time=2000&query=count(quantile_over_time(0.5,load%5B30m:1ms%5D))";
    let stream = request(&server, heavy).await;
    wait_for(&server, "timestrata_running_queries ", 1).await;
    drop(stream);
    wait_for(&server, "timestrata_running_queries ", 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_made_as_it_is_read_and_ends_with_its_client() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    write(&server, 20, 20_000).await;
    let path = "/api/v1/export?match[]=load&format=csv";
    let mut whole = Vec::new();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.read_to_end(&mut whole).await.unwrap();
    let whole = String::from_utf8(whole).unwrap();
    assert!(whole.contains("transfer-encoding: chunked") && whole.len() > 20_000_000, "{whole:.300}");
    assert!(
        whole.ends_with("x-timestrata-points: 400000\r\nx-timestrata-left-out: 0\r\nx-timestrata-rounded: 0\r\n\r\n")
    );
    // A client that reads nothing.
    let mut slow = request(&server, path).await;
    let mut start = [0; 1_000];
    slow.read_exact(&mut start).await.unwrap();
    wait_for(&server, "timestrata_streamed_reads ", 1).await;
    drop(slow);
    wait_for(&server, "timestrata_streamed_reads ", 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_the_middle_of_an_export_leaves_it_without_an_end() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    write(&server, 1, 20_000).await;
    let body = remote_write_body(vec![series(&[("__name__", "load"), ("host", "x")], &[(1, f64::NAN)])]);
    server.exchange("POST /api/v1/write HTTP/1.1", &body).await;
    let answer = server.exchange("GET /api/v1/export?match[]=load&format=influx HTTP/1.1", b"").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("load,host=0 value="), "{answer:.300}");
    // The last chunk of a whole answer is `0`.
    assert!(!answer.ends_with("0\r\n\r\n"), "{}", &answer[answer.len() - 100..]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_a_database_of_its_own_that_the_server_does_not_open() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    write(&server, 2, 10).await;
    let mut directories = Vec::new();
    for _ in 0..2 {
        let answer = server.exchange("POST /api/v1/admin/tsdb/snapshot?skip_head=true HTTP/1.1", b"").await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let directory = json["data"]["directory"].as_str().unwrap().to_owned();
        assert!(directory.ends_with(json["data"]["name"].as_str().unwrap()), "{json}");
        directories.push(directory);
    }
    assert_ne!(directories[0], directories[1]);
    let deleted = server.exchange("POST /api/v1/admin/tsdb/delete_series?match[]=load HTTP/1.1", b"").await;
    assert!(deleted.starts_with("HTTP/1.1 204"), "{deleted}");
    server.stop().await;
    let server = start(home.path()).await;
    server.ready().await;
    let databases = server.exchange("GET /api/v1/admin/databases HTTP/1.1", b"").await;
    assert!(databases.ends_with(r#""data":["default"],"status":"success"}"#), "{databases}");
    server.stop().await;
    for directory in directories {
        let copy = Db::builder(directory).create_if_missing(false).open().await.unwrap();
        assert_eq!(copy.snapshot().count_series(&Selector::metric("load")), 2);
        copy.close().await.unwrap();
    }
}
