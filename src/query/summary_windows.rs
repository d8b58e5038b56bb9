//! Where a scan may return summaries of blocks instead of their points.

use std::sync::Arc;
use std::time::Duration;

use super::series_chunk::PointSummary;
use crate::state::merge::RunSummary;
use crate::types::error::{Error, Result};
use crate::types::point::Timestamp;
use crate::types::series::SeriesInfo;
use crate::types::time_range::TimeRange;

/// Windows in which a [`SeriesScan`](crate::SeriesScan) may return the summary of a block instead of its points.
///
/// A window contains its start, and ends before the start of the next one. For windows that contain their end instead,
/// shift the bounds by a nanosecond: `(a, b]` is `[a + 1 ns, b + 1 ns)`.
#[derive(Debug, Clone)]
pub struct SummaryWindows(WindowBounds);

#[derive(Debug, Clone)]
enum WindowBounds {
    Every { length: i64, origin: i64 },
    Bounds(Arc<[i64]>),
}

impl SummaryWindows {
    /// Returns windows of equal length, one of which starts at `origin`.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a length of 0 ns or more than `i64::MAX` ns.
    pub fn every(length: Duration, origin: Timestamp) -> Result<Self> {
        match i64::try_from(length.as_nanos()) {
            Ok(length) if length > 0 => Ok(Self(WindowBounds::Every { length, origin: origin.as_nanos() })),
            _ => {
                Err(Error::InvalidQuery { detail: format!("windows of {length:?}; 1 ns to 2^63 - 1 ns are possible") })
            }
        }
    }

    /// Returns the windows between given times, which may come in any order.
    ///
    /// Blocks before the first or after the last time lie in a window without an end.
    #[must_use]
    pub fn between(bounds: impl IntoIterator<Item = Timestamp>) -> Self {
        let mut bounds: Vec<i64> = bounds.into_iter().map(Timestamp::as_nanos).collect();
        bounds.sort_unstable();
        Self(WindowBounds::Bounds(bounds.into()))
    }

    /// Returns `true` if all times of a range lie in one window.
    fn has_one_window_for(&self, range: TimeRange) -> bool {
        let (first, last) = (range.first(), range.last());
        match &self.0 {
            WindowBounds::Every { length, origin } => {
                let window = |time: i64| (i128::from(time) - i128::from(*origin)).div_euclid(i128::from(*length));
                window(first) == window(last)
            }
            WindowBounds::Bounds(bounds) => {
                let window = |time: i64| bounds.partition_point(|bound| *bound <= time);
                window(first) == window(last)
            }
        }
    }
}

/// Condition on the series and the summary of a block.
type Condition = Arc<dyn Fn(&SeriesInfo, &PointSummary) -> bool + Send + Sync>;

/// Which blocks a scan returns as summaries.
#[derive(Clone)]
pub(super) struct SummaryRule {
    windows: SummaryWindows,
    condition: Option<Condition>,
}

impl SummaryRule {
    pub(super) fn new(windows: SummaryWindows) -> Self {
        Self { windows, condition: None }
    }

    pub(super) fn with_condition(windows: SummaryWindows, condition: Condition) -> Self {
        Self { windows, condition: Some(condition) }
    }

    /// Returns `true` if the summary of a block of a series takes the place of its points.
    pub(super) fn accepts(&self, series: &SeriesInfo, summary: &RunSummary<u64>) -> bool {
        let meets = |condition: &Condition| condition(series, &PointSummary::new(series.value_type, summary));
        self.windows.has_one_window_for(summary.range) && self.condition.as_ref().is_none_or(meets)
    }
}
