//! Why a query has no result.

use std::time::Duration;

use crate::ast::DurationError;
use crate::parse_error::ParseError;

/// Reason why a query failed.
///
/// The texts of [`Parse`](Self::Parse) and [`Execution`](Self::Execution) are those of Prometheus, on which clients
/// match.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is no query.
    #[error("{0}")]
    Parse(#[from] ParseError),
    /// A duration of the query cannot be computed.
    #[error("{0}")]
    Duration(#[from] DurationError),
    /// The query has no result for this data or these arguments.
    #[error("{message}")]
    #[non_exhaustive]
    Execution {
        /// What is wrong.
        message: String,
    },
    /// The start, end or step of a query is invalid.
    #[error("{message}")]
    #[non_exhaustive]
    InvalidRange {
        /// What is wrong.
        message: String,
    },
    /// The query exceeds a limit.
    #[error("the query needs more than {limit} {what}; narrow it, or raise the limit with `{option}`")]
    #[non_exhaustive]
    LimitExceeded {
        /// What is limited: "samples", "series", "steps", "steps of a subquery" or "bytes of memory".
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The option that sets it.
        option: &'static str,
    },
    /// The query took too long.
    #[error("the query took longer than {timeout:?}; narrow it, or raise the limit with `timeout`")]
    #[non_exhaustive]
    Timeout {
        /// The limit.
        timeout: Duration,
    },
    /// The query was cancelled.
    #[error("the query was cancelled")]
    Cancelled,
    /// The store could not be read.
    #[error("{0}")]
    Storage(#[from] timestrata::Error),
    /// A thread could not be started, or panicked.
    #[error("a thread of the query failed: {message}")]
    #[non_exhaustive]
    Thread {
        /// The error of the operating system, or that the thread panicked.
        message: String,
    },
}

impl QueryError {
    /// Creates an error of the evaluation.
    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::Execution { message: message.into() }
    }

    /// Error of two rows of a result with the same labels at one step.
    pub(crate) fn same_labels() -> Self {
        Self::execution("vector cannot contain metrics with the same labelset")
    }
}
