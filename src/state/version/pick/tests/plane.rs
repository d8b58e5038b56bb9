//! Regions tile the plane, and the check of the base finds every overlap.

use proptest::prelude::*;

use super::*;
use crate::state::version::LAST_TIER;
use crate::state::version::pick::split_line::{SplitLine, area, best_gap_split, bounding_rectangle};

fn side<T: Copy + Ord + std::fmt::Debug>(of: impl Strategy<Value = T> + Clone) -> impl Strategy<Value = (T, T)> {
    (of.clone(), of).prop_map(|(one, other)| (one.min(other), one.max(other)))
}

fn any_rectangle() -> impl Strategy<Value = Rectangle> {
    let series = prop_oneof![4 => 0..64_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)];
    let times = prop_oneof![4 => 0..1_000_i64, 1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    (side(series), side(times)).prop_map(|(series, times)| rectangle(series, times))
}

fn estimates() -> impl Strategy<Value = Vec<SizeEstimate>> {
    let amount = prop_oneof![Just(0), 1..100_u64, MIB..40 * MIB, 200 * MIB..4_096 * MIB, Just(u64::MAX)];
    let estimate = (any_rectangle(), amount.clone(), amount).prop_map(|(rectangle, points, bytes)| SizeEstimate {
        rectangle,
        points,
        bytes,
    });
    prop::collection::vec(estimate, 0..40)
}

/// Returns `true` if the regions are disjoint and together as large as the plane.
fn tile_the_plane(regions: &[OutputRegion]) -> bool {
    let disjoint = regions
        .iter()
        .enumerate()
        .all(|(at, one)| !regions[..at].iter().any(|other| other.bounds.overlaps(&one.bounds)));
    let whole = regions.iter().map(|region| area(&region.bounds)).sum::<u128>();
    disjoint && whole == area(&DyadicBox::ALL.rectangle())
}

proptest! {
    #[test]
    fn regions_tile_the_plane_whatever_the_estimates_say(
        estimates in estimates(),
        newest in prop::option::of(prop_oneof![0..1_000_i64, any::<i64>(), Just(i64::MAX)]),
        output in 0..3_u8,
    ) {
        let partition = DyadicBox::ALL;
        let output = match output {
            0 => CompactionTarget::Base,
            1 => CompactionTarget::Tier { level: 2, partition },
            _ => CompactionTarget::InPlace { level: LAST_TIER, generation: 1, partition },
        };
        let regions = compaction_regions(&CompactionPlan { inputs: Vec::new(), output }, &estimates);
        prop_assert!(tile_the_plane(&regions) && regions.len() <= PICKER_LIMITS.max_regions, "{regions:?}");
        let regions = flush_regions(&estimates, newest);
        prop_assert!(tile_the_plane(&regions) && regions.len() <= PICKER_LIMITS.max_regions, "{regions:?}");
        // The estimates inside a region lie in its partition.
        for region in &regions {
            let inside = estimates.iter().filter(|one| region.bounds.covers(&one.rectangle));
            for one in inside {
                prop_assert!(region.partition.rectangle().covers(&one.rectangle), "{region:?} {one:?}");
            }
        }
    }

    #[test]
    fn a_gap_split_crosses_no_rectangle_and_halves_the_area(
        rectangles in prop::collection::vec(any_rectangle(), 0..12),
    ) {
        let sized: Vec<_> = rectangles.iter().map(|one| (*one, 1)).collect();
        if let Some(line) = best_gap_split(&sized, 1) {
            let mut sides = [Vec::new(), Vec::new()];
            for one in &rectangles {
                match line.sides(one) {
                    [Some(lower), None] => sides[0].push(lower),
                    [None, Some(upper)] => sides[1].push(upper),
                    _ => prop_assert!(false, "{line:?} crosses {one:?}"),
                }
            }
            let [lower, upper] = sides.map(bounding_rectangle);
            let left = area(&lower.unwrap()) + area(&upper.unwrap());
            prop_assert!(2 * left <= area(&bounding_rectangle(rectangles).unwrap()));
        }
    }

    #[test]
    fn the_sweep_finds_the_same_overlaps_as_a_test_of_every_pair(
        rectangles in prop::collection::vec(any_rectangle(), 0..8),
    ) {
        let files: Vec<_> = (0..).zip(&rectangles).map(|(id, one)| file(id, BASE, *one, 1)).collect();
        let overlaps_earlier =
            |(at, one): (usize, &Rectangle)| rectangles[..at].iter().any(|other| other.overlaps(one));
        let pairs = rectangles.iter().enumerate().any(overlaps_earlier);
        prop_assert_eq!(base_files_overlap(files.iter()), pairs);
    }
}

#[test]
fn the_plane_can_be_split_at_its_ends() {
    let all = DyadicBox::ALL.rectangle();
    assert_eq!(SplitLine::AfterTime(i64::MAX).sides(&all), [Some(all), None]);
    assert_eq!(SplitLine::AfterSeries(SeriesId::new(u32::MAX)).sides(&all), [Some(all), None]);
    let [lower, upper] = SplitLine::AfterTime(i64::MIN).sides(&all);
    let ends = (lower.map(|one| one.times.last()), upper.map(|one| one.times.first()));
    assert_eq!(ends, (Some(i64::MIN), Some(i64::MIN + 1)));
}

#[test]
fn the_base_is_split_by_series_until_blocks_would_become_small() {
    let estimate =
        |series, points| SizeEstimate { rectangle: rectangle(series, (0, 1_000_000)), points, bytes: points };
    let plan = CompactionPlan { inputs: Vec::new(), output: CompactionTarget::Base };
    let thin = compaction_regions(&plan, &[estimate((0, 99_999), 200 * MIB)]);
    assert_eq!(thin.len(), 4);
    assert!(thin.iter().all(|region| region.bounds.times == TimeRange::ALL));
    let dense = compaction_regions(&plan, &[estimate((0, 99), 200 * MIB)]);
    assert_eq!(dense.len(), 4);
    assert!(dense.iter().all(|region| region.bounds.last_series.get() == u32::MAX), "{dense:?}");
}

#[test]
fn a_late_point_does_not_widen_the_file_of_the_other_points() {
    let estimate = |times, bytes| SizeEstimate { rectangle: rectangle((0, 999), times), points: bytes, bytes };
    let regions = flush_regions(&[estimate((1_000, 2_000), MIB), estimate((3, 3), 1)], Some(999));
    let ends: Vec<_> = regions.iter().map(|region| region.bounds.times.last()).collect();
    assert!(ends.len() == 2 && ends.contains(&999) && ends.contains(&i64::MAX), "{regions:?}");
    assert!(regions.iter().all(|region| region.partition == DyadicBox::ALL), "a gap split narrows no partition");
}

#[test]
fn points_that_are_hardly_late_stay_with_the_other_points() {
    let border = |first, last| late_border(TimeRange::new(first, last), Some(999));
    assert_eq!(border(999, 1_000), None);
    assert_eq!(border(899, 2_499), None);
    assert_eq!(border(899, 2_498), Some(999));
    assert_eq!(border(990, 995), Some(999));
    assert_eq!(border(1_000, 1_000), None);
    assert_eq!(late_border(TimeRange::ALL, Some(i64::MAX)), Some(i64::MAX));
    // A point of the year 2200 beside live points does not hide that a day is late.
    let (now, day) = (1_700_000_000_000_000_000, 86_400_000_000_000);
    let far_ahead = 7_258_118_400_000_000_000;
    assert_eq!(late_border(TimeRange::new(now - day, far_ahead), Some(now)), Some(now));
    assert_eq!(late_border(TimeRange::new(now - day / 48, far_ahead), Some(now)), None);
    assert_eq!(late_border(TimeRange::ALL, None), None);
    let estimate = |times| SizeEstimate { rectangle: rectangle((0, 999), times), points: MIB, bytes: MIB };
    assert_eq!(flush_regions(&[estimate((999, 999)), estimate((1_009, 2_000))], Some(999)).len(), 1);
}
