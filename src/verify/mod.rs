//! Checks a database's files as they lie there: every byte that counts, every checksum, every rule between files.
//! It promises to run no recovery and to change no byte, and to go on past damage wherever the rest can still be judged.

mod logs;
mod ssts;
mod unlisted;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::env::{Dir, OsEnv};
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::manifest::{MANIFEST, ManifestRead};
use crate::store::{Directory, LOCK, lock_shared};
use crate::version::{Durable, SeriesIndex};

/// What [`verify`] read and found.
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
#[non_exhaustive]
pub struct VerifyReport {
    /// Files that were read: those that count, damaged or not.
    pub files: u64,
    /// Their lengths together, in bytes.
    pub bytes: u64,
    /// Points in SSTs, and those of the write-ahead log that the next opening would replay.
    pub points: u64,
    /// All damage, in the order of reading; empty if every checksum and every rule holds.
    pub findings: Vec<Finding>,
    /// What is no damage and worth knowing: the torn end of a log that the next opening would drop, files that nothing
    /// needs, names that are not this engine's.
    pub notes: Vec<String>,
}

/// Reads every byte that counts of the database in a directory and names all that is damaged.
///
/// Runs no recovery and changes nothing. It takes the directory's lock while it reads, beside others that verify.
///
/// # Errors
/// [`NotFound`](Error::NotFound) if there is no database; [`Locked`](Error::Locked) while anyone has it open;
/// [`UnsupportedVersion`](Error::UnsupportedVersion) if a newer release wrote one of its files; and what the operating
/// system says. Damage is no error but a [`Finding`].
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
    let not_found = || Error::NotFound { dir: dir.path().to_owned() };
    match dir.list() {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Err(not_found()),
        other => drop(other?),
    }
    let lock = lock_shared(dir)?;
    let listed = Directory::list(dir)?;
    if !listed.has_data() {
        return Err(not_found());
    }
    let lens = dir.list()?.into_iter().map(|entry| (entry.name, entry.len)).collect();
    let mut verification = Verification {
        dir,
        listed: &listed,
        lens,
        report: VerifyReport::default(),
        series: SeriesIndex::default(),
        series_whole: true,
    };
    if lock.is_none() {
        verification
            .note(format!("{LOCK} is missing, so nothing kept others away meanwhile; the next opening makes it"));
    }
    verification.run()?;
    Ok(verification.report)
}

/// A verification under way.
struct Verification<'a> {
    dir: &'a Dir,
    listed: &'a Directory,
    lens: BTreeMap<String, u64>,
    report: VerifyReport,
    /// Every series that could be read so far.
    series: SeriesIndex,
    /// Whether no definition can be missing from `series`: else a series not found there may be one that could not be
    /// read, and that damage has been named already.
    series_whole: bool,
}

impl Verification<'_> {
    fn run(&mut self) -> Result<()> {
        self.names();
        if self.listed.manifest {
            self.count_file(MANIFEST);
            let read = ManifestRead::read(self.dir);
            if let Some(manifest) = self.accept(read)? {
                return self.with_manifest(&manifest);
            }
        } else {
            self.find(MANIFEST, 0, "it is missing, and other files of a database are there");
        }
        self.without_manifest()
    }

    fn with_manifest(&mut self, manifest: &ManifestRead) -> Result<()> {
        let durable = &manifest.durable;
        self.durable(durable);
        let segments = self.plan(manifest)?;
        self.series_log(manifest.uuid, durable.series_log_len)?;
        for (id, end) in segments {
            self.segment(manifest.uuid, id, end, durable.flushed_seq)?;
        }
        // Last: an SST may hold series whose definitions the WAL alone has.
        self.named_ssts(manifest.uuid, durable)
    }

    /// What recovery relies on in a manifest and does not check.
    fn durable(&mut self, durable: &Durable) {
        for sst in &durable.ssts {
            let id = sst.id.get();
            if sst.max_seq > durable.flushed_seq {
                let what = format!("SST {id:016x} reaches up to seq {}, beyond flushed_seq", sst.max_seq);
                self.find(MANIFEST, 0, what);
            }
            if sst.id >= durable.next_file {
                self.find(MANIFEST, 0, format!("SST {id:016x} is not below the next file's id"));
            }
        }
        if durable.floor >= durable.next_file {
            self.find(MANIFEST, 0, "the floor is not below the next file's id");
        }
    }

    /// Names that say all there is to say of their files.
    fn names(&mut self) {
        let listed = self.listed;
        for name in &listed.temporaries {
            self.note(format!("{name}: in the making when something ended; the next opening removes it"));
        }
        for name in &listed.kept_tails {
            self.note(format!("{name}: the torn end of a log that an opening kept aside; it may be deleted"));
        }
        for name in &listed.unknown {
            self.note(format!("{name}: not a name that timestrata gives; left alone"));
        }
    }

    /// The value; or `None`, and what the error says of a file's bytes among the findings.
    fn accept<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.report.findings.push(Finding::of(error)?);
                Ok(None)
            }
        }
    }

    fn find(&mut self, name: &str, offset: u64, what: impl Into<String>) {
        self.report.findings.push(Finding::new(self.dir.file_path(name), offset, what));
    }

    fn missing(&mut self, name: &str) {
        self.find(name, 0, "it is missing; restore it from a backup");
    }

    fn note(&mut self, note: String) {
        self.report.notes.push(note);
    }

    fn count_file(&mut self, name: &str) {
        self.report.files += 1;
        self.report.bytes += self.lens.get(name).copied().unwrap_or_default();
    }
}
