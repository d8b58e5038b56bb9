//! How a command ends when it does not end well: what is said on stderr, and the exit code.
//! Every message is one line, and ends in what to do next.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// Why a command did not answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command worked and its answer is "no": damage found, nothing matched.
    No(String),
    /// Wrong usage, wrong input, or a database that cannot be used.
    Error(String),
    /// Whoever read our output has seen enough, as `| head` does: no failure at all.
    PipeClosed,
}

/// What every command returns.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::Error(message.into())
    }

    /// Exit codes as `--help` documents them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::PipeClosed => ExitCode::SUCCESS,
            Self::No(_) => ExitCode::from(1),
            Self::Error(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No(message) | Self::Error(message) => f.write_str(message),
            Self::PipeClosed => f.write_str("the reader of the output has gone"),
        }
    }
}

/// The program's own output failed; files that it reads are named where they are opened.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::PipeClosed
        } else {
            Self::Error(format!("cannot write the output: {error}; free space, or send it elsewhere"))
        }
    }
}

impl From<csv::Error> for Failure {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            other => Self::Error(format!("cannot write CSV: {other:?}")),
        }
    }
}

/// The engine's messages speak to programmers in two places; the tool's user has options instead.
impl From<timestrata::Error> for Failure {
    fn from(error: timestrata::Error) -> Self {
        use timestrata::Error;
        Self::Error(match &error {
            Error::NotFound { dir } => {
                format!(
                    "no database in {}: name one by --db or TIMESTRATA_DB, or make one with `timestrata ingest`",
                    dir.display()
                )
            }
            Error::Locked { dir, pid } => {
                let by = pid.map_or_else(String::new, |pid| format!(" by process {pid}"));
                format!("{} is locked{by}: one process at a time, wait for it or stop it first", dir.display())
            }
            Error::Io { source, .. } => format!("{error}; {}", way_out(source)),
            Error::TooLarge { .. } => format!("{error}; make it smaller"),
            _ => error.to_string(),
        })
    }
}

/// What to do about a refusal of the operating system.
fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "see whether the path is right",
        io::ErrorKind::NotADirectory => "name a database's directory, by --db or TIMESTRATA_DB",
        io::ErrorKind::IsADirectory => "name a file in it",
        io::ErrorKind::PermissionDenied => "run as its owner, or have its permissions changed",
        io::ErrorKind::ReadOnlyFilesystem => "choose a place that can be written",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space, then try again",
        _ => "see that the disk is sound, then try again",
    }
}
