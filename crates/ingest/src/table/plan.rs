//! Roles of the columns of a table: time, tags, values with metric and type.

use timestrata::{SeriesKey, Timestamp, ValueType};

use super::cell::MissingCells;
use super::distinguish::Candidate;
use super::number::NumberSyntax;
use crate::time::{RowOrder, TimeReader};

/// Roles of all columns; the rows are converted to points by them.
#[derive(Debug, Clone)]
pub(crate) struct TablePlan {
    /// Names of the columns.
    pub(crate) header: Vec<String>,
    pub(crate) time: TimeColumns,
    pub(crate) tags: Vec<TagColumn>,
    pub(crate) values: ValueSource,
    pub(crate) missing: MissingCells,
    pub(crate) syntax: NumberSyntax,
    /// Earliest and latest accepted time.
    pub(crate) earliest: Option<Timestamp>,
    pub(crate) latest: Option<Timestamp>,
    /// Columns that may distinguish rows that share series and time.
    pub(crate) candidates: Vec<Candidate>,
}

/// Columns of the time. Several are joined with one space.
#[derive(Debug, Clone)]
pub(crate) struct TimeColumns {
    pub(crate) at: Vec<usize>,
    /// Names of the columns, joined by commas.
    pub(crate) name: String,
    pub(crate) reader: TimeReader,
    pub(crate) zone: Option<jiff::tz::TimeZone>,
    pub(crate) order: RowOrder,
    /// Column of the zones of the times.
    pub(crate) zone_cells: Option<ZoneCells>,
}

/// What the cells of a column of zones are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ZoneCells {
    /// Each is the zone of its row.
    Used(usize),
    /// Each must agree with the zone that an option gives.
    Checked(usize),
}

impl ZoneCells {
    /// Returns the column.
    pub(crate) fn at(self) -> usize {
        match self {
            Self::Used(at) | Self::Checked(at) => at,
        }
    }
}

/// Column whose texts are the values of a tag.
#[derive(Debug, Clone)]
pub(crate) struct TagColumn {
    pub(crate) at: usize,
    /// Tag key; may differ from the column name.
    pub(crate) key: String,
}

/// Column whose cells are the values of a metric.
#[derive(Debug, Clone)]
pub(crate) struct ValueColumn {
    pub(crate) at: usize,
    pub(crate) name: String,
    /// Metric and tags of the header; the row adds the tags of its tag columns.
    pub(crate) key: SeriesKey,
    pub(crate) ty: ValueType,
    /// `true` if an option names the column as a value, or its type.
    pub(crate) is_named: bool,
    /// Unit that every cell must have, empty for none; `None` if units are not read, or the first cell decides.
    pub(crate) unit: Option<String>,
}

/// Where the values of a row are.
#[derive(Debug, Clone)]
pub(crate) enum ValueSource {
    /// A column per metric.
    Wide(Vec<ValueColumn>),
    /// A row per value: a column with the metric, and one with the value.
    Long { metric_at: usize, value_at: usize, ty: ValueType, types: Vec<(String, ValueType)>, prefix: String },
    /// A row per value: a column with the whole series, as this project exports it.
    Series {
        series_at: usize,
        type_at: Option<usize>,
        value_at: usize,
        types: Vec<(String, ValueType)>,
        prefix: String,
    },
}
