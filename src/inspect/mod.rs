//! Tells what is in one lone file: recognised by its first bytes, without a database around it, nothing changed.
//! It promises text that a person can read and a script can search line by line; it repairs and decides nothing.

mod logs;
mod report;
mod sst;
mod wal;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use logs::{ManifestInspection, SeriesLogInspection};
pub use sst::SstInspection;
pub use wal::{SpareInspection, WalInspection};

use self::report::Report;
use crate::env::{Dir, Open, OsEnv};
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::{manifest, sst as ssts, wal as log};

/// What is in one file.
///
/// Its text, through `Display`, is a report: the header's fields, the parts, and tables of what is inside, each cut after
/// 40 rows; [`whole`](Self::whole) cuts none.
#[derive(Debug)]
#[non_exhaustive]
pub enum Inspection {
    /// A columnar file of points.
    Sst(SstInspection),
    /// A segment of the write-ahead log.
    Wal(WalInspection),
    /// A file that waits to become a segment of the write-ahead log: its bytes mean nothing.
    Spare(SpareInspection),
    /// The list of the files that count.
    Manifest(ManifestInspection),
    /// The definitions of all series.
    SeriesLog(SeriesLogInspection),
}

/// Reads one file of a database, wherever it lies, and tells what is in it.
///
/// Takes no lock: a file of an open database may be read too, and a log's end then lies where it was at that moment.
/// What is wrong behind the header is part of the answer, see [`findings`](Inspection::findings).
///
/// # Errors
/// [`NotOurs`](Error::NotOurs) if neither its bytes nor its name are those of a file that this crate writes;
/// [`Corrupt`](Error::Corrupt) if what must be read first is damaged: a log's header, an SST's footer or top page;
/// [`UnsupportedVersion`](Error::UnsupportedVersion) if a newer release wrote it; and what the operating system says.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # timestrata::Db::builder(dir.path()).open_blocking()?.close_blocking()?;
/// let inspection = timestrata::inspect(dir.path().join("manifest"))?;
/// println!("{inspection}");
/// # assert!(inspection.to_string().starts_with("manifest"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(file: impl AsRef<Path>) -> Result<Inspection> {
    let path = file.as_ref();
    let refused = |why: &str| Error::io("open", path, io::Error::new(io::ErrorKind::InvalidInput, why));
    let name = path.file_name().ok_or_else(|| refused("it names no file"))?;
    let name = name.to_str().ok_or_else(|| refused("its name is not UTF-8"))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    inspect_in(&Dir::new(Arc::new(OsEnv), parent), name)
}

pub(crate) fn inspect_in(dir: &Dir, name: &str) -> Result<Inspection> {
    match recognise(dir, name)? {
        Kind::Sst => SstInspection::read(dir, name).map(Inspection::Sst),
        Kind::Wal => WalInspection::read(dir, name).map(Inspection::Wal),
        Kind::Spare => SpareInspection::read(dir, name).map(Inspection::Spare),
        Kind::Manifest => ManifestInspection::read(dir, name).map(Inspection::Manifest),
        Kind::SeriesLog => SeriesLogInspection::read(dir, name).map(Inspection::SeriesLog),
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Sst,
    Wal,
    Spare,
    Manifest,
    SeriesLog,
}

/// What a file is: by its name if that says that the bytes mean nothing, else by its bytes, and by its name again where
/// these are damaged.
fn recognise(dir: &Dir, name: &str) -> Result<Kind> {
    let by_name = kind_of_name(name);
    if let Some(Kind::Spare) = by_name {
        return Ok(Kind::Spare);
    }
    let file = dir.open(name, Open::Read)?;
    let len = file.len()?;
    let mut first = [0; 8];
    if len >= 8 {
        file.read_at(0, &mut first)?;
    }
    let (mut end, footer) = ([0; 8], len.checked_sub(FOOTER_MAGIC_FROM_END));
    if let Some(at) = footer {
        file.read_at(at, &mut end)?;
    }
    let by_bytes = match first {
        log::MAGIC => Some(Kind::Wal),
        manifest::MAGIC => Some(Kind::Manifest),
        manifest::SERIES_LOG_MAGIC => Some(Kind::SeriesLog),
        ssts::HEADER_MAGIC => Some(Kind::Sst),
        // Its header may be damaged: the footer is read first, and tells more.
        _ if end == ssts::FOOTER_MAGIC => Some(Kind::Sst),
        _ => None,
    };
    by_bytes.or(by_name).ok_or_else(|| Error::NotOurs { file: file.path().to_owned() })
}

/// The footer's magic, and the CRC behind it.
const FOOTER_MAGIC_FROM_END: u64 = 12;

fn kind_of_name(name: &str) -> Option<Kind> {
    match name {
        manifest::MANIFEST => Some(Kind::Manifest),
        manifest::SERIES_LOG => Some(Kind::SeriesLog),
        _ if ssts::parse_file_name(name).is_some() => Some(Kind::Sst),
        _ if log::parse_segment_name(name).is_some() => Some(Kind::Wal),
        _ if log::parse_spare_name(name).is_some() => Some(Kind::Spare),
        _ => None,
    }
}

/// Rows of each table that `Display` shows.
const ROWS: usize = 40;

impl Inspection {
    /// The report with every row of its tables, however many.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// println!("{}", timestrata::inspect("weather.db/wal-0000000000000003.log")?.whole());
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn whole(&self) -> impl fmt::Display + '_ {
        Whole(self)
    }

    /// All that is wrong with the file by itself; empty if every checksum and every rule in it holds.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Sst(file) => file.findings(),
            Self::Wal(file) => file.findings(),
            Self::Manifest(file) => file.findings(),
            // By itself a series log does not tell which of its bytes count.
            Self::SeriesLog(_) | Self::Spare(_) => &[],
        }
    }

    fn report(&self, rows: usize) -> Report {
        let mut report = match self {
            Self::Sst(file) => file.report(rows),
            Self::Wal(file) => file.report(rows),
            Self::Spare(file) => file.report(),
            Self::Manifest(file) => file.report(rows),
            Self::SeriesLog(file) => file.report(rows),
        };
        for finding in self.findings() {
            report.fact("damaged", format!("at byte {}: {}", finding.offset, finding.what));
        }
        report
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report(ROWS).fmt(f)
    }
}

struct Whole<'a>(&'a Inspection);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.report(usize::MAX).fmt(f)
    }
}
