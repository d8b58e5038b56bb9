//! Lines of Graphite over TCP: `path value seconds`, tags as `path;name=value`; a time of `-1` is now.
//!
//! A connection is read only as fast as its lines become durable, so that a sender waits while the database cannot write.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use timestrata::Timestamp;
use timestrata_ingest::formats::Graphite;
use timestrata_ingest::{Decoder, Format, IngestError, IngestOptions, Limits, Rows};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::{RETRY_PAUSE, stopped, store_rows};
use crate::app::SharedState;
use crate::counters::Protocol;
use crate::listener::accept;

/// Bytes that are read before they are stored.
const CHUNK_BYTES: usize = 128 << 10;
/// Longest line in bytes: a valid series has at most 16 KiB.
const LINE_BYTES: usize = 32 << 10;
/// Memory of a chunk with its rows, as a multiple of its bytes.
const ROWS_FACTOR: usize = 4;
/// Time without a line after which a connection is closed. Senders report every few minutes at least.
const IDLE_TIMEOUT: Duration = Duration::from_mins(15);

/// Accepts connections until the server stops, then lets them store what they have read.
pub(super) async fn serve(app: SharedState, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(app.options.max_connections));
    let mut connections = JoinSet::new();
    loop {
        // Taken before the connection, so that those beyond the limit wait in the queue of the operating system.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = stopped(&mut stop) => break,
        };
        let (connection, stop) = (Connection::new(Arc::clone(&app), peer), stop.clone());
        connections.spawn(async move {
            connection.run(stream, stop).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
}

/// Series that a connection remembers, of some hundred bytes each; beyond that it begins again.
const TABLE_SERIES: usize = 4_096;

/// One connection.
struct Connection {
    app: SharedState,
    peer: SocketAddr,
    limits: Limits,
    rows: Rows,
    /// Bytes that were read and not decoded.
    buffer: Vec<u8>,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum ConnectionEnd {
    #[error("{0}")]
    Decoder(#[from] IngestError),
    #[error("{0}")]
    Socket(#[from] std::io::Error),
    #[error("no line arrived for {}", humantime::format_duration(IDLE_TIMEOUT))]
    Idle,
    #[error("the server stops before the lines could be stored")]
    Stopping,
    /// A web page can send a request to any port of this machine, whose body could hold lines.
    #[error("it is a request of HTTP")]
    Http,
}

/// Returns `true` if the bytes begin with a request line of HTTP, such as `POST / HTTP/1.1`.
fn is_http(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let version = b" HTTP/1.";
    line.windows(version.len()).any(|window| window == version)
}

impl Connection {
    fn new(app: SharedState, peer: SocketAddr) -> Self {
        let mut limits = Limits::default();
        limits.row_bytes = LINE_BYTES;
        limits.series = app.options.max_request_series;
        Self { app, peer, limits, rows: Rows::with_capacity(usize::MAX), buffer: Vec::new() }
    }

    async fn run(mut self, stream: TcpStream, stop: watch::Receiver<bool>) {
        let peer = self.peer;
        match self.read(stream, stop).await {
            Ok(()) => {}
            Err(end @ (ConnectionEnd::Idle | ConnectionEnd::Socket(_))) => {
                tracing::debug!(%peer, "a connection for Graphite is closed: {end}");
            }
            Err(end) => tracing::warn!(%peer, "a connection for Graphite is closed: {end}"),
        }
    }

    /// Reads and stores lines until the end of the connection, or of the server.
    async fn read(&mut self, mut stream: TcpStream, mut stop: watch::Receiver<bool>) -> Result<(), ConnectionEnd> {
        let mut decoder = self.decoder()?;
        let mut is_first = true;
        loop {
            self.buffer.reserve(CHUNK_BYTES);
            let read = tokio::select! {
                read = tokio::time::timeout(IDLE_TIMEOUT, stream.read_buf(&mut self.buffer)) => {
                    read.map_err(|_| ConnectionEnd::Idle)??
                }
                // The line that has begun may be cut off.
                () = stopped(&mut stop) => return Ok(()),
            };
            self.app.counters.received(Protocol::Graphite, read);
            // What has arrived meanwhile becomes durable with one sync.
            while self.buffer.len() < CHUNK_BYTES && read > 0 {
                match stream.try_read_buf(&mut self.buffer) {
                    Ok(more) if more > 0 => self.app.counters.received(Protocol::Graphite, more),
                    _ => break,
                }
            }
            if std::mem::take(&mut is_first) && is_http(&self.buffer) {
                return Err(ConnectionEnd::Http);
            }
            decoder.set_default_time(Timestamp::now());
            let outcome = decoder.decode(&self.buffer, read == 0, &mut self.rows);
            if let Ok(used) = &outcome {
                self.buffer.drain(..*used);
            }
            self.store(&mut stop).await?;
            outcome?;
            if read == 0 {
                return Ok(());
            }
            // The table of the rows grows with the series of the connection.
            if self.rows.series_len() > TABLE_SERIES.min(self.limits.series / 2) {
                self.rows.reset();
                decoder = self.decoder()?;
            }
        }
    }

    fn decoder(&self) -> Result<Box<dyn Decoder>, IngestError> {
        let mut options = IngestOptions::default();
        options.limits = self.limits;
        options.default_time = Some(Timestamp::now());
        Graphite.planner(&options)?.finish(true)
    }

    /// Stores the rows, however long the database takes, and empties them.
    async fn store(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), ConnectionEnd> {
        if self.rows.row_ends().is_empty() && self.rows.refused().is_empty() {
            return Ok(());
        }
        loop {
            let failure = match self.app.bodies.admit(CHUNK_BYTES * ROWS_FACTOR) {
                Ok(_permit) => match store_rows(&self.app, Protocol::Graphite, &self.rows).await {
                    Ok(_) => break,
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            if failure.retry_after.is_none() {
                tracing::error!(peer = %self.peer, error = failure.message, "lines of Graphite were not stored");
                break;
            }
            if *stop.borrow() {
                return Err(ConnectionEnd::Stopping);
            }
            tracing::debug!(peer = %self.peer, error = failure.message, "lines of Graphite wait");
            tokio::select! {
                () = tokio::time::sleep(RETRY_PAUSE) => {}
                () = stopped(stop) => {}
            }
        }
        self.rows.clear();
        Ok(())
    }
}
