//! Clocks in columns beside a column of dates: they would be lost if the date alone were the time.

use std::collections::HashSet;

use super::plan_draft::PlanDraft;
use super::sample::ColumnSample;
use super::time_column::part_of_name;
use super::time_suggestions::sounds_like_time;
use crate::time::TimePart;
use crate::{IngestError, TimeFormat};

impl PlanDraft<'_> {
    /// Refuses dates beside a column of their clocks, if no option chooses them.
    pub(super) fn refuse_date_without_clock(&self, at: usize) -> Result<(), IngestError> {
        if !self.sample[at].is_date() {
            return Ok(());
        }
        let any_clock = self.clocks(at).min_by_key(|clock| distance(at, *clock));
        let mut seen = HashSet::new();
        let is_repeated = self.rows().iter().any(|row| {
            let cell = |at: usize| row.cells.get(at).map_or("", String::as_str);
            let key: Vec<&str> = std::iter::once(at).chain(self.tags.iter().map(|tag| tag.at)).map(cell).collect();
            !seen.insert(key)
        });
        // A clock such as that of the sunrise is a value of its day.
        let clock = if is_repeated { any_clock } else { self.clock_of(at) };
        let Some(clock) = clock else { return Ok(()) };
        let (date, clock) = (self.names.name(at), self.names.name(clock));
        let what = if is_repeated { "dates that repeat" } else { "dates" };
        let error = IngestError::new(format!("column {date} holds {what}, and column {clock} holds clocks"));
        Err(error.suggest("time", format!("{date},{clock}")).suggest("time", date))
    }

    /// Refuses dates that repeat beside a column of counts, if no option chooses one of them.
    pub(super) fn refuse_date_beside_counts(&self, at: usize) -> Result<(), IngestError> {
        let mut seen = HashSet::new();
        let is_repeated = self.filled_cells(at).any(|text| !seen.insert(text));
        let is_auto = self.options().table.time_format == TimeFormat::Auto;
        let Some((count, unit)) =
            self.column_of_counts().filter(|(count, _)| is_auto && sounds_like_time(&self.names.0[*count]))
        else {
            return Ok(());
        };
        if !self.sample[at].is_date() || !is_repeated {
            return Ok(());
        }
        let (date, count) = (self.names.name(at), self.names.name(count));
        let message = format!("column {date} holds dates that repeat, and column {count} holds times in {unit}");
        Err(IngestError::new(message)
            .suggest("time", count)
            .suggest("time-format", unit.to_string())
            .suggest("time", date))
    }

    /// Returns a column of dates with the column of its clock, for the option `time`.
    pub(super) fn with_clock(&self, at: usize) -> String {
        let name = self.names.name(at);
        match self.clock_of(at).filter(|_| self.sample[at].is_date()) {
            Some(clock) => format!("{name},{}", self.names.name(clock)),
            None => name,
        }
    }

    /// Returns the nearest column of clocks that are no events of their day, and that is not nearer to another date.
    fn clock_of(&self, date: usize) -> Option<usize> {
        let table = &self.options().table;
        let dates = || (0..self.names.0.len()).filter(|at| self.sample[*at].is_date());
        // A clock follows its date; the first clocks may be before the first date.
        let is_own = |clock: &usize| dates().rfind(|at| at < clock).or_else(|| dates().next()) == Some(date);
        let is_of_day = |clock: &usize| {
            let name = &self.names.0[*clock];
            is_event_of_day(name) || table.values_except.contains(name)
        };
        let clocks = self.clocks(date).filter(|clock| !is_of_day(clock)).filter(is_own);
        // A column that is called a time comes before one that only holds clocks.
        clocks.min_by_key(|clock| (!sounds_like_time(&self.names.0[*clock]), distance(date, *clock)))
    }

    /// Returns the columns of clocks or hours beside a column of dates.
    fn clocks(&self, date: usize) -> impl Iterator<Item = usize> {
        (0..self.names.0.len()).filter(move |other| {
            let (sample, name) = (&self.sample[*other], &self.names.0[*other]);
            let is_hour = matches!(part_of_name(name), Some(TimePart::Hour | TimePart::HourMinute));
            let is_number = (is_hour && sample.is_integer()) || (sounds_like_time(name) && is_clock_of_digits(sample));
            *other != date && !self.is_tag(*other) && (sample.is_clock() || is_number)
        })
    }
}

/// Returns `true` for a name of what happens once a day, or of an extreme of the day: its clock is a value of the day.
fn is_event_of_day(name: &str) -> bool {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_alphanumeric()).any(|word| {
        matches!(word, "transit" | "zenith" | "noon" | "high" | "low" | "max" | "min" | "maximum" | "minimum" | "peak")
            || ["rise", "set", "dawn", "dusk", "twilight", "tide", "aufgang", "untergang"]
                .iter()
                .any(|event| word.ends_with(event))
    })
}

/// Returns `true` for clocks in digits alone, such as 0715 or 071500.
fn is_clock_of_digits(sample: &ColumnSample) -> bool {
    let digits = sample.first.as_ref().map_or(0, |cell| cell.text.len());
    sample.is_integer()
        && !sample.has_negative
        && match digits {
            4 => sample.greatest_integer <= 2_400,
            6 => sample.greatest_integer <= 240_000,
            _ => false,
        }
}

/// Returns how far a column is from that of a date; the columns behind it come first.
fn distance(date: usize, other: usize) -> (bool, usize) {
    (other < date, other.abs_diff(date))
}
