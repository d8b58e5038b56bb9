//! Result of a query: the windows of series or groups as columns, and their text form as a table.

use std::fmt;

use super::column::Column;
use crate::types::point::{Timestamp, Value};
use crate::types::series::SeriesKey;

/// Result of a query: one row of windows for each selected series or group that has a window.
///
/// [`Display`](fmt::Display) writes a table with one line for each window. Each line is complete, so that the lines can
/// be searched; `-` means no value:
///
/// ```text
/// series               start                 mean   max
/// temp{station="JFK"}  2013-01-01T00:00:00Z   3.8  12.2
/// temp{station="JFK"}  2013-01-02T00:00:00Z  -1.5   4.0
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Windows {
    /// Name of the aggregate of each column, in the order of the calls of
    /// [`Query::aggregate`](crate::Query::aggregate).
    pub columns: Vec<String>,
    /// Rows in the order of their keys, or of their ranks. Rows without windows are left out.
    pub series: Vec<SeriesWindows>,
    /// Number of [stale markers](crate::STALE_MARKER_BITS) among the points that were read. No window counts them.
    pub stale_markers: u64,
}

/// Windows of one series or one group of series, as columns.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesWindows {
    /// Key of the series, or of the group.
    ///
    /// The key of a group has the tags of the grouping, and the metric name if all its members have the same one.
    pub key: SeriesKey,
    /// Number of series of the group that have a point in a window; 1 for a series.
    pub members: usize,
    /// Start of each window, ascending, or descending after [`Query::newest_first`](crate::Query::newest_first).
    ///
    /// The first start may be before the start of the range; only points inside the range count. A window that would
    /// start before [`Timestamp::MIN`] starts there. Without [`Query::every`](crate::Query::every) the only window
    /// starts at the start of the range, or at the first point if the range has no start.
    pub starts: Vec<Timestamp>,
    /// One column for each of [`Windows::columns`], with one entry for each start.
    ///
    /// All values of a column have one type, that of its aggregate for the series of the row, whatever their size.
    /// A value may be missing; see [`Aggregate`](crate::Aggregate) for the windows that have one, and
    /// [`Fill`](crate::Fill).
    pub values: Vec<Column>,
}

/// One window and its value in one column.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Window {
    /// Start of the window.
    pub start: Timestamp,
    /// Value of the aggregate, if the window has one.
    pub value: Option<Value>,
}

impl SeriesWindows {
    /// Returns the windows with the values of the first column.
    ///
    /// A query with one aggregate has only this column.
    #[must_use]
    pub fn windows(&self) -> impl ExactSizeIterator<Item = Window> + '_ {
        self.column(0)
    }

    /// Returns the windows with the values of a column, counted from 0. A missing column has no values.
    #[must_use]
    pub fn column(&self, column: usize) -> impl ExactSizeIterator<Item = Window> + '_ {
        let values = self.values.get(column);
        let value = move |at: usize| values.and_then(|column| column.get(at));
        self.starts.iter().enumerate().map(move |(at, start)| Window { start: *start, value: value(at) })
    }

    /// Returns the values of a window, counted from 0, one for each column.
    #[must_use]
    pub fn row(&self, window: usize) -> impl ExactSizeIterator<Item = Option<Value>> + '_ {
        self.values.iter().map(move |column| column.get(window))
    }

    /// Returns the number of windows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns `true` if there are no windows, which is never the case in the result of a query.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }
}

impl Windows {
    /// Returns the number of windows of all rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.iter().map(SeriesWindows::len).sum()
    }

    /// Returns `true` if there are no windows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

/// Writes a table with a header and without a line break at the end.
///
/// Series and start are aligned to the left, values to the right.
impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.series.iter().map(|series| series.key.to_string()).collect();
        let (mut series_width, mut start_width) = (char_width("series"), char_width("start"));
        let mut widths: Vec<usize> = self.columns.iter().map(|name| char_width(name)).collect();
        for (name, series) in names.iter().zip(&self.series) {
            series_width = series_width.max(char_width(name));
            start_width =
                series.starts.iter().map(|start| char_width(&start.to_string())).fold(start_width, usize::max);
            for (own, column) in widths.iter_mut().zip(&series.values) {
                *own = (0..column.len()).map(|at| char_width(&column.text_at(at))).fold(*own, usize::max);
            }
        }
        write!(f, "{:series_width$}  {:start_width$}", "series", "start")?;
        for (name, width) in self.columns.iter().zip(&widths) {
            write!(f, "  {name:>width$}")?;
        }
        for (name, series) in names.iter().zip(&self.series) {
            for (at, start) in series.starts.iter().enumerate() {
                // Formatted as text first, because the formatter of a type may ignore the width.
                let start = start.to_string();
                write!(f, "\n{name:series_width$}  {start:start_width$}")?;
                for (column, width) in series.values.iter().zip(&widths) {
                    write!(f, "  {:>width$}", column.text_at(at))?;
                }
            }
        }
        Ok(())
    }
}

/// Estimates the width of a text in a terminal: one column for each character.
fn char_width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_aligned_and_each_line_is_complete() {
        let windows = |key: SeriesKey, rows: &[(i64, f64, Option<u64>)]| SeriesWindows {
            key,
            members: 1,
            starts: rows.iter().map(|(secs, ..)| Timestamp::from_secs(*secs)).collect(),
            values: vec![
                rows.iter().map(|(_, value, _)| Some(Value::F64(*value))).collect(),
                rows.iter().map(|(.., count)| count.map(Value::U64)).collect(),
            ],
        };
        let answer = Windows {
            columns: vec!["mean".to_owned(), "count".to_owned()],
            series: vec![
                windows(SeriesKey::new("temp").tag("station", "JFK"), &[(0, 3.8, Some(2)), (86_400, -11.25, None)]),
                windows(SeriesKey::new("höhe"), &[(0, f64::NAN, Some(1))]),
            ],
            stale_markers: 0,
        };
        let lines = [
            "series               start                   mean  count",
            r#"temp{station="JFK"}  1970-01-01T00:00:00Z     3.8      2"#,
            r#"temp{station="JFK"}  1970-01-02T00:00:00Z  -11.25      -"#,
            "höhe                 1970-01-01T00:00:00Z     NaN      1",
        ];
        assert_eq!(answer.to_string(), lines.join("\n"));
        assert_eq!((answer.len(), answer.is_empty()), (3, false));
        let none = Windows { columns: vec!["count".to_owned()], series: vec![], stale_markers: 0 };
        assert_eq!(none.to_string(), "series  start  count");
        let jfk = &answer.series[0];
        assert_eq!(jfk.row(1).collect::<Vec<_>>(), [Some(Value::F64(-11.25)), None]);
        assert_eq!((jfk.windows().len(), jfk.column(1).next().unwrap().value), (2, Some(Value::U64(2))));
        assert!(jfk.column(2).all(|window| window.value.is_none()));
    }
}
