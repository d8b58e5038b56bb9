//! Everything that a decoder makes of an input that comes in pieces.

use timestrata::{SeriesKey, Timestamp, Value, ValueSlice};

use crate::{Decoder, Encoder, IngestError, Rows};

/// Points, rows and errors of an input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DecodedInput {
    /// Series, time and value of each point; the value as [`value_text`].
    pub points: Vec<(SeriesKey, Timestamp, String)>,
    /// Line of each row.
    pub lines: Vec<u64>,
    /// Line and reason of each refused row.
    pub refused: Vec<(u64, String)>,
    /// Error that ended the input.
    pub error: Option<IngestError>,
    /// What the decoder says at the end.
    pub notices: Vec<String>,
}

/// Returns a value with its type and, for floats, its bits, so that a NaN equals itself.
#[must_use]
pub fn value_text(value: &Value) -> String {
    match value {
        Value::F64(number) => format!("f64 {:016x}", number.to_bits()),
        other => format!("{other:?}"),
    }
}

/// Decodes an input that comes in pieces of `step` bytes, by batches of `capacity` points.
///
/// # Panics
///
/// If the decoder leaves bytes over, or if the lines of the rows fall.
pub fn decode_pieces(decoder: &mut dyn Decoder, input: &[u8], step: usize, capacity: usize) -> DecodedInput {
    let mut rows = Rows::with_capacity(capacity);
    let mut found = DecodedInput::default();
    let (mut start, mut end) = (0, 0);
    loop {
        let is_last = end == input.len();
        let used = decoder.decode(&input[start..end], is_last, &mut rows);
        let is_full = rows.is_full();
        let points = rows.row_ends().last().map_or(0, |row| row.points);
        let columns = rows.point_series().iter().zip(rows.timestamps()).zip(rows.values()).take(points);
        let point = |((series, time), value): ((&_, &Timestamp), &Value)| {
            (rows.series(*series).key().clone(), *time, value_text(value))
        };
        found.points.extend(columns.map(point));
        found.lines.extend(rows.row_ends().iter().map(|row| row.line));
        found.refused.extend(rows.refused().iter().map(|row| (row.line, row.reason.clone())));
        rows.clear();
        match used {
            Ok(used) => start += used,
            Err(error) => {
                found.error = Some(error);
                break;
            }
        }
        if is_last && !is_full {
            assert_eq!(start, input.len(), "bytes are left over");
            break;
        }
        if !is_full {
            end = (end + step).min(input.len());
        }
    }
    assert!(found.lines.is_sorted(), "lines fall");
    found.notices = decoder.notices();
    found
}

/// Passes one point to an encoder.
///
/// # Panics
///
/// If the value is of an unknown type.
pub fn encode_point(encoder: &mut Encoder, key: &SeriesKey, time: Timestamp, value: &Value) {
    let time = [time];
    match value {
        Value::F64(value) => encoder.push(key, &time, ValueSlice::F64(&[*value])),
        Value::I64(value) => encoder.push(key, &time, ValueSlice::I64(&[*value])),
        Value::U64(value) => encoder.push(key, &time, ValueSlice::U64(&[*value])),
        Value::Bool(value) => encoder.push(key, &time, ValueSlice::Bool(&[*value])),
        other => panic!("{other:?} is of an unknown type"),
    }
}
