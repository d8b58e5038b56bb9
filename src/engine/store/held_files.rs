//! SSTs that a reader without a lock keeps open: the process that writes may remove them at any time.
//!
//! A file is held as long as anything refers to its [`SstMeta`]: a version, a snapshot or a scan. The number of held
//! files is bounded. Files beyond the bound are opened by name when they are read, and may then be gone.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::format::sst::sst_file_name;
use crate::platform::env::{Dir, OpenFile, OpenMode};
use crate::state::file_id::FileId;
use crate::state::version::SstMeta;
use crate::types::error::{Error, Result};

/// Bounded set of open SSTs.
#[derive(Debug)]
pub(super) struct HeldFiles {
    max_files: usize,
    files: Mutex<BTreeMap<FileId, HeldFile>>,
}

#[derive(Debug)]
struct HeldFile {
    /// Entry of the file. The file is released when nothing refers to the entry.
    meta: Weak<SstMeta>,
    /// `None` for a file beyond the bound.
    file: Option<Arc<OpenFile>>,
}

impl HeldFiles {
    pub(super) fn new(max_files: usize) -> Self {
        Self { max_files, files: Mutex::default() }
    }

    /// Opens the files that are not held yet, the newest first, since compactions replace these soonest.
    ///
    /// Returns the number of opened files, and the ids of the files that were released.
    pub(super) fn hold(&self, dir: &Dir, ssts_newest_last: &[Arc<SstMeta>]) -> Result<(u64, Vec<FileId>)> {
        let (released, mut room, missing) = {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            let mut released = Vec::new();
            files.retain(|id, held| {
                let is_used = held.meta.strong_count() > 0;
                if !is_used {
                    released.push(*id);
                }
                is_used
            });
            let held = files.values().filter(|held| held.file.is_some()).count();
            let missing = ssts_newest_last.iter().rev().filter(|meta| !files.contains_key(&meta.id));
            (released, self.max_files.saturating_sub(held), missing.cloned().collect::<Vec<_>>())
        };
        let mut opened = 0;
        for meta in missing {
            let file = match room {
                0 => None,
                _ => match dir.open(&sst_file_name(meta.id), OpenMode::Read) {
                    Ok(file) => Some(Arc::new(file)),
                    // No descriptor is left: the rest is opened when it is read.
                    Err(Error::OutOfResources { .. }) => None,
                    Err(error) => return Err(error),
                },
            };
            room = if file.is_some() { room - 1 } else { 0 };
            opened += u64::from(file.is_some());
            let held = HeldFile { meta: Arc::downgrade(&meta), file };
            self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(meta.id, held);
        }
        Ok((opened, released))
    }

    /// Returns the held file of an entry, or opens it by name.
    ///
    /// # Errors
    /// `SnapshotExpired` if the file is not held and was removed; those of the operating system.
    pub(super) fn open(&self, dir: &Dir, meta: &SstMeta) -> Result<Arc<OpenFile>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&meta.id).and_then(|held| held.file.clone()) {
            return Ok(file);
        }
        drop(files);
        let name = sst_file_name(meta.id);
        dir.open(&name, OpenMode::Read).map(Arc::new).map_err(|error| match error.io_kind() {
            Some(io::ErrorKind::NotFound) => Error::SnapshotExpired { file: dir.file_path(&name) },
            _ => error,
        })
    }
}
