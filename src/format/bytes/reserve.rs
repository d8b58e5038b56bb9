//! Reserve: a file of written and synced blocks, which can be overwritten while the disk is full.
//!
//! To overwrite bytes that have blocks takes no room, on file systems that write in place. Hence a reserve is written,
//! not sparse, and synced: a file system that allocates late assigns blocks at the latest then.

use crate::platform::env::{Dir, OpenFile, OpenMode, SyncStep};
use crate::types::error::Result;

/// Granularity of reserves in bytes: a block of common file systems.
const BLOCK_BYTES: u64 = 4 << 10;

/// Reserve of one purpose in a database's directory.
#[derive(Debug, Clone)]
pub(crate) struct Reserve {
    dir: Dir,
    name: &'static str,
    /// Name of a reserve that is being written. A leftover is removed by the next attempt or opening.
    temporary: &'static str,
    /// Length in bytes; 0 if there is no reserve.
    len: u64,
}

impl Reserve {
    /// Takes over the reserve that an earlier opening left, if there is one.
    ///
    /// A file has the name only after it was written and synced, so its content need not be read.
    pub(crate) fn find(dir: Dir, name: &'static str, temporary: &'static str) -> Self {
        // A reserve that cannot be opened is replaced by a new one.
        let len = dir.open(name, OpenMode::Read).and_then(|file| file.len()).unwrap_or_default();
        Self { dir, name, temporary, len }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the length in bytes; 0 if there is no reserve.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Creates a reserve of at least `bytes` unless there is one.
    ///
    /// After an error a shorter reserve stays.
    pub(crate) fn ensure(&mut self, bytes: u64) -> Result<()> {
        if self.len >= bytes {
            return Ok(());
        }
        let len = bytes.next_multiple_of(BLOCK_BYTES);
        let made = self.write(len).and_then(|()| self.dir.rename(self.temporary, self.name));
        match made {
            // The rename is not synced: after a power loss the next opening makes a new reserve.
            Ok(()) => self.len = len,
            // What was written must not keep the room from others. A leftover is removed by the next attempt or
            // opening.
            Err(_) => drop(self.dir.remove(self.temporary)),
        }
        made
    }

    fn write(&self, len: u64) -> Result<()> {
        match self.dir.remove(self.temporary) {
            Err(error) if error.io_kind() != Some(std::io::ErrorKind::NotFound) => return Err(error),
            _ => {}
        }
        let file = self.dir.open(self.temporary, OpenMode::Create)?;
        let zeros = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(64 << 10)];
        let mut offset = 0;
        while offset < len {
            let part = usize::try_from(len - offset).unwrap_or(usize::MAX).min(zeros.len());
            file.write_at(offset, &zeros[..part])?;
            offset += part as u64;
        }
        // Survives a disk that gets full, not a crash: without it blocks may still be unassigned when they are needed.
        file.sync(SyncStep::Reserve)
    }

    /// Opens the reserve, which the caller renames or discards. It counts as gone.
    pub(crate) fn take(&mut self) -> Result<OpenFile> {
        let file = self.dir.open(self.name, OpenMode::Write)?;
        self.len = 0;
        Ok(file)
    }

    /// Removes the reserve, to make room for another file.
    pub(crate) fn give_up(&mut self) {
        self.discard();
        self.len = 0;
    }

    /// Removes a reserve that was taken and not renamed.
    pub(crate) fn discard(&self) {
        // A file that stays is replaced by the next reserve.
        drop(self.dir.remove(self.name));
    }
}
