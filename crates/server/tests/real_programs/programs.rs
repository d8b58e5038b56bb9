//! Programs of Debian that run beside a test, on ports of their own, and requests to them.
//!
//! `TIMESTRATA_PROGRAMS=FOLDER` names a folder that `.ci/programs.sh FOLDER` has filled.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Time in which a program must do what a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Returns the path of a program such as `usr/bin/prometheus`, or says why there is none.
pub(crate) fn program(path: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("TIMESTRATA_PROGRAMS").map(PathBuf::from) else {
        println!("skipped: TIMESTRATA_PROGRAMS names no folder; `bash .ci/programs.sh FOLDER` makes one");
        return None;
    };
    let program = folder.join(path);
    if !program.exists() {
        println!("skipped: there is no {}", program.display());
        return None;
    }
    Some(program)
}

/// Running program, which is killed when it is dropped.
pub(crate) struct RunningProgram(Child);

impl RunningProgram {
    /// Starts a program; what it prints is dropped.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Returns an address of this machine on which nothing listens.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Sends a request as HTTP 1.0, and returns the body of the answer; `None` if it is not 2xx, or nothing listens.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1)?.starts_with('2').then(|| body.to_owned())
}

/// Returns `data.result` of a query of the Prometheus API; `None` if it fails.
pub(crate) fn query(address: SocketAddr, query: &str, time: f64) -> Option<Value> {
    let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let body = request(address, "GET", &format!("/api/v1/query?query={encoded}&time={time}"), "")?;
    let mut answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    Some(answer["data"]["result"].take())
}

/// Waits until a value is there.
pub(crate) fn wait_for<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}
