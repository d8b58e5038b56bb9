//! Every way a call can fail, each naming what it met and what to do next.
//! An error can be cloned, since one failed sync answers a whole group of writers.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::options::Duplicates;
use crate::point::{RefusedPoint, ValueType};

/// What every fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// Each variant's message names the file, field or series and says what to do next. Unless the variant is
/// [`OutcomeUnknown`](Error::OutcomeUnknown), a failed write is absent for certain.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another handle, snapshot or process has the directory open.
    #[error("{} is locked{}: close the other handle, snapshot or process first", dir.display(), by(*pid))]
    Locked {
        /// The directory that could not be locked.
        dir: PathBuf,
        /// The process that holds it, if it left its number.
        pid: Option<u32>,
    },
    /// There is no database in the directory, and the call may not create one.
    #[error("no database in {}: name the directory of an existing one", dir.display())]
    NotFound {
        /// The directory that was looked at.
        dir: PathBuf,
    },
    /// The directory holds other files and no database, so none is made among them.
    #[error("{} is not empty and holds no database (found {found}): choose an empty or new directory", dir.display())]
    NotADatabase {
        /// The directory that was looked at.
        dir: PathBuf,
        /// One of the names found there.
        found: String,
    },
    /// A backup was to be made in a directory that holds something; nothing was changed.
    #[error(
        "{} is not empty (found {found}): name a new or empty directory; what a backup left that did not end may be deleted",
        dir.display()
    )]
    NotEmpty {
        /// The directory that was named.
        dir: PathBuf,
        /// One of the names found there.
        found: String,
    },
    /// A backup was to be made inside the database that it is of; nothing was changed.
    #[error("{} lies inside the database {}: name a directory beside it", dir.display(), database.display())]
    BackupInside {
        /// The directory that was named.
        dir: PathBuf,
        /// The database's own.
        database: PathBuf,
    },
    /// Bytes on disk are not what was written.
    #[error("{} is damaged at byte {offset}: {what}; restore it from a backup, `timestrata verify` lists all damage", file.display())]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes from its start.
        offset: u64,
        /// What was expected and what was found.
        what: String,
    },
    /// A file carries another database's identity or another file's id.
    #[error("{} does not belong here: {what}; move it away or restore the right file", file.display())]
    ForeignFile {
        /// The file that does not belong.
        file: PathBuf,
        /// Which identity was expected and found.
        what: String,
    },
    /// The file is none of a timestrata database's.
    #[error("{} is no WAL segment, SST, manifest or series log: name a file that timestrata wrote", file.display())]
    NotOurs {
        /// The file that was looked at.
        file: PathBuf,
    },
    /// Files that the manifest names are gone.
    #[error("{} lacks files that its manifest names: {}; restore them from a backup", dir.display(), files.join(", "))]
    MissingFiles {
        /// The database's directory.
        dir: PathBuf,
        /// The names of the missing files.
        files: Vec<String>,
    },
    /// The file was written by a newer release; nothing was changed.
    #[error("{} has format version {found}, this release reads up to {newest}: use a newer release", file.display())]
    UnsupportedVersion {
        /// The file whose header says so.
        file: PathBuf,
        /// The version found there.
        found: u32,
        /// The newest version this release reads.
        newest: u32,
    },
    /// The operating system refused; no state changed unless the call's own text says otherwise.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// What was tried: "open", "sync", ...
        action: &'static str,
        /// On which file or directory.
        file: PathBuf,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// Too many open files or not enough memory; a later try may work.
    #[error("out of resources: cannot {action} {}: {source}; raise the limit or close other files, then try again", file.display())]
    Resource {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        file: PathBuf,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// The database was closed by another handle.
    #[error("the database is closed: open it again")]
    Closed,
    /// A part of the engine panicked: reads of existing snapshots go on, all else is refused.
    #[error("the engine stopped after an internal failure: drop every handle and open the database again")]
    Poisoned,
    /// A sync failed earlier, so no write is taken any more; reads go on.
    #[error(
        "the database is read-only since {reason}: drop every handle and open it again, which decides what is durable"
    )]
    ReadOnly {
        /// The failure that made it so.
        reason: String,
    },
    /// The write may or may not be on disk; opening the database again decides.
    #[error("the outcome of the write is unknown since {reason}: open the database again and look before repeating it")]
    OutcomeUnknown {
        /// The failure that left it open.
        reason: String,
    },
    /// The write failed and is absent for certain; the database goes on.
    #[error("the write failed and is absent for certain ({reason}): free space or mend the disk, then repeat it")]
    WriteFailed {
        /// The failure met.
        reason: String,
    },
    /// Queued writes fill their memory; the batch was not queued.
    #[error("too many writes are queued: wait and repeat, or use `write`, which waits")]
    Overloaded,
    /// A batch, name or query is larger than its bound; nothing of it was done.
    #[error("{what} is too large: {found}, at most {most}")]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// Its size.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// A metric name, tag or series text is not acceptable; nothing of its batch was written.
    #[error("invalid {field} {text:?}: {what}")]
    InvalidName {
        /// Which part: "metric name", "tag key", "tag value", "series key".
        field: &'static str,
        /// The text as given, cut to 64 characters.
        text: String,
        /// What is wrong with it.
        what: String,
    },
    /// Timestamps of a batch lie too far from the clock for a guard that the opening set; nothing of it was written.
    #[error("{}", refused(points))]
    RefusedPoints {
        /// Each point that was refused, in the batch's order.
        points: Vec<RefusedPoint>,
    },
    /// A value's type is not the series' type; nothing of its batch was written.
    #[error("series {series} holds {expected}, not {found}: use a key of its own for {found} values")]
    TypeMismatch {
        /// The series' key.
        series: String,
        /// The type it was made with.
        expected: ValueType,
        /// The type offered.
        found: ValueType,
    },
    /// A series was asked for with another way to treat duplicates than it was made with.
    #[error(
        "series {series} was made to {expected} of several points at one timestamp, not to {found}: that is for good"
    )]
    DuplicatesMismatch {
        /// The series' key.
        series: String,
        /// What it was made with.
        expected: Duplicates,
        /// What was asked for.
        found: Duplicates,
    },
    /// The `Series` belongs to another database, or to an earlier opening of this one.
    #[error("series {id} was not made by this opening of the database: call `db.series(key)` after each open")]
    UnknownSeries {
        /// The series id inside the handle.
        id: u32,
    },
    /// No series matches the key.
    #[error("no series {key}: see `snapshot.series(..)` for those that exist")]
    NoSuchSeries {
        /// The key that was looked for.
        key: String,
    },
    /// The cap on series is reached; existing series go on writing.
    #[error("a new series would exceed the cap of {cap}: raise `max_series`, or use fewer distinct tags")]
    TooManySeries {
        /// The cap in force.
        cap: u32,
    },
    /// An option's value makes no sense.
    #[error("option {option}: {what}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong and what is allowed.
        what: String,
    },
    /// A selector, range or window makes no sense.
    #[error("invalid query: {what}")]
    InvalidQuery {
        /// What is wrong and what is allowed.
        what: String,
    },
    /// The answer to a query does not fit in the memory it may take; nothing of it is returned.
    #[error(
        "the query needs {needed} bytes or more, and `memory_limit` allows {most}: narrow its range or selection, take longer \
         windows, or raise `Query::memory_limit`"
    )]
    QueryTooLarge {
        /// What it had taken when it was stopped.
        needed: usize,
        /// The limit.
        most: usize,
    },
    /// A query took longer than it may; nothing of its answer is returned.
    #[error("the query took longer than {deadline:?}: narrow its range or selection, or raise `Query::deadline`")]
    DeadlineExceeded {
        /// How long it might take.
        deadline: Duration,
    },
    /// A text is not a timestamp.
    #[error("{text:?} is not a timestamp: {what}")]
    InvalidTimestamp {
        /// The text as given.
        text: String,
        /// What is wrong with it.
        what: String,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

/// How many refused points a message names.
const NAMED_POINTS: usize = 3;

fn refused(points: &[RefusedPoint]) -> String {
    let named: Vec<String> = points.iter().take(NAMED_POINTS).map(ToString::to_string).collect();
    let more = match points.len().saturating_sub(NAMED_POINTS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "timestamps too far from the clock, nothing of the batch was written: {}{more}; leave these points out, or widen \
         `refuse_ahead_of_clock` or `refuse_behind_clock`",
        named.join(", ")
    )
}

impl Error {
    /// Wraps an operating system's error, telling a want of resources from the rest.
    pub(crate) fn io(action: &'static str, file: impl Into<PathBuf>, source: io::Error) -> Self {
        let (file, source) = (file.into(), Arc::new(source));
        if is_resource(&source) { Error::Resource { action, file, source } } else { Error::Io { action, file, source } }
    }

    /// Holds a size to its bound.
    pub(crate) fn check_size(what: &'static str, found: usize, most: usize) -> Result<()> {
        if found > most { Err(Self::TooLarge { what, found, most }) } else { Ok(()) }
    }

    /// Names damage at an offset of a file.
    pub(crate) fn corrupt(file: impl Into<PathBuf>, offset: u64, what: impl Into<String>) -> Self {
        Error::Corrupt { file: file.into(), offset, what: what.into() }
    }
}

/// `EMFILE` and `ENFILE` have no stable `ErrorKind`; their numbers are the same on every Unix.
fn is_resource(source: &io::Error) -> bool {
    source.kind() == io::ErrorKind::OutOfMemory || (cfg!(unix) && matches!(source.raw_os_error(), Some(23 | 24)))
}
