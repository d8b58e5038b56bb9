//! The names in a database's directory, sorted into what they are. By name alone: nothing is opened.

use std::collections::BTreeMap;

use crate::env::{Dir, Entry};
use crate::error::Result;
use crate::manifest::{MANIFEST, MANIFEST_TMP, SERIES_LOG};
use crate::sst;
use crate::version::FileId;
use crate::wal;

/// The lock's file: held, not read, but for the number of the process that holds it.
pub(crate) const LOCK: &str = "LOCK";
/// What a name begins with that keeps the bytes of a forgiven tail.
pub(super) const KEPT_TAIL: &str = "forgiven-";

/// What is there.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) manifest: bool,
    pub(crate) series_log: bool,
    pub(crate) segments: Vec<FileId>,
    pub(crate) spares: Vec<FileId>,
    /// Finished SSTs with their lengths.
    pub(crate) ssts: BTreeMap<FileId, u64>,
    /// Copies of torn tails that openings kept aside.
    pub(crate) kept_tails: Vec<String>,
    /// Own files in the making when something ended: garbage.
    pub(crate) temporaries: Vec<String>,
    /// Names that no release of this engine gives: left alone, and told.
    pub(crate) unknown: Vec<String>,
}

impl Directory {
    pub(crate) fn list(dir: &Dir) -> Result<Self> {
        let mut found = Self::default();
        for entry in dir.list()? {
            found.sort(entry);
        }
        let mut files = wal::list_segments(dir)?;
        found.segments.append(&mut files.segments);
        found.spares.append(&mut files.spares);
        found.unknown.retain(|name| !is_wal_name(name, &found.segments, &found.spares));
        found.unknown.sort_unstable();
        Ok(found)
    }

    fn sort(&mut self, entry: Entry) {
        let Entry { name, len, is_dir } = entry;
        match name.as_str() {
            _ if is_dir => self.unknown.push(name),
            LOCK => {}
            MANIFEST => self.manifest = true,
            SERIES_LOG => self.series_log = true,
            MANIFEST_TMP => self.temporaries.push(name),
            _ if name.starts_with(KEPT_TAIL) => self.kept_tails.push(name),
            _ if name.ends_with(sst::TEMPORARY_SUFFIX) => self.temporaries.push(name),
            _ => match sst::parse_file_name(&name) {
                Some(id) => drop(self.ssts.insert(id, len)),
                None => self.unknown.push(name),
            },
        }
    }

    /// The ids that SSTs in the making bear.
    pub(crate) fn temporary_ids(&self) -> impl Iterator<Item = FileId> + '_ {
        self.temporaries.iter().filter_map(|name| sst::parse_temporary_name(name))
    }

    /// Whether anything of a database is here beside what making one may leave behind.
    pub(crate) fn has_data(&self) -> bool {
        self.manifest || self.series_log || !self.ssts.is_empty() || !self.segments.is_empty()
    }
}

fn is_wal_name(name: &str, segments: &[FileId], spares: &[FileId]) -> bool {
    segments.iter().any(|id| wal::segment_name(*id) == name) || spares.iter().any(|id| wal::spare_name(*id) == name)
}
