//! Listing of a database's directory, classified by file name only; no file is opened.

use std::collections::BTreeMap;

use crate::format::manifest::{MANIFEST, MANIFEST_RESERVE, MANIFEST_RESERVE_TMP, MANIFEST_TMP, parse_series_log_name};
use crate::format::sst;
use crate::format::wal::{self, WalFiles};
use crate::platform::env::{Dir, DirEntry};
use crate::state::file_id::FileId;
use crate::types::error::Result;

/// Name of the lock file: locked while the database is open, with the process id of its owner.
pub(crate) const LOCK_FILE: &str = "LOCK";
/// Name of the directory that ext file systems have at their root, and that a database or a backup may lie beside.
pub(super) const LOST_AND_FOUND: &str = "lost+found";
/// Prefix of the copies of torn tails.
pub(super) const TORN_TAIL_PREFIX: &str = "forgiven-";

/// Kind of a directory entry, by its name only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    Lock,
    Manifest,
    SeriesLog(FileId),
    Segment(FileId),
    SpareSegment(FileId),
    /// Blocks for a full disk.
    Reserve,
    Sst(FileId),
    TornTailCopy,
    /// File of an operation that did not finish.
    Temporary,
    Unknown,
}

impl EntryKind {
    pub(super) fn of(name: &str) -> Self {
        match name {
            LOCK_FILE => Self::Lock,
            MANIFEST => Self::Manifest,
            MANIFEST_RESERVE | wal::RESERVE | wal::OPENING_RESERVE => Self::Reserve,
            MANIFEST_TMP | MANIFEST_RESERVE_TMP | wal::RESERVE_TMP | wal::OPENING_RESERVE_TMP => Self::Temporary,
            _ if name.starts_with(TORN_TAIL_PREFIX) => Self::TornTailCopy,
            _ if name.ends_with(sst::SST_TEMP_SUFFIX) => Self::Temporary,
            _ => None
                .or_else(|| wal::parse_segment_name(name).map(Self::Segment))
                .or_else(|| wal::parse_spare_name(name).map(Self::SpareSegment))
                .or_else(|| sst::parse_sst_file_name(name).map(Self::Sst))
                .or_else(|| parse_series_log_name(name).map(Self::SeriesLog))
                .unwrap_or(Self::Unknown),
        }
    }
}

/// Files of the directory by kind.
#[derive(Debug, Default)]
pub(crate) struct DirectoryListing {
    pub(crate) manifest: bool,
    /// Ids of the series logs, ascending. The manifest names one of them.
    pub(crate) series_logs: Vec<FileId>,
    pub(crate) wal: WalFiles,
    /// SSTs under their final names, with their lengths.
    pub(crate) ssts: BTreeMap<FileId, u64>,
    /// Names of the copies of torn tails.
    pub(crate) torn_tail_copies: Vec<String>,
    /// Names of temporary files of operations that did not finish. They are garbage.
    pub(crate) temporaries: Vec<String>,
    /// Names of other files and of directories, in order. They are kept and reported.
    pub(crate) unknown: Vec<String>,
}

impl DirectoryListing {
    pub(crate) fn list(dir: &Dir) -> Result<Self> {
        let mut found = Self::default();
        for entry in dir.list()? {
            found.sort(entry);
        }
        found.series_logs.sort_unstable();
        found.unknown.sort_unstable();
        Ok(found)
    }

    /// Adds an entry to the list of its kind.
    fn sort(&mut self, entry: DirEntry) {
        let DirEntry { name, len, is_dir } = entry;
        match EntryKind::of(&name) {
            // The file system's own directory, not content.
            _ if is_dir && name == LOST_AND_FOUND => {}
            _ if is_dir => self.unknown.push(name),
            // A reserve has no content; the log that it belongs to finds it by name.
            EntryKind::Lock | EntryKind::Reserve => {}
            EntryKind::Segment(id) => drop(self.wal.segments.insert(id, len)),
            EntryKind::SpareSegment(id) => drop(self.wal.spares.insert(id, len)),
            EntryKind::Manifest => self.manifest = true,
            EntryKind::SeriesLog(id) => self.series_logs.push(id),
            EntryKind::Temporary => self.temporaries.push(name),
            EntryKind::TornTailCopy => self.torn_tail_copies.push(name),
            EntryKind::Sst(id) => drop(self.ssts.insert(id, len)),
            EntryKind::Unknown => self.unknown.push(name),
        }
    }

    /// Returns the ids of temporary SSTs.
    pub(crate) fn temporary_ids(&self) -> impl Iterator<Item = FileId> + '_ {
        self.temporaries.iter().filter_map(|name| sst::parse_sst_temp_name(name))
    }

    /// Returns `true` if there is a manifest, series log, SST or WAL segment.
    ///
    /// A creation that ended before its manifest had its name leaves none of them.
    pub(crate) fn has_data(&self) -> bool {
        self.manifest || !self.series_logs.is_empty() || !self.ssts.is_empty() || !self.wal.segments.is_empty()
    }
}
