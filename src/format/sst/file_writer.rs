//! Buffered writer of the file under an [`SstWriter`](super::SstWriter).
//!
//! The states of a file, and what a crash or an error leaves of it:
//!
//! ```text
//!  SstFileWriter ──────────────> PendingSst ─────────────> SstMeta
//!  <id>.sst.tmp   sync, rename   <id>.sst    sync the      name durable:
//!                                            directory     ready for the manifest
//!      │ dropped                     │ dropped
//!      v                             v
//!   removed                       removed          after a crash, recovery removes both
//! ```
//!
//! Invariants:
//! - A file that has its final name is complete, and its content is durable.
//! - The metadata of an SST is returned only after its directory entry is durable, so that the manifest never names an
//!   SST without a durable name.
//! - If the writer or the pending SST is dropped before that, the file is removed.

use crate::format::bytes::Extent;
use crate::platform::env::{Dir, FailedSyncs, OpenFile, OpenMode, SyncStep};
use crate::state::version::SstMeta;
use crate::types::error::Result;

/// Maximum and default buffer size in bytes: large enough that the cost of system calls is negligible.
const MAX_BUFFER_BYTES: usize = 256 << 10;
/// Minimum buffer size in bytes: smaller writes would be dominated by system calls.
const MIN_BUFFER_BYTES: usize = 16 << 10;

/// Writer of a new file, sequential and buffered. If the writer is dropped, the file is removed.
#[derive(Debug)]
pub(super) struct SstFileWriter {
    file: OpenFile,
    guard: NewFileGuard,
    /// Bytes that are not written yet.
    pub(super) buffer: Vec<u8>,
    /// Length of the buffer in bytes at which it is written to the file.
    write_at_bytes: usize,
    /// Bytes written so far; the file offset of the buffer.
    written: u64,
}

impl SstFileWriter {
    /// Creates a file, which must not exist.
    pub(super) fn create(dir: &Dir, name: &str) -> Result<Self> {
        let file = dir.open(name, OpenMode::Create)?;
        let guard = NewFileGuard { dir: dir.clone(), name: Some(name.to_owned()) };
        Ok(Self { file, guard, buffer: Vec::new(), write_at_bytes: MAX_BUFFER_BYTES, written: 0 })
    }

    /// Sets the buffer size in bytes, clamped to [`MIN_BUFFER_BYTES`] and [`MAX_BUFFER_BYTES`].
    pub(super) fn set_buffer_bytes(&mut self, bytes: usize) {
        self.write_at_bytes = bytes.clamp(MIN_BUFFER_BYTES, MAX_BUFFER_BYTES);
    }

    /// Returns the file offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes the buffer if it has reached its size.
    pub(super) fn write_if_full(&mut self) -> Result<()> {
        if self.buffer.len() < self.write_at_bytes { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        self.file.write_at(self.written, &self.buffer)?;
        self.written = self.position();
        self.buffer.clear();
        // One large block among small ones must not keep its memory until the file is finished.
        self.buffer.shrink_to(2 * self.write_at_bytes);
        Ok(())
    }

    /// Appends a part of the file and returns its extent. `pieces` is called with the offset of the part and returns an
    /// iterator over its bytes.
    pub(super) fn write_part<Pieces: Iterator<Item = Vec<u8>>>(
        &mut self,
        pieces: impl FnOnce(u64) -> Pieces,
    ) -> Result<Extent> {
        let offset = self.position();
        for piece in pieces(offset) {
            self.buffer.extend_from_slice(&piece);
            self.write_if_full()?;
        }
        Ok(Extent { offset, len: self.position() - offset })
    }

    /// Writes the buffer, makes the content of the file durable, and renames the file to its final name.
    pub(super) fn sync_and_rename(mut self, meta: SstMeta) -> Result<PendingSst> {
        self.write()?;
        // Survives power loss after the rename: otherwise the final name could belong to an incomplete file.
        self.file.sync(SyncStep::SstData)?;
        // If the process is killed before the rename, the file has only its temporary name. Recovery removes it unread.
        let failed_syncs = self.guard.dir.failed_syncs();
        self.guard.rename(super::sst_file_name(meta.id))?;
        Ok(PendingSst { meta, guard: self.guard, failed_syncs })
    }
}

/// Guard of a file: removes the file when the guard is dropped, unless the guard is disarmed.
#[derive(Debug)]
struct NewFileGuard {
    dir: Dir,
    /// Current name of the file; `None` if the guard is disarmed.
    name: Option<String>,
}

impl NewFileGuard {
    fn rename(&mut self, to: String) -> Result<()> {
        if let Some(from) = &self.name {
            self.dir.rename(from, &to)?;
            self.name = Some(to);
        }
        Ok(())
    }
}

impl Drop for NewFileGuard {
    fn drop(&mut self) {
        if let Some(name) = &self.name
            && let Err(error) = self.dir.remove(name)
        {
            // Recovery removes the file, since no manifest edit names it.
            tracing::warn!(%error, "cannot remove an incomplete SST; the next open removes it");
        }
    }
}

/// Complete SST under its final name, whose directory entry is not durable yet.
///
/// If the value is dropped before [`persist_ssts`] succeeds, the file is removed.
#[derive(Debug)]
pub(crate) struct PendingSst {
    meta: SstMeta,
    guard: NewFileGuard,
    /// Failed syncs of the directory before the rename.
    failed_syncs: FailedSyncs,
}

/// Makes the directory entries of pending SSTs durable with one sync, and returns their metadata.
///
/// After an error, all of the files are removed.
pub(crate) fn persist_ssts(dir: &Dir, pending: Vec<PendingSst>) -> Result<Vec<SstMeta>> {
    let Some(failed_syncs) = pending.iter().map(|sst| sst.failed_syncs).min() else { return Ok(Vec::new()) };
    // Survives power loss after the manifest edit: the edit must not be durable before the names that it refers to.
    dir.sync_names(SyncStep::SstDirectory, failed_syncs)?;
    let disarm = |PendingSst { meta, mut guard, .. }| {
        guard.name = None;
        meta
    };
    Ok(pending.into_iter().map(disarm).collect())
}
