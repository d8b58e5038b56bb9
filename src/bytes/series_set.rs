//! A set of series as bytes: its runs, each by what lies between it and the one before.

use super::key::series_id;
use super::{Decoded, Reader, put_varint};
use crate::series::{SeriesId, SeriesSet};

pub(crate) fn put_series(out: &mut Vec<u8>, series: &SeriesSet) {
    put_varint(out, series.runs().len() as u64);
    let mut end = 0;
    for (first, last) in series.runs() {
        put_varint(out, u64::from(first.get() - end));
        put_varint(out, u64::from(last.get() - first.get()));
        end = last.get();
    }
}

pub(crate) fn read_series(reader: &mut Reader<'_>) -> Decoded<SeriesSet> {
    let count = reader.count(2)?;
    let (mut runs, mut end) = (Vec::with_capacity(count), 0_u64);
    for _ in 0..count {
        let first = step(end, reader.varint()?)?;
        let last = step(u64::from(first.get()), reader.varint()?)?;
        runs.push((first, last));
        end = u64::from(last.get());
    }
    SeriesSet::from_runs(runs).ok_or_else(|| "series that do not ascend".to_owned())
}

fn step(from: u64, by: u64) -> Decoded<SeriesId> {
    series_id(from.checked_add(by).ok_or("a series id beyond 64 bits")?)
}
