//! A scan as an asynchronous stream.
//!
//! The merge iterator moves to the blocking pool for each chunk, and returns with the chunk. Nothing runs between
//! chunks; after a stream is dropped, at most the reading of one chunk continues.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::offload::{Offload, offload};
use crate::state::merge::MergeIterator;
use crate::types::error::Result;
use crate::types::point::{Point, Scalar};

/// Merge iterator that returned from the pool, and `true` if it has another chunk.
type ChunkRead<T> = (Box<MergeIterator<T>>, Result<bool>);

/// Points of a [`Scan`](crate::Scan) as a stream; made by [`Scan::stream`](crate::Scan::stream).
///
/// The stream is `Unpin`, so the `next` of any stream library works on it; [`next`](Self::next) needs no library. The
/// stream is read chunk by chunk on tokio's blocking pool; without a tokio runtime, or without the feature `tokio-rt`,
/// on the thread that polls. No item follows an error.
#[must_use = "a stream reads nothing until it is polled"]
pub struct ScanStream<T> {
    state: StreamState<T>,
}

enum StreamState<T> {
    /// The stream holds the merge iterator with the rest of its chunk.
    Ready(Box<MergeIterator<T>>),
    /// The merge iterator is on the blocking pool and reads its next chunk.
    Reading(Offload<ChunkRead<T>>),
    /// The last point or an error was returned.
    Finished,
}

impl<T: Scalar> ScanStream<T> {
    pub(super) fn new(merge: MergeIterator<T>) -> Self {
        Self { state: StreamState::Ready(Box::new(merge)) }
    }

    /// Returns the next point, or `None` at the end. Dropping the future loses no point.
    ///
    /// # Errors
    /// An item is an error if reading failed; no item follows it.
    pub async fn next(&mut self) -> Option<Result<Point<T>>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Polls for the next chunk; returns `false` at the end.
    ///
    /// After an error or a panic, the stream is finished.
    #[cold]
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<bool>> {
        loop {
            match std::mem::replace(&mut self.state, StreamState::Finished) {
                StreamState::Ready(merge) => self.state = StreamState::Reading(offload(move || read_chunk(merge))),
                StreamState::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.state = StreamState::Reading(reading);
                        return Poll::Pending;
                    };
                    return Poll::Ready(read.and_then(|read| self.take_back(read)));
                }
                StreamState::Finished => return Poll::Ready(Ok(false)),
            }
        }
    }

    fn take_back(&mut self, (merge, has_chunk): ChunkRead<T>) -> Result<bool> {
        let has_chunk = has_chunk?;
        if has_chunk {
            self.state = StreamState::Ready(merge);
        }
        Ok(has_chunk)
    }
}

fn read_chunk<T: Scalar>(mut merge: Box<MergeIterator<T>>) -> ChunkRead<T> {
    let has_chunk = merge.next_chunk();
    (merge, has_chunk)
}

impl<T: Scalar> Stream for ScanStream<T> {
    type Item = Result<Point<T>>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let StreamState::Ready(merge) = &mut self.state
                && let Some(point) = merge.pop()
            {
                return Poll::Ready(Some(Ok(point)));
            }
            match ready!(self.poll_chunk(context)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl<T> fmt::Debug for ScanStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanStream").finish_non_exhaustive()
    }
}
