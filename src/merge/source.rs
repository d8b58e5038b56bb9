//! The seam between points and their readers: a place that holds points of one series, and what such a place must tell.
//! It promises nothing about where the points lie; it knows neither files nor memtables.

use super::range::TimeRange;
use super::summary::Summary;
use crate::error::Result;
use crate::options::Duplicates;
use crate::point::{Point, Timestamp};
use crate::version::Hidden;

/// One place that holds points of one series, giving them in time order (equal times in arrival order), run by run.
///
/// Making one does no I/O: a source opens its file at the first [`pass_over`](Self::pass_over), [`fill`](Self::fill) or
/// [`last`](Self::last).
pub(crate) trait Source<T>: Send {
    /// A time below which it has no more points: its next point's, or any lower one that is cheap to tell. `None` once
    /// it is exhausted. It never falls. A source whose bound lies past what is being read is not touched.
    fn bound(&self) -> Option<i64>;

    /// Appends the next run (one block or one chunk: any number of points above 0, as many to either buffer);
    /// false, and nothing appended, at the end.
    ///
    /// # Errors
    /// Whatever reading met. The source is not asked again.
    fn fill(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool>;

    /// A time above which it has no points: its last point's, or any higher one that is cheap to tell. `None` if it
    /// is known to hold no more.
    fn end(&self) -> Option<i64>;

    /// Lets go of coming runs that are known, without reading them, to be hidden whole; whether there were any. Who
    /// cannot tell lets nothing go.
    ///
    /// # Errors
    /// As for [`fill`](Self::fill).
    fn pass_over(&mut self, _hidden: &Hidden) -> Result<bool> {
        Ok(false)
    }

    /// Makes the bound exact, which may mean opening a file or copying a run out, and tells of the coming run what is
    /// known without reading it.
    ///
    /// # Errors
    /// As for [`fill`](Self::fill).
    fn peek(&mut self) -> Result<Option<Summary<T>>> {
        Ok(None)
    }

    /// Lets go of the coming run: its summary stands for it.
    fn skip(&mut self) {}

    /// Its newest point that is not hidden: the greatest timestamp, and of several there the first that arrived if
    /// the first is kept, else the last. Asked at most once, of a source that was never filled; those that can find it
    /// without reading all others should.
    ///
    /// # Errors
    /// Whatever reading met.
    fn last(&mut self, hidden: &Hidden, duplicates: Duplicates) -> Result<Option<Point<T>>>
    where
        T: Copy,
    {
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        let mut found: Option<Point<T>> = None;
        while self.fill(&mut timestamps, &mut values)? {
            if let Some(at) = newest(&timestamps, TimeRange::ALL, hidden, duplicates) {
                let point = Point { timestamp: timestamps[at], value: values[at] };
                let is_first = found.is_none_or(|earlier| earlier.timestamp < point.timestamp);
                found = if is_first || duplicates != Duplicates::KeepFirst { Some(point) } else { found };
            }
            timestamps.clear();
            values.clear();
        }
        Ok(found)
    }
}

/// A source of any kind.
pub(crate) type BoxSource<T> = Box<dyn Source<T>>;

/// Where a run in time order has its newest point that lies in the range and is not hidden: of several at one time, the
/// first or the last, by which of them is kept.
pub(crate) fn newest(run: &[Timestamp], range: TimeRange, hidden: &Hidden, duplicates: Duplicates) -> Option<usize> {
    let mut until = match run.last() {
        Some(last) if last.as_nanos() > range.last() => run.partition_point(|at| at.as_nanos() <= range.last()),
        _ => run.len(),
    };
    loop {
        let at = until.checked_sub(1)?;
        let time = run[at];
        if time.as_nanos() < range.first() {
            return None;
        }
        let Some((first, _)) = hidden.range_at(time.as_nanos()) else {
            let keeps_first = duplicates == Duplicates::KeepFirst;
            return Some(if keeps_first { run[..at].partition_point(|at| *at < time) } else { at });
        };
        until = run[..at].partition_point(|at| at.as_nanos() < first);
    }
}
