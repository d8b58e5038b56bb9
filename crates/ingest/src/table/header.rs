//! Names of columns: series in headers, and names that are no names.

use std::collections::HashSet;

use timestrata::SeriesKey;

use super::cell::{MissingCells, parse_bool};
use super::mapper::RowCells;
use crate::IngestError;
use crate::time::{AutoError, DateOrder, is_clock, is_period, parse_auto};

/// Returns the metric of a header with tags: `up` for `up{job="a"}`.
///
/// Braces that hold no tags belong to the name: `P{W}` is a metric.
pub(crate) fn metric_of(header: &str) -> Option<&str> {
    let (metric, tags) = header.strip_suffix('}')?.split_once('{')?;
    let key = tags.split_once('=').map(|(key, value)| (key.trim(), value.trim_start()));
    let is_tag_set = key.is_some_and(|(key, value)| !key.is_empty() && !key.contains('"') && value.starts_with('"'));
    is_tag_set.then_some(metric)
}

/// Returns the series of a header, whose tags are part of it.
pub(crate) fn series_key(header: &str, prefix: &str) -> Result<SeriesKey, IngestError> {
    // The text form of a series whose metric name is quoted.
    if let Some(key) = header.starts_with("{\"").then(|| header.parse::<SeriesKey>().ok()).flatten() {
        let metric = format!("{prefix}{}", key.metric());
        return Ok(key.with_metric(metric));
    }
    let text = format!("{prefix}{header}");
    if metric_of(header).is_some() {
        return text.parse().map_err(|error| IngestError::new(format!("header {header}: {error}")));
    }
    let key = SeriesKey::new(&text);
    key.validate().map_err(|error| IngestError::new(format!("header {header:?}: {error}")))?;
    Ok(key)
}

/// Returns `true` if a row holds names and neither a time nor a value: a header within the data.
///
/// Either a name is that of a column, in any case, or all cells are words of which one is a name of the time.
pub(crate) fn is_header_like(header: &[String], cells: &(impl RowCells + ?Sized)) -> bool {
    let texts = || (0..cells.count()).filter_map(|at| cells.text(at)).filter(|text| !text.is_empty());
    let is_number = |text: &str| super::number::parse_plain(text).is_some();
    let is_name = |text: &str| header.iter().any(|name| name == text);
    // A state or a word for no value is rather a value, unless it is written as the name.
    let is_name_in_any_case = |text: &str| {
        is_name(text)
            || (header.iter().any(|name| name.eq_ignore_ascii_case(text))
                && parse_bool(text).is_none()
                && !MissingCells::default().matches(text))
    };
    let is_without_values = || {
        texts().all(|text| !is_number(text) || is_name(text))
            && texts().all(|text| parse_auto(text, DateOrder::DayFirst, false).is_err() || is_name(text))
    };
    if texts().any(|text| is_name_in_any_case(text) && !is_number(text)) {
        return is_without_values();
    }
    let is_word = |text: &str| !is_number(text) && parse_bool(text).is_none() && !MissingCells::default().matches(text);
    let distinct: HashSet<&str> = texts().collect();
    texts().any(is_name_of_time)
        && distinct.len() == header.len()
        && header.len() > 1
        && texts().all(is_word)
        && is_without_values()
}

/// Returns `true` for a name that means the time, and no other word.
fn is_name_of_time(name: &str) -> bool {
    let name = name.to_lowercase();
    let is_one_word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_one_word
        && ["time", "date", "datum", "zeit", "timestamp", "datetime"]
            .iter()
            .any(|word| name == *word || name.ends_with(&format!("_{word}")) || name.starts_with(&format!("{word}_")))
}

/// Returns `true` if a row repeats the header, perhaps in another case.
pub(super) fn repeats_header(header: &[String], cells: &(impl RowCells + ?Sized)) -> bool {
    let are_all = |is_same: fn(&str, &str) -> bool| {
        cells.count() >= header.len()
            && header.iter().enumerate().all(|(at, name)| cells.text(at).is_some_and(|text| is_same(text, name)))
    };
    let distinct: HashSet<String> = header.iter().map(|name| name.to_lowercase()).collect();
    are_all(|text, name| text == name) || (distinct.len() == header.len() && are_all(str::eq_ignore_ascii_case))
}

/// Returns `true` if a name of a column is a clock or a date: such a table has a column per time.
pub(crate) fn is_clock_or_date_name(name: &str) -> bool {
    is_clock(name)
        || matches!(parse_auto(name, DateOrder::Undecided, false), Ok(_) | Err(AutoError::DayOrMonth))
        || is_short_date(name)
}

/// Returns `true` for dates with a year of two digits, such as `1/22/20`.
fn is_short_date(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    parts.len() == 3
        && parts.iter().all(|part| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns `true` if the first row holds data instead of names: a time and numbers, or only numbers.
pub(crate) fn looks_like_data<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let (mut times, mut numbers, mut others) = (0, 0, 0);
    for cell in cells.filter(|cell| !cell.is_empty()) {
        match parse_auto(cell, DateOrder::Undecided, false) {
            Ok(_) | Err(AutoError::DayOrMonth) => times += 1,
            Err(AutoError::Number) => numbers += 1,
            Err(_) if is_period(cell) => times += 1,
            Err(_) if super::number::parse_plain(cell).is_some() => numbers += 1,
            Err(_) => others += 1,
        }
    }
    (times > 0 && numbers > 0) || (numbers > 1 && others == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_suffix_of_tags_is_a_tag_set() {
        assert_eq!(metric_of(r#"up{job="a"}"#), Some("up"));
        for name in ["P{W}", "Q {var}", "m{}", "m{a=}", "up"] {
            assert_eq!(metric_of(name), None, "{name}");
            assert!(series_key(name, "").is_ok(), "{name}");
        }
        assert!(series_key(r#"up{job="a}"#, "").is_err());
    }

    #[test]
    fn names_in_any_case_are_a_header() {
        let split = |text: &str| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
        let is_header = |header: &str, row: &str| is_header_like(&split(header), &split(row)[..]);
        for (header, row) in [
            ("time,a,b", "time,b,a"),
            ("time,a,b", "Time,B,A"),
            ("time,2021,2020", "TIME,2020,2021"),
            ("time,a,b", "timestamp,bb,aa"),
            ("Zeit,a", "log_time,c"),
            ("time,on,b", "time,on,c"),
        ] {
            assert!(is_header(header, row), "{header} {row}");
        }
        for (header, row) in [
            ("time,a,b", "x,1,a"),
            ("time,2020", "?,2020"),
            ("time,on", ",ON"),
            ("time,a,b", "total,x,y"),
            ("time,a,b", "time unknown,x,y"),
            ("time,a,b", "date,,y"),
            ("time,a,b", "date,NA,y"),
            ("time,a", "2024-01-01,A"),
        ] {
            assert!(!is_header(header, row), "{header} {row}");
        }
        let repeats = |header: &str, row: &str| repeats_header(&split(header), &split(row)[..]);
        assert!(repeats("time,a", "time,a,") && repeats("time,a", "TIME,A"));
        assert!(!repeats("time,a,A", "time,A,a") && !repeats("time,a,b", "TIME,B,A"));
    }

    #[test]
    fn a_row_of_data_is_no_header() {
        let is_data = |row: &str| looks_like_data(row.split(','));
        assert!(is_data("2024-01-01 00:00:00,10") && is_data("1704067200,10") && is_data("01/02/2024,x,10"));
        assert!(!is_data("time,v") && !is_data("country,1960,1961") && !is_data("date,2024-01-01,2024-01-02"));
    }
}
