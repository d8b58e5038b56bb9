//! From frozen memtables to installed SSTs: who flushes next, what a report changes, what a failure leaves.
//! Oldest first, one at a time, so that the floor and `flushed_seq` move in the order of the WAL.

use std::time::Duration;

use super::message::{Command, Flush, Work};
use super::storage::{FlushJob, Made, Storage, Timer, Timers};
use super::writer::{Flushing, Writer};
use crate::error::{Error, Result};
use crate::memtable::Frozen;
use crate::sync::bounds::FROZEN;
use crate::sync::{Arc, Reply};
use crate::version;

/// The first wait after a failed flush; each next one doubles, up to the last.
pub(super) const FIRST_RETRY: Duration = Duration::from_millis(100);
pub(super) const LAST_RETRY: Duration = Duration::from_secs(30);

impl<S: Storage, T: Timers> Writer<S, T> {
    /// Sends the oldest frozen memtable to the flusher, if there is one.
    pub(super) fn flush_next(&mut self) {
        match self.version.frozen.first() {
            #[cfg(feature = "planted")]
            Some(_) if self.skips_failed() => {
                let newer = self.version.frozen.get(1..).and_then(|newer| newer.last()).cloned();
                self.flushing = newer.as_ref().map_or(self.flushing, |_| Flushing::Running);
                if let Some(frozen) = newer {
                    self.send_flush(frozen);
                }
            }
            Some(oldest) if self.flushing != Flushing::Running && self.read_only.is_none() => {
                self.send_flush(Arc::clone(oldest));
                self.flushing = Flushing::Running;
            }
            _ => {}
        }
    }

    fn send_flush(&self, frozen: Arc<Frozen>) {
        let version = &self.version;
        let newest_flushed_time = version.newest_flushed_time();
        self.flusher.send(Flush { job: FlushJob { frozen, cutoffs: version.cutoffs.clone(), newest_flushed_time } });
    }

    /// `Work::Flush`: freezes what is active and waits for it; whether it went.
    pub(super) fn flush_on_command(&mut self) -> bool {
        let full = self.has_unfrozen() && self.version.frozen.len() >= FROZEN;
        // A flush that keeps failing may take hours to make room: its error is the answer.
        let hopeless = self.read_only.is_some() || self.flush_error.is_some();
        if full && !hopeless {
            return false;
        }
        let Some(Command { work: Work::Flush { reply }, .. }) = self.queue.pop_front() else { return false };
        let frozen = match &self.flush_error {
            Some(error) if full => Err(error.clone()),
            _ => self.writable().and_then(|()| if self.has_unfrozen() { self.freeze() } else { Ok(()) }),
        };
        // The newest frozen one's own number: merges take numbers, too, and no flush ever reports one of theirs.
        let newest = self.version.frozen.last().map(|frozen| frozen.generation);
        match (frozen, newest) {
            (Err(error), _) => {
                reply.send(Err(error));
                self.flush_next();
            }
            (Ok(()), None) => reply.send(Ok(())),
            (Ok(()), Some(generation)) => {
                self.flush_waiters.push((generation, reply));
                // Someone waits: no reason to sit out a backoff.
                self.flush_next();
            }
        }
        true
    }

    /// The active memtable has waited long enough, however small it is.
    pub(super) fn freeze_by_age(&mut self) {
        if !self.has_unfrozen() || self.read_only.is_some() {
            return;
        }
        let frozen = if self.version.frozen.len() < FROZEN { self.freeze() } else { Err(Error::Overloaded) };
        if frozen.is_err() {
            // Tried again, when a flush is likely to have made room.
            self.timers.arm(Timer::Age, LAST_RETRY);
        }
    }

    /// The flusher's report on the oldest frozen memtable.
    pub(super) fn flushed(&mut self, generation: u64, outcome: Result<Made>) {
        self.flushing = Flushing::Idle;
        let _span = tracing::debug_span!("install", generation).entered();
        if self.read_only.is_some() {
            return;
        }
        match outcome {
            Ok(made) => self.install(generation, made),
            Err(error) => self.flush_failed(generation, error),
        }
    }

    /// The memtable and its WAL stay; whoever waits hears why, and it is tried again.
    fn flush_failed(&mut self, generation: u64, error: Error) {
        let wait = self.retry_after;
        tracing::warn!(generation, %error, ?wait, "flush failed, its points stay in memory and WAL; trying again");
        self.flushing = Flushing::Failed;
        #[cfg(feature = "mutant_failed_flush_is_never_retried")]
        self.flushing.clone_from(&Flushing::Running);
        #[cfg(feature = "mutant_failed_flush_is_forgotten")]
        self.publish(crate::version::Version { frozen: self.version.frozen[1..].to_vec(), ..(*self.version).clone() });
        self.retry_after = (wait * 2).min(LAST_RETRY);
        self.timers.arm(Timer::Retry, wait);
        for (_, reply) in self.flush_waiters.drain(..) {
            reply.send(Err(error.clone()));
        }
        // Also those behind parked writes, which may wait as long as the disk is full.
        for command in self.take_queued(|work| matches!(work, Work::Flush { .. })) {
            command.work.refuse(&error);
        }
        self.flush_error = Some(error);
    }

    /// Durable, then visible, then deleted.
    fn install(&mut self, generation: u64, made: Made) {
        #[cfg(feature = "planted")]
        self.forget_older(generation);
        let work = version::Work {
            times: 1,
            files_written: made.ssts.len() as u64,
            bytes_written: made.ssts.iter().map(|sst| sst.len).sum(),
            took: made.took,
            ..version::Work::default()
        };
        let ids: Vec<_> = made.ssts.iter().map(|sst| sst.id).collect();
        let added = made.ssts.into_iter().map(Arc::new).collect();
        // Before anything is durable: a report that is not about the oldest memtable is not acted on.
        let Some(next) = self.version.after_flush(generation, added, &work) else {
            tracing::warn!(generation, "a flush that nobody waits for is given up");
            return self.storage.remove(&ids);
        };
        #[cfg(feature = "mutant_wal_cut_before_manifest_edit")]
        self.cut_wal_first(&next);
        let flushed_seq = next.flushed_seq;
        #[cfg(feature = "mutant_two_store_publish")]
        let before = crate::version::Version { frozen: Vec::new(), ..(*self.version).clone() };
        #[cfg(feature = "mutant_two_store_publish")]
        self.publish(before);
        // SSTs, floor and tombstones move in one edit: a crash after it replays nothing twice, a crash before it finds only
        // files that no edit names.
        if !self.advance(next) {
            return;
        }
        #[cfg(feature = "mutant_swap_after_copy")]
        {
            self.memtable = crate::memtable::Memtable::new();
        }
        tracing::debug!(generation, flushed_seq, files = ids.len(), took = ?work.took, "flush installed");
        self.storage.drop_segments();
        self.flush_error = None;
        self.retry_after = FIRST_RETRY;
        // Before anyone hears of the flush: what the cutoffs and durable deletes hide by now is gone with it.
        self.retain();
        let (done, waiting) = self.flush_waiters.drain(..).partition(|(waits_for, _)| *waits_for <= generation);
        self.flush_waiters = waiting;
        let done: Vec<(u64, Reply<Result<()>>)> = done;
        for (_, reply) in done {
            reply.send(Ok(()));
        }
        self.flush_next();
        self.compact_next();
    }

    #[cfg(feature = "mutant_wal_cut_before_manifest_edit")]
    fn cut_wal_first(&mut self, next: &version::Version) {
        let edit = self.version.edit_to(&version::Version { ssts: Arc::clone(&self.version.ssts), ..next.clone() });
        drop(self.storage.install(edit, &[]).map(|()| self.storage.drop_segments()));
    }
}
