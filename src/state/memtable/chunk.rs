//! A chunk: a run of points in three columns (timestamp, value, epoch), linked to the next chunk.
//!
//! The single writer writes each point once, before the view that makes it visible is published.

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{Arc, SetOnce};

/// Epoch of a point that was not written yet. The first batch or delete of a memtable has epoch 1.
pub(crate) const UNWRITTEN: u32 = 0;

/// A point as the columns store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawPoint {
    /// Nanoseconds since the Unix epoch.
    pub(crate) timestamp: i64,
    /// The value's 64 bits.
    pub(crate) bits: u64,
}

/// Three borrowed columns of equal length: those of a chunk, or the inline points of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkColumns<'a> {
    pub(crate) timestamps: &'a [AtomicU64],
    pub(crate) values: &'a [AtomicU64],
    pub(crate) epochs: &'a [AtomicU32],
}

impl ChunkColumns<'_> {
    /// Writes the point at index `at`, which no published view sees yet.
    ///
    /// Relaxed stores suffice: the view that makes `epoch` visible is published later, under a lock that its readers
    /// take, too. A reader of an older view may find the point half written. It then reads an epoch of 0 or one greater
    /// than the epoch of its view; in both cases the point is invisible.
    pub(crate) fn write(self, at: usize, point: RawPoint, epoch: u32) {
        debug_assert_eq!(self.epochs[at].load(Ordering::Relaxed), UNWRITTEN, "a point is written once");
        self.timestamps[at].store(point.timestamp.cast_unsigned(), Ordering::Relaxed);
        self.values[at].store(point.bits, Ordering::Relaxed);
        self.epochs[at].store(epoch, Ordering::Relaxed);
    }

    /// Returns the number of points with an epoch of at most `epoch`, deleted ones included.
    ///
    /// These points are a prefix: epochs never decrease along a list, and unwritten points come last.
    pub(crate) fn visible_len(self, epoch: u32) -> usize {
        let is_visible = |own: &AtomicU32| {
            let own = own.load(Ordering::Relaxed);
            own != UNWRITTEN && own <= epoch
        };
        match self.epochs.last() {
            Some(last) if is_visible(last) => self.epochs.len(),
            _ => self.epochs.partition_point(is_visible),
        }
    }

    pub(crate) fn get(self, at: usize) -> RawPoint {
        RawPoint { timestamp: self.timestamp(at), bits: self.values[at].load(Ordering::Relaxed) }
    }

    pub(crate) fn timestamp(self, at: usize) -> i64 {
        self.timestamps[at].load(Ordering::Relaxed).cast_signed()
    }

    /// Returns the epoch of the batch that wrote the point. It is constant once the point is visible.
    pub(crate) fn epoch(self, at: usize) -> u32 {
        self.epochs[at].load(Ordering::Relaxed)
    }

    pub(crate) fn len(self) -> usize {
        self.epochs.len()
    }
}

/// A run of points with a fixed capacity, and the link to the next chunk.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Timestamps, then values: two columns in one allocation.
    words: Box<[AtomicU64]>,
    epochs: Box<[AtomicU32]>,
    pub(crate) next: SetOnce<Arc<Chunk>>,
}

impl Chunk {
    pub(crate) fn new(points: usize) -> Self {
        Self {
            words: (0..2 * points).map(|_| AtomicU64::new(0)).collect(),
            epochs: (0..points).map(|_| AtomicU32::new(UNWRITTEN)).collect(),
            next: SetOnce::new(),
        }
    }

    pub(crate) fn columns(&self) -> ChunkColumns<'_> {
        let (timestamps, values) = self.words.split_at(self.epochs.len());
        ChunkColumns { timestamps, values, epochs: &self.epochs }
    }

    /// Returns the bytes that a chunk of this many points allocates.
    pub(crate) fn byte_len(points: usize) -> usize {
        // The chunk with its reference counts, and 20 bytes per point.
        size_of::<Chunk>() + 2 * size_of::<usize>() + points * (2 * size_of::<u64>() + size_of::<u32>())
    }
}

/// Drops the chain in a loop, up to the first chunk that is still referenced elsewhere.
///
/// If each chunk dropped the next one inside its own drop, thousands of chunks would overflow the stack.
impl Drop for Chunk {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(link) = next {
            next = Arc::into_inner(link).and_then(|mut chunk| chunk.next.take());
        }
    }
}
