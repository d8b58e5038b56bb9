//! Conformance test of `sync`, run against both versions: the engine's unit tests and a loom model run this file.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};

use super::{Arc, Mutex, Permits, SetOnce, Waker, channel, reply_channel, yield_now};

/// Waker that counts its calls.
#[derive(Default)]
struct WakeCounter(AtomicUsize);

impl Wake for WakeCounter {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls once, and returns the result and the number of wake-ups.
fn poll<F: Future>(future: F) -> (Poll<F::Output>, usize) {
    let woken = std::sync::Arc::new(WakeCounter::default());
    let waker = Waker::from(std::sync::Arc::clone(&woken));
    let polled = pin!(future).poll(&mut Context::from_waker(&waker));
    (polled, woken.0.load(Ordering::SeqCst))
}

/// Checks the whole contract.
pub(crate) fn check_all() {
    an_inbox_keeps_order_and_ends_with_its_senders();
    a_message_wakes_the_waiting_receiver();
    messages_without_a_receiver_are_dropped();
    an_answer_comes_once_or_not_at_all();
    permits_bound_what_is_held_together();
    permits_are_given_in_order_of_arrival();
    a_cell_is_empty_and_then_full();
    a_lock_guards_its_value();
}

fn an_inbox_keeps_order_and_ends_with_its_senders() {
    let (sender, receiver) = channel();
    let second = sender.clone();
    sender.send(1);
    second.send(2);
    assert_eq!(receiver.try_recv(), Some(1));
    assert_eq!(poll(receiver.recv()).0, Poll::Ready(Some(2)));
    assert_eq!(receiver.try_recv(), None);
    drop(sender);
    assert_eq!(poll(receiver.recv()).0, Poll::Pending, "one sender is left");
    second.send(3);
    drop(second);
    assert_eq!(poll(receiver.recv()).0, Poll::Ready(Some(3)), "what was sent before the end still comes");
    assert_eq!(poll(receiver.recv()).0, Poll::Ready(None));
}

fn a_message_wakes_the_waiting_receiver() {
    let (sender, receiver) = channel();
    let woken = std::sync::Arc::new(WakeCounter::default());
    let waker = Waker::from(std::sync::Arc::clone(&woken));
    let mut waiting = pin!(receiver.recv());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    sender.send(7);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(waiting.poll(&mut Context::from_waker(&waker)), Poll::Ready(Some(7)));
}

fn messages_without_a_receiver_are_dropped() {
    let (sender, receiver) = channel();
    let (before, answer_before) = reply_channel::<()>();
    sender.send(before);
    drop(receiver);
    let (after, answer_after) = reply_channel::<()>();
    sender.send(after);
    for answer in [answer_before, answer_after] {
        assert_eq!(poll(answer.recv()).0, Poll::Ready(None), "a dropped request answers by itself");
    }
}

fn an_answer_comes_once_or_not_at_all() {
    let (asked, answer) = reply_channel();
    asked.send(5);
    assert_eq!(answer.recv_blocking(), Some(5));
    let (asked, answer) = reply_channel::<u8>();
    drop(asked);
    assert_eq!(answer.recv_blocking(), None);
    let (asked, answer) = reply_channel();
    drop(answer);
    asked.send(());
}

fn permits_bound_what_is_held_together() {
    let permits = Permits::new(3);
    let all = permits.try_acquire(100);
    assert!(all.is_some(), "any single request can pass");
    assert_eq!((permits.try_acquire(1).is_some(), permits.in_use()), (false, 3));
    drop(all);
    let (two, one) = (permits.try_acquire(2), permits.try_acquire(0));
    assert!(two.is_some() && one.is_some());
    assert_eq!((permits.try_acquire(1).is_some(), permits.in_use()), (false, 3));
    drop((two, one));
    assert_eq!(permits.in_use(), 0);
}

fn permits_are_given_in_order_of_arrival() {
    let permits = Permits::new(2);
    let (first, second) = (permits.try_acquire(1), permits.try_acquire(1));
    let woken = std::sync::Arc::new(WakeCounter::default());
    let waker = Waker::from(std::sync::Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let (mut large, mut small) = (pin!(permits.acquire(2)), pin!(permits.acquire(1)));
    assert!(large.as_mut().poll(&mut context).is_pending());
    assert!(small.as_mut().poll(&mut context).is_pending());
    drop(first);
    assert!(small.as_mut().poll(&mut context).is_pending(), "a later request does not overtake an earlier one");
    assert!(permits.try_acquire(1).is_none(), "a later request does not overtake an earlier one");
    drop(second);
    assert!(woken.0.load(Ordering::SeqCst) > 0);
    let Poll::Ready(large) = large.as_mut().poll(&mut context) else { panic!("its share is free") };
    drop(large);
    assert!(small.as_mut().poll(&mut context).is_ready());
}

fn a_cell_is_empty_and_then_full() {
    let mut cell = SetOnce::new();
    assert_eq!(cell.get(), None);
    cell.set(3);
    assert_eq!(cell.get(), Some(&3));
    assert_eq!((cell.take(), cell.get()), (Some(3), None));
    assert_eq!((cell.get_or_init(|| 4), cell.get_or_init(|| 5), cell.get()), (&4, &4, Some(&4)));
}

fn a_lock_guards_its_value() {
    let lock = Arc::new(Mutex::new(1));
    *lock.lock() += 1;
    assert_eq!(*lock.lock(), 2);
    // Each version of `yield_now` ends, and wakes itself if it is not ready at once.
    let (polled, woken) = poll(yield_now());
    assert!(polled.is_ready() || woken == 1);
}
