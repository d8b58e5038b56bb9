//! What went wrong with rules that were tried before these: each must stay mended.

use super::*;
use crate::version::LAST_TIER;

const HOUR: i64 = 3_600_000_000_000;

/// The same series hour after hour.
fn hours(level: u8, ids: std::ops::Range<u64>, len: u64) -> Vec<Arc<SstMeta>> {
    let start = |id: u64| i64::try_from(id).unwrap() * HOUR;
    ids.map(|id| file(id, level, rectangle((0, 99), (start(id), start(id) + HOUR - 1)), len)).collect()
}

#[test]
fn small_files_that_overlap_nothing_are_merged_not_moved() {
    let files = hours(L0, 1..17, 4_096);
    let plan = pick(&files, &idle()).unwrap();
    assert_eq!(ids(&plan), (1..17).collect::<Vec<_>>());
    assert_eq!(plan.output, Output::Tier { level: 1, space: DyadicBox::ALL });
    assert_eq!(pick(&files[..15], &idle()), None);
    assert_eq!(pick(&hours(1, 1..9, 4_096), &idle()).map(|plan| plan.output.level()), Some(2));
}

#[test]
fn a_full_first_tier_keeps_nothing_in_l0() {
    let mut files = hours(L0, 1_001..1_017, MIB);
    let everywhere = rectangle((0, 999), (0, 2_000 * HOUR));
    files.extend((1..60).map(|id| file(id, 1, everywhere, 16 * MIB)));
    let plan = pick(&files, &idle()).unwrap();
    assert_eq!((plan.inputs.len(), plan.output.level()), (16, 1));
}

#[test]
fn files_too_large_for_the_count_are_due_by_their_bytes() {
    let wide = |id| file(id, 3, rectangle((0, 9), (0, HOUR)), 60 * MIB);
    let files: Vec<_> = (1..6).map(wide).collect();
    let plan = pick(&files, &idle()).unwrap();
    assert_eq!((ids(&plan), plan.output), (vec![1, 2, 3, 4], Output::Base));
    let huge: Vec<_> = (1..9).map(|id| file(id, 3, rectangle((0, 9), (0, HOUR)), 1_024 * MIB)).collect();
    assert_eq!(pick(&huge, &idle()).map(|plan| ids(&plan)), Some(vec![1]));
}

#[test]
fn live_data_and_a_backfill_are_planned_apart() {
    let mut files = hours(L0, 10_001..10_017, MIB);
    files.extend((1..16).map(|id| file(id, L0, rectangle((5_000, 5_009), (0, 100 * HOUR)), MIB)));
    let plan = pick(&files, &idle()).unwrap();
    assert_eq!(ids(&plan), (10_001..10_017).collect::<Vec<_>>());
    assert_eq!(plan.output, Output::Base);
}

#[test]
fn scattered_files_none_of_which_meet_enough_others_go_down_together() {
    // Gaps at every scale: straight cuts leave two files a cluster.
    let start = |id: u64| (0..7).map(|bit| i64::try_from(id >> bit & 1).unwrap() << (3 * bit)).sum::<i64>() * HOUR;
    let scattered = |count: u64| {
        let one = |id| file(id, L0, rectangle((0, 9), (start(id), start(id) + HOUR - 1)), MIB);
        (0..count).map(one).collect::<Vec<_>>()
    };
    let plan = pick(&scattered(80), &idle()).unwrap();
    assert_eq!((plan.inputs.len(), plan.output.level()), (64, 1));
    assert_eq!(pick(&scattered(63), &idle()), None);
}

#[test]
fn a_merge_that_stays_on_its_level_halves_its_files_or_is_none() {
    let last = |count: u64, len| {
        let everywhere = rectangle((0, 9), (0, HOUR));
        let mut files: Vec<_> = (101..101 + count).map(|id| file(id, LAST_TIER, everywhere, len)).collect();
        // A base that is too dear to rewrite.
        files.extend((1..8).map(|id| {
            let start = i64::try_from(id).unwrap();
            file(id, BASE, rectangle((0, 9), (start, start)), 60 * MIB)
        }));
        files
    };
    assert_eq!(pick(&last(8, 64 * MIB), &idle()), None);
    let plan = pick(&last(8, 16 * MIB), &idle()).unwrap();
    assert_eq!(plan.output, Output::InPlace { level: LAST_TIER, age: 108, space: DyadicBox::ALL });
    assert_eq!(ids(&plan), (101..109).collect::<Vec<_>>());
}

#[test]
fn spaces_that_cross_are_one_group_and_keep_their_order() {
    let [low_series, _] = DyadicBox::ALL.halves_by_series().unwrap();
    let [_, late] = DyadicBox::ALL.halves_by_time().unwrap();
    let mut files: Vec<_> = (1..10)
        .map(|id| {
            let mut meta = SstMeta::clone(&file(id, 1, rectangle((0, 9), (id.cast_signed(), HOUR)), MIB));
            meta.space = if id == 1 { late } else { low_series };
            Arc::new(meta)
        })
        .collect();
    assert_eq!(pick(&files, &idle()).map(|plan| (ids(&plan), plan.output)).unwrap().0, (1..10).collect::<Vec<_>>());
    // The oldest alone is of another space, and busy: nobody may pass it.
    assert_eq!(pick(&files, &BTreeSet::from([FileId::new(1)])), None);
    files.remove(0);
    assert!(pick(&files, &idle()).is_some());
}

#[test]
fn a_busy_file_that_would_have_to_come_along_is_waited_for() {
    let mut files = hours(L0, 101..117, 2 * MIB);
    files.extend(
        hours(2, 105..106, MIB).iter().map(|file| Arc::new(SstMeta { id: FileId::new(1), ..SstMeta::clone(file) })),
    );
    let plan = pick(&files, &idle()).unwrap();
    assert_eq!((plan.inputs.len(), plan.inputs[0].id.get(), plan.output), (17, 1, Output::Base));
    assert_eq!(pick(&files, &BTreeSet::from([FileId::new(1)])), None);
}
