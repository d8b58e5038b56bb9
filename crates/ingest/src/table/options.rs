//! Options of tables.

use timestrata::Timestamp;

use crate::TimeFormat;

/// Options of tables, such as CSV files and objects of JSON.
///
/// A column is named by its header. A header with tags, such as `up{job="a"}`, may also be named by its metric, and a
/// column without a header as `column 3`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableOptions {
    /// Columns with the time, joined with one space; empty to detect one.
    pub time: Vec<String>,
    /// Format of the times.
    pub time_format: TimeFormat,
    /// Zone of times without one, such as `Europe/Berlin`; `None` for UTC.
    pub time_zone: Option<String>,
    /// Time from which elapsed times count; `None` if times are absolute.
    pub origin: Option<Timestamp>,
    /// Member whose array of objects holds the rows, in JSON that is one object; `None` if there is only one such array.
    pub rows_member: Option<String>,
    /// Year of the times, for columns of parts without one.
    pub year: Option<i64>,
    /// Columns that are tags: `COL`, or `COL=KEY` for a tag of another name.
    pub tags: Vec<String>,
    /// Columns that are values: `COL`, or `COL=NAME` for a metric of another name; `None` for all numeric columns.
    pub values: Option<Vec<String>>,
    /// Columns to ignore.
    pub values_except: Vec<String>,
    /// Column with the name of the metric, in a file with a row for each value.
    pub metric: Option<String>,
    /// Column with the value, in a file with a row for each value.
    pub value: Option<String>,
    /// Words and numbers that mean that there is no value, beside the known ones.
    pub missing: Vec<String>,
    /// Decimal separator. Default: a point.
    pub decimal: char,
    /// Separator of thousands; `None` if there is none.
    pub thousands: Option<char>,
    /// Removes a unit after the number of a cell, as in `45 %`.
    pub units: bool,
    /// Refuses rows before this time.
    pub earliest: Option<Timestamp>,
    /// Refuses rows after this time.
    pub latest: Option<Timestamp>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            time: Vec::new(),
            time_format: TimeFormat::Auto,
            time_zone: None,
            origin: None,
            rows_member: None,
            year: None,
            tags: Vec::new(),
            values: None,
            values_except: Vec::new(),
            metric: None,
            value: None,
            missing: Vec::new(),
            decimal: '.',
            thousands: None,
            units: false,
            earliest: None,
            latest: None,
        }
    }
}
