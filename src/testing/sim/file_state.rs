//! One file: its bytes in the page cache (live), its durable bytes, and the pending changes.
//!
//! Applied in order to the durable bytes, the pending changes always give the live bytes.

use std::sync::Arc;

use super::file_bytes::FileBytes;

/// A change of a file that is not yet durable.
#[derive(Debug, Clone)]
pub(super) struct PendingChange {
    /// Number of the operation in the order of the whole disk.
    pub(super) op_number: u64,
    pub(super) op: FileOp,
    /// `true` if a sync of this change failed; later syncs skip the change.
    pub(super) sync_failed: bool,
}

#[derive(Debug, Clone)]
pub(super) enum FileOp {
    Write { offset: usize, bytes: Arc<[u8]> },
    SetLen(usize),
}

/// A file without its name.
///
/// The live and the durable bytes are separate copies: shared bytes would need a copy of a whole log at each append.
#[derive(Debug, Clone, Default)]
pub(super) struct FileState {
    pub(super) live: Arc<FileBytes>,
    pub(super) durable: Arc<FileBytes>,
    pub(super) changes: Vec<PendingChange>,
}

impl FileState {
    pub(super) fn durable(bytes: Arc<FileBytes>) -> Self {
        Self { live: Arc::clone(&bytes), durable: bytes, changes: Vec::new() }
    }

    pub(super) fn change(&mut self, at: u64, op: FileOp) {
        op.apply(&mut self.live);
        self.changes.push(PendingChange { op_number: at, op, sync_failed: false });
    }

    /// Makes the pending changes durable, except bytes whose sync failed.
    ///
    /// Of those bytes the parts that were not overwritten stay pending.
    pub(super) fn sync(&mut self) {
        let mut left: Vec<PendingChange> = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            if change.sync_failed {
                left.push(change);
                continue;
            }
            change.op.apply(&mut self.durable);
            left = left.into_iter().flat_map(|older| older.subtract(&change.op)).collect();
        }
        self.changes = left;
    }

    /// Marks pending writes as failed: the kernel marks their pages clean.
    ///
    /// A length is not in a page, so the next successful sync makes it durable.
    pub(super) fn fail_sync(&mut self) {
        for change in &mut self.changes {
            change.sync_failed |= matches!(change.op, FileOp::Write { .. });
        }
    }
}

impl FileOp {
    fn apply(&self, bytes: &mut Arc<FileBytes>) {
        match self {
            Self::Write { offset, bytes: written } => Arc::make_mut(bytes).overwrite(*offset, written),
            Self::SetLen(len) => Arc::make_mut(bytes).resize(*len),
        }
    }
}

impl PendingChange {
    /// Returns the parts of the change that a newer durable change does not overwrite: at most two.
    fn subtract(self, newer: &FileOp) -> Vec<Self> {
        let FileOp::Write { offset, bytes } = &self.op else { return vec![self] };
        let (from, to) = (*offset, offset + bytes.len());
        let (gone_from, gone_to) = match newer {
            FileOp::Write { offset, bytes } => (*offset, offset + bytes.len()),
            FileOp::SetLen(len) => (*len, usize::MAX),
        };
        if gone_to <= from || to <= gone_from {
            return vec![self];
        }
        let piece = |from: usize, to: usize| {
            let bytes = bytes.get(from.checked_sub(*offset)?..to.checked_sub(*offset)?)?;
            let op = FileOp::Write { offset: from, bytes: bytes.into() };
            (!bytes.is_empty()).then_some(Self { op_number: self.op_number, op, sync_failed: self.sync_failed })
        };
        [piece(from, gone_from), piece(gone_to, to)].into_iter().flatten().collect()
    }
}
