//! The append side of the memtable, with the position of the next point of each series.
//!
//! An insert cannot fail. The write to the WAL can fail; it comes before the insert.

use super::chunk::{Chunk, RawPoint};
use super::delete_mask::delete_bytes;
use super::series_columns::{ChunkList, SeriesColumns};
use super::slots::SlotPages;
use super::view::MemtableView;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::sync::bounds::{FIRST_CHUNK_POINTS, INLINE_POINTS, LAST_CHUNK_POINTS, MAX_GROUP_REQUESTS};
use crate::types::point::PointColumns;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Epoch from which the memtable must be frozen.
///
/// It leaves room for one group: the check is made once per group.
#[expect(clippy::cast_possible_truncation, reason = "a group has at most some hundred requests")]
const MAX_EPOCH: u32 = u32::MAX - 1 - MAX_GROUP_REQUESTS as u32;

/// The active memtable: the current view, and an appender for each series.
#[derive(Debug)]
pub(crate) struct Memtable {
    /// View of all batches and deletes so far, for the next published version.
    view: MemtableView,
    /// Index in `appenders` by series id, for the series with points in this memtable.
    appender_slots: SlotPages,
    appenders: Vec<SeriesAppender>,
}

/// Columns of one series, and the ends of its two lists.
#[derive(Debug)]
struct SeriesAppender {
    columns: Arc<SeriesColumns>,
    /// Timestamp of the newest point; `i64::MIN` before the first one.
    newest: i64,
    in_order: ListTail,
    /// `None` before the first late point: most series have none, and appenders must be small.
    late: Option<Box<ListTail>>,
}

/// End of one list of chunks.
#[derive(Debug)]
struct ListTail {
    /// Last chunk; `None` while the list has only inline points, or no point.
    chunk: Option<Arc<Chunk>>,
    /// Number of points in the last chunk, or of inline points without a chunk.
    used: u16,
    /// Capacity of the last chunk in points. Without a chunk: of the inline points, 0 for the late list.
    capacity: u16,
    /// `true` if the last chunk is the first one.
    is_first: bool,
}

/// Returns the estimated bytes of a series before its first chunk.
///
/// They are those of its columns, map entry, appender and slot. The map entry counts twice, since the nodes of the map
/// are not full.
pub(super) fn series_bytes() -> usize {
    let map_entry = 2 * size_of::<(SeriesId, Arc<SeriesColumns>)>();
    let counters = 2 * size_of::<usize>();
    size_of::<SeriesColumns>() + counters + map_entry + size_of::<SeriesAppender>() + size_of::<u32>()
}

/// Returns the bytes of the end of a late list.
pub(super) fn late_tail_bytes() -> usize {
    size_of::<ListTail>()
}

impl Memtable {
    pub(crate) fn new() -> Self {
        Self { view: MemtableView::empty(), appender_slots: SlotPages::default(), appenders: Vec::new() }
    }

    /// Returns the view of all batches and deletes so far, for the next published version.
    pub(crate) fn view(&self) -> MemtableView {
        self.view.clone()
    }

    /// Returns the estimated allocated bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.view.bytes
    }

    /// Returns the number of points, deleted ones included.
    pub(crate) fn points(&self) -> u64 {
        self.view.points
    }

    /// Returns the number of series with points.
    pub(crate) fn series_count(&self) -> usize {
        self.appenders.len()
    }

    /// Returns `true` if no point was inserted and no delete applied.
    pub(crate) fn is_empty(&self) -> bool {
        self.view.points == 0 && self.view.deletes.is_empty()
    }

    /// Returns `true` if the memtable must be frozen before the next group, or its epoch could overflow.
    pub(crate) fn is_epoch_exhausted(&self) -> bool {
        self.view.epoch >= MAX_EPOCH
    }

    /// Inserts a batch under the next epoch. It becomes visible as a whole, with the next published view.
    pub(crate) fn insert(&mut self, points: PointColumns<'_>) {
        debug_assert!(!self.is_epoch_exhausted(), "a memtable is frozen before its epoch overflows");
        let epoch = self.view.epoch + 1;
        for (series, timestamp, bits) in points.iter() {
            self.append(series, RawPoint { timestamp, bits }, epoch);
        }
        let times = points
            .timestamps
            .iter()
            .fold((i64::MAX, i64::MIN), |(first, last), time| (first.min(*time), last.max(*time)));
        self.view.time_range = self.view.time_range.union(TimeRange::new(times.0, times.1));
        self.view.epoch = epoch;
        self.view.points += points.len() as u64;
    }

    /// Adds a delete, which hides every point inserted so far that the tombstone covers.
    ///
    /// It takes effect with the next published view. Points that are inserted later stay visible.
    pub(crate) fn delete(&mut self, tombstone: Arc<Tombstone>) {
        debug_assert!(!self.is_epoch_exhausted(), "a memtable is frozen before its epoch overflows");
        self.view.epoch += 1;
        self.view.bytes += delete_bytes(&tombstone);
        self.view.deletes.push_back((self.view.epoch, tombstone));
    }

    /// Counts bytes of the WAL that are in no column, so that records without points also fill the memtable.
    pub(crate) fn add_log_bytes(&mut self, bytes: usize) {
        self.view.bytes += bytes;
    }

    fn append(&mut self, series: SeriesId, point: RawPoint, epoch: u32) {
        let at = self.appender_index(series);
        let appender = &mut self.appenders[at];
        let allocated = if point.timestamp >= appender.newest {
            appender.newest = point.timestamp;
            appender.in_order.append(&appender.columns, ChunkList::InOrder, point, epoch)
        } else {
            let before = if appender.late.is_none() { late_tail_bytes() } else { 0 };
            let late = appender.late.get_or_insert_with(|| Box::new(ListTail::without_chunk(0)));
            before + late.append(&appender.columns, ChunkList::Late, point, epoch)
        };
        self.view.bytes += allocated;
    }

    /// Returns the index of the series in `appenders`.
    ///
    /// Creates its columns and appender before its first point.
    fn appender_index(&mut self, series: SeriesId) -> usize {
        if let Some(at) = self.appender_slots.get(series) {
            return at;
        }
        let columns = Arc::new(SeriesColumns::new());
        self.view.root.insert(series, Arc::clone(&columns));
        let at = self.appenders.len();
        self.view.bytes += series_bytes();
        self.appender_slots.insert(series, at);
        let in_order = ListTail::without_chunk(INLINE_POINTS);
        self.appenders.push(SeriesAppender { columns, newest: i64::MIN, in_order, late: None });
        at
    }
}

impl ListTail {
    /// Creates the end of a list of so many inline points.
    fn without_chunk(inline_points: usize) -> Self {
        Self { chunk: None, used: 0, capacity: point_count(inline_points), is_first: false }
    }

    /// Appends the point to the list. Returns the bytes that were allocated for it.
    fn append(&mut self, columns: &SeriesColumns, list: ChunkList, point: RawPoint, epoch: u32) -> usize {
        let allocated = if self.used == self.capacity { self.grow(columns, list) } else { 0 };
        let target = self.chunk.as_ref().map_or_else(|| columns.inline_points(), |chunk| chunk.points());
        target.write(usize::from(self.used), point, epoch);
        self.used += 1;
        allocated
    }

    /// Links a new chunk, which is at most as large as all before with the inline points of a series.
    #[cold]
    fn grow(&mut self, columns: &SeriesColumns, list: ChunkList) -> usize {
        let size = usize::from(self.capacity);
        let points = match &self.chunk {
            None => FIRST_CHUNK_POINTS,
            Some(_) if self.is_first => size,
            Some(_) => (2 * size).min(LAST_CHUNK_POINTS),
        };
        let is_first = self.chunk.is_none();
        let chunk = Chunk::with_capacity(points);
        // Linked while it is still empty: a reader that finds the chunk now sees only epochs of 0.
        match &self.chunk {
            None => columns.first_chunk(list).set(Arc::clone(&chunk)),
            Some(previous) => previous.next.set(Arc::clone(&chunk)),
        }
        *self = Self { chunk: Some(chunk), used: 0, capacity: point_count(points), is_first };
        Chunk::byte_len(points)
    }
}

/// Converts a number of points of a list, at most [`LAST_CHUNK_POINTS`].
#[expect(clippy::cast_possible_truncation, reason = "asserted at compile time")]
fn point_count(points: usize) -> u16 {
    const { assert!(LAST_CHUNK_POINTS <= u16::MAX as usize && INLINE_POINTS <= LAST_CHUNK_POINTS) };
    points as u16
}
