use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::channel;
use std::task::{Context, Wake};
use std::time::Duration;

use super::*;
use crate::engine::threads::block_on;
use crate::types::error::Error;

const UNLIMITED: Option<Duration> = None;

fn deadline(limit: Option<Duration>) -> Deadline {
    Deadline::new(limit, Instant::now())
}

fn waiters(slots: &Slots) -> usize {
    slots.0.lock().waiters.len()
}

#[test]
fn a_waiter_that_nobody_polls_holds_no_slot() {
    let slots = Slots::new(1);
    assert!(slots.try_take() && !slots.try_take());
    let mut left_alone = pin!(slots.take(deadline(UNLIMITED)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(left_alone.as_mut().poll(&mut context).is_pending());
    std::thread::scope(|scope| {
        let (sender, taken) = channel();
        let slots = &slots;
        scope.spawn(move || {
            block_on(slots.take(deadline(UNLIMITED))).unwrap();
            sender.send(()).unwrap();
        });
        while waiters(slots) < 2 {
            std::thread::yield_now();
        }
        slots.give_back();
        let taken = taken.recv_timeout(Duration::from_mins(1));
        // The thread ends in any case.
        slots.give_back();
        assert!(taken.is_ok(), "the slot is held for a future that is not polled");
    });
    assert!(left_alone.as_mut().poll(&mut context).is_ready());
    assert_eq!((slots.in_use(), waiters(&slots)), (1, 0));
}

#[test]
fn a_free_slot_can_be_taken_ahead_of_a_waiter_that_nobody_polls() {
    let slots = Slots::new(1);
    assert!(slots.try_take());
    let mut left_alone = pin!(slots.take(deadline(UNLIMITED)));
    assert!(left_alone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(!slots.try_take_first());
    slots.give_back();
    assert!(!slots.try_take(), "a query that can wait does not pass a waiter");
    slots.0.lock().turn_ends_at = Some(Instant::now() + Duration::from_hours(1));
    assert!(!slots.try_take_first(), "nor does one that cannot, in the turn of the waiter");
    let wakers = slots.0.lock().end_turn();
    assert_eq!(wakers.len(), 1);
    assert!(slots.try_take_first() && !slots.try_take_first());
}

#[test]
fn a_dropped_waiter_leaves() {
    let slots = Slots::new(1);
    block_on(slots.take(deadline(UNLIMITED))).unwrap();
    {
        let mut waiter = pin!(slots.take(deadline(UNLIMITED)));
        assert!(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    slots.give_back();
    assert!(waiters(&slots) == 0 && slots.try_take());
}

/// The first request that is polled after a slot was returned is not the first in the queue.
#[test]
fn a_later_request_leaves_the_slot_to_the_waiter_that_was_woken_for_it() {
    let slots = Slots::new(1);
    assert!(slots.try_take());
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(slots.take(deadline(UNLIMITED)));
    assert!(first.as_mut().poll(&mut context).is_pending());
    // The turn must not end meanwhile, however slow the machine is.
    let later = {
        slots.give_back();
        slots.0.lock().turn_ends_at = Some(Instant::now() + Duration::from_hours(1));
        let mut later = Box::pin(slots.take(deadline(UNLIMITED)));
        assert!(later.as_mut().poll(&mut context).is_pending(), "it passed the waiter");
        later
    };
    assert!(first.as_mut().poll(&mut context).is_ready());
    drop(later);
    assert_eq!((slots.in_use(), waiters(&slots)), (1, 0));
}

#[test]
fn a_waiter_that_missed_its_turn_gets_no_other_one_before_it_is_polled() {
    let slots = Slots::new(1);
    assert!(slots.try_take());
    let mut context = Context::from_waker(Waker::noop());
    let mut left_alone = pin!(slots.take(deadline(UNLIMITED)));
    let mut second = pin!(slots.take(deadline(UNLIMITED)));
    assert!(left_alone.as_mut().poll(&mut context).is_pending() && second.as_mut().poll(&mut context).is_pending());
    let turns = || slots.0.lock().waiters.iter().map(|waiter| waiter.has_turn).collect::<Vec<_>>();
    slots.give_back();
    assert_eq!(turns(), [true, false]);
    drop(slots.0.lock().end_turn());
    assert!(slots.try_take_first());
    slots.give_back();
    assert_eq!(turns(), [false, true]);
    assert!(second.as_mut().poll(&mut context).is_ready());
    // Polled, it may have a turn again.
    assert!(left_alone.as_mut().poll(&mut context).is_pending());
    slots.give_back();
    assert!(left_alone.as_mut().poll(&mut context).is_ready());
}

#[test]
fn a_waiter_that_leaves_passes_its_turn_on() {
    let slots = Slots::new(1);
    assert!(slots.try_take());
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(slots.take(deadline(UNLIMITED)));
    let mut second = pin!(slots.take(deadline(UNLIMITED)));
    assert!(first.as_mut().poll(&mut context).is_pending() && second.as_mut().poll(&mut context).is_pending());
    slots.give_back();
    drop(first);
    assert_eq!(slots.0.lock().waiters.iter().map(|waiter| waiter.has_turn).collect::<Vec<_>>(), [true]);
    assert!(second.as_mut().poll(&mut context).is_ready());
}

#[test]
fn a_waker_that_panics_keeps_no_other_waiter_from_being_woken() {
    struct PanickingWaker;
    impl Wake for PanickingWaker {
        fn wake(self: Arc<Self>) {
            panic!("a waker of the test");
        }
    }
    let slots = Slots::new(2);
    assert!(slots.try_take() && slots.try_take());
    let waker = Waker::from(Arc::new(PanickingWaker));
    let mut panicking = pin!(slots.take(deadline(UNLIMITED)));
    assert!(panicking.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(slots.take(deadline(UNLIMITED))));
        while waiters(&slots) < 2 {
            std::thread::yield_now();
        }
        slots.give_back();
        slots.give_back();
        assert!(waiting.join().unwrap().is_ok());
    });
}

/// Waits for the end of the thread of the deadlines: it must end once there is nothing to wait for.
fn wait_for_the_timer_to_end(slots: &Slots) {
    let give_up_at = Instant::now() + Duration::from_mins(1);
    while slots.0.lock().has_timer {
        assert!(Instant::now() < give_up_at, "the thread of the deadlines runs on");
        std::thread::yield_now();
    }
}

#[test]
fn a_wait_ends_at_its_deadline_though_no_slot_is_returned() {
    let slots = Slots::new(1);
    assert!(slots.try_take());
    // Two at once, the later deadline first, beside a waiter without a deadline.
    let mut unlimited = pin!(slots.take(deadline(UNLIMITED)));
    assert!(unlimited.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    std::thread::scope(|scope| {
        for millis in [60, 20] {
            let slots = &slots;
            let limit = Duration::from_millis(millis);
            scope.spawn(move || {
                let ended = block_on(slots.take(deadline(Some(limit))));
                assert!(matches!(ended, Err(Error::DeadlineExceeded { deadline }) if deadline == limit));
            });
        }
    });
    assert_eq!((slots.in_use(), waiters(&slots)), (1, 1));
    wait_for_the_timer_to_end(&slots);
}

#[test]
fn the_thread_of_the_deadlines_ends_when_the_last_waiter_leaves() {
    let slots = Slots::new(1);
    assert!(slots.try_take());
    {
        let mut waiter = pin!(slots.take(deadline(Some(Duration::from_hours(1)))));
        assert!(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(slots.0.lock().has_timer);
    }
    wait_for_the_timer_to_end(&slots);
}

/// Waker that uses the slots when it is dropped, as that of a future in a future may.
struct OwningWaker(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for OwningWaker {
    fn wake(self: Arc<Self>) {}
}

impl Drop for OwningWaker {
    fn drop(&mut self) {
        if let Some(on_drop) = self.0.get_mut().unwrap().take() {
            on_drop();
        }
    }
}

#[test]
fn a_waker_that_is_dropped_may_use_the_slots() {
    let slots = Arc::new(Slots::new(1));
    assert!(slots.try_take());
    let owning = |slots: &Arc<Slots>| {
        let slots = Arc::clone(slots);
        let on_drop: Box<dyn FnOnce() + Send> = Box::new(move || assert_eq!(slots.in_use(), 1));
        Waker::from(Arc::new(OwningWaker(Mutex::new(Some(on_drop)))))
    };
    let (sender, ended) = channel();
    let own = Arc::clone(&slots);
    // A thread of its own: a second lock would block it for ever.
    std::thread::spawn(move || {
        let mut waiter = Box::pin(own.take(deadline(UNLIMITED)));
        for _ in 0..2 {
            let waker = owning(&own);
            assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(waiter);
        sender.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_mins(1)).expect("the waker was dropped under the lock");
    assert_eq!(waiters(&slots), 0);
}
