//! Work that reads files, taken off the task that asks for it.
//! Inside a tokio runtime it runs on the blocking pool, else right here; it learns when nobody waits for it any more.

use std::sync::Weak;

use tokio::runtime::Handle;
use tokio::task::JoinError;

use crate::error::{Error, Result};
use crate::sync::Arc;

/// Whether somebody still waits for the work.
#[derive(Debug)]
pub(crate) struct Wanted(Option<Weak<()>>);

impl Wanted {
    /// For work on the thread of whoever waits for it.
    pub(crate) const ALWAYS: Self = Self(None);

    /// False once the future that waits was dropped: what the work would give is thrown away.
    pub(crate) fn still(&self) -> bool {
        self.0.as_ref().is_none_or(|waiting| waiting.strong_count() > 0)
    }
}

/// Does the work without blocking a worker of tokio. A panic of the work is passed on.
///
/// A program without tokio has no such worker: there the work is done where the future is polled, which costs nothing
/// more under a plain `block_on`.
///
/// # Errors
/// Those of the work; [`Error::Closed`] if the runtime shuts down before the work has begun.
pub(crate) async fn unblock<R: Send + 'static>(work: impl FnOnce(&Wanted) -> Result<R> + Send + 'static) -> Result<R> {
    let Ok(runtime) = Handle::try_current() else {
        return work(&Wanted::ALWAYS);
    };
    let waiting = Arc::new(());
    let wanted = Wanted(Some(Arc::downgrade(&waiting)));
    let done = runtime.spawn_blocking(move || work(&wanted)).await;
    drop(waiting);
    done.unwrap_or_else(|error| Err(pass_on(error)))
}

/// Goes on with the panic of a blocking task; one that never began, since its runtime shut down, is an error.
pub(super) fn pass_on(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Error::Closed,
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn without_a_runtime_the_work_is_done_at_the_first_poll() {
        let mut work = pin!(unblock(|wanted| Ok(wanted.still())));
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(true))));
    }

    #[tokio::test]
    async fn inside_a_runtime_the_work_has_a_thread_of_its_own() {
        let own = std::thread::current().id();
        let other = unblock(|_| Ok(std::thread::current().id())).await.unwrap();
        assert_ne!(own, other);
    }

    #[tokio::test]
    async fn work_whose_future_is_dropped_learns_it() {
        let (begun, has_begun) = flume::bounded(1);
        let (told, was_told) = flume::bounded(1);
        let mut work = Box::pin(unblock(move |wanted| {
            begun.send(()).unwrap();
            while wanted.still() {
                std::thread::yield_now();
            }
            told.send(()).unwrap();
            Ok(())
        }));
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        has_begun.recv_async().await.unwrap();
        drop(work);
        was_told.recv_async().await.unwrap();
    }
}
