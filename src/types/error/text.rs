//! Texts of errors: a summary and one next step, joined by `"; "`.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::{Error, ErrorKind};
use crate::types::rejected_point::RejectedPoint;

/// Maximum number of rejected points that a text lists.
const MAX_LISTED_POINTS: usize = 3;
/// Next step after a call that the file system does not support: neither a retry nor another path on it helps.
const CHOOSE_FILE_SYSTEM: &str = "choose a directory on a file system that supports this call";
/// Next step if such a call made the database read-only.
const MOVE_FROM_FILE_SYSTEM: &str =
    "drop every handle, move the database to a file system that supports this call, then open it again";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.summary(), self.advice())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // The error inside the `Arc`: only that can be downcast to `io::Error`.
            Self::Io { source, .. } | Self::OutOfResources { source, .. } | Self::ThreadStart { source, .. } => {
                Some(&**source)
            }
            Self::ReadOnly { cause }
            | Self::OutcomeUnknown { cause }
            | Self::WriteFailed { cause }
            | Self::WriteStalled { cause }
            | Self::PartlyWritten { cause, .. } => Some(&**cause),
            _ => None,
        }
    }
}

impl Error {
    /// Returns a description of the failure and its root cause, without the next step.
    ///
    /// For programs that show a next step of their own.
    #[must_use]
    pub fn summary(&self) -> impl fmt::Display + '_ {
        Summary(self)
    }

    /// Returns the next step: an imperative in lower case, without a full stop.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "close the other handle, snapshot or process, then open again",
            Self::DatabaseNotFound { .. } => "name the directory of an existing one",
            Self::NotADatabase { .. } => "choose an empty or new directory",
            Self::BackupTargetNotEmpty { .. } => {
                "name a new or empty directory, or delete the incomplete backup in this one"
            }
            Self::BackupInsideDatabase { .. } => "name a directory outside it",
            Self::Corrupt { .. } => "restore it from a backup (`timestrata verify` lists all damage)",
            Self::ForeignFile { .. } => "move it away, or restore the right file",
            Self::UnknownFileType { .. } => "name a file that timestrata wrote",
            Self::MissingFiles { .. } => "restore them from a backup",
            Self::UnsupportedVersion { found, newest, .. } if found < newest => {
                "export its points with the release that wrote it"
            }
            Self::UnsupportedVersion { .. } => "use a newer release",
            Self::Io { action, source, .. } => advice_for_io(action, source.kind()),
            Self::OutOfResources { .. } => "raise the limit or close other files, then try again",
            Self::DirectoryMoved { .. } => "drop every handle, then open the database where it is now",
            Self::SnapshotExpired { .. } => "refresh the reader, and read from a new snapshot",
            Self::UnflushedLogTooLarge { .. } => "raise `memory_budget`, or flush the database",
            Self::ThreadStart { .. } => "raise the limit or end other threads, then try again",
            Self::Closed => "open it again",
            Self::ForkedHandle { .. } => "open the database after the fork, in one of the two processes",
            Self::RuntimeShutdown => "read before the runtime ends",
            Self::EnginePanicked => "report the panic, drop every handle and open the database again",
            Self::Internal { .. } => "report this bug, drop every handle and open the database again",
            Self::ReadOnly { cause } if cause.kind() == ErrorKind::StorageFull => {
                "free space, then drop every handle and open the database again"
            }
            Self::ReadOnly { cause } if cause.is_unsupported_call() => MOVE_FROM_FILE_SYSTEM,
            Self::ReadOnly { cause } if matches!(**cause, Self::DirectoryMoved { .. }) => cause.advice(),
            Self::ReadOnly { .. } => "drop every handle and open the database again",
            Self::OutcomeUnknown { cause } if cause.kind() == ErrorKind::StorageFull => {
                "free space, then open the database again and check before repeating the write"
            }
            Self::OutcomeUnknown { .. } => "open the database again and check before repeating the write",
            Self::WriteFailed { cause } | Self::WriteStalled { cause } | Self::PartlyWritten { cause, .. } => {
                cause.advice()
            }
            Self::QueueFull => "try again later, or use `write`, which waits",
            Self::TooLarge { .. } => "make it smaller",
            Self::KeyTooLong { .. } => "shorten its tag values",
            Self::TooManyTags { .. } => "use fewer tags, or raise `max_tags` (at most 256)",
            Self::InvalidName { .. } => "change the name",
            Self::RejectedPoints { .. } => {
                "leave these points out, or widen `reject_ahead_of_clock` or `reject_behind_clock`"
            }
            Self::TypeMismatch { .. } => "use another key for values of this type",
            Self::ValueTypeMismatch { .. } => "match on the type of the value",
            Self::ColumnLengths { .. } => "give one value for each timestamp",
            Self::DuplicatesMismatch { .. } => "use the policy of the series, or another key",
            Self::StaleSeries { .. } => "get it again with `db.series(&key)`",
            Self::SeriesNotFound { .. } => "create it with `create_series`, or list those that exist",
            Self::TooManySeries { .. } => "raise `max_series`, or use fewer distinct tag values",
            Self::SeriesIdsExhausted { .. } => "copy the data to a new database, whose ids begin again",
            Self::TooManyKeyBytes { .. } => "raise `max_series_key_bytes`, or use fewer or shorter keys",
            Self::InvalidOption { .. } => "change the option",
            Self::InvalidQuery { .. } => "change the query",
            Self::TooManyDistinctValues { .. } => "take shorter windows",
            Self::SumOverflow { .. } => "use the aggregate `sum as f64`, or shorter windows",
            Self::QueryTooLarge { .. } => {
                "narrow its time range or selector, take longer windows, or raise `Query::memory_limit`"
            }
            Self::QueryLimitExceeded { .. } => {
                "narrow its time range or selector, or raise `Query::max_series` or `Query::max_points`"
            }
            Self::QueryRuntimeBusy { .. } => "try again later, or raise the limits of the `Runtime`",
            Self::DeadlineExceeded { .. } => "narrow its time range or selector, or raise `Query::deadline`",
            Self::ScanCancelled => "begin a new scan",
            Self::InvalidTimestamp { .. } => "write it as in 2013-01-01T06:00:00Z",
        }
    }
}

/// Summary of an error; see [`Error::summary`].
struct Summary<'a>(&'a Error);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Io { action, file, source } | Error::OutOfResources { action, file, source } => {
                write!(f, "cannot {action} {}: {source}", file.display())
            }
            Error::ThreadStart { name, source } => write!(f, "cannot start the thread {name}: {source}"),
            Error::Closed => f.write_str("the database is closed"),
            Error::ForkedHandle { pid } => {
                write!(f, "the handle belongs to process {pid}, and a fork copied it into this one")
            }
            Error::RuntimeShutdown => f.write_str("the tokio runtime shut down before the read began"),
            Error::EnginePanicked => f.write_str("a thread of the engine panicked"),
            Error::Internal { detail } => write!(f, "internal error: {detail}"),
            Error::ReadOnly { cause } => write!(f, "the database is read-only: {}", Self(cause)),
            Error::OutcomeUnknown { cause } => write!(f, "it is unknown whether the write is durable: {}", Self(cause)),
            Error::WriteFailed { cause } => write!(f, "the write failed and was not applied: {}", Self(cause)),
            Error::WriteStalled { cause } => {
                write!(f, "the write waited for a flush, and flushes fail: {}", Self(cause))
            }
            Error::PartlyWritten { written, cause, .. } => {
                let points = written.last().map_or(0, |piece| piece.points.end);
                write!(f, "only the first {points} points of the batch are written: {}", Self(cause))
            }
            Error::QueueFull => f.write_str("the write queue is full"),
            other => other.fmt_files_summary(f).unwrap_or_else(|| other.fmt_input_summary(f)),
        }
    }
}

impl Error {
    /// Writes the summary of an error about files and directories; `None` for other errors.
    fn fmt_files_summary(&self, f: &mut fmt::Formatter<'_>) -> Option<fmt::Result> {
        Some(match self {
            Self::Locked { dir, pid: None } => write!(f, "{} is locked", dir.display()),
            Self::Locked { dir, pid: Some(pid) } => write!(f, "{} is locked by process {pid}", dir.display()),
            Self::DatabaseNotFound { dir } => write!(f, "no database in {}", dir.display()),
            Self::DirectoryMoved { dir } => write!(f, "the directory {} was moved or replaced", dir.display()),
            Self::NotADatabase { dir, found } => {
                write!(f, "{} holds other files and no database (found {found})", dir.display())
            }
            Self::BackupTargetNotEmpty { dir, found } => {
                write!(f, "the backup directory {} is not empty (found {found})", dir.display())
            }
            Self::BackupInsideDatabase { dir, database } => {
                write!(f, "the backup directory {} lies inside the database {}", dir.display(), database.display())
            }
            Self::Corrupt { file, offset, detail } => {
                write!(f, "{} is damaged at byte {offset}: {detail}", file.display())
            }
            Self::ForeignFile { file, detail } => write!(f, "{} does not belong here: {detail}", file.display()),
            Self::UnknownFileType { file } => {
                write!(f, "{} is not a WAL segment, SST, manifest or series log", file.display())
            }
            Self::MissingFiles { dir, files } => {
                write!(f, "{} lacks files that its manifest names: {}", dir.display(), files.join(", "))
            }
            Self::SnapshotExpired { file } => {
                write!(f, "{} was replaced by the process that writes the database", file.display())
            }
            Self::UnsupportedVersion { file, found, newest } => {
                let (file, up_to) = (file.display(), if found < newest { "version" } else { "versions up to" });
                write!(f, "{file} has format version {found}, this release reads {up_to} {newest}")
            }
            _ => return None,
        })
    }

    /// Writes the summary of an error about arguments, options or data; nothing for other errors.
    fn fmt_input_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { item, size, limit } => write!(f, "{item} is too large: {size}, at most {limit}"),
            Self::KeyTooLong { series, bytes, limit } => {
                write!(f, "the key of series {series} has {bytes} bytes, at most {limit} are allowed")
            }
            Self::TooManyTags { series, tags, limit } => {
                write!(f, "series {series} has {tags} tags, at most {limit} are allowed")
            }
            Self::InvalidName { field, text, detail } => write!(f, "invalid {field} {text:?}: {detail}"),
            Self::RejectedPoints { points } => fmt_rejected_points(points, f),
            Self::TypeMismatch { series, expected, found } => {
                write!(f, "series {series} holds {expected}, not {found}")
            }
            Self::ValueTypeMismatch { expected, found } => write!(f, "the value is {found}, not {expected}"),
            Self::ColumnLengths { timestamps, values } => write!(f, "{timestamps} timestamps for {values} values"),
            Self::DuplicatesMismatch { series, expected, found } => {
                write!(f, "series {series} has the duplicate policy `{expected}`, not `{found}`")
            }
            Self::StaleSeries { id } => {
                write!(f, "the handle of series {id} belongs to another opening of the database")
            }
            Self::SeriesNotFound { key } => write!(f, "no series {key}"),
            Self::TooManySeries { cap } => write!(f, "a new series would exceed the limit of {cap}"),
            Self::SeriesIdsExhausted { limit } => {
                write!(f, "no series id is left: {limit} series have been defined, dropped ones included")
            }
            Self::TooManyKeyBytes { cap } => write!(f, "the keys of all series would exceed the limit of {cap} bytes"),
            Self::InvalidOption { option, detail } => write!(f, "invalid option {option}: {detail}"),
            Self::InvalidQuery { detail } => write!(f, "invalid query: {detail}"),
            Self::SumOverflow { series, value_type, window } => {
                write!(f, "the sum of {series} in the window at {window} exceeds the range of {value_type}")
            }
            Self::TooManyDistinctValues { series, limit, window } => {
                write!(f, "{series} has more than {limit} distinct values in the window at {window}")
            }
            Self::QueryTooLarge { needed, limit } => {
                write!(f, "the query needs at least {needed} bytes, `memory_limit` allows {limit}")
            }
            Self::UnflushedLogTooLarge { needed, limit } => {
                write!(f, "the unflushed log needs at least {needed} bytes, `memory_budget` leaves {limit}")
            }
            Self::QueryLimitExceeded { what, found, limit } => {
                write!(f, "the query needs at least {found} {what}, its limit is {limit}")
            }
            Self::QueryRuntimeBusy { detail } => write!(f, "the query runtime is busy: {detail}"),
            Self::DeadlineExceeded { deadline } => write!(f, "the query took longer than {deadline:?}"),
            Self::ScanCancelled => f.write_str("the scan was cancelled"),
            Self::InvalidTimestamp { text, detail } => write!(f, "{text:?} is not a timestamp: {detail}"),
            _ => Ok(()),
        }
    }
}

fn fmt_rejected_points(points: &[RejectedPoint], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} timestamps are too far from the clock", points.len())?;
    for (i, point) in points.iter().take(MAX_LISTED_POINTS).enumerate() {
        write!(f, "{}{point}", if i == 0 { ": " } else { ", " })?;
    }
    match points.len().saturating_sub(MAX_LISTED_POINTS) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

impl Error {
    /// Returns `true` if the operating system does not support the call on this file or file system.
    fn is_unsupported_call(&self) -> bool {
        matches!(self, Self::Io { action, source, .. } if is_unsupported_call(action, source.kind()))
    }
}

/// Returns `true` if the call is not supported: `ENOSYS`, `EOPNOTSUPP`, or `EINVAL` of a call on an open file.
///
/// `fsync` and `fallocate` return `EINVAL` for files that they cannot handle. For a call with a path, it is the path
/// that is invalid.
fn is_unsupported_call(action: &str, kind: io::ErrorKind) -> bool {
    let has_path_argument = matches!(action, "open" | "create" | "list" | "remove" | "rename" | "link");
    kind == io::ErrorKind::Unsupported || (kind == io::ErrorKind::InvalidInput && !has_path_argument)
}

/// Returns the next step after an error of the operating system.
fn advice_for_io(action: &str, kind: io::ErrorKind) -> &'static str {
    match kind {
        _ if is_unsupported_call(action, kind) => CHOOSE_FILE_SYSTEM,
        io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => "check the path",
        io::ErrorKind::NotADirectory => "name a directory",
        io::ErrorKind::IsADirectory => "name a file",
        io::ErrorKind::PermissionDenied => "change the permissions, or run as the owner",
        io::ErrorKind::ReadOnlyFilesystem => "choose a writable directory",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space, then try again",
        io::ErrorKind::FileTooLarge => "raise the limit on file sizes, then try again",
        io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => "try again",
        _ => "check the disk, then try again",
    }
}
