//! A one-slot channel: one publisher replaces the value, any number of readers take the newest.
//! The newest value and its number change in one store, so no reader sees one without the other.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::sync::{Arc, Mutex, Waker};

/// The slot.
#[derive(Debug)]
pub(crate) struct Latest<T> {
    slot: Mutex<Slot<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    value: Arc<T>,
    /// How many values came before this one.
    number: u64,
    closed: bool,
    /// Who waits, each under the number of its wait.
    waiting: Vec<(u64, Waker)>,
    waits: u64,
}

impl<T> Latest<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self { slot: Mutex::new(Slot { value, number: 0, closed: false, waiting: Vec::new(), waits: 0 }) }
    }

    /// The newest value.
    pub(crate) fn load(&self) -> Arc<T> {
        Arc::clone(&self.slot.lock().value)
    }

    /// Replaces the value and wakes who waits for a newer one.
    pub(crate) fn publish(&self, value: Arc<T>) {
        let (old, waiting) = {
            let mut slot = self.slot.lock();
            slot.number += 1;
            (std::mem::replace(&mut slot.value, value), std::mem::take(&mut slot.waiting))
        };
        // Both after unlocking: the old version may free a whole memtable, and a waker runs foreign code.
        drop(old);
        wake(waiting);
    }

    /// No newer value will come: who waits is told so.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut slot = self.slot.lock();
            slot.closed = true;
            std::mem::take(&mut slot.waiting)
        };
        wake(waiting);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.slot.lock().closed
    }

    /// The number of the newest value, for [`changed`](Self::changed).
    pub(crate) fn number(&self) -> u64 {
        self.slot.lock().number
    }

    /// Waits for a value newer than number `seen`: its number and itself, or `None` once closed.
    pub(crate) fn changed(&self, seen: u64) -> Changed<'_, T> {
        Changed { latest: self, seen, wait: None }
    }
}

fn wake(waiting: Vec<(u64, Waker)>) {
    for (_, waker) in waiting {
        waker.wake();
    }
}

/// Waits for a newer value; see [`Latest::changed`].
#[derive(Debug)]
pub(crate) struct Changed<'a, T> {
    latest: &'a Latest<T>,
    seen: u64,
    /// Its number among those who wait, once it does.
    wait: Option<u64>,
}

impl<T> Future for Changed<'_, T> {
    type Output = Option<(u64, Arc<T>)>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.latest.slot.lock();
        if slot.number > self.seen {
            return Poll::Ready(Some((slot.number, Arc::clone(&slot.value))));
        }
        if slot.closed {
            return Poll::Ready(None);
        }
        let waker = context.waker().clone();
        let wait = self.wait.unwrap_or_else(|| {
            slot.waits += 1;
            slot.waits
        });
        // One entry a wait, however often it is polled before a value comes.
        match slot.waiting.iter_mut().find(|(number, _)| *number == wait) {
            Some((_, own)) => *own = waker,
            None => slot.waiting.push((wait, waker)),
        }
        drop(slot);
        self.wait = Some(wait);
        Poll::Pending
    }
}

/// A wait given up leaves nothing behind.
impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait {
            self.latest.slot.lock().waiting.retain(|(number, _)| *number != wait);
        }
    }
}
