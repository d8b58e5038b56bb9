//! Checks of rows as they are converted: units of times, tags with a value per row.

use super::plan::TimeColumns;
use super::row_values::{Refusal, in_column};
use crate::time::{TimeReader, unit_name};
use crate::{Suggestion, TimeFormat};

/// Detection of tags with a value per row behind the sample of the plan.
#[derive(Debug, Default)]
pub(super) struct UniqueTags {
    rows: usize,
    groups_before: usize,
    /// `true` once 1,000 rows in a row had nearly a value each.
    pub(super) is_found: bool,
}

impl UniqueTags {
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

/// Refuses a number that is a time of early 1970 in the unit of the options and of this century in another.
pub(super) fn check_unit_of_time(time: &TimeColumns, text: &str) -> Result<(), Refusal> {
    let TimeReader::Epoch { power } = time.reader else { return Ok(()) };
    // Times since 2001 in seconds have ten digits; every smaller unit has more.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let recent_digits = usize::try_from(19 - power).unwrap_or_default();
    if !(10..recent_digits).contains(&digits) {
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
        assert!(tags.is_found);
    }
}
