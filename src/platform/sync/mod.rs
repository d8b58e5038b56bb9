//! Synchronisation of actors and callers: locks, atomics, channels, one-shot replies, permits.
//! loom-tests has a second version of this module on loom's types, so that its users are model-checked unchanged.

#[cfg(test)]
mod conformance;
mod unbudgeted;

pub(crate) use std::sync::Arc;
use std::sync::PoisonError;
use std::task::Poll;
pub(crate) use std::task::Waker;

/// Atomic cells.
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

/// Sizes, most of which are 1 or 2 in loom's version, so that its models stay small.
pub(crate) mod bounds {
    /// Points in a group of a memtable's columns; all other numbers of points are multiples of it.
    pub(crate) const GROUP_POINTS: usize = 2;
    /// Points stored inside `SeriesColumns`, before the first chunk.
    pub(crate) const INLINE_POINTS: usize = 4;
    /// Points in the first chunk and in the second one; each further chunk is twice as large.
    pub(crate) const FIRST_CHUNK_POINTS: usize = 16;
    /// Points in the largest chunk.
    pub(crate) const LAST_CHUNK_POINTS: usize = 1024;
    pub(crate) use crate::types::options::MAX_FROZEN_MEMTABLES;

    /// Maximum number of requests that share one sync: more would only delay the first request.
    pub(crate) const MAX_GROUP_REQUESTS: usize = 256;
    /// Maximum number of bytes that share one sync: for more, bandwidth dominates the cost, not latency.
    pub(crate) const MAX_GROUP_BYTES: usize = 1 << 20;
}

/// Lock without poisoning: a panic stops the actor that holds the lock, and with it the engine.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cell that is set once and can then be read by all threads.
#[derive(Debug)]
pub(crate) struct SetOnce<T>(std::sync::OnceLock<T>);

impl<T> SetOnce<T> {
    pub(crate) const fn new() -> Self {
        Self(std::sync::OnceLock::new())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    /// Sets the value. Must be called at most once.
    pub(crate) fn set(&self, value: T) {
        let first = self.0.set(value).is_ok();
        debug_assert!(first, "a cell is set once");
    }

    /// Returns the value. The first call makes it, and other threads wait for it; `make` must use nothing of this module.
    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(make)
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

/// Sender of an actor's inbox; can be cloned.
///
/// The inbox accepts every message while the actor runs; the permits of the commands bound the queue.
#[derive(Debug)]
pub(crate) struct Sender<T> {
    queue: flume::Sender<T>,
    alive: Arc<InboxAlive>,
}

/// Inbox of an actor.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    queue: flume::Receiver<T>,
    alive: Arc<InboxAlive>,
}

/// `true` until the inbox is dropped.
///
/// Locked for reading while a message is queued, so that no message is queued after the inbox is dropped: flume would
/// keep the message, and the caller would wait for its reply forever.
type InboxAlive = std::sync::RwLock<bool>;

/// Returns an inbox and its first sender.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = flume::unbounded();
    let alive = Arc::new(InboxAlive::new(true));
    (Sender { queue: sender, alive: Arc::clone(&alive) }, Receiver { queue: receiver, alive })
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), alive: Arc::clone(&self.alive) }
    }
}

impl<T> Sender<T> {
    /// Queues a message, or drops it if the inbox was dropped.
    ///
    /// The sender of a dropped request gets `None`.
    pub(crate) fn send(&self, message: T) {
        let alive = self.alive.read().unwrap_or_else(PoisonError::into_inner);
        let refused =
            if *alive { self.queue.send(message).err().map(flume::SendError::into_inner) } else { Some(message) };
        // The message is dropped after unlocking, because its drop may run arbitrary code.
        drop(alive);
        drop(refused);
    }
}

impl<T> Receiver<T> {
    /// Returns the next message; `None` once the queue is empty and all senders are dropped.
    pub(crate) async fn recv(&self) -> Option<T> {
        self.queue.recv_async().await.ok()
    }

    /// Returns the next message; `None` if none is queued.
    pub(crate) fn try_recv(&self) -> Option<T> {
        self.queue.try_recv().ok()
    }
}

/// Drops the queued messages with the inbox, so that the sender of every request in it gets `None`.
impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        *self.alive.write().unwrap_or_else(PoisonError::into_inner) = false;
        while let Ok(left) = self.queue.try_recv() {
            drop(left);
        }
    }
}

/// Sender of a one-shot reply. If it is dropped without a reply, the receiver gets `None`.
#[derive(Debug)]
pub(crate) struct ReplySender<T>(flume::Sender<T>);

/// Receiver of a [`ReplySender`].
#[derive(Debug)]
pub(crate) struct ReplyReceiver<T>(flume::Receiver<T>);

/// Returns the two ends of a one-shot reply.
pub(crate) fn reply_channel<T>() -> (ReplySender<T>, ReplyReceiver<T>) {
    let (sender, receiver) = flume::bounded(1);
    (ReplySender(sender), ReplyReceiver(receiver))
}

impl<T> ReplySender<T> {
    /// Sends the reply; a dropped receiver is not an error.
    pub(crate) fn send(self, answer: T) {
        drop(self.0.send(answer));
    }
}

impl<T> ReplyReceiver<T> {
    pub(crate) async fn recv(self) -> Option<T> {
        self.0.into_recv_async().await.ok()
    }

    pub(crate) fn recv_blocking(self) -> Option<T> {
        self.0.recv().ok()
    }
}

/// Bound on the bytes of all queued commands together.
///
/// Waiting requests are served in order of arrival.
#[derive(Debug)]
pub(crate) struct Permits {
    semaphore: std::sync::Arc<tokio::sync::Semaphore>,
    total: u32,
}

/// Share of [`Permits`], returned when dropped.
#[derive(Debug)]
pub(crate) struct Permit(#[allow(dead_code, reason = "held for its drop")] Option<tokio::sync::OwnedSemaphorePermit>);

impl Permits {
    pub(crate) fn new(total: usize) -> Self {
        let total = u32::try_from(total).unwrap_or(u32::MAX).min(u32::MAX >> 3);
        let semaphore = tokio::sync::Semaphore::new(total as usize);
        Self { semaphore: std::sync::Arc::new(semaphore), total }
    }

    /// Returns the number of permits for a command of this many bytes: at least 1, at most all.
    ///
    /// A command larger than the bound waits until no other command holds a permit.
    fn permits_for(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.total)
    }

    /// Waits for the permits of a command of this many bytes.
    pub(crate) async fn acquire(&self, bytes: usize) -> Permit {
        let share = self.permits_for(bytes);
        Permit(unbudgeted::acquire(std::sync::Arc::clone(&self.semaphore), share).await)
    }

    /// Returns the permits of a command of this many bytes, if they are free and no other request waits.
    pub(crate) fn try_acquire(&self, bytes: usize) -> Option<Permit> {
        let share = self.permits_for(bytes);
        std::sync::Arc::clone(&self.semaphore).try_acquire_many_owned(share).ok().map(|permit| Permit(Some(permit)))
    }

    /// Returns the number of permits that are held, in bytes.
    pub(crate) fn in_use(&self) -> usize {
        self.total as usize - self.semaphore.available_permits()
    }
}

/// Yields once to the executor of this future.
pub(crate) fn yield_now() -> impl Future<Output = ()> {
    let mut yielded = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_primitives_meet_their_contract() {
        super::conformance::check_all();
    }
}
