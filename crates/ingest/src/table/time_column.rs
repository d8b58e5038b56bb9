//! Finds the column of the time and decides how its texts are read.

use super::date_order_scan::DateOrderScan;
use super::dates_without_year::lacks_year;
use super::plan::{TimeColumns, ZoneCells};
use super::plan_draft::PlanDraft;
use super::planner::TableRow;
use super::row_direction::RowDirection;
use super::sample::{ColumnSample, SampleCell};
use super::time_parts::refuse_unused_year;
use crate::time::{DateOrder, Moment, RowOrder, TimePart, TimeReader, check_pattern, is_period, time_zone};
use crate::{IngestError, TimeFormat};

/// Columns of the time.
pub(crate) struct TimeChoice {
    pub(crate) at: Vec<usize>,
    /// Column of the zones of the times.
    pub(crate) zone_cells: Option<ZoneCells>,
}

/// Returns `true` if a name of a column is that of a part of a time.
pub(crate) fn is_part_of_time(name: &str) -> bool {
    part_of_name(name).is_some()
}

/// Returns the part of a time that a name of a column means.
pub(crate) fn part_of_name(name: &str) -> Option<TimePart> {
    Some(match name.trim().trim_start_matches('#').to_lowercase().as_str() {
        "year" | "yr" | "yyyy" | "jahr" => TimePart::Year,
        "doy" | "yday" | "jday" | "dayofyear" | "day_of_year" | "day of year" => TimePart::DayOfYear,
        "quarter" | "qtr" | "quartal" => TimePart::Quarter,
        "month" | "mon" | "mo" | "monat" => TimePart::Month,
        "day" | "dd" | "dy" | "tag" => TimePart::Day,
        "hour" | "hr" | "hh" | "stunde" | "heure" | "hora" | "uur" => TimePart::Hour,
        "minute" | "min" | "mn" => TimePart::Minute,
        "second" | "sec" | "ss" | "sc" => TimePart::Second,
        "msc" | "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => TimePart::Millisecond,
        "hhmm" | "hrmn" => TimePart::HourMinute,
        "hhmmss" | "hms" => TimePart::HourMinuteSecond,
        // Such as SS.sss.
        name if matches!(name.split(|c: char| !c.is_alphanumeric()).next(), Some("ss")) => TimePart::Second,
        // Such as hour_ending, or hour of day.
        name if matches!(name.split(|c: char| !c.is_alphanumeric()).next(), Some("hour" | "hr")) => TimePart::Hour,
        _ => return None,
    })
}

impl PlanDraft<'_> {
    /// Returns the columns of the time that the options name, or the only column that can be the time.
    pub(super) fn choose_time(&mut self) -> Result<TimeChoice, IngestError> {
        let mut choice = self.time_without_zone()?;
        choice.zone_cells = self.zone_cells(&choice)?;
        Ok(choice)
    }

    fn time_without_zone(&mut self) -> Result<TimeChoice, IngestError> {
        let named = &self.options().table.time;
        if !named.is_empty() {
            let at = named.iter().map(|name| self.names.find(name, "time")).collect::<Result<Vec<_>, _>>()?;
            return Ok(TimeChoice { at, zone_cells: None });
        }
        let at = self.only_time()?;
        self.refuse_date_without_clock(at)?;
        self.refuse_date_beside_counts(at)?;
        let name = self.names.name(at);
        self.understanding.notes.push(format!("column {name} holds the time"));
        Ok(TimeChoice { at: vec![at], zone_cells: None })
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
        if let Some(error) = self.influx_columns(&found) {
            return Err(error);
        }
        // A column of dates repeats those of a column of times, and the bounds of a query are the same in every row.
        let is_constant = |at: &usize| self.sample[*at].distinct == 1 && self.sample[*at].filled > 1;
        found.sort_by_key(|at| (is_constant(at), self.sample[*at].is_date()));
        if !found.is_empty() {
            let names: Vec<String> = found.iter().map(|at| self.names.name(*at)).collect();
            let listed = super::column_roles::join_limited(&names, 20);
            let mut error =
                IngestError::new(format!("no column was recognised as the time: several hold times: {listed}"));
            for at in found.into_iter().take(3) {
                error = error.suggest("time", self.with_clock(at));
            }
            return Err(error);
        }
        Err(self.no_time())
    }

    /// Returns the error of a column of periods, whose times are their starts or their ends.
    pub(super) fn refuse_periods(&self, at: usize) -> Result<(), IngestError> {
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
        if matches!(&reader, TimeReader::Pattern(pattern) if pattern.contains("%y")) {
            let note = "years of two digits are those from 1969 to 2068";
            self.understanding.notes.push(note.to_owned());
        }
        let zone_cells = choice.zone_cells;
        let (at, order) = (choice.at.clone(), RowOrder::Ascending);
        let mut columns = TimeColumns { at, name: name.clone(), reader, zone, order, zone_cells };
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
        columns.order = RowDirection::of_rows(&columns, self.rows());
        let is_local =
            !matches!(columns.reader, TimeReader::Epoch { .. } | TimeReader::Elapsed { .. } | TimeReader::Rfc3339);
        let is_without_zone = match &columns.reader {
            TimeReader::Auto { .. } => dates.without_zone,
            TimeReader::Period { .. } => {
                let first = self.rows().first().and_then(|row| row.cells.get(choice.at[0]));
                first.is_some_and(|text| matches!(columns.reader.parse(text), Ok(Moment::Local(_))))
            }
            TimeReader::Pattern(pattern) | TimeReader::YearPattern { pattern, .. } => {
                !["%z", "%:z", "%s", "%Q", "%:Q"].iter().any(|directive| pattern.contains(directive))
            }
            _ => is_local,
        };
        if is_without_zone && columns.zone.is_none() && zone_cells.is_none() {
            self.understanding.notes.push(format!("the times of {name} have no zone and are read as UTC"));
        }
        Ok((columns, dates))
    }

    pub(super) fn reader(&self, choice: &TimeChoice) -> Result<TimeReader, IngestError> {
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
            if lacks_year(pattern) && check_pattern(&format!("%Y {pattern}")).is_ok() {
                let error = || {
                    let message = format!("the pattern {pattern:?} has no year");
                    IngestError::new(message).suggest("year", "YEAR")
                };
                let year = table.year.ok_or_else(error)?;
                return Ok(TimeReader::YearPattern { pattern: pattern.clone(), year });
            }
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
