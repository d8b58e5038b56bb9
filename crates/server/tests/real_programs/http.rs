//! Requests to any server, without a library.

use std::fmt::Write as _;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request, and returns the status and the body. HTTP 1.0: the end of the connection is that of the answer.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let head_len = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..head_len].to_vec()).unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    (status, answer.split_off(head_len + 4))
}

/// Returns the JSON of an answer of the Prometheus API, also of an error.
pub(crate) async fn api(address: SocketAddr, path: &str, parameters: &[(&str, &str)]) -> serde_json::Value {
    let form: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let (status, body) = request(address, "POST", &format!("/api/v1/{path}"), &headers, form.as_bytes()).await;
    serde_json::from_slice(&body)
        .unwrap_or_else(|error| panic!("{status}: {error}: {}", String::from_utf8_lossy(&body)))
}
