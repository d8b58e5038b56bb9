//! The memtable against a sorted vector, with deletes in between: every view, range, lane and last point, at every epoch.

use proptest::prelude::*;

use super::{Cell, Lane, Memtable, View};
use crate::options::Duplicates;
use crate::point::PointColumns;
use crate::series::{SeriesId, SeriesSet};
use crate::sync::Arc;
use crate::version::{Hidden, Tombstone};

const SERIES: u32 = 3;

/// Points of one batch: series, time, bits.
type Points = Vec<(u32, i64, u64)>;

fn insert(memtable: &mut Memtable, points: &Points) {
    let series: Vec<SeriesId> = points.iter().map(|point| SeriesId::new(point.0)).collect();
    let timestamps: Vec<i64> = points.iter().map(|point| point.1).collect();
    let bits: Vec<u64> = points.iter().map(|point| point.2).collect();
    memtable.insert(PointColumns { series: &series, timestamps: &timestamps, bits: &bits });
}

/// What is done to a memtable, each at an epoch of its own.
#[derive(Debug, Clone)]
enum Step {
    Insert(Points),
    /// Of these series, from the first to the last time.
    Delete(Vec<u32>, i64, i64),
}

fn take(memtable: &mut Memtable, step: &Step) {
    match step {
        Step::Insert(points) => insert(memtable, points),
        Step::Delete(series, first_time, last_time) => {
            let series = SeriesSet::from_sorted(series.iter().copied().map(SeriesId::new));
            let (first_time, last_time) = (*first_time, *last_time);
            memtable.delete(Arc::new(Tombstone { seq: 0, series, first_time, last_time }));
        }
    }
}

/// Every point inserted, by step.
fn inserted(steps: &[Step]) -> impl Iterator<Item = (usize, &(u32, i64, u64))> {
    steps.iter().enumerate().flat_map(|(at, step)| match step {
        Step::Insert(points) => points.iter().map(|point| (at, point)).collect(),
        Step::Delete(..) => Vec::new(),
    })
}

/// A series' points in a range that no later step deletes, in time order, equal times in order of arrival.
fn expected(steps: &[Step], series: u32, first: i64, last: i64) -> Vec<Cell> {
    let is_gone = |at: usize, time: i64| {
        steps[at..].iter().any(|step| match step {
            Step::Delete(of, first, last) => of.contains(&series) && (*first..=*last).contains(&time),
            Step::Insert(_) => false,
        })
    };
    let own = inserted(steps).filter(|(_, point)| point.0 == series && (first..=last).contains(&point.1));
    let seen = own.filter(|(at, point)| !is_gone(*at, point.1));
    let mut cells: Vec<Cell> = seen.map(|(_, point)| Cell { timestamp: point.1, bits: point.2 }).collect();
    cells.sort_by_key(|cell| cell.timestamp);
    cells
}

/// The last point of a lane that is not hidden, as its runs give it.
fn last_of(cells: &[Cell], hidden: &Hidden, duplicates: Duplicates) -> Option<Cell> {
    let mut seen = cells.iter().filter(|cell| hidden.range_at(cell.timestamp).is_none());
    let last = *seen.clone().next_back()?;
    if duplicates == Duplicates::KeepFirst {
        seen.find(|cell| cell.timestamp == last.timestamp).copied()
    } else {
        Some(last)
    }
}

/// Both lanes read chunk by chunk, the main one first, and sorted: what `read` gives at once.
fn through_lanes(view: &View, series: SeriesId, (first, last): (i64, i64), hidden: &Hidden) -> Vec<Cell> {
    let mut cells = Vec::new();
    for lane in [Lane::Main, Lane::Late] {
        let Some(mut reader) = view.lane(series, lane, &(first..=last)) else { continue };
        let policies = [Duplicates::KeepAll, Duplicates::KeepLast, Duplicates::KeepFirst];
        let ends = [&Hidden::NONE, hidden].map(|hidden| policies.map(|policy| reader.last(hidden, policy)));
        let mut own = Vec::new();
        let mut before = 0;
        while reader.next(&mut own) {
            assert!(own.len() > before, "a run holds a point");
            before = own.len();
        }
        assert!(own.is_sorted_by_key(|cell| cell.timestamp), "{lane:?}");
        let expected = [&Hidden::NONE, hidden].map(|hidden| policies.map(|policy| last_of(&own, hidden, policy)));
        assert_eq!(ends, expected, "the last points of {lane:?} in {first}..={last}, {hidden:?}");
        cells.append(&mut own);
    }
    cells.sort_by_key(|cell| cell.timestamp);
    cells
}

fn expect(view: &View, steps: &[Step], ranges: &[(i64, i64)], hidden: &Hidden) {
    assert_eq!(view.points(), inserted(steps).count() as u64, "points count as they were written");
    let times = || inserted(steps).map(|(_, point)| point.1);
    assert_eq!(view.times(), times().min().zip(times().max()));
    for series in 0..SERIES {
        for (first, last) in ranges.iter().copied().chain([(i64::MIN, i64::MAX)]) {
            let mut cells = Vec::new();
            view.read(SeriesId::new(series), &(first..=last), &mut cells);
            let expected = expected(steps, series, first, last);
            assert_eq!(cells, expected, "series {series} in {first}..={last}");
            assert_eq!(through_lanes(view, SeriesId::new(series), (first, last), hidden), expected);
        }
    }
    let mut with_points: Vec<u32> = inserted(steps).map(|(_, point)| point.0).collect();
    with_points.sort_unstable();
    with_points.dedup();
    assert!(view.series().map(SeriesId::get).eq(with_points));
    assert_eq!(view.deletes().len(), steps.iter().filter(|step| matches!(step, Step::Delete(..))).count());
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

fn step() -> impl Strategy<Value = Step> {
    let series = prop::sample::subsequence((0..SERIES).collect::<Vec<_>>(), 0..=3);
    let range =
        prop_oneof![4 => (time(), time()), 1 => Just((i64::MIN, i64::MAX)), 1 => (0..100_i64).prop_map(|at| (at, at))];
    let delete = (series, range).prop_map(|(series, (a, b))| Step::Delete(series, a.min(b), a.max(b)));
    prop_oneof![3 => batch().prop_map(Step::Insert), 1 => delete]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_view_is_the_sorted_prefix_of_its_epoch_less_what_was_deleted_in_it(
        steps in prop::collection::vec(step(), 1..20),
        ranges in prop::collection::vec((time(), time()), 4),
        hidden in prop::collection::vec((time(), time()), 0..4),
    ) {
        let hidden = Hidden::new(hidden);
        let mut memtable = Memtable::new();
        let mut views = vec![memtable.view()];
        for step in &steps {
            take(&mut memtable, step);
            views.push(memtable.view());
            prop_assert_eq!(memtable.bytes(), memtable.view().bytes());
        }
        // What was written or deleted behind a view does not show in it.
        for (epoch, view) in views.iter().enumerate() {
            expect(view, &steps[..epoch], &ranges, &hidden);
        }
        // Only the newest view's bytes can be counted: an older one's chunks have grown on.
        let newest = memtable.view();
        prop_assert_eq!(newest.counted(), (newest.points(), newest.bytes()));
    }
}

#[test]
fn a_memtable_of_deletes_alone_has_no_points_and_is_not_empty() {
    let mut memtable = Memtable::new();
    let before = memtable.bytes();
    take(&mut memtable, &Step::Delete(vec![0], i64::MIN, i64::MAX));
    let view = memtable.view();
    assert!(!memtable.is_empty() && view.points() == 0 && view.times().is_none());
    assert_eq!(view.deletes().len(), 1);
    assert!(memtable.bytes() > before, "it counts towards the flush");
    // It hides nothing that comes after it.
    insert(&mut memtable, &vec![(0, 5, 6)]);
    let mut cells = Vec::new();
    memtable.view().read(SeriesId::new(0), &(0..=9), &mut cells);
    assert_eq!(cells, [Cell { timestamp: 5, bits: 6 }]);
}

#[test]
fn a_delete_shows_in_no_view_that_was_taken_before_it() {
    let mut memtable = Memtable::new();
    insert(&mut memtable, &(0..100).map(|at| (0, at, 0)).collect());
    let before = memtable.view();
    let mut reader = before.lane(SeriesId::new(0), Lane::Main, &(0..=99)).unwrap();
    let mut cells = Vec::new();
    assert!(reader.next(&mut cells));
    take(&mut memtable, &Step::Delete(vec![0], 0, 98));
    while reader.next(&mut cells) {}
    assert_eq!(cells.len(), 100, "a reader half way through goes on as it began");
    let last = |view: &View| {
        let reader = view.lane(SeriesId::new(0), Lane::Main, &(0..=98));
        reader.unwrap().last(&Hidden::NONE, Duplicates::KeepAll)
    };
    assert_eq!((last(&before).map(|cell| cell.timestamp), last(&memtable.view())), (Some(98), None));
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
    let last = reader.unwrap().last(&Hidden::NONE, Duplicates::KeepAll);
    assert_eq!(last, Some(Cell { timestamp: 999_999, bits: 0 }));
}

/// A flush reads a series part by part: together they are all of it, and none is larger than asked for.
#[test]
fn parts_of_a_series_are_all_of_it_in_order() {
    let mut memtable = Memtable::new();
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
    let mut points: Points = (0..3_000).map(|n| (0, n * n, 1)).chain((1..3_000).map(|n| (0, -7 * n, 2))).collect();
    points.extend(ends.map(|time| (0, time, 3)));
    points.extend((0..500).map(|n| (1, 5, n)));
    insert(&mut memtable, &points);
    take(&mut memtable, &Step::Delete(vec![0], 100, 5_000));
    let view = memtable.view();
    for most in [0, 1, 2, 100, 8_000] {
        for series in [0, 1, 2].map(SeriesId::new) {
            let (mut all, mut parts) = (Vec::new(), Vec::new());
            view.read(series, &(i64::MIN..=i64::MAX), &mut all);
            for range in view.parts(series, most) {
                let before = parts.len();
                view.read(series, &range, &mut parts);
                assert!(parts.len() - before <= most || range.start() == range.end(), "{range:?} of {series}");
            }
            assert_eq!(parts, all, "series {series} in parts of {most}");
        }
    }
    assert_eq!(view.parts(SeriesId::new(2), 1).len(), 0);
}
