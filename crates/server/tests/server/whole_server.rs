//! A server with its sockets and its data directory.

use std::net::SocketAddr;

use timestrata_server::{Server, ServerOptions, ServerStop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{remote_write_body, series};

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: ServerStop,
    task: tokio::task::JoinHandle<()>,
}

pub(crate) async fn start(data: &std::path::Path) -> Running {
    start_with(data, |_| {}).await
}

pub(crate) async fn start_with(data: &std::path::Path, change: impl FnOnce(&mut ServerOptions)) -> Running {
    let mut options = ServerOptions::default();
    change(&mut options);
    options.data = data.to_owned();
    options.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let server = Server::bind(options).await.unwrap();
    let (address, stop) = (server.addresses()[0], server.stopper());
    Running { address, stop, task: tokio::spawn(async move { server.run().await.unwrap() }) }
}

impl Running {
    /// Sends a request, and returns the whole answer of the connection.
    pub(crate) async fn exchange(&self, head: &str, body: &[u8]) -> String {
        self.send(&format!("{head}\r\nHost: x"), body).await
    }

    /// Sends a request whose head names the host, and returns the whole answer of the connection.
    async fn send(&self, head: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Waits until the databases are open.
    pub(crate) async fn ready(&self) {
        while !self.exchange("GET /-/ready HTTP/1.1", b"").await.starts_with("HTTP/1.1 200") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.stop();
        self.task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_found_after_a_stop_and_a_start() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    let body = remote_write_body(vec![series(&[("__name__", "up")], &[(60_000, 1.0)])]);
    let answer = server.exchange("POST /api/v1/write HTTP/1.1", &body).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    server.stop().await;
    let server = start(home.path()).await;
    server.ready().await;
    let answer = server.exchange("GET /api/v1/query?query=up&time=60 HTTP/1.1", b"").await;
    assert!(answer.contains(r#""value":[60,"1"]"#), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_created_up_to_the_limit_and_opened_again() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    let created = server.exchange("POST /api/v1/admin/databases/second HTTP/1.1", b"").await;
    assert!(created.starts_with("HTTP/1.1 201"), "{created}");
    let again = server.exchange("POST /api/v1/admin/databases/second HTTP/1.1", b"").await;
    assert!(again.starts_with("HTTP/1.1 200"), "{again}");
    let body = remote_write_body(vec![series(&[("__name__", "up")], &[(60_000, 1.0)])]);
    let answer = server.exchange("POST /db/second/api/v1/write HTTP/1.1", &body).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    server.stop().await;
    let server = start(home.path()).await;
    server.ready().await;
    let of = |path: &str| format!("GET {path}/api/v1/query?query=up&time=60 HTTP/1.1");
    assert!(server.exchange(&of("/db/second"), b"").await.contains(r#""value":[60,"1"]"#));
    assert!(server.exchange(&of(""), b"").await.contains(r#""result":[]"#));
    let mut last = String::new();
    for number in 0..16 {
        last = server.exchange(&format!("POST /api/v1/admin/databases/d{number} HTTP/1.1"), b"").await;
    }
    assert!(last.contains("raise --memory-budget"), "{last}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_was_written() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    let body = remote_write_body(vec![series(&[("__name__", "up")], &[(60_000, 1.0)])]);
    server.exchange("POST /api/v1/write HTTP/1.1", &body).await;
    let metrics = server.exchange("GET /metrics HTTP/1.1", b"").await;
    for line in [
        "timestrata_ingested_points_total{protocol=\"remote-write-1\"} 1",
        "timestrata_series{database=\"default\"} 1",
        "timestrata_wal_records_total{database=\"default\"} 1",
        "timestrata_wal_group_records_bucket{database=\"default\",le=\"1\"} 1",
        "timestrata_wal_sync_seconds_count{database=\"default\"} 1",
        "timestrata_http_requests_total{path=\"/api/v1/write\",code=\"2xx\"} 1",
        "timestrata_body_memory_bytes 0",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_influx_creates_a_database_and_writes_to_it() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    let write = "POST /write?db=telegraf HTTP/1.1";
    let missing = server.exchange(write, b"m value=1 60000000000").await;
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("database not found"), "{missing}");
    let query =
        "POST /query?q=CREATE%20DATABASE%20%22telegraf%22;CREATE%20DATABASE%20telegraf;SHOW%20DATABASES HTTP/1.1";
    let created = server.exchange(query, b"").await;
    let results = r#"{"results":[{"statement_id":0},{"statement_id":1},{"statement_id":2,"series":[{"name":"databases","columns":["name"],"values":[["default"],["telegraf"]]}]}]}"#;
    assert!(created.starts_with("HTTP/1.1 200") && created.contains(results), "{created}");
    let written = server.exchange(write, b"m value=1 60000000000").await;
    assert!(written.starts_with("HTTP/1.1 204"), "{written}");
    let found = server.exchange("GET /db/telegraf/api/v1/query?query=m&time=60 HTTP/1.1", b"").await;
    assert!(found.contains(r#""value":[60,"1"]"#), "{found}");
    let invalid = server.exchange("POST /query?q=CREATE%20DATABASE%20%22a/b%22 HTTP/1.1", b"").await;
    assert!(invalid.contains("is not a database name"), "{invalid}");
    server.stop().await;
}

/// Returns what the server sends until it closes the connection, after some bytes and then nothing.
async fn answer_to_silence(server: &Running, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    read.expect("the server closes the connection").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_slow_connections_are_closed() {
    let home = tempfile::tempdir().unwrap();
    let short = std::time::Duration::from_millis(200);
    let server = start_with(home.path(), |options| {
        options.idle_timeout = short;
        options.body_timeout = short;
    });
    let server = server.await;
    server.ready().await;
    assert_eq!(answer_to_silence(&server, b"").await, "");
    assert_eq!(answer_to_silence(&server, b"GET /health HT").await, "");
    let answered = answer_to_silence(&server, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    let head = "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc";
    let slow = answer_to_silence(&server, head.as_bytes()).await;
    assert!(slow.starts_with("HTTP/1.1 503") && slow.contains("did not arrive within 200ms"), "{slow}");
    let mut large = b"GET / HTTP/1.1\r\nHost: x\r\nX: ".to_vec();
    large.resize(200 << 10, b'x');
    let large = answer_to_silence(&server, &large).await;
    assert!(large.starts_with("HTTP/1.1 431"), "{large}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_limit_wait_for_one_to_end() {
    let home = tempfile::tempdir().unwrap();
    let server = start_with(home.path(), |options| options.max_connections = 3).await;
    server.ready().await;
    let held = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ];
    {
        let waiting = server.exchange("GET /-/healthy HTTP/1.1", b"");
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(100), &mut waiting).await.is_err());
        drop(held);
        assert!(waiting.await.starts_with("HTTP/1.1 200"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_request_ends_before_the_server_does() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    let body = remote_write_body(vec![series(&[("__name__", "late")], &[(60_000, 1.0)])]);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..5]).await.unwrap();
    // The request has begun once the server has counted it.
    while !server.exchange("GET /metrics HTTP/1.1", b"").await.contains("timestrata_running_requests 2") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    server.stop.stop();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    stream.write_all(&body[5..]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    server.task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_reach_nothing() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    server.ready().await;
    let of = |host: &str, origin: &str| {
        format!("POST /api/v1/admin/databases/x HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}")
    };
    for (host, origin, status) in [
        ("127.0.0.1:9494", "https://example.org", 403),
        ("example.org", "http://example.org", 403),
        ("localhost:9494", "http://localhost:9494", 201),
    ] {
        let answer = server.send(&of(host, origin), b"").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{host} {origin}: {answer}");
    }
    server.stop().await;
}
