//! Times whose parts are numbers in columns of their own.

use super::plan_draft::PlanDraft;
use super::time_column::part_of_name;
use super::time_forms::is_hour_minute;
use crate::IngestError;
use crate::time::{DateOrder, TimePart, TimeReader};

impl PlanDraft<'_> {
    /// Returns the columns whose names and numbers are parts of a time, each with the part before it.
    ///
    /// They begin with a year, or with a day if no column is called a year, and end at the first part that is missing.
    pub(super) fn part_columns(&self) -> Vec<usize> {
        let open = || (0..self.names.0.len()).filter(|at| !self.is_tag(*at));
        let is_called = |at: &usize, name: &str| self.names.0[*at].trim_start_matches('#').eq_ignore_ascii_case(name);
        let called = |part: TimePart| {
            let found = open().find(|at| part_of_name(&self.names.0[*at]) == Some(part));
            found.or_else(|| match part {
                TimePart::Year => open().find(|at| is_called(at, "yy") && self.sample[*at].is_year()),
                // The second of the columns MM and mm.
                TimePart::Minute => open().filter(|at| is_called(at, "mm")).nth(1),
                _ => None,
            })
        };
        let within = |part: TimePart, least: f64, greatest: f64| {
            called(part).filter(|at| self.sample[*at].is_whole_within(least, greatest))
        };
        let year = called(TimePart::Year);
        if year.is_some_and(|at| !self.sample[at].is_year()) {
            return Vec::new();
        }
        let mut parts: Vec<usize> = year.into_iter().collect();
        // MM is the month where another column is the minute.
        let minute = called(TimePart::Minute);
        let short = || open().find(|at| minute.is_some() && self.names.0[*at].eq_ignore_ascii_case("mm"));
        let short = || short().filter(|at| self.sample[*at].is_whole_within(1.0, 12.0));
        let names_month = |at: &usize| self.sample[*at].filled > 0 && !self.sample[*at].is_numeric();
        let named = || called(TimePart::Month).filter(|at| year.is_some() && names_month(at));
        let month = within(TimePart::Month, 1.0, 12.0).or_else(short).or_else(named);
        let day = month.and_then(|_| within(TimePart::Day, 1.0, 31.0));
        let beyond_month = called(TimePart::Day).filter(|at| month.is_none() && self.is_day_of_year(*at));
        let day_of_year = within(TimePart::DayOfYear, 1.0, 366.0).or(beyond_month);
        let quarter = self.quarters(year).filter(|_| month.is_none() && day_of_year.is_none());
        parts.extend(quarter);
        // A month alone is a time with its year only.
        parts.extend(month.filter(|_| day.is_some() || (year.is_some() && day_of_year.is_none())));
        parts.extend(day);
        parts.extend(day_of_year);
        if day.is_some() || day_of_year.is_some() {
            let clock = self.clock_columns(&within);
            // A clock such as 2359, in a column named after its zone, follows the day of the year.
            let unnamed = day_of_year.filter(|_| clock.is_empty() && day.is_none()).map(|at| at + 1);
            let is_clock = |at: &usize| {
                let sample = self.sample.get(*at);
                !self.is_tag(*at)
                    && sample.is_some_and(|sample| sample.is_integer() && sample.is_whole_within(0.0, 2_400.0))
                    && part_of_name(&self.names.0[*at]).is_none()
                    && self.unnamed_clock(*at, true).is_ok()
            };
            parts.extend(clock);
            parts.extend(unnamed.filter(is_clock));
        }
        parts.sort_unstable();
        parts
    }

    /// Returns the columns of hour, minute and second, up to the first that is missing.
    fn clock_columns(&self, within: &impl Fn(TimePart, f64, f64) -> Option<usize>) -> Vec<usize> {
        let clock =
            within(TimePart::HourMinute, 0.0, 2_400.0).or_else(|| within(TimePart::HourMinuteSecond, 0.0, 240_000.0));
        let hour = within(TimePart::Hour, 0.0, 2_400.0).filter(|at| self.hour(*at).is_ok());
        let Some(first) = hour.or(clock) else { return Vec::new() };
        let has_minute = hour.is_none() || self.hour(first) == Ok(TimePart::HourMinute);
        let minute = within(TimePart::Minute, 0.0, 59.0).filter(|_| !has_minute);
        let fractional = || self.seconds_with_fraction();
        let second = within(TimePart::Second, 0.0, 60.0).or_else(fractional).filter(|_| has_minute || minute.is_some());
        let millisecond = within(TimePart::Millisecond, 0.0, 999.0).filter(|_| second.is_some());
        [Some(first), minute, second, millisecond].into_iter().flatten().collect()
    }

    /// Returns the reader of several columns, or of one with a year by an option.
    pub(super) fn joined_reader(&self, at: &[usize]) -> Result<TimeReader, IngestError> {
        let is_number = |at: &usize| self.sample[*at].is_whole() || self.may_be_seconds(*at);
        let is_year = |at: &usize| self.sample[*at].greatest() <= 9_999.0 || part_of_name(&self.names.0[*at]).is_some();
        let year = self.options().table.year;
        match at.split_first() {
            Some((first, _)) if at.iter().all(is_number) && (year.is_some() || is_year(first)) => {
                let given = year.map(TimePart::GivenYear);
                let parts: Vec<TimePart> = given.into_iter().chain(self.parts(at, given)?).collect();
                self.refuse_gaps(at, &parts)?;
                Ok(TimeReader::Parts(parts))
            }
            Some((_, clock)) if clock.iter().all(is_number) => {
                let parts = self.parts(clock, Some(TimePart::Day))?;
                self.refuse_gaps_behind_date(clock, &parts)?;
                Ok(TimeReader::DateAndParts { order: DateOrder::Undecided, parts })
            }
            _ => Ok(TimeReader::Auto { order: DateOrder::Undecided, is_joined: true }),
        }
    }

    /// Returns the part of each column: by its name, or as the next smaller one of the part before it.
    fn parts(&self, at: &[usize], before: Option<TimePart>) -> Result<Vec<TimePart>, IngestError> {
        let mut previous = before;
        let mut parts = Vec::with_capacity(at.len());
        // Beside a month, a day above 31 is a mistake of its row.
        let has_month = at.iter().any(|at| part_of_name(&self.names.0[*at]) == Some(TimePart::Month));
        for at in at {
            let part = match part_of_name(&self.names.0[*at]) {
                Some(TimePart::Second) if previous == Some(TimePart::Day) => TimePart::SecondOfDay,
                Some(TimePart::Hour) => self.hour(*at)?,
                Some(TimePart::Day) if !has_month && !parts.contains(&TimePart::Month) && self.is_day_of_year(*at) => {
                    TimePart::DayOfYear
                }
                Some(part) => part,
                None => match previous {
                    None => TimePart::Year,
                    Some(TimePart::Year | TimePart::GivenYear(_)) => TimePart::Month,
                    Some(TimePart::Month) => TimePart::Day,
                    Some(TimePart::Day) if self.is_second_of_day(*at) => TimePart::SecondOfDay,
                    Some(TimePart::Day) => self.unnamed_clock(*at, false)?,
                    Some(TimePart::DayOfYear) => self.unnamed_clock(*at, true)?,
                    Some(TimePart::Hour) => TimePart::Minute,
                    Some(TimePart::Minute) => TimePart::Second,
                    Some(_) => {
                        let name = self.names.name(*at);
                        return Err(IngestError::new(format!("the name of column {name} is no part of a time")));
                    }
                },
            };
            self.refuse_fraction(*at, part)?;
            parts.push(part);
            previous = Some(part);
        }
        Ok(parts)
    }

    /// Returns `true` if the days of a column go beyond those of a month.
    fn is_day_of_year(&self, at: usize) -> bool {
        let sample = &self.sample[at];
        sample.is_whole_within(1.0, 366.0) && sample.greatest() > 31.0
    }

    /// Returns whether a column that is called an hour holds hours or clocks such as 2300.
    fn hour(&self, at: usize) -> Result<TimePart, IngestError> {
        let sample = &self.sample[at];
        match sample.greatest() {
            _ if self.is_hour_minute_second(at) => Ok(TimePart::HourMinuteSecond),
            greatest if is_hour_minute(sample) || is_clock_number(greatest, 100.0) => Ok(TimePart::HourMinute),
            greatest if greatest <= 24.0 => Ok(TimePart::Hour),
            greatest => {
                let name = self.names.name(at);
                Err(IngestError::new(format!(
                    "column {name} holds {greatest}, which is neither an hour nor a clock hhmm"
                )))
            }
        }
    }

    /// Returns whether a column with another name, behind a day, holds hours or clocks such as 2300.
    fn unnamed_clock(&self, at: usize, is_behind_day_of_year: bool) -> Result<TimePart, IngestError> {
        let (name, sample) = (self.names.name(at), &self.sample[at]);
        match sample.greatest() {
            _ if self.is_hour_minute_second(at) => Ok(TimePart::HourMinuteSecond),
            greatest if is_hour_minute(sample) || is_clock_number(greatest, 25.0) => Ok(TimePart::HourMinute),
            greatest if greatest > 24.0 => Err(IngestError::new(format!(
                "column {name} holds {greatest}, which is neither an hour nor a clock hhmm"
            ))),
            // Clocks such as 5 for 00:05 are usual behind the day of the year.
            _ if is_behind_day_of_year => {
                let message =
                    format!("column {name} may hold hours, or clocks such as 5 for 00:05: call it hour or hhmm");
                let renamed = |new_name: &str| {
                    let columns = self.names.0.iter().enumerate();
                    let names: Vec<&str> =
                        columns.map(|(other, name)| if other == at { new_name } else { name.as_str() }).collect();
                    names.join(",")
                };
                let error = IngestError::new(message);
                Err(error.suggest("columns", renamed("hour")).suggest("columns", renamed("hhmm")))
            }
            _ => Ok(TimePart::Hour),
        }
    }

    /// Refuses parts that are there twice, and parts without the greater ones.
    fn refuse_gaps(&self, at: &[usize], parts: &[TimePart]) -> Result<(), IngestError> {
        let names = || at.iter().map(|at| self.names.name(*at)).collect::<Vec<_>>().join(", ");
        let has = |part: TimePart| parts.contains(&part);
        let has_year = parts.iter().any(|part| matches!(part, TimePart::Year | TimePart::GivenYear(_)));
        if !has_year {
            let error = IngestError::new(format!("the columns {} are parts of a time without a year", names()));
            return Err(error.suggest("year", "YEAR"));
        }
        if has(TimePart::Day) && !has(TimePart::Month) {
            let message = format!("the columns {} have a day and no month; a day of the year is called doy", names());
            return Err(IngestError::new(message));
        }
        let has_day = has(TimePart::Day) || has(TimePart::DayOfYear);
        if !has_day && parts.iter().any(|part| is_clock_part(*part)) {
            return Err(IngestError::new(format!("the columns {} have a clock and no day", names())));
        }
        self.refuse_clock_gaps(at, parts)
    }

    fn refuse_gaps_behind_date(&self, at: &[usize], parts: &[TimePart]) -> Result<(), IngestError> {
        // The date of each row may have the other parts of the clock.
        if parts == [TimePart::Millisecond] {
            return Ok(());
        }
        match at.iter().zip(parts).find(|(_, part)| !is_clock_part(**part)) {
            Some((at, _)) => {
                let name = self.names.name(*at);
                Err(IngestError::new(format!(
                    "column {name} is a part of a date, which the first time column has already"
                )))
            }
            None => self.refuse_clock_gaps(at, parts),
        }
    }

    fn refuse_clock_gaps(&self, at: &[usize], parts: &[TimePart]) -> Result<(), IngestError> {
        let names = || at.iter().map(|at| self.names.name(*at)).collect::<Vec<_>>().join(", ");
        let has = |part: TimePart| parts.contains(&part);
        let is_repeated = parts.iter().enumerate().any(|(nth, part)| parts[..nth].contains(part))
            || (has(TimePart::Quarter) && has(TimePart::Month))
            || (has(TimePart::HourMinute) && (has(TimePart::Hour) || has(TimePart::Minute)))
            || (has(TimePart::HourMinuteSecond) && parts.iter().filter(|part| is_clock_part(**part)).count() > 1);
        if is_repeated {
            return Err(IngestError::new(format!("the columns {} hold the same part of a time twice", names())));
        }
        let has_minute = has(TimePart::Minute) || has(TimePart::HourMinute);
        let lacks_second = has(TimePart::Millisecond) && !has(TimePart::Second);
        if (has(TimePart::Minute) && !has(TimePart::Hour)) || (has(TimePart::Second) && !has_minute) || lacks_second {
            return Err(IngestError::new(format!(
                "the columns {} lack the hour, the minute or the second of their clock",
                names()
            )));
        }
        Ok(())
    }
}

/// Returns `true` for hours, minutes and seconds.
fn is_clock_part(part: TimePart) -> bool {
    use TimePart::{Hour, HourMinute, HourMinuteSecond, Millisecond, Minute, Second, SecondOfDay};
    matches!(part, Hour | Minute | Second | Millisecond | HourMinute | HourMinuteSecond | SecondOfDay)
}

/// Returns `true` if the greatest number of a column is a clock such as 2300.
fn is_clock_number(greatest: f64, least: f64) -> bool {
    (least..=2_400.0).contains(&greatest) && greatest % 100.0 < 60.0
}

/// Refuses a year by an option for times that have one, or that are no parts: it would be ignored.
pub(super) fn refuse_unused_year(year: i64, reader: &TimeReader) -> Result<(), IngestError> {
    let is_used = match reader {
        TimeReader::YearPattern { .. } => true,
        TimeReader::Parts(parts) => parts.contains(&TimePart::GivenYear(year)) && !parts.contains(&TimePart::Year),
        _ => false,
    };
    if is_used {
        return Ok(());
    }
    Err(IngestError::new(format!(
        "the year {year} is for times in columns of numbers without a year, such as month and day; leave it out here"
    )))
}

#[cfg(test)]
mod tests {
    use crate::{IngestError, IngestOptions, Rows, TablePlanner, TableRow, TimeFormat};

    fn options(time: &str, year: Option<i64>) -> IngestOptions {
        let mut options = IngestOptions::default();
        options.table.time = time.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        options.table.year = year;
        options
    }

    /// Returns the time of each row, or the reason why it is refused. The value is the last column.
    fn read(text: &str, mut options: IngestOptions) -> Result<Vec<String>, IngestError> {
        options.table.values = Some(vec!["v".to_owned()]);
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let mut planner = TablePlanner::new(lines.next().unwrap_or_default(), &options);
        let table: Vec<TableRow> = (2..).zip(lines).map(|(line, cells)| TableRow { line, cells }).collect();
        for row in &table {
            planner.add_row(row.clone());
        }
        let (mut mapper, _) = planner.finish()?;
        let mut rows = Rows::with_capacity(100);
        for row in &table {
            mapper.push(row.line, &row.cells[..], &mut rows)?;
        }
        let refused = rows.refused().iter().map(|row| row.reason.clone());
        Ok(rows.timestamps().iter().map(ToString::to_string).chain(refused).collect())
    }

    fn message(text: &str, options: IngestOptions) -> String {
        read(text, options).map_or_else(|error| error.message, |times| format!("read {times:?}"))
    }

    #[test]
    fn a_year_is_refused_beside_times_that_have_one() {
        let is_refused = |text: &str, options: IngestOptions| {
            let message = message(text, options);
            assert!(message.starts_with("the year 2024 is for"), "{message}");
        };
        let fractions = "time,v\n2023-01-01 00:00:00.25,1\n2023-01-01 00:00:00.75,2\n";
        is_refused(fractions, options("", Some(2024)));
        is_refused(fractions, options("time", Some(2024)));
        is_refused("time,v\n2023-01-01 23:59:60,1\n", options("time", Some(2024)));
        is_refused("date,clock,v\n2023-01-01,10:00,1\n", options("date,clock", Some(2024)));
        is_refused("date,hour,v\n2023-01-01,10,1\n", options("date,hour", Some(2024)));
        is_refused("year,doy,v\n2023,10,1\n", options("year,doy", Some(2024)));
        let mut from_origin = options("t", Some(2024));
        from_origin.table.origin = Some(timestrata::Timestamp::UNIX_EPOCH);
        is_refused("t,v\n5,1\n", from_origin);
        let mut seconds = options("t", Some(2024));
        seconds.table.time_format = TimeFormat::Seconds;
        is_refused("t,v\n5,1\n", seconds);
        let times = read("month,day,hour,v\n2,29,1,1\n", options("month,day,hour", Some(2024)));
        assert_eq!(times, Ok(vec!["2024-02-29T01:00:00Z".to_owned()]));
        let times = read("doy,v\n366,1\n", options("doy", Some(2024)));
        assert_eq!(times, Ok(vec!["2024-12-31T00:00:00Z".to_owned()]));
    }

    #[test]
    fn a_column_without_a_known_name_follows_the_part_before_it() {
        let at = |text: &str| Ok(vec![text.to_owned()]);
        let time = "year,doy,month,day,h,m";
        let found = read(&format!("{time},v\n2019,56,2,25,13,30,1\n"), options(time, None));
        assert_eq!(found, at("2019-02-25T13:30:00Z"));
        let found = read("date,x,y,v\n2019-02-25,13,30,1\n", options("date,x,y", None));
        assert_eq!(found, at("2019-02-25T13:30:00Z"));
        let found = read("Year,DOY,MST,v\n2019,56,1330,1\n", options("Year,DOY,MST", None));
        assert_eq!(found, at("2019-02-25T13:30:00Z"));
        let found = read("Year,DOY,MST,v\n2019,56,0005,1\n", options("Year,DOY,MST", None));
        assert_eq!(found, at("2019-02-25T00:05:00Z"));
    }

    #[test]
    fn a_clock_that_may_be_hours_or_minutes_is_refused() {
        let error = read("Year,DOY,MST,v\n2019,56,0,1\n2019,56,1,1\n", options("Year,DOY,MST", None)).unwrap_err();
        assert!(error.message.contains("hour or hhmm"), "{error}");
        let columns: Vec<&str> = error.suggestions.iter().map(|suggestion| suggestion.value.as_str()).collect();
        assert_eq!(columns, ["Year,DOY,hour,v", "Year,DOY,hhmm,v"]);
        // A column of hours in which 99 means "missing" is not read as clocks of four digits.
        for number in ["45", "99", "999", "9999"] {
            let text = format!("date,hour,v\n2019-02-25,1,1\n2019-02-25,{number},1\n");
            assert!(read(&text, options("date,hour", None)).is_err(), "{number}");
        }
    }

    #[test]
    fn parts_that_contradict_repeat_or_lack_one_another_are_refused() {
        let refused = |time: &str, numbers: &str| {
            let found = read(&format!("{time},v\n{numbers},1\n"), options(time, None));
            assert!(!found.as_ref().is_ok_and(|times| times[0].ends_with('Z')), "{time}: {found:?}");
        };
        refused("year,doy,month,day", "2019,200,1,1");
        refused("year,month,mon,day", "2019,2,3,4");
        refused("year,month,day,hhmm,minute", "2019,2,3,1200,30");
        refused("year,doy,hhmm,x", "2019,56,1330,5");
        refused("year,min", "1950,3");
        refused("year,month,hour", "1950,3,1");
        refused("year,day", "1950,3");
        refused("year,month,quarter", "1950,3,1");
        refused("year,quarter,day", "1950,3,1");
        refused("date,minute", "2019-02-25,3");
        refused("date,year", "2019-02-25,2020");
        let error = read("month,day,v\n2,25,1\n", options("month,day", None)).unwrap_err();
        assert_eq!((error.suggestions[0].option, error.suggestions[0].value.as_str()), ("year", "YEAR"));
    }

    #[test]
    fn a_year_is_not_suggested_beside_a_part_of_it_that_is_not_read() {
        for text in ["year,week,v\n1950,1,1\n1950,2,1\n", "Year,Period,v\n1950,S01,1\n1950,S02,1\n"] {
            let error = read(text, options("", None)).unwrap_err();
            let is_named = error.message.contains("week") || error.message.contains("Period");
            assert!(is_named && error.suggestions.is_empty(), "{error:?}");
        }
        let found = read("Year,Period,v\n1959,Q01,1\n1959,Q04,1\n", options("Year,Period", None));
        assert_eq!(found.unwrap(), ["1959-01-01T00:00:00Z", "1959-10-01T00:00:00Z"]);
        let found = read("year,quarter,v\n1959,1,1\n1959,4,1\n", options("year,quarter", None));
        assert_eq!(found.unwrap(), ["1959-01-01T00:00:00Z", "1959-10-01T00:00:00Z"]);
    }

    #[test]
    fn a_suggestion_names_parts_that_follow_one_another() {
        let suggested = |text: &str| {
            let error = read(text, options("", None)).unwrap_err();
            let options = error.suggestions.iter().map(|suggestion| (suggestion.option, suggestion.value.clone()));
            options.map(|(option, value)| format!("--{option} {value}")).collect::<Vec<_>>().join(" ")
        };
        for (columns, numbers, expected) in [
            ("Year,min,max", "1950,3,9", "--time Year"),
            ("Year,hour", "1950,3", "--time Year"),
            ("Year,Month,min", "1950,3,9", "--time Year,Month"),
            ("Year,Month,Day", "1950,13,9", "--time Year"),
            ("Year,Month,Day,Hour", "1950,12,9,25", "--time Year,Month,Day"),
            ("Year,Month,Day,min", "1950,12,9,25", "--time Year,Month,Day"),
            ("Year,Month,Day,Hour,Minute", "1950,12,9,24,0", "--time Year,Month,Day,Hour,Minute"),
            ("Day,Month,Year", "31,12,1950", "--time Day,Month,Year"),
            ("Year,DOY,MST", "1950,366,1330", "--time Year,DOY,MST"),
            ("Month,Day,Hour", "2,29,1", "--time Month,Day,Hour --year YEAR"),
            ("Year,Month,Day", "50,2,29", "--time COL"),
            ("year,quarter", "1959,4", "--time year,quarter"),
            ("Year,Period", "1959,Q04", "--time Year,Period"),
            ("Year,Period", "1959,M12", "--time Year,Period"),
            ("year,month,quarter", "1959,4,2", "--time year,month"),
        ] {
            assert_eq!(suggested(&format!("{columns},v\n{numbers},0.5\n")), expected, "{columns}");
        }
    }
}
