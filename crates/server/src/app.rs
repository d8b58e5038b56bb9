//! State that all requests share.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use axum::Router;
use timestrata::Db;
use timestrata_promql::{Engine, EngineOptions};

use crate::access::{Tokens, TokensError};
use crate::answer::Streams;
use crate::counters::Counters;
use crate::databases::Databases;
use crate::failure::{Failure, StartError};
use crate::listener::Tls;
use crate::memory::MemoryLimit;
use crate::options::ServerOptions;
use crate::requests::RequestCounters;
use crate::routes;

/// Whether a server answers requests for data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Readiness {
    /// The databases are being opened; requests for data get 503.
    Opening = 0,
    /// Requests are answered.
    Ready = 1,
    /// The server stops: running requests end, further ones get 503.
    Stopping = 2,
}

impl Readiness {
    /// Returns the failure of a request for data; `None` if the server answers it.
    pub(crate) fn failure(self) -> Option<Failure> {
        match self {
            Self::Ready => None,
            Self::Opening => Some(Failure::busy("the databases are being opened; try again later")),
            Self::Stopping => Some(Failure::busy("the server stops; try again later")),
        }
    }
}

/// A server without its sockets: databases, options and counters, and the router of all endpoints.
///
/// It is cheap to clone; clones share everything.
#[derive(Clone)]
pub struct App(SharedState);

/// State that all requests share.
pub(crate) type SharedState = Arc<AppState>;

/// State behind [`App`].
pub(crate) struct AppState {
    pub(crate) options: ServerOptions,
    pub(crate) databases: Databases,
    /// Memory of answers that are complete and being sent.
    pub(crate) answers: MemoryLimit,
    pub(crate) bodies: MemoryLimit,
    pub(crate) streams: Streams,
    pub(crate) promql: Engine,
    pub(crate) counters: Counters,
    pub(crate) requests: RequestCounters,
    pub(crate) started: Instant,
    readiness: AtomicU8,
    /// `None` if every request may do everything. Replaced as a whole when the file is read again.
    tokens: RwLock<Option<Arc<Tokens>>>,
    /// Without tokens, requests by names that are not those of this machine are refused.
    pub(crate) checks_host: bool,
    /// `None` if connections are not encrypted.
    pub(crate) tls: Option<Tls>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("readiness", &self.readiness()).finish_non_exhaustive()
    }
}

impl App {
    /// Creates an app over one open database, for a program that has it open itself.
    ///
    /// Requests that name another database get 404. Options of the data directory, of databases
    /// (`durability`, `retain_*`, `max_series`, `max_labels`, `max_ahead`, `max_databases`), TLS and sockets have no effect.
    /// `tokens` is read.
    ///
    /// # Errors
    ///
    /// [`StartError::Option`], [`StartError::Tokens`].
    pub fn with_database(db: Db, options: ServerOptions) -> Result<Self, StartError> {
        options.check()?;
        let app = Self::new(Databases::single(db, &options), None, options);
        app.0.read_tokens()?;
        app.0.set_readiness(Readiness::Ready);
        Ok(app)
    }

    /// Creates an app whose databases are opened later, by [`open_databases`](Self::open_databases).
    pub(crate) fn unopened(options: ServerOptions) -> Result<Self, StartError> {
        options.check()?;
        let databases = Databases::new(&options)?;
        let tls = Tls::read(&options)?;
        let app = Self::new(databases, tls, options);
        app.0.read_tokens()?;
        Ok(app)
    }

    fn new(databases: Databases, tls: Option<Tls>, options: ServerOptions) -> Self {
        let promql = Engine::new(EngineOptions {
            lookback: options.query_lookback,
            max_samples: options.query_max_samples,
            max_memory_bytes: options.query_memory_bytes() as u64,
            timeout: Some(options.query_timeout),
            ..EngineOptions::default()
        });
        // A program that embeds the server decides itself who reaches it.
        let checks_host = !databases.is_embedded() && !options.allow_anonymous;
        Self(Arc::new(AppState {
            answers: MemoryLimit::new(options.query_memory_bytes(), "answers"),
            bodies: MemoryLimit::new(options.body_memory_bytes(), "bodies"),
            streams: Streams::default(),
            databases,
            promql,
            counters: Counters::default(),
            requests: RequestCounters::default(),
            started: Instant::now(),
            readiness: AtomicU8::new(Readiness::Opening as u8),
            tokens: RwLock::default(),
            checks_host,
            tls,
            options,
        }))
    }

    /// Returns whether the app answers requests for data.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.0.readiness()
    }

    /// Returns the router of all endpoints.
    ///
    /// The paths are those of docs/server.md. `/db/NAME/...` are the same for the database `NAME`.
    pub fn router(&self) -> Router {
        routes::router(&self.0)
    }

    /// Reloads the token file and the certificate. If one of them cannot be read, its previous content stays in use.
    ///
    /// # Errors
    ///
    /// [`StartError::Tokens`], [`StartError::Option`].
    pub fn reload(&self) -> Result<(), StartError> {
        let tokens = self.0.read_tokens();
        self.0.tls.as_ref().map_or(Ok(()), |tls| tls.reload(&self.0.options))?;
        Ok(tokens?)
    }

    /// Returns the state that all requests share.
    pub(crate) fn state(&self) -> &SharedState {
        &self.0
    }
}

impl AppState {
    /// Opens the database `default` and those that exist, then answers requests.
    ///
    /// # Errors
    ///
    /// [`StartError::Database`], [`StartError::DataDirectory`].
    pub(crate) fn open_databases(&self) -> Result<(), StartError> {
        self.databases.open_all()?;
        // A stop during the opening must not become `Ready`.
        let (opening, ready) = (Readiness::Opening as u8, Readiness::Ready as u8);
        let _ = self.readiness.compare_exchange(opening, ready, Ordering::AcqRel, Ordering::Acquire);
        Ok(())
    }

    /// Returns whether the app answers requests for data.
    pub(crate) fn readiness(&self) -> Readiness {
        match self.readiness.load(Ordering::Acquire) {
            0 => Readiness::Opening,
            1 => Readiness::Ready,
            _ => Readiness::Stopping,
        }
    }

    /// Checks that the app answers requests for data.
    ///
    /// # Errors
    ///
    /// 503 while the databases are opened and while the server stops.
    pub(crate) fn check_ready(&self) -> Result<(), Failure> {
        self.readiness().failure().map_or(Ok(()), Err)
    }

    /// Returns the tokens; `None` if every request may do everything.
    pub(crate) fn tokens(&self) -> Option<Arc<Tokens>> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file of tokens, if the options name one. The tokens stay as they are after an error.
    ///
    /// # Errors
    ///
    /// [`TokensError`].
    pub(crate) fn read_tokens(&self) -> Result<(), TokensError> {
        let Some(path) = &self.options.tokens else { return Ok(()) };
        let tokens = Arc::new(Tokens::read(path)?);
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Some(tokens);
        Ok(())
    }

    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        self.readiness.store(readiness as u8, Ordering::Release);
    }
}
