//! Which series make one row of the answer, and joining their windows.
//! Series are joined in the order of their keys, whatever order threads bring them in, so that answers are the same.

use std::collections::BTreeMap;

use super::catalog::SeriesInfo;
use super::cell::Cell;
use super::cut::Cut;
use super::limits::Limits;
use super::windows::{Part, PartWindows, Plan, Rows};
use crate::error::Result;
use crate::point::Timestamp;
use crate::series::SeriesKey;
use crate::sync::Arc;

/// How series are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Each stands alone.
    Each,
    /// Those with the same values of these tags; a tag that a series lacks counts as the empty string.
    By(Vec<String>),
}

/// Series that make one row of the answer.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) key: SeriesKey,
    /// In the order of their keys.
    pub(super) members: Vec<Arc<SeriesInfo>>,
}

impl Grouping {
    /// The groups of series that are sorted by key, in the order of their own keys.
    pub(super) fn groups(&self, series: Vec<Arc<SeriesInfo>>) -> Vec<Group> {
        let Self::By(tags) = self else {
            return series.into_iter().map(|info| Group { key: info.key.clone(), members: vec![info] }).collect();
        };
        let mut groups: BTreeMap<Vec<String>, Vec<Arc<SeriesInfo>>> = BTreeMap::new();
        for info in series {
            let values = tags.iter().map(|tag| info.key.tag_value(tag).unwrap_or_default().to_owned()).collect();
            groups.entry(values).or_default().push(info);
        }
        // 18: the tags that tell series apart are dropped, and with them all series of a group but one.
        #[cfg(feature = "planted")]
        if crate::planted::is("projection_collapses_series") {
            for members in groups.values_mut() {
                members.truncate(1);
            }
        }
        groups.into_iter().map(|(values, members)| Group { key: key(tags, &values, &members), members }).collect()
    }
}

/// The metric name that all members share, if they do, and the tags that they were put together by.
fn key(tags: &[String], values: &[String], members: &[Arc<SeriesInfo>]) -> SeriesKey {
    let mut metrics = members.iter().map(|info| info.key.metric());
    let first = metrics.next().unwrap_or_default();
    let metric = if metrics.all(|metric| metric == first) { first } else { "" };
    let named = tags.iter().zip(values).filter(|(_, value)| !value.is_empty());
    named.fold(SeriesKey::new(metric), |key, (tag, value)| key.tag(tag, value))
}

/// One row of the answer as far as its series were read.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) rows: Rows,
    pub(super) total: Option<Cell>,
}

/// Joins the parts of a group's series, one after the other.
#[derive(Debug, Default)]
pub(super) struct Joining {
    rows: Rows,
    cells: Cells,
    bytes: usize,
    total: Option<Cell>,
}

impl Joining {
    pub(super) fn add(&mut self, part: Part, cut: &Cut, limits: &Limits<'_>) -> Result<()> {
        match (&mut self.total, part.total) {
            (Some(own), Some(other)) => own.join(other),
            (own, other) => *own = own.take().or(other),
        }
        let (cells, bytes) = match part.windows {
            PartWindows::Rows(rows) => {
                self.rows = rows;
                return Ok(());
            }
            PartWindows::Cells { cells, bytes } => (cells, bytes),
        };
        let before = self.bytes;
        let own = std::mem::take(&mut self.cells);
        if matches!(cut, Cut::Whole { .. }) {
            self.cells = join_whole(own, cells);
            self.bytes = byte_len(&self.cells);
        } else {
            (self.cells, self.bytes) = join((own, self.bytes), (cells, bytes));
        }
        limits.hold(before + bytes, self.bytes)
    }

    pub(super) fn finish(self, plan: &Plan) -> Joined {
        let mut rows = self.rows;
        if plan.joins {
            rows = Rows::new(plan.aggregates.len());
            for (start, cell) in &self.cells {
                rows.push(&plan.aggregates, *start, cell);
            }
        }
        Joined { rows, total: self.total }
    }
}

type Cells = Vec<(Timestamp, Cell)>;

fn byte_len(cells: &[(Timestamp, Cell)]) -> usize {
    cells.iter().map(|(_, cell)| cell.byte_len() + size_of::<Timestamp>()).sum()
}

/// Windows of the same start become one; both come in time order, each with its bytes. What lies behind all so far, or among
/// them, costs no more than itself: a group of thousands of short series would else be moved for each of them.
fn join((mut own, mut bytes): (Cells, usize), (other, more): (Cells, usize)) -> (Cells, usize) {
    let (Some((last, _)), Some((first, _))) = (own.last(), other.first()) else {
        return if own.is_empty() { (other, more) } else { (own, bytes) };
    };
    if last < first {
        own.extend(other);
        return (own, bytes + more);
    }
    let places = other.iter().map(|(start, _)| own.binary_search_by_key(start, |(start, _)| *start).ok());
    if let Some(places) = places.collect::<Option<Vec<usize>>>() {
        for (place, (_, cell)) in places.into_iter().zip(other) {
            let before = own[place].1.byte_len();
            own[place].1.join(cell);
            bytes = bytes + own[place].1.byte_len() - before;
        }
        return (own, bytes);
    }
    let joined = interleaved(own, other);
    let bytes = byte_len(&joined);
    (joined, bytes)
}

fn interleaved(own: Cells, other: Cells) -> Cells {
    let mut joined = Vec::with_capacity(own.len().max(other.len()));
    let (mut own, mut other) = (own.into_iter().peekable(), other.into_iter().peekable());
    loop {
        let start = match (own.peek(), other.peek()) {
            (Some((one, _)), Some((other, _))) => *one.min(other),
            (Some((start, _)), None) | (None, Some((start, _))) => *start,
            (None, None) => return joined,
        };
        let cell = match (own.next_if(|(at, _)| *at == start), other.next_if(|(at, _)| *at == start)) {
            (Some((_, mut cell)), Some((_, other))) => {
                cell.join(other);
                Some(cell)
            }
            (Some((_, cell)), None) | (None, Some((_, cell))) => Some(cell),
            (None, None) => None,
        };
        joined.extend(cell.map(|cell| (start, cell)));
    }
}

/// One window each, wherever it begins: together they begin where the first does.
fn join_whole(own: Cells, other: Cells) -> Cells {
    let all = own.into_iter().chain(other).reduce(|(start, mut cell), (at, other)| {
        cell.join(other);
        (start.min(at), cell)
    });
    all.into_iter().collect()
}
