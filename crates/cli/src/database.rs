//! Opening the database that `--db` names, and what is said about how it opened.
//! Only `ingest` and `demo` may make one.

use std::path::{Path, PathBuf};

use timestrata::{Db, Duplicates, OpenReport};

use crate::failure::{Failure, Result};

/// The directory that was named.
pub(crate) fn dir(db: Option<PathBuf>) -> Result<PathBuf> {
    db.ok_or_else(|| Failure::error("no database named: give --db DIR, or set TIMESTRATA_DB"))
}

/// Opens a database that exists.
pub(crate) fn open(dir: &Path) -> Result<Db> {
    let db = Db::builder(dir).create(false).open_blocking()?;
    tell(db.open_report());
    Ok(db)
}

/// Opens a database, and makes it first if there is none. One that exists must treat duplicates as asked for.
pub(crate) fn open_or_create(dir: &Path, duplicates: Option<Duplicates>) -> Result<Db> {
    let mut builder = Db::builder(dir);
    if let Some(duplicates) = duplicates {
        builder = builder.duplicates(duplicates);
    }
    let db = builder.open_blocking()?;
    tell(db.open_report());
    Ok(db)
}

/// A user should know that the last writes before a crash were cut short.
fn tell(report: &OpenReport) {
    if let Some(tail) = &report.forgiven {
        note(&format!(
            "an unfinished write at the end of the log was dropped: {} bytes at {} of {}, kept in {}",
            tail.bytes,
            tail.offset,
            tail.file.display(),
            tail.kept.display()
        ));
    }
}

/// One line on stderr that is no error.
pub(crate) fn note(text: &str) {
    use std::io::Write;
    // Whoever closed stderr wants no notes.
    let _ = writeln!(std::io::stderr(), "note: {text}");
}
