//! Prometheus of Debian on loopback, which ends with its value; `promtool` is beside it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::request;

const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Running program.
pub(crate) struct PrometheusProgram {
    pub(crate) address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl PrometheusProgram {
    /// Starts the program with a configuration, and returns once it is ready.
    pub(crate) async fn start(program: &PathBuf, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("prometheus.yml"), configuration).unwrap();
        // A port that was free a moment ago.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let process = Command::new(program)
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let running = Self { address, process, _folder: folder };
        let started = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err()
            || request(address, "GET", "/-/ready", &[], &[]).await.0 != 200
        {
            assert!(started.elapsed() < START_TIMEOUT, "the server did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running
    }
}

impl Drop for PrometheusProgram {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
