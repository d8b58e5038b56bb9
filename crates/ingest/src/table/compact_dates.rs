//! Dates of digits alone, such as 2024013123: they are no counts of seconds.

use super::plan_draft::PlanDraft;
use crate::IngestError;
use crate::time::{Moment, TimeReader, days_from_date};

/// Years of dates of digits alone; other numbers are rather counts.
const FIRST_YEAR: i64 = 1_900;
const LAST_YEAR: i64 = 2_100;

/// Returns the patterns of dates with this number of digits.
fn patterns(digits: usize) -> &'static [&'static str] {
    match digits {
        6 => &["%Y%m", "%y%m%d", "%d%m%y", "%m%d%y"],
        8 => &["%Y%m%d", "%d%m%Y", "%m%d%Y"],
        10 => &["%Y%m%d%H"],
        12 => &["%Y%m%d%H%M"],
        14 => &["%Y%m%d%H%M%S"],
        _ => &[],
    }
}

impl PlanDraft<'_> {
    /// Returns the patterns by which every cell of a column of digits is a date.
    pub(super) fn compact_patterns(&self, at: usize) -> Vec<&'static str> {
        let sample = &self.sample[at];
        let digits = sample.first.as_ref().map_or(0, |cell| cell.text.len());
        if !sample.is_integer() || sample.has_negative {
            return Vec::new();
        }
        let is_date = |text: &str, pattern: &str| {
            let moment = TimeReader::Pattern(pattern.to_owned()).parse(text);
            let years = days_from_date(FIRST_YEAR, 1, 1)..days_from_date(LAST_YEAR, 1, 1);
            text.len() == digits && matches!(moment, Ok(Moment::Local(local)) if years.contains(&local.days))
        };
        let reads_all = |pattern: &&str| self.filled_cells(at).all(|text| is_date(text, pattern));
        patterns(digits).iter().copied().filter(reads_all).collect()
    }

    /// Adds patterns to an error, each with the column that it reads.
    pub(super) fn with_patterns(&self, error: IngestError, at: usize, patterns: &[impl AsRef<str>]) -> IngestError {
        let add =
            |error: IngestError, pattern| error.suggest("time", self.names.name(at)).suggest("time-format", pattern);
        match self.past_patterns(at, patterns) {
            Ok(past) => past.into_iter().fold(error, add),
            Err(refusal) => refusal,
        }
    }
}
