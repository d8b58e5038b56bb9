//! Parts of a year other than the month: quarters, and those that are not read.

use super::plan_draft::PlanDraft;
use super::time_column::part_of_name;
use crate::time::{DateOrder, TimePart, parse_auto};

impl PlanDraft<'_> {
    /// Returns the column of the quarters of a year: by its name, or the one behind the year by cells such as Q1.
    pub(super) fn quarters(&self, year: Option<usize>) -> Option<usize> {
        let year = year?;
        let are_quarters = |at: &usize| {
            let mut cells = self.rows().iter().filter_map(|row| row.cells.get(*at)).filter(|text| !text.is_empty());
            self.sample[*at].filled > 0 && cells.all(|text| reads_quarter(text.trim()))
        };
        let open = || (0..self.names.0.len()).filter(|at| !self.is_tag(*at) && *at != year);
        let named = open().find(|at| part_of_name(&self.names.0[*at]) == Some(TimePart::Quarter));
        let named = named.filter(|at| self.sample[*at].is_whole_within(1.0, 4.0) || are_quarters(at));
        named.or_else(|| open().find(|at| *at == year + 1 && are_quarters(at)))
    }

    /// Returns the name of a column of parts of a year that cannot be read, beside a year: without it the times of its
    /// rows would be one.
    pub(super) fn unread_part_of_year(&self, parts: &[usize]) -> Option<String> {
        const NAMES: [&str; 13] = [
            "quarter",
            "qtr",
            "week",
            "wk",
            "isoweek",
            "kw",
            "half",
            "semester",
            "trimester",
            "season",
            "term",
            "period",
            "month",
        ];
        let has_year_alone = matches!(parts, [only] if part_of_name(&self.names.0[*only]) == Some(TimePart::Year));
        let is_part = |at: &usize| {
            let name = self.names.0[*at].to_lowercase();
            NAMES.contains(&name.trim()) && self.sample[*at].distinct > 1 && !parts.contains(at) && !self.is_tag(*at)
        };
        let found = (0..self.names.0.len()).find(is_part).filter(|_| has_year_alone)?;
        Some(self.names.name(found))
    }
}

/// Returns `true` for the quarter or the month behind a year, such as Q1, Q01 or M12.
fn reads_quarter(text: &str) -> bool {
    let is_part = text.len() <= 3 && text.starts_with(['Q', 'q', 'M']);
    is_part && parse_auto(&format!("2000 {text}"), DateOrder::Undecided, true).is_ok()
}
