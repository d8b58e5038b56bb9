//! The writer's side of the memtable: where the next point of each series goes.
//! An insert cannot fail; what can fail (the WAL) comes before it.

use super::chunk::{Cell, Chunk};
use super::columns::{Lane, SeriesColumns};
use super::deletes::delete_bytes;
use super::view::View;
use crate::point::PointColumns;
use crate::series::SeriesId;
use crate::sync::Arc;
use crate::sync::bounds::{FIRST_CHUNK_POINTS, GROUP_REQUESTS, HEAD_POINTS, LAST_CHUNK_POINTS};
use crate::version::Tombstone;

/// Freeze before the epoch could overflow, though the question is asked but once a group.
#[expect(clippy::cast_possible_truncation, reason = "a group has at most some hundred requests")]
const LAST_EPOCH: u32 = u32::MAX - 1 - GROUP_REQUESTS as u32;

/// The active memtable.
#[derive(Debug)]
pub(crate) struct Memtable {
    /// What the next published version sees.
    view: View,
    /// By series id: one more than the place in `tails`, 0 for a series without points here.
    places: Vec<u32>,
    tails: Vec<Tail>,
}

/// Where a series' next point goes.
#[derive(Debug)]
struct Tail {
    columns: Arc<SeriesColumns>,
    newest: i64,
    main: End,
    late: End,
}

/// The end of one lane.
#[derive(Debug)]
struct End {
    /// `None` while the lane is inside the head.
    chunk: Option<Arc<Chunk>>,
    used: usize,
    capacity: usize,
}

/// What a series takes before its first chunk: its columns, its map entry, and the writer's tail.
pub(super) fn series_bytes() -> usize {
    let map_entry = 2 * size_of::<(SeriesId, Arc<SeriesColumns>)>();
    let counters = 2 * size_of::<usize>();
    size_of::<SeriesColumns>() + counters + map_entry + size_of::<Tail>() + size_of::<u32>()
}

impl Memtable {
    pub(crate) fn new() -> Self {
        Self { view: View::empty(), places: Vec::new(), tails: Vec::new() }
    }

    /// What a reader may see from the next publish on.
    pub(crate) fn view(&self) -> View {
        self.view.clone()
    }

    /// A view of batches that are not inserted yet: the planted bug of publishing too early.
    #[cfg(feature = "mutant_publish_before_last_cell")]
    pub(crate) fn view_ahead(&self, batches: usize) -> View {
        View { epoch: self.view.epoch + u32::try_from(batches).unwrap_or(u32::MAX), ..self.view.clone() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.view.bytes
    }

    /// Whether nothing was put in: no point, hidden ones included, and no delete.
    pub(crate) fn is_empty(&self) -> bool {
        self.view.points == 0 && self.view.deletes.is_empty()
    }

    /// Whether no further batch may be inserted, whatever its size, and nothing deleted.
    pub(crate) fn is_spent(&self) -> bool {
        self.view.epoch >= LAST_EPOCH
    }

    /// Inserts a batch; it becomes visible as a whole, with the next published view.
    pub(crate) fn insert(&mut self, points: PointColumns<'_>) {
        debug_assert!(!self.is_spent(), "frozen before the epoch overflows");
        let epoch = self.view.epoch + 1;
        for (series, timestamp, bits) in points.iter() {
            self.put(series, Cell { timestamp, bits }, epoch);
        }
        self.view.epoch = epoch;
        self.view.points += points.len() as u64;
    }

    /// Deletes what is there: hides, from the next published view on, every point inserted so far that the tombstone
    /// names. What is inserted later stays visible.
    pub(crate) fn delete(&mut self, tombstone: Arc<Tombstone>) {
        debug_assert!(!self.is_spent(), "frozen before the epoch overflows");
        self.view.epoch += 1;
        self.view.bytes += delete_bytes(&tombstone);
        self.view.deletes.push_back((self.view.epoch, tombstone));
    }

    fn put(&mut self, series: SeriesId, cell: Cell, epoch: u32) {
        self.view.times = (self.view.times.0.min(cell.timestamp), self.view.times.1.max(cell.timestamp));
        let place = self.place(series);
        let tail = &mut self.tails[place];
        let allocated = if cell.timestamp >= tail.newest {
            tail.newest = cell.timestamp;
            tail.main.put(&tail.columns, Lane::Main, cell, epoch)
        } else {
            tail.late.put(&tail.columns, Lane::Late, cell, epoch)
        };
        self.view.bytes += allocated;
    }

    /// The series' place in `tails`, made if this is its first point here.
    fn place(&mut self, series: SeriesId) -> usize {
        if let Some(place @ 1..) = self.places.get(series.index()) {
            return *place as usize - 1;
        }
        if self.places.len() <= series.index() {
            self.places.resize(series.index() + 1, 0);
        }
        let columns = Arc::new(SeriesColumns::new());
        self.view.root.insert(series, Arc::clone(&columns));
        self.view.bytes += series_bytes();
        let main = End { chunk: None, used: 0, capacity: HEAD_POINTS };
        let late = End { chunk: None, used: 0, capacity: 0 };
        self.tails.push(Tail { columns, newest: i64::MIN, main, late });
        // Ids stay below 2^31, and so does the number of tails.
        self.places[series.index()] = u32::try_from(self.tails.len()).unwrap_or(u32::MAX);
        self.tails.len() - 1
    }
}

impl End {
    /// Puts a point behind the last one; the bytes allocated for it.
    fn put(&mut self, columns: &SeriesColumns, lane: Lane, cell: Cell, epoch: u32) -> usize {
        let allocated = if self.used == self.capacity { self.grow(columns, lane) } else { 0 };
        let cells = self.chunk.as_ref().map_or_else(|| columns.head(), |chunk| chunk.cells());
        cells.put(self.used, cell, epoch);
        self.used += 1;
        allocated
    }

    fn grow(&mut self, columns: &SeriesColumns, lane: Lane) -> usize {
        let points = if self.chunk.is_none() { FIRST_CHUNK_POINTS } else { (2 * self.capacity).min(LAST_CHUNK_POINTS) };
        let chunk = Arc::new(Chunk::new(points));
        // Linked while still empty: a reader that finds it sees cells of epoch 0.
        match &self.chunk {
            None => columns.first(lane).set(Arc::clone(&chunk)),
            Some(last) => last.next.set(Arc::clone(&chunk)),
        }
        *self = Self { chunk: Some(chunk), used: 0, capacity: points };
        Chunk::byte_len(points)
    }
}
