//! The disk that a test holds: it gives out environments, is killed, crashed, filled and planted with faults, and keeps
//! the log from which a crash at any operation is worked out. All of its state is behind one lock.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::{Env, SyncStep};
use super::bytes::{Chance, hash_bytes, mix, number};
use super::faults::{Fault, FaultAt, Faults, Kind, Rates};
use super::files::SimEnv;
use super::image::Image;
use super::op::{Inode, Op};
use super::state::State;

/// Where a new disk's wall clock begins: 2020-09-13T12:26:40Z.
const WALL_AT_START: i128 = 1_600_000_000_000_000_000;

/// A disk in memory, and the machine's clock beside it. Copies are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_state(State::default(), seed)
    }

    /// The disk after a power loss that left this image.
    #[must_use]
    pub fn from_image(image: &Image, seed: u64) -> Self {
        Self::from_state(State::from_image(image), seed)
    }

    /// A disk that goes on from a moment, page cache included.
    #[must_use]
    pub fn from_state(state: State, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner::new(state, seed))))
    }

    /// The files as this life of the process has them.
    pub(crate) fn env(&self) -> Arc<dyn Env> {
        Arc::new(SimEnv::new(self.clone(), self.look(|inner| inner.life)))
    }

    /// The process is gone, the machine goes on: what was written can be read, synced or not, and no lock is held. Calls
    /// of the former life fail and change nothing.
    pub fn kill(&self) {
        self.look(Inner::kill);
    }

    /// How many operations changed the disk since the log began.
    #[must_use]
    pub fn ops(&self) -> usize {
        self.look(|inner| inner.ops)
    }

    /// The operations since the log began, as long as they were recorded.
    #[must_use]
    pub fn log(&self) -> Vec<Op> {
        self.look(|inner| inner.log.clone())
    }

    /// The state that the log begins with.
    #[must_use]
    pub fn base(&self) -> State {
        self.look(|inner| inner.base.clone())
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        self.look(|inner| inner.state.clone())
    }

    /// Begins a new log here, or stops recording. A new disk records.
    pub fn record(&self, recording: bool) {
        self.look(|inner| {
            inner.log.clear();
            inner.ops = 0;
            inner.base = if recording { inner.state.clone() } else { State::default() };
            inner.recording = recording;
        });
    }

    /// How many calls were made, of any kind that may fail.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.look(|inner| inner.counts.iter().sum())
    }

    /// How many calls of one kind were made.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.look(|inner| inner.counts[kind.index()])
    }

    /// Equal for equal calls with equal outcomes at equal times.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.look(|inner| inner.trace)
    }

    /// The machine's clock.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.look(|inner| inner.now)
    }

    /// The wall clock, in nanoseconds since the Unix epoch: it goes with the machine's, and jumps where it is set to.
    #[must_use]
    pub fn wall(&self) -> i64 {
        self.look(|inner| {
            let now = i128::try_from(inner.now.as_nanos()).unwrap_or(i128::MAX);
            let wall = inner.wall_at_start.saturating_add(now).clamp(i64::MIN.into(), i64::MAX.into());
            i64::try_from(wall).unwrap_or_default()
        })
    }

    /// Sets the wall clock, forwards or back. Timers do not notice.
    pub fn set_wall(&self, nanos: i64) {
        self.look(|inner| {
            let now = i128::try_from(inner.now.as_nanos()).unwrap_or(i128::MAX);
            inner.wall_at_start = i128::from(nanos) - now;
        });
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.look(|inner| inner.now += by);
    }

    /// What everyone sees, durable or not.
    #[must_use]
    pub fn image_live(&self) -> Image {
        self.look(|inner| inner.state.live_image())
    }

    /// Lets calls go wrong.
    pub fn plant(&self, at: FaultAt, fault: Fault) {
        self.look(|inner| inner.faults.plant(at, fault));
    }

    /// Lets any call go wrong at a rate.
    pub fn fault_rate(&self, rates: Option<Rates>) {
        self.look(|inner| inner.faults.rates = rates);
    }

    /// From now on nothing goes wrong. The capacity and the planted bugs stay.
    pub fn mend(&self) {
        self.look(|inner| inner.faults.mend());
    }

    /// How many faults struck, calls that met a full disk included.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.look(|inner| inner.faults.struck)
    }

    /// How many bytes the live files may have in all.
    pub fn capacity(&self, bytes: Option<u64>) {
        self.look(|inner| inner.capacity = bytes);
    }

    /// A bug to be found: syncs of this step claim to have happened, and do not.
    pub fn omit_sync(&self, step: SyncStep) {
        self.look(|inner| inner.bugs.push((step, Bug::Omitted)));
    }

    /// A bug to be found: syncs of this step happen only after so many operations that follow. What is under way when the
    /// process is killed never happens.
    pub fn delay_sync(&self, step: SyncStep, by: usize) {
        self.look(|inner| inner.bugs.push((step, Bug::Delayed(by))));
    }

    pub(super) fn look<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A call of a life: it is counted, may go wrong, and leaves its outcome in the trace.
    pub(super) fn call<R>(
        &self,
        life: u64,
        call: &Call<'_>,
        act: impl FnOnce(&mut Inner, Option<Fault>) -> io::Result<R>,
    ) -> io::Result<R> {
        self.look(|inner| {
            inner.check_life(life)?;
            inner.counts[call.kind.index()] += 1;
            let fault = inner.faults.next(call.kind, call.step);
            let outcome = act(inner, fault);
            inner.trace(call, outcome.as_ref().err());
            outcome
        })
    }
}

/// A call as the trace has it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) kind: Kind,
    pub(super) step: Option<SyncStep>,
    /// Its path or its bytes.
    pub(super) about: &'a [u8],
    /// File, offset, length.
    pub(super) numbers: [u64; 3],
}

impl<'a> Call<'a> {
    pub(super) fn on_name(kind: Kind, path: &'a std::path::Path) -> Self {
        Self { kind, step: None, about: path.as_os_str().as_encoded_bytes(), numbers: [0; 3] }
    }

    pub(super) fn on_file(kind: Kind, inode: Inode, offset: u64, len: u64) -> Self {
        Self { kind, step: None, about: &[], numbers: [inode.0.into(), offset, len] }
    }
}

#[derive(Debug, Clone, Copy)]
enum Bug {
    Omitted,
    Delayed(usize),
}

/// What becomes of a sync.
pub(super) enum Planned {
    AsAsked,
    /// It was taken care of, whatever that means.
    Claimed,
}

/// Who holds the lock that a file stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Alone,
    Together(u32),
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) state: State,
    base: State,
    log: Vec<Op>,
    ops: usize,
    recording: bool,
    pub(super) life: u64,
    pub(super) locks: BTreeMap<Inode, Held>,
    /// How many handles a file has; one without a name goes with the last of them.
    opened: BTreeMap<Inode, u32>,
    nameless: Vec<Inode>,
    pub(super) faults: Faults,
    capacity: Option<u64>,
    bugs: Vec<(SyncStep, Bug)>,
    delayed: Vec<(usize, Op)>,
    counts: [u64; Kind::COUNT],
    trace: u64,
    pub(super) now: Duration,
    /// What the wall clock showed when the machine's clock was zero.
    wall_at_start: i128,
    pub(super) names: Chance,
    pub(super) orders: Chance,
}

impl Inner {
    fn new(state: State, seed: u64) -> Self {
        let mut seeds = Chance::new(seed);
        Self {
            base: state.clone(),
            state,
            log: Vec::new(),
            ops: 0,
            recording: true,
            life: 0,
            locks: BTreeMap::new(),
            opened: BTreeMap::new(),
            nameless: Vec::new(),
            faults: Faults::new(seeds.draw()),
            capacity: None,
            bugs: Vec::new(),
            delayed: Vec::new(),
            counts: [0; Kind::COUNT],
            trace: 0,
            now: Duration::ZERO,
            wall_at_start: WALL_AT_START,
            names: Chance::new(seeds.draw()),
            orders: Chance::new(seeds.draw()),
        }
    }

    fn kill(&mut self) {
        self.life += 1;
        self.locks.clear();
        self.opened.clear();
        self.delayed.clear();
        self.sweep();
    }

    fn check_life(&self, life: u64) -> io::Result<()> {
        if life == self.life { Ok(()) } else { Err(io::Error::other("the process that opened it was killed")) }
    }

    pub(super) fn push(&mut self, op: Op) {
        self.carry_out(op);
        for (left, _) in &mut self.delayed {
            *left = left.saturating_sub(1);
        }
        while let Some(due) = self.delayed.iter().position(|(left, _)| *left == 0) {
            let (_, op) = self.delayed.remove(due);
            self.carry_out(op);
        }
    }

    fn carry_out(&mut self, op: Op) {
        self.state.apply(&op);
        self.ops += 1;
        if self.recording {
            self.log.push(op);
        }
    }

    /// What the planted bugs make of a sync that would succeed.
    pub(super) fn plan(&mut self, step: SyncStep, op: impl FnOnce() -> Op) -> Planned {
        let bug = self.bugs.iter().find(|(planted, _)| *planted == step).map(|(_, bug)| *bug);
        match bug {
            None | Some(Bug::Delayed(0)) => return Planned::AsAsked,
            Some(Bug::Omitted) => {}
            Some(Bug::Delayed(by)) => self.delayed.push((by, op())),
        }
        Planned::Claimed
    }

    fn trace(&mut self, call: &Call<'_>, error: Option<&io::Error>) {
        let outcome = error.map_or(0, |error| hash_bytes(1, error.kind().to_string().as_bytes()));
        let time = u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX);
        let hash = hash_bytes(mix(self.trace, number(call.kind.index())), call.about);
        let numbers = call.numbers.into_iter().chain([outcome, time]);
        self.trace = numbers.fold(hash, mix);
    }

    pub(super) fn opened(&mut self, inode: Inode) {
        *self.opened.entry(inode).or_default() += 1;
    }

    pub(super) fn closed(&mut self, inode: Inode) {
        if let Some(handles) = self.opened.get_mut(&inode) {
            *handles -= 1;
            if *handles == 0 {
                self.opened.remove(&inode);
                self.sweep();
            }
        }
    }

    /// A live name no longer leads to the file.
    pub(super) fn unnamed(&mut self, inode: Inode) {
        self.nameless.push(inode);
        self.sweep();
    }

    /// Frees the bytes that nobody can reach, neither now nor after a power loss.
    pub(super) fn sweep(&mut self) {
        let (state, opened) = (&mut self.state, &self.opened);
        self.nameless.retain(|inode| {
            let reachable = opened.contains_key(inode) || state.is_named(*inode);
            if !reachable {
                state.forget(*inode);
            }
            reachable
        });
    }

    /// What a call meets for which there is no room: a fault as good as a planted one.
    pub(super) fn full(&mut self) -> io::Error {
        self.faults.struck += 1;
        io::ErrorKind::StorageFull.into()
    }

    /// How many more bytes fit.
    pub(super) fn room(&self) -> u64 {
        let Some(capacity) = self.capacity else { return u64::MAX };
        let used = self.state.live_bytes(|inode| self.opened.contains_key(&inode));
        capacity.saturating_sub(used)
    }
}
