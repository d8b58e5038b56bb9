//! Files that wait to become segments: appending to one already written through costs half of growing a new one.
//! Their old bytes need no erasing, since a segment's frames are salted with its own id.

use super::{WalFiles, segment_name, spare_name};
use crate::env::{Dir, DirFile, Open};
use crate::error::{Error, Result};
use crate::sync::Arc;
use crate::version::{FileId, FileIds};

/// More would only hold disk space: one rotation takes one, and one flush gives one or two back.
const KEEP: usize = 2;

/// The directory's spares and its retired segments.
#[derive(Debug)]
pub(super) struct Spares {
    dir: Dir,
    ids: Arc<FileIds>,
    ready: Vec<FileId>,
    /// Segments that are not current any more, ascending, not yet given up.
    retired: Vec<FileId>,
}

/// A file on its way to become a segment, under a spare's name.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) file: DirFile,
    pub(super) name: String,
    /// 0 for a new file.
    pub(super) len: u64,
}

impl Spares {
    /// Takes over what an opening found; its segments are retired, since no opening appends to another's.
    pub(super) fn new(dir: Dir, ids: Arc<FileIds>, found: WalFiles) -> Self {
        let mut spares = Self { dir, ids, ready: found.spares, retired: found.segments };
        while spares.ready.len() > KEEP {
            let surplus = spares.ready.remove(0);
            spares.discard(&spare_name(surplus));
        }
        spares
    }

    /// A file to write the next segment's header into: a spare if there is one, else a new file.
    pub(super) fn take(&mut self) -> Result<Spare> {
        while let Some(id) = self.ready.pop() {
            let name = spare_name(id);
            let opened = self.dir.open(&name, Open::Write).and_then(|file| Ok((file.len()?, file)));
            match opened {
                Ok((len, file)) => return Ok(Spare { file, name, len }),
                // A spare is worth no more than the time of making one: whatever is wrong with it, go on without.
                Err(_) => self.discard(&name),
            }
        }
        let name = spare_name(self.ids.take());
        let file = self.dir.open(&name, Open::Create)?;
        Ok(Spare { file, name, len: 0 })
    }

    /// Removes a file that will never be a segment. A failure leaves a spare that the next opening finds.
    pub(super) fn discard(&self, name: &str) {
        if let Err(error) = self.dir.remove(name) {
            warn(&error);
        }
    }

    pub(super) fn retire(&mut self, segment: FileId) {
        self.retired.push(segment);
    }

    /// Makes spares of the retired segments below the floor, or removes them; one that resists is tried again at the
    /// next call.
    pub(super) fn drop_below(&mut self, floor: FileId) {
        let mut kept = std::mem::take(&mut self.retired);
        kept.retain(|id| *id >= floor || !self.give_up(*id));
        self.retired = kept;
    }

    fn give_up(&mut self, segment: FileId) -> bool {
        let name = segment_name(segment);
        let given = if self.ready.len() < KEEP {
            let id = self.ids.take();
            // Not synced: whichever of its two names a crash leaves, it is a spare or lies below the durable floor.
            self.dir.rename(&name, &spare_name(id)).map(|()| self.ready.push(id))
        } else {
            self.dir.remove(&name)
        };
        match given {
            Ok(()) => true,
            Err(error) => {
                warn(&error);
                false
            }
        }
    }
}

fn warn(error: &Error) {
    tracing::warn!(%error, "a WAL file that is no longer needed could not be given up");
}
