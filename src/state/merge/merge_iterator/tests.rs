//! Compares the merge with a stable sort of all points, and counts how often sources are read.

use proptest::prelude::*;

use super::*;
use crate::testing::merge::{VecSource, hiddens, plain, points, policies, ranges, runs, sorted_points, visible_points};

fn plain_merge(range: TimeRange, sources: &[VecSource<i64>]) -> MergeIterator<i64> {
    let sources = sources.iter().map(|runs| runs.clone().boxed()).collect();
    MergeIterator::new(range, plain(sources), DuplicatePolicy::KeepAll)
}

fn merged(range: TimeRange, sources: &[VecSource<i64>]) -> Result<Vec<Point<i64>>> {
    all_of(plain_merge(range, sources))
}

fn merged_lanes(
    range: TimeRange,
    lanes: &[(VecSource<i64>, HiddenRanges)],
    duplicates: DuplicatePolicy,
) -> Result<Vec<Point<i64>>> {
    let lanes = lanes.iter().map(|(runs, hidden)| (runs.clone().boxed(), hidden.clone())).collect();
    all_of(MergeIterator::new(range, lanes, duplicates))
}

/// Reads every point of the merge, chunk by chunk.
fn all_of(mut merge: MergeIterator<i64>) -> Result<Vec<Point<i64>>> {
    let mut points = Vec::new();
    while merge.next_chunk()? {
        let (timestamps, values) = (merge.current_chunk().timestamps(), merge.current_chunk().values());
        assert!(!timestamps.is_empty() && timestamps.len() == values.len());
        points.extend(
            timestamps.iter().zip(values).map(|(timestamp, value)| Point { timestamp: *timestamp, value: *value }),
        );
    }
    assert!(merge.lanes.iter().all(Option::is_none), "every source was dropped");
    assert!(!merge.next_chunk()?, "nothing comes after the end");
    Ok(points)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_merge_is_a_stable_sort_by_time(sources in prop::collection::vec(runs(), 0..6), range in ranges()) {
        prop_assert_eq!(merged(range, &sources).unwrap(), sorted_points(&sources, range));
    }

    #[test]
    fn hidden_points_are_removed_before_the_policy_decides(
        lanes in prop::collection::vec((runs(), hiddens()), 0..6),
        range in ranges(),
        duplicates in policies(),
    ) {
        let expected = visible_points(&lanes, range, duplicates);
        prop_assert_eq!(merged_lanes(range, &lanes, duplicates).unwrap(), expected);
    }
}

#[test]
fn interleaved_runs_that_fill_several_chunks_are_merged_under_every_policy() {
    // One to four points of two lanes in turn, with equal times; a third lane lies over a part of them.
    let lane = |number: i64, times: &dyn Fn(i64) -> i64, count: i64| {
        let mut all: Vec<(i64, i64)> = (0..count).map(|n| (times(n), number * 10_000 + n)).collect();
        all.sort_by_key(|(time, _)| *time);
        VecSource::new(all.chunks(701).map(points).collect())
    };
    let lanes = [
        (lane(1, &|n| n * 3, 3_000), HiddenRanges::default()),
        (lane(2, &|n| n * 2 + n % 5, 4_000), HiddenRanges::new(vec![TimeRange::new(3_000, 3_100)])),
        (lane(3, &|n| 4_000 + n / 2, 2_000), HiddenRanges::default()),
    ];
    for duplicates in [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepFirst, DuplicatePolicy::KeepLast] {
        for range in [TimeRange::ALL, TimeRange::new(1_111, 7_777)] {
            let expected = visible_points(&lanes, range, duplicates);
            assert!(expected.len() > 3 * TARGET_CHUNK_POINTS);
            assert_eq!(merged_lanes(range, &lanes, duplicates).unwrap(), expected, "{duplicates:?}");
        }
    }
}

/// Checks that summaries and chunks together describe exactly these points.
/// Returns the number of summaries.
fn check_summaries(
    mut merge: MergeIterator<i64>,
    expected: &[Point<i64>],
    every: usize,
) -> Result<usize, TestCaseError> {
    let (mut at, mut asked, mut summaries) = (0, 0, 0);
    loop {
        while let Some(summary) = merge.next_summary(|_| every > 0 && asked % every == 0).unwrap() {
            let count = usize::try_from(summary.count).unwrap();
            let (first, last) = (expected[at], expected[at + count - 1]);
            let ends = (first.timestamp.as_nanos(), first.value, last.timestamp.as_nanos(), last.value);
            let found = (summary.range.first(), summary.first, summary.range.last(), summary.last);
            prop_assert_eq!(found, ends);
            (at, asked, summaries) = (at + count, asked + 1, summaries + 1);
        }
        asked += 1;
        if !merge.next_chunk().unwrap() {
            break;
        }
        let (timestamps, values) = (merge.current_chunk().timestamps(), merge.current_chunk().values());
        for (timestamp, value) in timestamps.iter().zip(values) {
            prop_assert_eq!(expected.get(at), Some(&Point { timestamp: *timestamp, value: *value }));
            at += 1;
        }
    }
    prop_assert_eq!(at, expected.len());
    Ok(summaries)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn summaries_describe_their_points_and_no_others(
        lanes in prop::collection::vec((runs(), hiddens(), any::<bool>()), 0..6),
        range in ranges(),
        duplicates in policies(),
        every in 0..4_usize,
    ) {
        let lanes: Vec<_> = lanes
            .into_iter()
            .map(|(runs, hidden, has_summaries)| (if has_summaries { runs.with_summaries() } else { runs }, hidden))
            .collect();
        let expected = visible_points(&lanes, range, duplicates);
        let merge = MergeIterator::new(
            range,
            lanes.iter().map(|(runs, hidden)| (runs.clone().boxed(), hidden.clone())).collect(),
            duplicates,
        );
        check_summaries(merge, &expected, every)?;
    }
}

#[test]
fn a_run_that_nothing_overlaps_is_replaced_by_its_summary() {
    let block = |from: i64| points(&(from..from + 500).map(|n| (n, n)).collect::<Vec<_>>());
    let blocks = VecSource::new(vec![block(0), block(500), block(1_000), block(1_500)]).loose_by(3).with_summaries();
    let late = VecSource::new(vec![points(&[(700, 1), (1_499, 2)])]).loose_by(900).with_summaries();
    let expected = sorted_points(&[blocks.clone(), late.clone()], TimeRange::ALL);
    // One late point is in the second block, the other at the end of the third block.
    let merge = plain_merge(TimeRange::ALL, &[blocks, late]);
    assert_eq!(check_summaries(merge, &expected, 1).unwrap(), 2);
}

#[test]
fn long_overlapping_runs_are_split_where_the_other_begins() {
    let evens: Vec<_> = (0..5_000).map(|n| (n * 2, n)).collect();
    let block: Vec<_> = (0..3_000).map(|n| (4_001, n)).collect();
    let tail: Vec<_> = (9_000..20_000).map(|n| (n, -n)).collect();
    let sources = [&evens, &block, &tail].map(|pairs| VecSource::new(vec![points(pairs)]));
    for (first, last) in [(i64::MIN, i64::MAX), (4_001, 4_001), (3_999, 9_500), (20_000, 20_001)] {
        let range = TimeRange::new(first, last);
        assert_eq!(merged(range, &sources).unwrap(), sorted_points(&sources, range));
    }
}

#[test]
fn a_source_past_the_end_of_the_range_is_not_read() {
    let sources = [
        VecSource::new(vec![points(&[(1, 1), (2, 2)]), points(&[(3, 3)]), points(&[(50, 4)])]),
        VecSource::new(vec![points(&[(10, 5)])]),
        VecSource::new(vec![points(&[(11, 6)])]),
    ];
    let reads = || sources.iter().map(|runs| runs.reads().get()).collect::<Vec<_>>();
    let range = TimeRange::new(2, 10);
    let mut merge = plain_merge(range, &sources);
    assert_eq!(reads(), [0, 0, 0], "creating a merge reads nothing");
    assert!(merge.next_chunk().unwrap());
    assert_eq!(merge.current_chunk().timestamps().len(), 3);
    assert!(!merge.next_chunk().unwrap());
    assert_eq!(reads(), [2, 1, 0], "no run past the range is read");
}

#[test]
fn short_runs_are_collected_and_long_ones_returned_whole() {
    let all: Vec<_> = (0..9_000).map(|n| (n, n)).collect();
    let shorts = all[..3_000].chunks(100).map(points).collect();
    let mut merge = plain_merge(TimeRange::ALL, &[VecSource::new(vec![points(&all[3_000..])]), VecSource::new(shorts)]);
    let mut lengths = Vec::new();
    while merge.next_chunk().unwrap() {
        lengths.push(merge.current_chunk().timestamps().len());
    }
    assert_eq!(lengths, [1_100, 1_100, 800, 6_000]);
}

#[test]
fn a_source_is_not_read_past_the_range_even_if_its_bound_is_loose() {
    let source = VecSource::new(vec![points(&[(1, 1), (20, 2)]), points(&[(21, 3)])]).loose_by(100);
    let range = TimeRange::until(9);
    assert_eq!(merged(range, std::slice::from_ref(&source)).unwrap(), points(&[(1, 1)]));
    assert_eq!(source.reads().get(), 1);
}

#[test]
fn a_later_source_is_opened_only_when_the_earlier_one_is_exhausted() {
    let block = |from: i64| points(&(from..from + 300).map(|n| (n, n)).collect::<Vec<_>>());
    let sources = [VecSource::new(vec![block(0), block(300)]), VecSource::new(vec![block(600)])];
    let mut merge = plain_merge(TimeRange::ALL, &sources);
    for expected in [[1, 0], [2, 0], [2, 1]] {
        assert!(merge.next_chunk().unwrap());
        assert_eq!(merge.current_chunk().timestamps().len(), 300);
        assert_eq!(sources.each_ref().map(|runs| runs.reads().get()), expected);
    }
    assert!(!merge.next_chunk().unwrap());
}

#[test]
fn an_empty_range_reads_nothing_and_nothing_comes_after_an_error() {
    let sources = [VecSource::new(vec![points(&[(1, 1)])])];
    assert_eq!(merged(TimeRange::EMPTY, &sources).unwrap(), []);
    assert_eq!(sources[0].reads().get(), 0);

    let broken = VecSource::new(vec![points(&[(1, 1)]), points(&[(5, 1)])]).failing_at(1);
    let mut merge = plain_merge(TimeRange::ALL, &[broken]);
    assert!(matches!(merge.next_chunk(), Err(Error::EnginePanicked)), "a failed chunk returns no points");
    assert!(!merge.next_chunk().unwrap());
    let mut merge = MergeIterator::<i64>::failed(Error::Closed);
    assert!(matches!(merge.next_chunk(), Err(Error::Closed)));
    assert!(!merge.next_chunk().unwrap());
}

const KEEP_ONE: [DuplicatePolicy; 2] = [DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];

#[test]
fn one_point_of_each_time_remains_across_runs_sources_and_chunks() {
    // Each run begins at the time at which the run before it ends, also from the first source to the second.
    // Long runs are returned whole.
    let run = |from: i64, tag: i64| points(&(from..=from + 400).map(|n| (n, n * 10 + tag)).collect::<Vec<_>>());
    let sources = [
        (VecSource::new(vec![run(0, 1), run(400, 2), run(800, 3)]), HiddenRanges::NONE),
        (VecSource::new(vec![run(1_200, 4), run(1_600, 5)]), HiddenRanges::NONE),
        (VecSource::new(vec![points(&[(400, 7); 600]), points(&[(400, 8); 600])]), HiddenRanges::NONE),
    ];
    for duplicates in KEEP_ONE {
        let found = merged_lanes(TimeRange::ALL, &sources, duplicates).unwrap();
        assert_eq!(found, visible_points(&sources, TimeRange::ALL, duplicates));
        assert_eq!(found.len(), 2_001);
        let keeps_last = duplicates == DuplicatePolicy::KeepLast;
        assert_eq!(found[400].value, if keeps_last { 8 } else { 4_001 });
        assert_eq!(found[1_200].value, if keeps_last { 12_004 } else { 12_003 });
    }
}

#[test]
fn a_run_is_returned_whole_without_reading_ahead_for_duplicates() {
    let run = |from: i64| points(&(from..from + 500).map(|n| (n, n)).collect::<Vec<_>>());
    for duplicates in KEEP_ONE {
        let sources = [VecSource::new(vec![run(0), run(500)]), VecSource::new(vec![run(1_000)])];
        let lanes = plain(sources.iter().map(|runs| runs.clone().boxed()).collect());
        let mut merge = MergeIterator::new(TimeRange::ALL, lanes, duplicates);
        for expected in [[1, 0], [2, 0], [2, 1]] {
            assert!(merge.next_chunk().unwrap());
            assert_eq!(merge.current_chunk().timestamps().len(), 500);
            let reads = sources.each_ref().map(|runs| runs.reads().get());
            assert_eq!(reads, expected, "no run is read that cannot contain a duplicate");
        }
        assert!(!merge.next_chunk().unwrap());
    }
}

#[test]
fn nothing_comes_after_an_error_during_the_search_for_a_duplicate() {
    let sources = [VecSource::new(vec![points(&[(1, 1); 500])]), VecSource::new(vec![points(&[(1, 2)])]).failing_at(0)];
    for duplicates in KEEP_ONE {
        let lanes = plain(sources.iter().map(|runs| runs.clone().boxed()).collect());
        let mut merge = MergeIterator::new(TimeRange::ALL, lanes, duplicates);
        let first = merge.next_chunk();
        let failed = if duplicates == DuplicatePolicy::KeepLast { first } else { merge.next_chunk() };
        assert!(matches!(failed, Err(Error::EnginePanicked)), "{failed:?}");
        assert!(!merge.next_chunk().unwrap());
    }
}

#[test]
fn a_source_that_is_hidden_from_its_bound_on_is_not_read() {
    let hidden = |first, last| HiddenRanges::new(vec![TimeRange::new(first, last)]);
    let runs = || VecSource::new(vec![points(&[(10, 1), (20, 2)]), points(&[(30, 3)])]);
    for (range, of, reads, visible) in [
        (TimeRange::ALL, hidden(10, 30), 0, 0),
        (TimeRange::ALL, hidden(i64::MIN, i64::MAX), 0, 0),
        (TimeRange::new(15, 25), hidden(15, 40), 0, 0),
        (TimeRange::new(15, 25), hidden(15, 25), 0, 0),
        (TimeRange::ALL, hidden(11, 30), 1, 1),
        (TimeRange::ALL, hidden(10, 29), 2, 1),
    ] {
        let source = runs();
        let found = merged_lanes(range, &[(source.clone(), of.clone())], DuplicatePolicy::KeepAll).unwrap();
        assert_eq!((source.reads().get(), found.len()), (reads, visible), "{of:?}");
    }
    // Loose bounds cost reads, but lose no points.
    let loose = runs().loose_by(1);
    let found = merged_lanes(TimeRange::ALL, &[(loose.clone(), hidden(10, 30))], DuplicatePolicy::KeepAll).unwrap();
    assert_eq!((loose.reads().get(), found.len()), (2, 0));
}

#[test]
fn a_run_that_is_known_to_be_hidden_is_skipped_unread() {
    let block = |from: i64| points(&(from..from + 300).map(|n| (n, n)).collect::<Vec<_>>());
    let source = VecSource::new(vec![block(0), block(300), block(600), block(900)]).with_hidden_runs_known(true);
    let lanes = [(source.clone(), HiddenRanges::new(vec![TimeRange::new(300, 1_100)]))];
    let found = merged_lanes(TimeRange::ALL, &lanes, DuplicatePolicy::KeepAll).unwrap();
    assert_eq!(found, visible_points(&lanes, TimeRange::ALL, DuplicatePolicy::KeepAll));
    assert_eq!((found.len(), source.reads().get()), (399, 2), "two runs are read");
}

#[test]
fn a_lane_continues_after_a_hidden_range() {
    // The lower bound of the first lane lies behind its hidden range, so the point of the other lane comes first.
    let late = VecSource::new(vec![points(&[(0, 1), (1, 2)]), points(&[(50, 3)])]);
    let other = VecSource::new(vec![points(&[(20, 4)])]);
    let lanes = [(late.clone(), HiddenRanges::new(vec![TimeRange::new(0, 30)])), (other, HiddenRanges::NONE)];
    let mut merge = MergeIterator::new(
        TimeRange::ALL,
        lanes.iter().map(|(runs, hidden)| (runs.clone().boxed(), hidden.clone())).collect(),
        DuplicatePolicy::KeepAll,
    );
    assert_eq!(merge.next().unwrap().unwrap().value, 4);
    assert_eq!(merge.next().unwrap().unwrap().value, 3);
    assert!(merge.next().is_none());
}
