//! The only doors between threads: shared pointers, locks, atomics, the actors' channel, and the one-shot reply.
//! loom-tests supplies a twin of this file on loom's types, so that the code above it is model-checked unchanged.

#[cfg(test)]
mod conformance;

pub(crate) use std::sync::Arc;
use std::sync::PoisonError;
use std::task::Poll;
pub(crate) use std::task::Waker;

/// Atomic cells.
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

/// Sizes that loom's twin sets to 2, so that its models stay small.
pub(crate) mod bounds {
    /// Points kept inside a series' column head, before the first chunk.
    pub(crate) const HEAD_POINTS: usize = 4;
    /// Points in the first chunk; each next one doubles.
    pub(crate) const FIRST_CHUNK_POINTS: usize = 16;
    /// Points in the largest chunk.
    pub(crate) const LAST_CHUNK_POINTS: usize = 1024;
    /// Frozen memtables that may wait for the flusher: a third would let memory grow past the budget.
    pub(crate) const FROZEN: usize = 2;
    /// Requests that share one sync: more only adds to the first one's wait.
    pub(crate) const GROUP_REQUESTS: usize = 256;
    /// Bytes that share one sync, beyond which the disk's bandwidth counts and not its latency.
    pub(crate) const GROUP_BYTES: usize = 1 << 20;
}

/// A lock whose holder cannot fail: a panic inside stops the actor that holds it, and the engine with it.
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

/// A cell that is filled once and read by anyone from then on.
#[derive(Debug)]
pub(crate) struct Once<T>(std::sync::OnceLock<T>);

impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        Self(std::sync::OnceLock::new())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    /// Fills the cell; the single writer never does so twice.
    pub(crate) fn set(&self, value: T) {
        let first = self.0.set(value).is_ok();
        debug_assert!(first, "a cell is filled once");
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

/// The sending side of an actor's inbox; any number may exist. It never refuses while the actor lives:
/// what is queued is bounded by the permits that commands carry.
#[derive(Debug)]
pub(crate) struct Sender<T> {
    queue: flume::Sender<T>,
    open: Arc<Open>,
}

/// An actor's inbox.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    queue: flume::Receiver<T>,
    open: Arc<Open>,
}

/// Whether the actor lives. Held for reading while a message is queued, so that none slips in behind the actor's end:
/// flume keeps what nobody will receive, and whoever waits for its reply would wait for ever.
type Open = std::sync::RwLock<bool>;

/// An inbox and its first sender.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = flume::unbounded();
    let open = Arc::new(Open::new(true));
    (Sender { queue: sender, open: Arc::clone(&open) }, Receiver { queue: receiver, open })
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), open: Arc::clone(&self.open) }
    }
}

impl<T> Sender<T> {
    /// Queues a message, or drops it if the actor is gone: a request's reply then answers by itself.
    pub(crate) fn send(&self, message: T) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let refused =
            if *open { self.queue.send(message).err().map(flume::SendError::into_inner) } else { Some(message) };
        // After unlocking: what a message drops is foreign to this lock.
        drop(open);
        drop(refused);
    }
}

impl<T> Receiver<T> {
    /// The next message, or `None` once every sender is gone.
    pub(crate) async fn recv(&self) -> Option<T> {
        self.queue.recv_async().await.ok()
    }

    /// The next message if one waits.
    pub(crate) fn try_recv(&self) -> Option<T> {
        self.queue.try_recv().ok()
    }
}

/// What was queued and never taken is dropped with the inbox, so that every reply in it answers by itself.
impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = false;
        while let Ok(left) = self.queue.try_recv() {
            drop(left);
        }
    }
}

/// The one answer that a request's sender waits for. Dropped unanswered, it answers `None`.
#[derive(Debug)]
pub(crate) struct Reply<T>(flume::Sender<T>);

/// The asking side of a [`Reply`].
#[derive(Debug)]
pub(crate) struct Answer<T>(flume::Receiver<T>);

/// A one-shot pair.
pub(crate) fn reply<T>() -> (Reply<T>, Answer<T>) {
    let (sender, receiver) = flume::bounded(1);
    (Reply(sender), Answer(receiver))
}

impl<T> Reply<T> {
    /// Whether nobody waits for it any more.
    #[cfg(feature = "planted")]
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.is_disconnected()
    }

    /// Answers; whoever asked may have gone, which changes nothing.
    pub(crate) fn send(self, answer: T) {
        drop(self.0.send(answer));
    }
}

impl<T> Answer<T> {
    pub(crate) async fn wait(self) -> Option<T> {
        self.0.into_recv_async().await.ok()
    }

    pub(crate) fn wait_blocking(self) -> Option<T> {
        self.0.recv().ok()
    }
}

/// Bytes that queued commands may take together; waiting is fair, in order of arrival.
#[derive(Debug)]
pub(crate) struct Permits {
    semaphore: std::sync::Arc<tokio::sync::Semaphore>,
    total: u32,
}

/// A share of [`Permits`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(#[allow(dead_code, reason = "held for its drop")] Option<tokio::sync::OwnedSemaphorePermit>);

impl Permits {
    pub(crate) fn new(total: usize) -> Self {
        let total = u32::try_from(total).unwrap_or(u32::MAX).min(u32::MAX >> 3);
        let semaphore = tokio::sync::Semaphore::new(total as usize);
        Self { semaphore: std::sync::Arc::new(semaphore), total }
    }

    /// What a command of so many bytes takes: never more than there is, so that any single one can pass.
    fn share(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.total)
    }

    pub(crate) async fn acquire(&self, bytes: usize) -> Permit {
        let share = self.share(bytes);
        let permit = std::sync::Arc::clone(&self.semaphore).acquire_many_owned(share);
        // Inside a task of tokio's that blocks in one twin after the other, the semaphore would now and then have the
        // task yield, which it cannot, and so wait for ever.
        let permit = tokio::task::unconstrained(permit);
        // The semaphore is never closed, so the only failure does not occur.
        Permit(permit.await.ok())
    }

    /// The share at once, or `None` while others hold too much.
    pub(crate) fn try_acquire(&self, bytes: usize) -> Option<Permit> {
        let share = self.share(bytes);
        std::sync::Arc::clone(&self.semaphore).try_acquire_many_owned(share).ok().map(|permit| Permit(Some(permit)))
    }

    /// Bytes now held by queued commands.
    pub(crate) fn held(&self) -> usize {
        self.total as usize - self.semaphore.available_permits()
    }
}

/// Gives whoever drives this future a turn, once.
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
    fn the_doors_keep_their_promises() {
        super::conformance::check_all();
    }
}
