//! A server with its sockets and its data directory.

use std::net::SocketAddr;

use timestrata_server::{Server, ServerOptions, ServerStop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{remote_write_body, series};

struct Running {
    address: SocketAddr,
    stop: ServerStop,
    task: tokio::task::JoinHandle<()>,
}

async fn start(data: &std::path::Path) -> Running {
    let mut options = ServerOptions::default();
    options.data = data.to_owned();
    options.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let server = Server::bind(options).await.unwrap();
    let (address, stop) = (server.addresses()[0], server.stopper());
    Running { address, stop, task: tokio::spawn(async move { server.run().await.unwrap() }) }
}

impl Running {
    /// Sends a request, and returns the whole answer of the connection.
    async fn exchange(&self, head: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Waits until the databases are open.
    async fn ready(&self) {
        while !self.exchange("GET /-/ready HTTP/1.1", b"").await.starts_with("HTTP/1.1 200") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) {
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
