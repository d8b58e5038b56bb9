//! What a query answers: series, their windows, and a plain text table of both.
//! It holds values only; nothing here reads.

use std::fmt;

use super::aggregate::Aggregate;
use super::catalog::SeriesInfo;
use crate::point::{Timestamp, Value};

/// The answer to a query: the windows of every selected series that has points in the range, in key order.
///
/// Its text is a plain table with a row a window, each complete in itself, so that it can be searched line by line:
///
/// ```text
/// series               start                 mean
/// temp{station="JFK"}  2013-01-01T00:00:00Z   3.8
/// temp{station="JFK"}  2013-01-02T00:00:00Z  -1.5
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Windows {
    /// Which value of the points each window tells.
    pub aggregate: Aggregate,
    /// In key order; a series without points in the range is not among them.
    pub series: Vec<SeriesWindows>,
}

/// The windows of one series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesWindows {
    /// Whose windows they are.
    pub series: SeriesInfo,
    /// In time order; at least one, and none without points.
    pub windows: Vec<Window>,
}

/// The points of one span of time as one value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// The first time that belongs to the window.
    ///
    /// With `every`, a multiple of it since the epoch, and so maybe before the range's start, though only points inside the
    /// range count; the one window that would begin before [`Timestamp::MIN`] begins there. Without `every`, the
    /// range's first time, or the first point's if the range is open below.
    pub start: Timestamp,
    /// What stands for its points; [`Aggregate`] tells of which type it is.
    pub value: Value,
}

impl Windows {
    /// How many windows there are over all series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.iter().map(|series| series.windows.len()).sum()
    }

    /// Whether no selected series has points in the range.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

/// A table with a header, series and start at the left, values at the right; no line break at the end.
impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["series".to_owned(), "start".to_owned(), self.aggregate.to_string()];
        let names: Vec<String> = self.series.iter().map(|series| series.series.to_string()).collect();
        let mut widths = header.each_ref().map(|text| width(text));
        for (name, series) in names.iter().zip(&self.series) {
            widths[0] = widths[0].max(width(name));
            for window in &series.windows {
                widths[1] = widths[1].max(width(&window.start.to_string()));
                widths[2] = widths[2].max(width(&window.value.to_string()));
            }
        }
        let [series_width, start_width, value_width] = widths;
        let [series, start, value] = header;
        write!(f, "{series:series_width$}  {start:start_width$}  {value:>value_width$}")?;
        for (name, series) in names.iter().zip(&self.series) {
            for Window { start, value } in &series.windows {
                // Through text, as a width given to a value may be lost on its way.
                let (start, value) = (start.to_string(), value.to_string());
                write!(f, "\n{name:series_width$}  {start:start_width$}  {value:>value_width$}")?;
            }
        }
        Ok(())
    }
}

/// Columns of a terminal, near enough: one a character.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Duplicates;
    use crate::point::ValueType;
    use crate::series::{SeriesId, SeriesKey};

    #[test]
    fn the_table_is_aligned_and_each_row_stands_alone() {
        let windows = |key: SeriesKey, rows: &[(i64, f64)]| SeriesWindows {
            series: SeriesInfo {
                id: SeriesId::new(0),
                key,
                value_type: ValueType::F64,
                duplicates: Duplicates::KeepAll,
            },
            windows: rows
                .iter()
                .map(|(secs, value)| Window { start: Timestamp::from_secs(*secs), value: Value::F64(*value) })
                .collect(),
        };
        let answer = Windows {
            aggregate: Aggregate::Mean,
            series: vec![
                windows(SeriesKey::new("temp").tag("station", "JFK"), &[(0, 3.8), (86_400, -11.25)]),
                windows(SeriesKey::new("höhe"), &[(0, f64::NAN)]),
            ],
        };
        let lines = [
            "series               start                   mean",
            r#"temp{station="JFK"}  1970-01-01T00:00:00Z     3.8"#,
            r#"temp{station="JFK"}  1970-01-02T00:00:00Z  -11.25"#,
            "höhe                 1970-01-01T00:00:00Z     NaN",
        ];
        assert_eq!(answer.to_string(), lines.join("\n"));
        assert_eq!((answer.len(), answer.is_empty()), (3, false));
        let none = Windows { aggregate: Aggregate::Count, series: vec![] };
        assert_eq!(none.to_string(), "series  start  count");
    }
}
