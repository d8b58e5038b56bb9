//! One file: its bytes as the page cache shows them, its bytes as they are durable, and the changes that lie between.
//! Applied in order to the durable bytes, the changes always give the live ones.

use std::sync::Arc;

use super::bytes::Bytes;

/// A change of a file since it was durable.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Number of the operation, in the order of the whole disk.
    pub(super) at: u64,
    pub(super) what: What,
    /// A sync of it failed: later syncs pass over it.
    pub(super) limbo: bool,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Write { offset: usize, bytes: Arc<[u8]> },
    SetLen(usize),
}

/// A file without its name. The two copies stay apart where sharing them would mean to copy a log at each append.
#[derive(Debug, Clone, Default)]
pub(super) struct Extents {
    pub(super) live: Arc<Bytes>,
    pub(super) durable: Arc<Bytes>,
    pub(super) changes: Vec<Change>,
}

impl Extents {
    pub(super) fn durable(bytes: Arc<Bytes>) -> Self {
        Self { live: Arc::clone(&bytes), durable: bytes, changes: Vec::new() }
    }

    pub(super) fn change(&mut self, at: u64, what: What) {
        what.apply(&mut self.live);
        self.changes.push(Change { at, what, limbo: false });
    }

    /// What is pending becomes durable, but for bytes whose sync failed: of those stays what was not overwritten.
    pub(super) fn sync(&mut self) {
        let mut left: Vec<Change> = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            if change.limbo {
                left.push(change);
                continue;
            }
            change.what.apply(&mut self.durable);
            left = left.into_iter().flat_map(|older| older.without(&change.what)).collect();
        }
        self.changes = left;
    }

    /// The kernel marks the pages clean. A length is not in a page: it goes with the next sync that works.
    pub(super) fn fail_sync(&mut self) {
        for change in &mut self.changes {
            change.limbo |= matches!(change.what, What::Write { .. });
        }
    }
}

impl What {
    fn apply(&self, bytes: &mut Arc<Bytes>) {
        match self {
            Self::Write { offset, bytes: written } => Arc::make_mut(bytes).overwrite(*offset, written),
            Self::SetLen(len) => Arc::make_mut(bytes).resize(*len),
        }
    }
}

impl Change {
    /// What a newer durable change leaves of it, in up to two pieces.
    fn without(self, newer: &What) -> Vec<Self> {
        let What::Write { offset, bytes } = &self.what else { return vec![self] };
        let (from, to) = (*offset, offset + bytes.len());
        let (gone_from, gone_to) = match newer {
            What::Write { offset, bytes } => (*offset, offset + bytes.len()),
            What::SetLen(len) => (*len, usize::MAX),
        };
        if gone_to <= from || to <= gone_from {
            return vec![self];
        }
        let piece = |from: usize, to: usize| {
            let bytes = bytes.get(from.checked_sub(*offset)?..to.checked_sub(*offset)?)?;
            let what = What::Write { offset: from, bytes: bytes.into() };
            (!bytes.is_empty()).then_some(Self { at: self.at, what, limbo: self.limbo })
        };
        [piece(from, gone_from), piece(gone_to, to)].into_iter().flatten().collect()
    }
}
