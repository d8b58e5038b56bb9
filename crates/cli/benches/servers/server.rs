//! Servers that are compared: each is a process on loopback that is killed when its value is dropped.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::process::disk_bytes;

/// Time in which a server must be ready.
const START_TIMEOUT: Duration = Duration::from_mins(10);

/// Kind of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// Ours, with its settings `durability` and `memory-budget`.
    Timestrata { durability: &'static str, memory_budget: &'static str },
    /// Path of Prometheus.
    Prometheus(PathBuf),
    /// Path of VictoriaMetrics.
    VictoriaMetrics(PathBuf),
}

impl Program {
    /// Ours with its default.
    pub(crate) const OURS: Self = Self::Timestrata { durability: "sync", memory_budget: "1GiB" };
    /// Ours, which syncs as little as the others do.
    pub(crate) const OURS_NOT_SYNCED: Self = Self::Timestrata { durability: "os", memory_budget: "1GiB" };
    /// Ours with so much memory that its log grows beyond 64 MiB before a flush makes it obsolete.
    pub(crate) const OURS_WITH_LONG_LOG: Self = Self::Timestrata { durability: "sync", memory_budget: "4GiB" };

    /// Returns the programs of other projects below the folder of `TIMESTRATA_PROGRAMS`, or says why there are none.
    pub(crate) fn peers() -> Option<[Self; 2]> {
        let Some(folder) = std::env::var_os("TIMESTRATA_PROGRAMS").map(PathBuf::from) else {
            println!("skipped: TIMESTRATA_PROGRAMS names no folder; `bash .ci/programs.sh FOLDER` makes one");
            return None;
        };
        let [prometheus, victoria] = ["usr/bin/prometheus", "usr/bin/victoria-metrics"].map(|path| folder.join(path));
        for path in [&prometheus, &victoria] {
            if !path.exists() {
                println!("skipped: there is no {}", path.display());
                return None;
            }
        }
        Some([Self::Prometheus(prometheus), Self::VictoriaMetrics(victoria)])
    }

    /// Returns the name in the tables.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Timestrata { durability: "sync", .. } => "timestrata",
            Self::Timestrata { .. } => "timestrata, `os`",
            Self::Prometheus(_) => "Prometheus",
            Self::VictoriaMetrics(_) => "VictoriaMetrics",
        }
    }

    /// Returns what a 2xx answer to a write means.
    pub(crate) fn acknowledged(&self) -> &'static str {
        match self {
            Self::Timestrata { durability: "sync", .. } => "synced to disk",
            Self::Timestrata { .. } | Self::Prometheus(_) => "in the log, not synced",
            Self::VictoriaMetrics(_) => "in memory; it has no log",
        }
    }

    /// Returns the bytes of the log of a server's folder; VictoriaMetrics has none.
    pub(crate) fn log_bytes(&self, folder: &Path) -> u64 {
        match self {
            Self::Timestrata { .. } => disk_bytes(folder, &|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("wal-")
            }),
            Self::Prometheus(_) => disk_bytes(&folder.join("wal"), &|_| true),
            Self::VictoriaMetrics(_) => 0,
        }
    }

    /// Returns the path that is 200 when all data can be queried.
    fn ready_path(&self) -> &'static str {
        match self {
            Self::Timestrata { .. } | Self::Prometheus(_) => "/-/ready",
            // The program listens when its storage is open.
            Self::VictoriaMetrics(_) => "/health",
        }
    }

    fn command(&self, folder: &Path, address: SocketAddr) -> Command {
        let data = folder.display();
        let (program, arguments) = match self {
            Self::Timestrata { durability, memory_budget } => (
                PathBuf::from(env!("CARGO_BIN_EXE_timestrata")),
                format!(
                    "serve --listen {address} --data {data} --durability {durability} --memory-budget {memory_budget}"
                ),
            ),
            Self::Prometheus(path) => {
                let settings = folder.with_extension("yml");
                std::fs::write(&settings, "global:\n  evaluation_interval: 1m\n").unwrap();
                let arguments = format!(
                    "--config.file={} --storage.tsdb.path={data} --web.enable-remote-write-receiver \
                     --web.listen-address={address} --storage.tsdb.retention.time=100y",
                    settings.display()
                );
                (path.clone(), arguments)
            }
            Self::VictoriaMetrics(path) => {
                (path.clone(), format!("-storageDataPath={data} -retentionPeriod=100y -httpListenAddr={address}"))
            }
        };
        let mut command = Command::new(program);
        // No path of this benchmark has a space.
        command.args(arguments.split(' ').filter(|argument| !argument.is_empty()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// Running server.
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    /// Folder with its data.
    pub(crate) folder: PathBuf,
    /// Time from the start of the process until it was ready.
    pub(crate) start_time: Duration,
    child: Child,
}

impl Server {
    /// Starts a server on a folder, and waits until it is ready.
    pub(crate) fn start(program: &Program, folder: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let began = Instant::now();
        let mut child = program.command(folder, address).spawn().unwrap();
        while !is_ready(program, address) {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{} ended: {status}", program.name());
            }
            assert!(began.elapsed() < START_TIMEOUT, "{} is not ready", program.name());
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Self { program: program.clone(), address, folder: folder.to_owned(), start_time: began.elapsed(), child }
    }

    /// Returns the id of the process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process by SIGTERM, so that it writes what it holds.
    pub(crate) fn stop(mut self) {
        let status = Command::new("kill").args(["-TERM", &self.process().to_string()]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap();
    }

    /// Ends the process by SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Returns the bytes on disk of all its files.
    pub(crate) fn disk_bytes(&self) -> u64 {
        disk_bytes(&self.folder, &|_| true)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn is_ready(program: &Program, address: SocketAddr) -> bool {
    let answer = Connection::open(address).and_then(|mut connection| connection.get(program.ready_path()));
    answer.is_ok_and(|answer| answer.status == 200)
}
