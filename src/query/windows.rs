//! Cutting a series' columns into windows of time, and folding each to its values.
//! It takes chunks of any length in time order and promises the same windows for every way of cutting them; where the
//! merge offers a summary that lies in one window, that stands for its points.

use super::aggregate::Aggregate;
use super::catalog::{AnySources, Sources};
use super::cell::{Acc, Cell, Needs, plain};
use super::cut::Cut;
use super::fold::Measure;
use super::limits::Limits;
use crate::error::Result;
use crate::merge::{Summary, TimeRange, partition_near};
use crate::point::{Timestamp, Value};

/// What is to be made of each series.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) range: TimeRange,
    pub(super) cut: Cut,
    pub(super) aggregates: Vec<Aggregate>,
    /// What series are ranked by, over the whole range.
    pub(super) rank: Option<Aggregate>,
    /// Whether windows of several series may be joined, so that values cannot be told yet.
    pub(super) joins: bool,
    /// Whether summaries may stand for their points.
    pub(super) statistics: bool,
}

/// Windows as values: a column an aggregate, all as long as their starts.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) starts: Vec<Timestamp>,
    pub(super) values: Vec<Vec<Option<Value>>>,
}

impl Rows {
    pub(super) fn new(columns: usize) -> Self {
        Self { starts: Vec::new(), values: vec![Vec::new(); columns] }
    }

    /// Adds a window, unless no aggregate has a value for it.
    #[inline]
    pub(super) fn push(&mut self, aggregates: &[Aggregate], start: Timestamp, cell: &Cell) {
        let mut has_value = false;
        for (aggregate, column) in aggregates.iter().zip(&mut self.values) {
            let value = cell.value(*aggregate);
            has_value |= value.is_some();
            column.push(value);
        }
        if has_value {
            self.starts.push(start);
        } else {
            self.values.iter_mut().for_each(|column| column.truncate(self.starts.len()));
        }
    }

    pub(super) fn byte_len(&self) -> usize {
        let columns: usize = self.values.iter().map(Vec::capacity).sum();
        self.starts.capacity() * size_of::<Timestamp>() + columns * size_of::<Option<Value>>()
    }
}

/// Windows of one series.
#[derive(Debug)]
pub(super) enum PartWindows {
    /// Final.
    Rows(Rows),
    /// To be joined with those of other series.
    Cells { cells: Vec<(Timestamp, Cell)>, bytes: usize },
}

impl PartWindows {
    pub(super) fn byte_len(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.byte_len(),
            Self::Cells { bytes, .. } => *bytes,
        }
    }

    #[inline]
    fn push(&mut self, aggregates: &[Aggregate], start: Timestamp, cell: Cell) {
        match self {
            Self::Rows(rows) => rows.push(aggregates, start, &cell),
            Self::Cells { cells, bytes } => {
                *bytes += cell.byte_len() + size_of::<Timestamp>();
                cells.push((start, cell));
            }
        }
    }
}

/// What became of one series.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) windows: PartWindows,
    /// All its points together, if series are ranked.
    pub(super) total: Option<Cell>,
}

/// Folds chunk after chunk into windows.
struct Folding<'a, T: Measure> {
    plan: &'a Plan,
    windows: PartWindows,
    acc: Acc<T>,
    /// The window that is not finished: its start, and the last time it may hold.
    open: Option<(Timestamp, i64)>,
    /// The last time of the window before it.
    before: Option<i64>,
    /// How many points its predecessor took of one slice: most windows of a series hold equally many.
    usual: usize,
    total: Option<Acc<T>>,
}

impl<'a, T: Measure> Folding<'a, T> {
    fn new(plan: &'a Plan) -> Self {
        let windows = if plan.joins {
            PartWindows::Cells { cells: Vec::new(), bytes: 0 }
        } else {
            PartWindows::Rows(Rows::new(plan.aggregates.len()))
        };
        let acc = Acc::new(Needs::of(&plan.aggregates));
        let total = plan.rank.map(|rank| Acc::new(Needs::of(&[rank])));
        Self { plan, windows, acc, open: None, before: None, usual: 0, total }
    }

    fn add(&mut self, mut timestamps: &[Timestamp], mut values: &[T]) {
        if let Some(total) = &mut self.total {
            total.add(timestamps, values);
        }
        while let Some(at) = timestamps.first() {
            let was_open = self.open;
            let last = self.reach(*at);
            let inside = |at: &Timestamp| at.as_nanos() <= last;
            let count = match timestamps.last() {
                Some(end) if inside(end) => timestamps.len(),
                _ if self.usual > 0 && ends_at(timestamps, self.usual, inside) => self.usual,
                // At least the first is inside: windows make progress even if a source broke its order.
                _ => partition_near(timestamps, inside).max(1),
            };
            self.usual = count;
            if was_open == self.open || count == timestamps.len() || !self.add_whole(&values[..count]) {
                self.acc.add(&timestamps[..count], &values[..count]);
            }
            (timestamps, values) = (&timestamps[count..], &values[count..]);
        }
    }

    /// Finishes the open window with the values that are all it holds, if its aggregate makes that easy: where windows are
    /// short, a cell would cost more than their points.
    #[inline]
    fn add_whole(&mut self, values: &[T]) -> bool {
        let (PartWindows::Rows(rows), [only]) = (&mut self.windows, self.plan.aggregates.as_slice()) else {
            return false;
        };
        if !only.is_plain() {
            return false;
        }
        let Some((start, last)) = self.open.take() else { return false };
        rows.starts.push(start);
        rows.values[0].push(Some(plain(*only, values)));
        self.before = Some(last);
        true
    }

    /// Opens the window of a time that is not before what came so far; its last time.
    #[inline]
    fn reach(&mut self, at: Timestamp) -> i64 {
        match self.open {
            Some((_, last)) if at.as_nanos() <= last => return last,
            Some(_) => self.finish(),
            None => {}
        }
        let cut = &self.plan.cut;
        let window = self.before.map_or_else(|| cut.window(at), |before| cut.window_after(before, at));
        self.open = Some(window);
        window.1
    }

    /// Whether a summary can stand for its points here.
    fn takes(&self, summary: &Summary<T>) -> bool {
        let met = |acc: &Acc<T>| acc.needs().met_by(summary);
        if !met(&self.acc) || !self.total.as_ref().is_none_or(met) {
            return false;
        }
        let last = match self.open {
            Some((_, last)) if summary.first_time <= last => last,
            _ => self.plan.cut.window(Timestamp::from_nanos(summary.first_time)).1,
        };
        summary.last_time <= last
    }

    fn add_summary(&mut self, summary: &Summary<T>) {
        self.reach(Timestamp::from_nanos(summary.first_time));
        self.acc.add_summary(summary);
        if let Some(total) = &mut self.total {
            total.add_summary(summary);
        }
    }

    #[inline]
    fn finish(&mut self) {
        if let Some((start, last)) = self.open.take() {
            self.before = Some(last);
            self.windows.push(&self.plan.aggregates, start, self.acc.take());
        }
    }

    fn part(mut self) -> Part {
        let is_empty = self.open.is_none() && self.before.is_none();
        self.finish();
        Part { windows: self.windows, total: self.total.filter(|_| !is_empty).map(|mut total| total.take()) }
    }
}

/// Whether exactly so many times come before one that is not inside.
#[inline]
fn ends_at(timestamps: &[Timestamp], count: usize, inside: impl Fn(&Timestamp) -> bool) -> bool {
    timestamps.get(count).is_some_and(|next| !inside(next)) && inside(&timestamps[count - 1])
}

fn fold<T: Measure>(sources: Sources<T>, plan: &Plan, limits: &Limits<'_>) -> Result<Part> {
    let mut merge = sources.merge(plan.range);
    let mut folding = Folding::new(plan);
    let mut held = 0;
    while limits.go_on()? {
        if plan.statistics {
            while limits.go_on()?
                && let Some(summary) = merge.summary(|summary| folding.takes(summary))?
            {
                folding.add_summary(&summary);
            }
        }
        if !merge.advance()? {
            break;
        }
        limits.folded(merge.chunk().timestamps().len());
        folding.add(merge.chunk().timestamps(), merge.chunk().values());
        let now = folding.windows.byte_len();
        if now != held {
            limits.hold(held, now)?;
            held = now;
        }
    }
    let part = folding.part();
    limits.hold(held, part.windows.byte_len())?;
    Ok(part)
}

/// What becomes of one series.
pub(super) fn part(sources: AnySources, plan: &Plan, limits: &Limits<'_>) -> Result<Part> {
    match sources {
        AnySources::F64(sources) => fold(sources, plan, limits),
        AnySources::I64(sources) => fold(sources, plan, limits),
        AnySources::U64(sources) => fold(sources, plan, limits),
        AnySources::Bool(sources) => fold(sources, plan, limits),
    }
}

#[cfg(test)]
mod tests;
