//! Encoding of a set of series ids: runs of consecutive ids, each as two differences.
//!
//! The first difference leads from the last id of the run before, or 0, to the first id of the run; the second from
//! there to the last id of the run.

use super::series_key::check_series_id;
use super::{ByteReader, DecodeResult, put_varint};
use crate::types::series::{SeriesId, SeriesSet};

/// Appends a set: the number of runs, then the two differences of each run.
pub(crate) fn put_series_set(out: &mut Vec<u8>, series: &SeriesSet) {
    put_varint(out, series.ranges().len() as u64);
    let mut end = 0;
    for (first, last) in series.ranges() {
        put_varint(out, u64::from(first.get() - end));
        put_varint(out, u64::from(last.get() - first.get()));
        end = last.get();
    }
}

/// Reads a set; fails if the runs do not ascend or are adjacent.
pub(crate) fn read_series_set(reader: &mut ByteReader<'_>) -> DecodeResult<SeriesSet> {
    let count = reader.count(2)?;
    let (mut runs, mut end) = (Vec::with_capacity(count), 0_u64);
    for _ in 0..count {
        let first = add_series_gap(end, reader.varint_u64()?)?;
        let last = add_series_gap(u64::from(first.get()), reader.varint_u64()?)?;
        runs.push((first, last));
        end = u64::from(last.get());
    }
    SeriesSet::from_ranges(runs).ok_or_else(|| "the series ids do not ascend".to_owned())
}

/// Adds a difference to a series id; fails if the sum is not a series id.
fn add_series_gap(from: u64, gap: u64) -> DecodeResult<SeriesId> {
    check_series_id(from.checked_add(gap).ok_or("a series id exceeds 64 bits")?)
}
