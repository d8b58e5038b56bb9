//! Loom variant of the engine's `sync` module: the same interface on loom types, small enough for loom to explore every
//! interleaving. The module replaces code that is not part of the project (locks of std, flume, semaphores of tokio).
//! The code that uses the module is production code.

#[path = "../../src/platform/sync/conformance.rs"]
pub(crate) mod conformance;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake};

// The `Arc` of std is no loom type. Immutable values behind an `Arc` need no model. But the writer also reads the
// reference count of a file's entry, to find out whether the file is still in use. The count changes between the loom
// steps of a thread, and loom explores the orders of these steps. std guarantees the memory ordering of the count.
pub(crate) use std::sync::Arc;
pub(crate) use std::task::Waker;

/// Atomic integers.
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

/// Sizes of the engine, some of them smaller, so that a small model can reach every case.
pub(crate) mod bounds {
    pub(crate) const GROUP_POINTS: usize = 1;
    pub(crate) const INLINE_POINTS: usize = 1;
    pub(crate) const FIRST_CHUNK_POINTS: usize = 1;
    pub(crate) const LAST_CHUNK_POINTS: usize = 2;
    pub(crate) use crate::types::options::MAX_FROZEN_MEMTABLES;

    pub(crate) const MAX_GROUP_REQUESTS: usize = 2;
    pub(crate) const MAX_GROUP_BYTES: usize = 1 << 20;
}

/// See the engine's `sync::Mutex`.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("no model panics while it holds a lock")
    }
}

/// See the engine's `sync::SetOnce`. A thread that loads `filled` as `true` sees the value.
#[derive(Debug)]
pub(crate) struct SetOnce<T> {
    value: std::sync::OnceLock<T>,
    filled: loom::sync::atomic::AtomicBool,
}

impl<T> SetOnce<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), filled: loom::sync::atomic::AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.filled.load(atomic::Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) {
        assert!(self.value.set(value).is_ok(), "a cell is set once");
        self.filled.store(true, atomic::Ordering::Release);
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        // No loom step is inside `make`, so that no other thread runs before the value exists.
        let value = self.value.get_or_init(make);
        self.filled.store(true, atomic::Ordering::Release);
        value
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.filled.store(false, atomic::Ordering::Relaxed);
        self.value.take()
    }
}

/// State of a channel, shared by its senders and its receiver.
#[derive(Debug)]
struct ChannelState<T> {
    queue: VecDeque<T>,
    /// Number of senders that exist.
    senders: usize,
    /// `true` while the receiver exists.
    receiver: bool,
    /// Waker of the receiver, if it waits.
    waiting: Option<Waker>,
}

/// See the engine's `sync::Sender`.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Mutex<ChannelState<T>>>);

/// See the engine's `sync::Receiver`.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Mutex<ChannelState<T>>>);

pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let pipe = ChannelState { queue: VecDeque::new(), senders: 1, receiver: true, waiting: None };
    let pipe = Arc::new(Mutex::new(pipe));
    (Sender(Arc::clone(&pipe)), Receiver(pipe))
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waiting = {
            let mut pipe = self.0.lock();
            pipe.senders -= 1;
            if pipe.senders == 0 { pipe.waiting.take() } else { None }
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, message: T) {
        let (refused, waiting) = {
            let mut pipe = self.0.lock();
            if pipe.receiver {
                pipe.queue.push_back(message);
                (None, pipe.waiting.take())
            } else {
                (Some(message), None)
            }
        };
        drop(refused);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = {
            let mut pipe = self.0.lock();
            pipe.receiver = false;
            std::mem::take(&mut pipe.queue)
        };
        drop(left);
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> impl Future<Output = Option<T>> + '_ {
        std::future::poll_fn(|context| {
            let mut pipe = self.0.lock();
            if let Some(message) = pipe.queue.pop_front() {
                return Poll::Ready(Some(message));
            }
            if pipe.senders == 0 {
                return Poll::Ready(None);
            }
            pipe.waiting = Some(context.waker().clone());
            Poll::Pending
        })
    }

    pub(crate) fn try_recv(&self) -> Option<T> {
        self.0.lock().queue.pop_front()
    }
}

/// See the engine's `sync::ReplySender`.
#[derive(Debug)]
pub(crate) struct ReplySender<T>(Sender<T>);

/// See the engine's `sync::ReplyReceiver`.
#[derive(Debug)]
pub(crate) struct ReplyReceiver<T>(Receiver<T>);

pub(crate) fn reply_channel<T>() -> (ReplySender<T>, ReplyReceiver<T>) {
    let (sender, receiver) = channel();
    (ReplySender(sender), ReplyReceiver(receiver))
}

impl<T> ReplySender<T> {
    pub(crate) fn send(self, answer: T) {
        self.0.send(answer);
    }
}

impl<T> ReplyReceiver<T> {
    pub(crate) async fn recv(self) -> Option<T> {
        self.0.recv().await
    }

    pub(crate) fn recv_blocking(self) -> Option<T> {
        block_on(self.recv())
    }
}

/// See the engine's `sync::Permits`.
#[derive(Debug)]
pub(crate) struct Permits(Arc<Mutex<PermitState>>);

/// See the engine's `sync::Permit`.
#[derive(Debug)]
pub(crate) struct Permit {
    of: Arc<Mutex<PermitState>>,
    share: usize,
}

/// State of the permits: bytes in total, bytes held, and the queue of the waiting requests.
#[derive(Debug)]
struct PermitState {
    total: usize,
    held: usize,
    /// Number and waker of each waiting request, in order of arrival.
    waiting: VecDeque<(u64, Waker)>,
    /// Number of the next request that waits.
    waits: u64,
}

impl Permits {
    pub(crate) fn new(total: usize) -> Self {
        Self(Arc::new(Mutex::new(PermitState { total, held: 0, waiting: VecDeque::new(), waits: 0 })))
    }

    /// Waits for a permit. A dropped wait would keep its place in the queue, but no model drops one.
    pub(crate) fn acquire(&self, bytes: usize) -> impl Future<Output = Permit> + '_ {
        let mut wait = None;
        std::future::poll_fn(move |context| {
            let mut shares = self.0.lock();
            let share = bytes.clamp(1, shares.total);
            let first = shares.waiting.front().is_none_or(|(number, _)| Some(*number) == wait);
            if first && shares.held + share <= shares.total {
                shares.held += share;
                shares.waiting.pop_front_if(|(number, _)| Some(*number) == wait);
                let next = shares.waiting.front().map(|(_, waker)| waker.clone());
                drop(shares);
                next.into_iter().for_each(Waker::wake);
                return Poll::Ready(Permit { of: Arc::clone(&self.0), share });
            }
            let number = *wait.get_or_insert(shares.waits);
            match shares.waiting.iter_mut().find(|(other, _)| *other == number) {
                Some((_, waker)) => waker.clone_from(context.waker()),
                None => shares.waiting.push_back((number, context.waker().clone())),
            }
            shares.waits = shares.waits.max(number + 1);
            Poll::Pending
        })
    }

    pub(crate) fn try_acquire(&self, bytes: usize) -> Option<Permit> {
        let mut shares = self.0.lock();
        let share = bytes.clamp(1, shares.total);
        let fits = shares.waiting.is_empty() && shares.held + share <= shares.total;
        shares.held += if fits { share } else { 0 };
        fits.then(|| Permit { of: Arc::clone(&self.0), share })
    }

    pub(crate) fn in_use(&self) -> usize {
        self.0.lock().held
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut shares = self.of.lock();
            shares.held -= self.share;
            shares.waiting.front().map(|(_, waker)| waker.clone())
        };
        next.into_iter().for_each(Waker::wake);
    }
}

/// Waker that unparks a thread of the model.
struct ThreadWaker(loom::thread::Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread. Loom's own `block_on` also wakes the future once without cause at every wait. That
/// would double the interleavings per wait, and would only show that a poll without progress changes nothing.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(ThreadWaker(loom::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        loom::thread::park();
    }
}

/// Returns a future that is ready at once: the threads of a model need no yield.
pub(crate) fn yield_now() -> impl Future<Output = ()> {
    std::future::ready(())
}
