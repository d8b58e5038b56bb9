//! Point sources: the interface through which the merge reads files and memtables.

use super::run_summary::RunSummary;
use crate::state::hidden_ranges::HiddenRanges;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::point::{Point, Timestamp};
use crate::types::time_range::TimeRange;

/// Source of points of one series: a file or a list of a memtable.
///
/// It yields the points run by run in time order, those at equal times in order of arrival. Creating a source does no
/// I/O, and the bounds do none. The first [`skip_hidden_runs`](Self::skip_hidden_runs), [`read_run`](Self::read_run),
/// [`peek_summary`](Self::peek_summary) or [`newest_point`](Self::newest_point) may open a file.
pub(crate) trait PointSource<T>: Send {
    /// Returns the time of the next point, or an earlier time that is cheap to find.
    ///
    /// `None` if it is known that no point is left. The bound never decreases. The merge does not read a source while
    /// its bound is later than the next point of another source.
    fn lower_bound(&self) -> Option<i64>;

    /// Appends the next run, one block or one chunk, to both buffers, which grow by equally many elements.
    ///
    /// Returns `false` at the end, and then appends nothing. A run may be empty if none of its points is in the range
    /// of the reader.
    ///
    /// # Errors
    /// Any read error. The source is not used again after it.
    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool>;

    /// Returns the time of the last point, or a later time that is cheap to find.
    ///
    /// `None` if it is known that no point is left.
    fn upper_bound(&self) -> Option<i64>;

    /// Skips the next runs whose times are all hidden, as far as this is known without reading them.
    ///
    /// Returns `true` if it skipped a run. The default skips nothing.
    ///
    /// # Errors
    /// As for [`read_run`](Self::read_run).
    fn skip_hidden_runs(&mut self, _hidden: &HiddenRanges) -> Result<bool> {
        Ok(false)
    }

    /// Makes the lower bound exact, and returns the summary of the next run if it has one.
    ///
    /// This may open a file or copy a run. The default returns `None` and leaves the bound as it is.
    ///
    /// # Errors
    /// As for [`read_run`](Self::read_run).
    fn peek_summary(&mut self) -> Result<Option<RunSummary<T>>> {
        Ok(None)
    }

    /// Skips the next run, which its summary from [`peek_summary`](Self::peek_summary) replaces.
    ///
    /// # Errors
    /// As for [`read_run`](Self::read_run).
    fn skip_run(&mut self) -> Result<()> {
        Ok(())
    }

    /// Returns the newest point that is not hidden.
    ///
    /// Of several points at its timestamp it is the first that arrived under `KeepFirst`, else the last. The method is
    /// called at most once, before any run is read. The default reads all runs; a source that can find the point with
    /// less work should override it.
    ///
    /// # Errors
    /// Any read error.
    fn newest_point(&mut self, hidden: &HiddenRanges, duplicates: DuplicatePolicy) -> Result<Option<Point<T>>>
    where
        T: Copy,
    {
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        let mut found: Option<Point<T>> = None;
        while self.read_run(&mut timestamps, &mut values)? {
            if let Some(at) = newest_visible_index(&timestamps, TimeRange::ALL, hidden, duplicates) {
                let point = Point { timestamp: timestamps[at], value: values[at] };
                let is_newer = found.is_none_or(|earlier| earlier.timestamp < point.timestamp);
                found = if is_newer || duplicates != DuplicatePolicy::KeepFirst { Some(point) } else { found };
            }
            timestamps.clear();
            values.clear();
        }
        Ok(found)
    }
}

/// Source of any kind.
pub(crate) type BoxPointSource<T> = Box<dyn PointSource<T>>;

impl<T: Copy> PointSource<T> for BoxPointSource<T> {
    fn lower_bound(&self) -> Option<i64> {
        (**self).lower_bound()
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        (**self).read_run(timestamps, values)
    }

    fn upper_bound(&self) -> Option<i64> {
        (**self).upper_bound()
    }

    fn skip_hidden_runs(&mut self, hidden: &HiddenRanges) -> Result<bool> {
        (**self).skip_hidden_runs(hidden)
    }

    fn peek_summary(&mut self) -> Result<Option<RunSummary<T>>> {
        (**self).peek_summary()
    }

    fn skip_run(&mut self) -> Result<()> {
        (**self).skip_run()
    }

    fn newest_point(&mut self, hidden: &HiddenRanges, duplicates: DuplicatePolicy) -> Result<Option<Point<T>>> {
        (**self).newest_point(hidden, duplicates)
    }
}

/// Returns the index of the newest point of a run that lies in the range and is not hidden.
///
/// The run must be in time order. Of several points at that time it is the first under `KeepFirst`, else the last.
pub(crate) fn newest_visible_index(
    run: &[Timestamp],
    range: TimeRange,
    hidden: &HiddenRanges,
    duplicates: DuplicatePolicy,
) -> Option<usize> {
    let mut end = match run.last() {
        Some(last) if last.as_nanos() > range.last() => run.partition_point(|at| at.as_nanos() <= range.last()),
        _ => run.len(),
    };
    loop {
        let at = end.checked_sub(1)?;
        let time = run[at];
        if time.as_nanos() < range.first() {
            return None;
        }
        let Some(hiding) = hidden.range_containing(time.as_nanos()) else {
            let keeps_first = duplicates == DuplicatePolicy::KeepFirst;
            return Some(if keeps_first { run[..at].partition_point(|at| *at < time) } else { at });
        };
        end = run[..at].partition_point(|at| at.as_nanos() < hiding.first());
    }
}
