//! What a query answers: series or groups, their windows as columns, and a plain text table of both.
//! It holds values only; nothing here reads.

use std::fmt;

use crate::point::{Timestamp, Value};
use crate::series::SeriesKey;

/// The answer to a query: the windows of every selected series, or group of series, that has any.
///
/// Its text is a plain table with a row a window, each complete in itself, so that it can be searched line by line; `-`
/// stands where a window has no value:
///
/// ```text
/// series               start                 mean   max
/// temp{station="JFK"}  2013-01-01T00:00:00Z   3.8  12.2
/// temp{station="JFK"}  2013-01-02T00:00:00Z  -1.5   4.0
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Windows {
    /// What each column tells: the aggregates' names, in the order in which they were asked for.
    pub columns: Vec<String>,
    /// In key order, or the best first if the query ranked them; one without windows is not among them.
    pub series: Vec<SeriesWindows>,
}

/// The windows of one series, or of one group of series, as columns.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeriesWindows {
    /// The series' key. Of a group, the metric name that its series share, or an empty one, and the tags that they were
    /// grouped by.
    pub key: SeriesKey,
    /// How many series it was made of.
    pub members: usize,
    /// The first time of each window, in time order unless the query said otherwise.
    ///
    /// It may be before the range's start, though only points inside the range count; the one window that would begin before
    /// [`Timestamp::MIN`] begins there. Without `every`, the range's first time, or the first point's if the range is
    /// open below.
    pub starts: Vec<Timestamp>,
    /// A column for each of [`Windows::columns`], with a value for each start; `None` where there is none: see
    /// [`Aggregate`](crate::Aggregate) for which windows have one, and [`Fill`](crate::Fill).
    pub values: Vec<Vec<Option<Value>>>,
}

/// One window with the value of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// Its first time.
    pub start: Timestamp,
    /// What stands for its points, if anything does.
    pub value: Option<Value>,
}

impl SeriesWindows {
    /// The windows with the values of the first column: all there is for a query of one aggregate.
    #[must_use]
    pub fn windows(&self) -> impl ExactSizeIterator<Item = Window> + '_ {
        self.column(0)
    }

    /// The windows with the values of a column, counted from 0; a column that is not there has no values.
    #[must_use]
    pub fn column(&self, column: usize) -> impl ExactSizeIterator<Item = Window> + '_ {
        let values = self.values.get(column).map_or(&[][..], Vec::as_slice);
        let value = |at: usize| values.get(at).copied().flatten();
        self.starts.iter().enumerate().map(move |(at, start)| Window { start: *start, value: value(at) })
    }

    /// All values of a window, counted from 0, one a column.
    #[must_use]
    pub fn row(&self, window: usize) -> impl ExactSizeIterator<Item = Option<Value>> + '_ {
        self.values.iter().map(move |column| column.get(window).copied().flatten())
    }

    /// How many windows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is none, which no query answers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }
}

impl Windows {
    /// How many windows there are over all series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.iter().map(SeriesWindows::len).sum()
    }

    /// Whether there is no window at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

/// A value as it stands in a table.
fn text(value: Option<Value>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A table with a header, series and start at the left, values at the right; no line break at the end.
impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.series.iter().map(|series| series.key.to_string()).collect();
        let (mut series_width, mut start_width) = (width("series"), width("start"));
        let mut widths: Vec<usize> = self.columns.iter().map(|name| width(name)).collect();
        for (name, series) in names.iter().zip(&self.series) {
            series_width = series_width.max(width(name));
            start_width = series.starts.iter().map(|start| width(&start.to_string())).fold(start_width, usize::max);
            for (own, column) in widths.iter_mut().zip(&series.values) {
                *own = column.iter().map(|value| width(&text(*value))).fold(*own, usize::max);
            }
        }
        write!(f, "{:series_width$}  {:start_width$}", "series", "start")?;
        for (name, width) in self.columns.iter().zip(&widths) {
            write!(f, "  {name:>width$}")?;
        }
        for (name, series) in names.iter().zip(&self.series) {
            for (at, start) in series.starts.iter().enumerate() {
                // Through text, as a width given to a value may be lost on its way.
                let start = start.to_string();
                write!(f, "\n{name:series_width$}  {start:start_width$}")?;
                for (value, width) in series.row(at).zip(&widths) {
                    write!(f, "  {:>width$}", text(value))?;
                }
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

    #[test]
    fn the_table_is_aligned_and_each_row_stands_alone() {
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
        };
        let lines = [
            "series               start                   mean  count",
            r#"temp{station="JFK"}  1970-01-01T00:00:00Z     3.8      2"#,
            r#"temp{station="JFK"}  1970-01-02T00:00:00Z  -11.25      -"#,
            "höhe                 1970-01-01T00:00:00Z     NaN      1",
        ];
        assert_eq!(answer.to_string(), lines.join("\n"));
        assert_eq!((answer.len(), answer.is_empty()), (3, false));
        let none = Windows { columns: vec!["count".to_owned()], series: vec![] };
        assert_eq!(none.to_string(), "series  start  count");
        let jfk = &answer.series[0];
        assert_eq!(jfk.row(1).collect::<Vec<_>>(), [Some(Value::F64(-11.25)), None]);
        assert_eq!((jfk.windows().len(), jfk.column(1).next().unwrap().value), (2, Some(Value::U64(2))));
        assert!(jfk.column(2).all(|window| window.value.is_none()));
    }
}
