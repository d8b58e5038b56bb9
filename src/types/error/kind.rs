//! Kinds of errors, by what a program can do about them.

use std::fmt;
use std::io;

use super::Error;

/// Kind of an [`Error`]: what a program can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Resources are in use: repeat the call later.
    Busy,
    /// The arguments, options or data of the call are invalid: fix them.
    InvalidInput,
    /// A configured limit was reached: raise it or ask for less.
    LimitExceeded,
    /// The database or series does not exist: create it or name another.
    NotFound,
    /// The disk or a quota is full, or a file reached its maximum size: free space or raise the limit.
    ///
    /// If the call was a write, it was not applied.
    StorageFull,
    /// The operating system reported another error, see [`Error::io_kind`].
    ///
    /// If the call was a write, it was not applied.
    Io,
    /// The write may or may not be durable: open the database again and check before repeating the write.
    OutcomeUnknown,
    /// The database accepts no more writes: drop all handles and open it again.
    Reopen,
    /// The database, the runtime of the call, or a scan was ended on purpose, or another process opened the handle.
    Closed,
    /// Files are damaged, missing, or belong to another database: restore a backup.
    Corrupt,
    /// A newer release wrote the file: use that release.
    Unsupported,
    /// A bug of timestrata: report it and open the database again.
    Bug,
}

impl ErrorKind {
    /// Returns the name of the kind: lower-case letters and underscores, the same in every release.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::InvalidInput => "invalid_input",
            Self::LimitExceeded => "limit_exceeded",
            Self::NotFound => "not_found",
            Self::StorageFull => "storage_full",
            Self::Io => "io",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Reopen => "reopen",
            Self::Closed => "closed",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Bug => "bug",
        }
    }
}

/// Writes the name of the kind.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// Returns what a program can do about the error.
    ///
    /// A [`WriteFailed`](Error::WriteFailed), a [`WriteStalled`](Error::WriteStalled) and a
    /// [`PartlyWritten`](Error::PartlyWritten) have the kind of their cause.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Locked { .. }
            | Self::SnapshotExpired { .. }
            | Self::OutOfResources { .. }
            | Self::ThreadStart { .. }
            | Self::QueryRuntimeBusy { .. }
            | Self::QueueFull => ErrorKind::Busy,
            Self::NotADatabase { .. }
            | Self::BackupTargetNotEmpty { .. }
            | Self::BackupInsideDatabase { .. }
            | Self::UnknownFileType { .. }
            | Self::TooLarge { .. }
            | Self::KeyTooLong { .. }
            | Self::TooManyTags { .. }
            | Self::InvalidName { .. }
            | Self::RejectedPoints { .. }
            | Self::TypeMismatch { .. }
            | Self::ValueTypeMismatch { .. }
            | Self::ColumnLengths { .. }
            | Self::DuplicatesMismatch { .. }
            | Self::StaleSeries { .. }
            | Self::InvalidOption { .. }
            | Self::InvalidQuery { .. }
            | Self::SumOverflow { .. }
            | Self::InvalidTimestamp { .. } => ErrorKind::InvalidInput,
            Self::TooManySeries { .. }
            | Self::SeriesIdsExhausted { .. }
            | Self::TooManyKeyBytes { .. }
            | Self::UnflushedLogTooLarge { .. }
            | Self::TooManyDistinctValues { .. }
            | Self::QueryTooLarge { .. }
            | Self::QueryLimitExceeded { .. }
            | Self::DeadlineExceeded { .. } => ErrorKind::LimitExceeded,
            Self::DatabaseNotFound { .. } | Self::SeriesNotFound { .. } => ErrorKind::NotFound,
            Self::Io { source, .. } => kind_of_io(source.kind()),
            Self::OutcomeUnknown { .. } => ErrorKind::OutcomeUnknown,
            Self::ReadOnly { .. } | Self::DirectoryMoved { .. } => ErrorKind::Reopen,
            Self::WriteFailed { cause } | Self::WriteStalled { cause } | Self::PartlyWritten { cause, .. } => {
                cause.kind()
            }
            Self::Closed | Self::ForkedHandle { .. } | Self::RuntimeShutdown | Self::ScanCancelled => ErrorKind::Closed,
            Self::Corrupt { .. } | Self::ForeignFile { .. } | Self::MissingFiles { .. } => ErrorKind::Corrupt,
            Self::UnsupportedVersion { .. } => ErrorKind::Unsupported,
            Self::EnginePanicked | Self::Internal { .. } => ErrorKind::Bug,
        }
    }

    /// Returns `true` if the same call may succeed later and cannot apply a write twice.
    ///
    /// `false` for [`PartlyWritten`](Error::PartlyWritten): the same batch would write its first pieces again. Otherwise
    /// `true` for the kinds [`Busy`](ErrorKind::Busy) and [`StorageFull`](ErrorKind::StorageFull). For the kind
    /// [`Io`](ErrorKind::Io): `true` if the error is [`WriteFailed`](Error::WriteFailed) or
    /// [`WriteStalled`](Error::WriteStalled), or if the operation timed out or was interrupted. Wait before you repeat
    /// the call. If another handle of the same program locks the database, the call fails until the program drops that
    /// handle.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            _ if matches!(self, Self::PartlyWritten { .. }) => false,
            ErrorKind::Busy | ErrorKind::StorageFull => true,
            ErrorKind::Io => {
                matches!(self, Self::WriteFailed { .. } | Self::WriteStalled { .. })
                    || matches!(self.io_kind(), Some(io::ErrorKind::TimedOut | io::ErrorKind::Interrupted))
            }
            _ => false,
        }
    }

    /// Returns the kind of the operating system's error that is the root cause, if there is one.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } | Self::OutOfResources { source, .. } | Self::ThreadStart { source, .. } => {
                Some(source.kind())
            }
            Self::ReadOnly { cause }
            | Self::OutcomeUnknown { cause }
            | Self::WriteFailed { cause }
            | Self::WriteStalled { cause }
            | Self::PartlyWritten { cause, .. } => cause.io_kind(),
            _ => None,
        }
    }
}

fn kind_of_io(kind: io::ErrorKind) -> ErrorKind {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ErrorKind::StorageFull
        }
        _ => ErrorKind::Io,
    }
}
