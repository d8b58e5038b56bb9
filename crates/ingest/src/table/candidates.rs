//! Columns that may distinguish rows of one series and time.

use super::distinguish::{Candidate, MAX_CANDIDATES, sounds_like_id};
use super::plan::ValueSource;
use super::plan_draft::PlanDraft;
use super::time_column::{TimeChoice, part_of_name};
use crate::time::TimePart;

/// Distinct whole numbers that may identify something, even in few rows.
const MAX_ID_VALUES: usize = 8;
/// Rows in which distinct numbers are rather those of a measurement than those of an identifier.
const MIN_SPREAD_ROWS: usize = 4;

impl PlanDraft<'_> {
    /// Returns the columns that may distinguish rows that share series and time.
    pub(super) fn candidates(&self, time: &TimeChoice, values: &ValueSource) -> Vec<Candidate> {
        // A table of one value has no value to spare for a tag.
        let is_only_value = matches!(values, ValueSource::Wide(columns) if columns.len() == 1);
        let is_value = |at: usize| match values {
            ValueSource::Wide(columns) => columns.iter().any(|column| column.at == at),
            ValueSource::Long { metric_at, value_at, .. } => at == *metric_at || at == *value_at,
            ValueSource::Series { .. } => true,
        };
        // Parts of a time complete a date alone.
        let has_clock = time.at.iter().any(|at| self.sample[*at].is_time() && !self.sample[*at].is_date());
        let mut candidates: Vec<Candidate> = (0..self.planner.header.len())
            .filter(|at| time.zone_cells.is_none_or(|zone| zone.at() != *at))
            .filter(|at| !time.at.contains(at) && !self.is_tag(*at) && !self.planner.header[*at].is_empty())
            .filter(|at| {
                let sample = &self.sample[*at];
                let is_wide = matches!(values, ValueSource::Wide(_));
                let name = self.names.name(*at);
                let part = part_of_name(&name);
                let is_finer = part == Some(TimePart::Millisecond) && sample.is_whole_within(0.0, 999.0);
                if has_clock && sample.is_integer() && part.is_some() && !is_finer {
                    return false;
                }
                // A measurement has too many values to identify anything.
                let is_id = sounds_like_id(&name)
                    || part_of_name(&name).is_some()
                    || sample.distinct <= MAX_ID_VALUES.max(sample.filled / 20);
                (sample.filled > 0 && !is_value(*at))
                    || (is_wide && sample.is_integer() && is_id && !(is_only_value && is_value(*at)))
                    || (is_wide && !has_clock && !is_only_value && self.is_second_of_day(*at))
            })
            .map(|at| {
                let (name, sample) = (self.names.name(at), &self.sample[at]);
                let part = part_of_name(&name);
                let is_second = !has_clock && self.is_second_of_day(at);
                let is_clock = sample.is_clock() || (sample.is_integer() && part.is_some()) || is_second;
                let rank = (sample.is_numeric() && !is_clock, !sounds_like_id(&name) && !is_clock, sample.distinct);
                let is_spread = sample.filled >= MIN_SPREAD_ROWS && sample.distinct * 2 > sample.filled;
                Candidate { at, name, rank, is_clock, is_value: is_value(at), is_spread }
            })
            .collect();
        candidates.sort_by_key(|candidate| (candidate.rank, candidate.at));
        candidates.truncate(MAX_CANDIDATES);
        candidates
    }
}
