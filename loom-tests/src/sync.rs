//! The twin of the engine's `sync`: the same doors on loom's types, small enough for loom to try every interleaving.
//! It stands for libraries that are not ours (std's locks, flume, tokio's semaphore); all else is the production file.

#[path = "../../src/sync/conformance.rs"]
pub(crate) mod conformance;

use std::collections::VecDeque;
use std::future::Future;
use std::task::Poll;

// Immutable values behind an `Arc` need no model; what their drop would do, no model here depends on.
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
        loom::future::block_on(self.wait())
    }
}

/// See the engine's `sync::Permit`: no model here runs out of queue memory.
#[derive(Debug)]
pub(crate) struct Permit(Arc<()>);

pub(crate) fn yield_now() -> impl Future<Output = ()> {
    std::future::ready(())
}
