//! A scan of many series as an asynchronous stream.
//!
//! The cursor moves to the blocking pool for several chunks, and returns with them. Nothing runs between these reads, so
//! that an idle stream holds memory and no thread.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::offload::{Offload, offload};
use super::series_chunk::OwnedSeriesChunk;
use super::series_scan::{ScanCancellation, SeriesScanCursor};
use crate::types::error::Result;

/// Number of points after which a read ends: enough that moving the cursor to the pool costs little in comparison.
const POINTS_PER_READ: u64 = 64 << 10;
/// Maximum number of chunks of a read.
const CHUNKS_PER_READ: usize = 1024;

/// Owned chunks of a [`SeriesScan`](crate::SeriesScan) as a stream; made by [`SeriesScanCursor::stream`].
///
/// The stream is `Unpin`. About 64,000 points are read at a time, on tokio's blocking pool; without a tokio runtime, or
/// without the feature `tokio-rt`, on the thread that polls. No item follows an error. Dropping the stream ends the scan.
#[must_use = "a stream reads nothing until it is polled"]
pub struct SeriesScanStream {
    state: SeriesStreamState,
    chunks: VecDeque<OwnedSeriesChunk>,
    cancellation: ScanCancellation,
}

/// Cursor that returned from the pool, its chunks, and the error that ended the read, if any.
type ChunksRead = (Box<SeriesScanCursor>, VecDeque<OwnedSeriesChunk>, Result<bool>);

enum SeriesStreamState {
    Ready(Box<SeriesScanCursor>),
    Reading(Offload<ChunksRead>),
    /// The error is the next item.
    Failed(crate::Error),
    Finished,
}

impl SeriesScanStream {
    pub(super) fn new(cursor: SeriesScanCursor) -> Self {
        let cancellation = cursor.cancellation();
        Self { state: SeriesStreamState::Ready(Box::new(cursor)), chunks: VecDeque::new(), cancellation }
    }

    /// Returns the next chunk, or `None` at the end. Dropping the future loses no chunk.
    ///
    /// # Errors
    /// An item is an error if reading failed; no item follows it.
    pub async fn next(&mut self) -> Option<Result<OwnedSeriesChunk>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

/// A read that runs on the pool stops at the next chunk.
impl Drop for SeriesScanStream {
    fn drop(&mut self) {
        self.cancellation.cancel();
    }
}

fn read_chunks(mut cursor: Box<SeriesScanCursor>) -> ChunksRead {
    let (mut chunks, mut points) = (VecDeque::new(), 0);
    let read = loop {
        if points >= POINTS_PER_READ || chunks.len() >= CHUNKS_PER_READ {
            break Ok(true);
        }
        match cursor.next_chunk() {
            Ok(Some(chunk)) => {
                points += chunk.timestamps.len().max(chunk.values.len()) as u64;
                chunks.push_back(chunk.to_owned());
            }
            Ok(None) => break Ok(false),
            Err(error) => break Err(error),
        }
    };
    (cursor, chunks, read)
}

impl Stream for SeriesScanStream {
    type Item = Result<OwnedSeriesChunk>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            match std::mem::replace(&mut self.state, SeriesStreamState::Finished) {
                SeriesStreamState::Ready(cursor) => {
                    self.state = SeriesStreamState::Reading(offload(move || read_chunks(cursor)));
                }
                SeriesStreamState::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.state = SeriesStreamState::Reading(reading);
                        return Poll::Pending;
                    };
                    match read {
                        Ok((cursor, chunks, more)) => {
                            self.chunks = chunks;
                            self.state = match more {
                                Ok(true) => SeriesStreamState::Ready(cursor),
                                Ok(false) => SeriesStreamState::Finished,
                                Err(error) => SeriesStreamState::Failed(error),
                            };
                        }
                        Err(error) => self.state = SeriesStreamState::Failed(error),
                    }
                }
                SeriesStreamState::Failed(error) => return Poll::Ready(Some(Err(error))),
                SeriesStreamState::Finished => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for SeriesScanStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesScanStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Db, Selector};

    #[test]
    fn dropping_a_stream_cancels_its_cursor() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_blocking(dir.path().join("db")).unwrap();
        let cursor = db.snapshot().scan_series(Selector::all()).cursor().unwrap();
        let cancellation = cursor.cancellation();
        drop(cursor.stream());
        assert!(format!("{cancellation:?}").contains("true"), "{cancellation:?}");
    }
}
