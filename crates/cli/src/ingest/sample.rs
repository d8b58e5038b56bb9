//! Statistics of the first rows of a file by column: empty cells, numbers, times, text.
//!
//! `column_plan` chooses the roles of the columns by them.

use timestrata::Timestamp;

use super::csv_reader::CsvRecord;
use super::parse_value;
use crate::names::NameList;
use crate::time::{self, TimeFormat};

/// Number of rows in the sample.
pub(crate) const SAMPLE_ROWS: usize = 1_000;

/// Statistics of one column.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnSample {
    /// Number of cells that are not empty.
    pub(crate) filled: usize,
    /// First cell that is not a number, with its line.
    pub(crate) not_number: Option<(u64, String)>,
    times: usize,
    /// Cells that are increasing times of this century in one unit, and the unit.
    epochs: usize,
    epoch: Option<TimeFormat>,
    latest: Option<Timestamp>,
    /// `true` if a time has no zone.
    pub(crate) without_zone: bool,
}

impl ColumnSample {
    pub(crate) fn is_numeric(&self) -> bool {
        self.not_number.is_none()
    }

    /// Returns `true` if every cell is a date or time.
    pub(crate) fn is_time(&self) -> bool {
        self.filled > 0 && self.times == self.filled
    }

    /// Returns the unit in which the cells are increasing times of this century.
    pub(crate) fn epoch(&self) -> Option<TimeFormat> {
        self.epoch.filter(|_| self.filled > 0 && self.epochs == self.filled)
    }

    fn add_cell(&mut self, text: &str, line: u64) {
        self.filled += 1;
        if parse_value::number(text).is_some() {
            self.look_at_number(text);
            return;
        }
        if self.not_number.is_none() {
            self.not_number = Some((line, text.chars().take(32).collect()));
        }
        // After the first cell that is not a time, the cells of the column are no longer parsed as times.
        if self.times + 1 == self.filled && TimeFormat::Auto.parse(text).is_ok() {
            self.times += 1;
            self.without_zone |= !time::has_zone(text);
        }
    }

    /// Counts the numbers that are increasing times in one unit.
    ///
    /// A constant such as a boot time is not counted.
    fn look_at_number(&mut self, text: &str) {
        if self.epochs + 1 != self.filled {
            return;
        }
        self.epoch = self.epoch.or_else(|| TimeFormat::of_number(text));
        let at = self.epoch.and_then(|unit| unit.parse(text).ok());
        if at.is_some() && self.epoch == TimeFormat::of_number(text) && at > self.latest {
            self.latest = at;
            self.epochs += 1;
        }
    }
}

/// Samples every column of the header.
pub(crate) fn sample_columns(columns: usize, rows: &[CsvRecord], missing: &NameList) -> Vec<ColumnSample> {
    let mut found = vec![ColumnSample::default(); columns];
    for row in rows {
        for (at, column) in found.iter_mut().enumerate() {
            match row.text(at) {
                Ok(text) if text.is_empty() || missing.0.iter().any(|missing| missing == text) => {}
                Ok(text) => column.add_cell(text, row.line),
                Err(_) => column.add_cell("(not UTF-8)", row.line),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::csv_reader::CsvReader;

    fn columns(text: &str) -> Vec<ColumnSample> {
        let mut records = CsvReader::new(text.as_bytes(), b',');
        let mut rows = Vec::new();
        let mut row = CsvRecord::default();
        while records.read(&mut row).unwrap() {
            rows.push(row.clone());
        }
        sample_columns(4, &rows, &NameList(vec!["NA".to_owned()]))
    }

    #[test]
    fn column_types_follow_from_every_cell_that_is_not_empty() {
        let found = columns("2013-01-01,1,1795364193056,\n2013-01-02,NA,1795364193057,\n,x,1795364193058,\n");
        assert!(found[0].is_time() && found[0].without_zone && !found[0].is_numeric());
        assert_eq!(found[1].not_number, Some((3, "x".to_owned())));
        assert_eq!(found[2].epoch(), Some(TimeFormat::Ms));
        assert!(found[2].is_numeric() && !found[2].is_time());
        assert!(found[3].filled == 0 && found[3].is_numeric() && !found[3].is_time());
    }
}
