//! One thread that drives engine and clients together, each turn chosen by a seed: the same seed, the same run.
//! It owns the tasks and the clock's moves, and knows nothing of what the tasks are about. A sync or a flush is one
//! step of it; what may fall between their operations on the disk, the disk's log tells.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::actor::{Report, ToWriter};
use crate::engine::{Actors, Alarm};
use crate::env::sim::{Chance, SimDisk};
use crate::sync::Sender;
use crate::{Builder, Db, Result};

/// Drives the actors of any number of openings, and whatever else is spawned.
pub struct Executor {
    disk: SimDisk,
    /// Chooses whose turn it is.
    chance: Chance,
    /// By number; `None` once it has ended.
    tasks: Vec<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    ready: Arc<Mutex<Vec<Ready>>>,
    /// Of the openings that live.
    alarms: Vec<(Arc<Alarm>, Sender<ToWriter>)>,
    woken_at: Rc<Cell<usize>>,
    /// The tasks that are compactors, and those that are flushers.
    compactors: Vec<usize>,
    flushers: Vec<usize>,
    /// Whether these get no turns for now.
    holds_compactors: bool,
    holds_flushers: bool,
}

/// A task that wants a turn.
#[derive(Debug)]
struct Ready {
    task: usize,
    /// How many operations the disk had seen when it was woken.
    woken_at: usize,
}

/// What a spawned task will have come to.
pub struct Task<T> {
    number: usize,
    output: Rc<Cell<Option<T>>>,
}

impl<T> Task<T> {
    /// Its output, once, if it has ended.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.output.take()
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("number", &self.number).finish_non_exhaustive()
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Executor {
    /// An executor over a disk, with nothing to do yet.
    #[must_use]
    pub fn new(disk: &SimDisk, seed: u64) -> Self {
        let woken_at = Rc::new(Cell::new(0));
        Self {
            disk: disk.clone(),
            chance: Chance::new(seed),
            tasks: Vec::new(),
            ready: Arc::default(),
            alarms: Vec::new(),
            woken_at,
            compactors: Vec::new(),
            flushers: Vec::new(),
            holds_compactors: false,
            holds_flushers: false,
        }
    }

    /// Opens a database on the disk; its actors get their turns from here.
    ///
    /// # Errors
    /// Those of the opening.
    pub fn open(&mut self, builder: Builder) -> Result<Db> {
        let (db, Actors { writer, flusher, compactor, alarm, guard }) = builder.env(self.disk.env()).assemble()?;
        self.alarms.push((alarm, guard.inbox()));
        let flusher = self.start(flusher);
        self.flushers.push(flusher);
        let compactor = self.start(compactor);
        self.compactors.push(compactor);
        self.start(writer);
        Ok(db)
    }

    /// Adds a task.
    pub fn spawn<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let output = Rc::new(Cell::new(None));
        let slot = Rc::clone(&output);
        let number = self.start(Box::pin(async move { slot.set(Some(future.await)) }));
        Task { number, output }
    }

    /// Drops a task in the middle of whatever it waits for.
    pub fn cancel<T>(&mut self, task: &Task<T>) {
        if let Some(task) = self.tasks.get_mut(task.number) {
            *task = None;
        }
    }

    /// For a task to ask, in its turn: how many operations the disk had seen when what it waited for came true. An
    /// answer is as old as that, however late its turn comes.
    #[must_use]
    pub fn woken_at(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.woken_at)
    }

    /// Whether merges wait from now on, so that others overtake them whatever the seed.
    pub fn hold_compactor(&mut self, held: bool) {
        self.holds_compactors = held;
    }

    /// Whether flushes wait from now on: what is frozen stays so.
    pub fn hold_flusher(&mut self, held: bool) {
        self.holds_flushers = held;
    }

    /// Gives a task that wants one a turn; `false` if none does.
    pub fn step(&mut self) -> bool {
        loop {
            let Some(ready) = self.choose() else { return false };
            let Some(mut future) = self.tasks[ready.task].take() else { continue };
            let waker = self.waker(ready.task);
            self.woken_at.set(ready.woken_at);
            if future.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Pending {
                self.tasks[ready.task] = Some(future);
            }
            return true;
        }
    }

    fn choose(&mut self) -> Option<Ready> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |ready: &Ready| {
            (self.holds_compactors && self.compactors.contains(&ready.task))
                || (self.holds_flushers && self.flushers.contains(&ready.task))
        };
        let wanted = ready.iter().filter(|ready| !waits(ready)).count();
        let nth = self.chance.up_to(wanted.checked_sub(1)?);
        let at = ready.iter().enumerate().filter(|(_, ready)| !waits(ready)).map(|(at, _)| at).nth(nth)?;
        Some(ready.remove(at))
    }

    /// Turns until nobody wants one.
    pub fn settle(&mut self) {
        while self.step() {}
    }

    /// Moves the clock to the next timer and fires it; `false` if none is set.
    pub fn fire_next(&mut self) -> bool {
        let waits = self.alarms.iter().filter_map(|(alarm, _)| alarm.wait());
        let Some(wait) = waits.min() else { return false };
        self.disk.advance(wait);
        for (alarm, inbox) in &self.alarms {
            while let Ok(timer) = alarm.next() {
                inbox.send(ToWriter::Report(Report::Due(timer)));
            }
        }
        true
    }

    /// Moves the clock, firing and settling each timer on the way.
    pub fn advance(&mut self, by: Duration) {
        let end = self.disk.now() + by;
        self.settle();
        while self.alarms.iter().filter_map(|(alarm, _)| alarm.wait()).any(|wait| self.disk.now() + wait <= end) {
            self.fire_next();
            self.settle();
        }
        self.disk.advance(end.saturating_sub(self.disk.now()));
    }

    /// Runs a future to its end beside everything else, moving the clock when nobody else can. `None`: it waits for
    /// what never comes.
    pub fn run<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> Option<T> {
        let task = self.spawn(future);
        // A hang would fire timers for ever.
        for _ in 0..1_000 {
            self.settle();
            if let Some(output) = task.take() {
                return Some(output);
            }
            if !self.fire_next() {
                break;
            }
        }
        None
    }

    /// The process dies: every task is gone at once, and no file of theirs takes another byte.
    pub fn kill(&mut self) {
        self.disk.kill();
        self.alarms.clear();
        self.tasks.clear();
        self.compactors.clear();
        self.flushers.clear();
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // Numbers must not repeat: a waker of a dead task may still be held somewhere.
        self.ready = Arc::default();
    }

    fn start(&mut self, future: Pin<Box<dyn Future<Output = ()>>>) -> usize {
        let number = self.tasks.len();
        self.tasks.push(Some(future));
        self.waker(number).wake();
        number
    }

    fn waker(&self, task: usize) -> Waker {
        Waker::from(Arc::new(Alert { task, disk: self.disk.clone(), ready: Arc::clone(&self.ready) }))
    }
}

/// Notes that a task wants a turn, and since when.
struct Alert {
    task: usize,
    disk: SimDisk,
    ready: Arc<Mutex<Vec<Ready>>>,
}

impl Wake for Alert {
    fn wake(self: Arc<Self>) {
        let woken_at = self.disk.ops();
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.iter().all(|ready| ready.task != self.task) {
            ready.push(Ready { task: self.task, woken_at });
        }
    }
}
