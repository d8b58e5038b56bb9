//! Names of columns: series in headers, and names that are no names.

use timestrata::SeriesKey;

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
    let text = format!("{prefix}{header}");
    if metric_of(header).is_some() {
        return text.parse().map_err(|error| IngestError::new(format!("header {header}: {error}")));
    }
    let key = SeriesKey::new(&text);
    key.validate().map_err(|error| IngestError::new(format!("header {header:?}: {error}")))?;
    Ok(key)
}

/// Returns `true` if a row holds names of the columns and no numbers: a header within the data.
pub(crate) fn is_header_like(header: &[String], cells: &(impl RowCells + ?Sized)) -> bool {
    let texts = || (0..cells.count()).filter_map(|at| cells.text(at)).filter(|text| !text.is_empty());
    texts().any(|text| header.iter().any(|name| name == text))
        && texts().all(|text| super::number::parse_plain(text).is_none())
        && texts().all(|text| parse_auto(text, DateOrder::DayFirst, false).is_err())
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
    fn a_row_of_data_is_no_header() {
        let is_data = |row: &str| looks_like_data(row.split(','));
        assert!(is_data("2024-01-01 00:00:00,10") && is_data("1704067200,10") && is_data("01/02/2024,x,10"));
        assert!(!is_data("time,v") && !is_data("country,1960,1961") && !is_data("date,2024-01-01,2024-01-02"));
    }
}
