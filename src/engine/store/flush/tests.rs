//! Tests of flushes: the files hold the points that readers of the frozen memtable see.

use std::io;

use proptest::prelude::*;

use super::*;
use crate::format::sst::{BlockScratch, PageCache, SstReader, verify_sst};
use crate::state::file_id::FileId;
use crate::state::memtable::{FrozenMemtable, Memtable};
use crate::state::metric_metadata::MetadataMap;
use crate::state::series_index::SeriesIndex;
use crate::state::tombstone::Tombstone;
use crate::state::version::{Cutoffs, SstMeta};
use crate::testing::faulty_env::{EnvFault, FaultyEnv};
use crate::types::point::{PointColumns, ValueType};
use crate::types::series::{SeriesKey, SeriesSet};
use crate::types::time_range::TimeRange;

const DATABASE: Uuid = Uuid::from_u128(7);

fn series(duplicates: &[DuplicatePolicy]) -> SeriesIndex {
    let mut index = SeriesIndex::default();
    for (number, duplicates) in duplicates.iter().enumerate() {
        let id = SeriesId::new(u32::try_from(number).unwrap());
        let (key, ty, duplicates) = (SeriesKey::new(format!("s{number}")), ValueType::U64, *duplicates);
        index.restore(SeriesInfo { id, key, value_type: ty, duplicates, seq: 1 }).unwrap();
    }
    index
}

fn job(memtable: &Memtable, series: SeriesIndex) -> FlushJob {
    let (view, next_segment) = (memtable.view(), FileId::default());
    let frozen = Arc::new(FrozenMemtable {
        generation: 9,
        view,
        series,
        metadata: MetadataMap::default(),
        min_seq: 3,
        max_seq: 8,
        next_wal_segment: next_segment,
    });
    FlushJob { frozen, cutoffs: Cutoffs::default(), newest_flushed_time: None }
}

fn tables(dir: Dir) -> SstFlusher {
    SstFlusher { dir, uuid: DATABASE, ids: Arc::new(FileIdAllocator::new(FileId::new(1))), memory: 0 }
}

fn insert(memtable: &mut Memtable, series: u32, points: impl IntoIterator<Item = (i64, u64)>) {
    let (timestamps, bits): (Vec<i64>, Vec<u64>) = points.into_iter().unzip();
    let series = vec![SeriesId::new(series); bits.len()];
    memtable.insert(PointColumns { series: &series, timestamps: &timestamps, bits: &bits });
}

/// Returns all points of the files as series, time and bits, in the order of the files.
fn read(dir: &Dir, metas: &[SstMeta]) -> Vec<(u32, i64, u64)> {
    let mut points = Vec::new();
    for meta in metas {
        assert_eq!(verify_sst(dir, DATABASE, meta).unwrap(), []);
        assert_eq!((meta.level, meta.generation, meta.min_seq, meta.max_seq), (L0, 9, 3, 8));
        assert!(meta.partition.rectangle().covers(&meta.rectangle), "{meta:?}");
        let reader = SstReader::open(dir, DATABASE, meta, Arc::new(PageCache::new(0, Arc::default()))).unwrap();
        for entry in reader.all_blocks() {
            let (entry, mut times, mut bits) = (entry.unwrap(), Vec::new(), Vec::new());
            reader.read_block_raw(&entry, &mut BlockScratch::default(), &mut times, &mut bits).unwrap();
            points.extend(times.into_iter().zip(bits).map(|(time, bits)| (entry.series.get(), time, bits)));
        }
    }
    points
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_flushed_is_what_was_seen(
        batches in prop::collection::vec((0..3u32, prop::collection::vec((-30..30i64, 0..100u64), 1..20), prop::bool::weighted(0.2)), 1..12),
        cutoff in prop::option::of(-30..30i64),
        newest_flushed_time in prop::option::of(-30..30i64),
    ) {
        let policies = [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];
        let (mut memtable, mut oracle) = (Memtable::new(), Vec::new());
        for (series, points, deletes) in &batches {
            insert(&mut memtable, *series, points.iter().copied());
            oracle.extend(points.iter().map(|(time, bits)| (*series, *time, *bits)));
            if *deletes {
                let range = TimeRange::new(points[0].0, points[0].0.saturating_add(10));
                let set = SeriesSet::from_sorted([SeriesId::new(*series)]);
                memtable.delete(Arc::new(Tombstone { seq: 5, series: set, range }));
                oracle.retain(|(id, time, _)| id != series || !range.contains(*time));
            }
        }
        oracle.retain(|(_, time, _)| cutoff.is_none_or(|cutoff| *time >= cutoff));
        oracle.sort_by_key(|(series, time, _)| (*series, *time));
        let all = oracle.clone();
        let mut at = 0;
        oracle.retain(|(series, time, _)| {
            let twin = |other: Option<&(u32, i64, u64)>| other.is_some_and(|other| (other.0, other.1) == (*series, *time));
            at += 1;
            match policies[*series as usize] {
                DuplicatePolicy::KeepAll => true,
                DuplicatePolicy::KeepLast => !twin(all.get(at)),
                DuplicatePolicy::KeepFirst => at < 2 || !twin(all.get(at - 2)),
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::new(Arc::new(crate::platform::env::OsEnv), folder.path());
        let cutoffs = Cutoffs::new(cutoff, Vec::new());
        let job = FlushJob { cutoffs, newest_flushed_time, ..job(&memtable, series(&policies)) };
        let made = tables(dir.clone()).flush(&job).unwrap().ssts;
        let mut found = read(&dir, &made);
        found.sort_by_key(|(series, time, _)| (*series, *time));
        prop_assert_eq!(found, oracle);
        prop_assert_eq!(dir.list().unwrap().len(), made.len());
        // Late points do not widen the file of the other points, unless they are hardly late.
        if let (Some(newest), Some((_, first, _)), Some((_, last, _))) =
            (newest_flushed_time, all.iter().min_by_key(|point| point.1), all.iter().max_by_key(|point| point.1))
        {
            let is_hardly_late = newest - first <= (last - first) / 16;
            let is_on_one_side = |meta: &SstMeta| meta.rectangle.times.last() <= newest || meta.rectangle.times.first() > newest;
            prop_assert!(is_hardly_late || made.iter().all(is_on_one_side));
        }
    }
}

#[test]
fn a_memtable_of_which_nothing_is_left_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::new(Arc::new(crate::platform::env::OsEnv), folder.path());
    let mut memtable = Memtable::new();
    insert(&mut memtable, 0, (0..100).map(|at| (at, 1)));
    let hidden = FlushJob {
        cutoffs: Cutoffs::new(Some(100), Vec::new()),
        ..job(&memtable, series(&[DuplicatePolicy::KeepAll]))
    };
    assert_eq!(tables(dir.clone()).flush(&hidden).unwrap().ssts, []);
    let empty = job(&Memtable::new(), SeriesIndex::default());
    assert_eq!(tables(dir.clone()).flush(&empty).unwrap().ssts, []);
    assert_eq!(dir.list().unwrap(), []);
}

/// A freeze in the middle of a tick leaves the rest of the tick to the next memtable.
#[test]
fn the_rest_of_a_tick_that_was_flushed_in_part_is_in_the_file_of_the_ticks_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::new(Arc::new(crate::platform::env::OsEnv), folder.path());
    for ticks in [3, 20] {
        let mut memtable = Memtable::new();
        for id in 0..1_000 {
            let first = i64::from(id < 400);
            insert(&mut memtable, id, (first..ticks).map(|tick| (tick * 10_000, 1)));
        }
        let job =
            FlushJob { newest_flushed_time: Some(3), ..job(&memtable, series(&[DuplicatePolicy::KeepAll; 1_000])) };
        let made = tables(dir.clone()).flush(&job).unwrap().ssts;
        let points: Vec<u64> = made.iter().map(|meta| meta.points).collect();
        assert_eq!(points, [1_000 * ticks.cast_unsigned() - 400]);
    }
}

#[test]
fn the_distance_of_two_of_few_points_is_no_gap() {
    let times = TimeRange::new(0, 30_000);
    for (points, step) in [(1, 30_000), (2, 30_000), (4, 10_000), (16, 2_000)] {
        assert!(min_gap(times, points) > step, "{points} points");
    }
    assert_eq!(min_gap(times, 1_000), 30_000 / 16);
    assert_eq!(min_gap(TimeRange::at(7), 1), 1);
    assert_eq!(min_gap(TimeRange::ALL, 2), u64::MAX);
}

/// Live data of all series and an old backfill of one: one file for both would cover nine years.
#[test]
fn a_backfill_beside_live_data_gets_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::new(Arc::new(crate::platform::env::OsEnv), folder.path());
    let (year, second) = (31_557_600_000_000_000, 1_000_000_000);
    let mut memtable = Memtable::new();
    for id in 0..50 {
        insert(&mut memtable, id, (0..1000).map(|at| (10 * year + at * second, 1)));
    }
    insert(&mut memtable, 7, (0..50_000).map(|at| (year + at * second, 1)));
    let job = job(&memtable, series(&[DuplicatePolicy::KeepAll; 50]));
    let made = tables(dir.clone()).flush(&job).unwrap().ssts;
    let mut sides: Vec<_> =
        made.iter().map(|meta| (meta.rectangle.times.last() < 2 * year, meta.series, meta.points)).collect();
    sides.sort_unstable();
    assert_eq!(sides, [(false, 50, 50_000), (true, 1, 50_000)]);
}

#[test]
fn an_error_at_any_call_of_a_flush_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    let mut memtable = Memtable::new();
    for id in 0..3 {
        insert(&mut memtable, id, (0..100).map(|at| (at, 1)));
    }
    let job = FlushJob { newest_flushed_time: Some(49), ..job(&memtable, series(&[DuplicatePolicy::KeepAll; 3])) };
    let mut failed = 0;
    let made = loop {
        env.inject_after(failed, EnvFault::Error(io::ErrorKind::StorageFull));
        let made = tables(env.dir(folder.path())).flush(&job);
        env.clear_faults();
        match made {
            Ok(made) => break made,
            Err(error) => assert!(matches!(error, Error::Io { .. }), "{error}"),
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "after a failure of call {failed}");
        failed += 1;
    };
    // Two files, each created, written, synced and renamed; one sync of the directory.
    assert_eq!((failed, made.ssts.len()), (2 * 4 + 1, 2));
}
