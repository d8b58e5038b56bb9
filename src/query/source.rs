//! The seam between a snapshot and its readers: a place that holds points of one series, and what such a place must tell.
//! It promises nothing about where the points lie; it knows neither files nor memtables.

use crate::error::Result;
use crate::point::{Point, Timestamp};

/// One place that holds points of one series, giving them in time order (equal times in arrival order), run by run.
///
/// Making one does no I/O: a source opens its file at the first [`fill`](Self::fill) or [`last`](Self::last).
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
    /// is known to be empty.
    fn end(&self) -> Option<i64>;

    /// Its last point, without reading all others. Asked at most once, of a source that was never filled.
    ///
    /// # Errors
    /// Whatever reading met.
    fn last(&mut self) -> Result<Option<Point<T>>>;
}

/// A source of any kind.
pub(crate) type BoxSource<T> = Box<dyn Source<T>>;

/// The sources of one series, oldest first, with the type of its values.
pub(crate) enum AnySources {
    F64(Vec<BoxSource<f64>>),
    I64(Vec<BoxSource<i64>>),
    U64(Vec<BoxSource<u64>>),
    Bool(Vec<BoxSource<bool>>),
}

/// The newest point of all sources, given oldest first: the greatest timestamp, and of equal ones the one that
/// arrived last.
///
/// Sources are asked from the latest end down; once the best point found passes a source's end, neither that source
/// nor any after it is touched. Each is let go once it was asked: a series without a point would else hold every file
/// open.
pub(crate) fn latest<T>(sources: Vec<BoxSource<T>>) -> Result<Option<Point<T>>> {
    let ends = sources.into_iter().enumerate().filter_map(|(age, source)| Some(((source.end()?, age), source)));
    let mut ends: Vec<((i64, usize), BoxSource<T>)> = ends.collect();
    ends.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
    let mut best: Option<((i64, usize), Point<T>)> = None;
    for ((end, age), mut source) in ends {
        if best.as_ref().is_some_and(|(at, _)| *at > (end, age)) {
            break;
        }
        if let Some(point) = source.last()? {
            let at = (point.timestamp.as_nanos(), age);
            if best.as_ref().is_none_or(|(other, _)| *other < at) {
                best = Some((at, point));
            }
        }
    }
    Ok(best.map(|(_, point)| point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::testing::{Runs, points};

    fn latest_and_touched(sources: &[Runs<i64>]) -> (Option<Point<i64>>, Vec<usize>) {
        let found = latest(sources.iter().map(|runs| runs.clone().boxed()).collect()).unwrap();
        (found, sources.iter().map(|runs| runs.touches().get()).collect())
    }

    #[test]
    fn the_latest_point_is_the_greatest_time_and_then_the_last_arrival() {
        let (found, touched) = latest_and_touched(&[
            Runs::new(vec![points(&[(1, 1), (9, 2)])]),
            Runs::new(vec![points(&[(3, 3)]), points(&[(9, 4), (9, 5)])]),
            Runs::new(vec![points(&[(8, 6)])]),
        ]);
        assert_eq!(found.map(|point| point.value), Some(5));
        assert_eq!(touched, [0, 1, 0], "older and earlier sources are not touched");
    }

    #[test]
    fn a_loose_end_does_not_hide_a_later_point_elsewhere() {
        let (found, touched) = latest_and_touched(&[
            Runs::new(vec![points(&[(7, 1)])]),
            Runs::new(vec![points(&[(2, 2)])]).loose_by(100),
            Runs::new(vec![points(&[(7, 3)])]).loose_by(1),
            Runs::new(vec![]),
        ]);
        assert_eq!(found.map(|point| point.value), Some(3));
        assert_eq!(touched, [0, 1, 1, 0]);
        let (found, touched) =
            latest_and_touched(&[Runs::new(vec![points(&[(7, 1)])]).loose_by(5), Runs::new(vec![points(&[(7, 2)])])]);
        assert_eq!((found.map(|point| point.value), touched), (Some(2), vec![1, 1]), "the newer of equal times");
        let (found, _) =
            latest_and_touched(&[Runs::new(vec![points(&[(7, 1)])]), Runs::new(vec![points(&[(7, 2)])]).loose_by(5)]);
        assert_eq!(found.map(|point| point.value), Some(2));
        assert_eq!(latest_and_touched(&[]).0, None);
        assert_eq!(latest_and_touched(&[Runs::new(vec![])]).0, None);
    }

    /// Without a point, and counting how many of its kind were asked and are still there.
    struct Empty(std::sync::Arc<std::sync::atomic::AtomicUsize>, bool);

    impl Source<i64> for Empty {
        fn bound(&self) -> Option<i64> {
            Some(0)
        }

        fn fill(&mut self, _: &mut Vec<Timestamp>, _: &mut Vec<i64>) -> Result<bool> {
            Ok(false)
        }

        fn end(&self) -> Option<i64> {
            Some(9)
        }

        fn last(&mut self) -> Result<Option<Point<i64>>> {
            self.1 = true;
            let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(before, 0, "one source at a time holds its file");
            Ok(None)
        }
    }

    impl Drop for Empty {
        fn drop(&mut self) {
            if self.1 {
                self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn a_source_without_a_point_is_let_go_before_the_next_is_asked() {
        let asked = std::sync::Arc::default();
        let source = |_| -> BoxSource<i64> { Box::new(Empty(std::sync::Arc::clone(&asked), false)) };
        assert_eq!(latest((0..3).map(source).collect()).unwrap(), None);
    }
}
