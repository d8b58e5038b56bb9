//! Tests of the region writer: which files are created, and when they are complete.

use std::sync::Arc;

use super::*;
use crate::platform::env::OsEnv;
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::version::DyadicBox;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::ValueType;
use crate::types::series::SeriesKey;
use crate::types::time_range::TimeRange;

fn def(id: u32) -> SeriesInfo {
    let (key, ty, duplicates) = (SeriesKey::new("m"), ValueType::U64, DuplicatePolicy::KeepAll);
    SeriesInfo { id: SeriesId::new(id), key, value_type: ty, duplicates, seq: 1 }
}

fn region(series: (u32, u32), times: (i64, i64)) -> OutputRegion {
    let (first_series, last_series) = (SeriesId::new(series.0), SeriesId::new(series.1));
    let area = Rectangle { first_series, last_series, times: TimeRange::new(times.0, times.1) };
    OutputRegion { bounds: area, partition: DyadicBox::enclosing(&area) }
}

fn output_settings<'a>(dir: &'a Dir, ids: &'a FileIdAllocator) -> OutputSettings<'a> {
    OutputSettings { dir, uuid: Uuid::from_u128(7), ids, level: 2, generation: 4, seqs: 1..=9, buffer_bytes: 0 }
}

/// Runs `act` with a writer over an empty directory.
///
/// The second argument of `act` returns the number of complete files and of open files, by the suffix of their names.
fn with_writer(regions: Vec<OutputRegion>, act: impl FnOnce(RegionWriter<'_>, &dyn Fn() -> (usize, usize))) {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::new(Arc::new(OsEnv), folder.path());
    let ids = FileIdAllocator::new(FileId::new(1));
    act(RegionWriter::new(output_settings(&dir, &ids), regions), &|| {
        let names: Vec<String> = dir.list().unwrap().into_iter().map(|entry| entry.name).collect();
        let whole = names.iter().filter(|name| !name.ends_with(crate::format::sst::SST_TEMP_SUFFIX)).count();
        (whole, names.len() - whole)
    });
    assert_eq!(dir.list().unwrap().len(), usize::try_from(ids.peek_next().get()).unwrap() - 1, "every id is a file");
}

const LAST: u32 = u32::MAX;
const MIN: i64 = i64::MIN;
const MAX: i64 = i64::MAX;

#[test]
fn a_file_begins_with_its_first_point_and_is_whole_when_its_last_series_is_passed() {
    // Series 0 to 4 have three regions, series 5 and 6 have one; the two regions of all other series get no point.
    let bands =
        [region((0, 4), (MIN, -1)), region((0, 4), (0, 9)), region((0, 4), (10, MAX)), region((5, 6), (MIN, MAX))];
    let rest = [region((7, LAST), (MIN, 5)), region((7, LAST), (6, MAX))];
    with_writer(bands.into_iter().chain(rest).rev().collect(), |mut writer, files| {
        writer.begin_series(&def(1)).unwrap();
        assert_eq!(files(), (0, 0));
        writer.push(&[-5, -1, 10], &[1, 2, 3]).unwrap();
        // The middle region has no point yet.
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
        let told = metas.iter().map(|meta| (meta.points, meta.level, meta.generation, (meta.min_seq, meta.max_seq)));
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        assert_eq!(told, [(1, 2, 4, (1, 9)), (2, 2, 4, (1, 9)), (2, 2, 4, (1, 9)), (2, 2, 4, (1, 9))]);
        assert!(metas.iter().all(|meta| meta.partition.rectangle().covers(&meta.rectangle)));
    });
}

#[test]
fn regions_that_leave_a_gap_lose_no_point_silently() {
    with_writer(vec![], |mut writer, _| {
        writer.begin_series(&def(0)).unwrap();
        assert!(matches!(writer.push(&[1], &[1]), Err(Error::Internal { .. })));
    });
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::new(Arc::new(OsEnv), folder.path());
    let ids = FileIdAllocator::new(FileId::new(1));
    let mut writer = RegionWriter::new(output_settings(&dir, &ids), vec![region((0, LAST), (MIN, 5))]);
    writer.begin_series(&def(0)).unwrap();
    assert!(matches!(writer.push(&[1, 6], &[1, 2]), Err(Error::Internal { .. })));
    drop(writer);
    assert_eq!(dir.list().unwrap(), [], "not even the file that was begun");
}
