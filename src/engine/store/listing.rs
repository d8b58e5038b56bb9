//! Listing of a database's directory, classified by file name only; no file is opened.

use std::collections::BTreeMap;

use crate::format::manifest::{MANIFEST, MANIFEST_TMP, SERIES_LOG};
use crate::format::sst;
use crate::format::wal;
use crate::platform::env::{Dir, DirEntry};
use crate::state::file_id::FileId;
use crate::types::error::Result;

/// Name of the lock file: locked while the database is open, with the process id of its owner.
pub(crate) const LOCK_FILE: &str = "LOCK";
/// Prefix of the copies of torn tails.
pub(super) const TORN_TAIL_PREFIX: &str = "forgiven-";

/// Files of the directory by kind.
#[derive(Debug, Default)]
pub(crate) struct DirectoryListing {
    pub(crate) manifest: bool,
    pub(crate) series_log: bool,
    /// Ids of the WAL segments, ascending.
    pub(crate) segments: Vec<FileId>,
    /// Ids of the spare segments, ascending.
    pub(crate) spares: Vec<FileId>,
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
        let mut files = wal::list_wal_files(dir)?;
        found.segments.append(&mut files.segments);
        found.spares.append(&mut files.spares);
        found.unknown.retain(|name| !is_wal_name(name, &found.segments, &found.spares));
        found.unknown.sort_unstable();
        Ok(found)
    }

    /// Adds an entry to the list of its kind.
    fn sort(&mut self, entry: DirEntry) {
        let DirEntry { name, len, is_dir } = entry;
        match name.as_str() {
            _ if is_dir => self.unknown.push(name),
            LOCK_FILE => {}
            MANIFEST => self.manifest = true,
            SERIES_LOG => self.series_log = true,
            MANIFEST_TMP => self.temporaries.push(name),
            _ if name.starts_with(TORN_TAIL_PREFIX) => self.torn_tail_copies.push(name),
            _ if name.ends_with(sst::SST_TEMP_SUFFIX) => self.temporaries.push(name),
            _ => match sst::parse_sst_file_name(&name) {
                Some(id) => drop(self.ssts.insert(id, len)),
                None => self.unknown.push(name),
            },
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
        self.manifest || self.series_log || !self.ssts.is_empty() || !self.segments.is_empty()
    }
}

fn is_wal_name(name: &str, segments: &[FileId], spares: &[FileId]) -> bool {
    segments.iter().any(|id| wal::segment_name(*id) == name) || spares.iter().any(|id| wal::spare_name(*id) == name)
}
