//! Tests of compactions of real files: the outputs hold all visible points, or no output exists.

mod levels;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::engine::actor::CancelFlag;
use crate::format::sst::{
    BlockScratch, PageCache, SstReader, SstWriter, key_hash, persist_ssts, sst_file_name, verify_sst,
};
use crate::platform::env::{DirEntry, Env, OsEnv};
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::series_index::SeriesIndex;
use crate::state::tombstone::Tombstone;
use crate::state::version::pick::CompactionPlan;
use crate::state::version::{BASE, Cutoffs, DyadicBox, L0, RetentionRule};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::testing::faulty_env::{EnvFault, FaultyEnv};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::ValueType;
use crate::types::series::{SeriesId, SeriesKey, SeriesPredicate, SeriesSet};
use crate::types::time_range::TimeRange;

const DATABASE: Uuid = Uuid::from_u128(7);
/// Seq of the newest record; all records are flushed.
const FLUSHED_SEQ: u64 = 100;

/// Directory with the input files of a compaction.
struct CompactionFixture {
    folder: tempfile::TempDir,
    env: FaultyEnv,
    merges: SstCompactor,
    series: SeriesIndex,
    inputs: Vec<Arc<SstMeta>>,
}

type SeriesPoints = BTreeMap<u32, Vec<(i64, u64)>>;

impl CompactionFixture {
    /// Creates a directory without files; `series` has the type and the policy of each series, by id.
    fn new(series: impl IntoIterator<Item = (ValueType, DuplicatePolicy)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = FaultyEnv::default();
        let ids = Arc::new(FileIdAllocator::new(FileId::new(1)));
        let merges = SstCompactor::new(env.dir(folder.path()), DATABASE, ids, 64 << 20, 256);
        let mut index = SeriesIndex::default();
        for (number, (ty, duplicates)) in series.into_iter().enumerate() {
            let id = SeriesId::new(u32::try_from(number).unwrap());
            let key = SeriesKey::new(format!("s{number}"));
            index.restore(SeriesInfo { id, key, value_type: ty, duplicates, seq: 1 }).unwrap();
        }
        Self { folder, env, merges, series: index, inputs: Vec::new() }
    }

    fn plain(series: usize) -> Self {
        Self::new(std::iter::repeat_n((ValueType::U64, DuplicatePolicy::KeepAll), series))
    }

    /// Writes an input that is newer than all before; deletes up to `max_seq` do not apply to it.
    fn add(&mut self, max_seq: u64, points: &SeriesPoints) -> Arc<SstMeta> {
        let dir = Dir::new(Arc::new(OsEnv), self.folder.path());
        let mut writer = SstWriter::create(&dir, DATABASE, self.merges.ids.allocate(), L0).unwrap();
        for (id, points) in points {
            let (timestamps, bits): (Vec<i64>, Vec<u64>) = points.iter().copied().unzip();
            let (hash, ty) = self
                .series
                .get(SeriesId::new(*id))
                .map_or((0, ValueType::U64), |def| (key_hash(&def.key), def.value_type));
            writer.add_series(SeriesId::new(*id), hash, ty, &timestamps, &bits).unwrap();
        }
        let age = self.inputs.len() as u64 + 1;
        let meta = Arc::new(persist_ssts(&dir, vec![writer.finish(1..=max_seq, age).unwrap()]).unwrap().remove(0));
        self.inputs.push(Arc::clone(&meta));
        meta
    }

    fn job(&self, output: CompactionTarget) -> CompactionJob {
        CompactionJob {
            plan: CompactionPlan { inputs: self.inputs.clone(), output },
            output_generation: 50,
            series: self.series.clone(),
            tombstones: Vec::new(),
            cutoffs: Cutoffs::default(),
            flushed_seq: FLUSHED_SEQ,
            cancel: CancelFlag::new(),
        }
    }

    fn merge(&mut self, job: &CompactionJob) -> Result<Vec<SstMeta>> {
        self.merges.compact(job).map(|made| made.ssts)
    }

    fn merge_into(&self, job: &CompactionJob, regions: Vec<OutputRegion>) -> Result<Vec<SstMeta>> {
        let handles = InputFileCache::new(self.merges.dir.clone(), DATABASE, Arc::clone(&self.merges.counters), 256);
        self.merges.write_into(job, &Arc::new(handles), regions)
    }

    fn decoded(&self) -> u64 {
        self.merges.counters.counts().blocks_decoded
    }

    /// Returns the name and the bytes of every file.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = OsEnv.list(self.folder.path()).unwrap().into_iter();
        entries
            .map(|DirEntry { name, .. }| (name.clone(), std::fs::read(self.folder.path().join(name)).unwrap()))
            .collect()
    }
}

/// Returns all points of a file, after verifying the file.
fn read(folder: &Path, meta: &SstMeta) -> SeriesPoints {
    let dir = Dir::new(Arc::new(OsEnv), folder);
    assert_eq!(verify_sst(&dir, DATABASE, meta).unwrap(), []);
    let reader = SstReader::open(&dir, DATABASE, meta, Arc::new(PageCache::new(0, Arc::default()))).unwrap();
    let (mut points, mut scratch) = (SeriesPoints::new(), BlockScratch::default());
    for entry in reader.all_blocks() {
        let (entry, mut times, mut bits) = (entry.unwrap(), Vec::new(), Vec::new());
        reader.read_block_raw(&entry, &mut scratch, &mut times, &mut bits).unwrap();
        points.entry(entry.series.get()).or_default().extend(times.into_iter().zip(bits));
    }
    points
}

/// Returns all points of files; asserts that no two files hold one timestamp of a series.
fn read_all(folder: &Path, metas: &[SstMeta]) -> SeriesPoints {
    let mut parts: Vec<(u32, Vec<(i64, u64)>)> = metas.iter().flat_map(|meta| read(folder, meta)).collect();
    parts.sort_by_key(|(series, points)| (*series, points[0].0));
    let mut all = SeriesPoints::new();
    for (series, points) in parts {
        let before = all.entry(series).or_default();
        assert!(before.last().is_none_or(|last| last.0 < points[0].0), "series {series} has a time in two files");
        before.extend(points);
    }
    all
}

fn tombstone(seq: u64, series: &[u32], times: (i64, i64)) -> Arc<Tombstone> {
    let series = SeriesSet::from_sorted(series.iter().copied().map(SeriesId::new));
    Arc::new(Tombstone { seq, series, range: TimeRange::new(times.0, times.1) })
}

/// Returns regions that tile the plane, cut before each of these series and times.
fn grid(series: &[u32], times: &[i64]) -> Vec<OutputRegion> {
    let whole = DyadicBox::ALL.rectangle();
    let mut regions = Vec::new();
    let series: BTreeSet<u32> = series.iter().copied().filter(|at| *at > 0).collect();
    let times: BTreeSet<i64> = times.iter().copied().filter(|at| *at > i64::MIN).collect();
    let firsts = |cuts: Vec<i64>, first: i64, last: i64| {
        let starts = std::iter::once(first).chain(cuts.clone());
        starts.zip(cuts.into_iter().map(|at| at - 1).chain([last])).collect::<Vec<_>>()
    };
    for (first_series, last_series) in firsts(series.into_iter().map(i64::from).collect(), 0, i64::from(u32::MAX)) {
        let id = |id: i64| SeriesId::new(u32::try_from(id).unwrap());
        for (first_time, last_time) in firsts(times.iter().copied().collect(), whole.times.first(), whole.times.last())
        {
            let times = TimeRange::new(first_time, last_time);
            let area = Rectangle { first_series: id(first_series), last_series: id(last_series), times };
            regions.push(OutputRegion { bounds: area, partition: DyadicBox::enclosing(&area) });
        }
    }
    // The reverse order: a writer must not rely on the order of its regions.
    regions.reverse();
    regions
}

const TIER: CompactionTarget = CompactionTarget::Tier { level: 1, partition: DyadicBox::ALL };

fn ramp(times: impl IntoIterator<Item = i64>) -> Vec<(i64, u64)> {
    times.into_iter().map(|time| (time, time.cast_unsigned())).collect()
}

/// Returns the expected points: all visible points, sorted by time, after the duplicate policy.
fn expected(inputs: &[(u64, SeriesPoints)], job: &CompactionJob) -> SeriesPoints {
    let mut all = SeriesPoints::new();
    for (max_seq, points) in inputs {
        for (series, points) in points {
            let def = job.series.get(SeriesId::new(*series)).unwrap();
            let cutoff = job.cutoffs.for_series(def).unwrap_or(i64::MIN);
            let deleted = |time: i64| {
                let newer = job.tombstones.iter().filter(|one| one.seq > *max_seq && one.seq <= FLUSHED_SEQ);
                newer.filter_map(|one| one.range_for(def.id)).any(|range| range.contains(time))
            };
            let seen = points.iter().copied().filter(|(time, _)| *time >= cutoff && !deleted(*time));
            all.entry(*series).or_default().extend(seen);
        }
    }
    for (series, points) in &mut all {
        points.sort_by_key(|point| point.0);
        match job.series.get(SeriesId::new(*series)).unwrap().duplicates {
            DuplicatePolicy::KeepAll => {}
            DuplicatePolicy::KeepFirst => points.dedup_by_key(|point| point.0),
            DuplicatePolicy::KeepLast => {
                points.reverse();
                points.dedup_by_key(|point| point.0);
                points.reverse();
            }
        }
    }
    all.retain(|_, points| !points.is_empty());
    all
}

fn any_points() -> impl Strategy<Value = SeriesPoints> {
    let time = prop_oneof![4 => -20..20i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let points = prop::collection::vec((time, 0..1000u64), 1..40).prop_map(|mut points| {
        points.sort_by_key(|point| point.0);
        points
    });
    prop::collection::btree_map(0..4u32, points, 1..4)
}

fn any_tombstone() -> impl Strategy<Value = Arc<Tombstone>> {
    let times = prop_oneof![4 => (-25..25i64, 0..20i64), 1 => Just((i64::MIN, i64::MAX))];
    (1..120u64, prop::collection::btree_set(0..4u32, 1..4), times).prop_map(|(seq, series, (first, len))| {
        tombstone(seq, &series.into_iter().collect::<Vec<_>>(), (first, first.saturating_add(len)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_files_become_what_a_sorted_list_would_be(
        inputs in prop::collection::vec((1..=FLUSHED_SEQ, any_points()), 1..6),
        mut tombstones in prop::collection::vec(any_tombstone(), 0..5),
        cutoff in prop::option::of(-20..10i64),
        (series_cuts, time_cuts) in (prop::collection::vec(0..5u32, 0..3), prop::collection::vec(-20..20i64, 0..4)),
    ) {
        use DuplicatePolicy::{KeepAll, KeepFirst, KeepLast};
        let of = |duplicates| (ValueType::U64, duplicates);
        let mut world = CompactionFixture::new([of(KeepAll), of(KeepLast), (ValueType::I64, KeepFirst), of(KeepAll)]);
        for (max_seq, points) in &inputs {
            world.add(*max_seq, points);
        }
        tombstones.sort_by_key(|one| one.seq);
        let job = CompactionJob { tombstones, cutoffs: Cutoffs::new(cutoff, Vec::new()), ..world.job(TIER) };
        let made = world.merge_into(&job, grid(&series_cuts, &time_cuts)).unwrap();
        prop_assert_eq!(read_all(world.folder.path(), &made), expected(&inputs, &job));
        for meta in &made {
            prop_assert!(meta.partition.rectangle().covers(&meta.rectangle));
            prop_assert_eq!((meta.level, meta.generation, meta.min_seq, meta.max_seq), (1, 50, 1, FLUSHED_SEQ));
        }
        prop_assert_eq!(world.files().len(), inputs.len() + made.len(), "nothing but inputs and outputs");
        let whole = world.merge(&job).unwrap();
        prop_assert_eq!(read_all(world.folder.path(), &whole), expected(&inputs, &job));
    }
}

#[test]
fn blocks_that_are_hidden_whole_are_not_decoded_and_others_once() {
    let mut world = CompactionFixture::plain(2);
    world.add(10, &BTreeMap::from([(0, ramp(0..10 * 8192)), (1, ramp(0..100))]));
    world.add(20, &BTreeMap::from([(0, ramp(20 * 8192..22 * 8192))]));
    let tombstones = vec![tombstone(15, &[0], (8192, 4 * 8192)), tombstone(101, &[0, 1], (i64::MIN, i64::MAX))];
    let job = CompactionJob { tombstones, ..world.job(CompactionTarget::Base) };
    let made = world.merge(&job).unwrap();
    // The first delete hides blocks 1 to 3 and one point of block 4 of the first file, and nothing of the second file.
    // The second delete is not flushed yet, so it does not apply.
    assert_eq!(world.decoded(), 7 + 1 + 2);
    let expected = ramp((0..8192).chain(4 * 8192 + 1..10 * 8192).chain(20 * 8192..22 * 8192));
    assert_eq!(read_all(world.folder.path(), &made), BTreeMap::from([(0, expected), (1, ramp(0..100))]));
    assert_eq!((made.len(), made[0].level), (1, BASE));
}

#[test]
fn many_blocks_that_interleave_keep_their_order_over_every_border() {
    for duplicates in [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst] {
        let mut world = CompactionFixture::new([(ValueType::U64, duplicates)]);
        // Up to 3 points per timestamp in each file, so that blocks and chunks end between points of one timestamp.
        let points = |salt: u64| {
            let times =
                (0..30_000).flat_map(|at: i64| std::iter::repeat_n(at, usize::try_from(at % 9 + 1).unwrap() / 3));
            let salted = times.enumerate().map(|(at, time)| (time, at as u64 * 10 + salt));
            SeriesPoints::from([(0, salted.collect())])
        };
        let inputs: Vec<(u64, SeriesPoints)> = (1..4).map(|salt| (salt * 10, points(salt))).collect();
        for (max_seq, points) in &inputs {
            world.add(*max_seq, points);
        }
        let tombstones = vec![tombstone(15, &[0], (4_000, 17_000)), tombstone(25, &[0], (16_000, 29_000))];
        let job = CompactionJob { tombstones, ..world.job(TIER) };
        let made = world.merge_into(&job, grid(&[], &[5_003, 5_004, 20_006])).unwrap();
        assert_eq!(made.len(), 4);
        assert!(read_all(world.folder.path(), &made) == expected(&inputs, &job), "{duplicates}");
    }
}

#[test]
fn a_cutoff_spares_the_blocks_before_it() {
    let mut world = CompactionFixture::plain(1);
    world.add(10, &BTreeMap::from([(0, ramp(0..4 * 8192))]));
    let job = CompactionJob { cutoffs: Cutoffs::new(Some(3 * 8192), Vec::new()), ..world.job(TIER) };
    let made = world.merge(&job).unwrap();
    assert_eq!((world.decoded(), made[0].points, made[0].blocks), (1, 8192, 1));
}

/// InfluxDB issue 8822: a series without points ended a compaction, and later series were lost.
#[test]
fn a_series_that_is_hidden_whole_does_not_end_the_merge() {
    let mut world = CompactionFixture::plain(3);
    world.add(10, &BTreeMap::from([(0, ramp(0..5)), (1, ramp(0..5)), (2, ramp(0..5))]));
    world.add(11, &BTreeMap::from([(1, ramp(3..9)), (2, ramp(9..10))]));
    let tombstones = vec![tombstone(12, &[0, 1], (i64::MIN, i64::MAX))];
    let job = CompactionJob { tombstones, ..world.job(TIER) };
    let made = world.merge(&job).unwrap();
    assert_eq!(read_all(world.folder.path(), &made), BTreeMap::from([(2, ramp((0..5).chain(9..10)))]));
}

#[test]
fn a_merge_of_which_nothing_is_left_makes_no_file() {
    let mut world = CompactionFixture::plain(1);
    world.add(10, &BTreeMap::from([(0, ramp(0..5))]));
    let job = CompactionJob { tombstones: vec![tombstone(12, &[0], (0, 4))], ..world.job(TIER) };
    assert_eq!(world.merge(&job).unwrap(), []);
    assert_eq!((world.decoded(), world.files().len()), (0, 1));
}

#[test]
fn a_merge_in_place_keeps_the_age_that_its_plan_names() {
    let mut world = CompactionFixture::plain(1);
    world.add(10, &BTreeMap::from([(0, ramp(0..5))]));
    let partition = DyadicBox::new(0, 4, 0, 20).unwrap();
    let made = world.merge(&world.job(CompactionTarget::InPlace { level: 6, generation: 3, partition })).unwrap();
    assert_eq!((made[0].level, made[0].generation, made[0].partition), (6, 3, partition));
}

/// The choice of the regions reads the index; the merge reads it again and decodes each block.
#[test]
fn the_index_is_read_twice_and_every_block_once() {
    let mut world = CompactionFixture::plain(3000);
    let times = |offset: i64| (0..40).map(move |at| at * 10 + offset);
    for offset in 0..4 {
        world.add(10, &(0..3000).map(|id| (id, ramp(times(offset)))).collect());
    }
    let made = world.merge_into(&world.job(TIER), grid(&[1000, 2000], &[200])).unwrap();
    assert_eq!(made.len(), 6);
    assert!(made.iter().all(|meta| (meta.series, meta.points) == (1000, 80_000)), "{made:?}");
    let counts = world.merges.counters.counts();
    assert_eq!((counts.files_opened, counts.blocks_decoded), (4, 12_000));
    let pages_once = counts.index_pages_read;
    assert!(pages_once < 60, "{pages_once} pages of some eight hundred entries");
    world.merge(&world.job(TIER)).unwrap();
    assert_eq!(world.merges.counters.counts().index_pages_read, 3 * pages_once);
}

#[test]
fn more_inputs_than_may_be_open_are_merged_all_the_same() {
    let mut world = CompactionFixture::plain(3);
    for at in 0..300 {
        world.add(10, &(0..3).map(|id| (id, ramp(at..at + 2))).collect());
    }
    let made = world.merge(&world.job(CompactionTarget::Base)).unwrap();
    let one: Vec<_> = ramp((0..301).flat_map(|at| std::iter::repeat_n(at, if at == 0 || at == 300 { 1 } else { 2 })));
    assert_eq!(read_all(world.folder.path(), &made), (0..3).map(|id| (id, one.clone())).collect());
}

#[test]
fn an_error_at_any_call_leaves_the_inputs_and_nothing_else() {
    let mut world = CompactionFixture::plain(4);
    for seq in 1..4 {
        world.add(seq, &(0..4).map(|id| (id, ramp(0..50))).collect());
    }
    let before = world.files();
    let (mut failed, mut whole) = (0, None);
    while whole.is_none() {
        world.env.inject_after(failed, EnvFault::Error(io::ErrorKind::StorageFull));
        match world.merge_into(&world.job(TIER), grid(&[1, 3], &[20])) {
            Ok(made) => whole = Some(made),
            Err(Error::Io { .. }) => {
                assert!(world.files() == before, "after a failure of call {failed}");
                failed += 1;
            }
            Err(other) => panic!("{other}"),
        }
        world.env.clear_faults();
    }
    // Six outputs, each created, written, synced and renamed; one sync of the directory.
    assert!(failed > 6 * 4 + 1, "{failed}");
    assert_eq!(whole.map(|made| made.len()), Some(6));
}

/// Predicate that cancels the compaction at the call after `left` calls.
#[derive(Debug)]
struct CancellingMatcher {
    cancel: CancelFlag,
    left: AtomicU32,
}

impl SeriesPredicate for CancellingMatcher {
    fn matches(&self, _: &SeriesKey) -> bool {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.cancel.set();
        }
        false
    }
}

#[test]
fn a_cancel_at_any_series_leaves_the_inputs_and_nothing_else() {
    let mut world = CompactionFixture::plain(5);
    world.add(1, &(0..5).map(|id| (id, ramp(0..50))).collect());
    let before = world.files();
    for left in 0..5 {
        let cancel = CancelFlag::new();
        let predicate = Arc::new(CancellingMatcher { cancel: cancel.clone(), left: AtomicU32::new(left) });
        let rule = RetentionRule { selector: Vec::new(), predicate, cutoff: Some(0) };
        let job = CompactionJob { cutoffs: Cutoffs::new(None, vec![rule]), cancel, ..world.job(TIER) };
        let cancelled = world.merge_into(&job, grid(&[1, 2, 3, 4], &[]));
        assert!(matches!(cancelled, Err(Error::Closed)), "{cancelled:?}");
        assert!(world.files() == before, "cancelled at series {left}");
    }
    let cancel = CancelFlag::new();
    cancel.set();
    let job = CompactionJob { cancel, ..world.job(TIER) };
    assert!(matches!(world.merge(&job), Err(Error::Closed)));
    assert_eq!(world.files(), before);
}

#[test]
fn a_damaged_block_is_named_and_ends_the_merge() {
    let mut world = CompactionFixture::plain(2);
    world.add(1, &BTreeMap::from([(0, ramp(0..50))]));
    let meta = world.add(2, &BTreeMap::from([(0, ramp(0..200)), (1, ramp(0..200))]));
    let path = world.folder.path().join(sst_file_name(meta.id));
    let dir = Dir::new(Arc::new(OsEnv), world.folder.path());
    let reader = SstReader::open(&dir, DATABASE, &meta, Arc::new(PageCache::new(0, Arc::default()))).unwrap();
    let offset = reader.all_blocks().nth(1).unwrap().unwrap().offset;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(offset).unwrap() + 3] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let before = world.files();
    match world.merge_into(&world.job(TIER), grid(&[1], &[])) {
        Err(Error::Corrupt { file, offset: found, detail: what }) => {
            assert_eq!((file, found), (path, offset));
            assert!(what.contains("series #1"), "{what}");
        }
        other => panic!("{other:?}"),
    }
    assert!(world.files() == before);
}

#[test]
fn a_series_that_nothing_defines_or_of_another_type_is_damage() {
    let mut world = CompactionFixture::plain(1);
    let meta = world.add(1, &BTreeMap::from([(0, ramp(0..5)), (3, ramp(0..5))]));
    let named = |made: Result<Vec<SstMeta>>, reason: &str| match made {
        Err(Error::Corrupt { file, detail: what, .. }) => {
            assert!(file.ends_with(sst_file_name(meta.id)) && what.contains(reason), "{what}");
        }
        other => panic!("{other:?}"),
    };
    named(world.merge(&world.job(TIER)), "nothing defines");
    world.series = CompactionFixture::new([(ValueType::F64, DuplicatePolicy::KeepAll)]).series;
    named(world.merge(&world.job(TIER)), "type");
    assert_eq!(world.files().len(), 1);
}

#[test]
fn a_missing_input_is_an_error_and_no_output() {
    let mut world = CompactionFixture::plain(1);
    world.add(1, &BTreeMap::from([(0, ramp(0..5))]));
    let gone = world.add(2, &BTreeMap::from([(0, ramp(0..5))]));
    std::fs::remove_file(world.folder.path().join(sst_file_name(gone.id))).unwrap();
    assert!(matches!(world.merge(&world.job(TIER)), Err(Error::Io { .. })));
    assert_eq!(world.files().len(), 1);
}
