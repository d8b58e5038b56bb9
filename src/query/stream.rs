//! A scan as an asynchronous stream: the merge moves to the blocking pool for each chunk, and comes back with it.
//! Between chunks nothing runs; a stream dropped half way leaves at most one chunk's reading behind.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::blocking::pass_on;
use crate::error::Result;
use crate::merge::Merge;
use crate::point::{Point, Sample};

/// The merge, back from the pool, and whether it holds another chunk.
type Read<T> = (Box<Merge<T>>, Result<bool>);

/// The points of a [`Scan`](crate::Scan) as a stream; see [`Scan::stream`](crate::Scan::stream).
///
/// It is `Unpin`, so `next` of any stream library works on it, and [`next`](Self::next) without one.
#[must_use = "a stream reads nothing until it is polled"]
pub struct PointStream<T> {
    state: State<T>,
}

enum State<T> {
    /// The merge is here, and what was not given of its chunk.
    Here(Box<Merge<T>>),
    /// The merge is on the blocking pool, making its next chunk.
    Away(JoinHandle<Read<T>>),
    /// The last point or an error was given.
    Ended,
}

impl<T: Sample> PointStream<T> {
    pub(super) fn new(merge: Merge<T>) -> Self {
        Self { state: State::Here(Box::new(merge)) }
    }

    /// The next point, or `None` at the end. Dropping the future loses no point.
    ///
    /// After an error nothing more comes.
    pub async fn next(&mut self) -> Option<Result<Point<T>>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Waits until the next chunk is here; false at the end. Whatever goes wrong leaves the stream ended.
    #[cold]
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<bool>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Here(merge) => match Handle::try_current() {
                    Ok(runtime) => self.state = State::Away(runtime.spawn_blocking(move || read(merge))),
                    Err(_) => return Poll::Ready(self.arrive(read(merge))),
                },
                State::Away(mut reading) => {
                    let Poll::Ready(back) = Pin::new(&mut reading).poll(context) else {
                        self.state = State::Away(reading);
                        return Poll::Pending;
                    };
                    return Poll::Ready(back.map_err(pass_on).and_then(|back| self.arrive(back)));
                }
                State::Ended => return Poll::Ready(Ok(false)),
            }
        }
    }

    fn arrive(&mut self, (merge, made): Read<T>) -> Result<bool> {
        let made = made?;
        if made {
            self.state = State::Here(merge);
        }
        Ok(made)
    }
}

fn read<T: Sample>(mut merge: Box<Merge<T>>) -> Read<T> {
    let made = merge.advance();
    (merge, made)
}

impl<T: Sample> Stream for PointStream<T> {
    type Item = Result<Point<T>>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let State::Here(merge) = &mut self.state
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

impl<T> fmt::Debug for PointStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointStream").finish_non_exhaustive()
    }
}
