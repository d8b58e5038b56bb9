//! Finds the column of the time and decides how its texts are read.

use std::collections::HashSet;

use super::date_order_scan::DateOrderScan;
use super::plan::TimeColumns;
use super::plan_draft::PlanDraft;
use super::planner::TableRow;
use super::sample::{ColumnSample, SampleCell};
use super::time_forms::{compact_pattern, is_compact_date, is_elapsed, is_hour_minute};
use super::time_parts::refuse_unused_year;
use crate::time::{DateOrder, Moment, RowOrder, TimePart, TimeReader, check_pattern, is_period, parse_auto, time_zone};
use crate::{IngestError, TimeFormat};

/// Columns of the time.
pub(crate) struct TimeChoice {
    pub(crate) at: Vec<usize>,
}

/// Returns the part of a time that a name of a column means.
pub(crate) fn part_of_name(name: &str) -> Option<TimePart> {
    Some(match name.trim().to_lowercase().as_str() {
        "year" | "yr" | "yyyy" | "jahr" => TimePart::Year,
        "doy" | "yday" | "jday" | "dayofyear" | "day_of_year" | "day of year" => TimePart::DayOfYear,
        "month" | "mon" | "mo" | "monat" => TimePart::Month,
        "day" | "dd" | "dy" | "tag" => TimePart::Day,
        "hour" | "hr" | "hh" | "stunde" => TimePart::Hour,
        "minute" | "min" | "mn" => TimePart::Minute,
        "second" | "sec" | "ss" => TimePart::Second,
        "hhmm" | "hrmn" => TimePart::HourMinute,
        // Such as hour_ending, or hour of day.
        name if matches!(name.split(|c: char| !c.is_alphanumeric()).next(), Some("hour" | "hr")) => TimePart::Hour,
        _ => return None,
    })
}

/// Returns `true` if a name sounds like that of a time.
fn sounds_like_time(name: &str) -> bool {
    let name = name.to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|word| {
        matches!(
            word,
            "t" | "ts"
                | "time"
                | "date"
                | "datetime"
                | "timestamp"
                | "epoch"
                | "elapsed"
                | "seconds"
                | "sec"
                | "secs"
                | "ms"
                | "zeit"
                | "datum"
        ) || word.ends_with("time")
            || word.ends_with("date")
    })
}

impl PlanDraft<'_> {
    /// Returns the columns of the time that the options name, or the only column that can be the time.
    pub(super) fn choose_time(&mut self) -> Result<TimeChoice, IngestError> {
        let named = &self.options().table.time;
        if !named.is_empty() {
            let at = named.iter().map(|name| self.names.find(name, "time")).collect::<Result<Vec<_>, _>>()?;
            return Ok(TimeChoice { at });
        }
        let at = self.only_time()?;
        self.refuse_date_without_clock(at)?;
        let name = self.names.name(at);
        self.understanding.notes.push(format!("column {name} holds the time"));
        Ok(TimeChoice { at: vec![at] })
    }

    /// Returns the only column that can be the time.
    fn only_time(&self) -> Result<usize, IngestError> {
        let table = &self.options().table;
        let is_open = |at: &usize| !self.is_tag(*at);
        let columns = || (0..self.names.0.len()).filter(is_open);
        let format = &table.time_format;
        let reads_pattern = |sample: &ColumnSample| match (format, &sample.first) {
            (TimeFormat::Pattern(_), Some(first)) => {
                let reader = plain_reader(format);
                reader.is_some_and(|reader| reader.parse(&first.text).is_ok())
            }
            _ => false,
        };
        let fits = |at: &usize| {
            let sample = &self.sample[*at];
            match format {
                TimeFormat::Auto | TimeFormat::Rfc3339 => sample.is_time(),
                TimeFormat::Pattern(_) => sample.is_time() || reads_pattern(sample),
                TimeFormat::Excel => sample.is_serial_day(),
                unit => sample.epoch().as_ref() == Some(unit),
            }
        };
        let mut found: Vec<usize> = columns().filter(fits).collect();
        if found.len() > 1 && matches!(format, TimeFormat::Pattern(_)) {
            found.retain(|at| reads_pattern(&self.sample[*at]));
        }
        if let [only] = found[..] {
            return Ok(only);
        }
        if !found.is_empty() {
            let names: Vec<String> = found.iter().map(|at| self.names.name(*at)).collect();
            let listed = super::column_roles::join_limited(&names, 20);
            let mut error =
                IngestError::new(format!("no column was recognised as the time: several hold times: {listed}"));
            for name in names.into_iter().take(3) {
                error = error.suggest("time", name);
            }
            return Err(error);
        }
        Err(self.no_time())
    }

    /// Returns the error of a table without a column of times, with the options that would help.
    fn no_time(&self) -> IngestError {
        let all: Vec<usize> = (0..self.names.0.len()).filter(|at| !self.names.0[*at].is_empty()).collect();
        if let Err(error) = super::sample_checks::refuse_times_across(self, &all) {
            return error;
        }
        let error = IngestError::new("no column was recognised as the time");
        let columns = || (0..self.names.0.len()).filter(|at| !self.is_tag(*at));
        let parts = self.part_columns();
        let part = |at: usize| part_of_name(&self.names.0[at]);
        let names: Vec<String> = parts.iter().map(|at| self.names.name(*at)).collect();
        if parts.iter().any(|at| part(*at) == Some(TimePart::Year)) {
            return error.suggest("time", names.join(","));
        }
        for at in columns() {
            if let Err(error) = self.refuse_periods(at) {
                return error;
            }
        }
        // The first column of increasing times: a counter that looks like a time usually comes after the time.
        if let Some((at, unit)) = columns().find_map(|at| Some((at, self.sample[at].epoch()?))) {
            return error.suggest("time", self.names.name(at)).suggest("time-format", unit.to_string());
        }
        let by_name = |accept: fn(&ColumnSample) -> bool| {
            columns().find(|at| sounds_like_time(&self.names.0[*at]) && accept(&self.sample[*at]))
        };
        if let Some(at) = by_name(ColumnSample::is_serial_day) {
            return error.suggest("time", self.names.name(at)).suggest("time-format", "excel");
        }
        if let Some(at) = by_name(is_compact_date) {
            let is_hour = |at: &usize| {
                let (name, sample) = (&self.names.0[*at], &self.sample[*at]);
                let is_hour_name = matches!(part_of_name(name), Some(TimePart::Hour | TimePart::HourMinute));
                sample.is_clock() || is_hour_name || (name.to_lowercase().ends_with("time") && is_hour_minute(sample))
            };
            // A clock beside its date comes before one elsewhere.
            if let Some(clock) = columns().filter(is_hour).min_by_key(|clock| (*clock != at + 1, *clock)) {
                return error.suggest("time", format!("{},{}", self.names.name(at), self.names.name(clock)));
            }
            return error.suggest("time", self.names.name(at)).suggest("time-format", "%Y%m%d");
        }
        let is_day = |at: &usize| matches!(part(*at), Some(TimePart::Day | TimePart::DayOfYear));
        if parts.len() >= 2 && parts.iter().any(is_day) {
            let (names, times) = (names.join(", "), names.join(","));
            let message = format!("{}: the columns {names} are parts of a time without a year", error.message);
            return IngestError::new(message).suggest("time", times).suggest("year", "YEAR");
        }
        if let Some(at) = by_name(|sample| sample.is_increasing() || is_elapsed(sample)) {
            return error.suggest("time", self.names.name(at)).suggest("origin", "2024-01-01T00:00:00Z");
        }
        if let Some(at) = by_name(|sample| sample.filled > 0 && !sample.is_numeric()) {
            return self.unknown_time(at);
        }
        let columns = self.names.listed();
        IngestError::new(format!("{}: name one; the columns are {columns}", error.message)).suggest("time", "COL")
    }

    /// Returns the error of a column of periods, whose times are their starts or their ends.
    fn refuse_periods(&self, at: usize) -> Result<(), IngestError> {
        let cell = |row: &TableRow| {
            let text = row.cells.get(at).filter(|text| text.contains('/'))?;
            Some(SampleCell { line: row.line, text: text.clone() })
        };
        let Some(cell) = self.rows().iter().find_map(cell).filter(|cell| is_period(&cell.text)) else {
            return Ok(());
        };
        let name = self.names.name(at);
        let error = IngestError::new(format!("column {name} holds periods such as {:?}", cell.text)).at_line(cell.line);
        Err(["period-start", "period-end"]
            .iter()
            .fold(error, |error, format| error.suggest("time", name.clone()).suggest("time-format", *format)))
    }

    /// Returns the error of a column that sounds like a time and has texts of no known form.
    fn unknown_time(&self, at: usize) -> IngestError {
        let cell = self.sample[at].not_number.as_ref();
        let text = cell.map_or("", |cell| cell.text.as_str());
        let reason = match parse_auto(text, DateOrder::Undecided, false) {
            Err(error) => error.reason(text),
            Ok(_) => format!("{text:?} is a time, and other cells are none"),
        };
        let name = self.names.name(at);
        let error = IngestError::new(format!("no column was recognised as the time: column {name}: {reason}"));
        let error = match cell {
            Some(cell) => error.at_line(cell.line),
            None => error,
        };
        if reason.contains("two digits") {
            let separator = text.chars().find(|c| !c.is_ascii_digit()).unwrap_or('/');
            return [("d", "m"), ("m", "d")].iter().fold(error, |error, (first, second)| {
                let clock = ["", " %H:%M", " %H:%M:%S"][text.matches(':').count().min(2)];
                error.suggest("time-format", format!("%{first}{separator}%{second}{separator}%y{clock}"))
            });
        }
        error.suggest("time", name).suggest("time-format", compact_pattern(text).unwrap_or("PATTERN"))
    }

    /// Refuses dates that repeat beside a column of clocks or hours: the clock would be lost.
    fn refuse_date_without_clock(&self, at: usize) -> Result<(), IngestError> {
        if !self.sample[at].is_date() {
            return Ok(());
        }
        let clock = (0..self.names.0.len()).find(|other| {
            let (sample, name) = (&self.sample[*other], &self.names.0[*other]);
            let is_hour = matches!(part_of_name(name), Some(TimePart::Hour | TimePart::HourMinute));
            *other != at && !self.is_tag(*other) && (sample.is_clock() || (sample.is_integer() && is_hour))
        });
        let Some(clock) = clock else { return Ok(()) };
        let mut seen = HashSet::new();
        let is_repeated = self.rows().iter().any(|row| {
            let cell = |at: usize| row.cells.get(at).map_or("", String::as_str);
            let key: Vec<&str> = std::iter::once(at).chain(self.tags.iter().map(|tag| tag.at)).map(cell).collect();
            !seen.insert(key)
        });
        if !is_repeated {
            return Ok(());
        }
        let (date, clock) = (self.names.name(at), self.names.name(clock));
        let error = IngestError::new(format!("column {date} holds dates that repeat, and column {clock} holds clocks"));
        Err(error.suggest("time", format!("{date},{clock}")).suggest("time", date))
    }

    /// Returns how the columns of the time are read, and the scan for the order of day and month.
    pub(super) fn time_columns(&mut self, choice: &TimeChoice) -> Result<(TimeColumns, DateOrderScan), IngestError> {
        let names: Vec<String> = choice.at.iter().map(|at| self.names.name(*at)).collect();
        let name = names.join(",");
        let zone = match &self.options().table.time_zone {
            Some(zone) => {
                Some(time_zone(zone).map_err(|reason| IngestError::new(reason).suggest("time-zone", "Europe/Berlin"))?)
            }
            None => None,
        };
        let reader = self.reader(choice)?;
        let mut columns =
            TimeColumns { at: choice.at.clone(), name: name.clone(), reader, zone, order: RowOrder::Ascending };
        let mut dates = DateOrderScan::default();
        let is_auto = matches!(columns.reader, TimeReader::Auto { .. } | TimeReader::DateAndParts { .. });
        if is_auto {
            // The clock of a date and numbers has no form of its own.
            dates.is_joined = matches!(columns.reader, TimeReader::Auto { is_joined: true, .. });
            for row in self.rows() {
                let at = if matches!(columns.reader, TimeReader::DateAndParts { .. }) {
                    &columns.at[..1]
                } else {
                    &columns.at[..]
                };
                dates.look_at(at, row);
            }
        }
        columns.order = dates.row_order();
        let is_local =
            !matches!(columns.reader, TimeReader::Epoch { .. } | TimeReader::Elapsed { .. } | TimeReader::Rfc3339);
        let is_without_zone = match &columns.reader {
            TimeReader::Auto { .. } => dates.without_zone,
            TimeReader::Period { .. } => {
                let first = self.rows().first().and_then(|row| row.cells.get(choice.at[0]));
                first.is_some_and(|text| matches!(columns.reader.parse(text), Ok(Moment::Local(_))))
            }
            TimeReader::Pattern(pattern) => {
                !pattern.contains("%z") && !pattern.contains("%:z") && !pattern.contains("%s")
            }
            _ => is_local,
        };
        if is_without_zone && columns.zone.is_none() {
            self.understanding.notes.push(format!("the times of {name} have no zone and are read as UTC"));
        }
        Ok((columns, dates))
    }

    fn reader(&self, choice: &TimeChoice) -> Result<TimeReader, IngestError> {
        let reader = self.reader_of_format(choice)?;
        if let Some(year) = self.options().table.year {
            refuse_unused_year(year, &reader)?;
        }
        Ok(reader)
    }

    fn reader_of_format(&self, choice: &TimeChoice) -> Result<TimeReader, IngestError> {
        let table = &self.options().table;
        let format = &table.time_format;
        if let Some(origin) = table.origin {
            if !matches!(format, TimeFormat::Auto) && format.power().is_none() {
                return Err(IngestError::new("an origin needs elapsed times: numbers, or 0 days 00:00:01")
                    .suggest("time-format", "s"));
            }
            return Ok(TimeReader::Elapsed { power: format.power().unwrap_or(9), origin });
        }
        if let TimeFormat::Pattern(pattern) = format {
            check_pattern(pattern)
                .map_err(|reason| IngestError::new(reason).suggest("time-format", "%Y-%m-%d %H:%M:%S"))?;
        }
        if let Some(reader) = plain_reader(format) {
            return Ok(reader);
        }
        match choice.at[..] {
            [at] if table.year.is_none() => {
                if part_of_name(&self.names.0[at]) == Some(TimePart::Year) && self.sample[at].is_year() {
                    return Ok(TimeReader::Parts(vec![TimePart::Year]));
                }
                self.refuse_numbers(at)?;
                self.refuse_periods(at)?;
                Ok(TimeReader::Auto { order: DateOrder::Undecided, is_joined: false })
            }
            _ => self.joined_reader(&choice.at),
        }
    }

    /// Refuses a column of numbers as the time if no option says what they count.
    fn refuse_numbers(&self, at: usize) -> Result<(), IngestError> {
        let (name, sample) = (self.names.name(at), &self.sample[at]);
        let is_duration = !sample.is_time() && is_elapsed(sample);
        if sample.filled == 0 || (!sample.is_numeric() && !is_duration) {
            return Ok(());
        }
        let text = sample.first.as_ref().map_or("", |cell| cell.text.as_str());
        let error = IngestError::new(format!("column {name} holds numbers such as {text}, whose unit is not known"));
        Err(match sample.first.as_ref().and_then(|cell| TimeFormat::of_number(&cell.text)) {
            _ if is_duration => IngestError::new(format!("column {name} holds elapsed times such as {text:?}"))
                .suggest("origin", "2024-01-01T00:00:00Z"),
            Some(unit) => error.suggest("time-format", unit.to_string()),
            None if is_compact_date(sample) => error.suggest("time-format", "%Y%m%d"),
            None if sample.is_year() => error.suggest("time-format", "%Y").suggest("origin", "2024-01-01T00:00:00Z"),
            None if sample.is_serial_day() => {
                error.suggest("time-format", "excel").suggest("origin", "2024-01-01T00:00:00Z")
            }
            None => error.suggest("origin", "2024-01-01T00:00:00Z").suggest("time-format", "s"),
        })
    }
}

/// Returns the reader of a format that needs no look at the data.
fn plain_reader(format: &TimeFormat) -> Option<TimeReader> {
    Some(match format {
        TimeFormat::Auto => return None,
        TimeFormat::Rfc3339 => TimeReader::Rfc3339,
        TimeFormat::Excel => TimeReader::Excel,
        TimeFormat::Pattern(pattern) => TimeReader::Pattern(pattern.clone()),
        TimeFormat::PeriodStart => TimeReader::Period { is_end: false },
        TimeFormat::PeriodEnd => TimeReader::Period { is_end: true },
        unit => TimeReader::Epoch { power: unit.power()? },
    })
}
