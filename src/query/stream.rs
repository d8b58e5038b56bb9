//! A scan as an asynchronous stream: the merge moves to the blocking pool for each chunk, and comes back with it.
//! Between chunks nothing runs; a stream dropped half way leaves at most one chunk's reading behind.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

use super::blocking::pass_on;
use super::merge::Merge;
use crate::error::Result;
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
    /// The merge is here; `next` is the point of its chunk that comes next.
    Here { merge: Box<Merge<T>>, next: usize },
    /// The merge is on the blocking pool, making its next chunk.
    Away(JoinHandle<Read<T>>),
    /// The last point or an error was given.
    Ended,
}

impl<T: Sample> PointStream<T> {
    pub(super) fn new(merge: Merge<T>) -> Self {
        Self { state: State::Here { merge: Box::new(merge), next: 0 } }
    }

    /// The next point, or `None` at the end. Dropping the future loses no point.
    ///
    /// After an error nothing more comes.
    pub async fn next(&mut self) -> Option<Result<Point<T>>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Sends the merge for its next chunk; without a runtime, makes it here.
    fn depart(&mut self) -> Result<()> {
        let State::Here { mut merge, .. } = std::mem::replace(&mut self.state, State::Ended) else { return Ok(()) };
        if let Ok(runtime) = Handle::try_current() {
            self.state = State::Away(runtime.spawn_blocking(move || {
                let made = merge.advance();
                (merge, made)
            }));
        } else if merge.advance()? {
            self.state = State::Here { merge, next: 0 };
        }
        Ok(())
    }

    /// Takes the merge back; after the end or an error there is none to take.
    fn arrive(&mut self, read: Result<Read<T>, JoinError>) -> Result<()> {
        self.state = State::Ended;
        let (merge, made) = read.map_err(pass_on)?;
        if made? {
            self.state = State::Here { merge, next: 0 };
        }
        Ok(())
    }
}

impl<T: Sample> Stream for PointStream<T> {
    type Item = Result<Point<T>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let moved = match &mut self.state {
                State::Here { merge, next } => {
                    if let Some(point) = merge.chunk().get(*next) {
                        *next += 1;
                        return Poll::Ready(Some(Ok(point)));
                    }
                    self.depart()
                }
                State::Away(reading) => {
                    let read = ready!(Pin::new(reading).poll(context));
                    self.arrive(read)
                }
                State::Ended => return Poll::Ready(None),
            };
            if let Err(error) = moved {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl<T> fmt::Debug for PointStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointStream").finish_non_exhaustive()
    }
}
