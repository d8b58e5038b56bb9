//! Tests of round trips: a newly opened reader returns the points that a writer wrote.

use proptest::prelude::*;

use super::*;
use crate::types::time_range::TimeRange;

/// Writes, opens, reads and verifies a file of the base and one of level 0.
fn round_trip(series: &[TestSeries]) -> SstMeta {
    round_trip_at(BASE, series);
    round_trip_at(L0, series)
}

fn round_trip_at(level: u8, series: &[TestSeries]) -> SstMeta {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write_at(level, &dir, 7, series);
    let reader = open(&dir, &meta);
    assert_eq!(read_all(&reader).unwrap(), points_of(series));
    assert_eq!(verify_sst(&dir, DATABASE, &meta).unwrap(), []);
    assert_eq!(dir.list().unwrap().len(), 1, "no other files remain");
    let present = || series.iter().filter(|series| !series.timestamps.is_empty());
    let entries: Vec<DictionaryEntry> = reader.series().map(Result::unwrap).collect();
    let expected = present().map(|series| series.entry(level));
    assert_eq!(entries, expected.collect::<Vec<_>>());
    assert_eq!(meta.series, present().count() as u64);
    assert_eq!(meta.points, points_of(series).len() as u64);
    assert_eq!(meta.blocks, reader.all_blocks().count() as u64);
    assert_eq!(meta.file_len, std::fs::metadata(dir.file_path(&sst_file_name(meta.id))).unwrap().len());
    meta
}

#[test]
fn points_of_every_type_round_trip() {
    let times = |count: i64| (0..count).map(|at| 1_700_000_000_000_000_000 + at * 10_000_000_000);
    let meta = round_trip(&[
        TestSeries::new(1, times(1), |_| 3.5),
        TestSeries::new(2, times(8192), |at| (at as f64 * 0.37).sin()),
        TestSeries::new(3, times(8193), |at| at as i64 - 4000),
        TestSeries::new(5, times(100), |at| u64::MAX - at as u64),
        TestSeries::new(6, times(0), |_| true),
        TestSeries::new(900, times(20_000), |at| at % 3 == 0),
    ]);
    assert_eq!(meta.blocks, 1 + 1 + 2 + 1 + 3);
    assert_eq!((meta.rectangle.first_series.get(), meta.rectangle.last_series.get()), (1, 900));
    assert_eq!((meta.min_seq, meta.max_seq, meta.generation, meta.level), (10, 20, 3, 0));
}

#[test]
fn nan_infinities_zeros_and_the_ends_of_time_round_trip_bit_for_bit() {
    let odd = [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, f64::from_bits(0x7ff8_0000_dead_beef)];
    let times = || std::iter::repeat_n(i64::MIN, 50).chain([0]).chain(std::iter::repeat_n(i64::MAX, 50));
    round_trip(&[
        TestSeries::new(0, times(), |at| odd[at % odd.len()]),
        TestSeries::new(1, times(), |at| if at % 2 == 0 { i64::MIN } else { i64::MAX }),
        TestSeries::new(crate::types::series::MAX_SERIES_IDS - 1, times(), |at| if at % 2 == 0 { 0 } else { u64::MAX }),
    ]);
}

#[test]
fn points_with_equal_timestamps_keep_their_order_across_blocks() {
    round_trip(&[TestSeries::new(4, std::iter::repeat_n(42, 20_000), |at| at as i64)]);
}

#[test]
fn typed_reads_return_typed_values_and_refuse_another_type() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &[TestSeries::new(1, 0..3000, |at| at % 2 == 1)]);
    let reader = open(&dir, &meta);
    let (mut scratch, mut times, mut values) = (BlockScratch::default(), vec![Timestamp::MIN], vec![true]);
    let entry = reader.blocks_in_range(SeriesId::new(1), TimeRange::at(0)).unwrap()[0];
    reader.read_block(&entry, TimeRange::ALL, &mut scratch, &mut times, &mut values).unwrap();
    assert_eq!((times.len(), times[1], times[3000]), (3001, Timestamp::from_nanos(0), Timestamp::from_nanos(2999)));
    assert_eq!(values[..4], [true, false, true, false]);
    let error =
        reader.read_block::<f64>(&entry, TimeRange::ALL, &mut scratch, &mut times, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, crate::Error::TypeMismatch { .. }), "{error}");
    assert_eq!(times.len(), 3001);
}

#[test]
fn a_hundred_thousand_small_series_fill_many_pages() {
    let series: Vec<TestSeries> =
        (0..100_000).map(|id| TestSeries::new(id * 3, [i64::from(id % 7), 100], |at| at as f64)).collect();
    let meta = round_trip(&series);
    assert_eq!(meta.points, 200_000);
    assert!(meta.file_len < 100_000 * 60, "{} bytes", meta.file_len);
}

#[test]
#[should_panic(expected = "series 3 does not ascend")]
fn a_writer_refuses_series_that_do_not_ascend() {
    let folder = tempfile::tempdir().unwrap();
    write(&dir(folder.path()), 7, &[TestSeries::new(3, 0..2, |_| 1.0), TestSeries::new(3, 0..2, |_| 1.0)]);
}

#[test]
#[should_panic(expected = "timestamps of series 3 descend")]
fn a_writer_refuses_timestamps_that_descend() {
    let folder = tempfile::tempdir().unwrap();
    write(&dir(folder.path()), 7, &[TestSeries::new(3, [2, 1], |_| 1.0)]);
}

#[test]
fn an_unfinished_file_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let mut writer = SstWriter::create(&dir, DATABASE, FileId::new(7), 0).unwrap();
    assert_eq!(dir.list().unwrap()[0].name, "0000000000000007.sst.tmp");
    writer.add_series(SeriesId::new(1), 0, ValueType::Bool, &[1], &[1]).unwrap();
    drop(writer);
    assert_eq!(dir.list().unwrap(), []);
}

#[test]
fn only_the_written_spelling_of_a_file_name_is_parsed() {
    let name = sst_file_name(FileId::new(0x1a));
    assert_eq!((name.as_str(), parse_sst_file_name(&name)), ("000000000000001a.sst", Some(FileId::new(0x1a))));
    for other in ["1a.sst", "000000000000001A.sst", "+00000000000001a.sst", "000000000000001a.sst.tmp", ""] {
        assert_eq!(parse_sst_file_name(other), None, "{other}");
    }
}

fn any_series() -> impl Strategy<Value = Vec<TestSeries>> {
    let time = prop_oneof![Just(i64::MIN), Just(i64::MAX), -50..50i64, any::<i64>()];
    let ty = prop_oneof![Just(ValueType::F64), Just(ValueType::I64), Just(ValueType::U64), Just(ValueType::Bool)];
    let bits = prop_oneof![0..4u64, any::<u64>(), (0..1000u64).prop_map(|n| (n as f64 / 100.0).to_bits())];
    let points = prop::collection::vec((time, bits), 1..300);
    prop::collection::vec((1..1000u32, ty, points), 1..8).prop_map(|many| {
        let mut id = 0;
        many.into_iter()
            .map(|(step, ty, mut points)| {
                id += step;
                points.sort_by_key(|point| point.0);
                let mask = if ty == ValueType::Bool { 1 } else { u64::MAX };
                let (timestamps, bits) = points.into_iter().map(|(time, bits)| (time, bits & mask)).unzip();
                TestSeries { id, ty, timestamps, bits }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_points_round_trip(series in any_series()) {
        round_trip(&series);
    }
}
