//! Statistics of the first rows by column: numbers, times, clocks, words.
//!
//! The planner chooses the roles of the columns by them.

use std::collections::HashSet;

use super::cell::{self, MissingCells};
use super::number::{self, NumberSyntax};
use super::planner::TableRow;
use crate::TimeFormat;
use crate::time::{AutoError, DateOrder, Moment, is_clock, parse_auto};

/// Number of rows in the sample.
pub(crate) const SAMPLE_ROWS: usize = 1_000;
/// Distinct texts that are kept of a column whose cells are not all numbers.
const MAX_WORDS: usize = 4;

/// A cell of the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SampleCell {
    pub(crate) line: u64,
    pub(crate) text: String,
}

/// Statistics of one column. Counts are of cells that hold a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnSample {
    /// Cells that hold a value.
    pub(crate) filled: usize,
    pub(crate) first: Option<SampleCell>,
    pub(crate) numbers: usize,
    /// First cell that is not a number.
    pub(crate) not_number: Option<SampleCell>,
    /// Distinct texts that are no numbers, at most [`MAX_WORDS`].
    pub(crate) words: Vec<String>,
    /// Whole numbers of digits alone.
    pub(crate) integers: usize,
    pub(crate) greatest_integer: i128,
    /// Numbers without a fraction, such as 1950.0.
    wholes: usize,
    pub(crate) has_negative: bool,
    /// First whole number that no `f64` equals.
    pub(crate) beyond_f64: Option<SampleCell>,
    /// Words of states, such as `on`.
    pub(crate) states: usize,
    /// Dates with or without a clock.
    pub(crate) times: usize,
    /// Dates without a clock, or at midnight.
    pub(crate) dates: usize,
    /// `true` if a time has no zone.
    pub(crate) without_zone: bool,
    /// `true` if a cell is a date that the calendar does not have.
    has_wrong_date: bool,
    /// Clocks without a date.
    pub(crate) clocks: usize,
    /// Distinct cells.
    pub(crate) distinct: usize,
    /// Unit of the first cell as a time of this century, and the cells that are increasing times in it.
    epoch: Option<TimeFormat>,
    epochs: usize,
    /// Cells that are times of this century in the unit, in any order.
    recent: usize,
    latest: Option<f64>,
    /// Numbers that are not below the one before.
    increasing: usize,
    /// Numbers that are not above the one before.
    falling: usize,
    least: f64,
    greatest: f64,
}

impl ColumnSample {
    /// Returns `true` if every cell is a number.
    pub(crate) fn is_numeric(&self) -> bool {
        self.not_number.is_none()
    }

    /// Returns `true` if the cells are dates or times, but for a few that are refused with their rows.
    pub(crate) fn is_time(&self) -> bool {
        let is_most = self.times * 2 + usize::from(self.has_wrong_date) > self.filled;
        self.times > 0 && is_most && self.filled - self.times <= 1 + self.filled / 20
    }

    /// Returns `true` if few of the cells before the last one are no times.
    fn may_be_time(&self) -> bool {
        const MOST: usize = 20;
        self.filled - self.times <= MOST + self.filled / 20
    }

    /// Returns `true` if every cell is a date without a clock, or at midnight.
    pub(crate) fn is_date(&self) -> bool {
        self.is_time() && self.dates == self.times
    }

    /// Returns `true` if every cell is a clock without a date.
    pub(crate) fn is_clock(&self) -> bool {
        self.filled > 0 && self.clocks == self.filled
    }

    /// Returns `true` if every cell is a word of a state.
    pub(crate) fn is_state(&self) -> bool {
        self.filled > 0 && self.states == self.filled
    }

    /// Returns `true` if every cell is a whole number.
    pub(crate) fn is_integer(&self) -> bool {
        self.filled > 0 && self.integers == self.filled
    }

    /// Returns `true` if every cell is a number without a fraction that may be a year.
    pub(crate) fn is_year(&self) -> bool {
        self.is_whole_within(1_677.0, 2_262.0)
    }

    /// Returns `true` if every cell is a number without a fraction in a range.
    pub(crate) fn is_whole_within(&self, least: f64, greatest: f64) -> bool {
        self.is_whole() && self.least >= least && self.greatest <= greatest
    }

    /// Returns `true` if every cell is a number without a fraction, such as 3 or 3.0.
    pub(crate) fn is_whole(&self) -> bool {
        self.filled > 0 && self.wholes == self.filled
    }

    /// Returns the least number.
    pub(crate) fn least(&self) -> f64 {
        self.least
    }

    /// Returns the greatest number.
    pub(crate) fn greatest(&self) -> f64 {
        self.greatest
    }

    /// Returns the unit in which the cells are increasing times of this century.
    pub(crate) fn epoch(&self) -> Option<TimeFormat> {
        self.epoch.clone().filter(|_| self.filled > 0 && self.epochs == self.filled)
    }

    /// Returns the unit in which the cells are times of this century in any order; a constant is no time.
    pub(crate) fn epoch_in_any_order(&self) -> Option<TimeFormat> {
        let is_constant = self.distinct == 1 && self.filled > 1;
        self.epoch.clone().filter(|_| self.filled > 0 && self.recent == self.filled && !is_constant)
    }

    /// Returns `true` if the cells are numbers that never fall, or never rise.
    pub(crate) fn is_monotone(&self) -> bool {
        self.is_increasing() || (self.filled > 0 && self.falling == self.filled)
    }

    /// Returns `true` if the cells are numbers that never fall.
    pub(crate) fn is_increasing(&self) -> bool {
        self.filled > 0 && self.numbers == self.filled && self.increasing == self.filled
    }

    /// Returns `true` if the cells are increasing numbers in the range of recent serial days of spreadsheets.
    pub(crate) fn is_serial_day(&self) -> bool {
        // Identifiers repeat.
        let is_rising = self.is_increasing() && self.distinct * 2 > self.filled;
        is_rising && self.least >= 20_000.0 && self.greatest < 80_000.0
    }

    fn add(&mut self, text: &str, line: u64, syntax: &NumberSyntax) {
        self.filled += 1;
        if self.first.is_none() {
            self.first = Some(SampleCell { line, text: shortened(text) });
        }
        let plain = syntax.plain(text);
        let number = plain.as_deref().and_then(number::parse_plain);
        if let (Some(number), Some(plain)) = (number, plain.as_deref()) {
            self.add_number(plain, number, line);
        } else {
            self.add_word(text, line);
        }
    }

    fn add_number(&mut self, text: &str, number: f64, line: u64) {
        self.numbers += 1;
        if let Ok(integer) = text.parse::<i128>() {
            self.integers += 1;
            self.greatest_integer = self.greatest_integer.max(integer);
        }
        self.wholes += usize::from(number.fract() == 0.0);
        self.has_negative |= number < 0.0;
        if self.beyond_f64.is_none() && number::is_integer_beyond_f64(text) {
            self.beyond_f64 = Some(SampleCell { line, text: text.to_owned() });
        }
        (self.least, self.greatest) = match self.latest {
            None => (number, number),
            Some(_) => (self.least.min(number), self.greatest.max(number)),
        };
        // A constant, such as a boot time, is not a time: the cells must increase.
        let unit = TimeFormat::of_number(text);
        self.epoch = self.epoch.take().or_else(|| unit.clone());
        let is_later = self.latest.is_none_or(|latest| number > latest);
        let is_recent = unit.is_some() && unit == self.epoch;
        self.epochs += usize::from(is_recent && is_later);
        self.recent += usize::from(is_recent);
        self.falling += usize::from(self.latest.is_none_or(|latest| number <= latest));
        self.increasing += usize::from(self.latest.is_none_or(|latest| number >= latest));
        self.latest = Some(number);
    }

    fn add_word(&mut self, text: &str, line: u64) {
        if self.not_number.is_none() {
            self.not_number = Some(SampleCell { line, text: shortened(text) });
        }
        if self.words.len() < MAX_WORDS && !self.words.iter().any(|word| word == text) {
            self.words.push(text.to_owned());
        }
        self.states += usize::from(cell::parse_bool(text).is_some());
        // After a few cells that are no times, the cells of the column are no longer parsed as times.
        if self.may_be_time() {
            match parse_auto(text, DateOrder::DayFirst, false)
                .or_else(|_| parse_auto(text, DateOrder::MonthFirst, false))
            {
                Ok(parsed) => {
                    self.times += 1;
                    // A spreadsheet writes a midnight behind a date alone.
                    let is_midnight = matches!(&parsed.moment, Moment::Local(at) if at.second == 0 && at.nanos == 0);
                    self.dates += usize::from(!parsed.form.has_clock || is_midnight);
                    self.without_zone |= !parsed.form.has_zone;
                }
                // A date such as 30 February is refused with its row.
                Err(AutoError::Other(reason)) if reason.contains("no date of") => self.has_wrong_date = true,
                // A second 60 is refused when its row is read.
                Err(AutoError::Other(reason)) if reason.contains("second 60") => {
                    self.times += 1;
                    self.without_zone = true;
                }
                Err(_) => {}
            }
        }
        self.clocks += usize::from(self.clocks + 1 == self.filled && is_clock(text));
    }
}

/// Returns at most 32 characters of a text.
fn shortened(text: &str) -> String {
    text.chars().take(32).collect()
}

/// Returns the statistics of every column.
pub(crate) fn sample_columns(
    columns: usize,
    rows: &[TableRow],
    missing: &MissingCells,
    syntax: &NumberSyntax,
) -> Vec<ColumnSample> {
    let column = |at: usize| {
        let mut sample = ColumnSample::default();
        let mut distinct = HashSet::new();
        for row in rows {
            let text = row.cells.get(at).map_or("", String::as_str);
            if !missing.matches(text) {
                sample.add(text, row.line, syntax);
                distinct.insert(text);
            }
        }
        sample.distinct = distinct.len();
        sample
    };
    (0..columns).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Vec<ColumnSample> {
        let rows: Vec<TableRow> = (2..)
            .zip(text.lines())
            .map(|(line, row)| TableRow { line, cells: row.split(',').map(str::to_owned).collect() })
            .collect();
        sample_columns(5, &rows, &MissingCells::default(), &NumberSyntax::PLAIN)
    }

    #[test]
    fn column_types_follow_from_every_cell_that_holds_a_value() {
        let found = columns("2013-01-01,1,1795364193056,,on\n2013-01-02,NA,1795364193057,,off\n,x,1795364193058,,\n");
        assert!(found[0].is_time() && found[0].is_date() && found[0].without_zone && !found[0].is_numeric());
        assert_eq!(found[1].not_number, Some(SampleCell { line: 4, text: "x".to_owned() }));
        assert_eq!(found[2].epoch(), Some(TimeFormat::Milliseconds));
        assert!(found[2].is_numeric() && !found[2].is_time() && found[2].is_integer());
        assert!(found[3].filled == 0 && found[3].is_numeric() && !found[3].is_time());
        assert!(found[4].is_state());
    }
}
