//! Regression tests: mistakes of earlier versions of the rules.

use super::*;
use crate::state::version::LAST_TIER;

const HOUR: i64 = 3_600_000_000_000;

/// Files of the same series, one per hour.
fn hours(level: u8, ids: std::ops::Range<u64>, len: u64) -> Vec<Arc<SstMeta>> {
    let start = |id: u64| i64::try_from(id).unwrap() * HOUR;
    ids.map(|id| file(id, level, rectangle((0, 99), (start(id), start(id) + HOUR - 1)), len)).collect()
}

#[test]
fn small_files_that_overlap_nothing_are_merged_not_moved() {
    let files = hours(L0, 1..17, 4_096);
    let plan = pick_compaction(&files, &idle()).unwrap();
    assert_eq!(ids(&plan), (1..17).collect::<Vec<_>>());
    assert_eq!(plan.output, CompactionTarget::Tier { level: 1, partition: DyadicBox::ALL });
    assert_eq!(pick_compaction(&files[..15], &idle()), None);
    assert_eq!(pick_compaction(&hours(1, 1..9, 4_096), &idle()).map(|plan| plan.output.level()), Some(2));
}

#[test]
fn a_full_first_tier_keeps_nothing_in_l0() {
    let mut files = hours(L0, 1_001..1_017, MIB);
    let everywhere = rectangle((0, 999), (0, 2_000 * HOUR));
    files.extend((1..60).map(|id| file(id, 1, everywhere, 16 * MIB)));
    let plan = pick_compaction(&files, &idle()).unwrap();
    assert_eq!((plan.inputs.len(), plan.output.level()), (16, 1));
}

#[test]
fn a_few_large_files_are_due_by_their_bytes() {
    let wide = |id| file(id, 3, rectangle((0, 9), (0, HOUR)), 60 * MIB);
    let files: Vec<_> = (1..6).map(wide).collect();
    let plan = pick_compaction(&files, &idle()).unwrap();
    assert_eq!((ids(&plan), plan.output), (vec![1, 2, 3, 4], CompactionTarget::Base));
    let huge: Vec<_> = (1..9).map(|id| file(id, 3, rectangle((0, 9), (0, HOUR)), 1_024 * MIB)).collect();
    assert_eq!(pick_compaction(&huge, &idle()).map(|plan| ids(&plan)), Some(vec![1]));
}

#[test]
fn live_data_and_a_backfill_are_planned_separately() {
    let mut files = hours(L0, 10_001..10_017, MIB);
    files.extend((1..16).map(|id| file(id, L0, rectangle((5_000, 5_009), (0, 100 * HOUR)), MIB)));
    let plan = pick_compaction(&files, &idle()).unwrap();
    assert_eq!(ids(&plan), (10_001..10_017).collect::<Vec<_>>());
    assert_eq!(plan.output, CompactionTarget::Base);
}

#[test]
fn scattered_files_without_a_due_cluster_move_down_together() {
    // Gaps at every scale: straight lines leave two files per cluster.
    let start = |id: u64| (0..7).map(|bit| i64::try_from(id >> bit & 1).unwrap() << (3 * bit)).sum::<i64>() * HOUR;
    let scattered = |count: u64| {
        let one = |id| file(id, L0, rectangle((0, 9), (start(id), start(id) + HOUR - 1)), MIB);
        (0..count).map(one).collect::<Vec<_>>()
    };
    let plan = pick_compaction(&scattered(80), &idle()).unwrap();
    assert_eq!((plan.inputs.len(), plan.output.level()), (64, 1));
    assert_eq!(pick_compaction(&scattered(63), &idle()), None);
}

#[test]
fn a_merge_in_place_halves_the_number_of_files_or_is_not_planned() {
    let last = |count: u64, len| {
        let everywhere = rectangle((0, 9), (0, HOUR));
        let mut files: Vec<_> = (101..101 + count).map(|id| file(id, LAST_TIER, everywhere, len)).collect();
        // A base that is too expensive to rewrite.
        files.extend((1..8).map(|id| {
            let start = i64::try_from(id).unwrap();
            file(id, BASE, rectangle((0, 9), (start, start)), 60 * MIB)
        }));
        files
    };
    assert_eq!(pick_compaction(&last(8, 64 * MIB), &idle()), None);
    let plan = pick_compaction(&last(8, 16 * MIB), &idle()).unwrap();
    assert_eq!(plan.output, CompactionTarget::InPlace { level: LAST_TIER, generation: 108, partition: DyadicBox::ALL });
    assert_eq!(ids(&plan), (101..109).collect::<Vec<_>>());
}

#[test]
fn partitions_that_cross_form_one_group_and_keep_their_order() {
    let [low_series, _] = DyadicBox::ALL.halves_by_series().unwrap();
    let [_, late] = DyadicBox::ALL.halves_by_time().unwrap();
    let mut files: Vec<_> = (1..10)
        .map(|id| {
            let mut meta = SstMeta::clone(&file(id, 1, rectangle((0, 9), (id.cast_signed(), HOUR)), MIB));
            meta.partition = if id == 1 { late } else { low_series };
            Arc::new(meta)
        })
        .collect();
    assert_eq!(
        pick_compaction(&files, &idle()).map(|plan| (ids(&plan), plan.output)).unwrap().0,
        (1..10).collect::<Vec<_>>()
    );
    // Only the oldest file has another partition, and a running compaction reads it: no file may overtake it.
    assert_eq!(pick_compaction(&files, &BTreeSet::from([FileId::new(1)])), None);
    files.remove(0);
    assert!(pick_compaction(&files, &idle()).is_some());
}

#[test]
fn a_plan_waits_for_a_running_file_that_would_have_to_be_included() {
    let mut files = hours(L0, 101..117, 2 * MIB);
    files.extend(
        hours(2, 105..106, MIB).iter().map(|file| Arc::new(SstMeta { id: FileId::new(1), ..SstMeta::clone(file) })),
    );
    let plan = pick_compaction(&files, &idle()).unwrap();
    assert_eq!((plan.inputs.len(), plan.inputs[0].id.get(), plan.output), (17, 1, CompactionTarget::Base));
    assert_eq!(pick_compaction(&files, &BTreeSet::from([FileId::new(1)])), None);
}
