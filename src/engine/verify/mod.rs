//! Verification of a database's files: every used byte, every checksum, every rule between files.
//!
//! It runs no recovery, changes no byte, and continues behind damage wherever the rest can be checked.

mod logs;
mod ssts;
mod without_manifest;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::engine::store::{DirectoryListing, LOCK_FILE, acquire_shared_lock};
use crate::format::finding::Finding;
use crate::format::manifest::{MANIFEST, ManifestContents};
use crate::platform::env::{Dir, OsEnv};
use crate::state::series_index::SeriesIndex;
use crate::state::version::DurableState;
use crate::types::error::{Error, Result};

/// Report of [`verify`].
///
/// # Examples
///
/// ```no_run
/// let report = timestrata::verify("weather.db")?;
/// assert!(report.findings.is_empty(), "{}", report.findings[0]);
/// println!("{} points in {} files, {} bytes", report.points, report.files, report.bytes);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of files that were read, damaged or not.
    pub files: u64,
    /// Total length of these files, in bytes.
    pub bytes: u64,
    /// Points in SSTs, and those of the write-ahead log that the next opening would replay.
    pub points: u64,
    /// All damage, in the order of reading; empty if every checksum and every rule holds.
    pub findings: Vec<Finding>,
    /// Facts that are not damage.
    ///
    /// Examples are a torn tail that the next opening would drop, obsolete files, and unknown files.
    pub notes: Vec<String>,
}

/// Reads every used byte of the database in a directory and reports all damage.
///
/// Runs no recovery and changes nothing. Holds a shared lock of the directory while it reads.
///
/// # Errors
/// [`DatabaseNotFound`](Error::DatabaseNotFound) if there is no database; [`Locked`](Error::Locked) while it is open;
/// [`UnsupportedVersion`](Error::UnsupportedVersion) if a newer release wrote one of its files; errors of the operating
/// system. Damage is not an error but a [`Finding`].
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("weather.db");
/// # timestrata::Db::builder(&path).open_blocking()?.close_blocking()?;
/// let report = timestrata::verify(&path)?;
/// for finding in &report.findings {
///     eprintln!("{finding}");
/// }
/// # assert_eq!(report.findings, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(dir: impl AsRef<Path>) -> Result<VerifyReport> {
    verify_in(&Dir::new(Arc::new(OsEnv), dir.as_ref()))
}

pub(crate) fn verify_in(dir: &Dir) -> Result<VerifyReport> {
    let not_found = || Error::DatabaseNotFound { dir: dir.path().to_owned() };
    match dir.list() {
        Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => return Err(not_found()),
        other => drop(other?),
    }
    let dir = &dir.hold()?;
    let lock = acquire_shared_lock(dir)?;
    let listed = DirectoryListing::list(dir)?;
    if !listed.has_data() {
        return Err(not_found());
    }
    let lens = dir.list()?.into_iter().map(|entry| (entry.name, entry.len)).collect();
    let mut verification = DatabaseVerifier {
        dir,
        listed: &listed,
        file_lens: lens,
        report: VerifyReport::default(),
        series: SeriesIndex::default(),
        series_complete: true,
    };
    if lock.lacks_file() {
        let exposed =
            if lock.holds_directory() { "" } else { ", so another process could have changed files during the check" };
        verification.add_note(format!("{LOCK_FILE} is missing{exposed}; the next opening creates it"));
    }
    verification.run()?;
    Ok(verification.report)
}

/// State of a running verification.
struct DatabaseVerifier<'a> {
    dir: &'a Dir,
    listed: &'a DirectoryListing,
    /// Length of each file in the directory, in bytes.
    file_lens: BTreeMap<String, u64>,
    report: VerifyReport,
    /// Series whose definitions could be read so far.
    series: SeriesIndex,
    /// `false` if a definition may be missing from `series`.
    ///
    /// An unknown series may then be one whose definition is in a damaged file; that damage is reported already.
    series_complete: bool,
}

impl DatabaseVerifier<'_> {
    fn run(&mut self) -> Result<()> {
        self.note_leftovers();
        if self.listed.manifest {
            self.count_file(MANIFEST);
            let read = ManifestContents::read(self.dir);
            if let Some(manifest) = self.accept(read)? {
                return self.verify_with_manifest(&manifest);
            }
        } else {
            self.add_finding(MANIFEST, 0, "it is missing, but other files of a database exist");
        }
        self.verify_without_manifest()
    }

    fn verify_with_manifest(&mut self, manifest: &ManifestContents) -> Result<()> {
        let durable = &manifest.state;
        self.check_durable_state(durable);
        let segments = self.plan_segments(manifest)?;
        self.verify_series_log(manifest.uuid, durable)?;
        for (id, end) in segments {
            self.verify_segment(manifest.uuid, id, end, durable.flushed_seq)?;
        }
        // Last: an SST may have series whose definitions are only in the WAL.
        self.verify_ssts(manifest.uuid, durable)
    }

    /// Checks the rules of the manifest's state that recovery relies on and does not check.
    fn check_durable_state(&mut self, durable: &DurableState) {
        for sst in durable.ssts.iter() {
            let id = sst.id.get();
            if sst.max_seq > durable.flushed_seq {
                let what = format!("SST {id:016x} reaches up to seq {}, beyond flushed_seq", sst.max_seq);
                self.add_finding(MANIFEST, 0, what);
            }
            if sst.id >= durable.next_file_id {
                self.add_finding(MANIFEST, 0, format!("SST {id:016x} is not below the next file's id"));
            }
        }
        if durable.wal_floor >= durable.next_file_id {
            self.add_finding(MANIFEST, 0, "the floor is not below the next file's id");
        }
    }

    /// Adds a note for each temporary file, copy of a torn tail and unknown file, by its name.
    fn note_leftovers(&mut self) {
        let listed = self.listed;
        for name in &listed.temporaries {
            self.add_note(format!(
                "{name}: temporary file of an operation that did not finish; the next opening removes it"
            ));
        }
        for name in &listed.torn_tail_copies {
            self.add_note(format!("{name}: copy of a torn tail of the WAL; it may be deleted"));
        }
        for name in &listed.unknown {
            self.add_note(format!("{name}: unknown file; it is kept"));
        }
    }

    /// Returns the value.
    ///
    /// An error that reports damage becomes a finding, and the result is `None`.
    ///
    /// # Errors
    /// Any other error.
    fn accept<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.report.findings.push(Finding::from_error(error)?);
                Ok(None)
            }
        }
    }

    fn add_finding(&mut self, name: &str, offset: u64, what: impl Into<String>) {
        self.report.findings.push(Finding::new(self.dir.file_path(name), offset, what));
    }

    fn add_missing_file(&mut self, name: &str) {
        self.add_finding(name, 0, "it is missing; restore it from a backup");
    }

    fn add_note(&mut self, note: String) {
        self.report.notes.push(note);
    }

    fn count_file(&mut self, name: &str) {
        self.report.files += 1;
        self.report.bytes += self.file_lens.get(name).copied().unwrap_or_default();
    }
}
