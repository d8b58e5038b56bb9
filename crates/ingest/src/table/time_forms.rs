//! Forms of the times of a column that are recognised by its cells.

use super::sample::ColumnSample;
use crate::time::TimeReader;

/// Returns the pattern of dates of eight digits with a clock behind a separator, or of months and years, that reads
/// every cell.
pub(super) fn known_pattern(cells: &[&str]) -> Option<&'static str> {
    const PATTERNS: [&str; 15] = [
        "%Y%m%d:%H%M",
        "%Y%m%d:%H%M%S",
        "%Y%m%d-%H%M",
        "%Y%m%d-%H%M%S",
        "%Y%m%d_%H%M",
        "%Y%m%d_%H%M%S",
        "%Y%m%d-%H:%M:%S",
        "%Y%m%d_%H:%M:%S",
        "%Y%m%d:%H:%M:%S",
        "%m/%y",
        "%m/%Y",
        "%b-%y",
        "%b %Y",
        "%b-%Y",
        "%YM%m",
    ];
    let reads_all = |pattern: &&str| {
        let reader = TimeReader::Pattern((*pattern).to_owned());
        cells.iter().all(|text| reader.parse(text).is_ok())
    };
    PATTERNS.into_iter().find(reads_all)
}

/// Returns `true` for clocks of four digits, such as 0015.
pub(super) fn is_hour_minute(sample: &ColumnSample) -> bool {
    let is_four_digits = sample.first.as_ref().is_some_and(|cell| cell.text.len() == 4);
    sample.is_integer() && is_four_digits && !sample.has_negative && sample.greatest_integer <= 2_400
}

/// Returns `true` for dates of eight digits, such as 20240131.
pub(super) fn is_compact_date(sample: &ColumnSample) -> bool {
    let is_date = |text: &str| text.len() == 8 && TimeReader::Pattern("%Y%m%d".to_owned()).parse(text).is_ok();
    sample.is_integer() && sample.first.as_ref().is_some_and(|cell| is_date(&cell.text))
}

/// Returns `true` if the first cell is an elapsed time with days or colons.
pub(super) fn is_elapsed(sample: &ColumnSample) -> bool {
    let reader = TimeReader::Elapsed { power: 9, origin: timestrata::Timestamp::UNIX_EPOCH };
    let is_elapsed = |text: &str| (text.contains("day") || text.contains(':')) && reader.parse(text).is_ok();
    sample.first.as_ref().is_some_and(|cell| is_elapsed(&cell.text)) && !sample.is_time()
}
