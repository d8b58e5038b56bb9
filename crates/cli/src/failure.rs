//! Failures of commands: the message on stderr and the exit code.
//! Every message is one line and ends with the next step.

use std::io;
use std::process::ExitCode;

use timestrata::{Error, ErrorKind};

/// Reason why a command ended early or with a negative result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command succeeded with a negative result: damage found, nothing matched.
    #[error("{0}")]
    Negative(String),
    /// Wrong usage, invalid input, or a database that cannot be used.
    #[error("{0}")]
    Failed(String),
    /// A signal ended the command. The exit code is 128 and the number of the signal, as in a shell.
    #[error("{message}")]
    Interrupted { message: String, signal_number: u8 },
    /// The reader of the output has closed the pipe, as `| head` does. This is not a failure.
    #[error("the output pipe is closed")]
    PipeClosed,
}

/// Result of every command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// Returns the exit code that `--help` documents.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::PipeClosed => ExitCode::SUCCESS,
            Self::Negative(_) => ExitCode::from(1),
            Self::Failed(_) => ExitCode::from(2),
            Self::Interrupted { signal_number, .. } => ExitCode::from(128 + signal_number),
        }
    }
}

/// Converts an error of writing the output.
///
/// Errors of reading a file are converted where the file is opened, with its name.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::PipeClosed
        } else {
            Self::Failed(format!("cannot write the output: {error}; free space, or send it elsewhere"))
        }
    }
}

impl From<csv::Error> for Failure {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            other => Self::Failed(format!("cannot write CSV: {other:?}")),
        }
    }
}

/// Replaces the advice of the library by advice that names options of the tool.
impl From<timestrata::Error> for Failure {
    fn from(error: timestrata::Error) -> Self {
        Self::Failed(format!("{}; {}", error.summary(), advice(&error)))
    }
}

/// Returns the next step after an error of the engine.
pub(crate) fn advice(error: &timestrata::Error) -> &'static str {
    match (error.kind(), error) {
        (_, Error::DatabaseNotFound { .. }) => {
            "name one by --db or TIMESTRATA_DB, or make one with `timestrata ingest`"
        }
        (_, Error::SnapshotExpired { .. }) => "run the command again",
        (_, Error::UnflushedLogTooLarge { .. }) => "run the command after the database has flushed",
        (_, Error::Locked { .. }) => "stop the other process, or wait until it ends",
        (_, Error::Io { .. }) if error.io_kind() == Some(io::ErrorKind::NotADirectory) => {
            "name a database's directory, by --db or TIMESTRATA_DB"
        }
        (_, Error::SumOverflow { .. }) => "use --agg 'sum as f64', or shorter windows with --every",
        (_, Error::QueryTooLarge { .. }) => {
            "narrow the time range or the selector, or take longer windows with --every"
        }
        (_, Error::QueryRuntimeBusy { .. }) => "narrow the time range or the selector",
        (_, Error::TooManyTags { .. }) => "use fewer tags",
        (_, Error::TooManySeries { .. } | Error::TooManyKeyBytes { .. }) => "use fewer distinct tag values",
        (_, Error::SeriesNotFound { .. }) => "list those that exist with `timestrata series`",
        (ErrorKind::Reopen | ErrorKind::Closed, _) if error.io_kind() == Some(io::ErrorKind::StorageFull) => {
            "free space, then run the command again"
        }
        (ErrorKind::Reopen | ErrorKind::Closed, _) => "run the command again",
        (ErrorKind::Bug, _) => "report this bug, then run the command again",
        _ => error.advice(),
    }
}

/// Returns what must be done before work that `error` stopped can go on; `None` if nothing must be done.
///
/// It is the advice without its last part, "then try again": after an ingest that was partly durable, the next step is
/// not to run the same command again.
pub(crate) fn first_step(error: &timestrata::Error) -> Option<&'static str> {
    if error.io_kind() == Some(io::ErrorKind::StorageFull) || error.io_kind() == Some(io::ErrorKind::QuotaExceeded) {
        return Some("free space");
    }
    let advice = advice(error);
    match error.kind() {
        // A new run opens the database again.
        ErrorKind::Reopen | ErrorKind::Closed | ErrorKind::OutcomeUnknown => None,
        ErrorKind::Bug => Some("report this bug"),
        _ => Some(advice.strip_suffix(", then try again").unwrap_or(advice)).filter(|step| *step != "try again"),
    }
}
