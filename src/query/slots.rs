//! Slots of a lane of the query runtime: a counting semaphore that hands nothing over.
//!
//! A slot that is returned wakes all waiters, and the first one that is polled takes it. A semaphore that hands its permits to
//! the waiter in front would give a slot to a future that is not being polled: its task may be blocked by another query of the
//! same thread, which then waits for ever.
//!
//! A wait may have a deadline. A thread wakes the waiters whose deadline has passed; it runs only while there are waiters
//! with a deadline. Wakers are called and dropped outside the lock, because they may own other waiters.

use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use super::limits::Deadline;
use crate::types::error::Result;

#[derive(Debug)]
pub(super) struct Slots(Arc<SharedSlots>);

#[derive(Debug)]
struct SharedSlots {
    total: usize,
    state: Mutex<SlotState>,
    /// Notified when the thread of the deadlines must look at the waiters again.
    waiters_changed: Condvar,
}

#[derive(Debug)]
struct SlotState {
    free: usize,
    /// Waiters that were polled, in order of arrival.
    waiters: Vec<RegisteredWaiter>,
    next_waiter: u64,
    /// `true` while the thread of the deadlines runs.
    has_timer: bool,
}

#[derive(Debug)]
struct RegisteredWaiter {
    number: u64,
    waker: Waker,
    /// End of the deadline; `None` without a deadline, and once the waiter was woken for it.
    wake_at: Option<Instant>,
}

impl Slots {
    pub(super) fn new(total: usize) -> Self {
        let state = SlotState { free: total, waiters: Vec::new(), next_waiter: 0, has_timer: false };
        Self(Arc::new(SharedSlots { total, state: Mutex::new(state), waiters_changed: Condvar::new() }))
    }

    /// Returns the number of slots that are taken.
    pub(super) fn in_use(&self) -> usize {
        self.0.total - self.0.lock().free
    }

    /// Takes a slot if one is free and no future waits for one.
    pub(super) fn try_take(&self) -> bool {
        let mut state = self.0.lock();
        let is_first = state.waiters.is_empty();
        is_first && state.take_free()
    }

    /// Takes a slot if one is free, ahead of the futures that wait for one.
    ///
    /// For a query that may not wait: the waiters may be futures that nobody polls.
    pub(super) fn try_take_first(&self) -> bool {
        self.0.lock().take_free()
    }

    /// Waits for a slot and takes it. Dropping the future takes none.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`](crate::Error::DeadlineExceeded).
    pub(super) async fn take(&self, deadline: Deadline) -> Result<()> {
        let mut waiter = Waiter { slots: &self.0, deadline, number: None };
        poll_fn(|context| waiter.poll(context.waker())).await
    }

    /// Returns a slot, and wakes the waiters in order of arrival.
    pub(super) fn give_back(&self) {
        let waiters: Vec<Waker> = {
            let mut state = self.0.lock();
            state.free += 1;
            state.waiters.iter().map(|waiter| waiter.waker.clone()).collect()
        };
        waiters.into_iter().for_each(Waker::wake);
    }
}

impl SlotState {
    fn take_free(&mut self) -> bool {
        let is_free = self.free > 0;
        self.free -= usize::from(is_free);
        is_free
    }

    /// Returns the wakers of the waiters whose deadline has passed.
    fn passed_deadlines(&mut self, now: Instant) -> Vec<Waker> {
        let passed = self.waiters.iter_mut().filter(|waiter| waiter.wake_at.is_some_and(|end| end <= now));
        let wakers = passed.map(|waiter| {
            waiter.wake_at = None;
            waiter.waker.clone()
        });
        wakers.collect()
    }
}

impl SharedSlots {
    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the thread of the deadlines look at the waiters, and starts it if it does not run.
    fn start_timer(self: &Arc<Self>, state: &mut SlotState) {
        if state.has_timer {
            self.waiters_changed.notify_one();
            return;
        }
        let shared = Arc::clone(self);
        let spawned = std::thread::Builder::new().name("timestrata-query-deadlines".to_owned());
        // Without the thread, a waiter sees its deadline when a slot is returned.
        state.has_timer = spawned.spawn(move || shared.wake_at_deadlines()).is_ok();
    }

    /// Wakes waiters at their deadlines until no waiter has one.
    fn wake_at_deadlines(&self) {
        let mut state = self.lock();
        while let Some(end) = state.waiters.iter().filter_map(|waiter| waiter.wake_at).min() {
            let now = Instant::now();
            let passed = state.passed_deadlines(now);
            if passed.is_empty() {
                let waited = self.waiters_changed.wait_timeout(state, end.saturating_duration_since(now));
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else {
                drop(state);
                passed.into_iter().for_each(Waker::wake);
                state = self.lock();
            }
        }
        state.has_timer = false;
    }
}

/// Place of a future among the waiters.
struct Waiter<'a> {
    slots: &'a Arc<SharedSlots>,
    deadline: Deadline,
    /// `None` until first polled, and once it has a slot.
    number: Option<u64>,
}

impl Waiter<'_> {
    fn poll(&mut self, waker: &Waker) -> Poll<Result<()>> {
        let waker = waker.clone();
        let mut state = self.slots.lock();
        if state.take_free() {
            drop(state);
            self.leave();
            return Poll::Ready(Ok(()));
        }
        if let Err(error) = self.deadline.check() {
            drop(state);
            self.leave();
            return Poll::Ready(Err(error));
        }
        let registered = self.number.and_then(|number| state.waiters.iter_mut().find(|other| other.number == number));
        let replaced = registered.map(|registered| std::mem::replace(&mut registered.waker, waker.clone()));
        if replaced.is_none() {
            let (number, wake_at) = (state.next_waiter, self.deadline.end());
            state.next_waiter += 1;
            state.waiters.push(RegisteredWaiter { number, waker, wake_at });
            self.number = Some(number);
            if wake_at.is_some() {
                self.slots.start_timer(&mut state);
            }
        }
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    fn leave(&mut self) {
        let Some(number) = self.number.take() else { return };
        let mut state = self.slots.lock();
        let place = state.waiters.iter().position(|other| other.number == number);
        let left = place.map(|place| state.waiters.remove(place));
        if left.as_ref().is_some_and(|left| left.wake_at.is_some()) {
            self.slots.waiters_changed.notify_one();
        }
        drop(state);
        drop(left);
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests;
