//! A scan: the points of one series inside a range, as an iterator, a vector, column slices or a stream.
//! It owns all it reads from, so it may outlive snapshot and database; it does not know where the points lie.

use std::fmt;
use std::iter::FusedIterator;

use super::blocking::{Wanted, unblock};
use super::catalog::Sources;
use super::stream::PointStream;
use crate::error::{Error, Result};
use crate::merge::{Merge, TimeRange};
use crate::point::{Point, Sample, Timestamp};

/// The points of one series inside a range, in time order; points of one timestamp in the order they arrived, as far as
/// the series keeps them ([`Duplicates`](crate::Duplicates)). What was deleted or expired is not among them.
///
/// Made by `Snapshot::scan`. It is owned and `Send`: it reads what the snapshot saw, however long it lives, and may be
/// dropped half way. Nothing is read before it is asked, and never more than is asked for, give or take a block.
///
/// Reading a file blocks. [`collect`](Self::collect) and [`stream`](Self::stream) leave that to tokio's blocking
/// pool; [`iter`](Self::iter), [`collect_blocking`](Self::collect_blocking) and [`columns`](Self::columns) block the
/// thread they are called on.
///
/// # Errors
/// Making a scan never fails; whatever opening or reading met comes with the points. After an error nothing more comes.
///
/// ```text
/// for point in snapshot.scan(temp, ..).collect().await? {
///     println!("{} {}", point.timestamp, point.value);
/// }
/// ```
#[must_use = "a scan reads nothing until it is asked"]
pub struct Scan<T> {
    merge: Merge<T>,
}

impl<T: Sample> Scan<T> {
    pub(crate) fn new(range: TimeRange, sources: Sources<T>) -> Self {
        Self { merge: sources.merge(range) }
    }

    /// A scan whose first item is an error.
    pub(crate) fn failed(error: Error) -> Self {
        Self { merge: Merge::failed(error) }
    }

    /// The points one by one; reading blocks this thread.
    ///
    /// ```text
    /// for point in snapshot.scan(temp, since..).iter() {
    ///     println!("{}", point?.value);
    /// }
    /// ```
    pub fn iter(self) -> ScanIter<T> {
        ScanIter { merge: self.merge }
    }

    /// All points at once, read on tokio's blocking pool; without a tokio runtime, on this thread.
    ///
    /// They must fit in memory, at 16 bytes each: prefer [`stream`](Self::stream) or [`columns`](Self::columns) for
    /// many. A future dropped half way stops the reading.
    ///
    /// # Errors
    /// Whatever reading met: then no point is returned.
    ///
    /// ```text
    /// let points: Vec<Point<f64>> = snapshot.scan(temp, ..).collect().await?;
    /// ```
    pub async fn collect(self) -> Result<Vec<Point<T>>> {
        unblock(move |wanted| self.collect_wanted(wanted)).await
    }

    /// [`collect`](Self::collect) on this thread.
    ///
    /// # Errors
    /// The same.
    pub fn collect_blocking(self) -> Result<Vec<Point<T>>> {
        self.collect_wanted(&Wanted::ALWAYS)
    }

    fn collect_wanted(self, wanted: &Wanted) -> Result<Vec<Point<T>>> {
        let mut columns = self.columns();
        let mut points = Vec::new();
        while wanted.still()
            && let Some(chunk) = columns.next()?
        {
            points.extend(chunk.points());
        }
        Ok(points)
    }

    /// The points as slices of timestamps and values, the fastest way to read many; reading blocks this thread.
    ///
    /// ```text
    /// let mut columns = snapshot.scan(temp, ..).columns();
    /// let mut sum = 0.0;
    /// while let Some(chunk) = columns.next()? {
    ///     sum += chunk.values.iter().sum::<f64>();
    /// }
    /// ```
    pub fn columns(self) -> Columns<T> {
        Columns { merge: self.merge }
    }

    /// The points as a `futures_core::Stream`, read chunk by chunk on tokio's blocking pool; without a tokio runtime,
    /// on the thread that polls it.
    ///
    /// ```text
    /// let mut points = snapshot.scan(temp, ..).stream();
    /// while let Some(point) = points.next().await {
    ///     println!("{}", point?.value);
    /// }
    /// ```
    pub fn stream(self) -> PointStream<T> {
        PointStream::new(self.merge)
    }
}

impl<T: Sample> IntoIterator for Scan<T> {
    type Item = Result<Point<T>>;
    type IntoIter = ScanIter<T>;

    fn into_iter(self) -> ScanIter<T> {
        self.iter()
    }
}

impl<T> fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}

/// The points of a [`Scan`] one by one; see [`Scan::iter`].
#[must_use = "an iterator reads nothing until it is asked"]
pub struct ScanIter<T> {
    merge: Merge<T>,
}

impl<T: Sample> Iterator for ScanIter<T> {
    type Item = Result<Point<T>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.merge.next()
    }
}

impl<T: Sample> FusedIterator for ScanIter<T> {}

impl<T> fmt::Debug for ScanIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanIter").finish_non_exhaustive()
    }
}

/// The points of a [`Scan`] as slices; see [`Scan::columns`].
///
/// It lends each chunk until the next is asked for, and so is no `Iterator`.
#[must_use = "columns read nothing until they are asked"]
pub struct Columns<T> {
    merge: Merge<T>,
}

impl<T: Sample> Columns<T> {
    /// The next chunk, or `None` at the end. Its length is at least 1 and says nothing about the data.
    ///
    /// # Errors
    /// Whatever reading met; after that, nothing more comes.
    #[expect(clippy::should_implement_trait, reason = "an Iterator cannot lend what it owns")]
    pub fn next(&mut self) -> Result<Option<ColumnChunk<'_, T>>> {
        if !self.merge.advance()? {
            return Ok(None);
        }
        let chunk = self.merge.chunk();
        Ok(Some(ColumnChunk { timestamps: chunk.timestamps(), values: chunk.values() }))
    }
}

impl<T> fmt::Debug for Columns<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Columns").finish_non_exhaustive()
    }
}

/// Some consecutive points of a series as two slices of one length.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ColumnChunk<'a, T> {
    /// When each was measured, in ascending order; equal ones in the order they arrived.
    pub timestamps: &'a [Timestamp],
    /// What was measured, one value a timestamp.
    pub values: &'a [T],
}

impl<'a, T: Copy> ColumnChunk<'a, T> {
    /// The points one by one.
    #[must_use]
    pub fn points(self) -> impl ExactSizeIterator<Item = Point<T>> + use<'a, T> {
        let pairs = self.timestamps.iter().zip(self.values);
        pairs.map(|(timestamp, value)| Point { timestamp: *timestamp, value: *value })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use futures_core::Stream;

    use super::*;
    use crate::merge::testing::{Runs, points, sorted_points};

    /// Compiles only for what the documentation promises of every way to read.
    const fn owned_send<T: Send + 'static>() {}
    const fn unpin<T: Unpin>() {}
    const _: () = {
        owned_send::<Scan<f64>>();
        owned_send::<ScanIter<bool>>();
        owned_send::<Columns<i64>>();
        owned_send::<PointStream<u64>>();
        owned_send::<crate::Query>();
        owned_send::<crate::QueryScan>();
        unpin::<PointStream<f64>>();
    };

    fn sources() -> [Runs<i64>; 3] {
        let block = |from: i64| points(&(from..from + 2_000).map(|n| (n * 3, -n)).collect::<Vec<_>>());
        [
            Runs::new(vec![block(0), block(2_000)]),
            Runs::new(vec![points(&[(5_999, 1), (6_000, 2), (6_000, 3)])]),
            Runs::new(vec![block(3_000), block(9_000)]),
        ]
    }

    fn scan() -> Scan<i64> {
        Scan::new(TimeRange::ALL, Sources::plain(sources().map(Runs::boxed).into()))
    }

    fn expected() -> Vec<Point<i64>> {
        sorted_points(&sources(), TimeRange::ALL)
    }

    fn failing() -> Scan<i64> {
        let block = points(&vec![(1, 1); 2_000]);
        Scan::new(TimeRange::ALL, Sources::plain(vec![Runs::new(vec![block.clone(), block]).failing_at(1).boxed()]))
    }

    #[test]
    fn all_ways_to_read_give_the_same_points() {
        assert_eq!(scan().iter().collect::<Result<Vec<_>>>().unwrap(), expected());
        assert_eq!(scan().collect_blocking().unwrap(), expected());
        let (mut columns, mut read) = (scan().columns(), Vec::new());
        while let Some(chunk) = columns.next().unwrap() {
            read.extend(chunk.points());
        }
        assert_eq!(read, expected());
    }

    #[tokio::test]
    async fn waiting_ways_to_read_give_the_same_points() {
        assert_eq!(scan().collect().await.unwrap(), expected());
        let (mut stream, mut read) = (scan().stream(), Vec::new());
        while let Some(point) = stream.next().await {
            read.push(point.unwrap());
        }
        assert_eq!(read, expected());
        assert!(stream.next().await.is_none());
    }

    #[test]
    fn without_a_runtime_a_stream_is_ready_at_every_poll() {
        let (mut stream, mut read) = (scan().stream(), Vec::new());
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(point)) = Pin::new(&mut stream).poll_next(&mut context) {
            read.push(point.unwrap());
        }
        assert_eq!(read, expected());
    }

    #[test]
    fn an_error_comes_after_whole_chunks_and_ends_the_iterator() {
        let items: Vec<_> = failing().iter().collect();
        assert_eq!(items.len(), 2_001);
        assert!(items[..2_000].iter().all(Result::is_ok) && items[2_000].is_err());
        assert!(failing().collect_blocking().is_err());
        let mut items = Scan::<f64>::failed(Error::Closed).iter();
        assert!(matches!(items.next(), Some(Err(Error::Closed))));
        assert!(items.next().is_none() && items.next().is_none());
    }

    #[tokio::test]
    async fn an_error_ends_the_stream() {
        let mut stream = failing().stream();
        for _ in 0..2_000 {
            assert!(stream.next().await.unwrap().is_ok());
        }
        assert!(stream.next().await.unwrap().is_err());
        assert!(stream.next().await.is_none());
        assert!(failing().collect().await.is_err());
    }

    #[tokio::test]
    async fn readers_may_be_dropped_half_way_and_reads_are_lazy() {
        let source = Runs::new(vec![points(&vec![(1, 1_i64); 500]); 4]);
        let touches = source.touches();
        let scan = || Scan::new(TimeRange::ALL, Sources::plain(vec![source.clone().boxed()]));
        drop(scan());
        drop(scan().stream());
        drop(scan().collect());
        assert_eq!(touches.get(), 0);
        let mut stream = scan().stream();
        assert!(stream.next().await.unwrap().is_ok());
        drop(stream);
        let mut points = scan().iter();
        assert!(points.next().unwrap().is_ok());
        drop(points);
        assert_eq!(touches.get(), 2, "one run each");
    }
}
