//! Columns of clocks that are numbers, such as 093000.

use super::number::parse_plain;
use super::plan_draft::PlanDraft;
use super::time_column::part_of_name;
use crate::IngestError;
use crate::time::TimePart;

impl PlanDraft<'_> {
    /// Returns `true` if every cell of a column is a clock of hour, minute and second as one number.
    ///
    /// Either the cells have six digits, or one is beyond the clocks of hour and minute.
    pub(super) fn is_hour_minute_second(&self, at: usize) -> bool {
        let sample = &self.sample[at];
        // A few cells that are none are refused with their rows.
        let most = |accept: fn(&str) -> bool| {
            sample.filled > 0 && self.filled_cells(at).filter(|text| !accept(text)).count() <= sample.filled / 20
        };
        let is_clock = |text: &str| {
            let number = text.parse::<u32>().unwrap_or(u32::MAX);
            number <= 240_000 && number % 100 < 60 && number / 100 % 100 < 60
        };
        let is_long = |text: &str| text.len() == 6;
        let is_beyond_minutes = most(is_long) || sample.greatest_integer > 2_400;
        sample.is_integer() && !sample.has_negative && is_beyond_minutes && most(is_clock)
    }

    /// Returns `true` if a column is called seconds, and holds numbers of a day.
    pub(super) fn is_second_of_day(&self, at: usize) -> bool {
        let name = self.names.0[at].to_lowercase();
        let is_called = matches!(name.as_str(), "sec" | "secs" | "second" | "seconds" | "sod" | "second_of_day");
        is_called && self.may_be_seconds(at)
    }

    /// Returns `true` if the numbers of a column, which have fractions, may be seconds of a minute or of a day.
    pub(super) fn may_be_seconds(&self, at: usize) -> bool {
        let sample = &self.sample[at];
        let is_number = sample.filled > 0 && sample.numbers == sample.filled;
        is_number && sample.least() >= 0.0 && sample.greatest() <= 86_400.0
    }

    /// Returns the column of the seconds of a minute whose numbers have fractions.
    pub(super) fn seconds_with_fraction(&self) -> Option<usize> {
        let is_called = |at: &usize| part_of_name(&self.names.0[*at]) == Some(TimePart::Second);
        let fits = |at: &usize| self.may_be_seconds(*at) && self.sample[*at].greatest() < 61.0;
        (0..self.names.0.len()).find(|at| !self.is_tag(*at) && is_called(at) && fits(at))
    }

    /// Refuses numbers with fractions of a part that has none.
    pub(super) fn refuse_fraction(&self, at: usize, part: TimePart) -> Result<(), IngestError> {
        let may_have_fraction = matches!(part, TimePart::Second | TimePart::SecondOfDay);
        if self.sample[at].is_whole() || may_have_fraction {
            return Ok(());
        }
        let name = self.names.name(at);
        let plain = |text: &str| self.syntax.plain(text).and_then(|text| parse_plain(&text));
        let is_fraction = |text: &&str| plain(text).is_some_and(|number| number.fract() != 0.0);
        let text = self.filled_cells(at).find(is_fraction).unwrap_or_default();
        Err(IngestError::new(format!(
            "column {name} holds {text}: of the parts of a time only seconds may have a fraction"
        )))
    }

    /// Returns `true` for a column of years: by its name, or as YY with years of four digits.
    pub(super) fn is_year_column(&self, at: usize) -> bool {
        let is_short = self.names.0[at].trim_start_matches('#').eq_ignore_ascii_case("yy");
        part_of_name(&self.names.0[at]) == Some(TimePart::Year) || (is_short && self.sample[at].is_year())
    }
}
