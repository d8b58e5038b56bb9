//! A watch channel: one slot for the newest value, one publisher, any number of readers.
//!
//! The value and its revision change together under one lock, so that [`Watch::changed`] always yields a matching pair.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::sync::{Arc, Mutex, Waker};

/// A one-slot channel that holds the newest value.
#[derive(Debug)]
pub(crate) struct Watch<T> {
    state: Mutex<WatchState<T>>,
}

/// State of the channel, under one lock.
#[derive(Debug)]
struct WatchState<T> {
    value: Arc<T>,
    /// Number of values that were published before this one; 0 for the initial value.
    revision: u64,
    closed: bool,
    /// Wakers of the futures that wait for a newer value, each with its waiter id.
    waiters: Vec<(u64, Waker)>,
    last_waiter_id: u64,
}

impl<T> Watch<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        let state = WatchState { value, revision: 0, closed: false, waiters: Vec::new(), last_waiter_id: 0 };
        Self { state: Mutex::new(state) }
    }

    /// Returns the newest value.
    pub(crate) fn load(&self) -> Arc<T> {
        Arc::clone(&self.state.lock().value)
    }

    /// Replaces the value and wakes every future that waits for a newer one.
    pub(crate) fn publish(&self, value: Arc<T>) {
        let (old, waiters) = {
            let mut state = self.state.lock();
            state.revision += 1;
            (std::mem::replace(&mut state.value, value), std::mem::take(&mut state.waiters))
        };
        // Both after unlocking: dropping the old version may free a whole memtable, and a waker runs code of a runtime.
        drop(old);
        wake(waiters);
    }

    /// Marks the channel as closed and wakes all waiting futures.
    ///
    /// The publisher publishes nothing afterwards.
    pub(crate) fn close(&self) {
        let waiters = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.waiters)
        };
        wake(waiters);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Returns the revision of the newest value, for [`changed`](Self::changed).
    pub(crate) fn revision(&self) -> u64 {
        self.state.lock().revision
    }

    /// Waits for a value newer than revision `seen_revision`.
    ///
    /// Yields the newest revision and its value; values published in between are skipped. Yields `None` if the channel
    /// is closed and has no newer value.
    pub(crate) fn changed(&self, seen_revision: u64) -> ChangedFuture<'_, T> {
        ChangedFuture { watch: self, seen_revision, waiter_id: None }
    }
}

fn wake(waiters: Vec<(u64, Waker)>) {
    for (_, waker) in waiters {
        waker.wake();
    }
}

/// Future that waits for a newer value; see [`Watch::changed`].
#[derive(Debug)]
pub(crate) struct ChangedFuture<'a, T> {
    watch: &'a Watch<T>,
    seen_revision: u64,
    /// Waiter id; `None` until the future was first polled without a newer value.
    waiter_id: Option<u64>,
}

impl<T> Future for ChangedFuture<'_, T> {
    type Output = Option<(u64, Arc<T>)>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.watch.state.lock();
        if state.revision > self.seen_revision {
            return Poll::Ready(Some((state.revision, Arc::clone(&state.value))));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        let waker = context.waker().clone();
        let waiter_id = self.waiter_id.unwrap_or_else(|| {
            state.last_waiter_id += 1;
            state.last_waiter_id
        });
        // One entry per future, however often it is polled before a value comes.
        match state.waiters.iter_mut().find(|(id, _)| *id == waiter_id) {
            Some((_, own)) => *own = waker,
            None => state.waiters.push((waiter_id, waker)),
        }
        drop(state);
        self.waiter_id = Some(waiter_id);
        Poll::Pending
    }
}

/// Removes the waker of the future, so that the wakers of dropped futures do not accumulate.
impl<T> Drop for ChangedFuture<'_, T> {
    fn drop(&mut self) {
        if let Some(waiter_id) = self.waiter_id {
            self.watch.state.lock().waiters.retain(|(id, _)| *id != waiter_id);
        }
    }
}
