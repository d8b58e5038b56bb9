//! Slots of a lane of the query runtime: a counting semaphore that hands nothing over.
//!
//! A slot that is returned wakes all waiters, and the first one that is polled takes it. A semaphore that hands its permits to
//! the waiter in front would give a slot to a future that is not being polled: its task may be blocked by another query of the
//! same thread, which then waits for ever.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

#[derive(Debug)]
pub(super) struct Slots {
    total: usize,
    state: Mutex<SlotState>,
}

#[derive(Debug)]
struct SlotState {
    free: usize,
    /// Waiters that were polled, by number, in order of arrival.
    waiters: Vec<(u64, Waker)>,
    next_waiter: u64,
}

impl Slots {
    pub(super) fn new(total: usize) -> Self {
        Self { total, state: Mutex::new(SlotState { free: total, waiters: Vec::new(), next_waiter: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of slots that are taken.
    pub(super) fn in_use(&self) -> usize {
        self.total - self.lock().free
    }

    /// Takes a slot if one is free and no future waits for one.
    pub(super) fn try_take(&self) -> bool {
        let mut state = self.lock();
        if state.free == 0 || !state.waiters.is_empty() {
            return false;
        }
        state.free -= 1;
        true
    }

    /// Waits for a slot and takes it. Dropping the future takes none.
    pub(super) async fn take(&self) {
        let mut waiter = Waiter { slots: self, number: None };
        poll_fn(|context| waiter.poll(context.waker())).await;
    }

    /// Returns a slot, and wakes the waiters in order of arrival.
    pub(super) fn give_back(&self) {
        let waiters: Vec<Waker> = {
            let mut state = self.lock();
            state.free += 1;
            state.waiters.iter().map(|(_, waker)| waker.clone()).collect()
        };
        waiters.into_iter().for_each(Waker::wake);
    }
}

/// Place of a future among the waiters.
struct Waiter<'a> {
    slots: &'a Slots,
    /// `None` until first polled, and once it has a slot.
    number: Option<u64>,
}

impl Waiter<'_> {
    fn poll(&mut self, waker: &Waker) -> Poll<()> {
        let mut state = self.slots.lock();
        if state.free > 0 {
            state.free -= 1;
            drop(state);
            self.leave();
            return Poll::Ready(());
        }
        let next = state.next_waiter;
        let number = *self.number.get_or_insert(next);
        if number == next {
            state.next_waiter += 1;
            state.waiters.push((number, waker.clone()));
        } else if let Some((_, registered)) = state.waiters.iter_mut().find(|(other, _)| *other == number) {
            registered.clone_from(waker);
        }
        Poll::Pending
    }

    fn leave(&mut self) {
        if let Some(number) = self.number.take() {
            self.slots.lock().waiters.retain(|(other, _)| *other != number);
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::mpsc::channel;
    use std::task::Context;
    use std::time::Duration;

    use super::*;
    use crate::engine::threads::block_on;

    #[test]
    fn a_waiter_that_nobody_polls_holds_no_slot() {
        let slots = Slots::new(1);
        assert!(slots.try_take() && !slots.try_take());
        let mut left_alone = pin!(slots.take());
        let mut context = Context::from_waker(Waker::noop());
        assert!(left_alone.as_mut().poll(&mut context).is_pending());
        std::thread::scope(|scope| {
            let (sender, taken) = channel();
            let slots = &slots;
            scope.spawn(move || {
                block_on(slots.take());
                sender.send(()).unwrap();
            });
            while slots.lock().waiters.len() < 2 {
                std::thread::yield_now();
            }
            slots.give_back();
            let taken = taken.recv_timeout(Duration::from_mins(1));
            // The thread ends in any case.
            slots.give_back();
            assert!(taken.is_ok(), "the slot is held for a future that is not polled");
        });
        assert!(left_alone.as_mut().poll(&mut context).is_ready());
        assert_eq!((slots.in_use(), slots.lock().waiters.len()), (1, 0));
    }

    #[test]
    fn a_dropped_waiter_leaves() {
        let slots = Slots::new(1);
        block_on(slots.take());
        {
            let mut waiter = pin!(slots.take());
            assert!(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        slots.give_back();
        assert!(slots.lock().waiters.is_empty() && slots.try_take());
    }
}
