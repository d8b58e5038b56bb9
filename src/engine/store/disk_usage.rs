//! Disk usage: the files of a database's directory by kind, from one listing.

use std::path::Path;
use std::sync::Arc;

use super::listing::EntryKind;
use crate::platform::env::{Dir, OsEnv};
use crate::types::error::{Error, Result};

/// Number and total length of the files of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FileUsage {
    /// Number of files.
    pub files: u64,
    /// Total length of the files, in bytes.
    pub bytes: u64,
}

impl FileUsage {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// Files of a database's directory by kind; made by [`disk_usage`].
///
/// Each file of the directory is counted in exactly one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DiskUsage {
    /// SSTs, including replaced ones that are not removed yet.
    pub ssts: FileUsage,
    /// Segments of the write-ahead log.
    ///
    /// A recycled segment is longer than the part of it that a reopening reads.
    pub wal_segments: FileUsage,
    /// Spare segments, which are kept for reuse.
    pub spare_wal_segments: FileUsage,
    /// Reserves, which are overwritten when the disk is full.
    pub reserves: FileUsage,
    /// The manifest and the series log.
    pub metadata: FileUsage,
    /// Files of operations that did not finish; the next opening removes them.
    pub temporaries: FileUsage,
    /// Copies of torn tails, which may be deleted.
    pub torn_tail_copies: FileUsage,
    /// The lock file, and files that are not part of a database.
    pub other: FileUsage,
    /// Number of directories inside the directory; their content is not counted.
    pub directories: u64,
}

impl DiskUsage {
    /// Returns the number and total length of all files of the directory.
    #[must_use]
    pub fn total(&self) -> FileUsage {
        let Self {
            ssts,
            wal_segments,
            spare_wal_segments,
            reserves,
            metadata,
            temporaries,
            torn_tail_copies,
            other,
            ..
        } = *self;
        let mut total = FileUsage::default();
        for part in [ssts, wal_segments, spare_wal_segments, reserves, metadata, temporaries, torn_tail_copies, other] {
            total.add(part);
        }
        total
    }
}

/// Returns the number and the lengths of the files in a database's directory, by kind.
///
/// Lists the directory once and opens no file. The database may be open; files may appear or vanish meanwhile.
///
/// # Errors
/// [`DatabaseNotFound`](Error::DatabaseNotFound) if the directory does not exist; errors of the operating system.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("weather.db");
/// # timestrata::Db::builder(&path).open_blocking()?.close_blocking()?;
/// let usage = timestrata::disk_usage(&path)?;
/// assert_eq!(usage.wal_segments.files, 1);
/// println!("{} bytes, of which {} in SSTs", usage.total().bytes, usage.ssts.bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn disk_usage(dir: impl AsRef<Path>) -> Result<DiskUsage> {
    usage_of(&Dir::new(Arc::new(OsEnv), dir.as_ref()))
}

fn usage_of(dir: &Dir) -> Result<DiskUsage> {
    let entries = dir.list().map_err(|error| match error.io_kind() {
        Some(std::io::ErrorKind::NotFound) => Error::DatabaseNotFound { dir: dir.path().to_owned() },
        _ => error,
    })?;
    let mut usage = DiskUsage::default();
    for entry in entries {
        if entry.is_dir {
            usage.directories += 1;
            continue;
        }
        let part = match EntryKind::of(&entry.name) {
            EntryKind::Sst(_) => &mut usage.ssts,
            EntryKind::Segment(_) => &mut usage.wal_segments,
            EntryKind::SpareSegment(_) => &mut usage.spare_wal_segments,
            EntryKind::Reserve => &mut usage.reserves,
            EntryKind::Manifest | EntryKind::SeriesLog(_) => &mut usage.metadata,
            EntryKind::Temporary => &mut usage.temporaries,
            EntryKind::TornTailCopy => &mut usage.torn_tail_copies,
            EntryKind::Lock | EntryKind::Unknown => &mut usage.other,
        };
        part.add(FileUsage { files: 1, bytes: entry.len });
    }
    Ok(usage)
}
