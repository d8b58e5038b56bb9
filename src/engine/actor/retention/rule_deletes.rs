//! Deletes of what the cutoff of a rule hides.
//!
//! No file is dropped for a rule, because files also contain points of other series. A delete lets the picker purge
//! them.

use super::{NEXT_TESTS_DELAY, RetentionScheduler};
use crate::engine::actor::effects::{Effect, Effects};
use crate::engine::actor::interfaces::Timer;
use crate::engine::actor::messages::DeleteRequest;
use crate::state::series_index::SeriesIndex;
use crate::state::version::{Version, age_nanos};
use crate::sync::Arc;
use crate::types::series::{SeriesPredicate, SeriesSetBuilder};
use crate::types::time_range::TimeRange;

/// Number of deletes of a rule while its cutoff moves by its age.
///
/// It is small because each delete contains all series of the rule.
const RULE_DELETES_PER_AGE: i64 = 8;

/// Progress of one rule.
#[derive(Debug, Default)]
pub(super) struct RuleProgress {
    /// Series that the rule matches, among those with ids below `tested_end`.
    pub(super) matched: SeriesSetBuilder,
    pub(super) tested_end: u32,
    /// Exclusive end of the time that was deleted.
    pub(super) deleted_before: Option<i64>,
    /// `true` if the cutoff has moved far enough for another delete.
    pub(super) delete_due: bool,
}

impl RuleProgress {
    /// Removes the series whose definitions were dropped.
    ///
    /// Superseded series stay: SSTs may have hidden points of them, which a cutoff that is taken back must not show.
    fn forget_dropped(&mut self, series: &SeriesIndex) {
        let matched = self.matched.to_set();
        self.matched = SeriesSetBuilder::default();
        matched.iter().filter(|id| series.get(*id).is_some()).for_each(|id| self.matched.push(id));
    }

    /// Tests the rule on series that it was not tested on, at most `tests_left`.
    ///
    /// Returns `true` if it was tested on all series.
    pub(super) fn test_new_series(
        &mut self,
        series: &SeriesIndex,
        predicate: &dyn SeriesPredicate,
        tests_left: &mut usize,
    ) -> bool {
        for def in series.created_from(self.tested_end).take(*tests_left) {
            if predicate.matches(&def.key) {
                self.matched.push(def.id);
            }
            self.tested_end = def.id.get() + 1;
            *tests_left -= 1;
        }
        series.created_from(self.tested_end).next().is_none()
    }
}

impl RetentionScheduler {
    /// Marks the rules whose cutoff has moved far enough for another delete.
    pub(super) fn mark_due_rules(&mut self, version: &Version) {
        let ages = self.policy.rules.iter().copied().chain(std::iter::repeat(None));
        let rules = version.cutoffs.rules().iter().zip(&mut self.rules);
        for ((rule, progress), age) in rules.zip(ages) {
            let (Some(age), Some(cutoff)) = (age, rule.cutoff) else { continue };
            let step = age_nanos(age) / RULE_DELETES_PER_AGE;
            progress.delete_due |= progress.deleted_before.is_none_or(|end| cutoff.saturating_sub(end) >= step);
        }
    }

    /// Queues a delete for each due rule that was tested on all series.
    pub(super) fn queue_rule_deletes(&mut self, version: &Version) -> Effects {
        let mut effects = Effects::new();
        let Self { rules, tests_left, .. } = self;
        for (rule, progress) in version.cutoffs.rules().iter().zip(rules).filter(|(_, progress)| progress.delete_due) {
            let Some(last) = rule.cutoff.and_then(|cutoff| cutoff.checked_sub(1)) else { continue };
            if !progress.test_new_series(&version.series, &*rule.predicate, tests_left) {
                effects.push(Effect::ArmTimerNoLater(Timer::Retention, NEXT_TESTS_DELAY));
                continue;
            }
            (progress.delete_due, progress.deleted_before) = (false, rule.cutoff);
            progress.forget_dropped(&version.series);
            effects.push(Effect::QueueDelete(Box::new(DeleteRequest {
                selected: progress.matched.to_set(),
                resolved_end: progress.tested_end,
                predicate: Arc::clone(&rule.predicate),
                range: TimeRange::until(last),
                reply: None,
            })));
        }
        effects
    }
}
