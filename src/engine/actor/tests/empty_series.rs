//! Tests of the empty-series check.

use super::tables::{expect, next_version, series_set, version_with_files, with_candidates};
use super::*;
use crate::engine::actor::compactor_schedule::CompactorEvent;
use crate::engine::actor::effects::{Effect, Effects, MachineEvent};
use crate::engine::actor::empty_series::{EmptySeriesCheck, EmptySeriesEvent, MIN_CHECK_INTERVAL};
use crate::engine::actor::interfaces::{EmptySeriesFound, SeriesToCheck};
use crate::state::series_index::empty_series::ManifestSeriesSets;
use crate::types::time_range::TimeRange;

const START: Duration = Duration::ZERO;

fn finish(
    check: &mut EmptySeriesCheck,
    candidates: &[u32],
    empty: &[u32],
    version: &Version,
    now: Duration,
) -> Effects {
    let outcome = Ok(EmptySeriesFound { empty: series_set(empty), ..EmptySeriesFound::default() });
    check.on(EmptySeriesEvent::Finished { seq: version.seq, series: to_check(candidates), outcome }, version, now)
}

fn to_check(candidates: &[u32]) -> SeriesToCheck {
    SeriesToCheck { candidates: series_set(candidates), droppable: series_set(&[]) }
}

fn candidates(version: &Version) -> SeriesSet {
    version.series.empty_series().candidates().to_set()
}

fn empty(version: &Version) -> Vec<u32> {
    (0..9).filter(|id| version.series.empty_series().contains(SeriesId::new(*id))).collect()
}

#[test]
fn checks_keep_their_interval_unless_a_command_waits() {
    let version = with_candidates(&version_with_files(3, vec![], vec![]), &[0, 1]);
    let none = version_with_files(3, vec![], vec![]);
    let now = Duration::from_secs(100);
    let mut check = EmptySeriesCheck::new(None);
    expect("no candidates", &check.start(true, &none, now), &[]);
    expect("first check", &check.start(false, &version, now), &["start check of 2"]);
    assert_eq!((check.next_number(), check.finished()), (2, 0));
    expect("while it runs", &check.start(true, &version, now), &[]);
    drop(finish(&mut check, &[0, 1], &[], &version, now));
    assert_eq!((check.next_number(), check.finished()), (2, 1));
    let later = now + MIN_CHECK_INTERVAL / 2;
    expect("too early", &check.start(false, &version, later), &["arm EmptySeriesCheck no later than 5s"]);
    expect("a command waits", &check.start(true, &version, later), &["start check of 2"]);
}

#[test]
fn a_series_written_during_the_check_does_not_become_empty() {
    let version = with_candidates(&version_with_files(5, vec![], vec![]), &[0, 1, 2, 3]);
    let mut check = EmptySeriesCheck::new(None);
    // A write before the check: the version of the check contains the point.
    check.record_changes(&[SeriesId::new(2)], None);
    drop(check.start(false, &version, START));
    check.record_changes(&[SeriesId::new(1)], None);
    let next = next_version(finish(&mut check, &[0, 1, 2, 3], &[0, 1, 2], &version, START));
    assert_eq!(empty(&next), [0, 2]);
    assert_eq!(candidates(&next), SeriesSet::default());
}

#[test]
fn a_series_deleted_from_during_the_check_stays_a_candidate() {
    let version = with_candidates(&version_with_files(5, vec![], vec![]), &[0, 1, 2]);
    let mut check = EmptySeriesCheck::new(None);
    drop(check.start(false, &version, START));
    let delete = Tombstone { seq: 7, series: series_set(&[1]), range: TimeRange::new(3, 4) };
    check.record_changes(&[], Some(&delete));
    let next = next_version(finish(&mut check, &[0, 1, 2], &[], &version, START));
    assert_eq!(candidates(&next), series_set(&[1]));
    // The next check starts without recorded writes and deletes.
    drop(check.start(true, &next, START));
    let last = next_version(finish(&mut check, &[1], &[1], &next, START));
    assert_eq!((empty(&last), candidates(&last)), (vec![1], SeriesSet::default()));
}

#[test]
fn series_that_a_cutoff_hides_during_the_check_stay_candidates() {
    let version = with_candidates(&version_with_files(3, vec![], vec![]), &[0, 1]);
    let mut check = EmptySeriesCheck::new(Some(Duration::from_nanos(80)));
    drop(check.start(false, &version, START));
    let moved = version.after_retention(version.cutoffs.advanced_to(Some(100), &[]), &[], 0);
    let moved = next_version(check.on(EmptySeriesEvent::CutoffsMoved { files_dropped: true }, &moved, START));
    assert_eq!(candidates(&moved), series_set(&[0, 1, 2]));
    let next = next_version(finish(&mut check, &[0, 1], &[1], &moved, START));
    assert_eq!((empty(&next), candidates(&next)), (vec![1], series_set(&[0, 2])));
    // A point that was written during the check may be hidden by the cutoff, too.
    let mut other = EmptySeriesCheck::new(Some(Duration::from_nanos(80)));
    drop(other.start(false, &version, START));
    other.record_changes(&[SeriesId::new(1)], None);
    drop(other.on(EmptySeriesEvent::CutoffsMoved { files_dropped: true }, &moved, START));
    let written = next_version(finish(&mut other, &[0, 1], &[1], &moved, START));
    assert_eq!((empty(&written), candidates(&written)), (vec![], series_set(&[0, 1, 2])));
    // The next check has seen the cutoff.
    drop(check.start(true, &next, START));
    let last = next_version(finish(&mut check, &[0, 2], &[0], &next, START));
    assert_eq!((empty(&last), candidates(&last)), (vec![0, 1], SeriesSet::default()));
}

#[test]
fn a_result_is_installed_if_the_manifest_stores_it_and_else_published() {
    let flushed = with_candidates(&version_with_files(2, vec![], vec![]), &[0, 1]);
    let mut check = EmptySeriesCheck::new(None);
    drop(check.start(false, &flushed, START));
    let effects = finish(&mut check, &[0, 1], &[0], &flushed, START);
    expect("all records are flushed", &effects, &["install, then Compactor Wake"]);
    // Record 1 is in no SST. Until the flush, the manifest stores both series as candidates.
    let mut version = version_with_files(2, vec![], vec![]);
    let sets = ManifestSeriesSets { candidates: series_set(&[0, 1]), ..ManifestSeriesSets::default() };
    version.series.restore_sets(2, &sets).unwrap();
    let unflushed = version.after_commit(1, version.series.clone(), version.metadata.clone(), version.active.clone());
    let mut check = EmptySeriesCheck::new(None);
    drop(check.start(false, &unflushed, START));
    let effects = finish(&mut check, &[0], &[0], &unflushed, START);
    expect("the deciding record is not flushed", &effects, &["publish", "Compactor Wake"]);
    assert_eq!(empty(&next_version(effects)), [0]);
}

#[test]
fn a_failed_check_fails_the_waiters_and_a_cancelled_one_does_not() {
    let version = with_candidates(&version_with_files(2, vec![], vec![]), &[0]);
    let table: [(Error, &[&str]); 2] =
        [(Error::QueueFull, &["Compactor FailWaiters", "Compactor Wake"]), (Error::Closed, &["Compactor Wake"])];
    for (error, expected) in table {
        let mut check = EmptySeriesCheck::new(None);
        drop(check.start(false, &version, START));
        let step = format!("{error:?}");
        let finished = EmptySeriesEvent::Finished { seq: 0, series: to_check(&[0]), outcome: Err(error) };
        expect(&step, &check.on(finished, &version, START), expected);
        assert!(!check.is_running());
        expect("the candidates stay", &check.start(true, &version, START), &["start check of 1"]);
    }
}

#[test]
fn a_moving_cutoff_makes_all_series_candidates_only_as_often_as_is_useful() {
    let version = version_with_files(2, vec![], vec![]);
    let mut check = EmptySeriesCheck::new(Some(Duration::from_nanos(80)));
    // Columns: cutoff, files dropped, all series become candidates. An eighth of the age is 10.
    let table = [
        (None, true, false),
        (Some(100), false, true),
        (Some(100), true, false),
        (Some(109), false, false),
        (Some(109), true, true),
        (Some(118), false, false),
        (Some(119), false, true),
    ];
    for (cutoff, files_dropped, expected) in table {
        let cutoffs = version.cutoffs.advanced_to(cutoff, &[]);
        let moved = version.after_retention(cutoffs, &[], 0);
        let effects = check.on(EmptySeriesEvent::CutoffsMoved { files_dropped }, &moved, START);
        let step = format!("{cutoff:?}, {files_dropped}");
        expect(&step, &effects, if expected { &["publish"] } else { &[] });
        if expected {
            assert_eq!(candidates(&next_version(effects)), series_set(&[0, 1]), "{step}");
        }
    }
}

#[test]
fn a_check_is_overdue_only_with_candidates_and_a_free_compactor() {
    let late = Duration::from_secs(1_000);
    let version = with_candidates(&version_with_files(2, vec![], vec![]), &[0]);
    let mut check = EmptySeriesCheck::new(None);
    assert!(!check.is_overdue(&version_with_files(2, vec![], vec![]), late));
    assert!(check.is_overdue(&version, late));
    assert!(!check.is_overdue(&version, Duration::from_mins(1)));
    drop(check.start(false, &version, late));
    assert!(!check.is_overdue(&version, late * 2));
}

/// Returns a version with `count` series without files, of which these are empty in the manifest.
fn version_with_empty(count: u32, empty: &[u32]) -> Version {
    let mut version = version_with_files(count, vec![], vec![]);
    let sets = ManifestSeriesSets { empty: series_set(empty), ..ManifestSeriesSets::default() };
    version.series.restore_sets(count, &sets).unwrap();
    version
}

fn finish_drop_check(
    check: &mut EmptySeriesCheck,
    droppable: &[u32],
    unnamed: &[u32],
    version: &Version,
    now: Duration,
) -> Effects {
    let series = SeriesToCheck { droppable: series_set(droppable), ..SeriesToCheck::default() };
    let outcome = Ok(EmptySeriesFound { unnamed: series_set(unnamed), ..EmptySeriesFound::default() });
    check.on(EmptySeriesEvent::Finished { seq: version.seq, series, outcome }, version, now)
}

#[test]
fn definitions_are_checked_once_an_eighth_may_be_dropped_and_again_after_a_change() {
    let mut check = EmptySeriesCheck::new(None);
    let few = version_with_empty(17, &[3, 5]);
    expect("two of 17", &check.start(true, &few, START), &[]);
    let enough = version_with_empty(16, &[3, 5]);
    expect("two of 16", &check.start(false, &enough, START), &["start check of 0, 2 droppable"]);
    let effects = finish_drop_check(&mut check, &[3, 5], &[], &enough, START);
    expect("files name both", &effects, &["publish", "Compactor Wake"]);
    assert!(!check.has_work(&enough), "nothing has changed");
    let mut changed = enough.clone();
    changed.counters.files_dropped += 1;
    let first = check.start(false, &changed, MIN_CHECK_INTERVAL);
    expect("files went", &first, &["start check of 0, 2 droppable"]);
    drop(finish_drop_check(&mut check, &[3, 5], &[3], &changed, MIN_CHECK_INTERVAL));
    changed.counters.files_dropped += 1;
    let second = check.start(false, &changed, MIN_CHECK_INTERVAL * 2);
    expect("checks that find too few become rare", &second, &["arm EmptySeriesCheck no later than 10s"]);
    let at_once = check.start(true, &changed, MIN_CHECK_INTERVAL * 2);
    expect("a command waits", &at_once, &["start check of 0, 2 droppable"]);
    let effects = finish_drop_check(&mut check, &[3, 5], &[3, 5], &changed, MIN_CHECK_INTERVAL * 2);
    expect("enough", &effects, &["publish", "Compactor EmptySeries DropDue"]);
}

#[test]
fn a_series_that_was_written_or_deleted_from_during_the_check_is_not_dropped() {
    let version = version_with_empty(4, &[0, 1, 2, 3]);
    let mut check = EmptySeriesCheck::new(None);
    drop(check.start(false, &version, START));
    check.record_changes(&[SeriesId::new(1)], None);
    let delete = Tombstone { seq: 7, series: series_set(&[2]), range: TimeRange::new(3, 4) };
    check.record_changes(&[], Some(&delete));
    let effects = finish_drop_check(&mut check, &[0, 1, 2, 3], &[0, 1, 2, 3], &version, START);
    let due = effects.into_iter().find_map(|effect| match effect {
        Effect::Handle(MachineEvent::Compactor(CompactorEvent::EmptySeries(due))) => Some(due),
        _ => None,
    });
    expect("drop", &check.on(due.unwrap(), &version, START), &["drop of 2, then Compactor Wake"]);
}

/// A check finds as many empty series as it drops, so that their number stays the same.
#[test]
fn series_that_a_check_found_empty_are_droppable_in_the_next_one() {
    let version = with_candidates(&version_with_empty(4, &[0]), &[1]);
    let mut check = EmptySeriesCheck::new(None);
    expect("both", &check.start(true, &version, START), &["start check of 1, 1 droppable"]);
    let series = SeriesToCheck { candidates: series_set(&[1]), droppable: series_set(&[0]) };
    let outcome = Ok(EmptySeriesFound { empty: series_set(&[1]), unnamed: series_set(&[0]), named_by: Vec::new() });
    let finished = EmptySeriesEvent::Finished { seq: version.seq, series, outcome };
    let next = next_version(check.on(finished, &version, START)).after_drop(&series_set(&[0]));
    assert_eq!(next.series.empty_series().durable_count(), 1);
    expect("the other one", &check.start(true, &next, START), &["start check of 0, 1 droppable"]);
}

/// The writer tests and drops a bounded number at a time; the series behind those that are still named are reached.
#[test]
fn a_check_tests_and_carries_a_bounded_number_of_droppable_series() {
    let empty_in = |unflushed: Option<Tombstone>| {
        let mut version = version_with_files(200_000, vec![], vec![]);
        version.tombstones.extend(unflushed.map(Arc::new));
        let empty = SeriesSet::from_sorted((0..160_000).map(SeriesId::new));
        version.series.restore_sets(200_000, &ManifestSeriesSets { empty, ..ManifestSeriesSets::default() }).unwrap();
        version
    };
    let version = empty_in(None);
    let mut check = EmptySeriesCheck::new(None);
    expect("65,536 of 160,000", &check.start(true, &version, START), &["start check of 0, 65536 droppable"]);
    let named = SeriesSet::from_sorted((0..131_072).map(SeriesId::new));
    let version = empty_in(Some(Tombstone { seq: 1, series: named, range: TimeRange::new(0, 1) }));
    let mut check = EmptySeriesCheck::new(None);
    expect("all are named", &check.start(true, &version, START), &["Compactor Wake"]);
    let early = check.start(false, &version, START);
    expect("the rest can wait", &early, &["arm EmptySeriesCheck no later than 10s"]);
    let next = check.start(true, &version, START);
    expect("those behind the named ones", &next, &["start check of 0, 28928 droppable"]);
}

/// A durable tombstone that another file needs would otherwise keep the definitions for as long.
#[test]
fn durable_tombstones_lose_the_series_whose_definitions_are_dropped() {
    let tombstone = |seq, ids: &[u32]| Tombstone { seq, series: series_set(ids), range: TimeRange::new(0, 1) };
    // The file has points of series 0.
    let deletes = [(2, &[0, 3][..]), (3, &[0, 1, 2]), (4, &[1]), (5, &[2, 3]), (6, &[0, 3])];
    let deletes = deletes.map(|(seq, ids)| tombstone(seq, ids));
    let mut version = version_with_files(4, vec![l0_file(1, 100, 0)], deletes.to_vec());
    let sets = ManifestSeriesSets { empty: series_set(&[1, 2, 3]), ..ManifestSeriesSets::default() };
    version.series.restore_sets(4, &sets).unwrap();
    let mut durable = DurableState { flushed_seq: version.flushed_seq, series_sets: sets, ..DurableState::default() };
    durable.ssts = version.ssts.iter().map(|sst| (**sst).clone()).collect();
    durable.tombstones = version.tombstones.iter().cloned().collect();
    // Of a delete that is only in the WAL, replay would apply the record.
    let unflushed = version.clone().with_tombstones([Arc::new(tombstone(9, &[0, 3]))]);
    let droppable = unflushed.droppable_among(&series_set(&[0, 1, 2, 3]));
    assert_eq!(droppable, series_set(&[1, 2]), "series 0 is not empty");

    let next = version.after_drop(&droppable);
    let left: Vec<Tombstone> = next.tombstones.iter().map(|tombstone| (**tombstone).clone()).collect();
    // The rest of tombstone 5 overlaps no file.
    assert_eq!(left, [tombstone(2, &[0, 3]), tombstone(3, &[0]), tombstone(6, &[0, 3])]);
    let edit = version.edit_to(&next);
    assert_eq!(edit.removed_tombstones, [3, 4, 5, 6]);
    assert_eq!(edit.added_tombstones.iter().map(|tombstone| tombstone.seq).collect::<Vec<_>>(), [3, 6]);
    durable.apply(&edit).unwrap();
    assert_eq!(durable.tombstones, next.tombstones.iter().cloned().collect::<Vec<_>>());
    assert_eq!(durable.series_sets.empty, series_set(&[3]));
}
