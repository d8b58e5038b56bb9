//! Lines of Graphite over TCP, and packets of statsd over UDP.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use timestrata_server::{Server, ServerOptions, ServerStop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

struct Running {
    http: SocketAddr,
    graphite: SocketAddr,
    statsd: SocketAddr,
    stop: ServerStop,
    task: tokio::task::JoinHandle<()>,
}

async fn start(data: &std::path::Path) -> Running {
    let any = || vec!["127.0.0.1:0".parse().unwrap()];
    let mut options = ServerOptions::default();
    options.data = data.to_owned();
    (options.listen, options.graphite_listen, options.statsd_listen) = (any(), any(), any());
    options.statsd_flush = Duration::from_secs(1);
    let server = Server::bind(options).await.unwrap();
    Running {
        http: server.addresses()[0],
        graphite: server.graphite_addresses()[0],
        statsd: server.statsd_addresses()[0],
        stop: server.stopper(),
        task: tokio::spawn(async move { server.run().await.unwrap() }),
    }
}

impl Running {
    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Waits until a query has as many series as expected, and returns its result.
    async fn result(&self, query: &str, series: usize) -> Vec<Value> {
        for _ in 0..2_000 {
            let answer = self.get(&format!("/api/v1/query?query={query}")).await;
            let body = answer.split_once("\r\n\r\n").unwrap().1;
            let found = serde_json::from_str::<Value>(body)
                .ok()
                .and_then(|json| Some(json["data"]["result"].as_array()?.clone()));
            if let Some(found) = found.filter(|found| found.len() == series) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{query} has not {series} series");
    }

    /// Waits until the metrics of the server have a line that begins so.
    async fn metric(&self, start: &str) {
        for _ in 0..2_000 {
            if self.get("/metrics").await.lines().any(|line| line.starts_with(start)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no metric {start}: {}", self.get("/metrics").await);
    }

    async fn stop(self) {
        self.stop.stop();
        self.task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_graphite_are_stored_as_they_arrive() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    let mut first = TcpStream::connect(server.graphite).await.unwrap();
    let mut second = TcpStream::connect(server.graphite).await.unwrap();
    // A line in two packets, a bad line, a time that means now, and another connection.
    first.write_all(b"cpu;host=a 1.5 -1\ncpu;host=b 2").await.unwrap();
    server.result("cpu", 1).await;
    first.write_all(b" -1\nbad line\n").await.unwrap();
    second.write_all(b"cpu;host=c 3 -1\n").await.unwrap();
    let found = server.result("cpu", 3).await;
    assert_eq!(found[0]["metric"], serde_json::json!({"__name__": "cpu", "host": "a"}));
    assert_eq!(found[1]["value"][1], "2");
    server.metric("timestrata_refused_points_total{protocol=\"graphite\",reason=\"bad-row\"} 1").await;
    // The last line needs no line feed once the connection ends.
    second.write_all(b"cpu;host=d 4 -1").await.unwrap();
    second.shutdown().await.unwrap();
    server.result("cpu", 4).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_never_ends_closes_its_connection() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    let mut stream = TcpStream::connect(server.graphite).await.unwrap();
    stream.write_all(b"good 1 -1\n").await.unwrap();
    // The server closes the connection while it is written.
    let _ = stream.write_all(&vec![b'x'; 256 << 10]).await;
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
    server.result("good", 1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_of_statsd_are_summed_and_stored_at_each_flush_and_at_the_end() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // Packets wait in the socket until the databases are open.
    for packet in ["hits:1|c\nhits:2|c|@0.5\n", "hits:3|c", "lat:5:10|ms|#r:x", "bad"] {
        socket.send_to(packet.as_bytes(), server.statsd).await.unwrap();
    }
    let found = server.result("hits", 1).await;
    assert_eq!(found[0]["value"][1], "8");
    assert_eq!(server.result("lat_sum", 1).await[0]["value"][1], "15");
    assert_eq!(server.result("lat", 3).await[0]["metric"]["r"], "x");
    server.metric("timestrata_refused_points_total{protocol=\"statsd\",reason=\"bad-row\"} 1").await;
    server.metric("timestrata_received_bytes_total{protocol=\"statsd\"}").await;
    socket.send_to(b"hits:100|c", server.statsd).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop().await;
    let server = start(home.path()).await;
    assert_eq!(server.result("hits", 1).await[0]["value"][1], "108");
    server.stop().await;
}

#[tokio::test]
async fn protocols_without_tokens_listen_on_this_machine_alone() {
    let bind = |graphite: bool| async move {
        let mut options = ServerOptions::default();
        let address = vec!["0.0.0.0:0".parse().unwrap()];
        if graphite {
            options.graphite_listen = address;
        } else {
            options.statsd_listen = address;
        }
        Server::bind(options).await.unwrap_err().to_string()
    };
    assert!(bind(true).await.starts_with("graphite-listen: 0.0.0.0:0 can be reached from other machines"));
    assert!(bind(false).await.starts_with("statsd-listen: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_http_is_no_line_of_graphite() {
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    let mut page = TcpStream::connect(server.graphite).await.unwrap();
    page.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nstolen 1 -1\n").await.unwrap();
    let mut answer = Vec::new();
    // The connection is closed; with unread bytes it may be reset.
    drop(page.read_to_end(&mut answer).await);
    let mut sender = TcpStream::connect(server.graphite).await.unwrap();
    sender.write_all(b"own 1 -1\n").await.unwrap();
    server.result("own", 1).await;
    server.result("stolen", 0).await;
    server.stop().await;
}
