//! Drives an actor's future on the thread it is given, and wakes it when a timer is due.
//! A parked thread costs nothing while the database idles.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::actor::{Timer, Timers};
use crate::env::Env;

/// Each at its own place, the last of them last: a slot of `Alarm` is found by the timer, and the timer by the slot.
const TIMERS: [Timer; Timer::Sweep as usize + 1] =
    [Timer::Mark, Timer::Sync, Timer::Age, Timer::Retry, Timer::Compact, Timer::Census, Timer::Retain, Timer::Sweep];
const _: () = {
    let mut place = 0;
    while place < TIMERS.len() {
        assert!(TIMERS[place] as usize == place, "a timer falls due as another one");
        place += 1;
    }
};

/// When each timer is due. Set by the actor, read by whoever drives it, both on one thread.
#[derive(Debug)]
pub(crate) struct Alarm {
    env: Arc<dyn Env>,
    due: Mutex<[Option<Duration>; TIMERS.len()]>,
}

impl Timers for Arc<Alarm> {
    fn arm(&mut self, timer: Timer, after: Duration) {
        // Beyond what the clock can name is never.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)[timer as usize] = self.env.now().checked_add(after);
    }

    fn arm_no_later(&mut self, timer: Timer, after: Duration) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let at = [due[timer as usize], self.env.now().checked_add(after)];
        due[timer as usize] = at.into_iter().flatten().min();
    }

    fn now(&self) -> Duration {
        self.env.now()
    }

    fn wall(&self) -> i64 {
        self.env.wall()
    }
}

impl Alarm {
    pub(crate) fn new(env: Arc<dyn Env>) -> Self {
        Self { env, due: Mutex::default() }
    }

    /// How long until the next timer; `None` if none is set.
    #[cfg(feature = "testing")]
    pub(crate) fn wait(&self) -> Option<Duration> {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.iter().flatten().min().map(|at| at.saturating_sub(self.env.now()))
    }

    /// A timer that is due, once; else how long until one will be.
    pub(crate) fn next(&self) -> Result<Timer, Option<Duration>> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = due.iter().flatten().min().copied() else { return Err(None) };
        let wait = at.saturating_sub(self.env.now());
        if !wait.is_zero() {
            return Err(Some(wait));
        }
        let first = due.iter().position(|slot| *slot == Some(at)).unwrap_or_default();
        due[first] = None;
        Ok(TIMERS[first])
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread; `idle` waits until it is woken, or until something else is due.
fn drive<F: Future>(future: F, idle: &mut dyn FnMut()) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        idle();
    }
}

/// The same, calling `fire` for each timer that falls due meanwhile.
pub(super) fn drive_with<F: Future>(future: F, alarm: &Alarm, fire: &mut dyn FnMut(Timer)) -> F::Output {
    drive(future, &mut || match alarm.next() {
        Ok(timer) => fire(timer),
        Err(None) => thread::park(),
        Err(Some(wait)) => thread::park_timeout(wait),
    })
}

/// Runs a future to its end on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    drive(future, &mut thread::park)
}

/// Runs blocking work on a thread of its own, so that opening and closing need no runtime and block none.
pub(crate) async fn off_thread<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (reply, answer) = crate::sync::reply();
    let spawned = thread::Builder::new().name("timestrata-open".to_owned()).spawn(move || reply.send(work()));
    drop(spawned);
    answer.wait().await
}
