//! Encoding of a tombstone, the same in the WAL and in the manifest.

use super::series_set::{put_series_set, read_series_set};
use super::{ByteReader, DecodeResult, check_u63, put_varint, put_zigzag};
use crate::state::tombstone::Tombstone;
use crate::types::time_range::TimeRange;

/// Minimum length of an encoded tombstone, in bytes.
///
/// The parts are seq, first time, distance to the last time, number of runs, and one run of two bytes.
pub(crate) const MIN_TOMBSTONE_BYTES: usize = 6;

/// Appends a tombstone: seq, first time, distance to the last time, series set.
pub(crate) fn put_tombstone(out: &mut Vec<u8>, tombstone: &Tombstone) {
    debug_assert!(!tombstone.range.is_empty() && !tombstone.series.is_empty());
    put_varint(out, tombstone.seq);
    put_zigzag(out, tombstone.range.first());
    put_varint(out, tombstone.range.last().abs_diff(tombstone.range.first()));
    put_series_set(out, &tombstone.series);
}

/// Reads a tombstone; fails if it names no series.
pub(crate) fn read_tombstone(reader: &mut ByteReader<'_>) -> DecodeResult<Tombstone> {
    let seq = check_u63(reader.varint_u64()?)?;
    let first_time = reader.zigzag_i64()?;
    let last_time =
        first_time.checked_add_unsigned(reader.varint_u64()?).ok_or("the time range of a delete exceeds 64 bits")?;
    let series = read_series_set(reader)?;
    if series.is_empty() {
        return Err("a delete names no series".to_owned());
    }
    Ok(Tombstone { seq, series, range: TimeRange::new(first_time, last_time) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::series::{SeriesId, SeriesSet};

    #[test]
    fn a_tombstone_with_extreme_ids_and_times_round_trips() {
        let ids = [0, 1, 5, 6, 7, 1 << 20, crate::types::series::MAX_SERIES_IDS - 1].map(SeriesId::new);
        for (first_time, last_time) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MAX), (-3, 9)] {
            let range = TimeRange::new(first_time, last_time);
            let tombstone = Tombstone { seq: 77, series: SeriesSet::from_sorted(ids), range };
            let mut out = Vec::new();
            put_tombstone(&mut out, &tombstone);
            let mut reader = ByteReader::new(&out);
            assert_eq!(read_tombstone(&mut reader), Ok(tombstone));
            assert_eq!(reader.expect_end(), Ok(()));
            for cut in 0..out.len() {
                assert!(read_tombstone(&mut ByteReader::new(&out[..cut])).is_err());
            }
        }
    }

    #[test]
    fn a_tombstone_with_touching_runs_or_without_runs_is_refused() {
        // Seq 1, time 0, duration 0, then runs as gap and length.
        assert!(read_tombstone(&mut ByteReader::new(&[1, 0, 0, 0])).is_err());
        assert!(read_tombstone(&mut ByteReader::new(&[1, 0, 0, 2, 3, 1, 1, 0])).is_err());
        assert!(read_tombstone(&mut ByteReader::new(&[1, 0, 0, 2, 3, 1, 2, 0])).is_ok());
    }
}
