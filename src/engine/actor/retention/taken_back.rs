//! Cutoffs that are taken back: a wrong clock has moved them, or a shorter age than the present one.
//!
//! ```text
//!   HidePoints (deletes, synced and marked) ──▶ PointsHidden ──▶ Install (earlier cutoffs) ──▶ TakenBack ──▶ apply the limits
//! ```
//!
//! The writer handles no other message between these steps, so no record comes between the deletes and the earlier
//! cutoffs. If the mark or the edit cannot be written, a later check continues there: the deletes are written again only
//! if a cutoff has moved since, or a point was written behind one.

use std::time::Duration;

use super::{RetentionInputs, RetentionScheduler};
use crate::engine::actor::compactor_schedule::CompactorEvent;
use crate::engine::actor::effects::{Effect, Effects, MachineEvent};
use crate::engine::actor::empty_series::EmptySeriesEvent;
use crate::engine::actor::messages::DeleteRequest;
use crate::engine::actor::retention::RetentionEvent;
use crate::state::version::{AgeLimit, Cutoffs, RetentionRule, Version};
use crate::sync::Arc;
use crate::types::series::{SeriesKey, SeriesPredicate, SeriesSet};
use crate::types::time_range::TimeRange;

/// Predicate that matches every series.
#[derive(Debug)]
struct EverySeries;

impl SeriesPredicate for EverySeries {
    fn matches(&self, _: &SeriesKey) -> bool {
        true
    }
}

/// What durable deletes hide: all that these cutoffs hide, as long as no point is written behind them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DeletedPoints {
    /// Global cutoff, and those of the rules.
    cutoffs: (Option<i64>, Vec<Option<i64>>),
    points_behind_cutoff: u64,
}

impl DeletedPoints {
    /// Returns what deletes hide that were made for the cutoffs of the version.
    pub(super) fn of(version: &Version) -> Self {
        let rules = version.cutoffs.rules().iter().map(|rule| rule.cutoff).collect();
        let points_behind_cutoff = version.counters.points_behind_cutoff;
        Self { cutoffs: (version.cutoffs.global(), rules), points_behind_cutoff }
    }
}

impl RetentionScheduler {
    /// Returns `true` if cutoffs may be taken back. Without a grace, the wall clock counts as right at any time.
    pub(super) fn takes_back(&self) -> bool {
        self.policy.grace != Some(Duration::ZERO)
    }

    /// Takes the trusted time and the cutoff by size back to the wall clock.
    pub(super) fn believe(&mut self, wall_clock_nanos: i64) {
        let (trusted_time, size_cutoff) = (self.progress.trusted_time, self.progress.size_cutoff);
        tracing::warn!(?trusted_time, ?size_cutoff, wall_clock_nanos, "the wall clock contradicts retention's time");
        self.progress.believe(wall_clock_nanos);
        self.contradicted_since = None;
    }

    /// Returns the cutoffs without what nothing explains; `None` if all is explained.
    pub(super) fn earlier_cutoffs(&self, limits: &[AgeLimit<'_>], version: &Version) -> Option<Cutoffs> {
        if !self.takes_back() {
            return None;
        }
        let (global, rules) = (version.cutoffs.global(), version.cutoffs.rules());
        let explain =
            |rule: Option<&[u8]>, cutoff| self.progress.explained_cutoff(&version.retention, limits, rule, cutoff);
        let earlier_global = explain(None, global);
        let explained = |rule: &RetentionRule| explain(Some(&rule.selector), rule.cutoff);
        let earlier: Vec<Option<i64>> = rules.iter().map(explained).collect();
        let is_explained = earlier_global == global && rules.iter().zip(&earlier).all(|(rule, to)| rule.cutoff == *to);
        (!is_explained).then(|| version.cutoffs.set_to(earlier_global, &earlier))
    }

    /// Returns deletes of what the cutoffs hide that are later than `earlier`; `None` if a rule was not tested on all
    /// series yet. None are needed if earlier deletes hide all of it.
    pub(super) fn deletes_of_hidden_points(
        &mut self,
        earlier: &Cutoffs,
        version: &Version,
    ) -> Option<Vec<DeleteRequest>> {
        if self.deleted.as_ref().is_some_and(|deleted| *deleted == DeletedPoints::of(version)) {
            return Some(Vec::new());
        }
        let (cutoffs, series) = (&version.cutoffs, &version.series);
        let until = |cutoff: Option<i64>| cutoff.and_then(|cutoff| cutoff.checked_sub(1)).map(TimeRange::until);
        let mut deletes = Vec::new();
        if let (true, Some(range)) = (earlier.global() != cutoffs.global(), until(cutoffs.global())) {
            let selected = SeriesSet::from_sorted(series.iter().map(|def| def.id));
            let (resolved_end, predicate) = (series.next_id(), Arc::new(EverySeries));
            deletes.push(DeleteRequest { selected, resolved_end, predicate, range, reply: None });
        }
        let Self { rules, tests_left, .. } = self;
        for ((rule, to), progress) in cutoffs.rules().iter().zip(earlier.rules()).zip(rules) {
            let (true, Some(range)) = (to.cutoff != rule.cutoff, until(rule.cutoff)) else { continue };
            if !progress.test_new_series(series, &*rule.predicate, tests_left) {
                return None;
            }
            let (selected, resolved_end) = (progress.matched.to_set(), progress.tested_end);
            let predicate = Arc::clone(&rule.predicate);
            deletes.push(DeleteRequest { selected, resolved_end, predicate, range, reply: None });
        }
        Some(deletes)
    }

    pub(super) fn take_back(&mut self, earlier: Cutoffs, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        for (progress, rule) in self.rules.iter_mut().zip(earlier.rules()) {
            progress.deleted_before = progress.deleted_before.min(rule.cutoff);
            // Its queued delete was discarded.
            progress.delete_due = true;
        }
        let next = version.after_cutoffs_taken_back(earlier);
        vec![self.install(next, RetentionEvent::TakenBack, inputs.monotonic_now)]
    }

    /// Moves other cutoffs forward and drops files while a cutoff waits to be taken back.
    pub(super) fn advance_while_waiting(&mut self, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        // The stored cutoff by size is the reason of the present one. Without it, that would not be taken back later.
        let believed = self.progress.size_cutoff;
        let stored = believed.max(version.retention.size_cutoff);
        self.progress.size_cutoff = stored;
        let effects = self.advance(version, inputs);
        if self.progress.size_cutoff == stored {
            self.progress.size_cutoff = believed;
        }
        effects
    }

    pub(super) fn on_taken_back(&mut self, version: &Version, inputs: RetentionInputs<'_>) -> Effects {
        self.end_backoff();
        self.deleted = None;
        let cutoff = version.cutoffs.global();
        tracing::warn!(?cutoff, "retention cutoffs taken back; what they hid stays hidden");
        let moved = EmptySeriesEvent::CutoffsMoved { files_dropped: false };
        let mut effects = vec![Effect::Handle(MachineEvent::Compactor(CompactorEvent::EmptySeries(moved)))];
        effects.extend(self.apply_and_answer(version, inputs));
        effects
    }
}
