//! Merges against a sort of everything; and how often sources are touched.

use proptest::prelude::*;

use super::*;
use crate::merge::testing::{Runs, hiddens, plain, points, policies, ranges, runs, sorted_points, visible_points};

fn plain_merge(range: TimeRange, sources: &[Runs<i64>]) -> Merge<i64> {
    let sources = sources.iter().map(|runs| runs.clone().boxed()).collect();
    Merge::new(range, plain(sources), Duplicates::KeepAll)
}

fn merged(range: TimeRange, sources: &[Runs<i64>]) -> Result<Vec<Point<i64>>> {
    all_of(plain_merge(range, sources))
}

fn merged_lanes(range: TimeRange, lanes: &[(Runs<i64>, Hidden)], duplicates: Duplicates) -> Result<Vec<Point<i64>>> {
    let lanes = lanes.iter().map(|(runs, hidden)| (runs.clone().boxed(), hidden.clone())).collect();
    all_of(Merge::new(range, lanes, duplicates))
}

/// Every point of the merge, chunk by chunk.
fn all_of(mut merge: Merge<i64>) -> Result<Vec<Point<i64>>> {
    let mut points = Vec::new();
    while merge.advance()? {
        let (timestamps, values) = (merge.chunk().timestamps(), merge.chunk().values());
        assert!(!timestamps.is_empty() && timestamps.len() == values.len());
        points.extend(
            timestamps.iter().zip(values).map(|(timestamp, value)| Point { timestamp: *timestamp, value: *value }),
        );
    }
    assert!(merge.lanes.iter().all(Option::is_none), "every source was let go");
    assert!(!merge.advance()?, "the end stays the end");
    Ok(points)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_merge_is_a_stable_sort_by_time(sources in prop::collection::vec(runs(), 0..6), range in ranges()) {
        prop_assert_eq!(merged(range, &sources).unwrap(), sorted_points(&sources, range));
    }

    #[test]
    fn what_is_hidden_goes_first_and_then_the_policy_decides(
        lanes in prop::collection::vec((runs(), hiddens()), 0..6),
        range in ranges(),
        duplicates in policies(),
    ) {
        let expected = visible_points(&lanes, range, duplicates);
        prop_assert_eq!(merged_lanes(range, &lanes, duplicates).unwrap(), expected);
    }
}

/// Whether summaries and chunks, one after the other, stand for these points.
fn stand_for(mut merge: Merge<i64>, expected: &[Point<i64>], every: usize) -> Result<usize, TestCaseError> {
    let (mut at, mut asked, mut summaries) = (0, 0, 0);
    loop {
        while let Some(summary) = merge.summary(|_| every > 0 && asked % every == 0).unwrap() {
            let count = usize::try_from(summary.count).unwrap();
            let (first, last) = (expected[at], expected[at + count - 1]);
            let ends = (first.timestamp.as_nanos(), first.value, last.timestamp.as_nanos(), last.value);
            prop_assert_eq!((summary.first_time, summary.first, summary.last_time, summary.last), ends);
            (at, asked, summaries) = (at + count, asked + 1, summaries + 1);
        }
        asked += 1;
        if !merge.advance().unwrap() {
            break;
        }
        let (timestamps, values) = (merge.chunk().timestamps(), merge.chunk().values());
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
    fn summaries_stand_for_their_points_and_for_no_others(
        lanes in prop::collection::vec((runs(), hiddens(), any::<bool>()), 0..6),
        range in ranges(),
        duplicates in policies(),
        every in 0..4_usize,
    ) {
        let lanes: Vec<_> = lanes
            .into_iter()
            .map(|(runs, hidden, tells)| (if tells { runs.summarising() } else { runs }, hidden))
            .collect();
        let expected = visible_points(&lanes, range, duplicates);
        let merge = Merge::new(
            range,
            lanes.iter().map(|(runs, hidden)| (runs.clone().boxed(), hidden.clone())).collect(),
            duplicates,
        );
        stand_for(merge, &expected, every)?;
    }
}

#[test]
fn a_run_that_nothing_meets_is_known_by_its_summary_alone() {
    let block = |from: i64| points(&(from..from + 500).map(|n| (n, n)).collect::<Vec<_>>());
    let blocks = Runs::new(vec![block(0), block(500), block(1_000), block(1_500)]).loose_by(3).summarising();
    let late = Runs::new(vec![points(&[(700, 1), (1_499, 2)])]).loose_by(900).summarising();
    let expected = sorted_points(&[blocks.clone(), late.clone()], TimeRange::ALL);
    // The second block holds a late point, the third another at its very end.
    let merge = plain_merge(TimeRange::ALL, &[blocks, late]);
    assert_eq!(stand_for(merge, &expected, 1).unwrap(), 2);
}

#[test]
fn long_overlapping_runs_are_cut_where_the_other_begins() {
    let evens: Vec<_> = (0..5_000).map(|n| (n * 2, n)).collect();
    let block: Vec<_> = (0..3_000).map(|n| (4_001, n)).collect();
    let tail: Vec<_> = (9_000..20_000).map(|n| (n, -n)).collect();
    let sources = [Runs::new(vec![points(&evens)]), Runs::new(vec![points(&block)]), Runs::new(vec![points(&tail)])];
    for (first, last) in [(i64::MIN, i64::MAX), (4_001, 4_001), (3_999, 9_500), (20_000, 20_001)] {
        let range = TimeRange::new(&(Timestamp::from_nanos(first)..=Timestamp::from_nanos(last)));
        assert_eq!(merged(range, &sources).unwrap(), sorted_points(&sources, range));
    }
}

#[test]
fn a_source_whose_turn_never_comes_is_not_touched() {
    let sources = [
        Runs::new(vec![points(&[(1, 1), (2, 2)]), points(&[(3, 3)]), points(&[(50, 4)])]),
        Runs::new(vec![points(&[(10, 5)])]),
        Runs::new(vec![points(&[(11, 6)])]),
    ];
    let touched = || sources.iter().map(|runs| runs.touches().get()).collect::<Vec<_>>();
    let range = TimeRange::new(&(Timestamp::from_nanos(2)..=Timestamp::from_nanos(10)));
    let mut merge = plain_merge(range, &sources);
    assert_eq!(touched(), [0, 0, 0], "making a merge reads nothing");
    assert!(merge.advance().unwrap());
    assert_eq!(merge.chunk().timestamps().len(), 3);
    assert!(!merge.advance().unwrap());
    assert_eq!(touched(), [2, 1, 0], "no run past the range is read");
}

#[test]
fn short_runs_are_gathered_and_long_ones_handed_on_as_they_are() {
    let all: Vec<_> = (0..9_000).map(|n| (n, n)).collect();
    let shorts = all[..3_000].chunks(100).map(points).collect();
    let mut merge = plain_merge(TimeRange::ALL, &[Runs::new(vec![points(&all[3_000..])]), Runs::new(shorts)]);
    let mut lengths = Vec::new();
    while merge.advance().unwrap() {
        lengths.push(merge.chunk().timestamps().len());
    }
    assert_eq!(lengths, [1_100, 1_100, 800, 6_000]);
}

#[test]
fn a_source_that_passed_the_range_is_not_read_on_however_loose_its_bound() {
    let source = Runs::new(vec![points(&[(1, 1), (20, 2)]), points(&[(21, 3)])]).loose_by(100);
    let range = TimeRange::new(&(..Timestamp::from_nanos(10)));
    assert_eq!(merged(range, std::slice::from_ref(&source)).unwrap(), points(&[(1, 1)]));
    assert_eq!(source.touches().get(), 1);
}

#[test]
fn a_later_source_is_opened_only_when_the_earlier_is_used_up() {
    let block = |from: i64| points(&(from..from + 300).map(|n| (n, n)).collect::<Vec<_>>());
    let sources = [Runs::new(vec![block(0), block(300)]), Runs::new(vec![block(600)])];
    let mut merge = plain_merge(TimeRange::ALL, &sources);
    for expected in [[1, 0], [2, 0], [2, 1]] {
        assert!(merge.advance().unwrap());
        assert_eq!(merge.chunk().timestamps().len(), 300);
        assert_eq!(sources.each_ref().map(|runs| runs.touches().get()), expected);
    }
    assert!(!merge.advance().unwrap());
}

#[test]
fn an_empty_range_reads_nothing_and_an_error_is_the_last_word() {
    let sources = [Runs::new(vec![points(&[(1, 1)])])];
    assert_eq!(merged(TimeRange::EMPTY, &sources).unwrap(), []);
    assert_eq!(sources[0].touches().get(), 0);

    let broken = Runs::new(vec![points(&[(1, 1)]), points(&[(5, 1)])]).failing_at(1);
    let mut merge = plain_merge(TimeRange::ALL, &[broken]);
    assert!(matches!(merge.advance(), Err(Error::Poisoned)), "no points pass for a whole beside a failure");
    assert!(!merge.advance().unwrap());
    let mut merge = Merge::<i64>::failed(Error::Closed);
    assert!(matches!(merge.advance(), Err(Error::Closed)));
    assert!(!merge.advance().unwrap());
}

const BOTH: [Duplicates; 2] = [Duplicates::KeepLast, Duplicates::KeepFirst];

#[test]
fn one_point_of_each_time_remains_across_runs_sources_and_chunks() {
    // Each run ends with the time that the next one begins with, and so do the sources; long runs are handed on whole.
    let run = |from: i64, tag: i64| points(&(from..=from + 400).map(|n| (n, n * 10 + tag)).collect::<Vec<_>>());
    let sources = [
        (Runs::new(vec![run(0, 1), run(400, 2), run(800, 3)]), Hidden::NONE),
        (Runs::new(vec![run(1_200, 4), run(1_600, 5)]), Hidden::NONE),
        (Runs::new(vec![points(&[(400, 7); 600]), points(&[(400, 8); 600])]), Hidden::NONE),
    ];
    for duplicates in BOTH {
        let found = merged_lanes(TimeRange::ALL, &sources, duplicates).unwrap();
        assert_eq!(found, visible_points(&sources, TimeRange::ALL, duplicates));
        assert_eq!(found.len(), 2_001);
        let keeps_last = duplicates == Duplicates::KeepLast;
        assert_eq!(found[400].value, if keeps_last { 8 } else { 4_001 });
        assert_eq!(found[1_200].value, if keeps_last { 12_004 } else { 12_003 });
    }
}

#[test]
fn a_run_handed_on_whole_is_not_copied_to_wait_for_its_twin() {
    let run = |from: i64| points(&(from..from + 500).map(|n| (n, n)).collect::<Vec<_>>());
    for duplicates in BOTH {
        let sources = [Runs::new(vec![run(0), run(500)]), Runs::new(vec![run(1_000)])];
        let lanes = plain(sources.iter().map(|runs| runs.clone().boxed()).collect());
        let mut merge = Merge::new(TimeRange::ALL, lanes, duplicates);
        for expected in [[1, 0], [2, 0], [2, 1]] {
            assert!(merge.advance().unwrap());
            assert_eq!(merge.chunk().timestamps().len(), 500);
            let touched = sources.each_ref().map(|runs| runs.touches().get());
            assert_eq!(touched, expected, "nothing is read ahead that cannot matter");
        }
        assert!(!merge.advance().unwrap());
    }
}

#[test]
fn an_error_met_while_looking_for_a_twin_is_the_last_word() {
    let sources = [Runs::new(vec![points(&[(1, 1); 500])]), Runs::new(vec![points(&[(1, 2)])]).failing_at(0)];
    for duplicates in BOTH {
        let lanes = plain(sources.iter().map(|runs| runs.clone().boxed()).collect());
        let mut merge = Merge::new(TimeRange::ALL, lanes, duplicates);
        let first = merge.advance();
        let failed = if duplicates == Duplicates::KeepLast { first } else { merge.advance() };
        assert!(matches!(failed, Err(Error::Poisoned)), "{failed:?}");
        assert!(!merge.advance().unwrap());
    }
}

#[test]
fn a_source_that_is_hidden_from_its_bound_on_is_not_touched() {
    let hidden = |first, last| Hidden::new(vec![(first, last)]);
    let runs = || Runs::new(vec![points(&[(10, 1), (20, 2)]), points(&[(30, 3)])]);
    let at = Timestamp::from_nanos;
    for (range, of, touched, visible) in [
        (TimeRange::ALL, hidden(10, 30), 0, 0),
        (TimeRange::ALL, hidden(i64::MIN, i64::MAX), 0, 0),
        (TimeRange::new(&(at(15)..=at(25))), hidden(15, 40), 0, 0),
        (TimeRange::new(&(at(15)..=at(25))), hidden(15, 25), 0, 0),
        (TimeRange::ALL, hidden(11, 30), 1, 1),
        (TimeRange::ALL, hidden(10, 29), 2, 1),
    ] {
        let source = runs();
        let found = merged_lanes(range, &[(source.clone(), of.clone())], Duplicates::KeepAll).unwrap();
        assert_eq!((source.touches().get(), found.len()), (touched, visible), "{of:?}");
    }
    // A bound and an end that say too little cost reads, no points.
    let loose = runs().loose_by(1);
    let found = merged_lanes(TimeRange::ALL, &[(loose.clone(), hidden(10, 30))], Duplicates::KeepAll).unwrap();
    assert_eq!((loose.touches().get(), found.len()), (2, 0));
}

#[test]
fn a_run_that_is_known_to_be_hidden_is_passed_over_unread() {
    let block = |from: i64| points(&(from..from + 300).map(|n| (n, n)).collect::<Vec<_>>());
    let source = Runs::new(vec![block(0), block(300), block(600), block(900)]).foreseeing(true);
    let lanes = [(source.clone(), Hidden::new(vec![(300, 1_100)]))];
    let found = merged_lanes(TimeRange::ALL, &lanes, Duplicates::KeepAll).unwrap();
    assert_eq!(found, visible_points(&lanes, TimeRange::ALL, Duplicates::KeepAll));
    assert_eq!((found.len(), source.touches().get()), (399, 2), "two runs are read");
}

#[test]
fn a_hidden_end_of_a_lane_does_not_hide_what_comes_after() {
    // The bound waits behind the hidden range, so that the other lane goes first.
    let late = Runs::new(vec![points(&[(0, 1), (1, 2)]), points(&[(50, 3)])]);
    let other = Runs::new(vec![points(&[(20, 4)])]);
    let lanes = [(late.clone(), Hidden::new(vec![(0, 30)])), (other, Hidden::NONE)];
    let mut merge = Merge::new(
        TimeRange::ALL,
        lanes.iter().map(|(runs, hidden)| (runs.clone().boxed(), hidden.clone())).collect(),
        Duplicates::KeepAll,
    );
    assert_eq!(merge.next().unwrap().unwrap().value, 4);
    assert_eq!(merge.next().unwrap().unwrap().value, 3);
    assert!(merge.next().is_none());
}
