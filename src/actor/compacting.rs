//! From a plan to installed SSTs: what is merged next, what a report changes, what a failure leaves.
//! One plan at a time; its inputs stay in every version until its outputs take their place, in one store.

use std::collections::BTreeSet;
use std::time::Duration;

use super::install::{FIRST_RETRY, LAST_RETRY};
use super::message::{Command, ToCompactor, Work};
use super::retired::Retired;
use super::storage::{Made, MergeJob, Storage, Timer, Timers};
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::memtable::Frozen;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Arc, Reply, Sender};
use crate::version::pick::{Plan, pick, pick_everything};
use crate::version::{self, BASE, FileId, L0, SstMeta, Tombstone, Version, pick_purge};

/// Files of L0 at which a freeze waits for the compaction under way: reads would meet ever more of them.
pub(super) const MOST_L0_FILES: usize = 256;
/// Deletes, and what they take in memory, at which it is more urgent to carry them out than to merge: each read and each edit
/// looks through them all. Not while L0 is half full.
const MOST_TOMBSTONES: usize = 1 << 10;
const MOST_TOMBSTONE_BYTES: usize = 16 << 20;
/// How often retired files are looked at while nothing else goes on.
const SWEEP_AFTER: Duration = Duration::from_secs(1);

/// Who waits for everything up to a record to be in the base, and for a look at the suspects that there were then.
#[derive(Debug)]
struct Waiter {
    seq: u64,
    /// The census that looks at them. Later suspects are not its affair: there may always be some.
    census: u64,
    reply: Reply<Result<()>>,
}

/// What the writer knows of compaction.
#[derive(Debug)]
pub(super) struct Compacting {
    pub(super) compactor: Sender<ToCompactor>,
    /// The inputs of the plan under way.
    running: Option<Vec<FileId>>,
    /// After a failure, until its timer falls due.
    waits: bool,
    retry_after: Duration,
    waiters: Vec<Waiter>,
    /// Shared with the plan under way.
    cancel: Arc<AtomicU32>,
    pub(super) retired: Retired,
    #[cfg(feature = "planted")]
    pub(super) planned: super::planted::Planned,
}

impl Compacting {
    pub(super) fn new(compactor: Sender<ToCompactor>) -> Self {
        Self {
            compactor,
            running: None,
            waits: false,
            retry_after: FIRST_RETRY,
            waiters: Vec::new(),
            cancel: Arc::new(AtomicU32::new(0)),
            retired: Retired::default(),
            #[cfg(feature = "planted")]
            planned: super::planted::Planned::default(),
        }
    }

    /// Says whether what is sent to the compactor now is wanted at its end.
    pub(super) fn cancelled(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.cancel)
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The files that are being merged.
    pub(super) fn inputs(&self) -> &[FileId] {
        self.running.as_deref().unwrap_or_default()
    }

    /// Nobody wants the outcome of what is under way.
    pub(super) fn cancel(&self) {
        self.cancel.store(1, Ordering::Release);
    }

    /// Answers all who wait for the base.
    pub(super) fn refuse_waiters(&mut self, error: &Error) {
        for waiter in self.waiters.drain(..) {
            waiter.reply.send(Err(error.clone()));
        }
    }
}

impl<S: Storage, T: Timers> Writer<S, T> {
    /// `Work::Compact`: answered when nothing that is flushed by now is outside the base; whether it was there.
    pub(super) fn compact_next_command(&mut self) -> bool {
        let Some(Command { work: Work::Compact { reply }, .. }) = self.queue.pop_front() else { return false };
        match self.writable() {
            Ok(()) => self.compact_on_command(reply),
            Err(error) => reply.send(Err(error)),
        }
        true
    }

    fn compact_on_command(&mut self, reply: Reply<Result<()>>) {
        let (seq, census) = (self.version.flushed_seq, self.census.next());
        self.compacting.waiters.push(Waiter { seq, census, reply });
        // Someone waits: no reason to sit out a backoff.
        self.compacting.waits = false;
        self.compact_next();
    }

    /// Sends the next plan to the compactor, if there is one and the compactor is free.
    pub(super) fn compact_next(&mut self) {
        self.answer_compacted();
        if self.compacting.is_running()
            || self.census.is_running()
            || self.compacting.waits
            || self.read_only.is_some()
            || self.stop.is_asked()
        {
            return;
        }
        // Whoever waits for the census alone would wait for ever while there is always more to merge.
        let counted = self.is_counted();
        if self.compacting.waiters.iter().any(|waiter| !counted(waiter) && !self.has_to_merge(waiter)) {
            return self.census_next(true);
        }
        if self.census_is_overdue() {
            return self.census_next(true);
        }
        let Some(plan) = self.next_plan() else { return self.census_next(!self.compacting.waiters.is_empty()) };
        #[cfg(feature = "planted")]
        let plan = self.planned(plan);
        let inputs: Vec<FileId> = plan.inputs.iter().map(|sst| sst.id).collect();
        tracing::debug!(inputs = inputs.len(), output = ?plan.output, "compaction begins");
        self.compacting.running = Some(inputs);
        let job = MergeJob {
            plan,
            age: self.generation + 1,
            series: self.version.series.clone(),
            tombstones: self.tombstones(),
            cutoffs: self.version.cutoffs.clone(),
            flushed_seq: self.version.flushed_seq,
            cancel: self.compacting.cancelled(),
        };
        // Taken now and for good: no other file of any level will bear it.
        self.generation += 1;
        self.compacting.compactor.send(ToCompactor::Compact(Box::new(job)));
    }

    fn next_plan(&self) -> Option<Plan> {
        let ssts = &self.version.ssts;
        let nothing = BTreeSet::new();
        let tombstones = self.tombstones();
        let asked = !self.compacting.waiters.is_empty();
        let bytes: usize = tombstones.iter().map(|tombstone| tombstone.byte_len()).sum();
        let crowded = tombstones.len() >= MOST_TOMBSTONES || bytes >= MOST_TOMBSTONE_BYTES;
        if crowded
            && self.l0_files() < MOST_L0_FILES / 2
            && let Some(purge) = pick_purge(ssts, &tombstones, true, &nothing)
        {
            return Some(purge);
        }
        let everything = || if asked { pick_everything(ssts, &nothing) } else { None };
        pick(ssts, &nothing).or_else(everything).or_else(|| pick_purge(ssts, &tombstones, asked, &nothing))
    }

    /// The deletes that a merge may carry out.
    fn tombstones(&self) -> Vec<Arc<Tombstone>> {
        #[cfg(feature = "mutant_merge_carries_out_what_is_not_durable")]
        return self.version.tombstones.iter().cloned().collect();
        #[cfg(not(feature = "mutant_merge_carries_out_what_is_not_durable"))]
        self.version.durable_tombstones().cloned().collect()
    }

    /// Answers those for whom there is nothing left to merge.
    fn answer_compacted(&mut self) {
        let (counted, waiters) = (self.is_counted(), std::mem::take(&mut self.compacting.waiters));
        let waits = |waiter: &Waiter| !counted(waiter) || self.has_to_merge(waiter);
        let (waiting, done): (Vec<_>, Vec<_>) = waiters.into_iter().partition(waits);
        self.compacting.waiters = waiting;
        for waiter in done {
            waiter.reply.send(Ok(()));
        }
    }

    fn has_to_merge(&self, waiter: &Waiter) -> bool {
        self.version.ssts.iter().any(|sst| sst.level != BASE && sst.min_seq <= waiter.seq)
            || self.version.durable_tombstones().any(|tombstone| tombstone.seq <= waiter.seq)
    }

    /// Tells for whom no suspect is left.
    fn is_counted(&self) -> impl Fn(&Waiter) -> bool + use<S, T> {
        let none = !self.census.is_running() && self.version.series.gone().suspects().is_empty();
        let ended = self.census.ended();
        move |waiter| none || waiter.census <= ended
    }

    /// The compactor's report on the plan under way.
    pub(super) fn compacted(&mut self, inputs: &[FileId], outcome: Result<Made>) {
        self.compacting.running = None;
        if self.read_only.is_some() {
            return;
        }
        match outcome {
            Ok(made) => self.install_compaction(inputs, made),
            Err(Error::Closed) => {}
            Err(error) => self.compaction_failed(&error),
        }
    }

    /// The inputs stay as they are; it is tried again.
    fn compaction_failed(&mut self, error: &Error) {
        let wait = self.compacting.retry_after;
        tracing::warn!(%error, ?wait, "compaction failed, its inputs stay; trying again");
        self.compacting.waits = true;
        self.compacting.retry_after = (wait * 2).min(LAST_RETRY);
        self.timers.arm(Timer::Compact, wait);
        self.compacting.refuse_waiters(error);
    }

    /// Its timer fell due.
    pub(super) fn compact_again(&mut self) {
        self.compacting.waits = false;
        self.compact_next();
    }

    /// Durable, then visible, then deleted, as a flush is.
    fn install_compaction(&mut self, inputs: &[FileId], made: Made) {
        #[cfg(feature = "planted")]
        let inputs = &*self.by_place(inputs, &made);
        let outputs: Vec<FileId> = made.ssts.iter().map(|sst| sst.id).collect();
        #[cfg(feature = "mutant_output_takes_the_seq_of_its_install")]
        let made = self.made_now(made);
        let work = self.work_of(inputs, &made);
        let added: Vec<Arc<SstMeta>> = made.ssts.into_iter().map(Arc::new).collect();
        let next = self.version.after_compaction(inputs, added, &work);
        #[cfg(feature = "planted")]
        let next = next.map(|next| self.with_planned_deletes(next));
        let next = next.ok_or("an input is gone").and_then(|next| next.broken_invariant().map_or(Ok(next), Err));
        let next = match next {
            Ok(next) => next,
            Err(why) => {
                // Not installed, so no reader has met them; their inputs stay.
                tracing::warn!(why, "a compaction's outputs are given up");
                #[cfg(not(feature = "mutant_given_up_outputs_stay"))]
                self.storage.remove(&outputs);
                return self.compaction_failed(&Error::WriteFailed { reason: why.to_owned() });
            }
        };
        #[cfg(feature = "mutant_two_store_compaction")]
        self.latest.publish(Arc::new(Version { ssts: self.version.ssts[inputs.len()..].into(), ..next.clone() }));
        #[cfg(feature = "mutant_inputs_go_before_the_edit")]
        self.storage.remove(inputs);
        #[cfg(feature = "mutant_compaction_takes_flushed_seq_back")]
        let next = self.as_planned(next, &outputs);
        if self.advance(next) {
            tracing::debug!(inputs = inputs.len(), outputs = outputs.len(), took = ?work.took, "compaction installed");
            self.compacting.retry_after = FIRST_RETRY;
            // What was too much while its inputs could not go.
            self.retain();
            self.compact_next();
        }
    }

    /// Carries out, it says, deletes that the merge never heard of.
    #[cfg(feature = "mutant_output_takes_the_seq_of_its_install")]
    fn made_now(&self, mut made: Made) -> Made {
        made.ssts.iter_mut().for_each(|sst| sst.max_seq = self.version.flushed_seq);
        made
    }

    /// With the numbers that the plan's version had.
    #[cfg(feature = "mutant_compaction_takes_flushed_seq_back")]
    fn as_planned(&self, next: Version, outputs: &[FileId]) -> Version {
        let made = next.ssts.iter().filter(|sst| outputs.contains(&sst.id));
        let flushed_seq = made.map(|sst| sst.max_seq).max().unwrap_or(next.flushed_seq);
        Version { flushed_seq, ..next }
    }

    fn work_of(&self, inputs: &[FileId], made: &Made) -> version::Work {
        let read = self.version.ssts.iter().filter(|sst| inputs.contains(&sst.id)).map(|sst| sst.len);
        version::Work {
            times: 1,
            files_read: inputs.len() as u64,
            bytes_read: read.sum(),
            files_written: made.ssts.len() as u64,
            bytes_written: made.ssts.iter().map(|sst| sst.len).sum(),
            took: made.took,
        }
    }

    /// Makes the step to a version with other SSTs, tombstones or cutoffs: the edit durable, then the version visible,
    /// then what it no longer names retired. Whether it went; if not, the database is read-only.
    pub(super) fn advance(&mut self, next: Version) -> bool {
        // What both name moves in one edit: a crash before it finds only files that no edit names, a crash after it finds
        // the inputs so.
        let edit = self.version.edit_to(&next);
        #[cfg(feature = "planted")]
        let edit = self.claimed(self.with_planned_numbers(edit));
        let covered = self.definitions.partition_point(|def| def.seq <= edit.flushed_seq);
        let definitions: Vec<_> = self.definitions.drain(..covered).collect();
        let gone: BTreeSet<FileId> = edit.removed.iter().copied().collect();
        if let Err(error) = self.storage.install(edit, &definitions) {
            // The edit may be on disk: its SSTs stay, and reopening decides.
            self.go_read_only(&error);
            return false;
        }
        let retired: Vec<_> = self.version.ssts.iter().filter(|sst| gone.contains(&sst.id)).cloned().collect();
        let now = self.timers.now();
        let stays = |frozen: &Arc<Frozen>| next.frozen.iter().any(|left| left.generation == frozen.generation);
        self.compacting.retired.add_memtables(self.version.frozen.iter().filter(|frozen| !stays(frozen)), now);
        // One store: no reader sees inputs and outputs both, or neither.
        self.publish(next);
        self.compacting.retired.add(retired, now);
        // Before anyone is answered: who waited for this finds it counted.
        self.note_retired();
        true
    }

    fn note_retired(&mut self) {
        self.compacting.retired.forget_freed();
        self.storage.note_retired(self.compacting.retired.pinned());
    }

    /// Removes retired files that nobody reads any more, and tells what is left. Each turn ends with it, and a timer brings
    /// one while anything is left.
    pub(super) fn sweep(&mut self) {
        if self.compacting.retired.is_empty() {
            return;
        }
        let unread = self.compacting.retired.take_unread();
        if !unread.is_empty() {
            self.storage.remove(&unread);
        }
        self.note_retired();
        if !self.compacting.retired.is_empty() {
            self.timers.arm_no_later(Timer::Sweep, SWEEP_AFTER);
        }
    }

    /// Whether a freeze had better wait for the compaction under way: its flush would add to a pile.
    ///
    /// Only while one is under way, which ends. After a failure writes go on until it is tried again: whatever made it fail,
    /// a damaged file of old or a disk without room for a merge, would else stop them for good. Reads get slower with each
    /// file more; memory does not grow, since memtables are flushed all the same and open files are bounded.
    pub(super) fn l0_is_full(&self) -> bool {
        self.compacting.is_running() && self.l0_files() >= MOST_L0_FILES
    }

    fn l0_files(&self) -> usize {
        self.version.ssts.iter().filter(|sst| sst.level == L0).count()
    }
}
