//! Points of one series of any type, as `f64`.

use std::ops::RangeInclusive;

use timestrata::{Result, ScanChunks, SeriesInfo, Snapshot, Timestamp, ValueSlice, ValueType};

/// Points of a series in the order of their times. Reading blocks the thread.
pub(super) enum SeriesPoints {
    F64(ScanChunks<f64>),
    I64(ScanChunks<i64>),
    U64(ScanChunks<u64>),
    Bool(ScanChunks<bool>),
}

impl SeriesPoints {
    /// Opens the points of a listed series in a range of time. Nothing is read yet.
    ///
    /// # Errors
    ///
    /// If the series is not one of the snapshot.
    pub(super) fn open(snapshot: &Snapshot, info: &SeriesInfo, range: RangeInclusive<Timestamp>) -> Result<Self> {
        let key = &info.key;
        Ok(match info.value_type {
            ValueType::I64 => Self::I64(snapshot.scan(snapshot.series(key)?, range).chunks()),
            ValueType::U64 => Self::U64(snapshot.scan(snapshot.series(key)?, range).chunks()),
            ValueType::Bool => Self::Bool(snapshot.scan(snapshot.series(key)?, range).chunks()),
            ValueType::F64 => Self::F64(snapshot.scan(snapshot.series(key)?, range).chunks()),
        })
    }

    /// Calls a function with each point of the next chunk; integers as the nearest `f64`. Returns `false` at the end.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub(super) fn next_chunk(&mut self, each: impl FnMut(Timestamp, f64)) -> Result<bool> {
        macro_rules! next {
            ($chunks:ident, $slice:ident) => {
                match $chunks.next_chunk()? {
                    Some(chunk) => each_point(chunk.timestamps, ValueSlice::$slice(chunk.values), each),
                    None => return Ok(false),
                }
            };
        }
        match self {
            Self::F64(chunks) => next!(chunks, F64),
            Self::I64(chunks) => next!(chunks, I64),
            Self::U64(chunks) => next!(chunks, U64),
            Self::Bool(chunks) => next!(chunks, Bool),
        }
        Ok(true)
    }
}

fn each_point(times: &[Timestamp], values: ValueSlice<'_>, mut each: impl FnMut(Timestamp, f64)) {
    let mut times = times.iter();
    values.for_each_f64(|value| {
        if let Some(time) = times.next() {
            each(*time, value);
        }
    });
}
