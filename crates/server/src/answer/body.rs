//! Body of an answer that is made piece by piece on threads that may block.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::task::{AbortHandle, JoinError, JoinHandle};

use crate::failure::Failure;

/// Interval of the stall timer: an answer without a poll in a whole interval is dropped.
const STALLED: Duration = Duration::from_mins(1);

/// Maker of the pieces of an answer.
pub(crate) trait Pieces: Send + 'static {
    /// Returns the next piece, or `None` at the end. It may block.
    ///
    /// # Errors
    ///
    /// A failure of the first or second piece is the answer; a later one ends the connection.
    fn next_piece(&mut self) -> Result<Option<Bytes>, Failure>;

    /// Returns the trailers, which follow the last piece.
    fn trailers(&mut self) -> Option<HeaderMap> {
        None
    }
}

/// Answers with pieces. An answer of one piece has its length in the header, a longer one is streamed.
///
/// If the client reads nothing for [`STALLED`] to twice that time, the pieces are dropped with all that they hold.
///
/// # Errors
///
/// That of the first or second piece.
pub(crate) async fn respond(content_type: &'static str, pieces: impl Pieces) -> Result<Response, Failure> {
    let maker = Arc::new(Maker { pieces: Mutex::new(Some(Box::new(pieces))), polls: AtomicU64::new(0) });
    let mut ready = VecDeque::new();
    while ready.len() < 2 {
        match make(&maker).await.map_err(|error| unexpected_end(&error))?? {
            Some(piece) => ready.push_back(piece),
            None => break,
        }
    }
    let is_whole = ready.len() < 2;
    let trailers = if is_whole { maker.trailers() } else { None };
    let body = if is_whole && trailers.is_none() {
        Body::from(ready.pop_front().unwrap_or_default())
    } else {
        let watch = tokio::spawn(drop_stalled(Arc::downgrade(&maker))).abort_handle();
        let state = if is_whole { State::Trailers(trailers) } else { State::Idle };
        Body::new(PieceBody { ready, maker, state, watch })
    };
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response())
}

/// Pieces of an answer, shared by its body and the stall timer.
struct Maker {
    /// `None` while a piece is made, and once the pieces were dropped.
    pieces: Mutex<Option<Box<dyn Pieces>>>,
    /// Number of times the connection asked for a piece; unchanged if the client reads nothing.
    polls: AtomicU64,
}

impl Maker {
    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Pieces>>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trailers(&self) -> Option<HeaderMap> {
        self.lock().as_mut().and_then(|pieces| pieces.trailers())
    }
}

/// Makes the next piece on a thread that may block.
fn make(maker: &Arc<Maker>) -> JoinHandle<Result<Option<Bytes>, Failure>> {
    let maker = Arc::clone(maker);
    tokio::task::spawn_blocking(move || {
        let taken = maker.lock().take();
        let Some(mut pieces) = taken else { return Err(Failure::busy("the client took no piece for too long")) };
        let piece = pieces.next_piece();
        *maker.lock() = Some(pieces);
        piece
    })
}

/// Stall timer: drops the pieces of an answer whose client reads nothing.
async fn drop_stalled(maker: Weak<Maker>) {
    let mut polls_before = None;
    loop {
        tokio::time::sleep(STALLED).await;
        let Some(maker) = maker.upgrade() else { return };
        let polls = maker.polls.load(Ordering::Relaxed);
        if polls_before.replace(polls) == Some(polls) {
            let pieces = maker.lock().take();
            // If a piece is being made, the store is slow, not the client.
            if pieces.is_some() {
                return;
            }
        }
    }
}

fn unexpected_end(error: &JoinError) -> Failure {
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    Failure::new(status, format!("the answer ended unexpectedly: {error}"))
}

/// Body whose pieces are made as they are taken.
struct PieceBody {
    /// Pieces that were made to find out whether the answer is short.
    ready: VecDeque<Bytes>,
    maker: Arc<Maker>,
    state: State,
    /// Task that drops the pieces if the client takes none; it ends with the body.
    watch: AbortHandle,
}

impl Drop for PieceBody {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

enum State {
    /// The next piece is made when it is asked for.
    Idle,
    Making(JoinHandle<Result<Option<Bytes>, Failure>>),
    Trailers(Option<HeaderMap>),
    Ended,
}

impl hyper::body::Body for PieceBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        self.maker.polls.fetch_add(1, Ordering::Relaxed);
        if let Some(piece) = self.ready.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Idle => self.state = State::Making(make(&self.maker)),
                State::Making(mut making) => {
                    let Poll::Ready(made) = Pin::new(&mut making).poll(context) else {
                        self.state = State::Making(making);
                        return Poll::Pending;
                    };
                    let piece = made.unwrap_or_else(|error| Err(unexpected_end(&error)));
                    match piece {
                        Ok(Some(piece)) => {
                            self.state = State::Idle;
                            return Poll::Ready(Some(Ok(Frame::data(piece))));
                        }
                        Ok(None) => self.state = State::Trailers(self.maker.trailers()),
                        Err(failure) => return Poll::Ready(Some(Err(cut_off(failure)))),
                    }
                }
                State::Trailers(trailers) => return Poll::Ready(trailers.map(|fields| Ok(Frame::trailers(fields)))),
                State::Ended => return Poll::Ready(None),
            }
        }
    }
}

/// Returns the error that ends the connection, and logs it: the client only sees the connection end.
fn cut_off(failure: Failure) -> axum::BoxError {
    tracing::warn!(error = failure.message, "an answer was cut off");
    failure.message.into()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// Counts down, and fails at a number.
    struct Countdown {
        left: usize,
        fails_at: usize,
    }

    impl Pieces for Countdown {
        fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
            if self.left == self.fails_at {
                return Err(Failure::busy("no more"));
            }
            self.left -= 1;
            Ok((self.left > 0).then(|| Bytes::from(format!("{},", self.left))))
        }
    }

    /// Goes on for ever, and counts its pieces.
    struct Counting(Arc<AtomicU64>);

    impl Pieces for Counting {
        fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Some(Bytes::from_static(b"x")))
        }
    }

    /// Goes on for ever, and holds something.
    struct Holding {
        _held: Arc<()>,
    }

    impl Pieces for Holding {
        fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
            Ok(Some(Bytes::from_static(b"x")))
        }
    }

    async fn answer(left: usize, fails_at: usize) -> Result<Response, Failure> {
        respond("text/plain", Countdown { left, fails_at }).await
    }

    #[tokio::test]
    async fn pieces_arrive_in_their_order() {
        for (left, expected) in [(1, ""), (2, "1,"), (3, "2,1,"), (5, "4,3,2,1,")] {
            let response = answer(left, usize::MAX).await.unwrap();
            let is_whole = hyper::body::Body::size_hint(response.body()).exact().is_some();
            assert_eq!(is_whole, left < 3, "{left}");
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(bytes, expected.as_bytes(), "{left}");
        }
    }

    #[tokio::test]
    async fn no_piece_is_made_before_the_one_ahead_of_it_is_taken() {
        let made = Arc::new(AtomicU64::new(0));
        let mut body = respond("text/plain", Counting(Arc::clone(&made))).await.unwrap().into_body();
        for taken in 0..10 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(made.load(Ordering::Relaxed) <= 2.max(taken), "{taken}");
            body.frame().await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn an_early_error_is_the_answer_and_a_late_one_ends_the_body() {
        assert_eq!(answer(5, 5).await.unwrap_err().status, 503);
        assert_eq!(answer(5, 4).await.unwrap_err().status, 503);
        let body = answer(5, 2).await.unwrap().into_body();
        assert_eq!(body.collect().await.unwrap_err().to_string(), "no more");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_of_an_answer_that_no_client_takes_is_dropped() {
        let held = Arc::new(());
        let response = respond("text/plain", Holding { _held: Arc::clone(&held) }).await.unwrap();
        let mut body = response.into_body();
        for _ in 0..4 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
        }
        tokio::time::sleep(STALLED / 2).await;
        assert_eq!(Arc::strong_count(&held), 2);
        tokio::time::sleep(STALLED * 3).await;
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(body.frame().await.unwrap().is_err());
    }
}
