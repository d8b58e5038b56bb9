//! Spare segments: WAL files that are no longer needed and are kept for reuse.
//!
//! Overwriting an existing file costs half as much as growing a new one. The stale bytes of a spare need not be erased:
//! the checksums of a segment's frames are salted with the segment's id, so stale frames are not valid in it.

use super::{WalFiles, segment_name, spare_name};
use crate::platform::env::{Dir, OpenFile, OpenMode};
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::sync::Arc;
use crate::types::error::{Error, Result};

/// Maximum number of spares.
///
/// A rotation takes one and a flush returns one or two, so more would only occupy disk space.
const MAX_SPARES: usize = 2;

/// Spares of a database directory, and its retired segments.
#[derive(Debug)]
pub(super) struct SpareSegments {
    dir: Dir,
    ids: Arc<FileIdAllocator>,
    spares: Vec<WalFile>,
    /// Segments that are no longer active and not yet recycled or removed, oldest first.
    retired_segments: Vec<WalFile>,
}

/// Spare or retired segment, with its length in bytes.
#[derive(Debug, Clone, Copy)]
struct WalFile {
    id: FileId,
    len: u64,
}

/// File with a spare's name that is about to become a segment.
#[derive(Debug)]
pub(super) struct SpareFile {
    pub(super) file: OpenFile,
    pub(super) name: String,
    /// Length in bytes; 0 for a new file.
    pub(super) len: u64,
}

impl SpareSegments {
    /// Takes over the WAL files that an opening found, and removes surplus spares.
    ///
    /// All segments that were found are retired, since an opening never appends to a segment of an earlier one.
    pub(super) fn new(dir: Dir, ids: Arc<FileIdAllocator>, found: &WalFiles) -> Self {
        let file = |(id, len): (&FileId, &u64)| WalFile { id: *id, len: *len };
        let mut spares = Self {
            dir,
            ids,
            spares: found.spares.iter().map(file).collect(),
            retired_segments: found.segments.iter().map(file).collect(),
        };
        while spares.spares.len() > MAX_SPARES {
            let surplus = spares.spares.remove(0);
            spares.discard(&spare_name(surplus.id));
        }
        spares
    }

    /// Removes all spares, to make room on a full disk. Returns `true` if there were any.
    pub(super) fn give_up(&mut self) -> bool {
        let given_up = std::mem::take(&mut self.spares);
        for spare in &given_up {
            self.discard(&spare_name(spare.id));
        }
        !given_up.is_empty()
    }

    /// Returns a file for the next segment: a spare that can be opened, else a new file.
    pub(super) fn take(&mut self) -> Result<SpareFile> {
        while let Some(spare) = self.spares.pop() {
            let name = spare_name(spare.id);
            let opened = self.dir.open(&name, OpenMode::Write).and_then(|file| Ok((file.len()?, file)));
            match opened {
                Ok((len, file)) => return Ok(SpareFile { file, name, len }),
                // Nothing is wrong with the spare, and a new file could not be opened either.
                Err(error @ Error::OutOfResources { .. }) => {
                    self.spares.push(spare);
                    return Err(error);
                }
                // A spare only saves time, so after any failure to open it the next spare or a new file is used.
                Err(_) => self.discard(&name),
            }
        }
        let name = spare_name(self.ids.allocate());
        let file = self.dir.open(&name, OpenMode::Create)?;
        Ok(SpareFile { file, name, len: 0 })
    }

    /// Removes a file that will not become a segment.
    ///
    /// If the removal fails, the next opening finds the file as a spare.
    pub(super) fn discard(&self, name: &str) {
        if let Err(error) = self.dir.remove(name) {
            warn(&error);
        }
    }

    /// Returns the total length of the spares, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.spares.iter().map(|spare| spare.len).sum()
    }

    /// Adds a segment that is no longer active, with the length of its file in bytes.
    pub(super) fn retire(&mut self, id: FileId, len: u64) {
        self.retired_segments.push(WalFile { id, len });
    }

    /// Recycles or removes the retired segments below the WAL floor.
    ///
    /// Failures are retried at the next call.
    pub(super) fn release_below(&mut self, floor: FileId) {
        if let Err(error) = self.dir.check_place() {
            warn(&error);
            return;
        }
        let mut kept = std::mem::take(&mut self.retired_segments);
        kept.retain(|segment| segment.id >= floor || !self.recycle_or_remove(*segment));
        self.retired_segments = kept;
    }

    /// Renames a segment to a spare, or removes it if there are enough longer spares. Returns `true` on success.
    fn recycle_or_remove(&mut self, segment: WalFile) -> bool {
        let name = segment_name(segment.id);
        // A longer file saves more; those of the last opening were cut at its end.
        let shortest = (0..self.spares.len()).min_by_key(|at| self.spares[*at].len);
        if let Some(at) = shortest.filter(|at| self.spares.len() >= MAX_SPARES && self.spares[*at].len < segment.len) {
            let shorter = self.spares.remove(at);
            self.discard(&spare_name(shorter.id));
        }
        let released = if self.spares.len() < MAX_SPARES {
            let id = self.ids.allocate();
            // Not synced: a crash leaves the file under one of its two names, as a spare or as a segment below the
            // durable WAL floor. Neither is read.
            self.dir.rename(&name, &spare_name(id)).map(|()| self.spares.push(WalFile { id, ..segment }))
        } else {
            self.dir.remove(&name)
        };
        match released {
            Ok(()) => true,
            Err(error) => {
                warn(&error);
                false
            }
        }
    }
}

fn warn(error: &Error) {
    tracing::warn!(%error, "cannot recycle or remove an unneeded WAL file");
}
