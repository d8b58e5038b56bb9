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
    /// The work is on a thread of its own, which sends the result, or what the panic of the work carries.
    #[cfg(feature = "tokio-rt")]
    OnThread(tokio::sync::oneshot::Receiver<std::thread::Result<R>>),
}

/// Runs work on tokio's blocking pool; without a tokio runtime, at once on this thread.
pub(super) fn offload<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Offload<R> {
    #[cfg(feature = "tokio-rt")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        return Offload::Running(runtime.spawn_blocking(work));
    }
    Offload::Done(Some(work()))
}

/// Runs work on a thread that is started for it; without a tokio runtime, at once on this thread.
///
/// If no thread can be started, the work runs on tokio's blocking pool.
pub(super) fn offload_to_thread<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Offload<R> {
    #[cfg(feature = "tokio-rt")]
    if tokio::runtime::Handle::try_current().is_ok() {
        // A thread that cannot be started drops its closure, but not the work.
        let work = Arc::new(std::sync::Mutex::new(Some(work)));
        let take =
            |work: &std::sync::Mutex<Option<_>>| work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let (sender, result) = tokio::sync::oneshot::channel();
        let on_thread = Arc::clone(&work);
        let spawned = std::thread::Builder::new().name("timestrata-query".to_owned()).spawn(move || {
            if let Some(work) = take(&on_thread) {
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                // The receiver is gone if the future was dropped.
                let _ = sender.send(done);
            }
        });
        let unstarted = if spawned.is_err() { take(&work) } else { None };
        return match unstarted {
            Some(work) => offload(work),
            None => Offload::OnThread(result),
        };
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
            #[cfg(feature = "tokio-rt")]
            Self::OnThread(result) => Pin::new(result).poll(context).map(|received| match received {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // The thread sends before it ends.
                Err(_) => Err(Error::RuntimeShutdown),
            }),
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
    with_token(work, offload).await
}

/// Runs work on a thread of its own; see [`offload_to_thread`]. Otherwise as [`run_offloaded`].
pub(super) async fn run_on_thread<R: Send + 'static>(
    work: impl FnOnce(&CancelToken) -> Result<R> + Send + 'static,
) -> Result<R> {
    with_token(work, offload_to_thread).await
}

async fn with_token<R, W: FnOnce(&CancelToken) -> Result<R> + Send + 'static>(
    work: W,
    start: impl FnOnce(Box<dyn FnOnce() -> Result<R> + Send>) -> Offload<Result<R>>,
) -> Result<R> {
    let waiting = Arc::new(());
    let token = CancelToken(Some(Arc::downgrade(&waiting)));
    let result = start(Box::new(move || work(&token))).await;
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
    #[test]
    fn work_on_a_thread_of_its_own_needs_no_thread_of_the_pool() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (release, is_released) = flume::bounded::<()>(1);
        runtime.block_on(async {
            let blocking = tokio::task::spawn_blocking(move || is_released.recv());
            let done = run_on_thread(|token| Ok(token.is_cancelled())).await;
            assert!(!done.unwrap());
            release.send(()).unwrap();
            blocking.await.unwrap().unwrap();
        });
    }

    #[cfg(feature = "tokio-rt")]
    #[tokio::test]
    async fn a_panic_of_work_on_a_thread_of_its_own_is_resumed() {
        let task = tokio::spawn(run_on_thread(|_| -> Result<()> { panic!("a fold panics") }));
        let panic = task.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"a fold panics"));
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
