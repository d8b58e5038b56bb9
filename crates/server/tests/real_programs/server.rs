//! A server with its sockets, for programs that run beside the test.

use std::net::SocketAddr;
use std::process::{Command, Output};

use timestrata_server::{Readiness, Server, ServerOptions, ServerStop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Server on a port of its own, with its data in a temporary directory.
pub(crate) struct RunningServer {
    pub(crate) address: SocketAddr,
    stop: ServerStop,
    task: tokio::task::JoinHandle<()>,
    _home: tempfile::TempDir,
}

impl RunningServer {
    /// Starts a server, and returns once it is ready.
    pub(crate) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut options = ServerOptions::default();
        options.data = home.path().join("data");
        options.listen = vec!["127.0.0.1:0".parse().unwrap()];
        let server = Server::bind(options).await.unwrap();
        let (address, stop, app) = (server.addresses()[0], server.stopper(), server.app().clone());
        let task = tokio::spawn(async move { server.run().await.unwrap() });
        while app.readiness() != Readiness::Ready {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Self { address, stop, task, _home: home }
    }

    /// Returns the URL of the server, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the answer to a request, with its head.
    pub(crate) async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Stops the server, and waits until its databases are closed.
    pub(crate) async fn stop(self) {
        self.stop.stop();
        self.task.await.unwrap();
    }
}

/// Runs a program to its end, on a thread that may block, and returns its output.
///
/// # Panics
///
/// If it cannot be started, or fails; the message has what it wrote.
pub(crate) async fn run(mut command: Command) -> Output {
    let name = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{name}: {}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr));
    output
}
