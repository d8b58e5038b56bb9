//! The twin of the engine's `sync`: the same doors on loom's types, small enough for loom to try every interleaving.
//! It stands for libraries that are not ours (std's locks, flume, tokio's semaphore); all else is the production file.

#[path = "../../src/sync/conformance.rs"]
pub(crate) mod conformance;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake};

// Immutable values behind an `Arc` need no model. Whether a file is still read is asked of its entry's count: that
// changes between two of loom's steps, in whatever order those go, and how counts are kept in memory is std's affair.
pub(crate) use std::sync::Arc;
pub(crate) use std::task::Waker;

/// Atomic cells.
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

/// The smallest sizes at which everything that can happen does.
pub(crate) mod bounds {
    pub(crate) const HEAD_POINTS: usize = 1;
    pub(crate) const FIRST_CHUNK_POINTS: usize = 1;
    pub(crate) const LAST_CHUNK_POINTS: usize = 2;
    pub(crate) const FROZEN: usize = 2;
    pub(crate) const GROUP_REQUESTS: usize = 2;
    pub(crate) const GROUP_BYTES: usize = 1 << 20;
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

/// See the engine's `sync::Once`: the value is there for whoever acquires the flag.
#[derive(Debug)]
pub(crate) struct Once<T> {
    value: std::sync::OnceLock<T>,
    filled: loom::sync::atomic::AtomicBool,
}

impl<T> Once<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), filled: loom::sync::atomic::AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.filled.load(atomic::Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) {
        assert!(self.value.set(value).is_ok(), "a cell is filled once");
        self.filled.store(true, atomic::Ordering::Release);
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.filled.store(false, atomic::Ordering::Relaxed);
        self.value.take()
    }
}

#[derive(Debug)]
struct Pipe<T> {
    queue: VecDeque<T>,
    senders: usize,
    receiver: bool,
    waiting: Option<Waker>,
}

/// See the engine's `sync::Sender`.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Mutex<Pipe<T>>>);

/// See the engine's `sync::Receiver`.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Mutex<Pipe<T>>>);

pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let pipe = Pipe { queue: VecDeque::new(), senders: 1, receiver: true, waiting: None };
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

/// See the engine's `sync::Reply`.
#[derive(Debug)]
pub(crate) struct Reply<T>(Sender<T>);

/// See the engine's `sync::Answer`.
#[derive(Debug)]
pub(crate) struct Answer<T>(Receiver<T>);

pub(crate) fn reply<T>() -> (Reply<T>, Answer<T>) {
    let (sender, receiver) = channel();
    (Reply(sender), Answer(receiver))
}

impl<T> Reply<T> {
    pub(crate) fn send(self, answer: T) {
        self.0.send(answer);
    }
}

impl<T> Answer<T> {
    pub(crate) async fn wait(self) -> Option<T> {
        self.0.recv().await
    }

    pub(crate) fn wait_blocking(self) -> Option<T> {
        block_on(self.wait())
    }
}

/// See the engine's `sync::Permits`.
#[derive(Debug)]
pub(crate) struct Permits(Arc<Mutex<Shares>>);

/// See the engine's `sync::Permit`.
#[derive(Debug)]
pub(crate) struct Permit {
    of: Arc<Mutex<Shares>>,
    share: usize,
}

#[derive(Debug)]
struct Shares {
    total: usize,
    held: usize,
    /// Who waits, in order of arrival, each under the number of its wait.
    waiting: VecDeque<(u64, Waker)>,
    waits: u64,
}

impl Permits {
    pub(crate) fn new(total: usize) -> Self {
        Self(Arc::new(Mutex::new(Shares { total, held: 0, waiting: VecDeque::new(), waits: 0 })))
    }

    /// Never given up half way by a model, so a wait that is dropped keeps its place.
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

    pub(crate) fn held(&self) -> usize {
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

/// Wakes a thread of the model.
struct Unpark(loom::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future on this thread. Loom's own also wakes for no reason, once at every wait: twice the interleavings
/// each time, to show that polling in vain changes nothing.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(loom::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        loom::thread::park();
    }
}

pub(crate) fn yield_now() -> impl Future<Output = ()> {
    std::future::ready(())
}
