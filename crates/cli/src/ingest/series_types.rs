//! Types of the series of an input: a row whose value has another type than its series is refused by its line.
//!
//! The engine refuses the whole batch of such a row. Found here, the rows before it are stored, and it can be skipped.

use std::ops::Range;

use timestrata::{SeriesKey, Snapshot, Value, ValueType};
use timestrata_ingest::{RefusalCode, RefusedRow, Rows, Suggestion};

/// Tag of a series of line protocol that names its field.
const FIELD_TAG: &str = "_field";

/// Type of each series by its number; that of the database, else that of the first row.
#[derive(Default)]
pub(crate) struct SeriesTypes {
    /// State of the database before the input; `None` if there is no database.
    stored: Option<Snapshot>,
    types: Vec<Option<ValueType>>,
    /// `true` if an option can give values another type.
    takes_types: bool,
}

impl SeriesTypes {
    pub(crate) fn new(stored: Option<Snapshot>, takes_types: bool) -> Self {
        Self { stored, types: Vec::new(), takes_types }
    }

    /// Returns the rows with a value of another type than that of its series, by their place among the ends of rows.
    ///
    /// `all` is `false` if the first is enough.
    pub(crate) fn conflicts(&mut self, rows: &Rows, range: Range<usize>, all: bool) -> Vec<(usize, RefusedRow)> {
        let ends = rows.row_ends();
        let known = self.types.len();
        let new = rows.series_len().max(known);
        for index in known..new {
            let number = timestrata_ingest::SeriesNumber(u32::try_from(index).unwrap_or(u32::MAX));
            let stored = self.stored.as_ref().and_then(|stored| stored.find_series(rows.series(number).key()));
            self.types.push(stored.map(|info| info.value_type));
        }
        let mut found = Vec::new();
        for row in range {
            let start = row.checked_sub(1).map_or(0, |before| ends[before].points);
            if let Some((key, own, value)) = self.conflict_of(rows, start..ends[row].points) {
                let reason = format!("series {key} holds {own}, not {}", value.value_type());
                let suggestion = (self.takes_types && fits(value, own))
                    .then(|| Suggestion::new("types", format!("{}={own}", column_of(key))));
                let suggestions = suggestion.into_iter().collect();
                found.push((row, RefusedRow { line: ends[row].line, code: RefusalCode::BadRow, reason, suggestions }));
                if !all {
                    break;
                }
            }
        }
        found
    }

    /// Returns the first point of a row with another type; else the types of its series are those of its values.
    fn conflict_of<'a>(&mut self, rows: &'a Rows, points: Range<usize>) -> Option<(&'a SeriesKey, ValueType, Value)> {
        let (series, values) = (&rows.point_series()[points.clone()], &rows.values()[points]);
        let mut has_new = false;
        for (series, value) in series.iter().zip(values) {
            match self.types[series.0 as usize] {
                Some(own) if own != value.value_type() => return Some((rows.series(*series).key(), own, *value)),
                Some(_) => {}
                None => has_new = true,
            }
        }
        if !has_new {
            return None;
        }
        // A row may name a series twice.
        let mut given: Vec<usize> = Vec::new();
        for (series, value) in series.iter().zip(values) {
            let at = series.0 as usize;
            match self.types[at] {
                None => {
                    self.types[at] = Some(value.value_type());
                    given.push(at);
                }
                Some(own) if own != value.value_type() => {
                    for at in given {
                        self.types[at] = None;
                    }
                    return Some((rows.series(*series).key(), own, *value));
                }
                Some(_) => {}
            }
        }
        None
    }
}

/// Returns the name by which the option of types finds a series: its field, or its metric.
fn column_of(key: &SeriesKey) -> &str {
    key.tag_value(FIELD_TAG).unwrap_or_else(|| key.metric())
}

/// Returns `true` if the value is exactly representable in a type.
fn fits(value: Value, ty: ValueType) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = value.as_f64();
    match ty {
        ValueType::F64 => number.abs() <= EXACT,
        ValueType::I64 => number.fract() == 0.0 && number.abs() <= EXACT,
        ValueType::U64 => number.fract() == 0.0 && (0.0..=EXACT).contains(&number),
        ValueType::Bool => [0.0, 1.0].contains(&number),
    }
}

#[cfg(test)]
mod tests {
    use timestrata::Timestamp;

    use super::*;

    #[test]
    fn a_refused_row_decides_no_type() {
        let mut rows = Rows::with_capacity(100);
        let (a, b) = (rows.intern(&SeriesKey::new("a")), rows.intern(&SeriesKey::new("b").tag(FIELD_TAG, "f")));
        let mut row = |line: u64, points: &[(timestrata_ingest::SeriesNumber, Value)]| {
            for (series, value) in points {
                rows.push(*series, Timestamp::from_secs(1), *value);
            }
            rows.end_row(line);
        };
        row(1, &[(a, Value::F64(1.0))]);
        row(2, &[(b, Value::I64(1)), (a, Value::I64(1))]);
        row(3, &[(b, Value::U64(1)), (b, Value::Bool(true))]);
        row(4, &[(b, Value::F64(1.5))]);
        row(5, &[(b, Value::I64(1))]);
        let found = SeriesTypes::new(None, true).conflicts(&rows, 0..5, true);
        let lines: Vec<u64> = found.iter().map(|(_, refused)| refused.line).collect();
        assert_eq!(lines, [2, 3, 5]);
        assert_eq!(found[2].1.suggestions, [Suggestion::new("types", "f=f64")]);
        assert_eq!(SeriesTypes::new(None, true).conflicts(&rows, 0..5, false).len(), 1);
    }
}
