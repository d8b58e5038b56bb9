//! Deterministic executor: one thread polls engine and client tasks.
//!
//! A seed chooses each task, so equal seeds give equal runs. The executor owns the tasks and advances the clock; it
//! does not depend on the content of the tasks. A sync or a flush is one step of the executor. The log of the disk
//! gives the crash points between the disk operations of a step.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::engine::actor::{WriterEvent, WriterMessage};
use crate::engine::threads::{Actors, TimerQueue};
use crate::sync::Sender;
use crate::testing::sim::{SeededRng, SimDisk};
use crate::{Db, DbBuilder, Result};

/// Executor for the actors of any number of openings and for other spawned tasks.
pub struct Executor {
    disk: SimDisk,
    /// Chooses the next task.
    rng: SeededRng,
    /// Tasks by number; `None` after the end of the task.
    tasks: Vec<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    ready: Arc<Mutex<Vec<ReadyTask>>>,
    /// Timer queue and inbox of each live opening.
    timer_queues: Vec<(Arc<TimerQueue>, Sender<WriterMessage>)>,
    woken_at_op: Rc<Cell<usize>>,
    /// Numbers of the compactor tasks.
    compactors: Vec<usize>,
    flushers: Vec<usize>,
    /// `true` while compactor tasks are not polled.
    compactors_paused: bool,
    flushers_paused: bool,
}

/// A task that is ready to be polled.
#[derive(Debug)]
struct ReadyTask {
    task: usize,
    /// Number of disk operations when the task was woken.
    woken_at_op: usize,
}

/// Handle for the output of a spawned task.
pub struct TaskHandle<T> {
    number: usize,
    output: Rc<Cell<Option<T>>>,
}

impl<T> TaskHandle<T> {
    /// Takes the output of the task; `None` if the task has not ended or the output was already taken.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.output.take()
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("number", &self.number).finish_non_exhaustive()
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Executor {
    /// Creates an executor over a disk, without tasks.
    #[must_use]
    pub fn new(disk: &SimDisk, seed: u64) -> Self {
        Self {
            disk: disk.clone(),
            rng: SeededRng::new(seed),
            tasks: Vec::new(),
            ready: Arc::default(),
            timer_queues: Vec::new(),
            woken_at_op: Rc::new(Cell::new(0)),
            compactors: Vec::new(),
            flushers: Vec::new(),
            compactors_paused: false,
            flushers_paused: false,
        }
    }

    /// Opens a database on the disk; this executor polls its actors.
    ///
    /// # Errors
    /// The errors of opening a database.
    pub fn open(&mut self, builder: DbBuilder) -> Result<Db> {
        let (db, Actors { writer, flusher, compactor, timers, guard }) =
            builder.env(self.disk.env()).open_without_threads()?;
        self.timer_queues.push((timers, guard.inbox()));
        let flusher = self.add_task(flusher);
        self.flushers.push(flusher);
        let compactor = self.add_task(compactor);
        self.compactors.push(compactor);
        self.add_task(writer);
        Ok(db)
    }

    /// Adds a task and returns its handle.
    pub fn spawn<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> TaskHandle<T> {
        let output = Rc::new(Cell::new(None));
        let slot = Rc::clone(&output);
        let number = self.add_task(Box::pin(async move { slot.set(Some(future.await)) }));
        TaskHandle { number, output }
    }

    /// Drops a task at its current await point.
    pub fn cancel<T>(&mut self, task: &TaskHandle<T>) {
        if let Some(task) = self.tasks.get_mut(task.number) {
            *task = None;
        }
    }

    /// Number of disk operations when the currently polled task was woken.
    ///
    /// The reply that woke the task was sent at that moment, however late the task is polled.
    #[must_use]
    pub fn woken_at(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.woken_at_op)
    }

    /// Pauses or resumes the compactors, so that other tasks overtake compactions with every seed.
    pub fn pause_compactor(&mut self, paused: bool) {
        self.compactors_paused = paused;
    }

    /// Pauses or resumes the flushers: frozen memtables stay frozen while paused.
    pub fn pause_flusher(&mut self, paused: bool) {
        self.flushers_paused = paused;
    }

    /// Polls one ready task; returns `false` if no task is ready.
    pub fn poll_one(&mut self) -> bool {
        loop {
            let Some(ready) = self.choose() else { return false };
            let Some(mut future) = self.tasks[ready.task].take() else { continue };
            let waker = self.waker(ready.task);
            self.woken_at_op.set(ready.woken_at_op);
            if future.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Pending {
                self.tasks[ready.task] = Some(future);
            }
            return true;
        }
    }

    fn choose(&mut self) -> Option<ReadyTask> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |ready: &ReadyTask| {
            (self.compactors_paused && self.compactors.contains(&ready.task))
                || (self.flushers_paused && self.flushers.contains(&ready.task))
        };
        let wanted = ready.iter().filter(|ready| !waits(ready)).count();
        let nth = self.rng.up_to(wanted.checked_sub(1)?);
        let at = ready.iter().enumerate().filter(|(_, ready)| !waits(ready)).map(|(at, _)| at).nth(nth)?;
        Some(ready.remove(at))
    }

    /// Polls tasks until no task is ready.
    pub fn run_until_idle(&mut self) {
        while self.poll_one() {}
    }

    /// Advances the clock to the next timer and fires it; returns `false` if no timer is set.
    pub fn fire_next_timer(&mut self) -> bool {
        let waits = self.timer_queues.iter().filter_map(|(timers, _)| timers.time_to_next());
        let Some(wait) = waits.min() else { return false };
        self.disk.advance(wait);
        for (timers, inbox) in &self.timer_queues {
            while let Ok(timer) = timers.pop_due() {
                inbox.send(WriterMessage::Event(WriterEvent::TimerFired(timer)));
            }
        }
        true
    }

    /// Advances the clock. Each timer on the way fires, and the tasks run until idle after each timer.
    pub fn advance(&mut self, by: Duration) {
        let end = self.disk.now() + by;
        self.run_until_idle();
        while self
            .timer_queues
            .iter()
            .filter_map(|(timers, _)| timers.time_to_next())
            .any(|wait| self.disk.now() + wait <= end)
        {
            self.fire_next_timer();
            self.run_until_idle();
        }
        self.disk.advance(end.saturating_sub(self.disk.now()));
    }

    /// Runs a future to completion beside all other tasks.
    ///
    /// The clock advances when no task is ready. Returns `None` if the future can never complete.
    pub fn block_on<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> Option<T> {
        let task = self.spawn(future);
        // The bound prevents an endless loop of timers if the future hangs.
        for _ in 0..1_000 {
            self.run_until_idle();
            if let Some(output) = task.take() {
                return Some(output);
            }
            if !self.fire_next_timer() {
                break;
            }
        }
        None
    }

    /// Kills the process: drops all tasks at once. Their files accept no further write.
    pub fn kill(&mut self) {
        self.disk.kill();
        self.timer_queues.clear();
        self.tasks.clear();
        self.compactors.clear();
        self.flushers.clear();
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // Task numbers repeat after this call, and a waker of a dropped task may still exist, so the list of ready
        // tasks is replaced.
        self.ready = Arc::default();
    }

    fn add_task(&mut self, future: Pin<Box<dyn Future<Output = ()>>>) -> usize {
        let number = self.tasks.len();
        self.tasks.push(Some(future));
        self.waker(number).wake();
        number
    }

    fn waker(&self, task: usize) -> Waker {
        Waker::from(Arc::new(TaskWaker { task, disk: self.disk.clone(), ready: Arc::clone(&self.ready) }))
    }
}

/// Marks a task as ready, with the number of disk operations at that time.
struct TaskWaker {
    task: usize,
    disk: SimDisk,
    ready: Arc<Mutex<Vec<ReadyTask>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let woken_at = self.disk.ops();
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.iter().all(|ready| ready.task != self.task) {
            ready.push(ReadyTask { task: self.task, woken_at_op: woken_at });
        }
    }
}
