//! A server as a child process, and requests to it over one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time in which a server must start, answer and stop; a loaded machine needs some of it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server, which is killed when it is dropped.
pub(crate) struct ServerProcess {
    pub(crate) address: SocketAddr,
    child: Child,
    /// Reads the log to its end, so that the server never waits for it.
    log: JoinHandle<String>,
}

impl ServerProcess {
    /// Starts a server on a free port, and waits until its databases are open.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_timestrata"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server ended before it listened");
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).unwrap();
            text
        });
        let server = Self { address, child, log };
        let began = Instant::now();
        while Connection::open(address)
            .and_then(|mut connection| connection.get("/-/ready"))
            .map(|answer| answer.0)
            .ok()
            != Some(200)
        {
            assert!(began.elapsed() < PATIENCE, "the server is not ready");
            std::thread::yield_now();
        }
        server
    }

    /// Kills the server at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the server to stop, and returns whether it ended well.
    pub(crate) fn terminate(mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// Asks the server to stop, and returns its log, without the first lines.
    pub(crate) fn terminate_for_log(mut self) -> String {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
        let log = std::mem::replace(&mut self.log, std::thread::spawn(String::new));
        log.join().unwrap()
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Returns how the server ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until the metrics of the server have a line.
    pub(crate) fn wait_for_metric(&self, line: &str) {
        let began = Instant::now();
        while !Connection::open(self.address).unwrap().get("/metrics").unwrap().1.contains(line) {
            assert!(began.elapsed() < PATIENCE, "{line}");
            std::thread::yield_now();
        }
    }

    /// Returns the greatest resident memory of the process so far, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One connection that is kept between requests.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn get(&mut self, path: &str) -> std::io::Result<(u16, String)> {
        self.send("GET", path, "", b"")
    }

    /// Sends a request, and returns status and body of the answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> std::io::Result<(u16, String)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        self.answer()
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Reads an answer, and returns its status and body.
    pub(crate) fn answer(&mut self) -> std::io::Result<(u16, String)> {
        let cut_off = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let (mut status, mut len, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(cut_off());
            }
            let text = line.trim_end().to_ascii_lowercase();
            if text.is_empty() {
                break;
            }
            if let Some(rest) = text.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().and_then(|status| status.parse().ok()).ok_or_else(cut_off)?;
            }
            if let Some(text) = text.strip_prefix("content-length:") {
                len = text.trim().parse().map_err(|_| cut_off())?;
            }
        }
        let mut body = vec![0; len];
        self.0.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
