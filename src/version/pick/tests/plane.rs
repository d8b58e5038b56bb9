//! Regions tile the plane, and the base's check sees every overlap.

use proptest::prelude::*;

use super::*;
use crate::version::LAST_TIER;
use crate::version::pick::cut::{Cut, area, gap};

fn side<T: Copy + Ord + std::fmt::Debug>(of: impl Strategy<Value = T> + Clone) -> impl Strategy<Value = (T, T)> {
    (of.clone(), of).prop_map(|(one, other)| (one.min(other), one.max(other)))
}

fn any_rectangle() -> impl Strategy<Value = Rectangle> {
    let series = prop_oneof![4 => 0..64_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)];
    let times = prop_oneof![4 => 0..1_000_i64, 1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    (side(series), side(times)).prop_map(|(series, times)| rectangle(series, times))
}

fn fragments() -> impl Strategy<Value = Vec<Fragment>> {
    let amount = prop_oneof![Just(0), 1..100_u64, MIB..40 * MIB, 200 * MIB..4_096 * MIB, Just(u64::MAX)];
    let fragment = (any_rectangle(), amount.clone(), amount).prop_map(|(rectangle, points, bytes)| Fragment {
        rectangle,
        points,
        bytes,
    });
    prop::collection::vec(fragment, 0..40)
}

/// Disjoint, and together as large as everything.
fn tile(regions: &[Region]) -> bool {
    let apart =
        regions.iter().enumerate().all(|(at, one)| !regions[..at].iter().any(|other| other.area.overlaps(&one.area)));
    let whole = regions.iter().map(|region| area(&region.area)).sum::<u128>();
    apart && whole == area(&DyadicBox::ALL.rectangle())
}

proptest! {
    #[test]
    fn regions_tile_the_plane_whatever_the_estimates_say(
        fragments in fragments(),
        newest in prop::option::of(prop_oneof![0..1_000_i64, any::<i64>(), Just(i64::MAX)]),
        output in 0..3_u8,
    ) {
        let space = DyadicBox::ALL;
        let output = match output {
            0 => Output::Base,
            1 => Output::Tier { level: 2, space },
            _ => Output::InPlace { level: LAST_TIER, age: 1, space },
        };
        let cut = regions(&Plan { inputs: Vec::new(), output }, &fragments);
        prop_assert!(tile(&cut) && cut.len() <= LIMITS.most_regions, "{cut:?}");
        let cut = flush_regions(&fragments, newest);
        prop_assert!(tile(&cut) && cut.len() <= LIMITS.most_regions, "{cut:?}");
        // What the estimates name lies in its file's space.
        for region in &cut {
            let inside = fragments.iter().filter(|one| region.area.contains(&one.rectangle));
            for one in inside {
                prop_assert!(region.space.rectangle().contains(&one.rectangle), "{region:?} {one:?}");
            }
        }
    }

    #[test]
    fn a_gap_cuts_nothing_and_halves_the_area(rectangles in prop::collection::vec(any_rectangle(), 0..12)) {
        let sized: Vec<_> = rectangles.iter().map(|one| (*one, 1)).collect();
        if let Some(cut) = gap(&sized, 1) {
            let mut sides = [Vec::new(), Vec::new()];
            for one in &rectangles {
                match cut.sides(one) {
                    [Some(lower), None] => sides[0].push(lower),
                    [None, Some(upper)] => sides[1].push(upper),
                    _ => prop_assert!(false, "{cut:?} cuts {one:?}"),
                }
            }
            let [lower, upper] = sides.map(bounds);
            let left = area(&lower.unwrap()) + area(&upper.unwrap());
            prop_assert!(2 * left <= area(&bounds(rectangles).unwrap()));
        }
    }

    #[test]
    fn the_sweep_finds_the_overlaps_that_every_pair_shows(rectangles in prop::collection::vec(any_rectangle(), 0..8)) {
        let files: Vec<_> = (0..).zip(&rectangles).map(|(id, one)| file(id, BASE, *one, 1)).collect();
        let pairs = rectangles.iter().enumerate().any(|(at, one)| rectangles[..at].iter().any(|other| other.overlaps(one)));
        prop_assert_eq!(broken_base(&files), pairs);
    }
}

#[test]
fn the_ends_of_the_plane_can_be_cut_at() {
    let all = DyadicBox::ALL.rectangle();
    assert_eq!(Cut::AfterTime(i64::MAX).sides(&all), [Some(all), None]);
    assert_eq!(Cut::AfterSeries(SeriesId::new(u32::MAX)).sides(&all), [Some(all), None]);
    let [lower, upper] = Cut::AfterTime(i64::MIN).sides(&all);
    assert_eq!((lower.map(|one| one.last_time), upper.map(|one| one.first_time)), (Some(i64::MIN), Some(i64::MIN + 1)));
}

#[test]
fn the_base_is_cut_by_series_until_their_blocks_would_suffer() {
    let fragment = |series, points| Fragment { rectangle: rectangle(series, (0, 1_000_000)), points, bytes: points };
    let plan = Plan { inputs: Vec::new(), output: Output::Base };
    let thin = regions(&plan, &[fragment((0, 99_999), 200 * MIB)]);
    assert_eq!(thin.len(), 4);
    assert!(thin.iter().all(|region| region.area.first_time == i64::MIN && region.area.last_time == i64::MAX));
    let dense = regions(&plan, &[fragment((0, 99), 200 * MIB)]);
    assert_eq!(dense.len(), 4);
    assert!(dense.iter().all(|region| region.area.last_series.get() == u32::MAX), "{dense:?}");
}

#[test]
fn a_late_point_does_not_widen_the_file_of_the_others() {
    let fragment = |times, bytes| Fragment { rectangle: rectangle((0, 999), times), points: bytes, bytes };
    let cut = flush_regions(&[fragment((1_000, 2_000), MIB), fragment((3, 3), 1)], Some(999));
    let ends: Vec<_> = cut.iter().map(|region| region.area.last_time).collect();
    assert!(ends.len() == 2 && ends.contains(&999) && ends.contains(&i64::MAX), "{cut:?}");
    assert!(cut.iter().all(|region| region.space == DyadicBox::ALL), "a cut through a gap narrows nothing");
}
