//! Opens the database that `--db` names and prints notes of its recovery.
//! Only `ingest` and `demo` may create a database.

use std::path::{Path, PathBuf};

use timestrata::{Db, DbReader, DuplicatePolicy, OpenReport};

use crate::failure::{Failure, Result};

/// Returns the directory given by `--db`.
pub(crate) fn dir(db: Option<PathBuf>) -> Result<PathBuf> {
    db.ok_or_else(|| Failure::failed("no database named: give --db DIR, or set TIMESTRATA_DB"))
}

/// Opens an existing database for reading only: another process may be writing it.
pub(crate) fn read(dir: &Path) -> Result<DbReader> {
    Ok(Db::builder(dir).read_only().open_blocking()?)
}

/// Opens an existing database.
pub(crate) fn open(dir: &Path) -> Result<Db> {
    let db = Db::builder(dir).create_if_missing(false).open_blocking()?;
    print_recovery_note(db.open_report());
    Ok(db)
}

/// Opens a database, or creates it if there is none.
///
/// An existing database must have the requested duplicate policy.
pub(crate) fn open_or_create(dir: &Path, duplicates: Option<DuplicatePolicy>) -> Result<Db> {
    let mut builder = Db::builder(dir);
    if let Some(duplicates) = duplicates {
        builder = builder.duplicates(duplicates);
    }
    let db = builder.open_blocking()?;
    print_recovery_note(db.open_report());
    Ok(db)
}

/// Prints a note if recovery dropped a torn tail.
fn print_recovery_note(report: &OpenReport) {
    if let Some(tail) = &report.torn_tail {
        note(&format!(
            "an unfinished write at the end of the log was dropped: {} bytes at {} of {}, kept in {}",
            tail.bytes,
            tail.offset,
            tail.file.display(),
            tail.copy.display()
        ));
    }
}

/// Prints a line on stderr.
pub(crate) fn say(text: &str) {
    use std::io::Write;
    // A closed stderr is not an error.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a note, one line, on stderr.
pub(crate) fn note(text: &str) {
    say(&format!("note: {text}"));
}
