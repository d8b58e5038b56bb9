//! The columns of one series: a head of a few points, a main chain in time order, and a lane for late points.
//! Readers walk what their epoch sees; the writer's position lives outside, in the table.

use std::ops::RangeInclusive;

use super::chunk::{Cell, Cells, Chunk};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::bounds::HEAD_POINTS;
use crate::sync::{Arc, Once};

/// Which of a series' two chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Timestamps never fall.
    Main,
    /// Points older than the newest one when they came, in order of arrival.
    Late,
}

/// One series of one memtable, shared by the writer and every view.
#[derive(Debug)]
pub(crate) struct SeriesColumns {
    head_words: [AtomicU64; 2 * HEAD_POINTS],
    head_epochs: [AtomicU32; HEAD_POINTS],
    main: Once<Arc<Chunk>>,
    late: Once<Arc<Chunk>>,
}

impl SeriesColumns {
    pub(crate) fn new() -> Self {
        Self {
            head_words: std::array::from_fn(|_| AtomicU64::new(0)),
            head_epochs: std::array::from_fn(|_| AtomicU32::new(super::chunk::UNWRITTEN)),
            main: Once::new(),
            late: Once::new(),
        }
    }

    /// The first points of the main lane lie inline: a series of few points needs no chunk.
    pub(crate) fn head(&self) -> Cells<'_> {
        let (timestamps, values) = self.head_words.split_at(HEAD_POINTS);
        Cells { timestamps, values, epochs: &self.head_epochs }
    }

    /// The first chunk of a lane, behind the head for the main one.
    pub(crate) fn first(&self, lane: Lane) -> &Once<Arc<Chunk>> {
        match lane {
            Lane::Main => &self.main,
            Lane::Late => &self.late,
        }
    }

    /// Appends what an epoch sees of a series in a range of time, in time order, equal times in order of arrival.
    pub(crate) fn read(&self, epoch: u32, range: &RangeInclusive<i64>, out: &mut Vec<Cell>) {
        let start = out.len();
        self.read_lane(Lane::Main, epoch, range, out);
        let late = out.len();
        self.read_lane(Lane::Late, epoch, range, out);
        if out.len() > late {
            // Stable: on a tie the main lane's point comes first, since it arrived before its late twin.
            out[start..].sort_by_key(|cell| cell.timestamp);
        }
    }

    /// Appends what an epoch sees of one lane in a range of time, in the lane's own order.
    pub(crate) fn read_lane(&self, lane: Lane, epoch: u32, range: &RangeInclusive<i64>, out: &mut Vec<Cell>) {
        if lane == Lane::Main && !read_cells(self.head(), lane, epoch, range, out) {
            return;
        }
        let mut next = self.first(lane).get();
        while let Some(chunk) = next {
            if !read_cells(chunk.cells(), lane, epoch, range, out) {
                return;
            }
            next = chunk.next.get();
        }
    }
}

/// Appends what is visible and in range of one run; whether the chain goes on behind it for this epoch and range.
fn read_cells(cells: Cells<'_>, lane: Lane, epoch: u32, range: &RangeInclusive<i64>, out: &mut Vec<Cell>) -> bool {
    let visible = cells.visible(epoch);
    let whole = visible == cells.len();
    if lane == Lane::Late {
        out.extend((0..visible).map(|at| cells.get(at)).filter(|cell| range.contains(&cell.timestamp)));
        return whole;
    }
    if visible == 0 || cells.timestamp(0) > *range.end() {
        return false;
    }
    let (mut from, mut until) = (0, visible);
    if cells.timestamp(visible - 1) < *range.start() {
        return whole;
    }
    if cells.timestamp(0) < *range.start() {
        from = seek(cells, visible, |timestamp| timestamp < *range.start());
    }
    if cells.timestamp(visible - 1) > *range.end() {
        until = seek(cells, visible, |timestamp| timestamp <= *range.end());
    }
    out.extend((from..until).map(|at| cells.get(at)));
    whole && until == visible
}

/// Walks one lane of a series chunk by chunk, holding it alive; what it yields never changes.
#[derive(Debug)]
pub(crate) struct LaneReader {
    columns: Arc<SeriesColumns>,
    lane: Lane,
    epoch: u32,
    range: RangeInclusive<i64>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Start,
    Behind(Arc<Chunk>),
    End,
}

impl LaneReader {
    pub(crate) fn new(columns: Arc<SeriesColumns>, lane: Lane, epoch: u32, range: RangeInclusive<i64>) -> Self {
        Self { columns, lane, epoch, range, place: Place::Start }
    }

    /// Appends the next points in time order; false at the end. The late lane is sorted, so it comes as one run.
    pub(crate) fn next(&mut self, out: &mut Vec<Cell>) -> bool {
        let before = out.len();
        if self.lane == Lane::Late {
            if matches!(self.place, Place::Start) {
                self.columns.read_lane(Lane::Late, self.epoch, &self.range, out);
                out[before..].sort_by_key(|cell| cell.timestamp);
            }
            self.place = Place::End;
            return out.len() > before;
        }
        while out.len() == before {
            let (more, next) = match &self.place {
                Place::Start => {
                    let more = read_cells(self.columns.head(), Lane::Main, self.epoch, &self.range, out);
                    (more, self.columns.first(Lane::Main).get().cloned())
                }
                Place::Behind(chunk) => {
                    let more = read_cells(chunk.cells(), Lane::Main, self.epoch, &self.range, out);
                    (more, chunk.next.get().cloned())
                }
                Place::End => return false,
            };
            self.place = if more { next.map_or(Place::End, Place::Behind) } else { Place::End };
        }
        true
    }

    /// The lane's last point in range, the latest arrival among equal times. Of the main lane it looks at one cell a
    /// chunk.
    pub(crate) fn last(&self) -> Option<Cell> {
        if self.lane == Lane::Late {
            let mut cells = Vec::new();
            self.columns.read_lane(Lane::Late, self.epoch, &self.range, &mut cells);
            return cells.into_iter().max_by_key(|cell| cell.timestamp);
        }
        let mut last = last_of(self.columns.head(), self.epoch, *self.range.end());
        let mut next = self.columns.first(Lane::Main).get();
        while let (Some(chunk), Some(_)) = (next, last) {
            match last_of(chunk.cells(), self.epoch, *self.range.end()) {
                Some(cell) => last = Some(cell),
                None => break,
            }
            next = chunk.next.get();
        }
        last.filter(|cell| self.range.contains(&cell.timestamp))
    }
}

/// The last visible cell of a run in time order that lies at or before `end`.
fn last_of(cells: Cells<'_>, epoch: u32, end: i64) -> Option<Cell> {
    let visible = cells.visible(epoch);
    let within = match visible.checked_sub(1) {
        Some(last) if cells.timestamp(last) > end => seek(cells, visible, |timestamp| timestamp <= end),
        _ => visible,
    };
    within.checked_sub(1).map(|at| cells.get(at))
}

/// How many of the first `visible` cells, in time order, keep `bound`.
fn seek(cells: Cells<'_>, visible: usize, bound: impl Fn(i64) -> bool) -> usize {
    cells.timestamps[..visible].partition_point(|word| bound(word.load(Ordering::Relaxed).cast_signed()))
}
