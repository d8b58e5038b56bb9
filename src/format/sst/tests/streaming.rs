//! Tests of series that are pushed in pieces: the file is the same as after one push.

use proptest::prelude::*;

use super::*;
use crate::format::sst::codec::MAX_BLOCK_POINTS;

/// Writes a series in pieces of these lengths, which repeat until the series is written.
fn in_pieces(dir: &Dir, id: u64, series: &TestSeries, pieces: &[usize]) -> SstMeta {
    let mut writer = SstWriter::create(dir, DATABASE, FileId::new(id), 0).unwrap();
    writer.begin_series(series.entry(0));
    let mut from = 0;
    for piece in pieces.iter().cycle() {
        let until = (from + piece).min(series.bits.len());
        writer.push(&series.timestamps[from..until], &series.bits[from..until]).unwrap();
        from = until;
        if from == series.bits.len() {
            break;
        }
    }
    writer.end_series().unwrap();
    persist_ssts(dir, vec![writer.finish(10..=20, 3).unwrap()]).unwrap().remove(0)
}

fn counts(dir: &Dir, meta: &SstMeta) -> Vec<usize> {
    open(dir, meta).all_blocks().map(|entry| entry.unwrap().count as usize).collect()
}

#[test]
fn blocks_are_full_and_the_last_two_are_equal() {
    const FULL: usize = MAX_BLOCK_POINTS;
    let cases: [(usize, &[usize]); 7] = [
        (1, &[1]),
        (FULL, &[FULL]),
        (FULL + 1, &[FULL / 2 + 1, FULL / 2]),
        (2 * FULL, &[FULL, FULL]),
        (2 * FULL + 1, &[FULL, FULL / 2 + 1, FULL / 2]),
        (3 * FULL, &[FULL, FULL, FULL]),
        (4 * FULL + 100, &[FULL, FULL, FULL, FULL / 2 + 50, FULL / 2 + 50]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    for (id, (points, expected)) in cases.into_iter().enumerate() {
        let series = TestSeries::new(1, 0..points as i64, |at| at as i64);
        let meta = write(&dir, id as u64 + 1, &[series]);
        assert_eq!(counts(&dir, &meta), expected, "{points} points");
    }
}

#[test]
fn a_series_without_points_is_omitted_and_the_writer_continues() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let mut writer = SstWriter::create(&dir, DATABASE, FileId::new(1), 0).unwrap();
    for id in 1..=3 {
        writer.begin_series(TestSeries::new(id, [], |_| 0_i64).entry(0));
        writer.push(&[], &[]).unwrap();
        writer.push(&[5, 5][..2 * usize::from(id == 2)], &[1, 2][..2 * usize::from(id == 2)]).unwrap();
        writer.end_series().unwrap();
    }
    let meta = persist_ssts(&dir, vec![writer.finish(1..=1, 0).unwrap()]).unwrap().remove(0);
    assert_eq!((meta.series, meta.points, meta.rectangle.first_series), (1, 2, SeriesId::new(2)));
    assert_eq!(verify_sst(&dir, DATABASE, &meta).unwrap(), []);
}

#[test]
fn finished_files_that_are_dropped_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let finished = |id| {
        let mut writer = SstWriter::create(&dir, DATABASE, FileId::new(id), 0).unwrap();
        writer.add_series(SeriesId::new(1), 0, ValueType::Bool, &[1], &[1]).unwrap();
        writer.finish(1..=1, 0).unwrap()
    };
    let (one, two) = (finished(1), finished(2));
    assert_eq!(dir.list().unwrap().len(), 2);
    drop(one);
    assert_eq!(persist_ssts(&dir, vec![two]).unwrap()[0].id, FileId::new(2));
    assert_eq!(dir.list().unwrap().len(), 1);
    assert_eq!(persist_ssts(&dir, Vec::new()).unwrap(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pieces_of_any_length_give_the_same_file(
        points in 0..5 * MAX_BLOCK_POINTS,
        pieces in prop::collection::vec(prop_oneof![1..50usize, 1000..20_000usize], 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let dir = dir(folder.path());
        let series = TestSeries::new(9, (0..=points as i64).map(|at| at / 3), |at| noise(at) as i64);
        let whole = write(&dir, 7, std::slice::from_ref(&series));
        let bytes = std::fs::read(dir.file_path(&sst_file_name(whole.id))).unwrap();
        dir.remove(&sst_file_name(whole.id)).unwrap();
        let again = in_pieces(&dir, 7, &series, &pieces);
        prop_assert!(std::fs::read(dir.file_path(&sst_file_name(again.id))).unwrap() == bytes);
        prop_assert_eq!(read_all(&open(&dir, &again)).unwrap(), points_of(&[series]));
    }
}
