//! Summaries of blocks in the place of their samples.
//!
//! A block that no window's end divides is in a window as a whole or not at all. So one sample with the block's count,
//! minimum, maximum, first or last value has the place of all of its samples:
//!
//! ```text
//!   ends of windows      |            |                 |
//!   blocks             [....] [....] [....] [....] [....] [....]
//!                       read   summary read  summary summary read
//! ```
//!
//! The result must have the same bits as without summaries. So a block is read nevertheless if several points may have one
//! time, of which only the last one counts; if it has a staleness marker; if the extremum is a zero, whose sign the summary
//! does not know, or a NaN; and if it has integers beyond 2^53, since their rounding adds an annotation.

use timestrata::{DuplicatePolicy, PointSummary, SeriesInfo, SummaryWindows, Timestamp, Value};

use super::column::is_present;
use super::leaf::{Leaf, LeafKind};
use super::window::Samples;
use crate::ast::Function;

/// What of a summary a function needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SummaryValue {
    Count,
    Min,
    Max,
    First,
    Last,
}

impl SummaryValue {
    /// Returns what a leaf needs of summaries; `None` if it needs the samples.
    pub(crate) fn of(leaf: &Leaf) -> Option<Self> {
        match &leaf.kind {
            LeafKind::Range { function, extension: None, .. } => match function {
                Function::CountOverTime => Some(Self::Count),
                Function::MinOverTime => Some(Self::Min),
                Function::MaxOverTime => Some(Self::Max),
                Function::FirstOverTime | Function::PresentOverTime | Function::AbsentOverTime => Some(Self::First),
                Function::LastOverTime => Some(Self::Last),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the leaf over the samples that [`add`](Self::add) and [`mark_counted`](Self::mark_counted) make.
    pub(crate) fn leaf(self, leaf: &Leaf) -> Leaf {
        let mut leaf = leaf.clone();
        if let (Self::Count, LeafKind::Range { function, .. }) = (self, &mut leaf.kind) {
            // Sums of whole numbers are exact.
            *function = Function::SumOverTime;
        }
        leaf
    }

    /// Returns `true` if the summary of a block gives the result that its samples would give.
    pub(crate) fn accepts(self, series: &SeriesInfo, summary: &PointSummary) -> bool {
        if summary.has_stale_marker || series.duplicates == DuplicatePolicy::KeepAll && !summary.has_distinct_times {
            return false;
        }
        let (Some(min), Some(max)) = (exact(summary.min), exact(summary.max)) else { return false };
        match self {
            // The extremum of values that are all NaN is the last one, which need not be the summary's.
            Self::Min => min != 0.0 && !min.is_nan(),
            Self::Max => max != 0.0 && !max.is_nan(),
            Self::Count | Self::First | Self::Last => true,
        }
    }

    /// Adds one sample in the place of the samples of a block.
    pub(crate) fn add(self, summary: &PointSummary, samples: &mut Samples) {
        let value = match self {
            Self::Count => Some(super::number::whole_count(summary.count)),
            Self::Min => exact(summary.min),
            Self::Max => exact(summary.max),
            Self::First => exact(summary.first.value),
            Self::Last => exact(summary.last.value),
        };
        // No value is inexact: see `accepts`.
        if let Some(value) = value {
            samples.push(summary.last.timestamp.as_nanos(), value);
        }
    }

    /// Replaces the values of samples from an index on by 1 if they are counted.
    pub(crate) fn mark_counted(self, samples: &mut Samples, from: usize) {
        if self != Self::Count {
            return;
        }
        for value in samples.values.iter_mut().skip(from) {
            *value = if is_present(*value) { 1.0 } else { *value };
        }
    }
}

/// Returns the windows between all ends of the windows of a leaf.
pub(crate) fn windows(leaf: &Leaf) -> SummaryWindows {
    let range = if let LeafKind::Range { extent, .. } = &leaf.kind { extent.range } else { 0 };
    let ends = (0..leaf.steps.count).map(|step| leaf.anchor.time(leaf.steps.at(step)));
    // Windows are open at the left.
    let bounds = ends.flat_map(|end| [end.saturating_sub(range), end]).map(|time| time.saturating_add(1));
    SummaryWindows::between(bounds.map(Timestamp::from_nanos))
}

/// Returns a value as `f64`; `None` if that is not exact.
#[expect(clippy::cast_precision_loss, reason = "integers up to 2^53 are exact")]
fn exact(value: Value) -> Option<f64> {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::F64(value) => Some(value),
        Value::I64(value) => (value.unsigned_abs() <= EXACT).then_some(value as f64),
        Value::U64(value) => (value <= EXACT).then_some(value as f64),
        Value::Bool(value) => Some(f64::from(u8::from(value))),
        _ => None,
    }
}
