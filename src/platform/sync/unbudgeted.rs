//! Waiting for permits of tokio's semaphore without its cooperative budget.
//!
//! A task of tokio has a budget of operations. Once the budget is spent, every wait for a semaphore returns `Pending`
//! until the task yields to its runtime. A blocking call inside a task never yields, so it would wait forever. The
//! function `tokio::task::unconstrained` switches the budget off; it needs tokio's feature `rt`. Without the feature
//! `tokio-rt` of this crate, another crate of the program may still enable `rt`. Then only a thread outside any runtime
//! has no budget.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Waits for `permits` permits; `None` if the semaphore is closed, which never happens.
#[cfg(feature = "tokio-rt")]
pub(super) async fn acquire(semaphore: Arc<Semaphore>, permits: u32) -> Option<OwnedSemaphorePermit> {
    tokio::task::unconstrained(semaphore.acquire_many_owned(permits)).await.ok()
}

/// Waits for `permits` permits; `None` if the semaphore is closed, which never happens.
///
/// If the permits are not free at once, a new thread waits for them. This happens only if the queue is full.
#[cfg(not(feature = "tokio-rt"))]
pub(super) async fn acquire(semaphore: Arc<Semaphore>, permits: u32) -> Option<OwnedSemaphorePermit> {
    // This call ignores the budget, and does not overtake requests that wait.
    if let Ok(permit) = Arc::clone(&semaphore).try_acquire_many_owned(permits) {
        return Some(permit);
    }
    match waiting_thread::acquire(Arc::clone(&semaphore), permits) {
        Some(permit) => permit.into_recv_async().await.ok(),
        // No thread can be started, so this task waits, with its budget.
        None => semaphore.acquire_many_owned(permits).await.ok(),
    }
}

/// Waiting for permits on a thread of its own.
#[cfg(any(test, not(feature = "tokio-rt")))]
mod waiting_thread {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};

    use tokio::sync::{OwnedSemaphorePermit, Semaphore};

    /// Waker that unparks a thread.
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    /// Starts a thread that waits for permits without a budget; `None` if the thread cannot be started.
    ///
    /// Returns once the thread is in the queue of the semaphore, so that requests are served in the order of their
    /// calls. The receiver gets the permits. If it is dropped, the thread returns the permits when it gets them.
    pub(super) fn acquire(semaphore: Arc<Semaphore>, permits: u32) -> Option<flume::Receiver<OwnedSemaphorePermit>> {
        let (queued, is_queued) = flume::bounded(1);
        let (sender, receiver) = flume::bounded(1);
        let wait = move || {
            let mut acquire = pin!(semaphore.acquire_many_owned(permits));
            let waker = Waker::from(Arc::new(Unpark(thread::current())));
            let mut context = Context::from_waker(&waker);
            let permit = loop {
                let polled = acquire.as_mut().poll(&mut context);
                // Only the first message is received; later ones fail.
                queued.try_send(()).ok();
                match polled {
                    Poll::Ready(permit) => break permit,
                    Poll::Pending => thread::park(),
                }
            };
            if let Ok(permit) = permit {
                drop(sender.send(permit));
            }
        };
        thread::Builder::new().name("timestrata-permit".to_owned()).spawn(wait).ok()?;
        is_queued.recv().ok()?;
        Some(receiver)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn threads_get_permits_in_the_order_of_their_calls() {
            let semaphore = Arc::new(Semaphore::new(2));
            let held = Arc::clone(&semaphore).try_acquire_many_owned(2).unwrap();
            let large = acquire(Arc::clone(&semaphore), 2).unwrap();
            let small = acquire(Arc::clone(&semaphore), 1).unwrap();
            let dropped = acquire(Arc::clone(&semaphore), 1).unwrap();
            drop(dropped);
            drop(held);
            let permit = large.recv().unwrap();
            assert!(small.try_recv().is_err(), "both permits are held");
            drop(permit);
            drop(small.recv().unwrap());
            // The waiter whose receiver was dropped gives its permit back.
            while semaphore.available_permits() < 2 {
                thread::yield_now();
            }
        }
    }
}
