//! Reports of the contents of a single file.
//!
//! The kind of the file is detected from its bytes or its name.
//!
//! No other file of the database is needed. The text is for people, and for scripts that search it line by line.
//! Inspection changes nothing.

mod manifest;
mod report;
mod sst;
mod wal;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use manifest::{ManifestInspection, SeriesLogInspection};
pub use sst::SstInspection;
pub use wal::{ReserveInspection, SpareInspection, WalInspection};

use self::report::TextReport;
use crate::format::finding::Finding;
use crate::format::{manifest as manifests, sst as ssts, wal as log};
use crate::platform::env::{Dir, OpenMode, OsEnv};
use crate::types::error::{Error, Result};

/// Contents of one file.
///
/// `Display` writes a report: the fields of the header, the parts, and tables of the contents. Tables of series,
/// blocks, records and SSTs have at most 40 rows; [`full`](Self::full) shows all rows.
#[derive(Debug)]
#[non_exhaustive]
pub enum Inspection {
    /// A sorted string table (SST): a columnar file of points.
    Sst(SstInspection),
    /// A segment of the write-ahead log.
    Wal(WalInspection),
    /// A spare segment: a file kept for reuse as a segment of the write-ahead log.
    ///
    /// Its content is meaningless.
    Spare(SpareInspection),
    /// A reserve: a file of blocks that are overwritten when the disk is full.
    ///
    /// Its content is meaningless.
    Reserve(ReserveInspection),
    /// The manifest: the list of the files that count.
    Manifest(ManifestInspection),
    /// The series log: the definitions of all series.
    SeriesLog(SeriesLogInspection),
}

/// Reads one file of a database, in any directory, and returns its contents.
///
/// Takes no lock. A file of an open database can be inspected, too; the report of a log then ends where the log ended
/// when it was read. Other defects than those below are part of the result, see [`findings`](Inspection::findings).
///
/// # Errors
/// [`UnknownFileType`](Error::UnknownFileType) if neither the bytes nor the name are those of a file that this crate
/// writes; [`Corrupt`](Error::Corrupt) if the part that is read first is damaged: a log's header, an SST's footer or
/// top page; [`UnsupportedVersion`](Error::UnsupportedVersion) if a newer release wrote the file;
/// [`Io`](Error::Io) also if the path has no file name, or one that is not UTF-8.
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
    let name = path.file_name().ok_or_else(|| refused("the path names no file"))?;
    let name = name.to_str().ok_or_else(|| refused("the file name is not UTF-8"))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    inspect_in(&Dir::new(Arc::new(OsEnv), parent), name)
}

/// Inspects one file of a directory; see [`inspect`].
pub(crate) fn inspect_in(dir: &Dir, name: &str) -> Result<Inspection> {
    match detect_kind(dir, name)? {
        FileKind::Sst => SstInspection::read(dir, name).map(Inspection::Sst),
        FileKind::Wal => WalInspection::read(dir, name).map(Inspection::Wal),
        FileKind::Spare => SpareInspection::read(dir, name).map(Inspection::Spare),
        FileKind::Reserve => ReserveInspection::read(dir, name).map(Inspection::Reserve),
        FileKind::Manifest => ManifestInspection::read(dir, name).map(Inspection::Manifest),
        FileKind::SeriesLog => SeriesLogInspection::read(dir, name).map(Inspection::SeriesLog),
    }
}

/// Kind of a database file.
#[derive(Debug, Clone, Copy)]
enum FileKind {
    Sst,
    Wal,
    Spare,
    Reserve,
    Manifest,
    SeriesLog,
}

/// Determines the kind of a file.
///
/// A spare and a reserve are identified by their names, since their bytes are meaningless. Other files are identified by the magic at their
/// start, an SST also by the magic in its footer, else by their name.
fn detect_kind(dir: &Dir, name: &str) -> Result<FileKind> {
    let by_name = kind_from_name(name);
    if let Some(kind @ (FileKind::Spare | FileKind::Reserve)) = by_name {
        return Ok(kind);
    }
    let file = dir.open(name, OpenMode::Read)?;
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
        log::MAGIC => Some(FileKind::Wal),
        manifests::MAGIC => Some(FileKind::Manifest),
        manifests::SERIES_LOG_MAGIC => Some(FileKind::SeriesLog),
        ssts::SST_HEADER_MAGIC => Some(FileKind::Sst),
        // An SST whose header is damaged: the footer is read first, and the report then lists the damage.
        _ if end == ssts::SST_FOOTER_MAGIC => Some(FileKind::Sst),
        _ => None,
    };
    by_bytes.or(by_name).ok_or_else(|| Error::UnknownFileType { file: file.path().to_owned() })
}

/// Distance from the start of the footer's magic to the end of the file, in bytes: the magic and a CRC.
const FOOTER_MAGIC_FROM_END: u64 = 12;

/// Determines the kind of a file by its name.
fn kind_from_name(name: &str) -> Option<FileKind> {
    match name {
        manifests::MANIFEST => Some(FileKind::Manifest),
        manifests::MANIFEST_RESERVE | log::RESERVE | log::OPENING_RESERVE => Some(FileKind::Reserve),
        _ if ssts::parse_sst_file_name(name).is_some() => Some(FileKind::Sst),
        _ if manifests::parse_series_log_name(name).is_some() => Some(FileKind::SeriesLog),
        _ if log::parse_segment_name(name).is_some() => Some(FileKind::Wal),
        _ if log::parse_spare_name(name).is_some() => Some(FileKind::Spare),
        _ => None,
    }
}

/// Maximum number of rows of each table that `Display` shows.
const MAX_SHOWN_ROWS: usize = 40;

impl Inspection {
    /// Returns the report with all rows of its tables.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// println!("{}", timestrata::inspect("weather.db/wal-0000000000000003.log")?.full());
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn full(&self) -> impl fmt::Display + '_ {
        FullReport(self)
    }

    /// Returns the defects of the file that can be found without other files; empty if there are none.
    ///
    /// For a WAL segment or a manifest this is the first defect, where reading stops. For a series log, a spare
    /// segment and a reserve the result is always empty.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Sst(file) => file.findings(),
            Self::Wal(file) => file.findings(),
            Self::Manifest(file) => file.findings(),
            // The manifest names how many bytes of a series log count.
            Self::SeriesLog(_) | Self::Spare(_) | Self::Reserve(_) => &[],
        }
    }

    fn report(&self, max_rows: usize) -> TextReport {
        let mut report = match self {
            Self::Sst(file) => file.report(max_rows),
            Self::Wal(file) => file.report(max_rows),
            Self::Spare(file) => file.report(),
            Self::Reserve(file) => file.report(),
            Self::Manifest(file) => file.report(max_rows),
            Self::SeriesLog(file) => file.report(max_rows),
        };
        for finding in self.findings() {
            report.add_field("damaged", format!("at byte {}: {}", finding.offset, finding.detail));
        }
        report
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report(MAX_SHOWN_ROWS).fmt(f)
    }
}

/// Report without a bound on the rows of its tables.
struct FullReport<'a>(&'a Inspection);

impl fmt::Display for FullReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.report(usize::MAX).fmt(f)
    }
}
