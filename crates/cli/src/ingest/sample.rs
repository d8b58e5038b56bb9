//! What the first rows of a file tell about its columns: empty, numbers, times or text.
//! It only looks; `plan` decides.

use timestrata::Timestamp;

use super::cell;
use super::records::Record;
use crate::names::Names;
use crate::time::{self, TimeFormat};

/// How many rows are looked at before it is decided which columns hold values.
pub(crate) const SAMPLE_ROWS: usize = 1_000;

/// One column of the sample.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    /// Cells that are not empty.
    pub(crate) filled: usize,
    /// The first cell that is no number, with its line.
    pub(crate) not_number: Option<(u64, String)>,
    times: usize,
    /// Cells that would be moments of this century in one unit, each later than the one before; and that unit.
    epochs: usize,
    epoch: Option<TimeFormat>,
    latest: Option<Timestamp>,
    /// A time that does not say its zone.
    pub(crate) without_zone: bool,
}

impl Column {
    pub(crate) fn is_numeric(&self) -> bool {
        self.not_number.is_none()
    }

    /// Every cell is a date or time.
    pub(crate) fn is_time(&self) -> bool {
        self.filled > 0 && self.times == self.filled
    }

    /// The unit in which the cells would be rising moments of this century.
    pub(crate) fn epoch(&self) -> Option<TimeFormat> {
        self.epoch.filter(|_| self.filled > 0 && self.epochs == self.filled)
    }

    fn look(&mut self, text: &str, line: u64) {
        self.filled += 1;
        if cell::number(text).is_some() {
            self.look_at_number(text);
            return;
        }
        if self.not_number.is_none() {
            self.not_number = Some((line, text.chars().take(32).collect()));
        }
        // One cell that is no time settles it, and spares the parsing of a column of texts.
        if self.times + 1 == self.filled && TimeFormat::Auto.parse(text).is_ok() {
            self.times += 1;
            self.without_zone |= !time::has_zone(text);
        }
    }

    /// Whether it goes on as a clock would; a constant such as a boot time does not.
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

/// Looks at every column of the header.
pub(crate) fn look(columns: usize, rows: &[Record], missing: &Names) -> Vec<Column> {
    let mut found = vec![Column::default(); columns];
    for row in rows {
        for (at, column) in found.iter_mut().enumerate() {
            match row.text(at) {
                Ok(text) if text.is_empty() || missing.0.iter().any(|missing| missing == text) => {}
                Ok(text) => column.look(text, row.line),
                Err(_) => column.look("(not UTF-8)", row.line),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::records::Records;

    fn columns(text: &str) -> Vec<Column> {
        let mut records = Records::new(text.as_bytes(), b',');
        let mut rows = Vec::new();
        let mut row = Record::default();
        while records.read(&mut row).unwrap() {
            rows.push(row.clone());
        }
        look(4, &rows, &Names(vec!["NA".to_owned()]))
    }

    #[test]
    fn columns_are_told_apart_by_every_cell_that_is_not_empty() {
        let found = columns("2013-01-01,1,1795364193056,\n2013-01-02,NA,1795364193057,\n,x,1795364193058,\n");
        assert!(found[0].is_time() && found[0].without_zone && !found[0].is_numeric());
        assert_eq!(found[1].not_number, Some((3, "x".to_owned())));
        assert_eq!(found[2].epoch(), Some(TimeFormat::Ms));
        assert!(found[2].is_numeric() && !found[2].is_time());
        assert!(found[3].filled == 0 && found[3].is_numeric() && !found[3].is_time());
    }
}
