//! The simulated disk as a test uses it.
//!
//! The disk creates environments, can be killed, crashed, filled and given faults, and keeps the log from which a crash
//! at any operation is derived. One lock protects its whole state.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::disk_image::DiskImage;
use super::disk_state::DiskState;
use super::faults::{CallKind, Fault, FaultInjector, FaultRates, FaultTrigger};
use super::file_bytes::{SeededRng, hash_bytes, len_u64, mix_hash};
use super::op::{DiskOp, Inode};
use super::sim_env::SimEnv;
use crate::platform::env::{Env, SyncStep};
use crate::types::error::Result;
use crate::{Db, DbReader};

/// Initial wall clock of a new disk: 2020-09-13T12:26:40Z.
const WALL_AT_START: i128 = 1_600_000_000_000_000_000;

/// A disk in memory with the clocks of the machine. Clones refer to the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<DiskInner>>);

impl SimDisk {
    /// Creates an empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_state(DiskState::default(), seed)
    }

    /// Creates a disk in the state after a power loss that left this image.
    #[must_use]
    pub fn from_image(image: &DiskImage, seed: u64) -> Self {
        Self::from_state(DiskState::from_image(image), seed)
    }

    /// Creates a disk that continues from a state, including its page cache.
    #[must_use]
    pub fn from_state(state: DiskState, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(DiskInner::new(state, seed))))
    }

    /// Opens a database of this disk read-only, in the current incarnation of the process.
    ///
    /// # Errors
    /// Those of [`DbReaderBuilder::open`](crate::DbReaderBuilder::open).
    pub fn open_reader(&self, dir: &Path) -> Result<DbReader> {
        Db::builder(dir).env(self.env()).read_only().open_blocking()
    }

    /// Environment of the current incarnation of the process.
    pub(crate) fn env(&self) -> Arc<dyn Env> {
        Arc::new(SimEnv::new(self.clone(), self.with_inner(|inner| inner.incarnation)))
    }

    /// Ends the process, but not the machine.
    ///
    /// All written bytes stay readable, synced or not, and no lock is held. Calls of the former incarnation fail and
    /// change nothing.
    pub fn kill(&self) {
        self.with_inner(DiskInner::kill);
    }

    /// Number of operations that changed the disk since the log began.
    #[must_use]
    pub fn ops(&self) -> usize {
        self.with_inner(|inner| inner.ops)
    }

    /// Operations since the log began, if they were recorded.
    #[must_use]
    pub fn log(&self) -> Vec<DiskOp> {
        self.with_inner(|inner| inner.log.clone())
    }

    /// State of the disk at the start of the log.
    #[must_use]
    pub fn base(&self) -> DiskState {
        self.with_inner(|inner| inner.base.clone())
    }

    /// Carries out an operation of another disk's log, as another process.
    pub(crate) fn carry_out(&self, op: &DiskOp) {
        self.with_inner(|inner| inner.carry_out(op.clone()));
    }

    /// Current state of the disk.
    #[must_use]
    pub fn state(&self) -> DiskState {
        self.with_inner(|inner| inner.state.clone())
    }

    /// Starts a new log at the current state, or stops recording. A new disk records.
    pub fn record(&self, recording: bool) {
        self.with_inner(|inner| {
            inner.log.clear();
            inner.ops = 0;
            inner.base = if recording { inner.state.clone() } else { DiskState::default() };
            inner.recording = recording;
        });
    }

    /// Number of calls of all kinds that may fail.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.with_inner(|inner| inner.counts.iter().sum())
    }

    /// Number of calls of one kind.
    #[must_use]
    pub fn count(&self, kind: CallKind) -> u64 {
        self.with_inner(|inner| inner.counts[kind.index()])
    }

    /// Hash of all calls with their outcomes and times. Equal runs have equal hashes.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.with_inner(|inner| inner.trace)
    }

    /// Monotonic clock of the machine.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.with_inner(|inner| inner.now)
    }

    /// Wall clock, in nanoseconds since the Unix epoch.
    ///
    /// It advances with the monotonic clock and can be set.
    #[must_use]
    pub fn wall(&self) -> i64 {
        self.with_inner(|inner| {
            let now = i128::try_from(inner.now.as_nanos()).unwrap_or(i128::MAX);
            let wall = inner.wall_at_start.saturating_add(now).clamp(i64::MIN.into(), i64::MAX.into());
            i64::try_from(wall).unwrap_or_default()
        })
    }

    /// Sets the wall clock forwards or back. Timers are not affected.
    pub fn set_wall(&self, nanos: i64) {
        self.with_inner(|inner| {
            let now = i128::try_from(inner.now.as_nanos()).unwrap_or(i128::MAX);
            inner.wall_at_start = i128::from(nanos) - now;
        });
    }

    /// Advances the monotonic clock.
    pub fn advance(&self, by: Duration) {
        self.with_inner(|inner| inner.now += by);
    }

    /// Files and names as the running process sees them, durable or not.
    #[must_use]
    pub fn live_image(&self) -> DiskImage {
        self.with_inner(|inner| inner.state.live_image())
    }

    /// Injects a fault at chosen calls.
    pub fn inject(&self, at: FaultTrigger, fault: Fault) {
        self.with_inner(|inner| inner.faults.inject_at(at, fault));
    }

    /// Sets the rates of random faults; `None` disables random faults.
    pub fn fault_rate(&self, rates: Option<FaultRates>) {
        self.with_inner(|inner| inner.faults.rates = rates);
    }

    /// Removes all faults. The capacity and the planted sync bugs stay.
    pub fn clear_faults(&self) {
        self.with_inner(|inner| inner.faults.clear_faults());
    }

    /// Number of calls that failed because of a fault, including calls on a full disk.
    #[must_use]
    pub fn faults_hit(&self) -> u64 {
        self.with_inner(|inner| inner.faults.struck)
    }

    /// Sets the maximum total length of the live files, in bytes.
    pub fn capacity(&self, bytes: Option<u64>) {
        self.with_inner(|inner| inner.capacity = bytes);
    }

    /// Plants a bug: syncs of this step report success and do nothing.
    pub fn omit_sync(&self, step: SyncStep) {
        self.with_inner(|inner| inner.bugs.push((step, SyncBug::Omit)));
    }

    /// Plants a bug: syncs of this step take effect only after `by` later operations.
    ///
    /// A delayed sync that is pending when the process is killed never takes effect.
    pub fn delay_sync(&self, step: SyncStep, by: usize) {
        self.with_inner(|inner| inner.bugs.push((step, SyncBug::Delay(by))));
    }

    pub(super) fn with_inner<R>(&self, act: impl FnOnce(&mut DiskInner) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs one call of an incarnation.
    ///
    /// The method counts the call, applies a fault if one is due, and adds the outcome to the trace.
    pub(super) fn call<R>(
        &self,
        life: u64,
        call: &TracedCall<'_>,
        act: impl FnOnce(&mut DiskInner, Option<Fault>) -> io::Result<R>,
    ) -> io::Result<R> {
        self.with_inner(|inner| {
            inner.check_incarnation(life)?;
            inner.counts[call.kind.index()] += 1;
            let fault = inner.faults.next(call.kind, call.step);
            let outcome = act(inner, fault);
            inner.trace(call, outcome.as_ref().err());
            outcome
        })
    }
}

/// A call as recorded in the trace.
#[derive(Debug)]
pub(super) struct TracedCall<'a> {
    pub(super) kind: CallKind,
    pub(super) step: Option<SyncStep>,
    /// Path or bytes of the call.
    pub(super) argument: &'a [u8],
    /// File, offset and length.
    pub(super) numbers: [u64; 3],
}

impl<'a> TracedCall<'a> {
    pub(super) fn on_name(kind: CallKind, path: &'a std::path::Path) -> Self {
        Self { kind, step: None, argument: path.as_os_str().as_encoded_bytes(), numbers: [0; 3] }
    }

    pub(super) fn on_file(kind: CallKind, inode: Inode, offset: u64, len: u64) -> Self {
        Self { kind, step: None, argument: &[], numbers: [inode.0.into(), offset, len] }
    }
}

#[derive(Debug, Clone, Copy)]
enum SyncBug {
    Omit,
    Delay(usize),
}

/// Effect of a sync.
pub(super) enum SyncDecision {
    AsAsked,
    /// The sync reports success; a planted bug omits or delays its effect.
    Claimed,
}

/// Holders of the lock on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockState {
    Alone,
    Together(u32),
}

#[derive(Debug)]
pub(super) struct DiskInner {
    pub(super) state: DiskState,
    base: DiskState,
    log: Vec<DiskOp>,
    ops: usize,
    recording: bool,
    pub(super) incarnation: u64,
    pub(super) locks: BTreeMap<Inode, LockState>,
    /// Number of open handles per file. A file without a name is freed with its last handle.
    open_handles: BTreeMap<Inode, u32>,
    unlinked: Vec<Inode>,
    /// Number of unlinked files at which the unreachable ones are freed.
    next_sweep: usize,
    /// Files of which a planted bug omitted the last sync.
    pub(super) unallocated: BTreeSet<Inode>,
    pub(super) faults: FaultInjector,
    capacity: Option<u64>,
    bugs: Vec<(SyncStep, SyncBug)>,
    delayed: Vec<(usize, DiskOp)>,
    counts: [u64; CallKind::COUNT],
    trace: u64,
    pub(super) now: Duration,
    /// Wall clock at monotonic time zero, in nanoseconds.
    wall_at_start: i128,
    pub(super) uuid_rng: SeededRng,
    pub(super) list_order_rng: SeededRng,
}

impl DiskInner {
    fn new(state: DiskState, seed: u64) -> Self {
        let mut seeds = SeededRng::new(seed);
        Self {
            base: state.clone(),
            state,
            log: Vec::new(),
            ops: 0,
            recording: true,
            incarnation: 0,
            locks: BTreeMap::new(),
            open_handles: BTreeMap::new(),
            unlinked: Vec::new(),
            next_sweep: 1,
            unallocated: BTreeSet::new(),
            faults: FaultInjector::new(seeds.next_u64()),
            capacity: None,
            bugs: Vec::new(),
            delayed: Vec::new(),
            counts: [0; CallKind::COUNT],
            trace: 0,
            now: Duration::ZERO,
            wall_at_start: WALL_AT_START,
            uuid_rng: SeededRng::new(seeds.next_u64()),
            list_order_rng: SeededRng::new(seeds.next_u64()),
        }
    }

    fn kill(&mut self) {
        self.incarnation += 1;
        self.locks.clear();
        self.open_handles.clear();
        self.delayed.clear();
        self.free_unreachable();
    }

    fn check_incarnation(&self, life: u64) -> io::Result<()> {
        if life == self.incarnation { Ok(()) } else { Err(io::Error::other("the process that opened it was killed")) }
    }

    pub(super) fn push(&mut self, op: DiskOp) {
        self.carry_out(op);
        for (left, _) in &mut self.delayed {
            *left = left.saturating_sub(1);
        }
        while let Some(due) = self.delayed.iter().position(|(left, _)| *left == 0) {
            let (_, op) = self.delayed.remove(due);
            self.carry_out(op);
        }
    }

    fn carry_out(&mut self, op: DiskOp) {
        self.state.apply(&op);
        self.ops += 1;
        if self.recording {
            self.log.push(op);
        }
    }

    /// Decides the effect of a sync that would succeed without planted bugs.
    pub(super) fn decide_sync(&mut self, step: SyncStep, op: impl FnOnce() -> DiskOp) -> SyncDecision {
        let bug = self.bugs.iter().find(|(planted, _)| *planted == step).map(|(_, bug)| *bug);
        match bug {
            None | Some(SyncBug::Delay(0)) => return SyncDecision::AsAsked,
            Some(SyncBug::Omit) => {}
            Some(SyncBug::Delay(by)) => self.delayed.push((by, op())),
        }
        SyncDecision::Claimed
    }

    fn trace(&mut self, call: &TracedCall<'_>, error: Option<&io::Error>) {
        let outcome = error.map_or(0, |error| hash_bytes(1, error.kind().to_string().as_bytes()));
        let time = u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX);
        let hash = hash_bytes(mix_hash(self.trace, len_u64(call.kind.index())), call.argument);
        let numbers = call.numbers.into_iter().chain([outcome, time]);
        self.trace = numbers.fold(hash, mix_hash);
    }

    pub(super) fn add_handle(&mut self, inode: Inode) {
        *self.open_handles.entry(inode).or_default() += 1;
    }

    pub(super) fn drop_handle(&mut self, inode: Inode) {
        if let Some(handles) = self.open_handles.get_mut(&inode) {
            *handles -= 1;
            if *handles == 0 {
                self.open_handles.remove(&inode);
                // Most files that are closed have a name.
                if self.unlinked.contains(&inode) {
                    self.free_unreachable();
                }
            }
        }
    }

    /// Records that a live name no longer refers to the file.
    pub(super) fn mark_unlinked(&mut self, inode: Inode) {
        self.unlinked.push(inode);
        self.sweep_if_due();
    }

    fn sweep_if_due(&mut self) {
        if self.unlinked.len() >= self.next_sweep {
            self.free_unreachable();
        }
    }

    /// Frees the bytes of files that are unreachable now and after any power loss.
    pub(super) fn free_unreachable(&mut self) {
        let (state, opened) = (&mut self.state, &self.open_handles);
        let named = state.named_files();
        self.unlinked.retain(|inode| {
            let reachable = opened.contains_key(inode) || named.contains(inode);
            if !reachable {
                state.free_file(*inode);
            }
            reachable
        });
        // A sweep looks at all names: this keeps the cost of a removal constant on average.
        self.next_sweep = 2 * self.unlinked.len() + 1;
    }

    /// Returns the error of a call on a full disk and counts it as a fault.
    pub(super) fn disk_full(&mut self) -> io::Error {
        self.faults.struck += 1;
        io::ErrorKind::StorageFull.into()
    }

    /// Free space in bytes.
    pub(super) fn free_bytes(&self) -> u64 {
        let Some(capacity) = self.capacity else { return u64::MAX };
        let used = self.state.live_bytes(|inode| self.open_handles.contains_key(&inode));
        capacity.saturating_sub(used)
    }
}
