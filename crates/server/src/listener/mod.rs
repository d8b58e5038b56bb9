//! Sockets: accepts connections up to a limit, and ends them in order when the server stops.

mod accept;
mod descriptors;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
#[cfg(feature = "tls")]
mod tls;
mod write_timeout;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

pub(crate) use accept::accept;
pub use descriptors::raise_descriptor_limit;
pub(crate) use tls::Tls;

use self::write_timeout::WriteTimeout;
use crate::app::{App, Readiness};
use crate::blocking;
use crate::failure::StartError;
use crate::line_listeners::LineListeners;
use crate::options::ServerOptions;
use crate::requests::Peer;

/// Bytes that a connection buffers at most; a head of a request must fit.
const MAX_BUFFER_BYTES: usize = 64 << 10;

/// A server that listens; it answers once [`run`](Self::run) is polled.
#[derive(Debug)]
pub struct Server {
    app: App,
    listeners: Vec<TcpListener>,
    lines: LineListeners,
    stop: watch::Sender<bool>,
}

/// Handle that stops a server.
#[derive(Debug, Clone)]
pub struct ServerStop(watch::Sender<bool>);

impl ServerStop {
    /// Stops the server: no further connection is accepted, running requests get the grace of the options.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Listens on the addresses of the options. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`StartError::Option`], [`StartError::Listen`].
    pub async fn bind(options: ServerOptions) -> Result<Self, StartError> {
        let app = App::unopened(options)?;
        let mut listeners = Vec::new();
        for address in &app.state().options.listen {
            let listener = TcpListener::bind(address).await;
            listeners.push(listener.map_err(|source| StartError::Listen { address: *address, source })?);
        }
        let lines = LineListeners::bind(&app.state().options).await?;
        Ok(Self { app, listeners, lines, stop: watch::Sender::new(false) })
    }

    /// Returns the addresses on which the server listens; a port 0 of the options is the one that it got.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Returns the addresses for lines of Graphite.
    #[must_use]
    pub fn graphite_addresses(&self) -> Vec<SocketAddr> {
        self.lines.graphite_addresses()
    }

    /// Returns the addresses for packets of statsd.
    #[must_use]
    pub fn statsd_addresses(&self) -> Vec<SocketAddr> {
        self.lines.statsd_addresses()
    }

    /// Returns the app.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Returns a handle that stops the server.
    #[must_use]
    pub fn stopper(&self) -> ServerStop {
        ServerStop(self.stop.clone())
    }

    /// Opens the databases, answers requests until the server is stopped, and closes the databases.
    ///
    /// Health and readiness are answered from the start, everything else once the databases are open.
    ///
    /// # Errors
    ///
    /// [`StartError::Database`], [`StartError::DataDirectory`].
    pub async fn run(self) -> Result<(), StartError> {
        let Self { app, listeners, lines, stop } = self;
        let connections = Connections::new(&app);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(connections.clone().accept(listener));
        }
        let mut stopped = stop.subscribe();
        // A stop waits for the opening, so that no database is opened behind it.
        let state = app.state();
        let opening = Arc::clone(state);
        let opened = blocking::run(move || opening.open_databases()).await;
        if opened.is_ok() {
            // Lines that arrive before the databases are open wait in their sockets.
            let mut lines = tokio::spawn(lines.run(Arc::clone(state), stop.subscribe()));
            // The sender lives as long as this function.
            let _ = stopped.wait_for(|stopped| *stopped).await;
            // What has arrived is stored while the databases still take writes.
            if tokio::time::timeout(state.options.shutdown_grace, &mut lines).await.is_err() {
                tracing::warn!("lines that had arrived were not stored within the grace");
                lines.abort();
            }
        }
        state.set_readiness(Readiness::Stopping);
        accepting.shutdown().await;
        connections.finish(state.options.shutdown_grace).await;
        state.databases.close().await;
        opened
    }
}

/// Connections of all listeners.
#[derive(Clone)]
struct Connections {
    endpoints: Endpoints,
    slots: Arc<Semaphore>,
    /// Signals the stop to the connections, and completes once all of them have ended.
    graceful: Arc<GracefulShutdown>,
    /// Tasks of the connections, so that those that do not end in time are aborted.
    tasks: Arc<Mutex<JoinSet<()>>>,
    tls: Option<Tls>,
    /// Time in which a connection must be encrypted.
    handshake_timeout: Duration,
}

/// What answers the requests of a connection.
#[derive(Clone)]
struct Endpoints {
    router: Router,
    protocol: http1::Builder,
    /// Time in which a client must read some of its answer.
    write_timeout: Duration,
}

impl Connections {
    fn new(app: &App) -> Self {
        let options = &app.state().options;
        let mut protocol = http1::Builder::new();
        protocol.max_buf_size(MAX_BUFFER_BYTES).timer(TokioTimer::new()).header_read_timeout(options.idle_timeout);
        Self {
            endpoints: Endpoints { router: app.router(), protocol, write_timeout: options.idle_timeout },
            slots: Arc::new(Semaphore::new(options.max_connections)),
            graceful: Arc::new(GracefulShutdown::new()),
            tasks: Arc::default(),
            tls: app.state().tls.clone(),
            handshake_timeout: options.body_timeout,
        }
    }

    /// Accepts connections for ever.
    async fn accept(self, listener: TcpListener) {
        loop {
            // Taken before the connection, so that those beyond the limit wait in the queue of the operating system.
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            let (stream, peer) = accept(&listener).await;
            self.serve(stream, peer, slot);
        }
    }

    /// Serves a connection on a task of its own, encrypted if there is a certificate.
    fn serve(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        // Answers are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let (endpoints, watcher) = (self.endpoints.clone(), self.graceful.watcher());
        let (tls, patience) = (self.tls.clone(), self.handshake_timeout);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            match tls {
                None => endpoints.answer(stream, peer, watcher).await,
                Some(tls) => match tokio::time::timeout(patience, tls.accept(stream)).await {
                    Ok(Ok(stream)) => endpoints.answer(stream, peer, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "a connection was not encrypted"),
                    Err(_) => tracing::debug!(%peer, "a connection was not encrypted in time"),
                },
            }
            drop(slot);
        });
    }

    /// Lets running requests end, for at most the grace, then aborts them. No connection is left when it returns.
    async fn finish(self, grace: Duration) {
        // The tasks that accept have ended, and no other one has a clone.
        let Some(graceful) = Arc::into_inner(self.graceful) else { return };
        if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
            tracing::warn!(
                free = self.slots.available_permits(),
                "connections did not end within the grace, and were cut off"
            );
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

impl Endpoints {
    /// Answers the requests of a connection until it ends.
    async fn answer<S>(self, stream: S, peer: SocketAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let router = self.router;
        let stream = WriteTimeout::new(stream, self.write_timeout);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        });
        let connection = watcher.watch(self.protocol.serve_connection(TokioIo::new(stream), service));
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }
}
