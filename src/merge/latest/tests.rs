//! The newest point against the last one of everything; and which sources are touched for it.

use super::*;
use crate::merge::testing::{OnlyRuns, Runs, hiddens, plain, points, policies, runs, visible_points};
use crate::merge::{Source, TimeRange};
use crate::point::Timestamp;
use proptest::prelude::*;

fn latest_and_touched(sources: &[Runs<i64>]) -> (Option<Point<i64>>, Vec<usize>) {
    let found = latest(plain(sources.iter().map(|runs| runs.clone().boxed()).collect()), Duplicates::KeepAll).unwrap();
    (found, sources.iter().map(|runs| runs.touches().get()).collect())
}

#[test]
fn the_latest_point_is_the_greatest_time_and_then_the_last_arrival() {
    let (found, touched) = latest_and_touched(&[
        Runs::new(vec![points(&[(1, 1), (9, 2)])]),
        Runs::new(vec![points(&[(3, 3)]), points(&[(9, 4), (9, 5)])]),
        Runs::new(vec![points(&[(8, 6)])]),
    ]);
    assert_eq!(found.map(|point| point.value), Some(5));
    assert_eq!(touched, [0, 1, 0], "older and earlier sources are not touched");
}

#[test]
fn a_loose_end_does_not_hide_a_later_point_elsewhere() {
    let (found, touched) = latest_and_touched(&[
        Runs::new(vec![points(&[(7, 1)])]),
        Runs::new(vec![points(&[(2, 2)])]).loose_by(100),
        Runs::new(vec![points(&[(7, 3)])]).loose_by(1),
        Runs::new(vec![]),
    ]);
    assert_eq!(found.map(|point| point.value), Some(3));
    assert_eq!(touched, [0, 1, 1, 0]);
    let (found, touched) =
        latest_and_touched(&[Runs::new(vec![points(&[(7, 1)])]).loose_by(5), Runs::new(vec![points(&[(7, 2)])])]);
    assert_eq!((found.map(|point| point.value), touched), (Some(2), vec![1, 1]), "the newer of equal times");
    let (found, _) =
        latest_and_touched(&[Runs::new(vec![points(&[(7, 1)])]), Runs::new(vec![points(&[(7, 2)])]).loose_by(5)]);
    assert_eq!(found.map(|point| point.value), Some(2));
    assert_eq!(latest_and_touched(&[]).0, None);
    assert_eq!(latest_and_touched(&[Runs::new(vec![])]).0, None);
}

/// Without a point, and counting how many of its kind were asked and are still there.
struct Empty(std::sync::Arc<std::sync::atomic::AtomicUsize>, bool);

impl Source<i64> for Empty {
    fn bound(&self) -> Option<i64> {
        Some(0)
    }

    fn fill(&mut self, _: &mut Vec<Timestamp>, _: &mut Vec<i64>) -> Result<bool> {
        Ok(false)
    }

    fn end(&self) -> Option<i64> {
        Some(9)
    }

    fn last(&mut self, _: &Hidden, _: Duplicates) -> Result<Option<Point<i64>>> {
        self.1 = true;
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(before, 0, "one source at a time holds its file");
        Ok(None)
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        if self.1 {
            self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[test]
fn a_source_without_a_point_is_let_go_before_the_next_is_asked() {
    let asked = std::sync::Arc::default();
    let source = |_| -> BoxSource<i64> { Box::new(Empty(std::sync::Arc::clone(&asked), false)) };
    assert_eq!(latest(plain((0..3).map(source).collect()), Duplicates::KeepAll).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_latest_point_is_the_last_one_of_the_merge(
        lanes in prop::collection::vec((runs(), hiddens(), any::<bool>()), 0..6),
        duplicates in policies(),
    ) {
        let of_kind = |(runs, hidden, only): &(Runs<i64>, Hidden, bool)| {
            let source: BoxSource<i64> = if *only { Box::new(OnlyRuns(runs.clone())) } else { runs.clone().boxed() };
            (source, hidden.clone())
        };
        let found = latest(lanes.iter().map(of_kind).collect(), duplicates).unwrap();
        let lanes: Vec<_> = lanes.iter().map(|(runs, hidden, _)| (runs.clone(), hidden.clone())).collect();
        prop_assert_eq!(found, visible_points(&lanes, TimeRange::ALL, duplicates).last().copied());
    }
}

#[test]
fn the_first_arrival_is_looked_for_in_older_sources_of_the_same_end_only() {
    let runs = |pairs: &[(i64, i64)]| Runs::new(vec![points(pairs)]);
    let sources = [runs(&[(9, 1)]), runs(&[(10, 2), (10, 3)]), runs(&[(10, 4)])];
    let lanes = || plain(sources.iter().map(|runs| runs.clone().boxed()).collect());
    let found = latest(lanes(), Duplicates::KeepFirst).unwrap();
    assert_eq!(found.map(|point| point.value), Some(2));
    assert_eq!(sources.each_ref().map(|runs| runs.touches().get()), [0, 1, 0]);
    let found = latest(lanes(), Duplicates::KeepLast).unwrap();
    assert_eq!(found.map(|point| point.value), Some(4));
    assert_eq!(sources.each_ref().map(|runs| runs.touches().get()), [0, 1, 1]);
}

#[test]
fn a_source_hidden_up_to_its_end_is_asked_in_its_new_place_or_never() {
    let runs = |pairs: &[(i64, i64)]| Runs::new(vec![points(pairs)]);
    let (gone, cut, whole) = (runs(&[(5, 1), (30, 2)]), runs(&[(6, 3), (40, 4)]), runs(&[(7, 5)]));
    let hidden = |first, last| Hidden::new(vec![(first, last)]);
    let lanes = vec![
        (gone.clone().boxed(), hidden(5, 30)),
        (cut.clone().boxed(), hidden(7, 40)),
        (whole.clone().boxed(), Hidden::NONE),
    ];
    assert_eq!(latest(lanes, Duplicates::KeepLast).unwrap().map(|point| point.value), Some(5));
    assert_eq!([gone, cut, whole].map(|runs| runs.touches().get()), [0, 0, 1]);
}
