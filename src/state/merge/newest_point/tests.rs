//! Compares the newest point with the last of all points, and checks which sources are read.

use super::*;
use crate::state::merge::PointSource;
use crate::testing::merge::{DefaultMethodsSource, VecSource, hiddens, plain, points, policies, runs, visible_points};
use crate::types::point::Timestamp;
use crate::types::time_range::TimeRange;
use proptest::prelude::*;

/// Returns the newest point, and how often each source was read for it.
fn newest_and_reads(sources: &[VecSource<i64>]) -> (Option<Point<i64>>, Vec<usize>) {
    let boxed = plain(sources.iter().map(|runs| runs.clone().boxed()).collect());
    let found = newest_point(boxed, DuplicatePolicy::KeepAll).unwrap();
    (found, sources.iter().map(|runs| runs.reads().get()).collect())
}

#[test]
fn the_newest_point_has_the_greatest_time_and_arrived_last() {
    let (found, reads) = newest_and_reads(&[
        VecSource::new(vec![points(&[(1, 1), (9, 2)])]),
        VecSource::new(vec![points(&[(3, 3)]), points(&[(9, 4), (9, 5)])]),
        VecSource::new(vec![points(&[(8, 6)])]),
    ]);
    assert_eq!(found.map(|point| point.value), Some(5));
    assert_eq!(reads, [0, 1, 0], "older and earlier sources are not read");
}

#[test]
fn a_loose_upper_bound_does_not_hide_a_newer_point_elsewhere() {
    let (found, reads) = newest_and_reads(&[
        VecSource::new(vec![points(&[(7, 1)])]),
        VecSource::new(vec![points(&[(2, 2)])]).loose_by(100),
        VecSource::new(vec![points(&[(7, 3)])]).loose_by(1),
        VecSource::new(vec![]),
    ]);
    assert_eq!(found.map(|point| point.value), Some(3));
    assert_eq!(reads, [0, 1, 1, 0]);
    let (found, reads) = newest_and_reads(&[
        VecSource::new(vec![points(&[(7, 1)])]).loose_by(5),
        VecSource::new(vec![points(&[(7, 2)])]),
    ]);
    assert_eq!((found.map(|point| point.value), reads), (Some(2), vec![1, 1]), "the newer of equal times");
    let (found, _) = newest_and_reads(&[
        VecSource::new(vec![points(&[(7, 1)])]),
        VecSource::new(vec![points(&[(7, 2)])]).loose_by(5),
    ]);
    assert_eq!(found.map(|point| point.value), Some(2));
    assert_eq!(newest_and_reads(&[]).0, None);
    assert_eq!(newest_and_reads(&[VecSource::new(vec![])]).0, None);
}

/// Source without points; counts the sources that were searched and are not yet dropped.
/// The flag is `true` once this source was searched.
struct EmptySource(std::sync::Arc<std::sync::atomic::AtomicUsize>, bool);

impl PointSource<i64> for EmptySource {
    fn lower_bound(&self) -> Option<i64> {
        Some(0)
    }

    fn read_run(&mut self, _: &mut Vec<Timestamp>, _: &mut Vec<i64>) -> Result<bool> {
        Ok(false)
    }

    fn upper_bound(&self) -> Option<i64> {
        Some(9)
    }

    fn newest_point(&mut self, _: &HiddenRanges, _: DuplicatePolicy) -> Result<Option<Point<i64>>> {
        self.1 = true;
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(before, 0, "one source at a time has its file open");
        Ok(None)
    }
}

impl Drop for EmptySource {
    fn drop(&mut self) {
        if self.1 {
            self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[test]
fn a_source_without_a_point_is_dropped_before_the_next_is_read() {
    let asked = std::sync::Arc::default();
    let source = |_| -> BoxPointSource<i64> { Box::new(EmptySource(std::sync::Arc::clone(&asked), false)) };
    assert_eq!(newest_point(plain((0..3).map(source).collect()), DuplicatePolicy::KeepAll).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_newest_point_is_the_last_one_of_the_merge(
        lanes in prop::collection::vec((runs(), hiddens(), any::<bool>()), 0..6),
        duplicates in policies(),
    ) {
        let of_kind = |(runs, hidden, only): &(VecSource<i64>, HiddenRanges, bool)| {
            let source: BoxPointSource<i64> =
                if *only { Box::new(DefaultMethodsSource(runs.clone())) } else { runs.clone().boxed() };
            (source, hidden.clone())
        };
        let found = newest_point(lanes.iter().map(of_kind).collect(), duplicates).unwrap();
        let lanes: Vec<_> = lanes.iter().map(|(runs, hidden, _)| (runs.clone(), hidden.clone())).collect();
        prop_assert_eq!(found, visible_points(&lanes, TimeRange::ALL, duplicates).last().copied());
    }
}

#[test]
fn the_first_arrival_is_searched_only_in_older_sources_with_the_same_upper_bound() {
    let runs = |pairs: &[(i64, i64)]| VecSource::new(vec![points(pairs)]);
    let sources = [runs(&[(9, 1)]), runs(&[(10, 2), (10, 3)]), runs(&[(10, 4)])];
    let lanes = || plain(sources.iter().map(|runs| runs.clone().boxed()).collect());
    let found = newest_point(lanes(), DuplicatePolicy::KeepFirst).unwrap();
    assert_eq!(found.map(|point| point.value), Some(2));
    assert_eq!(sources.each_ref().map(|runs| runs.reads().get()), [0, 1, 0]);
    let found = newest_point(lanes(), DuplicatePolicy::KeepLast).unwrap();
    assert_eq!(found.map(|point| point.value), Some(4));
    assert_eq!(sources.each_ref().map(|runs| runs.reads().get()), [0, 1, 1]);
}

#[test]
fn a_source_whose_end_is_hidden_is_read_at_its_visible_end_or_never() {
    let runs = |pairs: &[(i64, i64)]| VecSource::new(vec![points(pairs)]);
    let (hidden_source, cut_source, visible_source) =
        (runs(&[(5, 1), (30, 2)]), runs(&[(6, 3), (40, 4)]), runs(&[(7, 5)]));
    let hidden = |first, last| HiddenRanges::new(vec![TimeRange::new(first, last)]);
    let lanes = vec![
        (hidden_source.clone().boxed(), hidden(5, 30)),
        (cut_source.clone().boxed(), hidden(7, 40)),
        (visible_source.clone().boxed(), HiddenRanges::NONE),
    ];
    assert_eq!(newest_point(lanes, DuplicatePolicy::KeepLast).unwrap().map(|point| point.value), Some(5));
    assert_eq!([hidden_source, cut_source, visible_source].map(|runs| runs.reads().get()), [0, 0, 1]);
}
