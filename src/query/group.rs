//! Grouping of series, and merging of their windows.
//!
//! Series are merged in the order of their ids, independent of the order in which threads read them, so equal queries
//! have equal results.

use std::collections::BTreeMap;

use super::limits::QueryBudget;
use super::partial::PartialAggregate;
use super::plan::QueryPlan;
use super::sliding::Append;
use super::window_grid::WindowGrid;
use super::window_output::{SeriesOutput, WindowColumns, WindowOutput};
use crate::types::error::Result;
use crate::types::point::{Timestamp, ValueType};
use crate::types::series::{SeriesInfo, SeriesKey, sort_by_series_key};
use std::sync::Arc;

/// Rule that groups series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Each series is a group.
    PerSeries,
    /// Series with equal values of these tags are a group; a missing tag counts as the empty string.
    ByTags(Vec<String>),
}

/// Selected series, each with its group.
#[derive(Debug)]
pub(super) struct GroupedSeries {
    /// In ascending order of their ids, in which they are read and merged.
    pub(super) series: Vec<Arc<SeriesInfo>>,
    /// Group of each series: an index into `groups`.
    pub(super) group_of: Vec<u32>,
    /// Keys of the groups, in the order of the result.
    pub(super) groups: Vec<GroupKey>,
}

/// Key of a group, a row of the result.
#[derive(Debug, Clone)]
pub(super) enum GroupKey {
    /// The group is one series.
    Series(Arc<SeriesInfo>),
    /// The grouping tags, without a metric.
    Tags(SeriesKey),
}

impl GroupKey {
    /// Returns the key of a row whose members have the metric `metric`.
    pub(super) fn with_metric(self, metric: &str) -> SeriesKey {
        match self {
            Self::Series(info) => info.key.clone(),
            Self::Tags(key) if key.metric() == metric => key,
            Self::Tags(key) => key.with_metric(metric),
        }
    }
}

impl GroupedSeries {
    /// Returns the approximate size in bytes.
    pub(super) fn byte_len(&self) -> usize {
        let key = |group: &GroupKey| match group {
            GroupKey::Series(_) => 0,
            GroupKey::Tags(key) => key.tags().map(|(tag, value)| tag.len() + value.len()).sum(),
        };
        self.series.capacity() * size_of::<Arc<SeriesInfo>>()
            + self.group_of.capacity() * size_of::<u32>()
            + self.groups.capacity() * size_of::<GroupKey>()
            + self.groups.iter().map(key).sum::<usize>()
    }
}

impl Grouping {
    /// Returns the groups of series, which are sorted by id; the groups are sorted by their own keys.
    pub(super) fn group(&self, series: Vec<Arc<SeriesInfo>>) -> GroupedSeries {
        // There are fewer than 2^32 series.
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let mut group_of = vec![0; series.len()];
        let Self::ByTags(tags) = self else {
            let mut by_key: Vec<(usize, Arc<SeriesInfo>)> = series.iter().cloned().enumerate().collect();
            sort_by_series_key(&mut by_key, |(_, info)| &info.key);
            by_key.iter().enumerate().for_each(|(group, (at, _))| group_of[*at] = number(group));
            let groups = by_key.into_iter().map(|(_, info)| GroupKey::Series(info)).collect();
            return GroupedSeries { series, group_of, groups };
        };
        let mut members: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
        for (at, info) in series.iter().enumerate() {
            let values = tags.iter().map(|tag| info.key.tag_value(tag).unwrap_or_default()).collect();
            members.entry(values).or_default().push(at);
        }
        let mut groups = Vec::with_capacity(members.len());
        for (group, (values, members)) in members.into_iter().enumerate() {
            for at in members {
                group_of[at] = number(group);
            }
            groups.push(GroupKey::Tags(key(tags, &values)));
        }
        GroupedSeries { series, group_of, groups }
    }
}

/// Returns the key of a group without its metric: the grouping tags.
fn key(tags: &[String], values: &[&str]) -> SeriesKey {
    let named = tags.iter().zip(values).filter(|(_, value)| !value.is_empty());
    named.fold(SeriesKey::new(""), |key, (tag, value)| key.tag(tag, value))
}

/// Members of a group that have a point in the range.
///
/// Only they determine the metric and the type of a row. Whether other series are listed depends on when a compaction
/// checked them.
#[derive(Debug, Default)]
pub(super) struct PresentMembers {
    pub(super) count: usize,
    first: Option<Arc<SeriesInfo>>,
    has_several_metrics: bool,
    has_several_types: bool,
}

impl PresentMembers {
    fn add(&mut self, info: &Arc<SeriesInfo>) {
        self.count += 1;
        let first = self.first.get_or_insert_with(|| Arc::clone(info));
        self.has_several_metrics |= first.key.metric() != info.key.metric();
        self.has_several_types |= first.value_type != info.value_type;
    }

    /// Returns the metric of all members; the empty string if they have several.
    pub(super) fn metric(&self) -> &str {
        let first = self.first.as_ref().filter(|_| !self.has_several_metrics);
        first.map_or("", |info| info.key.metric())
    }

    /// Returns the type of all members; `None` if they have several.
    pub(super) fn value_type(&self) -> Option<ValueType> {
        let first = self.first.as_ref().filter(|_| !self.has_several_types);
        first.map(|info| info.value_type)
    }
}

/// Merged windows of a group, and the aggregate over the whole range that ranks the group.
#[derive(Debug)]
pub(super) struct GroupOutput {
    pub(super) rows: WindowColumns,
    pub(super) total: Option<PartialAggregate>,
    pub(super) members: PresentMembers,
}

/// Merges the windows of the series of a group, one series after the other.
#[derive(Debug, Default)]
pub(super) struct GroupMerger {
    rows: WindowColumns,
    cells: PartialWindows,
    bytes: usize,
    total: Option<PartialAggregate>,
    members: PresentMembers,
}

impl GroupMerger {
    /// Merges the windows of the next series of the group.
    pub(super) fn add(
        &mut self,
        info: &Arc<SeriesInfo>,
        part: SeriesOutput,
        grid: &WindowGrid,
        budget: &QueryBudget<'_>,
    ) -> Result<()> {
        if !part.windows.is_empty() {
            self.members.add(info);
        }
        if let Some(other) = part.total {
            let before = self.total.as_ref().map_or(0, Append::byte_len) + other.byte_len();
            let total = match self.total.take() {
                Some(mut own) => {
                    own.merge(other);
                    own
                }
                None => other,
            };
            let now = self.total.insert(total).byte_len();
            budget.memory().track(before, now)?;
        }
        let (cells, bytes) = match part.windows {
            WindowOutput::Final(rows) => {
                self.rows = rows;
                return Ok(());
            }
            WindowOutput::Partial { cells, bytes } => (cells, bytes),
        };
        let before = self.bytes;
        let own = std::mem::take(&mut self.cells);
        if matches!(grid, WindowGrid::Whole { .. }) {
            self.cells = merge_single_window(own, cells);
            self.bytes = byte_len(&self.cells);
        } else {
            (self.cells, self.bytes) = merge_windows((own, self.bytes), (cells, bytes));
        }
        budget.memory().track(before + bytes, self.bytes)
    }

    /// Returns the output of the group, whose rows replace its cells.
    ///
    /// # Errors
    /// Those of [`QueryMemory::track`](super::memory::QueryMemory::track).
    pub(super) fn finish(mut self, plan: &QueryPlan, budget: &QueryBudget<'_>) -> Result<GroupOutput> {
        let mut rows = self.rows;
        if self.members.has_several_types {
            // A window with points of only one series has the same type as the others.
            self.cells.iter_mut().for_each(|(_, cell)| cell.set_mixed());
        }
        if plan.merges_series {
            rows = plan.empty_columns(self.members.value_type());
            for (start, cell) in &self.cells {
                rows.push(plan, *start, cell);
            }
            // Cells and rows are held at once.
            budget.memory().track(0, rows.byte_len())?;
            drop(self.cells);
            budget.memory().track(self.bytes, 0)?;
        }
        Ok(GroupOutput { rows, total: self.total, members: self.members })
    }
}

type PartialWindows = Vec<(Timestamp, PartialAggregate)>;

fn byte_len(cells: &[(Timestamp, PartialAggregate)]) -> usize {
    cells.iter().map(|(_, cell)| cell.byte_len() + size_of::<Timestamp>()).sum()
}

/// Merges windows with equal starts; both inputs are in time order, with their bytes.
///
/// If the windows of `other` follow those of `own` or are all among them, the cost does not depend on the length of
/// `own` (except for a binary search per window). Otherwise a group of thousands of short series would be copied for
/// each series.
fn merge_windows(
    (mut own, mut bytes): (PartialWindows, usize),
    (other, more): (PartialWindows, usize),
) -> (PartialWindows, usize) {
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
            own[place].1.merge(cell);
            bytes = bytes + own[place].1.byte_len() - before;
        }
        return (own, bytes);
    }
    let joined = merge_sorted(own, other);
    let bytes = byte_len(&joined);
    (joined, bytes)
}

fn merge_sorted(own: PartialWindows, other: PartialWindows) -> PartialWindows {
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
                cell.merge(other);
                Some(cell)
            }
            (Some((_, cell)), None) | (None, Some((_, cell))) => Some(cell),
            (None, None) => None,
        };
        joined.extend(cell.map(|cell| (start, cell)));
    }
}

/// Merges two inputs of one window each; the result begins at the earlier start.
fn merge_single_window(own: PartialWindows, other: PartialWindows) -> PartialWindows {
    let all = own.into_iter().chain(other).reduce(|(start, mut cell), (at, other)| {
        cell.merge(other);
        (start.min(at), cell)
    });
    all.into_iter().collect()
}
