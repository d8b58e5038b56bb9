//! Lines per second of `POST /write`: connections that send bodies of line protocol one after the other, each of which is
//! synced before it is answered.
//!
//! `cargo bench -p timestrata-server --bench line_protocol -- [CONNECTIONS [LINES [SERIES [SECONDS]]]]`; the defaults are 8
//! connections, bodies of 10,000 lines with one field, 10,000 series for each connection, and 5 seconds.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a bench that meets an error has failed; rates")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use timestrata_server::{Readiness, Server, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Body whose times are changed in place, which takes a small part of what the server does with it.
struct Body {
    bytes: Vec<u8>,
    /// Places of the timestamps, which have 19 digits.
    times: Vec<usize>,
}

impl Body {
    fn new(connection: usize, lines: usize, series: usize) -> Self {
        let (mut bytes, mut times) = (Vec::new(), Vec::new());
        for line in 0..lines {
            let host = line % series;
            bytes.extend_from_slice(
                format!(
                    "cpu,connection={connection},host=host_{host:06},region=eu-west-1 usage={}.{} ",
                    line % 97,
                    line % 10
                )
                .as_bytes(),
            );
            times.push(bytes.len());
            bytes.extend_from_slice(b"1704067200000000000\n");
        }
        Self { bytes, times }
    }

    /// Gives line `n` the time `start + n` in milliseconds.
    fn set_times(&mut self, start: u64) {
        for (at, line) in self.times.iter().zip(0..) {
            let mut millis = start + line;
            for digit in (*at..at + 13).rev() {
                self.bytes[digit] = b'0' + u8::try_from(millis % 10).unwrap();
                millis /= 10;
            }
        }
    }
}

async fn send(address: SocketAddr, mut body: Body, until: Instant, written: Arc<AtomicU64>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.bytes.len());
    let lines = body.times.len() as u64;
    let mut start = 1_704_067_200_000;
    let mut answer = vec![0; 4_096];
    while Instant::now() < until {
        body.set_times(start);
        start += lines;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body.bytes).await.unwrap();
        // The answer is short, and sent at once.
        let len = stream.read(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&answer[..len]));
        written.fetch_add(lines, Ordering::Relaxed);
    }
}

#[tokio::main]
async fn main() {
    let given: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let argument = |at: usize, default: usize| given.get(at).copied().unwrap_or(default);
    let (connections, lines) = (argument(0, 8), argument(1, 10_000));
    let (series, seconds) = (argument(2, 10_000), argument(3, 5));
    let home = tempfile::tempdir().unwrap();
    let mut options = ServerOptions::default();
    options.data = home.path().to_owned();
    options.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let server = Server::bind(options).await.unwrap();
    let (address, stop, app) = (server.addresses()[0], server.stopper(), server.app().clone());
    let running = tokio::spawn(server.run());
    while app.readiness() != Readiness::Ready {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let written = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds as u64);
    let senders = (0..connections).map(|connection| {
        tokio::spawn(send(address, Body::new(connection, lines, series), until, Arc::clone(&written)))
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let rate = written.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    println!("{connections} connections, {lines} lines a body, {series} series each: {:.2} M lines/s", rate / 1e6);
    stop.stop();
    running.await.unwrap().unwrap();
}
