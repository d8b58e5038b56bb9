//! Checks of rows as they are converted: units of times, tags with a value per row.

use super::plan::TimeColumns;
use super::row_values::{Refusal, in_column, plain};
use crate::time::{TimeReader, is_below_nanosecond, unit_name};
use crate::{Suggestion, TimeFormat};

/// Detection of tags with a value per row behind the sample of the plan.
#[derive(Debug, Default)]
pub(super) struct UniqueTags {
    rows: usize,
    groups_before: usize,
    /// `true` once 1,000 rows in a row had nearly a value each.
    pub(super) is_found: bool,
    is_told: bool,
}

impl UniqueTags {
    /// Returns `true` once after such rows were found.
    pub(super) fn take_new(&mut self) -> bool {
        let is_new = self.is_found && !self.is_told;
        self.is_told |= is_new;
        is_new
    }

    /// Counts a row; `groups` is the number of combinations of tags so far.
    pub(super) fn count(&mut self, groups: usize) {
        const BLOCK_ROWS: usize = 1_000;
        self.rows += 1;
        if self.rows == BLOCK_ROWS {
            self.is_found |= (groups - self.groups_before) * 10 >= BLOCK_ROWS * 9;
            (self.rows, self.groups_before) = (0, groups);
        }
    }
}

/// Refuses a number that is a time of early 1970 in the unit of the options and of this century in another, and one that is
/// no whole number of nanoseconds.
pub(super) fn check_epoch(time: &TimeColumns, text: &str) -> Result<(), Refusal> {
    let TimeReader::Epoch { power } = time.reader else { return Ok(()) };
    if text.contains(['.', 'e', 'E']) && is_below_nanosecond(text, power) {
        return Err(plain(in_column(&time.name, &format!("{text:?} has digits below a nanosecond"))));
    }
    // Times since 2001 in seconds have ten digits; every smaller unit has more.
    let is_early = |number: f64| (1e9..10_f64.powi(18 - power)).contains(&number);
    if !text.parse().is_ok_and(is_early) {
        return Ok(());
    }
    let Some(unit) = TimeFormat::of_number(text).filter(|unit| unit.power().is_some_and(|of_unit| of_unit > power))
    else {
        return Ok(());
    };
    let own = unit_name(power);
    let reason =
        format!("{text:?} is of 1970 in {own}, and of this century in {}", unit_name(unit.power().unwrap_or(9)));
    let format = match power {
        6 => "ms",
        3 => "us",
        _ => "ns",
    };
    let suggestions = vec![
        Suggestion::new("time-format", unit.to_string()),
        Suggestion::new("time-format", format),
        Suggestion::new("origin", "1970-01-01"),
    ];
    Err((in_column(&time.name, &reason), suggestions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_with_a_value_per_row_are_found_behind_the_sample() {
        let mut tags = UniqueTags::default();
        (0..1_000).for_each(|_| tags.count(1));
        assert!(!tags.is_found);
        (0..1_000).for_each(|row| tags.count(row + 2));
        assert!(tags.is_found && tags.take_new() && !tags.take_new());
    }

    #[test]
    fn a_count_is_of_its_unit_and_of_whole_nanoseconds() {
        let reason = |text: &str, power: i32| {
            let reader = TimeReader::Epoch { power };
            let order = crate::time::RowOrder::Ascending;
            let time = TimeColumns { at: vec![0], name: "t".to_owned(), reader, zone: None, order, zone_cells: None };
            check_epoch(&time, text).err().map(|(reason, _)| reason)
        };
        for (text, power) in [
            ("1704067200000", 6),
            ("1704067200", 9),
            ("1704067200.1234567890", 9),
            ("1.5e9", 9),
            ("1.7040672E+09", 9),
            ("60000", 6),
            ("-1", 0),
        ] {
            assert_eq!(reason(text, power), None, "{text}");
        }
        for (text, power, part) in [
            ("1704067200", 6, "of this century in seconds"),
            ("1704067200", 0, "of this century in seconds"),
            ("1704067200000", 3, "of this century in milliseconds"),
            ("1704067200.1234567891", 9, "below a nanosecond"),
            ("0.5", 0, "below a nanosecond"),
            ("1.70406720012345678912e9", 9, "below a nanosecond"),
            ("1.7040672e9", 6, "of this century in seconds"),
        ] {
            assert!(reason(text, power).is_some_and(|reason| reason.contains(part)), "{text} {power}");
        }
    }
}
