//! A server that waits for a request when it stops, and a second signal.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::ServerProcess;

#[test]
fn a_second_signal_ends_a_server_that_waits_for_a_request() {
    let data = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(data.path(), &["--shutdown-grace", "10m", "--body-timeout", "10m"]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc").unwrap();
    server.wait_for_metric("timestrata_running_requests 2");
    server.signal("TERM");
    let (began, mut server) = (Instant::now(), server);
    // Signals that arrive together count once.
    let status = loop {
        std::thread::park_timeout(Duration::from_millis(100));
        if let Some(status) = server.ended() {
            break status;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "the server still runs");
        server.signal("TERM");
    };
    assert_eq!(status.code(), Some(2));
}
