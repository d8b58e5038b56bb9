//! Columns of counts of seconds, or of other units, since 1970.

use super::distinguish::sounds_like_id;
use super::plan_draft::PlanDraft;
use super::time_suggestions::sounds_like_time;
use crate::TimeFormat;

impl PlanDraft<'_> {
    /// Returns the column whose numbers are times of this century in one unit, and that unit.
    ///
    /// The first column with increasing numbers, or with the name of a time, comes before those whose numbers repeat or
    /// only fall: a counter that looks like a time usually comes after the time.
    pub(super) fn column_of_counts(&self) -> Option<(usize, TimeFormat)> {
        let columns = || (0..self.names.0.len()).filter(|at| !self.is_tag(*at));
        let is_called = |at: usize| sounds_like_time(&self.names.0[at]) && !sounds_like_id(&self.names.0[at]);
        let unit = |at: usize| {
            let sample = &self.sample[at];
            sample.epoch().or_else(|| sample.epoch_in_any_order().filter(|_| is_called(at)))
        };
        let monotone = |at: usize| self.sample[at].epoch_in_any_order().filter(|_| self.sample[at].is_monotone());
        let found = |unit: &dyn Fn(usize) -> Option<TimeFormat>| columns().find_map(|at| Some((at, unit(at)?)));
        found(&unit).or_else(|| found(&monotone))
    }
}
