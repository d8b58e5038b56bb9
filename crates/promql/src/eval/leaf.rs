//! Leaves of a query: what is computed of the samples of one series, at all steps at once.

use std::collections::HashSet;

use super::budget::Budget;
use super::error::QueryError;
use super::functions::range::{self, Arguments};
use super::labels::Labels;
use super::row::MISSING;
use super::window::{Anchor, Extent, Samples, Steps, for_each_window, newest_samples, smoothed_samples};
use crate::ast::{Function, LabelMatcher, MatchOperator, Number, RangeExtension, VectorSelector};
use timestrata::Selector;

/// Estimated memory of a compiled regular expression.
const PATTERN_BYTES: usize = 64 << 10;

/// Conditions of a selector, comparable: label, operator and value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Conditions(Vec<(String, MatchOperator, String)>);

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
        Self(matchers.iter().map(condition).filter(|condition| known.insert(condition.clone())).collect())
    }

    /// Adds a condition.
    pub(crate) fn push(&mut self, label: &str, operator: MatchOperator, value: String) {
        self.0.push((label.to_owned(), operator, value));
    }

    /// Returns the selector of the store. Each regular expression counts for time and memory, as compiling one takes both.
    ///
    /// # Errors
    /// Those of the budget.
    pub(crate) fn to_selector(&self, budget: &Budget) -> Result<Selector, QueryError> {
        self.0.iter().try_fold(Selector::all(), |selector, (label, operator, value)| {
            if matches!(operator, MatchOperator::Matches | MatchOperator::NotMatches) {
                budget.check()?;
                budget.add_bytes(PATTERN_BYTES)?;
            }
            Ok(match operator {
                MatchOperator::Equal => selector.tag(label, value),
                MatchOperator::NotEqual => selector.tag_not(label, value),
                MatchOperator::Matches => selector.tag_matches(label, dot_matches_all(value)),
                MatchOperator::NotMatches => selector.tag_not_matches(label, dot_matches_all(value)),
            })
        })
    }
}

/// Returns a pattern whose dot matches line breaks, as in the reference.
pub(crate) fn dot_matches_all(pattern: &str) -> String {
    if pattern.contains('.') { format!("(?s:{pattern})") } else { pattern.to_owned() }
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
    pub(crate) values: Vec<f64>,
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

    /// Computes the column of a series. `arguments` replaces the constant arguments of a range function.
    pub(crate) fn column(&self, samples: &Samples, lookback: i64, arguments: Option<&[Arguments]>) -> Vec<f64> {
        match &self.kind {
            LeafKind::Newest => newest_samples(samples, &self.steps, self.anchor, lookback, |_, value| value),
            LeafKind::NewestTime => {
                newest_samples(samples, &self.steps, self.anchor, lookback, |time, _| super::number::seconds(time))
            }
            LeafKind::Smoothed => smoothed_samples(samples, &self.steps, self.anchor, lookback),
            LeafKind::Range { function, extension, extent, arguments: [first, second] } => {
                let constant = [first.0, second.0];
                let at = |index: usize| arguments.and_then(|list| list.get(index)).copied().unwrap_or(constant);
                range_column(samples, &self.steps, self.anchor, *extent, *function, *extension, at)
            }
        }
    }
}

/// Evaluates a range function at all steps.
pub(crate) fn range_column(
    samples: &Samples,
    steps: &Steps,
    anchor: Anchor,
    extent: Extent,
    function: Function,
    extension: Option<RangeExtension>,
    arguments: impl Fn(usize) -> Arguments,
) -> Vec<f64> {
    let mut column = vec![MISSING; steps.count];
    let mut buffer = Vec::new();
    for_each_window(samples, steps, anchor, extent, |index, window| {
        let value = range::evaluate(function, extension, &window, arguments(index), &mut buffer);
        if let (Some(value), Some(slot)) = (value, column.get_mut(index)) {
            *slot = value;
        }
    });
    column
}
