//! Leaves of a query: what is computed of the samples of one series, at all steps at once.

use std::collections::HashSet;

use super::budget::Budget;
use super::column::Column;
use super::error::QueryError;
use super::functions::range::Arguments;
use super::labels::Labels;
use super::sliding::{RangeFunction, Scratch, most_bytes, newest, smoothed};
use super::window::{Anchor, Extent, Samples, Steps};
use crate::ast::{Function, LabelMatcher, MatchOperator, Number, RangeExtension, VectorSelector};
use crate::pattern::Pattern;
use timestrata::Selector;

/// Estimated memory of a compiled regular expression.
const PATTERN_BYTES: usize = 64 << 10;

/// Conditions of a selector, comparable: label, operator and value; and lists of values of labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Conditions {
    matchers: Vec<(String, MatchOperator, String)>,
    lists: Vec<(String, Vec<String>)>,
}

impl Conditions {
    /// Returns the conditions of a selector.
    pub(crate) fn of(selector: &VectorSelector) -> Self {
        Self::of_matchers(&selector.conditions())
    }

    /// Returns the conditions of matchers.
    pub(crate) fn of_matchers(matchers: &[LabelMatcher]) -> Self {
        let condition = |matcher: &LabelMatcher| (matcher.label.clone(), matcher.operator, matcher.value.clone());
        // A condition that is repeated would be compiled and checked again.
        let mut known = HashSet::new();
        let matchers = matchers.iter().map(condition).filter(|condition| known.insert(condition.clone())).collect();
        Self { matchers, lists: Vec::new() }
    }

    /// Adds the condition that a label has one of some values.
    pub(crate) fn push_list(&mut self, label: &str, values: Vec<String>) {
        self.lists.push((label.to_owned(), values));
    }

    /// Returns the selector of the store. Each regular expression counts for time and memory, as compiling one takes both.
    ///
    /// # Errors
    /// Those of the budget.
    pub(crate) fn to_selector(&self, budget: &Budget) -> Result<Selector, QueryError> {
        let matched = self.matchers.iter().try_fold(Selector::all(), |selector, (label, operator, value)| {
            if matches!(operator, MatchOperator::Matches | MatchOperator::NotMatches) {
                budget.check()?;
                budget.add_bytes(PATTERN_BYTES)?;
            }
            Ok::<_, QueryError>(match operator {
                MatchOperator::Equal => selector.tag(label, value),
                MatchOperator::NotEqual => selector.tag_not(label, value),
                MatchOperator::Matches => selector.tag_matches(label, for_store(value)),
                MatchOperator::NotMatches => selector.tag_not_matches(label, for_store(value)),
            })
        })?;
        Ok(self.lists.iter().fold(matched, |selector, (label, values)| selector.tag_in(label, values)))
    }
}

/// Returns a pattern for the store. One that is not translated is none, and the store says so.
fn for_store(pattern: &str) -> String {
    Pattern::translate(pattern).map_or_else(|_| pattern.to_owned(), |pattern| pattern.for_store())
}

/// What a leaf computes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum LeafKind {
    /// Value of the newest sample.
    Newest,
    /// Time of the newest sample.
    NewestTime,
    /// Value between the samples around the step.
    Smoothed,
    /// Function over a window.
    Range { function: Function, extension: Option<RangeExtension>, extent: Extent, arguments: [Number; 2] },
}

impl LeafKind {
    /// Returns what is computed, for explanations.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Newest => "newest value",
            Self::NewestTime => "time of the newest value",
            Self::Smoothed => "smoothed value",
            Self::Range { function, .. } => function.name(),
        }
    }
}

/// Leaf of a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Leaf {
    pub(crate) conditions: Conditions,
    pub(crate) anchor: Anchor,
    pub(crate) steps: Steps,
    pub(crate) kind: LeafKind,
}

/// Column of a leaf for one series.
#[derive(Debug, Clone)]
pub(crate) struct LeafRow {
    pub(crate) labels: Labels,
    pub(crate) column: Column,
    /// `true` if integers of the series were rounded.
    pub(crate) is_rounded: bool,
}

impl Leaf {
    /// Returns the first and last time of samples that the leaf needs, both inclusive.
    pub(crate) fn times(&self, lookback: i64) -> (i64, i64) {
        let (first, last) = (self.anchor.time(self.steps.start), self.anchor.time(self.steps.last()));
        let (before, after) = match &self.kind {
            LeafKind::Newest | LeafKind::NewestTime => (lookback, 0),
            LeafKind::Smoothed => (lookback, lookback),
            LeafKind::Range { extent, .. } => (extent.range.saturating_add(extent.before), extent.after),
        };
        (first.saturating_sub(before).saturating_add(1), last.saturating_add(after))
    }

    /// Returns `true` if the leaf needs the samples without staleness markers.
    pub(crate) fn skips_stale(&self) -> bool {
        !matches!(self.kind, LeafKind::Newest | LeafKind::NewestTime)
    }

    /// Returns the most bytes that the column of a series and its windows need.
    pub(crate) fn most_bytes(&self, samples: &Samples, lookback: i64) -> usize {
        let extent = match &self.kind {
            LeafKind::Newest | LeafKind::NewestTime => Extent { range: lookback, before: 0, after: 0 },
            LeafKind::Smoothed => Extent { range: 0, before: lookback, after: lookback },
            LeafKind::Range { extent, .. } => *extent,
        };
        most_bytes(&samples.times, &self.steps, self.anchor, extent)
    }

    /// Computes the column of a series. `arguments` replaces the constant arguments of a range function.
    pub(crate) fn column(
        &self,
        samples: &Samples,
        lookback: i64,
        arguments: Option<&[Arguments]>,
        scratch: &mut Scratch,
    ) -> Column {
        let (times, bounds) = ((&self.steps, self.anchor), &mut scratch.bounds);
        match &self.kind {
            LeafKind::Newest => newest(samples, times, lookback, bounds, |_, value| value),
            LeafKind::NewestTime => newest(samples, times, lookback, bounds, |time, _| super::number::seconds(time)),
            LeafKind::Smoothed => smoothed(samples, times, lookback, bounds),
            LeafKind::Range { function, extension, extent, arguments: [first, second] } => {
                let constant = [first.0, second.0];
                let at = |index: usize| arguments.and_then(|list| list.get(index)).copied().unwrap_or(constant);
                let (steps, anchor, extent) = (&self.steps, self.anchor, *extent);
                let range = RangeFunction { function: *function, extension: *extension, steps, anchor, extent };
                range.column(samples, at, scratch)
            }
        }
    }
}
