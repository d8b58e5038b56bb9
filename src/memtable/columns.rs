//! The columns of one series: a head of a few points, a main chain in time order, and a lane for late points.
//! Readers walk what their epoch sees; the writer's position lives outside, in the table.

use std::ops::RangeInclusive;

use super::chunk::{Cell, Cells, Chunk};
use super::deletes::Erased;
use crate::options::Duplicates;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::bounds::HEAD_POINTS;
use crate::sync::{Arc, Once};
use crate::version::Hidden;

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

    /// Appends what is seen of a series, in time order, equal times in order of arrival.
    pub(crate) fn read(&self, sight: Sight<'_>, out: &mut Vec<Cell>) {
        let start = out.len();
        self.read_lane(Lane::Main, sight, out);
        let late = out.len();
        self.read_lane(Lane::Late, sight, out);
        if out.len() > late {
            // Stable: on a tie the main lane's point comes first, since it arrived before its late twin.
            out[start..].sort_by_key(|cell| cell.timestamp);
        }
    }

    /// How many points were written in the range up to an epoch, those that deletes hide included.
    pub(crate) fn count(&self, epoch: u32, range: &RangeInclusive<i64>) -> usize {
        [Lane::Main, Lane::Late].into_iter().map(|lane| self.count_lane(lane, epoch, range)).sum()
    }

    fn count_lane(&self, lane: Lane, epoch: u32, range: &RangeInclusive<i64>) -> usize {
        let head = if lane == Lane::Main { count_cells(self.head(), lane, epoch, range) } else { 0 };
        let chunks = std::iter::successors(self.first(lane).get(), |chunk| chunk.next.get());
        head + chunks.map(|chunk| count_cells(chunk.cells(), lane, epoch, range)).sum::<usize>()
    }

    /// Appends what is seen of one lane, in the lane's own order.
    fn read_lane(&self, lane: Lane, sight: Sight<'_>, out: &mut Vec<Cell>) {
        if lane == Lane::Main && !read_cells(self.head(), lane, sight, out) {
            return;
        }
        let mut next = self.first(lane).get();
        while let Some(chunk) = next {
            if !read_cells(chunk.cells(), lane, sight, out) {
                return;
            }
            next = chunk.next.get();
        }
    }
}

/// How many visible cells of a run lie in the range: by two seeks where they are in time order.
fn count_cells(cells: Cells<'_>, lane: Lane, epoch: u32, range: &RangeInclusive<i64>) -> usize {
    let visible = cells.visible(epoch);
    if lane == Lane::Late {
        return (0..visible).filter(|at| range.contains(&cells.timestamp(*at))).count();
    }
    let until = seek(cells, visible, |timestamp| timestamp <= *range.end());
    until.saturating_sub(seek(cells, visible, |timestamp| timestamp < *range.start()))
}

/// Which points of a series a reader sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) epoch: u32,
    pub(crate) range: &'a RangeInclusive<i64>,
    pub(crate) erased: &'a Erased,
}

/// Appends what is seen of one run; whether the chain goes on behind it for this epoch and range.
fn read_cells(cells: Cells<'_>, lane: Lane, sight: Sight<'_>, out: &mut Vec<Cell>) -> bool {
    let Sight { epoch, range, erased } = sight;
    let visible = cells.visible(epoch);
    let whole = visible == cells.len();
    let remains = |at: &usize| !erased.holds(cells.timestamp(*at), cells.epoch(*at));
    if lane == Lane::Late {
        let within = (0..visible).filter(|at| range.contains(&cells.timestamp(*at)));
        if erased.is_empty() {
            out.extend(within.map(|at| cells.get(at)));
        } else {
            out.extend(within.filter(remains).map(|at| cells.get(at)));
        }
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
    if from < until && erased.meets(cells.timestamp(from), cells.timestamp(until - 1)) {
        out.extend((from..until).filter(remains).map(|at| cells.get(at)));
    } else {
        out.extend((from..until).map(|at| cells.get(at)));
    }
    whole && until == visible
}

/// Walks one lane of a series chunk by chunk, holding it alive; what it yields never changes.
#[derive(Debug)]
pub(crate) struct LaneReader {
    columns: Arc<SeriesColumns>,
    lane: Lane,
    epoch: u32,
    range: RangeInclusive<i64>,
    erased: Erased,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Start,
    Behind(Arc<Chunk>),
    End,
}

impl LaneReader {
    pub(crate) fn new(columns: Arc<SeriesColumns>, lane: Lane, sight: (u32, RangeInclusive<i64>, Erased)) -> Self {
        let (epoch, range, erased) = sight;
        Self { columns, lane, epoch, range, erased, place: Place::Start }
    }

    fn sight(&self) -> Sight<'_> {
        Sight { epoch: self.epoch, range: &self.range, erased: &self.erased }
    }

    /// Appends the next points in time order; false at the end. The late lane is sorted, so it comes as one run.
    pub(crate) fn next(&mut self, out: &mut Vec<Cell>) -> bool {
        let before = out.len();
        if self.lane == Lane::Late {
            if matches!(self.place, Place::Start) {
                self.columns.read_lane(Lane::Late, self.sight(), out);
                out[before..].sort_by_key(|cell| cell.timestamp);
            }
            self.place = Place::End;
            return out.len() > before;
        }
        while out.len() == before {
            let (more, next) = match &self.place {
                Place::Start => {
                    let more = read_cells(self.columns.head(), Lane::Main, self.sight(), out);
                    (more, self.columns.first(Lane::Main).get().cloned())
                }
                Place::Behind(chunk) => {
                    let more = read_cells(chunk.cells(), Lane::Main, self.sight(), out);
                    (more, chunk.next.get().cloned())
                }
                Place::End => return false,
            };
            self.place = if more { next.map_or(Place::End, Place::Behind) } else { Place::End };
        }
        true
    }

    /// The lane's newest point in range that is neither erased nor hidden; of several at one time the first that arrived
    /// if the first is kept, else the last. Of the main lane it looks at one cell a chunk, and at more only where the
    /// newest point is not the one wanted.
    pub(crate) fn last(&self, hidden: &Hidden, duplicates: Duplicates) -> Option<Cell> {
        let keeps_first = duplicates == Duplicates::KeepFirst;
        if self.lane == Lane::Late {
            let mut cells = Vec::new();
            self.columns.read_lane(Lane::Late, self.sight(), &mut cells);
            cells.sort_by_key(|cell| cell.timestamp);
            return newest(&cells, hidden, keeps_first).map(|at| cells[at]);
        }
        let (cell, epoch) = self.last_visible(|_| {})?;
        let is_wanted = !self.erased.holds(cell.timestamp, epoch) && hidden.range_at(cell.timestamp).is_none();
        if is_wanted && !keeps_first {
            return Some(cell).filter(|cell| self.range.contains(&cell.timestamp));
        }
        let mut runs = Vec::new();
        self.last_visible(|run| runs.push(run));
        let (mut found, mut cells) = (None, Vec::new());
        for run in runs.into_iter().rev() {
            cells.clear();
            read_cells(run, Lane::Main, self.sight(), &mut cells);
            let Some(at) = newest(&cells, hidden, keeps_first) else { continue };
            if found.is_some_and(|found: Cell| cells[at].timestamp < found.timestamp) {
                break;
            }
            found = Some(cells[at]);
            // Only what stands first in a run may have an earlier twin in the one before.
            if at > 0 || !keeps_first {
                break;
            }
        }
        found
    }

    /// The main lane's last cell at or before the range's end, erased or not, with its epoch; and on the way each run
    /// up to the one that holds it.
    fn last_visible<'a>(&'a self, mut each: impl FnMut(Cells<'a>)) -> Option<(Cell, u32)> {
        let mut last = None;
        let mut run = self.columns.head();
        let mut next = self.columns.first(Lane::Main).get();
        while let Some(cell) = last_of(run, self.epoch, *self.range.end()) {
            last = Some(cell);
            each(run);
            let Some(chunk) = next else { break };
            (run, next) = (chunk.cells(), chunk.next.get());
        }
        last
    }
}

/// Where cells in time order have their newest one that is not hidden, the first or the last of its time.
fn newest(cells: &[Cell], hidden: &Hidden, keeps_first: bool) -> Option<usize> {
    let at = cells.iter().rposition(|cell| hidden.range_at(cell.timestamp).is_none())?;
    let time = cells[at].timestamp;
    Some(if keeps_first { cells.partition_point(|cell| cell.timestamp < time) } else { at })
}

/// The last visible cell of a run in time order that lies at or before `end`, with its epoch.
fn last_of(cells: Cells<'_>, epoch: u32, end: i64) -> Option<(Cell, u32)> {
    let visible = cells.visible(epoch);
    let within = match visible.checked_sub(1) {
        Some(last) if cells.timestamp(last) > end => seek(cells, visible, |timestamp| timestamp <= end),
        _ => visible,
    };
    within.checked_sub(1).map(|at| (cells.get(at), cells.epoch(at)))
}

/// How many of the first `visible` cells, in time order, keep `bound`.
fn seek(cells: Cells<'_>, visible: usize, bound: impl Fn(i64) -> bool) -> usize {
    cells.timestamps[..visible].partition_point(|word| bound(word.load(Ordering::Relaxed).cast_signed()))
}
