//! Compares the memtable with a sorted vector at every epoch, with deletes between the inserts.
//! The tests cover views, ranges, lists and newest points.

use proptest::prelude::*;

use super::{ChunkList, Memtable, MemtableView, RawPoint};
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::PointColumns;
use crate::types::series::{SeriesId, SeriesSet};
use crate::types::time_range::TimeRange;

const SERIES: u32 = 3;

/// Points of one batch: series, time, bits.
type BatchPoints = Vec<(u32, i64, u64)>;

fn insert(memtable: &mut Memtable, points: &BatchPoints) {
    let series: Vec<SeriesId> = points.iter().map(|point| SeriesId::new(point.0)).collect();
    let timestamps: Vec<i64> = points.iter().map(|point| point.1).collect();
    let bits: Vec<u64> = points.iter().map(|point| point.2).collect();
    memtable.insert(PointColumns { series: &series, timestamps: &timestamps, bits: &bits });
}

/// One operation on a memtable; each has its own epoch.
#[derive(Debug, Clone)]
enum MemtableOp {
    Insert(BatchPoints),
    /// Deletes these series in this range.
    Delete(Vec<u32>, TimeRange),
}

fn apply(memtable: &mut Memtable, op: &MemtableOp) {
    match op {
        MemtableOp::Insert(points) => insert(memtable, points),
        MemtableOp::Delete(series, range) => {
            let series = SeriesSet::from_sorted(series.iter().copied().map(SeriesId::new));
            memtable.delete(Arc::new(Tombstone { seq: 0, series, range: *range }));
        }
    }
}

/// Returns every inserted point, with the index of its operation.
fn inserted(ops: &[MemtableOp]) -> impl Iterator<Item = (usize, &(u32, i64, u64))> {
    ops.iter().enumerate().flat_map(|(at, op)| match op {
        MemtableOp::Insert(points) => points.iter().map(|point| (at, point)).collect(),
        MemtableOp::Delete(..) => Vec::new(),
    })
}

/// Returns the points of a series in a range that no later operation deletes.
/// They are in time order; points with equal times are in order of arrival.
fn expected(ops: &[MemtableOp], series: u32, range: TimeRange) -> Vec<RawPoint> {
    let is_deleted = |at: usize, time: i64| {
        ops[at..].iter().any(|op| match op {
            MemtableOp::Delete(of, range) => of.contains(&series) && range.contains(time),
            MemtableOp::Insert(_) => false,
        })
    };
    let own = inserted(ops).filter(|(_, point)| point.0 == series && range.contains(point.1));
    let visible = own.filter(|(at, point)| !is_deleted(*at, point.1));
    let mut points: Vec<RawPoint> = visible.map(|(_, point)| RawPoint { timestamp: point.1, bits: point.2 }).collect();
    points.sort_by_key(|point| point.timestamp);
    points
}

/// Returns the newest visible point among all points of a list.
fn newest_of(points: &[RawPoint], hidden: &HiddenRanges, duplicates: DuplicatePolicy) -> Option<RawPoint> {
    let mut visible = points.iter().filter(|point| hidden.range_containing(point.timestamp).is_none());
    let last = *visible.clone().next_back()?;
    if duplicates == DuplicatePolicy::KeepFirst {
        visible.find(|point| point.timestamp == last.timestamp).copied()
    } else {
        Some(last)
    }
}

/// Reads both lists chunk by chunk and sorts their points: the same points as one call of `read`.
/// The in-order list comes first: of two points at one timestamp, the point in that list arrived first.
fn through_lists(view: &MemtableView, series: SeriesId, range: TimeRange, hidden: &HiddenRanges) -> Vec<RawPoint> {
    let mut points = Vec::new();
    for list in [ChunkList::InOrder, ChunkList::Late] {
        let Some(mut reader) = view.list_reader(series, list, range) else { continue };
        let mut by_columns = view.list_reader(series, list, range).unwrap();
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        let policies = [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];
        let newest =
            [&HiddenRanges::NONE, hidden].map(|hidden| policies.map(|policy| reader.newest_visible(hidden, policy)));
        let mut own = Vec::new();
        let mut before = 0;
        while reader.next(&mut own) {
            assert!(own.len() > before, "a run has at least one point");
            assert!(by_columns.next_columns::<u64>(&mut timestamps, &mut values), "as many runs as raw points have");
            let raw: Vec<_> = timestamps.iter().map(|at| at.as_nanos()).zip(values.iter().copied()).collect();
            assert_eq!(raw, own.iter().map(|point| (point.timestamp, point.bits)).collect::<Vec<_>>());
            before = own.len();
        }
        assert!(!by_columns.next_columns::<u64>(&mut timestamps, &mut values), "no run is left");
        assert!(own.is_sorted_by_key(|point| point.timestamp), "{list:?}");
        let expected =
            [&HiddenRanges::NONE, hidden].map(|hidden| policies.map(|policy| newest_of(&own, hidden, policy)));
        assert_eq!(newest, expected, "the newest points of {list:?} in {range:?}, {hidden:?}");
        points.append(&mut own);
    }
    points.sort_by_key(|point| point.timestamp);
    points
}

fn check(view: &MemtableView, ops: &[MemtableOp], ranges: &[TimeRange], hidden: &HiddenRanges) {
    assert_eq!(view.points(), inserted(ops).count() as u64, "deleted points are counted");
    let times = || inserted(ops).map(|(_, point)| point.1);
    let ends = times().min().zip(times().max());
    assert_eq!(view.time_range(), ends.map(|(first, last)| TimeRange::new(first, last)));
    for series in 0..SERIES {
        for range in ranges.iter().copied().chain([TimeRange::ALL]) {
            let mut points = Vec::new();
            view.read(SeriesId::new(series), range, &mut points);
            let expected = expected(ops, series, range);
            assert_eq!(points, expected, "series {series} in {range:?}");
            assert_eq!(through_lists(view, SeriesId::new(series), range, hidden), expected);
        }
    }
    let mut with_points: Vec<u32> = inserted(ops).map(|(_, point)| point.0).collect();
    with_points.sort_unstable();
    with_points.dedup();
    assert!(view.series().map(SeriesId::get).eq(with_points));
    assert_eq!(view.deletes().len(), ops.iter().filter(|op| matches!(op, MemtableOp::Delete(..))).count());
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![9 => 0..200_i64, 1 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, i64::MAX - 1, i64::MAX])]
}

/// Any range; it may be empty.
fn any_range() -> impl Strategy<Value = TimeRange> {
    (time(), time()).prop_map(|(first, last)| TimeRange::new(first, last))
}

fn batch() -> impl Strategy<Value = BatchPoints> {
    let any = prop::collection::vec((0..SERIES, time(), any::<u64>()), 1..20);
    // Long enough to fill the inline points and several chunks.
    let run = (0..SERIES, 0..100_i64, 1..300_i64).prop_map(|(series, from, len)| {
        (from..from + len).map(|time| (series, time / 2, time.cast_unsigned())).collect()
    });
    prop_oneof![3 => any, 1 => run]
}

fn op() -> impl Strategy<Value = MemtableOp> {
    let series = prop::sample::subsequence((0..SERIES).collect::<Vec<_>>(), 0..=3);
    let range =
        prop_oneof![4 => (time(), time()), 1 => Just((i64::MIN, i64::MAX)), 1 => (0..100_i64).prop_map(|at| (at, at))];
    let delete =
        (series, range).prop_map(|(series, (a, b))| MemtableOp::Delete(series, TimeRange::new(a.min(b), a.max(b))));
    prop_oneof![3 => batch().prop_map(MemtableOp::Insert), 1 => delete]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_view_is_the_sorted_prefix_of_its_epoch_without_what_was_deleted_in_it(
        ops in prop::collection::vec(op(), 1..20),
        ranges in prop::collection::vec(any_range(), 4),
        hidden in prop::collection::vec(any_range(), 0..4),
    ) {
        let hidden = HiddenRanges::new(hidden);
        let mut memtable = Memtable::new();
        let mut views = vec![memtable.view()];
        for op in &ops {
            apply(&mut memtable, op);
            views.push(memtable.view());
            prop_assert_eq!(memtable.bytes(), memtable.view().bytes());
        }
        // A view does not contain later points and deletes.
        for (epoch, view) in views.iter().enumerate() {
            check(view, &ops[..epoch], &ranges, &hidden);
        }
        // Only the newest view's bytes can be counted: the chunks of an older view have grown.
        let newest = memtable.view();
        prop_assert_eq!(newest.counted(), (newest.points(), newest.bytes()));
    }
}

#[test]
fn a_memtable_with_only_deletes_has_no_points_and_is_not_empty() {
    let mut memtable = Memtable::new();
    let before = memtable.bytes();
    apply(&mut memtable, &MemtableOp::Delete(vec![0], TimeRange::ALL));
    let view = memtable.view();
    assert!(!memtable.is_empty() && view.points() == 0 && view.time_range().is_none());
    assert_eq!(view.deletes().len(), 1);
    assert!(memtable.bytes() > before, "it counts towards the flush");
    // The delete hides no point that is inserted after it.
    insert(&mut memtable, &vec![(0, 5, 6)]);
    let mut points = Vec::new();
    memtable.view().read(SeriesId::new(0), TimeRange::new(0, 9), &mut points);
    assert_eq!(points, [RawPoint { timestamp: 5, bits: 6 }]);
}

#[test]
fn a_delete_shows_in_no_view_that_was_taken_before_it() {
    let mut memtable = Memtable::new();
    insert(&mut memtable, &(0..100).map(|at| (0, at, 0)).collect());
    let before = memtable.view();
    let mut reader = before.list_reader(SeriesId::new(0), ChunkList::InOrder, TimeRange::new(0, 99)).unwrap();
    let mut points = Vec::new();
    assert!(reader.next(&mut points));
    apply(&mut memtable, &MemtableOp::Delete(vec![0], TimeRange::new(0, 98)));
    while reader.next(&mut points) {}
    assert_eq!(points.len(), 100, "a reader that was opened before the delete does not see it");
    let newest = |view: &MemtableView| {
        let reader = view.list_reader(SeriesId::new(0), ChunkList::InOrder, TimeRange::new(0, 98));
        reader.unwrap().newest_visible(&HiddenRanges::NONE, DuplicatePolicy::KeepAll)
    };
    assert_eq!((newest(&before).map(|point| point.timestamp), newest(&memtable.view())), (Some(98), None));
}

#[test]
fn the_size_that_is_kept_equals_the_size_that_is_counted() {
    let mut memtable = Memtable::new();
    assert_eq!(memtable.view().counted(), (0, 0));
    assert!(memtable.is_empty());
    for n in 0..5_000_i64 {
        // The first series is in order, the second gets only late points, and each iteration creates a third series.
        let new = u32::try_from(n).unwrap() + 10;
        insert(&mut memtable, &vec![(0, n, 1), (1, -n, 2), (new, 0, 3)]);
        if n % 97 == 0 {
            let view = memtable.view();
            assert_eq!(view.counted(), (view.points(), view.bytes()));
        }
    }
    assert_eq!(memtable.view().points(), 15_000);
}

/// A chain of a thousand chunks is dropped in constant stack space.
#[test]
fn a_long_chain_of_chunks_is_dropped_in_a_loop() {
    let mut memtable = Memtable::new();
    let points: BatchPoints = (0..1_000_000).map(|n| (0, n, 0)).collect();
    insert(&mut memtable, &points);
    let reader = memtable.view().list_reader(SeriesId::new(0), ChunkList::InOrder, TimeRange::ALL);
    drop(memtable);
    let newest = reader.unwrap().newest_visible(&HiddenRanges::NONE, DuplicatePolicy::KeepAll);
    assert_eq!(newest, Some(RawPoint { timestamp: 999_999, bits: 0 }));
}

/// A flush reads a series part by part: the parts cover the series, and each has few points.
/// A part of a single timestamp may have more than `max_points` points.
#[test]
fn the_parts_of_a_series_are_all_of_it_in_order() {
    let mut memtable = Memtable::new();
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
    let mut points: BatchPoints = (0..3_000).map(|n| (0, n * n, 1)).chain((1..3_000).map(|n| (0, -7 * n, 2))).collect();
    points.extend(ends.map(|time| (0, time, 3)));
    points.extend((0..500).map(|n| (1, 5, n)));
    insert(&mut memtable, &points);
    apply(&mut memtable, &MemtableOp::Delete(vec![0], TimeRange::new(100, 5_000)));
    let view = memtable.view();
    for max_points in [0, 1, 2, 100, 8_000] {
        for series in [0, 1, 2].map(SeriesId::new) {
            let (mut all, mut parts) = (Vec::new(), Vec::new());
            view.read(series, TimeRange::ALL, &mut all);
            let part_reader = || view.part_readers(max_points).find(|(id, _)| *id == series).map(|(_, reader)| reader);
            let (mut reader, mut before) = (part_reader(), 0);
            let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
            while reader.as_mut().is_some_and(|reader| reader.next(&mut timestamps, &mut bits)) {
                let columns = timestamps.drain(..).zip(bits.drain(..));
                parts.extend(columns.map(|(timestamp, bits)| RawPoint { timestamp, bits }));
                let part = &parts[before..];
                let is_one_time = part.iter().all(|point| point.timestamp == part[0].timestamp);
                assert!(part.len() <= max_points || is_one_time, "{} points of {series}", part.len());
                before = parts.len();
            }
            assert_eq!(parts, all, "series {series} in parts of {max_points} points");
            let (mut reader, mut timestamps) = (part_reader(), Vec::new());
            while reader.as_mut().is_some_and(|reader| reader.next_timestamps(&mut timestamps)) {}
            assert!(timestamps.iter().eq(all.iter().map(|point| &point.timestamp)), "timestamps of {series}");
        }
    }
    assert_eq!(view.part_readers(1).map(|(id, _)| id.get()).collect::<Vec<_>>(), [0, 1]);
}
