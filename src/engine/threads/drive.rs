//! Executor of an actor's future on the current thread, with the timers of the writer.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::engine::actor::{Timer, Timers};
use crate::platform::env::Env;
use crate::types::error::{Error, Result};

/// Deadlines of the timers. The writer sets them, and its executor reads them.
#[derive(Debug)]
pub(crate) struct TimerQueue {
    env: Arc<dyn Env>,
    deadlines: Mutex<[Option<Duration>; Timer::ALL.len()]>,
}

impl Timers for Arc<TimerQueue> {
    fn arm(&mut self, timer: Timer, after: Duration) {
        // A deadline beyond the range of the clock never fires.
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)[timer as usize] =
            self.env.monotonic_now().checked_add(after);
    }

    fn arm_no_later(&mut self, timer: Timer, after: Duration) {
        let mut due = self.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        let at = [due[timer as usize], self.env.monotonic_now().checked_add(after)];
        due[timer as usize] = at.into_iter().flatten().min();
    }

    fn monotonic_now(&self) -> Duration {
        self.env.monotonic_now()
    }

    fn wall_clock_nanos(&self) -> i64 {
        self.env.wall_clock_nanos()
    }
}

impl TimerQueue {
    pub(crate) fn new(env: Arc<dyn Env>) -> Self {
        Self { env, deadlines: Mutex::default() }
    }

    /// Returns the time until the next timer; `None` if none is set.
    #[cfg(feature = "testing")]
    pub(crate) fn time_to_next(&self) -> Option<Duration> {
        let due = self.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        due.iter().flatten().min().map(|at| at.saturating_sub(self.env.monotonic_now()))
    }

    /// Clears and returns the due timer with the earliest deadline.
    ///
    /// # Errors
    /// If no timer is due: the time until the next one, or `None` if none is set.
    pub(crate) fn pop_due(&self) -> Result<Timer, Option<Duration>> {
        let mut due = self.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = due.iter().flatten().min().copied() else { return Err(None) };
        let wait = at.saturating_sub(self.env.monotonic_now());
        if !wait.is_zero() {
            return Err(Some(wait));
        }
        let first = due.iter().position(|slot| *slot == Some(at)).unwrap_or_default();
        due[first] = None;
        Ok(Timer::ALL[first])
    }
}

/// Waker that unparks a thread.
struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to completion on this thread.
///
/// `idle` is called after each poll without a result: it fires a due timer, or waits for a wake-up or the next
/// deadline.
fn poll_until_ready<F: Future>(future: F, idle: &mut dyn FnMut()) -> F::Output {
    let waker = Waker::from(Arc::new(ThreadWaker(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        idle();
    }
}

/// Runs a future to completion on this thread and calls `fire` for each timer that becomes due.
pub(super) fn block_on_with_timers<F: Future>(
    future: F,
    timers: &TimerQueue,
    fire: &mut dyn FnMut(Timer),
) -> F::Output {
    poll_until_ready(future, &mut || match timers.pop_due() {
        Ok(timer) => fire(timer),
        Err(None) => thread::park(),
        Err(Some(wait)) => thread::park_timeout(wait),
    })
}

/// Runs a future to completion on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    poll_until_ready(future, &mut thread::park)
}

/// Runs blocking work on a new thread and waits for its result.
///
/// With it, opening and closing need no runtime and do not block one.
///
/// `ThreadStart` if the work was not started; `EnginePanicked` if it panicked; the errors of the work.
pub(crate) async fn run_on_new_thread<R: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    let (reply, answer) = crate::sync::reply_channel();
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || reply.send(work()));
    spawned.map_err(|error| Error::thread_start(name, error))?;
    answer.recv().await.unwrap_or(Err(Error::EnginePanicked))
}
