//! Points sent to regions: which files are made, and when they are whole.

use std::sync::Arc;

use super::*;
use crate::env::OsEnv;
use crate::options::Duplicates;
use crate::point::ValueType;
use crate::series::SeriesKey;
use crate::version::{DyadicBox, FileId, Rectangle};

fn def(id: u32) -> SeriesDef {
    let (key, ty, duplicates) = (SeriesKey::new("m"), ValueType::U64, Duplicates::KeepAll);
    SeriesDef { id: SeriesId::new(id), key, ty, duplicates, seq: 1 }
}

fn region(series: (u32, u32), times: (i64, i64)) -> Region {
    let (first_series, last_series) = (SeriesId::new(series.0), SeriesId::new(series.1));
    let area = Rectangle { first_series, last_series, first_time: times.0, last_time: times.1 };
    Region { area, space: DyadicBox::around(&area) }
}

/// Runs over a directory; the names that are there are told by what ends them.
fn with_writer(regions: Vec<Region>, act: impl FnOnce(RegionWriter<'_>, &dyn Fn() -> (usize, usize))) {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::new(Arc::new(OsEnv), folder.path());
    let ids = FileIds::new(FileId::new(1));
    let outputs = Outputs { dir: &dir, uuid: Uuid::from_u128(7), ids: &ids, level: 2, age: 4, seqs: 1..=9, memory: 0 };
    act(RegionWriter::new(outputs, regions), &|| {
        let names: Vec<String> = dir.list().unwrap().into_iter().map(|entry| entry.name).collect();
        let whole = names.iter().filter(|name| !name.ends_with(crate::sst::TEMPORARY_SUFFIX)).count();
        (whole, names.len() - whole)
    });
    assert_eq!(dir.list().unwrap().len(), usize::try_from(ids.next().get()).unwrap() - 1, "every id is a file");
}

const LAST: u32 = u32::MAX;
const MIN: i64 = i64::MIN;
const MAX: i64 = i64::MAX;

#[test]
fn a_file_begins_with_its_first_point_and_is_whole_when_its_last_series_is_passed() {
    // A band of three, one of one, and one of two that no point reaches.
    let bands =
        [region((0, 4), (MIN, -1)), region((0, 4), (0, 9)), region((0, 4), (10, MAX)), region((5, 6), (MIN, MAX))];
    let rest = [region((7, LAST), (MIN, 5)), region((7, LAST), (6, MAX))];
    with_writer(bands.into_iter().chain(rest).rev().collect(), |mut writer, files| {
        writer.begin_series(&def(1)).unwrap();
        assert_eq!(files(), (0, 0));
        writer.push(&[-5, -1, 10], &[1, 2, 3]).unwrap();
        // Nothing lies in the middle region yet.
        assert_eq!(files(), (0, 2));
        writer.end_series().unwrap();
        writer.begin_series(&def(4)).unwrap();
        writer.push(&[9, 9], &[1, 2]).unwrap();
        writer.end_series().unwrap();
        assert_eq!(files(), (0, 3));
        writer.begin_series(&def(6)).unwrap();
        assert_eq!(files(), (3, 0), "series above 4 go elsewhere");
        writer.push(&[MIN], &[1]).unwrap();
        writer.push(&[MAX], &[1]).unwrap();
        writer.end_series().unwrap();
        let metas = writer.finish().unwrap();
        let told = metas.iter().map(|meta| (meta.points, meta.level, meta.age, (meta.min_seq, meta.max_seq)));
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        assert_eq!(told, [(1, 2, 4, (1, 9)), (2, 2, 4, (1, 9)), (2, 2, 4, (1, 9)), (2, 2, 4, (1, 9))]);
        assert!(metas.iter().all(|meta| meta.space.rectangle().contains(&meta.rectangle)));
    });
}

#[test]
fn regions_that_leave_a_gap_lose_no_point_silently() {
    with_writer(vec![], |mut writer, _| {
        writer.begin_series(&def(0)).unwrap();
        assert!(matches!(writer.push(&[1], &[1]), Err(Error::WriteFailed { .. })));
    });
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::new(Arc::new(OsEnv), folder.path());
    let ids = FileIds::new(FileId::new(1));
    let outputs = Outputs { dir: &dir, uuid: Uuid::from_u128(7), ids: &ids, level: 2, age: 4, seqs: 1..=9, memory: 0 };
    let mut writer = RegionWriter::new(outputs, vec![region((0, LAST), (MIN, 5))]);
    writer.begin_series(&def(0)).unwrap();
    assert!(matches!(writer.push(&[1, 6], &[1, 2]), Err(Error::WriteFailed { .. })));
    drop(writer);
    assert_eq!(dir.list().unwrap(), [], "not even the file that was begun");
}
