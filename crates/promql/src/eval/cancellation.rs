//! Flag that ends a query, and the task to wake when it is set.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Flag that ends a query, with the waker of the task that waits for a slot of the runtime.
///
/// No wake-up is lost: the flag is set before the waker is taken, and a waiting task registers its waker before it looks at
/// the flag. The two orders of the lock leave either a set flag to see or a waker to call.
#[derive(Debug, Default)]
pub(crate) struct Cancellation {
    is_cancelled: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Cancellation {
    /// Returns `true` once the query must end.
    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Ends the query, and wakes the task that waits.
    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
        // A waker runs foreign code when it is cloned, dropped or woken: never while the lock is held.
        let waker = self.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Sets the waker to call in place of the former one. The caller must look at the flag afterwards.
    pub(crate) fn register(&self, waker: &Waker) {
        let waker = waker.clone();
        let replaced = self.lock().replace(waker);
        drop(replaced);
    }

    /// Forgets the waker, once the task does not wait any more.
    pub(crate) fn unregister(&self) {
        let left = self.lock().take();
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct CountWakes(AtomicUsize);

    impl Wake for CountWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_last_waker_is_called_once() {
        let (cancellation, [first, last]) = (Cancellation::default(), [(); 2].map(|()| Arc::<CountWakes>::default()));
        for waker in [&first, &last] {
            cancellation.register(&Waker::from(Arc::clone(waker)));
        }
        cancellation.cancel();
        cancellation.cancel();
        assert!(cancellation.is_cancelled());
        assert_eq!([first, last].map(|waker| waker.0.load(Ordering::Relaxed)), [0, 1]);
    }

    #[test]
    fn a_task_that_registers_while_it_is_cancelled_sees_the_flag_or_is_woken() {
        for _ in 0..500 {
            let (cancellation, wakes) = (Arc::<Cancellation>::default(), Arc::<CountWakes>::default());
            let other = Arc::clone(&cancellation);
            let thread = std::thread::spawn(move || other.cancel());
            cancellation.register(&Waker::from(Arc::clone(&wakes)));
            let is_seen = cancellation.is_cancelled();
            thread.join().unwrap();
            assert!(is_seen || wakes.0.load(Ordering::Relaxed) == 1);
        }
    }
}
