//! Tokens appear in no line of the log, wherever a client puts them.

use crate::process::{Connection, ServerProcess};
use timestrata_server::{NewToken, Scope};

#[test]
fn no_secret_is_logged() {
    let home = tempfile::tempdir().unwrap();
    let token = NewToken::create("reader", &[Scope::Read]).unwrap();
    let tokens = home.path().join("tokens.toml");
    std::fs::write(&tokens, token.entry()).unwrap();
    let flags = ["--tokens", tokens.to_str().unwrap(), "--access-log", "--log-level", "trace"];
    let server = ServerProcess::start(&home.path().join("data"), &flags);
    let secret = token.secret();
    let of = |path: &str, header: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{header}Content-Length: 0\r\n\r\n");
    for request in [
        of("/api/v1/query?query=up", &format!("Authorization: Bearer {secret}\r\n")),
        of("/api/v1/query?query=up", &format!("Authorization: Token user:{secret}\r\n")),
        of("/api/v1/query?query=up", &format!("Authorization: Bearer wrong-{secret}\r\n")),
        of(&format!("/api/v1/query?query=up&p={secret}"), ""),
        of(&format!("/write?db=x&u=user&p={secret}"), ""),
        of(&format!("/api/v1/query?query=%22{secret}%22"), &format!("Authorization: Bearer {secret}\r\n")),
    ] {
        let mut connection = Connection::open(server.address).unwrap();
        connection.send_raw(request.as_bytes()).unwrap();
        assert!(connection.answer().is_ok());
    }
    let log = server.terminate_for_log();
    assert!(log.contains("status=401") && log.contains("token=\"reader\""), "{log}");
    assert!(!log.contains(secret), "{}", log.lines().find(|line| line.contains(secret)).unwrap_or_default());
}
