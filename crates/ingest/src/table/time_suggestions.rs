//! What is suggested for a table whose times are not recognised: columns, formats, origins.

use super::distinguish::sounds_like_id;
use super::plan_draft::PlanDraft;
use super::sample::ColumnSample;
use super::time_column::part_of_name;
use super::time_forms::{is_compact_date, is_elapsed, is_hour_minute, known_pattern};
use crate::time::{DateOrder, Moment, TimePart, TimeReader, parse_auto};
use crate::{IngestError, TimeFormat};

/// Years within which numbers with a fraction may be years and parts of years.
const FIRST_YEAR: f64 = 1_677.0;
const LAST_YEAR: f64 = 2_262.0;
/// Placeholder of the time from which elapsed times count, which the data does not contain.
const ORIGIN: &str = "T";
/// Least number that may be seconds since 1970 of an old time, of 1973, and not seconds of a test.
const LEAST_OLD_SECONDS: f64 = 1e8;

/// Returns `true` if a name sounds like that of a time.
pub(crate) fn sounds_like_time(name: &str) -> bool {
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
                | "clock"
                | "tm"
                | "hora"
                | "heure"
                | "ora"
                | "uhr"
                | "tijd"
                | "utc"
                | "gmt"
        ) || word.ends_with("time")
            || word.ends_with("date")
            || word.ends_with("zeit")
    })
}

/// Returns `true` for the name of a column of Julian days, which are no serial days of a spreadsheet.
fn is_julian(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("julian") || name.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "jd" | "mjd"))
}

impl PlanDraft<'_> {
    /// Returns the error of a table without a column of times, with the options that would help.
    pub(super) fn no_time(&self) -> IngestError {
        let all: Vec<usize> = (0..self.names.0.len()).filter(|at| !self.names.0[*at].is_empty()).collect();
        if let Err(error) = super::sample_checks::refuse_times_across(self, &all) {
            return error;
        }
        let error = IngestError::new("no column was recognised as the time");
        let columns = || (0..self.names.0.len()).filter(|at| !self.is_tag(*at));
        let parts = self.part_columns();
        let part = |at: usize| part_of_name(&self.names.0[at]);
        let names: Vec<String> = parts.iter().map(|at| self.names.name(*at)).collect();
        if let Some(unread) = self.unread_part_of_year(&parts) {
            return IngestError::new(format!(
                "{}: column {} holds years, and column {unread} parts of them that are not read: put dates in their place",
                error.message, names[0]
            ));
        }
        if parts.iter().any(|at| self.is_year_column(*at)) {
            return error.suggest("time", names.join(","));
        }
        for at in columns() {
            if let Err(error) = self.refuse_periods(at) {
                return error;
            }
        }
        // The first column of increasing times: a counter that looks like a time usually comes after the time.
        if let Some((at, unit)) = self.column_of_counts() {
            return match &self.compact_patterns(at)[..] {
                [] => error.suggest("time", self.names.name(at)).suggest("time-format", unit.to_string()),
                patterns => self.with_patterns(error, at, patterns),
            };
        }
        let sounds = |at: &usize| sounds_like_time(&self.names.0[*at]) && !sounds_like_id(&self.names.0[*at]);
        let by_name = |accept: fn(&ColumnSample) -> bool| columns().find(|at| sounds(at) && accept(&self.sample[*at]));
        let has_unit = self.options().table.time_format.power().is_some();
        if has_unit && let Some(at) = by_name(|sample| sample.filled > 0 && sample.is_numeric()) {
            return error.suggest("time", self.names.name(at));
        }
        if let Some(at) = by_name(ColumnSample::is_serial_day).filter(|at| !is_julian(&self.names.0[*at])) {
            return error.suggest("time", self.names.name(at)).suggest("time-format", "excel");
        }
        if let Some(at) = by_name(is_compact_date) {
            let is_hour = |at: &usize| {
                let (name, sample) = (&self.names.0[*at], &self.sample[*at]);
                let is_hour_name = matches!(part_of_name(name), Some(TimePart::Hour | TimePart::HourMinute));
                sample.is_clock()
                    || is_hour_name
                    || (name.to_lowercase().ends_with("time") && is_hour_minute(sample))
                    || ((sounds_like_time(name) || part_of_name(name).is_some()) && self.is_hour_minute_second(*at))
            };
            // A clock beside its date comes before one elsewhere.
            if let Some(clock) = columns().filter(is_hour).min_by_key(|clock| (*clock != at + 1, *clock)) {
                return error.suggest("time", format!("{},{}", self.names.name(at), self.names.name(clock)));
            }
            return error.suggest("time", self.names.name(at)).suggest("time-format", "%Y%m%d");
        }
        if let Some(at) = columns().find(|at| sounds(at) && !self.compact_patterns(*at).is_empty()) {
            return self.with_patterns(error, at, &self.compact_patterns(at));
        }
        let is_date = |at: &usize| sounds(at) && self.is_written_as_date(*at);
        if let Some(error) = columns().find(is_date).and_then(|at| self.dates_without_year(at, None)) {
            return error;
        }
        let is_day = |at: &usize| matches!(part(*at), Some(TimePart::Day | TimePart::DayOfYear));
        if parts.len() >= 2 && parts.iter().any(is_day) {
            let (names, times) = (names.join(", "), names.join(","));
            let message = format!("{}: the columns {names} are parts of a time without a year", error.message);
            return IngestError::new(message).suggest("time", times).suggest("year", "YEAR");
        }
        if let Some(at) = by_name(is_elapsed) {
            return error.suggest("time", self.names.name(at)).suggest("origin", ORIGIN);
        }
        if let Some(at) = by_name(ColumnSample::is_increasing) {
            let name = self.names.name(at);
            return self.meaning_of_numbers(at, error.suggest("time", name));
        }
        let is_text = |at: &usize| self.sample[*at].filled > 0 && !self.sample[*at].is_numeric();
        let is_part = |at: &usize| part(*at).is_some() && is_text(at);
        if let Some(at) =
            by_name(|sample| sample.filled > 0 && !sample.is_numeric()).or_else(|| columns().find(is_part))
        {
            return self.unknown_time(at);
        }
        let columns = self.names.listed();
        IngestError::new(format!("{}: name one; the columns are {columns}", error.message)).suggest("time", "COL")
    }

    /// Returns the error of a column that sounds like a time and has texts of no known form.
    fn unknown_time(&self, at: usize) -> IngestError {
        let cell = self.sample[at].not_number.as_ref();
        let text = cell.map_or("", |cell| cell.text.as_str());
        let by_pattern = match &self.options().table.time_format {
            TimeFormat::Pattern(pattern) => TimeReader::Pattern(pattern.clone()).parse(text).err(),
            _ => None,
        };
        let reason = match parse_auto(text, DateOrder::Undecided, false) {
            _ if by_pattern.is_some() => by_pattern.unwrap_or_default(),
            Err(error) => error.reason(text),
            Ok(_) => format!("{text:?} is a time, and other cells are none"),
        };
        let name = self.names.name(at);
        let error = IngestError::new(format!("no column was recognised as the time: column {name}: {reason}"));
        let error = match cell {
            Some(cell) => error.at_line(cell.line),
            None => error,
        };
        if reason.contains("its date is a") {
            // A weekday that contradicts its date is an error in the data, for which there is no option.
            return error;
        }
        if reason.contains("two digits") {
            let patterns = self.short_date_patterns(at, text);
            if let Some(refusal) = patterns.iter().find_map(|pattern| self.future_years(at, pattern)) {
                return refusal;
            }
            return patterns
                .into_iter()
                .fold(error, |error, pattern| error.suggest("time", name.clone()).suggest("time-format", pattern));
        }
        if text.starts_with('#') && self.options().csv.comment.is_none() {
            return error.suggest("comment", "#");
        }
        let is_time = |text: &String| parse_auto(text, DateOrder::DayFirst, false).is_ok();
        if self.rows().iter().filter_map(|row| row.cells.get(at)).any(is_time) {
            // Its rows are then refused one by one.
            return error.suggest("time", name);
        }
        let cells: Vec<&str> = self.filled_cells(at).collect();
        let pattern = known_pattern(&cells);
        if let Some(error) = self.dates_without_year(at, pattern) {
            return error;
        }
        error.suggest("time", name).suggest("time-format", pattern.unwrap_or("PATTERN"))
    }

    /// Returns the patterns of dates with a year of two digits that read every cell of the sample.
    fn short_date_patterns(&self, at: usize, text: &str) -> Vec<String> {
        let separator = text.chars().find(|c| !c.is_ascii_digit()).unwrap_or('/');
        let clock = ["", " %H:%M", " %H:%M:%S"][text.matches(':').count().min(2)];
        let patterns = [["d", "m", "y"], ["m", "d", "y"], ["y", "m", "d"], ["d", "b", "y"], ["b", "d", "y"]]
            .map(|[first, second, third]| format!("%{first}{separator}%{second}{separator}%{third}{clock}"));
        let fitting: Vec<String> = patterns.iter().filter(|pattern| self.reads_all(at, pattern)).cloned().collect();
        if fitting.is_empty() { patterns[..3].to_vec() } else { fitting }
    }

    /// Returns `true` if a pattern reads every cell of the sample that holds a value.
    fn reads_all(&self, at: usize, pattern: &str) -> bool {
        let reader = TimeReader::Pattern(pattern.to_owned());
        self.filled_cells(at).all(|text| reader.parse(text).is_ok())
    }

    /// Refuses a column of numbers as the time if no option says what they count.
    pub(super) fn refuse_numbers(&self, at: usize) -> Result<(), IngestError> {
        let (name, sample) = (self.names.name(at), &self.sample[at]);
        let is_duration = !sample.is_time() && is_elapsed(sample);
        if sample.filled == 0 || (!sample.is_numeric() && !is_duration) {
            return Ok(());
        }
        let text = sample.first.as_ref().map_or("", |cell| cell.text.as_str());
        let error = IngestError::new(format!("column {name} holds numbers such as {text}, whose unit is not known"));
        let patterns = self.compact_patterns(at);
        let first = sample.first.as_ref().and_then(|cell| self.syntax.plain(&cell.text));
        Err(match first.and_then(|text| TimeFormat::of_number(&text)) {
            _ if is_duration => IngestError::new(format!("column {name} holds elapsed times such as {text:?}"))
                .suggest("origin", ORIGIN),
            _ if !patterns.is_empty() => match self.past_patterns(at, &patterns) {
                Ok(past) => past.into_iter().fold(error, |error, pattern| error.suggest("time-format", pattern)),
                Err(refusal) => refusal,
            },
            Some(unit) if self.are_all_times(at, &unit) => error.suggest("time-format", unit.to_string()),
            _ => self.meaning_of_numbers(at, error),
        })
    }

    /// Returns the patterns by which no year of two digits is in the future.
    ///
    /// # Errors
    /// The refusal of such years if there is no other pattern.
    pub(super) fn past_patterns<'p>(
        &self,
        at: usize,
        patterns: &'p [impl AsRef<str>],
    ) -> Result<Vec<&'p str>, IngestError> {
        let mut refused = None;
        let mut past = Vec::with_capacity(patterns.len());
        for pattern in patterns.iter().map(AsRef::as_ref) {
            let refusal = if pattern.contains("%y") { self.future_years(at, pattern) } else { None };
            match refusal {
                Some(refusal) => refused = Some(refusal),
                None => past.push(pattern),
            }
        }
        refused.filter(|_| past.is_empty()).map_or(Ok(past), Err)
    }

    /// Adds what the numbers of a column of times may mean to an error: dates, years, days, or elapsed seconds.
    fn meaning_of_numbers(&self, at: usize, error: IngestError) -> IngestError {
        let sample = &self.sample[at];
        if is_julian(&self.names.0[at]) {
            let name = self.names.name(at);
            let message =
                format!("column {name} holds Julian days, which no time format reads: put dates in their place");
            return IngestError::new(message).suggest("time", "COL");
        }
        if is_compact_date(sample) {
            return error.suggest("time-format", "%Y%m%d");
        }
        if sample.is_year() {
            return error.suggest("time-format", "%Y").suggest("origin", ORIGIN);
        }
        let (least, greatest) = (sample.least(), sample.greatest());
        if !sample.is_whole() && least >= FIRST_YEAR && greatest <= LAST_YEAR {
            let name = self.names.name(at);
            let message = format!(
                "column {name} holds numbers from {least} to {greatest}: if they are years and parts of years, they \
                 cannot be read; put dates in their place, such as 1949-02"
            );
            return IngestError::new(message).suggest("time", "COL");
        }
        // Years before Christ, or before those that can be stored; elapsed times seldom begin so far below zero.
        let is_named_year = part_of_name(&self.names.0[at]) == Some(TimePart::Year);
        if sample.is_whole() && (least <= -1_000.0 || is_named_year) && greatest <= LAST_YEAR {
            return error.suggest("time-format", "%Y");
        }
        if sample.is_serial_day() {
            return error.suggest("time-format", "excel").suggest("origin", ORIGIN);
        }
        let error = error.suggest("origin", ORIGIN);
        let may_be_seconds = least >= LEAST_OLD_SECONDS && greatest < 4_102_444_800.0;
        if may_be_seconds { error.suggest("time-format", "s") } else { error }
    }

    /// Returns `true` if all numbers of a column are times of this century in a unit.
    fn are_all_times(&self, at: usize, unit: &TimeFormat) -> bool {
        let sample = &self.sample[at];
        let ends = [sample.least(), sample.greatest()].map(|number| TimeFormat::of_number(&number.to_string()));
        ends.iter().all(|of_end| of_end.as_ref() == Some(unit))
    }

    /// Returns the error of years of two digits that would be in the future, so that they are surely of another century.
    fn future_years(&self, at: usize, pattern: &str) -> Option<IngestError> {
        let latest = timestrata::Timestamp::now().as_secs() + 366 * 86_400;
        let reader = TimeReader::Pattern(pattern.to_owned());
        let is_future = |text: &&String| match reader.parse(text) {
            Ok(Moment::Local(local)) => local.utc_nanos().is_some_and(|nanos| nanos / 1_000_000_000 > latest),
            _ => false,
        };
        let text = self.rows().iter().filter_map(|row| row.cells.get(at)).find(is_future)?;
        let name = self.names.name(at);
        Some(IngestError::new(format!(
            "column {name} holds years of two digits, which are read as those from 1969 to 2068: {text:?} would be in the \
             future; put years of four digits in their place"
        )))
    }
}
