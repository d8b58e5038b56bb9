//! Tests of [`Error`]: a table of all variants with kind, retryability and text, and their causes.

use std::error::Error as StdError;
use std::io;

use super::*;
use crate::types::rejected_point::RejectReason;

fn io_error(kind: io::ErrorKind) -> Error {
    Error::io("write", "db/1.wal", kind.into())
}

fn full() -> Error {
    io_error(io::ErrorKind::StorageFull)
}

fn broken() -> Error {
    io_error(io::ErrorKind::Other)
}

fn too_many_files() -> Error {
    Error::io("open", "db/1.sst", io::ErrorKind::OutOfMemory.into())
}

/// Error, kind, retryable, text.
type Row = (Error, ErrorKind, bool, &'static str);

/// Errors about files, directories and the operating system.
fn file_rows() -> Vec<Row> {
    use ErrorKind::{Busy, Corrupt, InvalidInput, NotFound, Unsupported};
    let (dir, file) = (PathBuf::from("db"), PathBuf::from("db/1.sst"));
    let found = "letter.txt".to_owned();
    let detail = "the checksum is 1, expected 2".to_owned();
    vec![
        (
            Error::Locked { dir: dir.clone(), pid: Some(7) },
            Busy,
            true,
            "db is locked by process 7; close the other handle, snapshot or process, then open again",
        ),
        (
            Error::Locked { dir: dir.clone(), pid: None },
            Busy,
            true,
            "db is locked; close the other handle, snapshot or process, then open again",
        ),
        (
            Error::DirectoryMoved { dir: dir.clone() },
            ErrorKind::Reopen,
            false,
            "the directory db was moved or replaced; drop every handle, then open the database where it is now",
        ),
        (
            Error::SnapshotExpired { file: file.clone() },
            Busy,
            true,
            "db/1.sst was replaced by the process that writes the database; refresh the reader, and read from a new \
             snapshot",
        ),
        (
            Error::DatabaseNotFound { dir: dir.clone() },
            NotFound,
            false,
            "no database in db; name the directory of an existing one",
        ),
        (
            Error::NotADatabase { dir: dir.clone(), found: found.clone() },
            InvalidInput,
            false,
            "db holds other files and no database (found letter.txt); choose an empty or new directory",
        ),
        (
            Error::BackupTargetNotEmpty { dir: dir.clone(), found },
            InvalidInput,
            false,
            "the backup directory db is not empty (found letter.txt); name a new or empty directory, or delete the \
             incomplete backup in this one",
        ),
        (
            Error::BackupInsideDatabase { dir: "db/copy".into(), database: dir.clone() },
            InvalidInput,
            false,
            "the backup directory db/copy lies inside the database db; name a directory outside it",
        ),
        (
            Error::corrupt(&file, 9, detail.clone()),
            Corrupt,
            false,
            "db/1.sst is damaged at byte 9: the checksum is 1, expected 2; restore it from a backup (`timestrata verify` \
             lists all damage)",
        ),
        (
            Error::ForeignFile { file: file.clone(), detail },
            Corrupt,
            false,
            "db/1.sst does not belong here: the checksum is 1, expected 2; move it away, or restore the right file",
        ),
        (
            Error::UnknownFileType { file: file.clone() },
            InvalidInput,
            false,
            "db/1.sst is not a WAL segment, SST, manifest or series log; name a file that timestrata wrote",
        ),
        (
            Error::MissingFiles { dir, files: vec!["1.sst".to_owned(), "2.sst".to_owned()] },
            Corrupt,
            false,
            "db lacks files that its manifest names: 1.sst, 2.sst; restore them from a backup",
        ),
        (
            Error::UnsupportedVersion { file, found: 2, newest: 1 },
            Unsupported,
            false,
            "db/1.sst has format version 2, this release reads versions up to 1; use a newer release",
        ),
        (
            too_many_files(),
            Busy,
            true,
            "cannot open db/1.sst: out of memory; raise the limit or close other files, then try again",
        ),
        (
            Error::thread_start("timestrata-open", io::ErrorKind::WouldBlock.into()),
            Busy,
            true,
            "cannot start the thread timestrata-open: operation would block; raise the limit or end other threads, then \
             try again",
        ),
    ]
}

/// Errors of the operating system by their kind.
fn io_rows() -> Vec<Row> {
    use ErrorKind::{Io, StorageFull};
    let row = |io_kind, kind, retryable, text| (io_error(io_kind), kind, retryable, text);
    vec![
        row(
            io::ErrorKind::StorageFull,
            StorageFull,
            true,
            "cannot write db/1.wal: no storage space; free space, then try again",
        ),
        row(
            io::ErrorKind::QuotaExceeded,
            StorageFull,
            true,
            "cannot write db/1.wal: quota exceeded; free space, then try again",
        ),
        row(
            io::ErrorKind::FileTooLarge,
            StorageFull,
            true,
            "cannot write db/1.wal: file too large; raise the limit on file sizes, then try again",
        ),
        row(io::ErrorKind::Interrupted, Io, true, "cannot write db/1.wal: operation interrupted; try again"),
        row(io::ErrorKind::TimedOut, Io, true, "cannot write db/1.wal: timed out; try again"),
        row(io::ErrorKind::NotFound, Io, false, "cannot write db/1.wal: entity not found; check the path"),
        row(
            io::ErrorKind::PermissionDenied,
            Io,
            false,
            "cannot write db/1.wal: permission denied; change the permissions, or run as the owner",
        ),
        row(
            io::ErrorKind::ReadOnlyFilesystem,
            Io,
            false,
            "cannot write db/1.wal: read-only filesystem or storage medium; choose a writable directory",
        ),
        row(io::ErrorKind::NotADirectory, Io, false, "cannot write db/1.wal: not a directory; name a directory"),
        row(io::ErrorKind::IsADirectory, Io, false, "cannot write db/1.wal: is a directory; name a file"),
        row(io::ErrorKind::Other, Io, false, "cannot write db/1.wal: other error; check the disk, then try again"),
    ]
}

/// Calls that a file system does not support (`ENOSYS`, `EOPNOTSUPP`, `EINVAL` of a sync): the disk may be sound.
#[test]
fn an_unsupported_call_is_no_reason_to_check_the_disk() {
    let unsupported = |action, kind: io::ErrorKind| Error::io(action, "db", kind.into());
    for error in [
        unsupported("sync", io::ErrorKind::InvalidInput),
        unsupported("sync", io::ErrorKind::Unsupported),
        unsupported("lock", io::ErrorKind::Unsupported),
        unsupported("open", io::ErrorKind::Unsupported),
    ] {
        assert_eq!(error.advice(), "choose a directory on a file system that supports this call", "{error}");
        assert!(
            Error::read_only(error).advice().contains("move the database to a file system that supports this call")
        );
    }
    // For a call with a path, the path is the invalid input.
    assert_eq!(unsupported("open", io::ErrorKind::InvalidInput).advice(), "check the path");
    assert_eq!(broken().advice(), "check the disk, then try again");
}

/// Errors about the state of the database and the outcome of a write.
fn state_rows() -> Vec<Row> {
    use ErrorKind::{Bug, Busy, Closed, InvalidInput, Io, OutcomeUnknown, Reopen, StorageFull};
    vec![
        (Error::Closed, Closed, false, "the database is closed; open it again"),
        (
            Error::ForkedHandle { pid: 7 },
            Closed,
            false,
            "the handle belongs to process 7, and a fork copied it into this one; open the database after the fork, in one \
             of the two processes",
        ),
        (
            Error::RuntimeShutdown,
            Closed,
            false,
            "the tokio runtime shut down before the read began; read before the runtime ends",
        ),
        (
            Error::EnginePanicked,
            Bug,
            false,
            "a thread of the engine panicked; report the panic, drop every handle and open the database again",
        ),
        (
            Error::internal("an input is missing"),
            Bug,
            false,
            "internal error: an input is missing; report this bug, drop every handle and open the database again",
        ),
        (
            Error::read_only(broken()),
            Reopen,
            false,
            "the database is read-only: cannot write db/1.wal: other error; drop every handle and open the database again",
        ),
        (
            Error::read_only(full()),
            Reopen,
            false,
            "the database is read-only: cannot write db/1.wal: no storage space; free space, then drop every handle and \
             open the database again",
        ),
        (
            Error::outcome_unknown(broken()),
            OutcomeUnknown,
            false,
            "it is unknown whether the write is durable: cannot write db/1.wal: other error; open the database again and \
             check before repeating the write",
        ),
        (
            Error::outcome_unknown(full()),
            OutcomeUnknown,
            false,
            "it is unknown whether the write is durable: cannot write db/1.wal: no storage space; free space, then open \
             the database again and check before repeating the write",
        ),
        (
            Error::write_failed(full()),
            StorageFull,
            true,
            "the write failed and was not applied: cannot write db/1.wal: no storage space; free space, then try again",
        ),
        (
            Error::write_failed(broken()),
            Io,
            true,
            "the write failed and was not applied: cannot write db/1.wal: other error; check the disk, then try again",
        ),
        (
            Error::write_failed(too_many_files()),
            Busy,
            true,
            "the write failed and was not applied: cannot open db/1.sst: out of memory; raise the limit or close other \
             files, then try again",
        ),
        (
            Error::write_failed(Error::check_size("a record, in bytes,", 2, 1).unwrap_err()),
            InvalidInput,
            false,
            "the write failed and was not applied: a record, in bytes, is too large: 2, at most 1; make it smaller",
        ),
        (
            Error::PartlyWritten {
                written: vec![WrittenPiece { points: 0..7, seq: 1 }],
                skipped: Vec::new(),
                skipped_count: 0,
                cause: Error::write_failed(full()).into(),
            },
            StorageFull,
            false,
            "only the first 7 points of the batch are written: the write failed and was not applied: cannot write \
             db/1.wal: no storage space; free space, then try again",
        ),
        (
            Error::write_stalled(full()),
            StorageFull,
            true,
            "the write waited for a flush, and flushes fail: cannot write db/1.wal: no storage space; free space, then try again",
        ),
        (Error::QueueFull, Busy, true, "the write queue is full; try again later, or use `write`, which waits"),
    ]
}

/// Errors about the arguments and data of a call.
fn input_rows() -> Vec<Row> {
    let row = |error, text| (error, ErrorKind::InvalidInput, false, text);
    let (series, text) = ("temp".to_owned(), "yesterday".to_owned());
    vec![
        row(
            Error::InvalidName { field: "tag key", text: String::new(), detail: "it is empty".to_owned() },
            "invalid tag key \"\": it is empty; change the name",
        ),
        row(
            Error::TooLarge { item: "a batch, in points,", size: 20_000, limit: 16_384 },
            "a batch, in points, is too large: 20000, at most 16384; make it smaller",
        ),
        row(
            Error::KeyTooLong { series: series.clone(), bytes: 20_000, limit: 16_384 },
            "the key of series temp has 20000 bytes, at most 16384 are allowed; shorten its tag values",
        ),
        row(
            Error::TooManyTags { series: series.clone(), tags: 65, limit: 64 },
            "series temp has 65 tags, at most 64 are allowed; use fewer tags, or raise `max_tags` (at most 256)",
        ),
        row(
            Error::RejectedPoints { points: Vec::new() },
            "0 timestamps are too far from the clock; leave these points out, or widen `reject_ahead_of_clock` or \
             `reject_behind_clock`",
        ),
        row(
            Error::TypeMismatch { series: series.clone(), expected: ValueType::F64, found: ValueType::I64 },
            "series temp holds f64, not i64; use another key for values of this type",
        ),
        row(
            Error::ValueTypeMismatch { expected: ValueType::F64, found: ValueType::Bool },
            "the value is bool, not f64; match on the type of the value",
        ),
        row(
            Error::ColumnLengths { timestamps: 2, values: 3 },
            "2 timestamps for 3 values; give one value for each timestamp",
        ),
        row(
            Error::DuplicatesMismatch { series, expected: DuplicatePolicy::KeepAll, found: DuplicatePolicy::KeepLast },
            "series temp has the duplicate policy `keep all`, not `keep the last`; use the policy of the series, or \
             another key",
        ),
        row(
            Error::StaleSeries { id: 3 },
            "the handle of series 3 belongs to another opening of the database; get it again with `db.series(&key)`",
        ),
        row(
            Error::InvalidOption { option: "max_series", detail: "must be from 1 to 2^31".to_owned() },
            "invalid option max_series: must be from 1 to 2^31; change the option",
        ),
        row(
            Error::InvalidQuery { detail: "0 threads, at least 1 is needed".to_owned() },
            "invalid query: 0 threads, at least 1 is needed; change the query",
        ),
        row(
            Error::SumOverflow { series: "temp".to_owned(), value_type: ValueType::I64, window: Timestamp::UNIX_EPOCH },
            "the sum of temp in the window at 1970-01-01T00:00:00Z exceeds the range of i64; use the aggregate `sum as \
             f64`, or shorter windows",
        ),
        row(
            Error::InvalidTimestamp { text, detail: "no date".to_owned() },
            "\"yesterday\" is not a timestamp: no date; write it as in 2013-01-01T06:00:00Z",
        ),
        (
            Error::SeriesNotFound { key: "temp".to_owned() },
            ErrorKind::NotFound,
            false,
            "no series temp; create it with `create_series`, or list those that exist",
        ),
        (
            Error::UnflushedLogTooLarge { needed: 20, limit: 10 },
            ErrorKind::LimitExceeded,
            false,
            "the unflushed log needs at least 20 bytes, `memory_budget` leaves 10; raise `memory_budget`, or flush the \
             database",
        ),
        (
            Error::QueryTooLarge { needed: 20, limit: 10 },
            ErrorKind::LimitExceeded,
            false,
            "the query needs at least 20 bytes, `memory_limit` allows 10; narrow its time range or selector, take longer \
             windows, or raise `Query::memory_limit`",
        ),
        (
            Error::TooManyDistinctValues { series: "temp".to_owned(), limit: 10, window: Timestamp::UNIX_EPOCH },
            ErrorKind::LimitExceeded,
            false,
            "temp has more than 10 distinct values in the window at 1970-01-01T00:00:00Z; take shorter windows",
        ),
        (
            Error::DeadlineExceeded { deadline: Duration::from_secs(1) },
            ErrorKind::LimitExceeded,
            false,
            "the query took longer than 1s; narrow its time range or selector, or raise `Query::deadline`",
        ),
    ]
}

/// Errors about the limits of queries and of their runtime.
fn query_limit_rows() -> Vec<Row> {
    vec![
        (
            Error::QueryLimitExceeded { what: "points", found: 20, limit: 10 },
            ErrorKind::LimitExceeded,
            false,
            "the query needs at least 20 points, its limit is 10; narrow its time range or selector, or raise \
             `Query::max_series` or `Query::max_points`",
        ),
        (
            Error::QueryRuntimeBusy { detail: "9 queries wait for a slot".to_owned() },
            ErrorKind::Busy,
            true,
            "the query runtime is busy: 9 queries wait for a slot; try again later, or raise the limits of the \
             `Runtime`",
        ),
        (Error::ScanCancelled, ErrorKind::Closed, false, "the scan was cancelled; begin a new scan"),
    ]
}

fn series_limit_rows() -> Vec<Row> {
    vec![
        (
            Error::TooManySeries { cap: 5 },
            ErrorKind::LimitExceeded,
            false,
            "a new series would exceed the limit of 5; raise `max_series`, or use fewer distinct tag values",
        ),
        (
            Error::SeriesIdsExhausted { limit: 7 },
            ErrorKind::LimitExceeded,
            false,
            "no series id is left: 7 series have been defined, dropped ones included; copy the data to a new database, \
             whose ids begin again",
        ),
        (
            Error::TooManyKeyBytes { cap: 50 },
            ErrorKind::LimitExceeded,
            false,
            "the keys of all series would exceed the limit of 50 bytes; raise `max_series_key_bytes`, or use fewer or \
             shorter keys",
        ),
    ]
}

fn rows() -> Vec<Row> {
    [file_rows(), io_rows(), state_rows(), input_rows(), series_limit_rows(), query_limit_rows()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn each_variant_has_its_kind_and_its_text() {
    for (error, kind, retryable, text) in rows() {
        assert_eq!(error.to_string(), text);
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{text}");
    }
}

#[test]
fn each_variant_is_in_the_table() {
    let names: std::collections::BTreeSet<String> = rows()
        .iter()
        .map(|(error, ..)| format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect())
        .collect();
    // The variants of the enum, read from its source file.
    let source = include_str!("../error.rs");
    let (_, body) = source.split_once("pub enum Error {").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let variants: std::collections::BTreeSet<String> = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| line.chars().take_while(char::is_ascii_alphanumeric).collect())
        .collect();
    assert_eq!(names, variants);
}

#[test]
fn a_text_has_one_next_step_and_repeats_no_word() {
    for (error, ..) in rows() {
        let text = error.to_string();
        assert_eq!(text.matches("; ").count(), 1, "{text}");
        assert_eq!(text, format!("{}; {}", error.summary(), error.advice()));
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "{text}");
    }
}

#[test]
fn a_cause_is_kept_once_however_often_it_is_wrapped() {
    let wraps: [fn(Error) -> Error; 4] =
        [Error::write_failed, Error::write_stalled, Error::outcome_unknown, Error::read_only];
    for last in wraps {
        let text = last(full()).to_string();
        for first in wraps {
            for second in wraps {
                let wrapped = last(second(first(full())));
                assert_eq!(wrapped.to_string(), text);
                assert_eq!(wrapped.kind(), last(full()).kind());
            }
        }
    }
}

#[test]
fn the_chain_of_sources_ends_at_the_error_of_the_operating_system() {
    for error in [Error::write_failed(full()), Error::outcome_unknown(full()), Error::read_only(full())] {
        assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull));
        let cause = error.source().unwrap();
        assert!(matches!(cause.downcast_ref::<Error>(), Some(Error::Io { .. })), "{cause:?}");
        let root = cause.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(root.kind(), io::ErrorKind::StorageFull);
        assert!(cause.source().unwrap().source().is_none());
    }
    for error in [too_many_files(), Error::thread_start("t", io::ErrorKind::OutOfMemory.into())] {
        assert_eq!(error.io_kind(), Some(io::ErrorKind::OutOfMemory));
        assert!(error.source().unwrap().is::<io::Error>());
    }
    assert!(Error::Closed.source().is_none() && Error::Closed.io_kind().is_none());
    assert!(Error::write_failed(Error::Closed).io_kind().is_none());
}

#[test]
fn an_error_can_be_cloned_sent_shared_and_caught() {
    fn assert_bounds<T: Clone + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe + 'static>() {}
    assert_bounds::<Error>();
}

#[cfg(unix)]
#[test]
fn too_many_open_files_are_exhausted_resources() {
    for errno in [23, 24] {
        let error = Error::io("open", "db/1.sst", io::Error::from_raw_os_error(errno));
        assert!(matches!(error, Error::OutOfResources { .. }) && error.is_retryable(), "{error:?}");
    }
}

#[test]
fn an_earlier_version_that_is_not_read_names_the_release_that_wrote_it() {
    let error = Error::UnsupportedVersion { file: "db/1.sst".into(), found: 1, newest: 2 };
    let text =
        "db/1.sst has format version 1, this release reads version 2; export its points with the release that wrote it";
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_is_rejected_for_good_has_a_code_and_is_not_to_be_retried() {
    use ErrorKind::{InvalidInput, LimitExceeded};
    let mut codes = Vec::new();
    for (error, kind, retryable, text) in rows() {
        if let Some(code) = error.rejection_code() {
            assert!(!retryable && matches!(kind, InvalidInput | LimitExceeded), "{text}");
            codes.push(code);
        }
    }
    let bounds = [
        (RejectReason::AheadOfClock { latest: Timestamp::UNIX_EPOCH }, RejectionCode::AheadOfClock),
        (RejectReason::BehindClock { earliest: Timestamp::UNIX_EPOCH }, RejectionCode::BehindClock),
        (RejectReason::BehindCutoff { cutoff: Timestamp::UNIX_EPOCH }, RejectionCode::BehindCutoff),
    ];
    for (reason, code) in bounds {
        let point = RejectedPoint { index: 0, series: "temp".into(), timestamp: Timestamp::UNIX_EPOCH, reason };
        let error = Error::RejectedPoints { points: vec![point] };
        assert_eq!((reason.code(), error.rejection_code()), (code, Some(code)));
        assert!(!error.is_retryable());
        codes.push(code);
    }
    codes.sort_unstable();
    assert_eq!(codes, RejectionCode::ALL, "each code is that of one variant");
}

#[test]
fn what_passes_has_no_code_and_says_what_to_wait_for() {
    use ErrorKind::{Busy, Io, OutcomeUnknown, Reopen, StorageFull};
    let transient = [
        (Error::QueueFull, Busy),
        (Error::write_failed(full()), StorageFull),
        (Error::write_stalled(full()), StorageFull),
        (Error::write_stalled(broken()), Io),
        (Error::write_failed(too_many_files()), Busy),
    ];
    for (error, kind) in transient {
        assert_eq!((error.kind(), error.is_retryable(), error.rejection_code()), (kind, true, None), "{error}");
    }
    for (error, kind) in [(Error::read_only(full()), Reopen), (Error::outcome_unknown(full()), OutcomeUnknown)] {
        assert_eq!((error.kind(), error.is_retryable(), error.rejection_code()), (kind, false, None), "{error}");
    }
    assert_eq!((Reopen.as_str(), StorageFull.to_string().as_str()), ("reopen", "storage_full"));
}
