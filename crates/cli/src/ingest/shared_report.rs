//! Says how many points fell on a time that their series already had, and which column would distinguish them.

use timestrata::{Scalar, SeriesKey, Snapshot, Timestamp, ValueType};
use timestrata_ingest::Suggestion;

use super::parser::ParserEnd;
use crate::failure::Result;
use crate::names;
use crate::number_format::count;

/// Points that are read to count shared times, at most.
const MAX_READ_POINTS: u64 = 50_000_000;

/// Points on shared times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SharedCount {
    points: u64,
    is_exact: bool,
}

/// Returns the note about points on shared times; `None` if there are none.
///
/// The parser counts series whose rows come in the order of time. The others, and those that had points in the same
/// range before, are read: what the run added to the number of points beyond the first of each time is the count.
///
/// A database that keeps one point per time has no such difference: there the parser's count is a lower bound.
pub(crate) fn note(
    end: &ParserEnd,
    before: Option<&Snapshot>,
    after: Option<&Snapshot>,
    keeps_all: bool,
) -> Result<Option<String>> {
    let mut total = SharedCount { points: 0, is_exact: true };
    let (mut read_points, mut was_stored) = (0, false);
    for series in end.shared.series() {
        let key = end.series[series.index.0 as usize].key();
        let range = (series.least, series.greatest);
        let existed = before.is_some_and(|before| before.find_series(key).is_some());
        if series.is_exact && !existed {
            total.points += series.shared;
            continue;
        }
        let stored = before.map_or(Ok(Times::default()), |before| times(before, key, range, &mut read_points))?;
        if series.is_exact && stored.points == 0 {
            total.points += series.shared;
            continue;
        }
        was_stored |= stored.points > 0;
        if !keeps_all {
            total = SharedCount { points: total.points + series.shared, is_exact: false };
            continue;
        }
        let now = after.map_or(Ok(Times::default()), |after| times(after, key, range, &mut read_points))?;
        if read_points >= MAX_READ_POINTS {
            total.points += series.shared;
            total.is_exact = false;
            continue;
        }
        total.points += now.repeated().saturating_sub(stored.repeated());
    }
    Ok((total.points > 0).then(|| text(total, end.distinguishing.as_ref(), was_stored)))
}

fn text(total: SharedCount, hint: Option<&Suggestion>, was_stored: bool) -> String {
    let least = if total.is_exact { "" } else { "at least " };
    let number = match total.points {
        1 => "1 point".to_owned(),
        points => format!("{} points", count(points)),
    };
    let hint = match hint {
        Some(Suggestion { option: "tags", value }) => {
            let column = value.rsplit(',').next().unwrap_or(value);
            format!(": is `{column}` a tag? --tags {}", names::shell_word(value))
        }
        Some(Suggestion { option, value }) => {
            let column = value.rsplit(',').next().unwrap_or(value);
            format!(": is `{column}` a part of the time? --{option} {}", names::shell_word(value))
        }
        None if was_stored => ": was this input read before?".to_owned(),
        None => String::new(),
    };
    format!("{least}{number} fell on a time that their series already had, and share it{hint}")
}

/// Number of points and of distinct times.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    points: u64,
    distinct: u64,
}

impl Times {
    /// Returns the number of points beyond the first of each time.
    fn repeated(self) -> u64 {
        self.points - self.distinct
    }
}

/// Counts the points of a series in a range, both ends included.
fn times(snapshot: &Snapshot, key: &SeriesKey, range: (Timestamp, Timestamp), read: &mut u64) -> Result<Times> {
    let Some(info) = snapshot.find_series(key) else { return Ok(Times::default()) };
    match info.value_type {
        ValueType::F64 => times_of::<f64>(snapshot, key, range, read),
        ValueType::I64 => times_of::<i64>(snapshot, key, range, read),
        ValueType::U64 => times_of::<u64>(snapshot, key, range, read),
        ValueType::Bool => times_of::<bool>(snapshot, key, range, read),
    }
}

fn times_of<T: Scalar>(
    snapshot: &Snapshot,
    key: &SeriesKey,
    (first, last): (Timestamp, Timestamp),
    read: &mut u64,
) -> Result<Times> {
    let mut times = Times::default();
    let mut before = None;
    for point in snapshot.scan(snapshot.series::<T>(key)?, first..=last) {
        let time = point?.timestamp;
        times.points += 1;
        times.distinct += u64::from(before != Some(time));
        before = Some(time);
        *read += 1;
        if *read >= MAX_READ_POINTS {
            break;
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_names_the_column_and_the_option() {
        let some = SharedCount { points: 3_120, is_exact: true };
        assert_eq!(
            text(some, Some(&Suggestion::new("tags", "host,sensor_id")), true),
            "3,120 points fell on a time that their series already had, and share it: is `sensor_id` a tag? --tags \
             host,sensor_id"
        );
        let one = SharedCount { points: 1, is_exact: false };
        assert!(text(one, None, false).starts_with("at least 1 point fell"));
        assert!(text(one, Some(&Suggestion::new("time", "date,clock")), false).ends_with("--time date,clock"));
    }
}
