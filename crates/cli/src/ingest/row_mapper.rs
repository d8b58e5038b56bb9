//! Converts a row of a file to points of a batch, by the column plan.
//! A row is accepted or rejected as a whole: no point is pushed before the last cell is parsed.

use std::collections::HashMap;
use std::rc::Rc;

use timestrata::{Batch, SeriesKey, Timestamp, Value};

use super::column_plan::ColumnPlan;
use super::csv_reader::CsvRecord;
use super::parse_value;

/// Converts rows to points, and caches the series keys of each combination of tags.
pub(crate) struct RowMapper<'p> {
    plan: &'p ColumnPlan,
    /// Cache: the series keys of all value columns, by the texts of the tag cells.
    keys: HashMap<Vec<u8>, Rc<[SeriesKey]>>,
    /// Reused buffer.
    tag_cells: Vec<u8>,
    /// Reused buffer.
    values: Vec<(usize, Value)>,
    /// Earliest accepted time.
    earliest: Option<Timestamp>,
    /// Latest accepted time.
    latest: Option<Timestamp>,
}

/// Number of points that a row added, and their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddedPoints {
    pub(crate) points: usize,
    pub(crate) time: Timestamp,
}

impl<'p> RowMapper<'p> {
    pub(crate) fn new(plan: &'p ColumnPlan) -> Self {
        Self { plan, keys: HashMap::new(), tag_cells: Vec::new(), values: Vec::new(), earliest: None, latest: None }
    }

    /// Sets the bounds: rows before `earliest` or after `latest` are rejected.
    pub(crate) fn between(self, earliest: Option<Timestamp>, latest: Option<Timestamp>) -> Self {
        Self { earliest, latest, ..self }
    }

    /// Adds the points of the row to the batch.
    ///
    /// Returns the reason if the row is invalid, and adds nothing.
    pub(crate) fn push(&mut self, row: &CsvRecord, batch: &mut Batch) -> Result<AddedPoints, String> {
        let plan = self.plan;
        if row.cells.len() != plan.columns {
            return Err(format!("it has {} cells, the header has {}", row.cells.len(), plan.columns));
        }
        let in_column = |name: &str, what: String| format!("column {name}: {what}");
        let time = row.text(plan.time.at).and_then(|text| match text {
            "" => Err("the time is empty".to_owned()),
            text => plan.time.format.parse(text),
        });
        let time = time.and_then(|time| self.check_time(time)).map_err(|what| in_column(&plan.time.name, what))?;
        self.values.clear();
        for (nth, column) in plan.values.iter().enumerate() {
            let text = row.text(column.at).map_err(|what| in_column(&column.name, what))?;
            if !text.is_empty() && !plan.missing.0.iter().any(|missing| missing == text) {
                let value = parse_value::value(text, column.ty).map_err(|what| in_column(&column.name, what))?;
                self.values.push((nth, value));
            }
        }
        let keys = self.keys(row)?;
        for (nth, value) in &self.values {
            batch.push_key(&keys[*nth], time, *value);
        }
        Ok(AddedPoints { points: self.values.len(), time })
    }

    fn check_time(&self, time: Timestamp) -> Result<Timestamp, String> {
        match (self.earliest, self.latest) {
            (Some(earliest), _) if time < earliest => Err(format!("{time} is older than --refuse-before {earliest}")),
            (_, Some(latest)) if time > latest => Err(format!("{time} is later than --refuse-after {latest}")),
            _ => Ok(time),
        }
    }

    /// Returns the series keys of the row's tags, one per value column.
    fn keys(&mut self, row: &CsvRecord) -> Result<Rc<[SeriesKey]>, String> {
        let plan = self.plan;
        self.tag_cells.clear();
        for tag in &plan.tags {
            self.tag_cells
                .extend_from_slice(row.text(tag.at).map_err(|what| format!("tag {}: {what}", tag.key))?.as_bytes());
            // This byte is not valid in UTF-8, so different cells never give the same cache key.
            self.tag_cells.push(0xFF);
        }
        if let Some(keys) = self.keys.get(&self.tag_cells) {
            return Ok(Rc::clone(keys));
        }
        let mut keys = Vec::with_capacity(plan.values.len());
        for column in &plan.values {
            let mut key = column.key.clone();
            for tag in &plan.tags {
                let text = row.text(tag.at)?;
                if !text.is_empty() && !plan.missing.0.iter().any(|missing| missing == text) {
                    key = key.tag(&tag.key, text);
                }
            }
            key.validate().map_err(|error| error.to_string())?;
            keys.push(key);
        }
        let keys: Rc<[SeriesKey]> = keys.into();
        self.keys.insert(self.tag_cells.clone(), Rc::clone(&keys));
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use timestrata::ValueType;

    use super::*;
    use crate::ingest::column_plan::{TagColumn, TimeColumn, ValueColumn};
    use crate::ingest::csv_reader::CsvReader;
    use crate::names::NameList;
    use crate::time::TimeFormat;

    fn plan() -> ColumnPlan {
        let value = |at, name: &str, ty| ValueColumn { at, name: name.to_owned(), key: SeriesKey::new(name), ty };
        ColumnPlan {
            columns: 4,
            time: TimeColumn { at: 0, name: "t".to_owned(), format: TimeFormat::S },
            tags: vec![TagColumn { at: 1, key: "host".to_owned() }],
            values: vec![value(2, "x", ValueType::F64), value(3, "n", ValueType::I64)],
            missing: NameList(vec!["NA".to_owned()]),
            notes: Vec::new(),
        }
    }

    fn push(rows: &mut RowMapper<'_>, text: &[u8], batch: &mut Batch) -> Result<usize, String> {
        let mut records = CsvReader::new(text, b',');
        let mut row = CsvRecord::default();
        assert!(records.read(&mut row).unwrap());
        rows.push(&row, batch).map(|added| added.points)
    }

    #[test]
    fn an_empty_cell_is_no_point_and_an_empty_tag_no_tag() {
        let plan = plan();
        let (mut rows, mut batch) = (RowMapper::new(&plan), Batch::new());
        assert_eq!(push(&mut rows, b"1,a,2.5,7", &mut batch), Ok(2));
        assert_eq!(push(&mut rows, b"2,a, NA ,", &mut batch), Ok(0));
        assert_eq!(push(&mut rows, b"3,,,-1", &mut batch), Ok(1));
        assert_eq!((batch.len(), rows.keys.len()), (3, 2));
    }

    #[test]
    fn a_bad_row_adds_nothing_and_reports_the_reason() {
        let plan = plan();
        let (mut rows, mut batch) = (RowMapper::new(&plan), Batch::new());
        for (text, expected) in [
            (&b"1,a,2.5"[..], "it has 3 cells, the header has 4"),
            (b"1,a,2.5,7,8", "it has 5 cells"),
            (b",a,2.5,7", "column t: the time is empty"),
            (b"x,a,2.5,7", "column t: \"x\" is not a number of seconds"),
            (b"1,a,2.5,7.5", "column n: \"7.5\" is not an i64"),
            (b"1,a,abc,7", "column x: \"abc\" is not a number"),
            (b"1,a\xff,1,7", "tag host: the text is not UTF-8"),
            (b"1,a\x07b,1,7", "control character"),
        ] {
            let error = push(&mut rows, text, &mut batch).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(batch.is_empty());
    }
}
