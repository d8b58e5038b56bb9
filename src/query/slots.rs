//! Slots of a lane of the query runtime: a counting semaphore that hands nothing over.
//!
//! A semaphore that hands its permits to the waiter in front would give a slot to a future that is not being polled: its
//! task may be blocked by another query of the same thread, which then waits for ever. Here a slot that is returned stays
//! free. As many waiters as slots are free are woken, in order of arrival, and have the first turn: for at most [`TURN`], a
//! later request leaves them the slots. Afterwards all waiters are woken, and the first one that is polled takes a slot. A
//! waiter that missed its turn gets no other one before it is polled.
//!
//! A wait may have a deadline. A thread ends the turns, and wakes the waiters whose deadline has passed; it ends when it
//! had nothing to wait for during [`LINGER`]. Wakers are called and dropped outside the lock, because they may own other
//! waiters.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::limits::Deadline;
use crate::types::error::Result;

/// Time in which the waiters that were woken for free slots come before others: several times that of a wake-up.
const TURN: Duration = Duration::from_millis(10);
/// Time after which the thread ends if it has nothing to wait for.
const LINGER: Duration = Duration::from_secs(1);

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
    /// End of the turn of the waiters that were woken last.
    turn_ends_at: Option<Instant>,
    /// `true` while the thread of the deadlines runs.
    has_timer: bool,
}

#[derive(Debug)]
struct RegisteredWaiter {
    number: u64,
    waker: Waker,
    /// End of the deadline; `None` without a deadline, and once the waiter was woken for it.
    wake_at: Option<Instant>,
    /// `true` if the waiter was woken for a free slot.
    has_turn: bool,
    /// `true` if the waiter was not polled in its turn, nor since.
    has_missed_turn: bool,
}

impl Slots {
    pub(super) fn new(total: usize) -> Self {
        let state =
            SlotState { free: total, waiters: Vec::new(), next_waiter: 0, turn_ends_at: None, has_timer: false };
        Self(Arc::new(SharedSlots { total, state: Mutex::new(state), waiters_changed: Condvar::new() }))
    }

    /// Returns the number of slots that are taken.
    pub(super) fn in_use(&self) -> usize {
        self.0.total - self.0.lock().free
    }

    /// Takes a slot if one is free and no future waits for one.
    pub(super) fn try_take(&self) -> bool {
        let mut state = self.0.lock();
        state.waiters.is_empty() && state.take_free()
    }

    /// Takes a slot if one is free and no waiter has the turn, ahead of the others.
    ///
    /// For a query that finds the queue full: the waiters may be futures that are not being polled.
    pub(super) fn try_take_first(&self) -> bool {
        let mut state = self.0.lock();
        state.has_slot_for(None, Instant::now()) && state.take_free()
    }

    /// Waits for a slot and takes it. Dropping the future takes none.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`](crate::Error::DeadlineExceeded).
    pub(super) async fn take(&self, deadline: Deadline) -> Result<()> {
        let mut waiter = Waiter { slots: &self.0, deadline, number: None };
        poll_fn(|context| waiter.poll(context.waker())).await
    }

    /// Returns a slot, and wakes as many waiters as slots are free.
    pub(super) fn give_back(&self) {
        let mut state = self.0.lock();
        state.free += 1;
        if state.waiters.is_empty() {
            return;
        }
        let wakers = self.0.begin_turn(&mut state);
        drop(state);
        wake_all(wakers);
    }
}

/// Calls wakers. A waker that panics does not keep the others from being called.
fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        // The panic was reported where it began, and nothing here depends on the waker.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

impl SlotState {
    fn take_free(&mut self) -> bool {
        let is_free = self.free > 0;
        self.free -= usize::from(is_free);
        is_free
    }

    /// Returns `true` if enough slots are free for a request and for the earlier waiters that have the turn.
    fn has_slot_for(&self, number: Option<u64>, now: Instant) -> bool {
        let is_turn = self.turn_ends_at.is_some_and(|end| now < end);
        let is_earlier = |waiter: &&RegisteredWaiter| number.is_none_or(|number| waiter.number < number);
        let earlier = self.waiters.iter().take_while(is_earlier).filter(|waiter| waiter.has_turn).count();
        self.free > if is_turn { earlier } else { 0 }
    }

    /// Gives the turn to as many waiters as slots are free, and returns their wakers.
    fn give_turns(&mut self) -> Vec<Waker> {
        let woken = self.waiters.iter_mut().filter(|waiter| !waiter.has_missed_turn).take(self.free);
        let wakers = woken.map(|waiter| {
            waiter.has_turn = true;
            waiter.waker.clone()
        });
        wakers.collect()
    }

    /// Takes the turn from all waiters, and returns their wakers if a slot is free.
    fn end_turn(&mut self) -> Vec<Waker> {
        self.turn_ends_at = None;
        for waiter in &mut self.waiters {
            waiter.has_missed_turn |= std::mem::take(&mut waiter.has_turn);
        }
        if self.free == 0 { Vec::new() } else { self.waiters.iter().map(|waiter| waiter.waker.clone()).collect() }
    }

    /// Returns when the thread of the deadlines has something to do.
    fn next_end(&self) -> Option<Instant> {
        self.waiters.iter().filter_map(|waiter| waiter.wake_at).chain(self.turn_ends_at).min()
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

    /// Begins a turn, or extends the present one to more waiters, and returns the wakers to call.
    fn begin_turn(self: &Arc<Self>, state: &mut SlotState) -> Vec<Waker> {
        if state.turn_ends_at.is_none() {
            state.turn_ends_at = Some(Instant::now() + TURN);
            if !self.start_timer(state) {
                return state.end_turn();
            }
        }
        state.give_turns()
    }

    /// Makes the thread of the deadlines look at the waiters, and starts it if it does not run.
    ///
    /// Returns `false` if it cannot be started.
    fn start_timer(self: &Arc<Self>, state: &mut SlotState) -> bool {
        if state.has_timer {
            self.waiters_changed.notify_one();
            return true;
        }
        let shared = Arc::clone(self);
        let spawned = std::thread::Builder::new().name("timestrata-query-deadlines".to_owned());
        // Without the thread, a waiter sees its deadline when a slot is returned.
        state.has_timer = spawned.spawn(move || shared.wake_at_deadlines()).is_ok();
        state.has_timer
    }

    /// Ends turns, and wakes waiters at their deadlines, until there was nothing to wait for during [`LINGER`].
    fn wake_at_deadlines(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let mut wakers = state.passed_deadlines(now);
            if state.turn_ends_at.is_some_and(|end| end <= now) {
                wakers.extend(state.end_turn());
            }
            if !wakers.is_empty() {
                drop(state);
                wake_all(wakers);
                state = self.lock();
                continue;
            }
            let end = state.next_end();
            let wait = end.map_or(LINGER, |end| end.saturating_duration_since(now));
            let waited = self.waiters_changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
            if end.is_none() && waited.1.timed_out() && state.next_end().is_none() {
                state.has_timer = false;
                return;
            }
        }
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
        if state.has_slot_for(self.number, Instant::now()) && state.take_free() {
            self.leave(state);
            return Poll::Ready(Ok(()));
        }
        if let Err(error) = self.deadline.check() {
            self.leave(state);
            return Poll::Ready(Err(error));
        }
        let registered = self.number.and_then(|number| state.waiters.iter_mut().find(|other| other.number == number));
        let replaced = registered.map(|registered| {
            registered.has_missed_turn = false;
            std::mem::replace(&mut registered.waker, waker.clone())
        });
        if replaced.is_none() {
            let (number, wake_at) = (state.next_waiter, self.deadline.end());
            state.next_waiter += 1;
            state.waiters.push(RegisteredWaiter { number, waker, wake_at, has_turn: false, has_missed_turn: false });
            self.number = Some(number);
            if wake_at.is_some() {
                self.slots.start_timer(&mut state);
            }
        }
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    /// Leaves the queue. Slots that are free are then the turn of others.
    fn leave(&mut self, mut state: MutexGuard<'_, SlotState>) {
        let Some(number) = self.number.take() else { return };
        let place = state.waiters.iter().position(|other| other.number == number);
        let left = place.map(|place| state.waiters.remove(place));
        if left.as_ref().is_some_and(|left| left.wake_at.is_some()) {
            self.slots.waiters_changed.notify_one();
        }
        let wakers =
            if state.free > 0 && !state.waiters.is_empty() { self.slots.begin_turn(&mut state) } else { Vec::new() };
        drop(state);
        drop(left);
        wake_all(wakers);
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.number.is_some() {
            let slots = Arc::clone(self.slots);
            self.leave(slots.lock());
        }
    }
}

#[cfg(test)]
mod tests;
