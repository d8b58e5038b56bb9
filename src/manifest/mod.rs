//! The manifest: which SSTs count, up to which seq they reach, and where the WAL begins; and beside it the series log.
//! It promises that an edit is durable whole or reported bad, and that after a failed append nothing more is written;
//! whether a bad last edit may be forgiven is decided elsewhere, from what reading it told.

mod describe;
mod edit;
mod read;
mod series_log;
#[cfg(test)]
mod tests;

use uuid::Uuid;

pub(crate) use describe::{ManifestDescription, SeriesLogDescription, describe_manifest, describe_series_log};
pub(crate) use read::ManifestRead;
pub(crate) use series_log::{MAGIC as SERIES_LOG_MAGIC, SERIES_LOG, SeriesLog};

use self::edit::put_edit;
use crate::bytes::Salt;
use crate::bytes::frame::{self, Head};
use crate::bytes::header::{HEADER_BYTES, Header, Magic};
use crate::env::{Dir, DirFile, Open, SyncStep};
use crate::error::{Error, Result};
use crate::version::{Durable, Edit};

/// The manifest's name.
pub(crate) const MANIFEST: &str = "manifest";
/// The name of one in the making; found by an opening, it is garbage.
pub(crate) const MANIFEST_TMP: &str = "manifest.tmp";

pub(crate) const MAGIC: Magic = *b"tstraMAN";
/// A whole state: the first record of each manifest, and no other.
const FULL: u8 = 1;
/// A step from the state before.
const EDIT: u8 = 2;

/// A small manifest is not worth rewriting: this much is read in no time.
const REWRITE_ABOVE_BYTES: u64 = 64 << 10;
/// A large one is rewritten when its edits outweigh its state so many times, so that each byte is rewritten seldom.
const REWRITE_ABOVE_FACTOR: u64 = 4;

/// The manifest as its writer holds it.
#[derive(Debug)]
pub(crate) struct Manifest {
    dir: Dir,
    uuid: Uuid,
    generation: u64,
    file: DirFile,
    /// The sum of all edits committed.
    durable: Durable,
    /// The number of the last record: a gap is damage.
    last_edit: u64,
    tail: u64,
    rewrite_above: u64,
    /// Why nothing may be written any more.
    dead: Option<String>,
}

impl Manifest {
    /// Makes the manifest of a new database; one that exists is replaced.
    pub(crate) fn create(dir: Dir, uuid: Uuid, durable: Durable) -> Result<Self> {
        Self::write_new(dir, uuid, 1, durable)
    }

    /// Replaces the manifest that an opening read by one full record of what the opening believes: recovery signs
    /// nothing that only the page cache may hold.
    pub(crate) fn reopen(dir: Dir, read: &ManifestRead, durable: Durable) -> Result<Self> {
        Self::write_new(dir, read.uuid, read.generation.wrapping_add(1), durable)
    }

    /// What all edits so far add up to.
    pub(crate) fn durable(&self) -> &Durable {
        &self.durable
    }

    /// Makes an edit durable.
    ///
    /// # Errors
    /// `OutcomeUnknown`: the edit may be on disk, so every file that it names is to be kept; the manifest is dead.
    pub(crate) fn commit(&mut self, edit: &Edit) -> Result<()> {
        self.check_alive()?;
        // A last edit that went bad is forgiven as a torn one unless what it let go is missed. Nothing would be after this
        // one, and what it hid would be back: in a full record it is told.
        let moves_cutoffs_alone = edit.moves_cutoffs() && edit.floor == self.durable.floor;
        if let Err(what) = self.durable.apply(edit) {
            // The state in memory is half changed and the disk untouched: only reopening leads on.
            return Err(self.die(format!("an edit contradicts the manifest: {what}")));
        }
        let rewrites = moves_cutoffs_alone || self.tail > self.rewrite_above;
        let written = if rewrites { self.replace() } else { self.append(edit) };
        written.map_err(|error| self.die(error.to_string()))
    }

    /// Replaces the manifest by one full record of the same state, as a grown one is.
    #[cfg(test)]
    pub(crate) fn rewrite(&mut self) -> Result<()> {
        self.check_alive()?;
        self.replace().map_err(|error| self.die(error.to_string()))
    }

    fn append(&mut self, edit: &Edit) -> Result<()> {
        let number = self.last_edit + 1;
        let mut bytes = Vec::new();
        let salt = Salt::new(&MAGIC, self.uuid, self.generation);
        frame::put(&mut bytes, salt, self.tail, Head::new(EDIT, number, 0), |out| put_edit(out, edit))?;
        self.file.write_at(self.tail, &bytes)?;
        // Survives power loss after the version is published and inputs or WAL segments are deleted: without the
        // edit the manifest would name files that are gone.
        self.file.sync(SyncStep::ManifestEdit)?;
        self.tail += bytes.len() as u64;
        self.last_edit = number;
        Ok(())
    }

    fn replace(&mut self) -> Result<()> {
        *self = Self::write_new(self.dir.clone(), self.uuid, self.generation + 1, self.durable.clone())?;
        Ok(())
    }

    /// Writes a manifest beside the one there may be, and gives it the name.
    fn write_new(dir: Dir, uuid: Uuid, generation: u64, durable: Durable) -> Result<Self> {
        let mut bytes = Header::new(uuid, generation).to_bytes(MAGIC).to_vec();
        let full = durable.as_edit();
        frame::put(&mut bytes, Salt::new(&MAGIC, uuid, generation), 0, Head::new(FULL, 0, 0), |out| {
            put_edit(out, &full);
        })?;
        remove_leftover(&dir, MANIFEST_TMP)?;
        let file = dir.open(MANIFEST_TMP, Open::Create)?;
        file.write_at(0, &bytes)?;
        // Survives power loss after the rename: else the one name of the manifest may stand for a hole.
        file.sync(SyncStep::ManifestRewrite)?;
        dir.rename(MANIFEST_TMP, MANIFEST)?;
        // Survives power loss after what relies on this state: without it the old manifest may come back, and with it
        // files that were deleted since.
        dir.sync(SyncStep::ManifestDirectory)?;
        let file = file.renamed(dir.file_path(MANIFEST));
        let tail = bytes.len() as u64;
        let rewrite_above = REWRITE_ABOVE_BYTES.max((tail - HEADER_BYTES as u64) * REWRITE_ABOVE_FACTOR);
        Ok(Self { dir, uuid, generation, file, durable, last_edit: 0, tail, rewrite_above, dead: None })
    }

    fn check_alive(&self) -> Result<()> {
        match &self.dead {
            None => Ok(()),
            Some(reason) => Err(Error::ReadOnly { reason: reason.clone() }),
        }
    }

    fn die(&mut self, reason: String) -> Error {
        self.dead = Some(reason.clone());
        Error::OutcomeUnknown { reason }
    }
}

/// Removes what a crash may have left under a name that is about to be made.
pub(crate) fn remove_leftover(dir: &Dir, name: &str) -> Result<()> {
    match dir.remove(name) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
