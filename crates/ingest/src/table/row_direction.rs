//! Direction of the rows of an input with local times, by which an hour that comes twice is read.

use super::plan::TimeColumns;
use super::planner::TableRow;
use crate::time::{DateOrder, Moment, RowOrder, TimeReader};

/// Counts whether local times rise or fall from row to row.
#[derive(Debug, Default)]
pub(super) struct RowDirection {
    last: Option<i64>,
    rises: u64,
    falls: u64,
}

impl RowDirection {
    /// Counts the time of a row. An absolute time needs no direction.
    pub(super) fn count(&mut self, moment: &Moment) {
        let (Moment::Local(local) | Moment::LocalIn(local, _)) = moment else { return };
        let nanos = local.utc_nanos();
        if let (Some(last), Some(now)) = (self.last, nanos) {
            self.rises += u64::from(now > last);
            self.falls += u64::from(now < last);
        }
        self.last = nanos.or(self.last);
    }

    /// Returns the direction of most rows.
    pub(super) fn order(&self) -> RowOrder {
        if self.falls > self.rises { RowOrder::Descending } else { RowOrder::Ascending }
    }

    /// Returns the direction of rows by the planned reader of their times; the order of day and month may be open.
    pub(super) fn of_rows(time: &TimeColumns, rows: &[TableRow]) -> RowOrder {
        let readers: Vec<TimeReader> = match &time.reader {
            TimeReader::Auto { is_joined, .. } => [DateOrder::DayFirst, DateOrder::MonthFirst]
                .map(|order| TimeReader::Auto { order, is_joined: *is_joined })
                .to_vec(),
            TimeReader::DateAndParts { parts, .. } => [DateOrder::DayFirst, DateOrder::MonthFirst]
                .map(|order| TimeReader::DateAndParts { order, parts: parts.clone() })
                .to_vec(),
            other => vec![other.clone()],
        };
        let mut direction = Self::default();
        for row in rows {
            let cells: Vec<&str> = time.at.iter().map(|at| row.cells.get(*at).map_or("", |cell| cell.trim())).collect();
            let text = cells.join(" ");
            if let Some(moment) = readers.iter().find_map(|reader| reader.parse(&text).ok()) {
                direction.count(&moment);
            }
        }
        direction.order()
    }
}
