//! Dates without a year, such as 01/15: they may look like a month and a year.

use super::plan_draft::PlanDraft;
use crate::IngestError;
use crate::time::{Moment, TimeReader};

/// Year with which dates without one are tried: a leap year.
const TRIED_YEAR: i64 = 2_024;

/// Returns `true` if a pattern of `strftime` gives a month or a day of the year, and no year.
pub(super) fn lacks_year(pattern: &str) -> bool {
    const YEARS: &str = "YyCGgFDsc+Nx";
    const DAYS: &str = "mbBhj";
    let mut chars = pattern.chars();
    let (mut has_day, mut has_year) = (false, false);
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        let is_flag = |c: &char| matches!(c, '-' | '_' | '0'..='9' | '^' | '#');
        if let Some(c) = chars.by_ref().find(|c| !is_flag(c)) {
            has_year |= YEARS.contains(c);
            has_day |= DAYS.contains(c);
        }
    }
    has_day && !has_year
}

impl PlanDraft<'_> {
    /// Returns the patterns of dates of a month and a day, without a year, that read every cell of a column.
    fn patterns_without_year(&self, at: usize) -> Vec<String> {
        let Some(first) = self.filled_cells(at).next() else { return Vec::new() };
        let (date, clock) = first.split_once(' ').map_or((first, None), |(date, clock)| (date, Some(clock)));
        let clock = match clock.map(|clock| clock.matches(':').count()) {
            None => "",
            Some(1) => " %H:%M",
            Some(_) => " %H:%M:%S",
        };
        let Some(separator) = date.chars().find(|c| !c.is_alphanumeric()) else { return Vec::new() };
        let pairs = [["m", "d"], ["d", "m"], ["b", "d"], ["d", "b"]];
        let patterns = pairs.map(|[one, other]| format!("%{one}{separator}%{other}{clock}"));
        let reads_all = |pattern: &String| {
            let reader = TimeReader::YearPattern { pattern: pattern.clone(), year: TRIED_YEAR };
            self.filled_cells(at).all(|text| matches!(reader.parse(text), Ok(Moment::Local(_))))
        };
        patterns.into_iter().filter(reads_all).collect()
    }

    /// Returns the error of a column whose cells may be dates without a year, with the readings that fit every cell.
    /// `month` is the pattern by which they are months of a year, if there is one.
    pub(super) fn dates_without_year(&self, at: usize, month: Option<&str>) -> Option<IngestError> {
        let patterns = self.patterns_without_year(at);
        let first = self.filled_cells(at).next()?;
        if patterns.is_empty() {
            return None;
        }
        let name = self.names.name(at);
        let of_year = |error: IngestError| {
            let add = |error: IngestError, pattern: &String| {
                error.suggest("time", name.clone()).suggest("time-format", pattern).suggest("year", "YEAR")
            };
            patterns.iter().fold(error, add)
        };
        let text =
            format!("no column was recognised as the time: column {name}: {first:?} may be a date without a year");
        let Some(month) = month else { return Some(of_year(IngestError::new(text))) };
        let error = IngestError::new(format!("{text}, or a month and a year"));
        let of_month = |error: IngestError| error.suggest("time", name.clone()).suggest("time-format", month);
        // Months follow one another; of dates the day changes more often.
        Some(if self.changes_first_part(at) { of_year(of_month(error)) } else { of_month(of_year(error)) })
    }

    /// Returns `true` if the part before the separator changes more often than the one behind it.
    fn changes_first_part(&self, at: usize) -> bool {
        let parts: Vec<(&str, &str)> =
            self.filled_cells(at).filter_map(|text| text.split_once(|c: char| !c.is_alphanumeric())).collect();
        let changes = |of: fn(&(&str, &str), &(&str, &str)) -> bool| {
            parts.windows(2).filter(|pair| of(&pair[0], &pair[1])).count()
        };
        changes(|one, other| one.0 != other.0) > changes(|one, other| one.1 != other.1)
    }

    /// Returns `true` if the cells of a column of numbers are written as dates, such as 01.15: with zeros before them.
    pub(super) fn is_written_as_date(&self, at: usize) -> bool {
        let is_date = |text: &str| text.len() == 5 && text.as_bytes()[2] == b'.';
        self.filled_cells(at).all(is_date) && self.filled_cells(at).any(|text| text.starts_with('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_dates_without_a_year_is_recognised() {
        for pattern in ["%Y-%m-%d", "%d/%m/%-y", "%F %H:%M", "%s", "%G-W%V-%u", "%d %b %_Y", "%H:%M", "%d %H:%M"] {
            assert!(!lacks_year(pattern), "{pattern}");
        }
        for pattern in ["%m/%d", "%b-%d Y", "%d.%m. %H:%M:%S%.f", "%%Y %m %d", "%j"] {
            assert!(lacks_year(pattern), "{pattern}");
        }
    }
}
