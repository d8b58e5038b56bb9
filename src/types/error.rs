//! Errors of the crate: what failed, why, and the next step.
//!
//! An error can be cloned, since one failed sync answers a whole group of writers. A cause is kept as a value and never
//! formatted into a text that is wrapped again: its text appears once, however many layers the error passes through.

mod kind;
mod partial_write;
mod rejection_code;
#[cfg(test)]
mod tests;
mod text;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use kind::ErrorKind;
pub use partial_write::{SkippedPoint, WrittenPiece};
pub use rejection_code::RejectionCode;

use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::rejected_point::RejectedPoint;
use crate::types::timestamp::Timestamp;
use crate::types::value_type::ValueType;

/// Result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why a call failed.
///
/// [`kind`](Error::kind) returns what a program can do, [`is_retryable`](Error::is_retryable) whether the same call may
/// succeed later, [`rejection_code`](Error::rejection_code) why the points of a write were rejected. The variants hold the
/// details. After every error except [`OutcomeUnknown`](Error::OutcomeUnknown) and
/// [`PartlyWritten`](Error::PartlyWritten) a write of a batch was not applied. A delete or a creation of series that failed with
/// [`EnginePanicked`](Error::EnginePanicked) may have been applied, too.
///
/// The text is one line, `{summary}; {next step}`. The summary includes the text of the root cause, which
/// [`source`](std::error::Error::source) returns as a value: a program that prints the chain of sources prints the
/// cause twice. The [`io::Error`] at the end of the chain is available by `downcast_ref`, its kind by
/// [`io_kind`](Error::io_kind).
///
/// # Examples
///
/// ```
/// use timestrata::{Db, ErrorKind};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let error = Db::builder(dir.path().join("db")).create_if_missing(false).open_blocking().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(!error.is_retryable());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// Another handle, snapshot or process has the directory open.
    #[non_exhaustive]
    Locked {
        /// The directory that could not be locked.
        dir: PathBuf,
        /// The process id in the lock file; `None` if the file has none.
        ///
        /// It is that of the last process that opened the database, which usually holds the lock. A process that only
        /// verifies the database holds the lock too, but does not write its id.
        pid: Option<u32>,
    },
    /// There is no database in the directory, and the call may not create one.
    #[non_exhaustive]
    DatabaseNotFound {
        /// The directory that was named.
        dir: PathBuf,
    },
    /// The directory holds other files and no database, so none is created among them.
    #[non_exhaustive]
    NotADatabase {
        /// The directory that was named.
        dir: PathBuf,
        /// One of the names found there.
        found: String,
    },
    /// The directory for a backup is not empty; nothing was changed.
    #[non_exhaustive]
    BackupTargetNotEmpty {
        /// The directory that was named.
        dir: PathBuf,
        /// One of the names found there.
        found: String,
    },
    /// The directory for a backup lies inside the database that is backed up; nothing was changed.
    #[non_exhaustive]
    BackupInsideDatabase {
        /// The directory that was named.
        dir: PathBuf,
        /// The directory of the database.
        database: PathBuf,
    },
    /// Bytes on disk are not what was written.
    #[non_exhaustive]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Offset of the damage, in bytes from the start of the file.
        offset: u64,
        /// What was expected and what was found.
        detail: String,
    },
    /// A file has the identity of another database, or the id of another file.
    #[non_exhaustive]
    ForeignFile {
        /// The file that does not belong to the database.
        file: PathBuf,
        /// The identity that was expected and the one that was found.
        detail: String,
    },
    /// The file is of no kind that timestrata writes.
    #[non_exhaustive]
    UnknownFileType {
        /// The file that was inspected.
        file: PathBuf,
    },
    /// The manifest or files that it names are missing.
    #[non_exhaustive]
    MissingFiles {
        /// The directory of the database.
        dir: PathBuf,
        /// The names of the missing files.
        files: Vec<String>,
    },
    /// The file was written by another release; nothing was changed.
    #[non_exhaustive]
    UnsupportedVersion {
        /// The file of the other release.
        file: PathBuf,
        /// The format version of the file.
        found: u32,
        /// The newest version that this release reads, and the only one of an SST.
        newest: u32,
    },
    /// The operating system reported an error.
    #[non_exhaustive]
    Io {
        /// What was tried: "open", "sync", ...
        action: &'static str,
        /// The file or directory concerned.
        file: PathBuf,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// The process or the system has too many open files, or not enough memory.
    #[non_exhaustive]
    OutOfResources {
        /// What was tried.
        action: &'static str,
        /// The file or directory concerned.
        file: PathBuf,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// A file of a snapshot was removed by the process that writes the database.
    ///
    /// Only snapshots of a [`DbReader`](crate::DbReader) expire, and only if they have more files than it keeps open.
    #[non_exhaustive]
    SnapshotExpired {
        /// The removed file, or the directory if the writer overtook each of several attempts to read it.
        file: PathBuf,
    },
    /// The part of the write-ahead log that is not in SSTs yet exceeds the memory budget of a reader.
    #[non_exhaustive]
    UnflushedLogTooLarge {
        /// The memory in use when the reader stopped, in bytes.
        needed: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The directory of the open database was moved or replaced: its path names another one, or nothing.
    #[non_exhaustive]
    DirectoryMoved {
        /// The directory, by the path at the opening.
        dir: PathBuf,
    },
    /// A thread could not be started.
    #[non_exhaustive]
    ThreadStart {
        /// The name of the thread.
        name: &'static str,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// The database was closed.
    Closed,
    /// The handle was copied into this process by `fork`; only the process that opened the database can use it.
    #[non_exhaustive]
    ForkedHandle {
        /// Id of the process that opened the database.
        pid: u32,
    },
    /// The tokio runtime shut down before the read began.
    RuntimeShutdown,
    /// A thread of the engine panicked: reads of existing snapshots go on, all other calls fail.
    EnginePanicked,
    /// The engine found a contradiction in its own state: a bug of timestrata.
    ///
    /// Acknowledged writes are not affected.
    #[non_exhaustive]
    Internal {
        /// The contradiction.
        detail: String,
    },
    /// The database accepts no more writes after an earlier failure; reads go on.
    #[non_exhaustive]
    ReadOnly {
        /// The earlier failure.
        cause: Arc<Error>,
    },
    /// The write may or may not be on disk; the next opening of the database decides.
    #[non_exhaustive]
    OutcomeUnknown {
        /// The failure after which the outcome is unknown.
        cause: Arc<Error>,
    },
    /// The write failed and was not applied; the database accepts further writes.
    #[non_exhaustive]
    WriteFailed {
        /// The failure of the write.
        cause: Arc<Error>,
    },
    /// The write waited for a flush that keeps failing, and was not applied; the database accepts further writes.
    ///
    /// See [`DbBuilder::stall_timeout`](crate::DbBuilder::stall_timeout).
    #[non_exhaustive]
    WriteStalled {
        /// The failure of the last flush.
        cause: Arc<Error>,
    },
    /// A batch was split, and a piece of it failed; the pieces before it are written, and those after it are not.
    ///
    /// Only [`WriteOptions::split`](crate::WriteOptions::split) splits a batch. A batch that was lent to the write holds
    /// the points after the written pieces.
    #[non_exhaustive]
    PartlyWritten {
        /// The written pieces, at least one.
        written: Vec<WrittenPiece>,
        /// Points that were left out of them; the first ones, if there are many.
        skipped: Vec<SkippedPoint>,
        /// Number of points that were left out of them.
        skipped_count: usize,
        /// The error of the next piece. If it is [`OutcomeUnknown`](Error::OutcomeUnknown), that piece may be on disk.
        cause: Arc<Error>,
    },
    /// The write queue has no room for the batch, which was not queued.
    QueueFull,
    /// A batch, record, text of a metric's metadata, or list of series exceeds its limit; nothing of it was written.
    #[non_exhaustive]
    TooLarge {
        /// The item that is too large, with the unit of `size`.
        item: &'static str,
        /// Its size.
        size: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// The texts of a series key are longer than [`MAX_SERIES_KEY_BYTES`](crate::MAX_SERIES_KEY_BYTES); nothing of its
    /// batch was written.
    #[non_exhaustive]
    KeyTooLong {
        /// The beginning of the key, cut to 64 characters.
        series: String,
        /// The length of the metric name, tag keys and tag values together, in bytes.
        bytes: usize,
        /// The largest length allowed.
        limit: usize,
    },
    /// A series key has more tags than allowed; nothing of its batch was written.
    ///
    /// See [`DbBuilder::max_tags`](crate::DbBuilder::max_tags).
    #[non_exhaustive]
    TooManyTags {
        /// The beginning of the key, cut to 64 characters.
        series: String,
        /// Its number of tags.
        tags: usize,
        /// The largest number allowed.
        limit: usize,
    },
    /// A metric name, tag key or text of a series key is invalid; nothing of its batch was written.
    #[non_exhaustive]
    InvalidName {
        /// The invalid part: "metric name", "tag key" or "series key".
        field: &'static str,
        /// The text as given, cut to 64 characters.
        text: String,
        /// The rule that the text breaks.
        detail: String,
    },
    /// Timestamps of a batch exceed a limit that was set at opening; nothing of the batch was written.
    #[non_exhaustive]
    RejectedPoints {
        /// Each rejected point, in the batch's order.
        points: Vec<RejectedPoint>,
    },
    /// The type of a value or of a call is not that of the series; nothing of a batch was written.
    #[non_exhaustive]
    TypeMismatch {
        /// The key of the series.
        series: String,
        /// The type that the series holds.
        expected: ValueType,
        /// The type of the value, or the type that the call names.
        found: ValueType,
    },
    /// A [`Value`](crate::Value) was converted to another type than its own.
    #[non_exhaustive]
    ValueTypeMismatch {
        /// The type asked for.
        expected: ValueType,
        /// The type of the value.
        found: ValueType,
    },
    /// Slices of timestamps and values differ in length; nothing of the batch was written.
    ///
    /// See [`Batch::push_columns`](crate::Batch::push_columns).
    #[non_exhaustive]
    ColumnLengths {
        /// Number of timestamps.
        timestamps: usize,
        /// Number of values.
        values: usize,
    },
    /// A series exists and has another duplicate policy than the one asked for.
    #[non_exhaustive]
    DuplicatesMismatch {
        /// The key of the series.
        series: String,
        /// The policy of the series.
        expected: DuplicatePolicy,
        /// The policy asked for.
        found: DuplicatePolicy,
    },
    /// The handle of a series belongs to another database, or to an earlier opening of this one.
    ///
    /// Rarely, the series had no point left for long, and the database no longer knows the key of the handle.
    #[non_exhaustive]
    StaleSeries {
        /// The series id inside the handle.
        id: u32,
    },
    /// No series has the key.
    #[non_exhaustive]
    SeriesNotFound {
        /// The key that was looked up.
        key: String,
    },
    /// The maximum number of series is reached; existing series accept further writes.
    #[non_exhaustive]
    TooManySeries {
        /// The maximum number of series.
        cap: u32,
    },
    /// As many series as a database can ever define were defined; existing series accept further writes.
    ///
    /// The ids of dropped series are not used again.
    #[non_exhaustive]
    SeriesIdsExhausted {
        /// The number of ids of a database.
        limit: u32,
    },
    /// The keys of all series would exceed their limit in bytes; existing series accept further writes.
    #[non_exhaustive]
    TooManyKeyBytes {
        /// The maximum length of all keys together, in bytes.
        cap: u64,
    },
    /// The value of an option is out of bounds, or contradicts the database.
    #[non_exhaustive]
    InvalidOption {
        /// The name of the option.
        option: &'static str,
        /// What is allowed.
        detail: String,
    },
    /// A selector, time range, window or aggregate is invalid.
    #[non_exhaustive]
    InvalidQuery {
        /// What is wrong, and what is allowed.
        detail: String,
    },
    /// The sum of integers in a window exceeds the range of their type; no result is returned.
    ///
    /// [`Aggregate::SumAsF64`](crate::Aggregate::SumAsF64) has no such limit.
    #[non_exhaustive]
    SumOverflow {
        /// The key of the series or group.
        series: String,
        /// The type of its values.
        value_type: ValueType,
        /// The start of the window.
        window: Timestamp,
    },
    /// A window has more distinct values than are counted exactly; no result is returned.
    ///
    /// See [`Aggregate::Distinct`](crate::Aggregate::Distinct).
    #[non_exhaustive]
    TooManyDistinctValues {
        /// The key of the series or group.
        series: String,
        /// The maximum number of distinct values.
        limit: usize,
        /// The start of the window.
        window: Timestamp,
    },
    /// A query needs more memory than it may use; no result is returned.
    #[non_exhaustive]
    QueryTooLarge {
        /// The memory in use when the query was stopped, in bytes.
        needed: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A query selects more series or reads more points than it may; no result is returned.
    #[non_exhaustive]
    QueryLimitExceeded {
        /// `series` or `points`.
        what: &'static str,
        /// The number when the query was stopped.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The query runtime has no slot or no memory for the query; it was not run, or was stopped.
    #[non_exhaustive]
    QueryRuntimeBusy {
        /// What is in use.
        detail: String,
    },
    /// A query took longer than it may; no result is returned.
    #[non_exhaustive]
    DeadlineExceeded {
        /// The longest duration allowed.
        deadline: Duration,
    },
    /// A scan was ended through its [`ScanCancellation`](crate::ScanCancellation).
    ScanCancelled,
    /// A text is not a timestamp.
    #[non_exhaustive]
    InvalidTimestamp {
        /// The text as given, cut to 64 characters.
        text: String,
        /// What is wrong with it.
        detail: String,
    },
}

// An error is never modified after it was made, so a panic cannot leave it half changed.
impl std::panic::UnwindSafe for Error {}
impl std::panic::RefUnwindSafe for Error {}

impl Error {
    /// Wraps an error of the operating system; exhausted resources become a separate variant.
    pub(crate) fn io(action: &'static str, file: impl Into<PathBuf>, source: io::Error) -> Self {
        let (file, source) = (file.into(), Arc::new(source));
        if is_resource_exhaustion(&source) {
            Self::OutOfResources { action, file, source }
        } else {
            Self::Io { action, file, source }
        }
    }

    /// Makes the error of a thread that could not be started.
    pub(crate) fn thread_start(name: &'static str, source: io::Error) -> Self {
        Self::ThreadStart { name, source: Arc::new(source) }
    }

    /// Makes the error of a contradiction in the engine's own state.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::Internal { detail: detail.into() }
    }

    /// Makes the error of a write that failed and was not applied.
    pub(crate) fn write_failed(error: Self) -> Self {
        Self::WriteFailed { cause: error.into_root_cause() }
    }

    /// Makes the error of a write that was taken out of the queue, because flushes fail.
    pub(crate) fn write_stalled(flush: Self) -> Self {
        Self::WriteStalled { cause: flush.into_root_cause() }
    }

    /// Makes the error of a write that may or may not be durable.
    pub(crate) fn outcome_unknown(error: Self) -> Self {
        Self::OutcomeUnknown { cause: error.into_root_cause() }
    }

    /// Makes the error of a change to a database that `error` made read-only.
    pub(crate) fn read_only(error: Self) -> Self {
        Self::ReadOnly { cause: error.into_root_cause() }
    }

    /// Returns the cause of a `ReadOnly`, `OutcomeUnknown`, `WriteFailed` or `WriteStalled`, and any other error
    /// itself.
    pub(crate) fn root_cause(&self) -> &Self {
        match self {
            Self::ReadOnly { cause }
            | Self::OutcomeUnknown { cause }
            | Self::WriteFailed { cause }
            | Self::WriteStalled { cause } => cause,
            other => other,
        }
    }

    /// Like [`root_cause`](Self::root_cause), by value.
    ///
    /// Hence these variants are never nested, and each text states one outcome and one cause.
    fn into_root_cause(self) -> Arc<Self> {
        match self {
            Self::ReadOnly { cause }
            | Self::OutcomeUnknown { cause }
            | Self::WriteFailed { cause }
            | Self::WriteStalled { cause } => cause,
            other => Arc::new(other),
        }
    }

    /// Returns `true` if the disk, a quota or a file has no room: `ENOSPC`, `EDQUOT` or `EFBIG`.
    pub(crate) fn is_out_of_space(&self) -> bool {
        self.kind() == ErrorKind::StorageFull
    }

    /// Returns an error if a size exceeds its limit.
    pub(crate) fn check_size(item: &'static str, size: usize, limit: usize) -> Result<()> {
        if size > limit { Err(Self::TooLarge { item, size, limit }) } else { Ok(()) }
    }

    /// Makes the error of damage at an offset of a file.
    pub(crate) fn corrupt(file: impl Into<PathBuf>, offset: u64, detail: impl Into<String>) -> Self {
        Self::Corrupt { file: file.into(), offset, detail: detail.into() }
    }
}

/// Returns `true` for too many open files and for a lack of memory.
///
/// `EMFILE` and `ENFILE` have no stable [`io::ErrorKind`]; their numbers are the same on every Unix.
fn is_resource_exhaustion(source: &io::Error) -> bool {
    source.kind() == io::ErrorKind::OutOfMemory || (cfg!(unix) && matches!(source.raw_os_error(), Some(23 | 24)))
}

/// Returns the first 64 characters of a text, for an error.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
