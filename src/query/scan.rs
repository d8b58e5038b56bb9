//! A scan: the points of one series in a time range, as an iterator, a vector, chunks or a stream.
//!
//! A scan owns its sources, so it may outlive the snapshot and the database.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::catalog::SeriesSources;
use super::offload::{CancelToken, run_offloaded};
use super::stream::ScanStream;
use crate::state::merge::MergeIterator;
use crate::types::error::{Error, Result};
use crate::types::point::{Point, Scalar, Timestamp};
use crate::types::time_range::TimeRange;

/// Read of one series in a time range; made by [`Snapshot::scan`](crate::Snapshot::scan).
///
/// The points come in the order of their timestamps, points of one timestamp in the order of their arrival; the series'
/// [`DuplicatePolicy`](crate::DuplicatePolicy) decides which of these points are kept. Points that a delete or
/// retention hides are left out.
///
/// A scan is owned and `Send`. It reads the state of the snapshot, however long the scan lives, and may be dropped at
/// any time. Nothing is read before the first point is requested, and never much more than is requested.
///
/// | way to read | returns | reading blocks |
/// |---|---|---|
/// | a `for` loop | [`ScanIter`], one [`Point`] at a time | this thread |
/// | [`chunks`](Self::chunks) | [`ScanChunks`], slices of timestamps and values; the fastest | this thread |
/// | [`stream`](Self::stream) | [`ScanStream`], a `futures_core::Stream` | a thread of tokio's blocking pool |
/// | [`collect`](Self::collect) | all points, 16 bytes each | a thread of tokio's blocking pool |
/// | [`collect_blocking`](Self::collect_blocking) | all points, 16 bytes each | this thread |
///
/// # Errors
/// Creating a scan never fails. An error while opening or reading, [`Error::StaleSeries`] for a handle of another
/// opening included, takes the place of a point, and no item follows it.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let load = db.create_series(SeriesKey::new("load")).blocking()?;
/// let mut batch = Batch::new();
/// batch.push_columns(load, &[1, 2, 3].map(Timestamp::from_secs), &[0.5, 0.7, 0.6]);
/// db.write_blocking(batch)?;
///
/// let snapshot = db.snapshot();
/// for point in snapshot.scan(load, Timestamp::from_secs(2)..) {
///     let point = point?;
///     println!("{} {}", point.timestamp, point.value);
/// }
/// let mut chunks = snapshot.scan(load, ..).chunks();
/// let mut sum = 0.0;
/// while let Some(chunk) = chunks.next_chunk()? {
///     sum += chunk.values.iter().sum::<f64>();
/// }
/// assert!((sum - 1.8).abs() < 1e-9);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[must_use = "a scan reads nothing until its points are asked for"]
pub struct Scan<T> {
    merge: MergeIterator<T>,
}

impl<T: Scalar> Scan<T> {
    pub(crate) fn new(range: TimeRange, sources: SeriesSources<T>) -> Self {
        Self { merge: sources.merge(range) }
    }

    /// Creates a scan whose only item is an error.
    pub(crate) fn failed(error: Error) -> Self {
        Self { merge: MergeIterator::failed(error) }
    }

    /// Reads all points on tokio's blocking pool; without a tokio runtime, on the thread that polls.
    ///
    /// The points must fit in memory, at 16 bytes each; use [`stream`](Self::stream) or [`chunks`](Self::chunks) for
    /// more points. Dropping the future stops the reading.
    ///
    /// # Errors
    /// An error while opening or reading; no point is returned then.
    ///
    /// ```no_run
    /// # async fn example(snapshot: timestrata::Snapshot, temp: timestrata::Series<f64>) -> timestrata::Result<()> {
    /// for point in snapshot.scan(temp, ..).collect().await? {
    ///     println!("{} {}", point.timestamp, point.value);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn collect(self) -> Result<Vec<Point<T>>> {
        run_offloaded(move |cancel| self.collect_until_cancelled(cancel)).await
    }

    /// Blocking variant of [`collect`](Self::collect).
    ///
    /// # Errors
    /// As for `collect`.
    pub fn collect_blocking(self) -> Result<Vec<Point<T>>> {
        self.collect_until_cancelled(&CancelToken::NEVER)
    }

    fn collect_until_cancelled(self, cancel: &CancelToken) -> Result<Vec<Point<T>>> {
        let mut chunks = self.chunks();
        let mut points = Vec::new();
        while !cancel.is_cancelled()
            && let Some(chunk) = chunks.next_chunk()?
        {
            points.extend(chunk.points());
        }
        Ok(points)
    }

    /// Reads the points as slices of timestamps and values: the fastest way to read many points.
    ///
    /// Reading blocks the thread. See [`Scan`] for an example.
    pub fn chunks(self) -> ScanChunks<T> {
        ScanChunks { merge: self.merge }
    }

    /// Reads the points as a `futures_core::Stream`; see [`ScanStream`].
    ///
    /// ```no_run
    /// # async fn example(snapshot: timestrata::Snapshot, temp: timestrata::Series<f64>) -> timestrata::Result<()> {
    /// let mut points = snapshot.scan(temp, ..).stream();
    /// while let Some(point) = points.next().await {
    ///     println!("{}", point?.value);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(self) -> ScanStream<T> {
        ScanStream::new(self.merge)
    }
}

/// Reads the points one by one. Reading blocks the thread.
impl<T: Scalar> IntoIterator for Scan<T> {
    type Item = Result<Point<T>>;
    type IntoIter = ScanIter<T>;

    fn into_iter(self) -> ScanIter<T> {
        ScanIter { merge: self.merge }
    }
}

impl<T> fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}

/// Iterator over the points of a [`Scan`], in the order of their timestamps.
///
/// Reading blocks the thread. No item follows an error.
#[must_use = "an iterator reads nothing until its items are asked for"]
pub struct ScanIter<T> {
    merge: MergeIterator<T>,
}

impl<T: Scalar> Iterator for ScanIter<T> {
    type Item = Result<Point<T>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.merge.next()
    }
}

impl<T: Scalar> FusedIterator for ScanIter<T> {}

impl<T> fmt::Debug for ScanIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanIter").finish_non_exhaustive()
    }
}

/// Chunks of a [`Scan`]: slices of timestamps and values; made by [`Scan::chunks`].
///
/// Each chunk is borrowed until the next one is requested, so this type is not an `Iterator`.
#[must_use = "a scan reads nothing until its chunks are asked for"]
pub struct ScanChunks<T> {
    merge: MergeIterator<T>,
}

impl<T: Scalar> ScanChunks<T> {
    /// Returns the next chunk, which has at least one point, or `None` at the end.
    ///
    /// Reading blocks the thread.
    ///
    /// The length of a chunk depends on the storage and has no meaning for the data.
    ///
    /// # Errors
    /// An error while opening or reading; every later call returns `None`.
    pub fn next_chunk(&mut self) -> Result<Option<ScanChunk<'_, T>>> {
        if !self.merge.next_chunk()? {
            return Ok(None);
        }
        let chunk = self.merge.current_chunk();
        Ok(Some(ScanChunk { timestamps: chunk.timestamps(), values: chunk.values() }))
    }
}

impl<T> fmt::Debug for ScanChunks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanChunks").finish_non_exhaustive()
    }
}

/// Consecutive points of a series as two slices of the same length.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ScanChunk<'a, T> {
    /// Timestamps in ascending order; points of one timestamp are in the order of their arrival.
    pub timestamps: &'a [Timestamp],
    /// The value of each timestamp.
    pub values: &'a [T],
}

impl<'a, T: Copy> ScanChunk<'a, T> {
    /// Returns an iterator over the points of the chunk.
    #[must_use]
    pub fn points(self) -> impl ExactSizeIterator<Item = Point<T>> + use<'a, T> {
        let pairs = self.timestamps.iter().zip(self.values);
        pairs.map(|(timestamp, value)| Point { timestamp: *timestamp, value: *value })
    }
}

// A reader that panicked may have lost its position: it is still memory safe, but must not be used again. A reader
// shares no state that a panic could leave half changed.
impl<T> UnwindSafe for Scan<T> {}
impl<T> RefUnwindSafe for Scan<T> {}
impl<T> UnwindSafe for ScanIter<T> {}
impl<T> RefUnwindSafe for ScanIter<T> {}
impl<T> UnwindSafe for ScanChunks<T> {}
impl<T> RefUnwindSafe for ScanChunks<T> {}
impl<T> UnwindSafe for ScanStream<T> {}
impl<T> RefUnwindSafe for ScanStream<T> {}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use futures_core::Stream;

    use super::*;
    use crate::testing::merge::{VecSource, points, sorted_points};

    /// Compiles only for what the documentation of each reader promises.
    const fn owned_send<T: Send + 'static>() {}
    const fn unpin<T: Unpin>() {}
    const _: () = {
        owned_send::<Scan<f64>>();
        owned_send::<ScanIter<bool>>();
        owned_send::<ScanChunks<i64>>();
        owned_send::<ScanStream<u64>>();
        owned_send::<crate::Query>();
        owned_send::<crate::QueryPoints>();
        unpin::<ScanStream<f64>>();
    };

    fn sources() -> [VecSource<i64>; 3] {
        let block = |from: i64| points(&(from..from + 2_000).map(|n| (n * 3, -n)).collect::<Vec<_>>());
        [
            VecSource::new(vec![block(0), block(2_000)]),
            VecSource::new(vec![points(&[(5_999, 1), (6_000, 2), (6_000, 3)])]),
            VecSource::new(vec![block(3_000), block(9_000)]),
        ]
    }

    fn scan() -> Scan<i64> {
        Scan::new(TimeRange::ALL, SeriesSources::without_hidden_ranges(sources().map(VecSource::boxed).into()))
    }

    fn expected() -> Vec<Point<i64>> {
        sorted_points(&sources(), TimeRange::ALL)
    }

    fn failing() -> Scan<i64> {
        let block = points(&vec![(1, 1); 2_000]);
        Scan::new(
            TimeRange::ALL,
            SeriesSources::without_hidden_ranges(vec![
                VecSource::new(vec![block.clone(), block]).failing_at(1).boxed(),
            ]),
        )
    }

    #[test]
    fn all_ways_to_read_give_the_same_points() {
        assert_eq!(scan().into_iter().collect::<Result<Vec<_>>>().unwrap(), expected());
        assert_eq!(scan().collect_blocking().unwrap(), expected());
        let (mut chunks, mut read) = (scan().chunks(), Vec::new());
        while let Some(chunk) = chunks.next_chunk().unwrap() {
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
        let items: Vec<_> = failing().into_iter().collect();
        assert_eq!(items.len(), 2_001);
        assert!(items[..2_000].iter().all(Result::is_ok) && items[2_000].is_err());
        assert!(failing().collect_blocking().is_err());
        let mut items = Scan::<f64>::failed(Error::Closed).into_iter();
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
        let source = VecSource::new(vec![points(&vec![(1, 1_i64); 500]); 4]);
        let reads = source.reads();
        let scan = || Scan::new(TimeRange::ALL, SeriesSources::without_hidden_ranges(vec![source.clone().boxed()]));
        drop(scan());
        drop(scan().stream());
        drop(scan().collect());
        assert_eq!(reads.get(), 0);
        let mut stream = scan().stream();
        assert!(stream.next().await.unwrap().is_ok());
        drop(stream);
        let mut points = scan().into_iter();
        assert!(points.next().unwrap().is_ok());
        drop(points);
        assert_eq!(reads.get(), 2, "one run for each reader");
    }
}
