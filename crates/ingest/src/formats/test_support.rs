//! What the tests of all formats use.

use proptest::prelude::*;
use timestrata::{Timestamp, Value};

use crate::{Format, IngestError, IngestOptions, Rows};

/// Point as a test writes it: series, nanoseconds, value.
pub(crate) type TestPoint = (String, i64, Value);

/// Everything that a decoder returned for an input.
#[derive(Debug, Default, Clone)]
pub(crate) struct Decoded {
    pub(crate) points: Vec<TestPoint>,
    /// Line and reason.
    pub(crate) refused: Vec<(u64, String)>,
    /// Lines of the rows.
    pub(crate) lines: Vec<u64>,
    pub(crate) metadata: Vec<String>,
    pub(crate) notices: Vec<String>,
    pub(crate) error: Option<IngestError>,
}

impl Decoded {
    /// Returns the points; fails if anything was refused.
    pub(crate) fn good(self) -> Vec<TestPoint> {
        assert!(self.refused.is_empty() && self.error.is_none(), "{self:?}");
        self.points
    }

    /// A text that is equal for equal results, NaN included.
    pub(crate) fn text(&self) -> String {
        let bits = |value: &Value| match value {
            Value::F64(v) => format!("{:016x}", v.to_bits()),
            other => format!("{other:?}"),
        };
        let points: Vec<_> = self.points.iter().map(|(key, at, value)| format!("{key} {at} {}", bits(value))).collect();
        format!(
            "{points:?} {:?} {:?} {:?} {:?} {:?}",
            self.refused, self.lines, self.metadata, self.notices, self.error
        )
    }
}

/// Options with the time 0 for rows without one.
pub(crate) fn timed() -> IngestOptions {
    IngestOptions {
        default_time: Some(Timestamp::UNIX_EPOCH),
        precision: Some(crate::Precision::Nanoseconds),
        ..IngestOptions::default()
    }
}

/// Decodes an input that arrives in pieces of the given sizes; the last size repeats.
pub(crate) fn decode_pieces(format: &dyn Format, options: &IngestOptions, input: &[u8], sizes: &[usize]) -> Decoded {
    let mut found = Decoded::default();
    let mut planner = format.planner(options).expect("the options fit");
    planner.push(input);
    let mut decoder = match planner.finish(true) {
        Ok(decoder) => decoder,
        Err(error) => return Decoded { error: Some(error), ..found },
    };
    let mut rows = Rows::with_capacity(options.limits.points_per_batch);
    let (mut start, mut end) = (0, 0);
    let mut sizes = sizes.iter().copied();
    let mut size = 1;
    loop {
        let last = end == input.len();
        let outcome = decoder.decode(&input[start..end], last, &mut rows);
        found.take(&rows);
        let was_full = rows.is_full();
        rows.clear();
        match outcome {
            Ok(consumed) => start += consumed,
            Err(error) => {
                found.error = Some(error);
                break;
            }
        }
        if last && start == end && !was_full {
            break;
        }
        assert!(!last || was_full, "the decoder leaves a rest");
        if !was_full {
            size = sizes.next().unwrap_or(size).max(1);
            end = (end + size).min(input.len());
        }
    }
    found.notices = decoder.notices();
    found
}

impl Decoded {
    pub(crate) fn take(&mut self, rows: &Rows) {
        for ((series, at), value) in rows.point_series().iter().zip(rows.timestamps()).zip(rows.values()) {
            self.points.push((rows.series(*series).key().to_string(), at.as_nanos(), *value));
        }
        self.lines.extend(rows.row_ends().iter().map(|end| end.line));
        self.refused.extend(rows.refused().iter().map(|row| (row.line, row.reason.clone())));
        self.metadata.extend(rows.metadata().iter().map(|(name, m)| format!("{name} {m:?}")));
    }
}

/// Decodes an input in one piece.
pub(crate) fn decode(format: &dyn Format, options: &IngestOptions, input: &[u8]) -> Decoded {
    decode_pieces(format, options, input, &[usize::MAX / 2])
}

/// Checks that the result does not depend on how an input is split, nor on the size of batches.
pub(crate) fn check_splits(format: &dyn Format, input: &[u8], sizes: &[usize]) {
    let mut options = timed();
    options.limits.row_bytes = 4096;
    let whole = decode(format, &options, input).text();
    assert_eq!(decode_pieces(format, &options, input, sizes).text(), whole);
    options.limits.points_per_batch = 1;
    assert_eq!(decode_pieces(format, &options, input, sizes).text(), whole);
}

/// Texts made of the fragments of a format, bytes of any value among them.
pub(crate) fn fragments(fragments: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        8 => proptest::sample::select(fragments).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..3),
    ];
    proptest::collection::vec(fragment, 0..40).prop_map(|parts| parts.concat())
}
