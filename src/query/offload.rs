//! Offloading of work that reads files, and its cancellation.
//!
//! Inside a tokio runtime the work runs on tokio's blocking pool, so that it blocks no worker of the runtime.
//! Elsewhere, and without the feature `tokio-rt`, it runs where the future is polled: a plain `block_on` has no other
//! task to block.

use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll};

#[cfg(feature = "tokio-rt")]
use crate::types::error::Error;
use crate::types::error::Result;
use std::sync::Arc;

/// Cancellation token of offloaded work. It is cancelled when the result is no longer awaited.
#[derive(Debug)]
pub(crate) struct CancelToken(Option<Weak<()>>);

impl CancelToken {
    /// Token that is never cancelled, for work on the thread that waits for the result.
    pub(crate) const NEVER: Self = Self(None);

    /// Returns `true` once the future that waits for the result was dropped.
    ///
    /// The result would be discarded.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|waiting| waiting.strong_count() == 0)
    }
}

/// Future of work that was passed to [`offload`].
///
/// Its output is `Error::RuntimeShutdown` if the runtime shuts down before the work has begun. A panic of the work is
/// resumed.
pub(super) enum Offload<R> {
    /// The work ran at once; `None` after its result was taken.
    Done(Option<R>),
    /// The work is on tokio's blocking pool.
    #[cfg(feature = "tokio-rt")]
    Running(tokio::task::JoinHandle<R>),
}

/// Runs work on tokio's blocking pool; without a tokio runtime, at once on this thread.
pub(super) fn offload<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Offload<R> {
    #[cfg(feature = "tokio-rt")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        return Offload::Running(runtime.spawn_blocking(work));
    }
    Offload::Done(Some(work()))
}

// A result is moved out and never pinned.
impl<R> Unpin for Offload<R> {}

impl<R> Future for Offload<R> {
    type Output = Result<R>;

    #[cfg_attr(not(feature = "tokio-rt"), expect(unused_variables, reason = "finished work wakes no task"))]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        match &mut *self {
            Self::Done(result) => match result.take() {
                Some(result) => Poll::Ready(Ok(result)),
                None => Poll::Pending,
            },
            #[cfg(feature = "tokio-rt")]
            Self::Running(handle) => Pin::new(handle).poll(context).map_err(resume_panic),
        }
    }
}

/// Resumes the panic of a blocking task.
///
/// Returns an error for a task that never began because its runtime shut down.
#[cfg(feature = "tokio-rt")]
fn resume_panic(error: tokio::task::JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Error::RuntimeShutdown,
    }
}

/// Runs work that reads files without blocking a worker of tokio; see [`offload`].
///
/// The work gets a token that is cancelled when this future is dropped.
///
/// # Errors
/// Those of the work; `Error::RuntimeShutdown` if the runtime shuts down before the work has begun.
pub(crate) async fn run_offloaded<R: Send + 'static>(
    work: impl FnOnce(&CancelToken) -> Result<R> + Send + 'static,
) -> Result<R> {
    let waiting = Arc::new(());
    let token = CancelToken(Some(Arc::downgrade(&waiting)));
    let result = offload(move || work(&token)).await;
    drop(waiting);
    result?
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    #[test]
    fn without_a_runtime_the_work_is_done_at_the_first_poll() {
        let mut work = pin!(run_offloaded(|token| Ok(token.is_cancelled())));
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(false))));
    }

    #[cfg(feature = "tokio-rt")]
    #[tokio::test]
    async fn inside_a_runtime_the_work_runs_on_another_thread() {
        let own = std::thread::current().id();
        let other = run_offloaded(|_| Ok(std::thread::current().id())).await.unwrap();
        assert_ne!(own, other);
    }

    #[cfg(feature = "tokio-rt")]
    #[tokio::test]
    async fn dropping_the_future_cancels_the_token() {
        let (begun, has_begun) = flume::bounded(1);
        let (ended, has_ended) = flume::bounded(1);
        let mut work = Box::pin(run_offloaded(move |token| {
            begun.send(()).unwrap();
            while !token.is_cancelled() {
                std::thread::yield_now();
            }
            ended.send(()).unwrap();
            Ok(())
        }));
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        has_begun.recv_async().await.unwrap();
        drop(work);
        has_ended.recv_async().await.unwrap();
    }
}
