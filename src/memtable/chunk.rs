//! A run of cells in three columns: timestamp, value, and the epoch that made the point.
//! Each cell is written once, by the single writer, before the version that makes it visible is published.

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{Arc, Once};

/// The epoch of a cell that was never written.
pub(crate) const UNWRITTEN: u32 = 0;

/// A point as it lies in the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) timestamp: i64,
    pub(crate) bits: u64,
}

/// Three columns of one length, owned inline by a series' head or boxed by a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells<'a> {
    pub(crate) timestamps: &'a [AtomicU64],
    pub(crate) values: &'a [AtomicU64],
    pub(crate) epochs: &'a [AtomicU32],
}

impl Cells<'_> {
    /// Fills a cell beyond what any published version can see.
    ///
    /// Relaxed stores suffice: the version that makes `epoch` visible is published later, by a release store, and its
    /// reader acquires it. A reader of an older version may meet the cell half written; it reads an epoch of 0 or one
    /// beyond its own, both invisible.
    pub(crate) fn put(self, at: usize, cell: Cell, epoch: u32) {
        debug_assert_eq!(self.epochs[at].load(Ordering::Relaxed), UNWRITTEN, "a cell is written once");
        self.timestamps[at].store(cell.timestamp.cast_unsigned(), Ordering::Relaxed);
        self.values[at].store(cell.bits, Ordering::Relaxed);
        self.epochs[at].store(epoch, Ordering::Relaxed);
    }

    /// How many cells, counted from the first, a version of this epoch sees.
    ///
    /// Epochs rise along a chain and a cell in the making reads as invisible, so the visible ones are a prefix.
    pub(crate) fn visible(self, epoch: u32) -> usize {
        #[cfg(feature = "mutant_unpublished_cells_are_read")]
        let epoch = epoch.max(u32::MAX);
        let sees = |cell: &AtomicU32| {
            let own = cell.load(Ordering::Relaxed);
            own != UNWRITTEN && own <= epoch
        };
        match self.epochs.last() {
            Some(last) if sees(last) => self.epochs.len(),
            _ => self.epochs.partition_point(sees),
        }
    }

    pub(crate) fn get(self, at: usize) -> Cell {
        Cell { timestamp: self.timestamp(at), bits: self.values[at].load(Ordering::Relaxed) }
    }

    pub(crate) fn timestamp(self, at: usize) -> i64 {
        self.timestamps[at].load(Ordering::Relaxed).cast_signed()
    }

    /// The epoch that made a point. Of a visible one it never changes.
    pub(crate) fn epoch(self, at: usize) -> u32 {
        self.epochs[at].load(Ordering::Relaxed)
    }

    pub(crate) fn len(self) -> usize {
        self.epochs.len()
    }
}

/// A boxed run of cells and the way to the next one.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Timestamps, then values: one allocation, two columns.
    words: Box<[AtomicU64]>,
    epochs: Box<[AtomicU32]>,
    pub(crate) next: Once<Arc<Chunk>>,
}

impl Chunk {
    pub(crate) fn new(points: usize) -> Self {
        Self {
            words: (0..2 * points).map(|_| AtomicU64::new(0)).collect(),
            epochs: (0..points).map(|_| AtomicU32::new(UNWRITTEN)).collect(),
            next: Once::new(),
        }
    }

    pub(crate) fn cells(&self) -> Cells<'_> {
        let (timestamps, values) = self.words.split_at(self.epochs.len());
        Cells { timestamps, values, epochs: &self.epochs }
    }

    /// What a chunk of so many points takes from the allocator.
    pub(crate) fn byte_len(points: usize) -> usize {
        // The chunk itself behind its counters, and 20 bytes a point.
        size_of::<Chunk>() + 2 * size_of::<usize>() + points * (2 * size_of::<u64>() + size_of::<u32>())
    }
}

/// A chain of thousands would overflow the stack if each link dropped the next inside its own drop.
impl Drop for Chunk {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(link) = next {
            next = Arc::into_inner(link).and_then(|mut chunk| chunk.next.take());
        }
    }
}
