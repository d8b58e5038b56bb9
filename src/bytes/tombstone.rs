//! A tombstone as bytes, the same in the WAL and in the manifest.

use super::series_set::{put_series, read_series};
use super::{Decoded, Reader, ordinal, put_varint, put_zigzag};
use crate::version::Tombstone;

/// Seq, two times, the number of runs, and one run.
pub(crate) const MIN_TOMBSTONE_BYTES: usize = 6;

pub(crate) fn put_tombstone(out: &mut Vec<u8>, tombstone: &Tombstone) {
    debug_assert!(tombstone.first_time <= tombstone.last_time && !tombstone.series.is_empty());
    put_varint(out, tombstone.seq);
    put_zigzag(out, tombstone.first_time);
    put_varint(out, tombstone.last_time.abs_diff(tombstone.first_time));
    put_series(out, &tombstone.series);
}

pub(crate) fn read_tombstone(reader: &mut Reader<'_>) -> Decoded<Tombstone> {
    let seq = ordinal(reader.varint()?)?;
    let first_time = reader.zigzag()?;
    let last_time = first_time.checked_add_unsigned(reader.varint()?).ok_or("a delete beyond all time")?;
    let series = read_series(reader)?;
    if series.is_empty() {
        return Err("a delete of no series".to_owned());
    }
    Ok(Tombstone { seq, series, first_time, last_time })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{SeriesId, SeriesSet};

    #[test]
    fn a_tombstone_round_trips_at_the_ends_of_everything() {
        let ids = [0, 1, 5, 6, 7, 1 << 20, crate::series::MAX_SERIES_IDS - 1].map(SeriesId::new);
        for (first_time, last_time) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MAX), (-3, 9)] {
            let tombstone = Tombstone { seq: 77, series: SeriesSet::from_sorted(ids), first_time, last_time };
            let mut out = Vec::new();
            put_tombstone(&mut out, &tombstone);
            let mut reader = Reader::new(&out);
            assert_eq!(read_tombstone(&mut reader), Ok(tombstone));
            assert_eq!(reader.finish(), Ok(()));
            for cut in 0..out.len() {
                assert!(read_tombstone(&mut Reader::new(&out[..cut])).is_err());
            }
        }
    }

    #[test]
    fn runs_that_adjoin_or_none_at_all_are_no_tombstone() {
        // Seq 1, time 0, span 0, then runs as gap and length.
        assert!(read_tombstone(&mut Reader::new(&[1, 0, 0, 0])).is_err());
        assert!(read_tombstone(&mut Reader::new(&[1, 0, 0, 2, 3, 1, 1, 0])).is_err());
        assert!(read_tombstone(&mut Reader::new(&[1, 0, 0, 2, 3, 1, 2, 0])).is_ok());
    }
}
