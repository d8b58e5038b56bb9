//! The retention state machine: moves cutoffs forward, and drops files that are hidden whole.
//!
//! A file is dropped if the global cutoff or a durable delete hides all of it.
//!
//! ```text
//!   Apply ──▶ arm the timer ──▶ Install (if a cutoff moved or a file goes) ──▶ Installed ──▶ new candidates for the
//!     │                                                                                     empty-series check
//!     └──────▶ QueueDueDeletes ──▶ queue a delete for each rule whose cutoff moved far enough
//! ```
//!
//! Invariants:
//! - A cutoff never moves back.
//! - Ages are measured from the newest timestamp of the data or the wall clock, whichever is older: neither a jump of
//!   the clock nor a point in the future alone hides anything.
//! - An input of a running compaction stays. Retention is applied again once the compaction is installed.
//! - The limit in bytes never drops the files that contain the newest flushed time: a small limit would otherwise drop
//!   all files.
//! - A rule's delete contains the series that the rule matches, and waits until all series were tested. At most
//!   [`MAX_TESTS_PER_TURN`] tests run in one turn, so that they delay writes no longer than a sync does.

use std::time::Duration;

use super::compactor_schedule::CompactorEvent;
use super::effects::{Effect, Effects, MachineEvent};
use super::empty_series::EmptySeriesEvent;
use super::interfaces::Timer;
use super::messages::DeleteRequest;
use crate::state::file_id::FileId;
use crate::state::series_index::SeriesIndex;
use crate::state::version::{Cutoffs, Version};
use crate::sync::Arc;
use crate::types::options::RetentionPolicy;
use crate::types::series::{SeriesPredicate, SeriesSetBuilder};
use crate::types::time_range::TimeRange;

/// Number of times that the limits are applied within the shortest age.
const RETENTION_CHECKS_PER_AGE: u32 = 64;
/// Shortest and longest time between two applications by the timer.
const RETENTION_INTERVAL_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
/// Number of deletes of a rule while its cutoff moves by its age.
///
/// It is small because each delete contains all series of the rule.
const RULE_DELETES_PER_AGE: i64 = 8;
/// Maximum number of selector tests in one turn, for all rules together.
pub(super) const MAX_TESTS_PER_TURN: usize = 1 << 14;
/// Time until the next tests, while a delete waits for them.
const NEXT_TESTS_DELAY: Duration = Duration::from_millis(10);

/// Event for the retention state machine.
#[derive(Clone, Copy, Debug)]
pub(super) enum RetentionEvent {
    /// The timer is due, a flush or compaction was installed, or the writer starts.
    Apply,
    /// The version with later cutoffs or fewer files is durable and visible.
    Installed { files_dropped: usize },
    /// The cutoffs are up to date: queue the deletes of the rules that are due.
    QueueDueDeletes,
    /// The database is read-only or a shutdown has started: nothing more is done.
    Halt,
}

/// Input of retention besides the version.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetentionInputs<'a> {
    /// Inputs of the running compaction.
    pub(super) busy: &'a [FileId],
    /// Wall clock, in nanoseconds since the Unix epoch.
    pub(super) wall_clock_nanos: i64,
}

/// State machine that applies the retention policy.
#[derive(Debug)]
pub(super) struct RetentionScheduler {
    policy: RetentionPolicy,
    /// Progress of each rule, at the index of the rule in the version's cutoffs.
    rules: Vec<RuleProgress>,
    /// Number of selector tests that may still run in this turn.
    tests_left: usize,
    is_halted: bool,
}

/// Progress of one rule.
#[derive(Debug, Default)]
struct RuleProgress {
    /// Series that the rule matches, among the first `tested_len`.
    matched: SeriesSetBuilder,
    tested_len: usize,
    /// Exclusive end of the time that was deleted.
    deleted_before: Option<i64>,
    /// `true` if the cutoff has moved far enough for another delete.
    delete_due: bool,
}

impl RuleProgress {
    /// Tests the rule on series that it was not tested on, at most `tests_left`.
    ///
    /// Returns `true` if it was tested on all series.
    fn test_new_series(
        &mut self,
        series: &SeriesIndex,
        predicate: &dyn SeriesPredicate,
        tests_left: &mut usize,
    ) -> bool {
        for def in series.created_after(self.tested_len).take(*tests_left) {
            if predicate.matches(&def.key) {
                self.matched.push(def.id);
            }
            self.tested_len += 1;
            *tests_left -= 1;
        }
        self.tested_len == series.len()
    }
}

impl RetentionScheduler {
    pub(super) fn new(policy: RetentionPolicy, cutoffs: &Cutoffs) -> Self {
        let rules = cutoffs.rules().iter().map(|_| RuleProgress::default()).collect();
        Self { policy, rules, tests_left: MAX_TESTS_PER_TURN, is_halted: false }
    }

    /// Resets the number of selector tests for a new turn.
    pub(super) fn begin_turn(&mut self) {
        self.tests_left = MAX_TESTS_PER_TURN;
    }

    pub(super) fn on(&mut self, event: RetentionEvent, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        match event {
            RetentionEvent::Halt => {
                self.is_halted = true;
                Effects::new()
            }
            _ if self.is_halted => Effects::new(),
            RetentionEvent::Apply => self.apply(version, inputs),
            RetentionEvent::Installed { files_dropped } => self.on_installed(files_dropped, version),
            RetentionEvent::QueueDueDeletes => self.queue_rule_deletes(version),
        }
    }

    fn apply(&self, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        let mut effects = Effects::new();
        let ages = self.policy.rules.iter().flatten().chain(&self.policy.age);
        if let Some(shortest) = ages.min() {
            let (min, max) = RETENTION_INTERVAL_BOUNDS;
            let wait = (*shortest / RETENTION_CHECKS_PER_AGE).clamp(min, max);
            effects.push(Effect::ArmTimerNoLater(Timer::Retention, wait));
        }
        let next = self.version_after_retention(version, inputs);
        let (before, after) = (&version.cutoffs, &next.cutoffs);
        let rule_moved = after.rules().iter().zip(before.rules()).any(|(after, before)| after.cutoff > before.cutoff);
        let moved = rule_moved || after.global() > before.global();
        let files_dropped = version.ssts.len() - next.ssts.len();
        if moved || files_dropped > 0 {
            let then = MachineEvent::Retention(RetentionEvent::Installed { files_dropped });
            effects.push(Effect::Install { next: Box::new(next), then });
        }
        effects.push(Effect::Handle(MachineEvent::Retention(RetentionEvent::QueueDueDeletes)));
        effects
    }

    /// Returns the version with the cutoffs that the policy requires now, without hidden files.
    fn version_after_retention(&self, version: &Version, inputs: RetentionInputs<'_>) -> Version {
        let (policy, busy) = (&self.policy, inputs.busy);
        let now = version.newest_time().map(|newest| newest.min(inputs.wall_clock_nanos));
        let cutoff = |age: &Option<Duration>| {
            let age = i64::try_from((*age)?.as_nanos()).unwrap_or(i64::MAX);
            now.map(|now| now.saturating_sub(age))
        };
        let rules: Vec<Option<i64>> = policy.rules.iter().map(cutoff).collect();
        let mut next = version.after_retention(version.cutoffs.advanced_to(cutoff(&policy.age), &rules), busy);
        let Some(max_bytes) = policy.bytes else { return next };
        while next.ssts.iter().map(|sst| sst.file_len).sum::<u64>() > max_bytes {
            let Some(oldest) = next.ssts.iter().min_by_key(|sst| sst.rectangle.times.last()) else { break };
            // An input of a running compaction stays; its outputs are examined once they are installed. The loop ends,
            // because a cutoff beyond a newer file would hide the points of this input, too.
            //
            // The files with the newest flushed time stay, however small the limit is; otherwise it could drop all
            // files.
            if busy.contains(&oldest.id) || Some(oldest.rectangle.times.last()) == version.newest_flushed_time() {
                break;
            }
            let Some(cutoff) = oldest.rectangle.times.last().checked_add(1) else { break };
            next = version.after_retention(next.cutoffs.advanced_to(Some(cutoff), &[]), busy);
        }
        next
    }

    fn on_installed(&mut self, files_dropped: usize, version: &Version) -> Effects {
        let cutoff = version.cutoffs.global();
        tracing::debug!(?cutoff, "retention cutoffs advanced");
        if files_dropped > 0 {
            tracing::info!(files = files_dropped, ?cutoff, "fully hidden files dropped");
        }
        self.mark_due_rules(version);
        let advanced = EmptySeriesEvent::CutoffsAdvanced { files_dropped: files_dropped > 0 };
        vec![Effect::Handle(MachineEvent::Compactor(CompactorEvent::EmptySeries(advanced)))]
    }

    /// Marks the rules whose cutoff has moved far enough for another delete.
    fn mark_due_rules(&mut self, version: &Version) {
        let ages = self.policy.rules.iter().copied().chain(std::iter::repeat(None));
        let rules = version.cutoffs.rules().iter().zip(&mut self.rules);
        for ((rule, progress), age) in rules.zip(ages) {
            let (Some(age), Some(cutoff)) = (age, rule.cutoff) else { continue };
            let step = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX) / RULE_DELETES_PER_AGE;
            progress.delete_due |= progress.deleted_before.is_none_or(|end| cutoff.saturating_sub(end) >= step);
        }
    }

    /// Queues a delete for each due rule that was tested on all series.
    ///
    /// No file is dropped for a rule, because files also contain points of other series. The delete lets the picker
    /// purge them.
    fn queue_rule_deletes(&mut self, version: &Version) -> Effects {
        let mut effects = Effects::new();
        let Self { rules, tests_left, .. } = self;
        for (rule, progress) in version.cutoffs.rules().iter().zip(rules).filter(|(_, progress)| progress.delete_due) {
            let Some(last) = rule.cutoff.and_then(|cutoff| cutoff.checked_sub(1)) else { continue };
            if !progress.test_new_series(&version.series, &*rule.predicate, tests_left) {
                effects.push(Effect::ArmTimerNoLater(Timer::Retention, NEXT_TESTS_DELAY));
                continue;
            }
            (progress.delete_due, progress.deleted_before) = (false, rule.cutoff);
            effects.push(Effect::QueueDelete(Box::new(DeleteRequest {
                selected: progress.matched.to_set(),
                resolved_len: progress.tested_len,
                predicate: Arc::clone(&rule.predicate),
                range: TimeRange::until(last),
                reply: None,
            })));
        }
        effects
    }
}
