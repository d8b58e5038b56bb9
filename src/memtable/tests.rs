//! The memtable against a sorted vector: every view, range, lane and last point, at every epoch.

use proptest::prelude::*;

use super::{Cell, Lane, Memtable, View};
use crate::point::PointColumns;
use crate::series::SeriesId;

const SERIES: u32 = 3;

/// Points of one batch: series, time, bits.
type Points = Vec<(u32, i64, u64)>;

fn insert(memtable: &mut Memtable, points: &Points) {
    let series: Vec<SeriesId> = points.iter().map(|point| SeriesId::new(point.0)).collect();
    let timestamps: Vec<i64> = points.iter().map(|point| point.1).collect();
    let bits: Vec<u64> = points.iter().map(|point| point.2).collect();
    memtable.insert(PointColumns { series: &series, timestamps: &timestamps, bits: &bits });
}

/// A series' points in a range, in time order, equal times in order of arrival.
fn expected(batches: &[Points], series: u32, first: i64, last: i64) -> Vec<Cell> {
    let all = batches.iter().flatten().filter(|point| point.0 == series && (first..=last).contains(&point.1));
    let mut cells: Vec<Cell> = all.map(|point| Cell { timestamp: point.1, bits: point.2 }).collect();
    cells.sort_by_key(|cell| cell.timestamp);
    cells
}

/// Both lanes read chunk by chunk, the main one first, and sorted: what `read` gives at once.
fn through_lanes(view: &View, series: SeriesId, first: i64, last: i64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for lane in [Lane::Main, Lane::Late] {
        let Some(mut reader) = view.lane(series, lane, &(first..=last)) else { continue };
        let end = reader.last();
        let mut own = Vec::new();
        let mut before = 0;
        while reader.next(&mut own) {
            assert!(own.len() > before, "a run holds a point");
            before = own.len();
        }
        assert!(own.is_sorted_by_key(|cell| cell.timestamp), "{lane:?}");
        assert_eq!(end, own.last().copied(), "the last point of {lane:?} in {first}..={last}");
        cells.append(&mut own);
    }
    cells.sort_by_key(|cell| cell.timestamp);
    cells
}

fn expect(view: &View, batches: &[Points], ranges: &[(i64, i64)]) {
    let points: usize = batches.iter().map(Vec::len).sum();
    assert_eq!(view.points(), points as u64);
    let times = batches.iter().flatten().map(|point| point.1);
    assert_eq!(view.times(), times.clone().min().zip(times.max()));
    for series in 0..SERIES {
        for (first, last) in ranges.iter().copied().chain([(i64::MIN, i64::MAX)]) {
            let mut cells = Vec::new();
            view.read(SeriesId::new(series), &(first..=last), &mut cells);
            let expected = expected(batches, series, first, last);
            assert_eq!(cells, expected, "series {series} in {first}..={last}");
            assert_eq!(through_lanes(view, SeriesId::new(series), first, last), expected);
        }
    }
    let mut with_points: Vec<u32> = batches.iter().flatten().map(|point| point.0).collect();
    with_points.sort_unstable();
    with_points.dedup();
    assert!(view.series().map(SeriesId::get).eq(with_points));
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![9 => 0..200_i64, 1 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, i64::MAX - 1, i64::MAX])]
}

fn batch() -> impl Strategy<Value = Points> {
    let any = prop::collection::vec((0..SERIES, time(), any::<u64>()), 1..20);
    // Long enough to fill heads and several chunks.
    let run = (0..SERIES, 0..100_i64, 1..300_i64).prop_map(|(series, from, len)| {
        (from..from + len).map(|time| (series, time / 2, time.cast_unsigned())).collect()
    });
    prop_oneof![3 => any, 1 => run]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_view_is_the_sorted_prefix_of_its_epoch(
        batches in prop::collection::vec(batch(), 1..16),
        ranges in prop::collection::vec((time(), time()), 4),
    ) {
        let mut memtable = Memtable::new();
        let mut views = vec![memtable.view()];
        for batch in &batches {
            insert(&mut memtable, batch);
            views.push(memtable.view());
            prop_assert_eq!(memtable.bytes(), memtable.view().bytes());
        }
        // What was written behind a view does not show in it.
        for (epoch, view) in views.iter().enumerate() {
            expect(view, &batches[..epoch], &ranges);
        }
        // Only the newest view's bytes can be counted: an older one's chunks have grown on.
        let newest = memtable.view();
        prop_assert_eq!(newest.counted(), (newest.points(), newest.bytes()));
    }
}

#[test]
fn the_size_kept_is_the_size_counted() {
    let mut memtable = Memtable::new();
    assert_eq!(memtable.view().counted(), (0, 0));
    assert!(memtable.is_empty());
    for n in 0..5_000_i64 {
        // One series in order, one that is always late, one that appears anew each time.
        let new = u32::try_from(n).unwrap() + 10;
        insert(&mut memtable, &vec![(0, n, 1), (1, -n, 2), (new, 0, 3)]);
        if n % 97 == 0 {
            let view = memtable.view();
            assert_eq!(view.counted(), (view.points(), view.bytes()));
        }
    }
    assert_eq!(memtable.view().points(), 15_000);
}

/// A chain of a hundred thousand chunks is dropped without a stack to match.
#[test]
fn a_long_chain_is_dropped_one_link_at_a_time() {
    let mut memtable = Memtable::new();
    let points: Points = (0..1_000_000).map(|n| (0, n, 0)).collect();
    insert(&mut memtable, &points);
    let reader = memtable.view().lane(SeriesId::new(0), Lane::Main, &(i64::MIN..=i64::MAX));
    drop(memtable);
    assert_eq!(reader.unwrap().last(), Some(Cell { timestamp: 999_999, bits: 0 }));
}
