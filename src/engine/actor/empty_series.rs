//! The empty-series check: finds the series that have no visible point.
//!
//! These series leave the listings and the count that `max_series` limits.
//!
//! A delete of all time makes its series empty at its place in the order of records. A delete of part of the time, or a
//! cutoff that moves, may hide the last point of a series. The writer cannot decide this without reading files, so
//! these only make the series **candidates**. A check then works in three steps:
//!
//! ```text
//!   version.series            writer                           compactor
//!   ───────────────           ──────                           ─────────
//!   candidates ──────────────▶ start: number += 1
//!                              StartEmptySeriesCheck ────────▶ scan every candidate in the version of `seq`
//!                              records commits meanwhile:         until its first visible point
//!                                written_since, deleted_since,     │
//!                                requeued                          │
//!   candidates − checked ◀──── Finished ◀──────────────────────────┘ the candidates without a point
//!   empty + found
//!     checked = candidates of the check, except deleted_since and requeued
//!     found   = series without a point,  except written_since
//! ```
//!
//! Invariants:
//! - A series that was written since the check began does not become empty: the version of the check does not contain
//!   the new points.
//! - A series that was deleted from since the check began stays a candidate: the delete may have hidden its last point.
//!   So do all series if a cutoff has moved far enough since then.
//! - The manifest names a series as empty only once the records up to `seq` are in SSTs: the delete that hid its points
//!   may be one of these records, and a power loss may lose it. Until then the manifest has the series as a candidate.
//! - Checks run when the compactor has nothing else to do, at least [`MIN_CHECK_INTERVAL`] apart, since each may read
//!   the index of every file. If a check is possible and has not started for [`MAX_CHECK_DELAY`], it precedes
//!   compactions, since an empty series counts under `max_series` until it is found. A compact command waits for one
//!   check, which starts without delay.
//! # Definitions that are dropped
//!
//! The definition of a series that is empty for good leaves memory and the series log. The same check finds the empty
//! series that no SST names. The writer then drops, in one step, those that nothing else names either:
//!
//! ```text
//!   Finished { unnamed } ──▶ unnamed − written_since − deleted_since − named by a memtable or an unflushed delete
//!                            ──▶ new series log without them, synced
//!                            ──▶ edit that names it and takes them from the tombstones, synced ──▶ publish
//!                            ──▶ the old log is removed
//!
//!   Finished { named_by } ──▶ too few are unnamed ──▶ purge these SSTs ──▶ the next check finds more
//! ```
//!
//! - An SST that was added since the check has only points of SSTs or memtables of the version of the check, or of
//!   records since then, so it names no droppable series that the check found unnamed, unless it was written since.
//! - Every record after `flushed_seq` is in a memtable, so no record that a replay applies names a dropped id. A
//!   snapshot has the definitions of its own version. Ids are never used again.
//! - A durable tombstone may name a series that no source has a point of, for as long as any file needs the tombstone.
//!   It loses the series in the edit of the drop, so no tombstone names a dropped id.
//! - A durably empty series has only hidden points, which durable tombstones and cutoffs hide. A purge removes these
//!   points, so each SST is purged at most once for the series that the check looked for.
//! - The log is rewritten once an eighth of all definitions can be dropped: a rewrite then costs each dropped series as
//!   much as eight definitions. Only a change of the files, of the flushed records or of the empty series can make more
//!   series droppable, so no check follows without one.
//!
//! - When the global cutoff moves, all listed series become candidates the first time, when files were dropped, and
//!   when it has moved by the retention age divided by [`FULL_CHECKS_PER_AGE`] since the last time.

use std::time::Duration;

use super::backoff::Backoff;
use super::compactor_schedule::CompactorEvent;
use super::effects::{Effect, Effects, MachineEvent};
use super::interfaces::{EmptySeriesFound, SeriesToCheck, Timer};
use crate::state::file_id::FileId;
use crate::state::series_index::SeriesBitmap;
use crate::state::tombstone::Tombstone;
use crate::state::version::pick::{CompactionPlan, purge_of};
use crate::state::version::{SstMeta, Version};
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::series::{SeriesId, SeriesSet};

/// Shortest time from the end of one check to the start of the next.
///
/// A check that a compact command waits for starts earlier.
pub(super) const MIN_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Time from the end of [`MIN_CHECK_INTERVAL`] until a check precedes compactions.
pub(super) const MAX_CHECK_DELAY: Duration = Duration::from_mins(1);
/// Number of times that all series become candidates while the global cutoff moves by the age.
const FULL_CHECKS_PER_AGE: i64 = 8;

/// Divisor of the number of definitions that gives the number at which definitions are dropped.
///
/// Memory and series log then exceed those of the other definitions by at most a seventh.
const MIN_DROPPED_SHARE: u64 = 8;

/// Number of definitions that one drop may remove, however few there are. An eighth of them may always be dropped.
///
/// A drop of all of a million definitions would take the writer more than a second.
const MIN_DROP_LIMIT: usize = 1 << 16;
/// Number of series that the start of a check tests, as a multiple of those that may be dropped.
///
/// If nothing else names half of the tested series, there are enough to drop.
const TESTED_PER_DROP: usize = 2;

/// Longest time from a check that found too few droppable series to the next one.
const MAX_DROP_BACKOFF: Duration = Duration::from_hours(1);

/// Event for the empty-series check.
#[derive(Debug)]
pub(super) enum EmptySeriesEvent {
    /// The compactor finished the check of these series in the version of `seq`.
    Finished { seq: u64, series: SeriesToCheck, outcome: Result<EmptySeriesFound> },
    /// The result of a check is published. The check found that no SST names these series.
    DropDue { unnamed: SeriesSet },
    /// Nothing was dropped, because the series log or the manifest could not be written. A later check tries again.
    ///
    /// The error is for the waiters, if what they wait for failed, too.
    DropFailed { for_waiters: Option<Error> },
    /// A version with other cutoffs or fewer files was installed.
    CutoffsMoved { files_dropped: bool },
}

/// State of the running check, and the time of the next. The candidates are in the version.
#[derive(Debug)]
pub(super) struct EmptySeriesCheck {
    /// Global retention age.
    retention_age: Option<Duration>,
    is_running: bool,
    /// Number of checks started.
    started: u64,
    /// Series written since the running check began.
    written_since: SeriesBitmap,
    /// Series deleted from since the running check began.
    deleted_since: SeriesBitmap,
    /// Series that a cutoff made candidates since the running check began.
    requeued: SeriesBitmap,
    /// Time before which a check starts only if it is needed at once.
    earliest_next: Duration,
    /// Global cutoff when all series last became candidates.
    last_full_cutoff: Option<i64>,
    /// State in which the last check looked for droppable series.
    last_drop_check: Option<DropCheckState>,
    /// First series that the next check tests, of those that the manifest names as empty.
    next_to_test: SeriesId,
    /// Time before which a check looks for droppable series only if it is needed at once.
    earliest_drop: Duration,
    /// Time from a check that found too few droppable series to the next one.
    drop_backoff: Backoff,
    /// SSTs to purge, because they alone keep enough definitions from being dropped.
    to_purge: Vec<FileId>,
}

/// What decides which series are droppable, as far as it changes without a point or a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DropCheckState {
    flushed_seq: u64,
    /// Number of flushes and compactions, and of files that were dropped.
    file_changes: u64,
    /// Number of series that the manifest names as empty.
    empty: usize,
}

impl DropCheckState {
    fn of(version: &Version) -> Self {
        let counters = &version.counters;
        let file_changes = counters.flushes.runs + counters.compactions.runs + counters.files_dropped;
        Self { flushed_seq: version.flushed_seq, file_changes, empty: version.series.empty_series().durable_count() }
    }
}

impl EmptySeriesCheck {
    pub(super) fn new(retention_age: Option<Duration>) -> Self {
        Self {
            retention_age,
            is_running: false,
            started: 0,
            written_since: SeriesBitmap::default(),
            deleted_since: SeriesBitmap::default(),
            requeued: SeriesBitmap::default(),
            earliest_next: Duration::ZERO,
            last_full_cutoff: None,
            last_drop_check: None,
            next_to_test: SeriesId::new(0),
            earliest_drop: Duration::ZERO,
            drop_backoff: Backoff::between(MIN_CHECK_INTERVAL, MAX_DROP_BACKOFF),
            to_purge: Vec::new(),
        }
    }

    /// Returns `true` if there are candidates, or perhaps enough droppable series.
    pub(super) fn has_work(&self, version: &Version) -> bool {
        has_candidates(version) || self.may_drop(version)
    }

    /// Returns `true` if enough series are empty in the manifest, and something changed since the last check of them.
    fn may_drop(&self, version: &Version) -> bool {
        let state = DropCheckState::of(version);
        is_worth_a_drop(state.empty as u64, version) && self.last_drop_check != Some(state)
    }

    pub(super) fn is_running(&self) -> bool {
        self.is_running
    }

    /// Returns the number of the next check to start.
    pub(super) fn next_number(&self) -> u64 {
        self.started + 1
    }

    /// Returns the number of the last check that has succeeded or failed.
    pub(super) fn finished(&self) -> u64 {
        self.started - u64::from(self.is_running)
    }

    /// Records a write or delete that is about to become visible, if a check runs.
    ///
    /// Must be called for every command of a group.
    pub(super) fn record_changes(&mut self, series: &[SeriesId], delete: Option<&Tombstone>) {
        if !self.is_running {
            return;
        }
        for id in series {
            self.written_since.insert(*id);
        }
        if let Some(tombstone) = delete {
            self.deleted_since.insert_all_except(&tombstone.series, &SeriesBitmap::default());
        }
    }

    /// Returns `true` if there are candidates and their check must precede compactions.
    ///
    /// Droppable series can wait: they do not count in `max_series`.
    ///
    /// This is so if the check could have started more than [`MAX_CHECK_DELAY`] ago.
    pub(super) fn is_overdue(&self, version: &Version, now: Duration) -> bool {
        has_candidates(version) && !self.is_running && now > self.earliest_next + MAX_CHECK_DELAY
    }

    /// Starts a check if there is something to check and no check runs.
    ///
    /// Without `at_once` it arms the timer instead while the shortest interval is not over.
    pub(super) fn start(&mut self, at_once: bool, version: &Version, now: Duration) -> Effects {
        if self.is_running || !self.has_work(version) {
            return Effects::new();
        }
        let earliest = if has_candidates(version) { Duration::ZERO } else { self.earliest_drop };
        let wait = self.earliest_next.max(earliest).saturating_sub(now);
        if !at_once && wait > Duration::ZERO {
            return vec![Effect::ArmTimerNoLater(Timer::EmptySeriesCheck, wait)];
        }
        let candidates = version.series.empty_series().candidates().to_set();
        let droppable =
            if at_once || now >= self.earliest_drop { self.take_droppable(version, now) } else { SeriesSet::default() };
        if candidates.is_empty() && droppable.is_empty() {
            // A waiter may wait for this check, for which nothing is left.
            return vec![Effect::Handle(MachineEvent::Compactor(CompactorEvent::Wake))];
        }
        let (candidate_count, droppable_count) = (candidates.count(), droppable.count());
        tracing::debug!(candidates = candidate_count, droppable = droppable_count, "empty-series check started");
        self.is_running = true;
        self.started += 1;
        (self.written_since, self.deleted_since) = (SeriesBitmap::default(), SeriesBitmap::default());
        self.requeued = SeriesBitmap::default();
        vec![Effect::StartEmptySeriesCheck(SeriesToCheck { candidates, droppable })]
    }

    /// Returns droppable series to check, if they may be enough, and records that they are checked.
    ///
    /// Tests a bounded part of the series that the manifest names as empty, so that the writer is not held up by many
    /// of them. The next call tests the next part.
    fn take_droppable(&mut self, version: &Version, now: Duration) -> SeriesSet {
        if !self.may_drop(version) {
            return SeriesSet::default();
        }
        let most = drop_limit(version);
        let tested = version.series.empty_series().durable_from(self.next_to_test, most * TESTED_PER_DROP);
        let last = tested.bounds().map(|ids| *ids.end());
        if let (Some(last), true) = (last, tested.count() >= (most * TESTED_PER_DROP) as u64) {
            self.next_to_test = SeriesId::new(last.get().saturating_add(1));
            self.earliest_drop = now + MIN_CHECK_INTERVAL;
        } else {
            self.next_to_test = SeriesId::new(0);
            self.last_drop_check = Some(DropCheckState::of(version));
        }
        let droppable = SeriesSet::from_sorted(version.droppable_among(&tested).iter().take(most));
        if is_worth_a_drop(droppable.count(), version) { droppable } else { SeriesSet::default() }
    }

    pub(super) fn on(&mut self, event: EmptySeriesEvent, version: &Version, now: Duration) -> Effects {
        match event {
            EmptySeriesEvent::Finished { seq, series, outcome } => {
                self.is_running = false;
                self.earliest_next = now + MIN_CHECK_INTERVAL;
                if let (Ok(found), false) = (&outcome, series.droppable.is_empty()) {
                    self.note_drop_check(found, version, now);
                }
                self.on_finished(seq, &series.candidates, outcome, version)
            }
            EmptySeriesEvent::DropDue { unnamed } => {
                let then = MachineEvent::Compactor(CompactorEvent::Wake);
                vec![Effect::DropDefinitions { unnamed, then }]
            }
            EmptySeriesEvent::DropFailed { for_waiters } => {
                self.last_drop_check = None;
                let failed = for_waiters
                    .map(|error| Effect::Handle(MachineEvent::Compactor(CompactorEvent::FailWaiters(error))));
                failed.into_iter().chain([Effect::Handle(MachineEvent::Compactor(CompactorEvent::Wake))]).collect()
            }
            EmptySeriesEvent::CutoffsMoved { files_dropped } => self.on_cutoffs_moved(files_dropped, version),
        }
    }

    /// Sets the time of the next check for droppable series, and which SSTs to purge before it, by whether this one
    /// found enough.
    ///
    /// SSTs may name the same empty series for long, and each check reads their indexes.
    fn note_drop_check(&mut self, found: &EmptySeriesFound, version: &Version, now: Duration) {
        self.earliest_drop = now + self.drop_backoff.after_failure();
        self.to_purge.clear();
        if is_worth_a_drop(found.unnamed.count(), version) {
            self.drop_backoff.reset();
        } else {
            self.to_purge.clone_from(&found.named_by);
        }
    }

    /// Returns the purge of an SST without which definitions could be dropped; `None` if there is none.
    pub(super) fn next_purge(&self, version: &Version) -> Option<CompactionPlan> {
        version.ssts.iter().find(|sst| self.to_purge.contains(&sst.id)).map(purge_of)
    }

    /// Records that a compaction of these SSTs starts. None of them is purged once more, whatever the outcome is.
    pub(super) fn compaction_started(&mut self, inputs: &[Arc<SstMeta>]) {
        self.to_purge.retain(|id| inputs.iter().all(|sst| sst.id != *id));
    }

    fn on_finished(
        &mut self,
        seq: u64,
        candidates: &SeriesSet,
        outcome: Result<EmptySeriesFound>,
        version: &Version,
    ) -> Effects {
        let wake = || MachineEvent::Compactor(CompactorEvent::Wake);
        match outcome {
            Ok(EmptySeriesFound { empty, unnamed, named_by: _ }) => {
                let written = std::mem::take(&mut self.written_since);
                let deleted = std::mem::take(&mut self.deleted_since);
                let mut requeued = std::mem::take(&mut self.requeued);
                let empty = except(&empty, &written);
                // What the cutoff before hides, the later one hides, too.
                requeued.remove_all(&empty);
                let checked = except(&except(candidates, &deleted), &requeued);
                let next = version.after_empty_series_check(seq, &checked, &empty);
                let count = next.series.empty_series().len();
                tracing::debug!(candidates = candidates.count(), empty = count, "empty-series check finished");
                let delta = version.series.empty_series().delta_to(next.series.empty_series());
                if !delta.emptied.is_empty() {
                    // The state may look the same once as many series were dropped as were found.
                    self.last_drop_check = None;
                }
                let unnamed = except(&except(&unnamed, &written), &deleted);
                let then = if unnamed.is_empty() {
                    wake()
                } else {
                    MachineEvent::Compactor(CompactorEvent::EmptySeries(EmptySeriesEvent::DropDue { unnamed }))
                };
                // Without a change for the manifest no edit is needed. What must wait for a flush is in the edit of
                // that flush.
                if delta.is_empty() {
                    vec![Effect::Publish(Box::new(next)), Effect::Handle(then)]
                } else {
                    vec![Effect::Install { next: Box::new(next), then }]
                }
            }
            Err(Error::Closed) => vec![Effect::Handle(wake())],
            Err(error) => {
                tracing::warn!(%error, "empty-series check failed, retrying");
                // The series that were to be checked are checked again.
                self.last_drop_check = None;
                let failed = MachineEvent::Compactor(CompactorEvent::FailWaiters(error));
                vec![Effect::Handle(failed), Effect::Handle(wake())]
            }
        }
    }

    fn on_cutoffs_moved(&mut self, files_dropped: bool, version: &Version) -> Effects {
        let cutoff = version.cutoffs.global();
        // A cutoff that was taken back moves on from there.
        self.last_full_cutoff = self.last_full_cutoff.min(cutoff);
        if !self.needs_full_check(cutoff, files_dropped) {
            return Effects::new();
        }
        self.last_full_cutoff = cutoff;
        let next = with_all_candidates(version);
        if self.is_running {
            // The check reads a version with the cutoff before.
            self.requeued.insert_all(&next.series.empty_series().candidates().to_set());
        }
        if has_candidates(&next) { vec![Effect::Publish(Box::new(next))] } else { Effects::new() }
    }

    /// Returns `true` if the global cutoff has moved so far that all series become candidates.
    fn needs_full_check(&self, cutoff: Option<i64>, files_dropped: bool) -> bool {
        let Some(cutoff) = cutoff.filter(|cutoff| Some(*cutoff) > self.last_full_cutoff) else { return false };
        let age = self.retention_age.map(|age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
        let step = age.map(|age| age / FULL_CHECKS_PER_AGE);
        let is_far = |last: i64| step.is_some_and(|step| cutoff.saturating_sub(last) >= step);
        files_dropped || self.last_full_cutoff.is_none_or(is_far)
    }
}

/// Returns the ids of `series` that are not in `others`.
fn except(series: &SeriesSet, others: &SeriesBitmap) -> SeriesSet {
    SeriesBitmap::default().insert_all_except(series, others)
}

/// Returns `true` if so many definitions can be dropped that the series log is rewritten.
pub(super) fn is_worth_a_drop(droppable: u64, version: &Version) -> bool {
    droppable > 0 && droppable * MIN_DROPPED_SHARE >= version.series.len() as u64
}

/// Returns the number of definitions that one drop may remove.
pub(super) fn drop_limit(version: &Version) -> usize {
    // Rounded up: a drop of fewer than an eighth would not be worth it.
    MIN_DROP_LIMIT.max(version.series.len().div_ceil(8))
}

/// Returns `true` if the version has candidates.
fn has_candidates(version: &Version) -> bool {
    !version.series.empty_series().candidates().is_empty()
}

/// Returns the version with every series that is not empty as a candidate.
fn with_all_candidates(version: &Version) -> Version {
    let mut next = version.clone();
    next.series.add_candidates(&SeriesSet::from_sorted(next.series.iter().map(|def| def.id)));
    next
}
