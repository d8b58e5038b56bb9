//! The retention state machine: moves cutoffs forward, and drops files that are hidden whole.
//!
//! A file is dropped if the global cutoff or a delete with a synced record hides all of it.
//!
//! ```text
//!   Apply ──▶ observe ──▶ arm the timer ──▶ Install (if a cutoff moved or a file goes) ──▶ Installed ──▶ new candidates
//!     │                                                                                   for the empty-series check
//!     ├──────▶ QueueDueDeletes ──▶ queue a delete for each rule whose cutoff moved far enough
//!     └──────▶ HidePoints (if a cutoff is unexplained) ──▶ PointsHidden ──▶ Install ──▶ TakenBack ──▶ as from Apply
//!                  └──▶ NotHidden ──▶ Install (if a cutoff moved on or a file goes)
//! ```
//!
//! Invariants:
//! - A cutoff is taken back if neither the trusted time nor the ages explain it: a wrong clock has moved it, or a
//!   shorter age; see [`taken_back`]. First a delete hides what it hid, in a synced group of its own; then, before any
//!   other command, the earlier cutoff is installed. So what was hidden stays hidden, and what is written later counts
//!   by the earlier cutoff. A crash between both steps leaves the later cutoff, and the next opening takes both steps.
//! - Ages are measured from the newest timestamp of the data or the wall clock, whichever is older, as far as the
//!   monotonic clock explains it. A larger move waits for a grace of open time, see
//!   [`RetentionProgress`](crate::state::version::RetentionProgress).
//! - The grace that a pending move has served is durable at least every [`STORE_INTERVAL`] of open time, and when the
//!   writer stops. It is durable before a cutoff that relies on it, because it is in the same edit.
//! - An input of a running compaction stays. Retention is applied again once the compaction is installed.
//! - The limit in bytes never drops the files that contain the newest flushed time: a small limit would otherwise drop
//!   all files.
//! - A rule's delete contains the series that the rule matches, and waits until all series were tested. At most
//!   [`MAX_TESTS_PER_TURN`] tests run in one turn, so that they delay writes no longer than a sync does.

mod rule_deletes;
mod taken_back;

use std::time::Duration;

use self::rule_deletes::RuleProgress;
use self::taken_back::DeletedPoints;
use super::backoff::Backoff;
use super::compactor_schedule::CompactorEvent;
use super::effects::{Effect, Effects, MachineEvent};
use super::empty_series::EmptySeriesEvent;
use super::interfaces::Timer;
use crate::state::file_id::FileId;
use crate::state::version::{
    AgeLimit, CLOCK_BEHIND_WAIT, Cutoffs, RetentionProgress, Version, age_nanos, shortest_age,
};
use crate::sync::{Arc, ReplySender};
use crate::types::error::{Error, Result};
use crate::types::options::RetentionPolicy;

/// Number of times that the limits are applied within the shortest age.
const RETENTION_CHECKS_PER_AGE: u32 = 64;
/// Shortest and longest time between two applications by the timer.
const RETENTION_INTERVAL_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
/// Maximum open time until the progress of a pending move is stored again.
///
/// A crash loses at most this part of the grace.
pub(super) const STORE_INTERVAL: Duration = Duration::from_mins(5);
/// Maximum time by which the trusted time may be ahead of the durable one.
const MAX_UNSTORED: Duration = Duration::from_mins(30);
/// Maximum number of selector tests in one turn, for all rules together.
pub(super) const MAX_TESTS_PER_TURN: usize = 1 << 14;
/// Time until retention is applied again after its edit could not be written. Each failure in a row doubles it.
const MIN_INSTALL_BACKOFF: Duration = Duration::from_secs(1);
/// Time until the next tests, while a delete waits for them.
const NEXT_TESTS_DELAY: Duration = Duration::from_millis(10);

/// Event for the retention state machine.
#[derive(Debug)]
pub(super) enum RetentionEvent {
    /// The timer is due. After a failed edit nothing is applied before the backoff is over.
    CheckDue,
    /// A flush or compaction was installed, a delete needs room, or the writer starts.
    Apply,
    /// A caller asks for retention without the grace of pending moves; contains its reply.
    ApplyNow(ReplySender<Result<()>>),
    /// The version with later cutoffs or fewer files is durable and visible.
    Installed { files_dropped: usize },
    /// Deletes of all points that the cutoffs hide are durable and visible.
    PointsDeleted,
    /// These deletes are also marked as durable in the log; contains the earlier cutoffs to install.
    PointsHidden(Cutoffs),
    /// The deletes or their mark could not be written. The cutoffs stay, and a later check tries again.
    NotHidden(Error),
    /// The version with earlier cutoffs is durable and visible.
    TakenBack,
    /// The progress of pending moves is durable.
    ProgressStored,
    /// The edit with later cutoffs or fewer files could not be written: nothing has changed.
    InstallFailed(Error),
    /// The cutoffs are up to date: queue the deletes of the rules that are due.
    QueueDueDeletes,
    /// A shutdown has started: the progress of pending moves is stored, and nothing more is done.
    Stop,
    /// The database is read-only: nothing more is done.
    ReadOnly(Error),
    /// Another actor panicked: nothing more is done.
    Halt,
}

/// Input of retention besides the version.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetentionInputs<'a> {
    /// Inputs of the running compaction.
    pub(super) busy: &'a [FileId],
    /// Wall clock, in nanoseconds since the Unix epoch.
    pub(super) wall_clock_nanos: i64,
    /// Time since a fixed moment, by the monotonic clock.
    pub(super) monotonic_now: Duration,
    /// Every record up to this seq is durable.
    pub(super) synced_seq: u64,
}

/// State machine that applies the retention policy.
#[derive(Debug)]
pub(super) struct RetentionScheduler {
    policy: RetentionPolicy,
    /// Progress of each rule, at the index of the rule in the version's cutoffs.
    rules: Vec<RuleProgress>,
    /// Number of selector tests that may still run in this turn.
    tests_left: usize,
    /// Progress as of the last observation. The version has the one that is durable.
    progress: RetentionProgress,
    /// Monotonic time of the last observation, and of the last edit with the progress, in this opening.
    observed_at: Option<Duration>,
    stored_at: Option<Duration>,
    /// Monotonic time since which the wall clock contradicts the trusted time; `None` if it does not.
    contradicted_since: Option<Duration>,
    /// `true` while cutoffs cannot be taken back because rules were not tested on all series yet.
    awaits_tests: bool,
    /// What durable deletes hide, while the cutoffs could not be taken back behind them.
    deleted: Option<DeletedPoints>,
    /// Backoff after an edit that could not be written, and its end by the monotonic clock.
    install_backoff: Backoff,
    retry_at: Option<Duration>,
    /// Callers that are answered once the version of this turn is installed.
    waiters: Vec<ReplySender<Result<()>>>,
    is_halted: bool,
}

/// Logs a warning that describes the pending moves.
pub(crate) fn warn_of_pending_retention(
    progress: &RetentionProgress,
    claimed_time: Option<i64>,
    grace: Option<Duration>,
) {
    let (trusted_time, pending_time) = (progress.trusted_time, progress.trusted_after_grace());
    let (cutoff, grace_left) = (progress.pending_cutoff(claimed_time), progress.grace_left(grace));
    tracing::warn!(
        ?trusted_time,
        ?pending_time,
        ?cutoff,
        ?grace_left,
        "a move of the retention cutoffs waits: clock and timestamps, or a shorter age, ask for more than elapsed time \
         explains; no point is hidden by it before the grace is over or apply_retention_now is called"
    );
}

impl RetentionScheduler {
    pub(super) fn new(policy: RetentionPolicy, version: &Version) -> Self {
        Self {
            policy,
            rules: version.cutoffs.rules().iter().map(|_| RuleProgress::default()).collect(),
            tests_left: MAX_TESTS_PER_TURN,
            progress: (*version.retention).clone(),
            observed_at: None,
            stored_at: None,
            contradicted_since: None,
            awaits_tests: false,
            deleted: None,
            install_backoff: Backoff::starting_at(MIN_INSTALL_BACKOFF),
            retry_at: None,
            waiters: Vec::new(),
            is_halted: false,
        }
    }

    /// Resets the number of selector tests for a new turn.
    pub(super) fn begin_turn(&mut self) {
        self.tests_left = MAX_TESTS_PER_TURN;
    }

    pub(super) fn on(&mut self, event: RetentionEvent, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        match event {
            RetentionEvent::ApplyNow(reply) if self.is_halted => vec![Effect::Reply(reply, Err(Error::Closed))],
            _ if self.is_halted => Effects::new(),
            RetentionEvent::Halt => self.halt(&Error::EnginePanicked),
            RetentionEvent::ReadOnly(error) => self.halt(&error),
            RetentionEvent::Stop => self.stop(version, inputs),
            RetentionEvent::CheckDue if self.backoff_left(inputs.monotonic_now).is_some() => {
                self.observe(version, inputs);
                let left = self.backoff_left(inputs.monotonic_now).unwrap_or_default();
                vec![Effect::ArmTimerNoLater(Timer::Retention, left)]
            }
            RetentionEvent::Apply | RetentionEvent::CheckDue => {
                self.observe(version, inputs);
                self.apply_and_answer(version, inputs)
            }
            RetentionEvent::ApplyNow(reply) => self.apply_now(reply, version, inputs),
            RetentionEvent::Installed { files_dropped } => self.on_installed(files_dropped, version),
            RetentionEvent::PointsDeleted => {
                self.deleted = Some(DeletedPoints::of(version));
                Effects::new()
            }
            RetentionEvent::PointsHidden(cutoffs) => self.take_back(cutoffs, version, inputs),
            RetentionEvent::NotHidden(error) => {
                let mut effects = self.answer_waiters(&Err(error));
                effects.extend(self.advance_while_waiting(version, inputs));
                effects
            }
            RetentionEvent::TakenBack => self.on_taken_back(version, inputs),
            RetentionEvent::ProgressStored => {
                self.end_backoff();
                self.answer_applied()
            }
            RetentionEvent::InstallFailed(error) => {
                let retry_in = self.install_backoff.after_failure();
                tracing::warn!(%error, ?retry_in, "retention could not be applied");
                self.retry_at = Some(inputs.monotonic_now + retry_in);
                let mut effects = self.answer_waiters(&Err(error));
                effects.push(Effect::ArmTimerNoLater(Timer::Retention, retry_in));
                effects
            }
            RetentionEvent::QueueDueDeletes => self.queue_rule_deletes(version),
        }
    }

    /// Returns the rest of the backoff after a failed edit; `None` if it is over.
    fn backoff_left(&self, now: Duration) -> Option<Duration> {
        self.retry_at.and_then(|at| at.checked_sub(now)).filter(|left| !left.is_zero())
    }

    /// Ends the backoff after an edit was written.
    fn end_backoff(&mut self) {
        self.install_backoff.reset();
        self.retry_at = None;
    }

    /// Observes clock and data, which explains a move of the cutoffs, makes one wait, or ends its grace.
    fn observe(&mut self, version: &Version, inputs: RetentionInputs<'_>) {
        let now = inputs.monotonic_now;
        let elapsed = self.observed_at.map(|at| now.saturating_sub(at)).unwrap_or_default();
        self.observed_at = Some(now);
        let seen = version.observation(inputs.wall_clock_nanos, elapsed, self.policy.grace);
        let limits = version.cutoffs.age_limits(&self.policy);
        let next = self.progress.observed(&limits, seen);
        if next.has_pending() && !self.progress.has_pending() {
            warn_of_pending_retention(&next, seen.claimed_time, self.policy.grace);
        }
        self.progress = next;
        let wait = self.progress.contradiction_wait(&limits, seen.wall_clock_nanos).filter(|_| self.takes_back());
        self.contradicted_since = wait.map(|_| self.contradicted_since.unwrap_or(now));
        if self.contradicted_since.zip(wait).is_some_and(|(since, wait)| now.saturating_sub(since) >= wait) {
            self.believe(seen.wall_clock_nanos);
        }
    }

    fn apply(&mut self, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        let mut effects = Effects::new();
        let limits = version.cutoffs.age_limits(&self.policy);
        if let Some(wait) = self.next_check(&limits) {
            effects.push(Effect::ArmTimerNoLater(Timer::Retention, wait));
        }
        self.awaits_tests = false;
        if let Some(earlier) = self.earlier_cutoffs(&limits, version) {
            if let Some(deletes) = self.deletes_of_hidden_points(&earlier, version) {
                let then = MachineEvent::Retention(RetentionEvent::PointsHidden(earlier));
                effects.push(Effect::HidePoints { deletes, then });
                return effects;
            }
            self.awaits_tests = true;
            effects.push(Effect::ArmTimerNoLater(Timer::Retention, NEXT_TESTS_DELAY));
        }
        effects.extend(self.advance(version, inputs));
        effects
    }

    /// Moves cutoffs forward and drops the files that are hidden whole, also while other cutoffs wait to be taken back.
    fn advance(&mut self, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        let mut effects = Effects::new();
        let limits = version.cutoffs.age_limits(&self.policy);
        let (next, size_cutoff) = self.version_after_retention(version, inputs);
        self.progress.size_cutoff = self.progress.size_cutoff.max(size_cutoff);
        let (before, after) = (&version.cutoffs, &next.cutoffs);
        let rule_moved = after.rules().iter().zip(before.rules()).any(|(after, before)| after.cutoff > before.cutoff);
        let moved = rule_moved || after.global() > before.global();
        let files_dropped = version.ssts.len() - next.ssts.len();
        if moved || files_dropped > 0 {
            effects.push(self.install(next, RetentionEvent::Installed { files_dropped }, inputs.monotonic_now));
        } else if self.must_store_progress(&limits, version, inputs.monotonic_now) {
            effects.push(self.store_progress(version, inputs.monotonic_now));
        }
        effects.push(Effect::Handle(MachineEvent::Retention(RetentionEvent::QueueDueDeletes)));
        effects
    }

    fn apply_now(&mut self, reply: ReplySender<Result<()>>, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        self.observe(version, inputs);
        let limits = version.cutoffs.age_limits(&self.policy);
        if self.contradicted_since.is_some() {
            self.believe(inputs.wall_clock_nanos);
        }
        let seen = version.observation(inputs.wall_clock_nanos, Duration::ZERO, self.policy.grace);
        self.progress = self.progress.applied_now(&limits, seen);
        self.waiters.push(reply);
        self.apply_and_answer(version, inputs)
    }

    /// Applies the limits, and answers the waiters unless the end of a step does so.
    fn apply_and_answer(&mut self, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        let mut effects = self.apply(version, inputs);
        let goes_on = |effect: &Effect| matches!(effect, Effect::Install { .. } | Effect::HidePoints { .. });
        if !effects.iter().any(goes_on) {
            effects.extend(self.answer_applied());
        }
        effects
    }

    /// Answers the waiters, unless cutoffs are still to be taken back.
    fn answer_applied(&mut self) -> Effects {
        if self.awaits_tests { Effects::new() } else { self.answer_waiters(&Ok(())) }
    }

    /// Returns the time to the next application; `None` if only an install needs one.
    fn next_check(&self, limits: &[AgeLimit<'_>]) -> Option<Duration> {
        let contradicted = self.contradicted_since.map(|_| CLOCK_BEHIND_WAIT);
        let Some(shortest) = shortest_age(limits) else { return contradicted };
        let shortest = Duration::from_nanos(shortest.unsigned_abs());
        let (min, max) = RETENTION_INTERVAL_BOUNDS;
        let wait = (shortest / RETENTION_CHECKS_PER_AGE).clamp(min, max);
        let wait = contradicted.map_or(wait, |contradicted| wait.min(contradicted));
        let grace_left = self.progress.grace_left(self.policy.grace);
        Some(grace_left.map_or(wait, |left| wait.min(left.clamp(min, STORE_INTERVAL))))
    }

    fn must_store_progress(&self, limits: &[AgeLimit<'_>], version: &Version, now: Duration) -> bool {
        let Some(shortest) = shortest_age(limits) else { return false };
        let is_old = self.stored_at.is_none_or(|at| now.saturating_sub(at) >= STORE_INTERVAL);
        // Less than a later opening tolerates, so that elapsed time still explains the move after a kill.
        let most = (Duration::from_nanos(shortest.unsigned_abs()) / 128).clamp(STORE_INTERVAL, MAX_UNSTORED);
        self.progress.differs_in_kind(&version.retention)
            || self.progress.has_pending() && is_old
            || self.unstored_time(version) >= age_nanos(most)
    }

    /// Returns by how much the trusted time is ahead of the durable one.
    fn unstored_time(&self, version: &Version) -> i64 {
        let time = |progress: &RetentionProgress| progress.trusted_time.unwrap_or(i64::MIN);
        time(&self.progress).saturating_sub(time(&version.retention))
    }

    fn store_progress(&mut self, version: &Version, now: Duration) -> Effect {
        self.install(version.clone(), RetentionEvent::ProgressStored, now)
    }

    /// Installs a version together with the present progress, then handles the event `then`.
    fn install(&mut self, next: Version, then: RetentionEvent, now: Duration) -> Effect {
        self.stored_at = Some(now);
        let next = Version { retention: Arc::new(self.progress.clone()), ..next };
        Effect::Install { next: Box::new(next), then: MachineEvent::Retention(then) }
    }

    /// Stores what a later opening would otherwise wait for again, then halts.
    fn stop(&mut self, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        self.observe(version, inputs);
        self.is_halted = true;
        let has_advanced = self.progress.has_pending() || self.unstored_time(version) >= age_nanos(STORE_INTERVAL);
        if !has_advanced || self.progress == *version.retention {
            return Effects::new();
        }
        vec![self.store_progress(version, inputs.monotonic_now)]
    }

    fn halt(&mut self, error: &Error) -> Effects {
        self.is_halted = true;
        self.answer_waiters(&Err(error.clone()))
    }

    fn answer_waiters(&mut self, outcome: &Result<()>) -> Effects {
        self.waiters.drain(..).map(|reply| Effect::Reply(reply, outcome.clone())).collect()
    }

    /// Returns the version with the cutoffs that the policy requires now, without hidden files, and the cutoff that the
    /// limit in bytes requires.
    fn version_after_retention(&self, version: &Version, inputs: RetentionInputs<'_>) -> (Version, Option<i64>) {
        let (policy, busy, synced) = (&self.policy, inputs.busy, inputs.synced_seq);
        let claimed_time = version.claimed_time(inputs.wall_clock_nanos);
        let cutoff =
            |rule, age: Option<Duration>| self.progress.cutoff(AgeLimit { rule, age: age_nanos(age?) }, claimed_time);
        let rules = version.cutoffs.rules().iter().zip(&policy.rules);
        let rules: Vec<Option<i64>> = rules.map(|(rule, age)| cutoff(Some(&rule.selector), *age)).collect();
        let cutoffs = version.cutoffs.advanced_to(cutoff(None, policy.age), &rules);
        let mut next = version.after_retention(cutoffs, busy, synced);
        let mut size_cutoff = None;
        let Some(max_bytes) = policy.bytes else { return (next, size_cutoff) };
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
            // A file with a point ahead of the clock stays: a cutoff behind it would hide what is written from now on.
            let last = oldest.rectangle.times.last();
            if last >= inputs.wall_clock_nanos {
                break;
            }
            let Some(cutoff) = last.checked_add(1) else { break };
            next = version.after_retention(next.cutoffs.advanced_to(Some(cutoff), &[]), busy, synced);
            size_cutoff = Some(cutoff);
        }
        (next, size_cutoff)
    }

    fn on_installed(&mut self, files_dropped: usize, version: &Version) -> Effects {
        self.end_backoff();
        let cutoff = version.cutoffs.global();
        tracing::debug!(?cutoff, "retention cutoffs advanced");
        if files_dropped > 0 {
            tracing::info!(files = files_dropped, ?cutoff, "fully hidden files dropped");
        }
        self.mark_due_rules(version);
        let moved = EmptySeriesEvent::CutoffsMoved { files_dropped: files_dropped > 0 };
        let mut effects = vec![Effect::Handle(MachineEvent::Compactor(CompactorEvent::EmptySeries(moved)))];
        effects.extend(self.answer_applied());
        if files_dropped > 0 {
            // A flush that failed for a lack of space is tried again, after the end of the turn has removed the files.
            effects.push(Effect::ArmTimerNoLater(Timer::FlushRetry, Duration::ZERO));
        }
        effects
    }
}
