//! Clients that hold their connections.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::whole_server::{Running, start_with};

/// Opens a connection whose answers are larger than what the system buffers, and reads none of them.
async fn ask_without_reading(server: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /explore/vendor/uPlot.iife.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let requests = request.repeat(1_000);
    // The server stops reading once it cannot write.
    let _ = tokio::time::timeout(Duration::from_millis(100), stream.write_all(&requests)).await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_loses_its_connection() {
    let home = tempfile::tempdir().unwrap();
    let server = start_with(home.path(), |options| {
        options.idle_timeout = Duration::from_millis(300);
        options.max_connections = 1;
    });
    let server = server.await;
    server.ready().await;
    let _silent = ask_without_reading(&server).await;
    let answer = tokio::time::timeout(Duration::from_secs(20), server.exchange("GET /-/healthy HTTP/1.1", b"")).await;
    assert!(answer.expect("the slot is free again").starts_with("HTTP/1.1 200"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_cut_off_after_the_grace() {
    let home = tempfile::tempdir().unwrap();
    let server = start_with(home.path(), |options| options.shutdown_grace = Duration::from_millis(100)).await;
    server.ready().await;
    // A request whose body does not arrive, within a longer time than the grace.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = b"POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc";
    stream.write_all(head).await.unwrap();
    while !server.exchange("GET /metrics HTTP/1.1", b"").await.contains("timestrata_running_requests 2") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop().await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
    assert_eq!(rest, b"");
}
