//! Errors of requests, with their HTTP status, and the error of a start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use timestrata::{Error, ErrorKind};
use timestrata_ingest::IngestError;

use crate::access::TokensError;

/// Time after which a sender should try again when the server is full.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(1);
/// Time after which a sender should try again when a person has to act: a full disk, a read-only database.
const RETRY_AFTER_REPAIR: Duration = Duration::from_secs(10);

/// Error of a request: status, message, and when to retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Status of the answer.
    pub(crate) status: StatusCode,
    /// One sentence without a full stop, and what to do.
    pub(crate) message: String,
    /// Time after which the same request may succeed.
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    /// Creates a failure that a retry does not change (no `Retry-After`).
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// Creates a 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Creates a 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Creates a 503 with a `Retry-After` of a second, for a limit that is reached now.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::unavailable(message, RETRY_WHEN_FULL)
    }

    /// Creates a 503 with `Retry-After`.
    pub(crate) fn unavailable(message: impl Into<String>, retry_after: Duration) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into(), retry_after: Some(retry_after) }
    }

    /// Returns the response of the failure with a body in the form of a protocol.
    pub(crate) fn answer(&self, body: impl IntoResponse) -> Response {
        let mut response = (self.status, body).into_response();
        if let Some(retry_after) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        }
        response
    }
}

/// An answer in plain text.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.answer(format!("{}\n", self.message))
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// A failed write or read of the engine.
///
/// Errors that a retry cannot change are 400: senders retry any 5xx and would block on that request.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::QueueFull | Error::QueryRuntimeBusy { .. } | Error::OutOfResources { .. } => Self::busy(message),
            Error::Closed | Error::RuntimeShutdown => Self::unavailable(message, RETRY_WHEN_FULL),
            Error::ReadOnly { .. }
            | Error::OutcomeUnknown { .. }
            | Error::WriteFailed { .. }
            | Error::WriteStalled { .. }
            | Error::PartlyWritten { .. }
            | Error::DirectoryMoved { .. }
            | Error::EnginePanicked
            | Error::Internal { .. }
            | Error::Io { .. }
            | Error::Corrupt { .. } => Self::unavailable(message, RETRY_AFTER_REPAIR),
            error if error.kind() == ErrorKind::StorageFull => Self::unavailable(message, RETRY_AFTER_REPAIR),
            error if error.is_retryable() => Self::busy(message),
            _ => Self::bad_request(message),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An option is invalid, or two of them contradict each other.
    #[error("{option}: {detail}")]
    Option {
        /// Name of the option, in kebab case.
        option: &'static str,
        /// What is wrong, and what is allowed.
        detail: String,
    },
    /// The file of tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The server cannot listen on an address.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The data directory cannot be created or read.
    #[error("the data directory {}: {source}", path.display())]
    DataDirectory {
        /// The directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A database cannot be opened.
    #[error("the database {name:?} cannot be opened: {source}")]
    Database {
        /// Name of the database.
        name: String,
        /// The error of the engine.
        source: timestrata::Error,
    },
}
