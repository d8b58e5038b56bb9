//! A server of Prometheus on loopback, in a temporary folder, that ends with its value.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::remote_write::{Series, write_request};

/// Environment variable with the path of the program.
pub(crate) const PROGRAM: &str = "TIMESTRATA_PROMETHEUS";
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Process of the server.
pub(crate) struct Server {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Server {
    /// Starts the program that [`PROGRAM`] names; `None`, with a line on standard error that says why, without one.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = std::env::var_os(PROGRAM) else {
            eprintln!("skipped: {PROGRAM} is not set");
            return None;
        };
        let program = PathBuf::from(program);
        if !program.is_file() {
            eprintln!("skipped: {PROGRAM}: {} is not there", program.display());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prometheus.yml"), "global:\n  evaluation_interval: 1m\n").unwrap();
        let port = free_port();
        let process = spawn(&program, &folder, port);
        let server = Self { process, port, folder, program };
        server.wait_until_ready();
        Some(server)
    }

    /// Ends the process and starts another one on the same data.
    #[allow(dead_code, reason = "only the benchmark restarts the server")]
    pub(crate) fn restart(&mut self) {
        // SIGTERM, so that the server writes what it holds.
        let terminated = Command::new("kill").arg(self.process_id().to_string()).status().unwrap();
        assert!(terminated.success());
        self.process.wait().unwrap();
        self.process = spawn(&self.program, &self.folder, self.port);
        self.wait_until_ready();
    }

    /// Returns the id of the process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Stores samples. Those of one series must be ordered by time, also over several calls.
    pub(crate) fn write(&self, series: &[Series]) {
        let headers = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
            X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
        let (status, body) = self.request("POST", "/api/v1/write", headers, &write_request(series));
        assert!(status / 100 == 2, "{status}: {body}");
    }

    /// Returns the answer of `api/v1/<path>` in JSON, also if it is an error.
    pub(crate) fn query(&self, path: &str, parameters: &[(&str, &str)]) -> serde_json::Value {
        let form: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
        let (status, body) = self.request("POST", &format!("/api/v1/{path}"), headers, form.join("&").as_bytes());
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status}: {error}: {body:.300}"))
    }

    fn wait_until_ready(&self) {
        let started = Instant::now();
        loop {
            let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
            if connected && self.request("GET", "/-/ready", "", &[]).0 == 200 {
                return;
            }
            assert!(started.elapsed() < START_TIMEOUT, "the server did not start");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Sends a request and returns the status and body. HTTP 1.0: the server ends the answer by closing the connection.
    fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let head = format!("{method} {path} HTTP/1.0\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already; its folder is removed in any case.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(program: &PathBuf, folder: &tempfile::TempDir, port: u16) -> Child {
    let path = |name: &str| folder.path().join(name).display().to_string();
    Command::new(program)
        .arg(format!("--config.file={}", path("prometheus.yml")))
        .arg(format!("--storage.tsdb.path={}", path("data")))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y", "--log.level=error"])
        .args(["--query.max-samples=1000000000", "--query.timeout=10m"])
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Returns a port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Escapes a value of a form.
fn escape(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}
