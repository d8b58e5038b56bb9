//! Tests of the empty-series check.

use super::tables::{expect, next_version, series_set, version_with_files, with_candidates};
use super::*;
use crate::engine::actor::effects::Effects;
use crate::engine::actor::empty_series::{EmptySeriesCheck, EmptySeriesEvent, MIN_CHECK_INTERVAL};
use crate::types::time_range::TimeRange;

const START: Duration = Duration::ZERO;

fn finish(
    check: &mut EmptySeriesCheck,
    candidates: &[u32],
    empty: &[u32],
    version: &Version,
    now: Duration,
) -> Effects {
    let (candidates, outcome) = (series_set(candidates), Ok(series_set(empty)));
    check.on(EmptySeriesEvent::Finished { seq: version.seq, candidates, outcome }, version, now)
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
fn a_result_is_installed_if_the_manifest_stores_it_and_else_published() {
    let flushed = with_candidates(&version_with_files(2, vec![], vec![]), &[0, 1]);
    let mut check = EmptySeriesCheck::new(None);
    drop(check.start(false, &flushed, START));
    let effects = finish(&mut check, &[0, 1], &[0], &flushed, START);
    expect("all records are flushed", &effects, &["install, then Compactor Wake"]);
    // Record 1 is in no SST. Until the flush, the manifest stores both series as candidates.
    let mut version = version_with_files(2, vec![], vec![]);
    version.series.restore_empty(&series_set(&[]), &series_set(&[0, 1])).unwrap();
    let unflushed = version.after_commit(1, version.series.clone(), version.active.clone());
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
        let finished = EmptySeriesEvent::Finished { seq: 0, candidates: series_set(&[0]), outcome: Err(error) };
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
        let moved = version.after_retention(cutoffs, &[]);
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
