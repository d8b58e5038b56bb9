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

    /// Releases the files that nothing needs any more, and returns their ids.
    pub(super) fn release_unused(&self) -> Vec<FileId> {
        let mut released = Vec::new();
        self.files.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, held| {
            let is_used = held.meta.strong_count() > 0;
            if !is_used {
                released.push(*id);
            }
            is_used
        });
        released
    }

    /// Opens the files that are not held yet, the newest first, since compactions replace these soonest.
    ///
    /// A file that had no room before is opened once there is some. Returns the number of opened files.
    pub(super) fn hold(&self, dir: &Dir, ssts_newest_last: &[Arc<SstMeta>]) -> Result<u64> {
        let (mut room, missing) = {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            let held = files.values().filter(|held| held.file.is_some()).count();
            let is_missing = |meta: &&Arc<SstMeta>| files.get(&meta.id).is_none_or(|held| held.file.is_none());
            let missing = ssts_newest_last.iter().rev().filter(is_missing);
            (self.max_files.saturating_sub(held), missing.cloned().collect::<Vec<_>>())
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
        Ok(opened)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bytes::temp;
    use crate::state::rectangle::Rectangle;
    use crate::state::version::{DyadicBox, L0};
    use crate::testing::faulty_env::FaultyEnv;
    use crate::types::series::SeriesId;
    use crate::types::time_range::TimeRange;

    fn sst(dir: &Dir, number: u64) -> Arc<SstMeta> {
        let id = FileId::new(number);
        drop(dir.open(&sst_file_name(id), OpenMode::Create).unwrap());
        Arc::new(SstMeta {
            id,
            file_len: 0,
            footer_crc: 0,
            rectangle: Rectangle::of_series(SeriesId::new(0), TimeRange::new(0, 9)),
            min_seq: number,
            max_seq: number,
            points: 1,
            blocks: 1,
            series: 1,
            level: L0,
            generation: number,
            partition: DyadicBox::ALL,
            origin: 0,
        })
    }

    #[test]
    fn a_file_without_room_is_held_once_there_is_some() {
        let (_temp, dir) = temp();
        let (old, new) = (sst(&dir, 1), sst(&dir, 2));
        let held = HeldFiles::new(1);
        assert_eq!(held.hold(&dir, &[Arc::clone(&old), Arc::clone(&new)]).unwrap(), 1);
        assert_eq!(held.hold(&dir, &[Arc::clone(&old), Arc::clone(&new)]).unwrap(), 0);
        drop(new);
        assert_eq!(held.release_unused(), [FileId::new(2)]);
        assert_eq!(held.hold(&dir, &[Arc::clone(&old)]).unwrap(), 1);
        dir.remove(&sst_file_name(old.id)).unwrap();
        held.open(&dir, &old).expect("it is held");
    }

    #[test]
    fn a_file_is_held_once_there_is_a_descriptor_again() {
        let (temp, plain) = temp();
        let env = FaultyEnv::default();
        let (held, old) = (HeldFiles::new(9), sst(&plain, 1));
        env.fail_opens(0, usize::MAX);
        assert_eq!(held.hold(&env.dir(temp.path()), &[Arc::clone(&old)]).unwrap(), 0);
        env.clear_faults();
        assert_eq!(held.hold(&env.dir(temp.path()), &[old]).unwrap(), 1);
    }
}
