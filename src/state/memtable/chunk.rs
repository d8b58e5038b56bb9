//! A chunk: a run of points with their epochs, in groups, linked to the next chunk.
//!
//! An append to one of many series is slow because of the cache lines that it touches. So the two points of a group lie beside
//! each other with their epochs, without padding, and a chunk is one allocation:
//!
//! ```text
//!  ┌──────┬─────────────────────────────────────┬───────────────────────────────┬─────┐
//!  │ next │ times 0, 1 | values 0, 1 | epochs   │ times 2, 3 | values 2, 3 | .. │ ... │
//!  └──────┴─────────────────────────────────────┴───────────────────────────────┴─────┘
//! ```
//!
//! The single writer writes each point once, before the view that makes it visible is published.

use std::ops::Range;

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::bounds::{FIRST_CHUNK_POINTS, GROUP_POINTS, INLINE_POINTS, LAST_CHUNK_POINTS};
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

/// Points that lie beside each other in memory.
#[derive(Debug)]
pub(crate) struct PointGroup {
    pub(crate) timestamps: [AtomicU64; GROUP_POINTS],
    pub(crate) values: [AtomicU64; GROUP_POINTS],
    epochs: [AtomicU32; GROUP_POINTS],
}

impl PointGroup {
    pub(crate) fn new() -> Self {
        Self {
            timestamps: std::array::from_fn(|_| AtomicU64::new(0)),
            values: std::array::from_fn(|_| AtomicU64::new(0)),
            epochs: std::array::from_fn(|_| AtomicU32::new(UNWRITTEN)),
        }
    }
}

/// Borrowed points: those of a chunk, or the inline points of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkPoints<'a> {
    groups: &'a [PointGroup],
}

impl<'a> ChunkPoints<'a> {
    pub(crate) fn new(groups: &'a [PointGroup]) -> Self {
        Self { groups }
    }

    /// Writes the point at index `at`, which no published view sees yet.
    ///
    /// Relaxed stores suffice: the view that makes `epoch` visible is published later, under a lock that its readers
    /// take, too. A reader of an older view may find the point half written. It then reads an epoch of 0 or one greater
    /// than the epoch of its view; in both cases the point is invisible.
    pub(crate) fn write(self, at: usize, point: RawPoint, epoch: u32) {
        let (group, at) = (&self.groups[at / GROUP_POINTS], at % GROUP_POINTS);
        debug_assert_eq!(group.epochs[at].load(Ordering::Relaxed), UNWRITTEN, "a point is written once");
        group.timestamps[at].store(point.timestamp.cast_unsigned(), Ordering::Relaxed);
        group.values[at].store(point.bits, Ordering::Relaxed);
        group.epochs[at].store(epoch, Ordering::Relaxed);
    }

    /// Returns the number of points with an epoch of at most `epoch`, deleted ones included.
    ///
    /// These points are a prefix: epochs never decrease along a list, and unwritten points come last.
    pub(crate) fn visible_len(self, epoch: u32) -> usize {
        let is_visible = |at: usize| {
            let own = self.epoch(at);
            own != UNWRITTEN && own <= epoch
        };
        let len = self.len();
        if len > 0 && is_visible(len - 1) { len } else { partition_point(len, is_visible) }
    }

    pub(crate) fn get(self, at: usize) -> RawPoint {
        let (group, at) = (&self.groups[at / GROUP_POINTS], at % GROUP_POINTS);
        let timestamp = group.timestamps[at].load(Ordering::Relaxed).cast_signed();
        RawPoint { timestamp, bits: group.values[at].load(Ordering::Relaxed) }
    }

    pub(crate) fn timestamp(self, at: usize) -> i64 {
        self.groups[at / GROUP_POINTS].timestamps[at % GROUP_POINTS].load(Ordering::Relaxed).cast_signed()
    }

    /// Returns the epoch of the batch that wrote the point. It is constant once the point is visible.
    pub(crate) fn epoch(self, at: usize) -> u32 {
        self.groups[at / GROUP_POINTS].epochs[at % GROUP_POINTS].load(Ordering::Relaxed)
    }

    /// Calls a function with the index and the timestamp of each of the first `len` points.
    pub(crate) fn for_each_time(self, len: usize, mut each: impl FnMut(usize, i64)) {
        let (whole, rest) = (len / GROUP_POINTS, len - len % GROUP_POINTS..len);
        for (first, group) in (0..).step_by(GROUP_POINTS).zip(&self.groups[..whole]) {
            for (at, word) in group.timestamps.iter().enumerate() {
                each(first + at, word.load(Ordering::Relaxed).cast_signed());
            }
        }
        rest.for_each(|at| each(at, self.timestamp(at)));
    }

    pub(crate) fn len(self) -> usize {
        self.groups.len() * GROUP_POINTS
    }

    /// Splits a range of points into those before the first whole group, whole groups, and those behind them.
    pub(super) fn split(self, points: Range<usize>) -> (Range<usize>, &'a [PointGroup], Range<usize>) {
        let (first, end) = (points.start.div_ceil(GROUP_POINTS), points.end / GROUP_POINTS);
        if first >= end {
            return (points.clone(), &[], points.end..points.end);
        }
        (points.start..first * GROUP_POINTS, &self.groups[first..end], end * GROUP_POINTS..points.end)
    }
}

/// Returns how many of the first `len` points satisfy `bound`, which is called with indices. Those that do must come first.
pub(super) fn partition_point(len: usize, bound: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low.midpoint(high);
        if bound(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// A run of points with a fixed capacity, and the link to the next chunk.
#[derive(Debug)]
pub(crate) struct Chunk<Groups: ?Sized = [PointGroup]> {
    pub(crate) next: SetOnce<Arc<Chunk>>,
    groups: Groups,
}

const _: () = assert!(
    LAST_CHUNK_POINTS <= 64 * FIRST_CHUNK_POINTS
        && FIRST_CHUNK_POINTS.is_multiple_of(GROUP_POINTS)
        && INLINE_POINTS.is_multiple_of(GROUP_POINTS),
    "a chunk has one of the seven sizes, and points are in whole groups"
);

impl Chunk {
    /// Creates a chunk for `points` points, which must be [`FIRST_CHUNK_POINTS`] times a power of two from 1 to 64.
    pub(crate) fn with_capacity(points: usize) -> Arc<Self> {
        const FIRST: usize = FIRST_CHUNK_POINTS / GROUP_POINTS;
        let chunk: Arc<Self> = match points / FIRST_CHUNK_POINTS {
            0 | 1 => Self::sized::<FIRST>(),
            2 => Self::sized::<{ 2 * FIRST }>(),
            4 => Self::sized::<{ 4 * FIRST }>(),
            8 => Self::sized::<{ 8 * FIRST }>(),
            16 => Self::sized::<{ 16 * FIRST }>(),
            32 => Self::sized::<{ 32 * FIRST }>(),
            _ => Self::sized::<{ 64 * FIRST }>(),
        };
        debug_assert_eq!(chunk.points().len(), points, "a chunk has one of the seven sizes");
        chunk
    }

    /// Creates a chunk of so many groups.
    fn sized<const GROUPS: usize>() -> Arc<Self> {
        let groups: [PointGroup; GROUPS] = std::array::from_fn(|_| PointGroup::new());
        Arc::new(Chunk { next: SetOnce::new(), groups })
    }

    pub(crate) fn points(&self) -> ChunkPoints<'_> {
        ChunkPoints::new(&self.groups)
    }

    /// Returns the bytes that a chunk of this many points allocates.
    pub(crate) fn byte_len(points: usize) -> usize {
        // The chunk with its reference counts, and 20 bytes per point.
        size_of::<Chunk<[PointGroup; 0]>>() + 2 * size_of::<usize>() + points / GROUP_POINTS * size_of::<PointGroup>()
    }
}

/// Drops the chain in a loop, up to the first chunk that is still referenced elsewhere.
///
/// If each chunk dropped the next one inside its own drop, thousands of chunks would overflow the stack.
impl<Groups: ?Sized> Drop for Chunk<Groups> {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut link) = next {
            next = Arc::get_mut(&mut link).and_then(|chunk| chunk.next.take());
        }
    }
}
