//! Tests of the compactor's schedule, and of the compaction state machine in it.

use super::tables::{expect, reply, series_set, version_with_files, with_candidates};
use super::*;
use crate::engine::actor::compaction::{CompactionEvent, L0_STALL_FILES};
use crate::engine::actor::compactor_schedule::{CompactorEvent, CompactorSchedule, PURGE_FIRST_TOMBSTONES};
use crate::engine::actor::empty_series::{EmptySeriesEvent, MAX_CHECK_DELAY, MIN_CHECK_INTERVAL};
use crate::engine::actor::interfaces::{EmptySeriesFound, SeriesToCheck};
use crate::state::series_index::empty_series::ManifestSeriesSets;
use crate::types::time_range::TimeRange;

const START: Duration = Duration::ZERO;

/// Returns `count` files of L0; the picker plans a compaction for sixteen or more.
fn l0_files(count: u64) -> Vec<SstMeta> {
    (1..=count).map(|number| l0_file(number, 100, 0)).collect()
}

/// Returns deletes of a time range that covers no file of [`l0_files`] completely.
fn tombstones(count: usize, first_seq: u64) -> Vec<Tombstone> {
    let seqs = (first_seq..).take(count);
    seqs.map(|seq| Tombstone { seq, series: series_set(&[0]), range: TimeRange::new(5, 5) }).collect()
}

fn compacted(outcome: Result<JobOutput>, inputs: u64) -> CompactorEvent {
    let inputs = (1..=inputs).map(FileId::new).collect();
    CompactorEvent::Compaction(CompactionEvent::Finished { inputs, outcome })
}

fn checked(outcome: Result<EmptySeriesFound>) -> CompactorEvent {
    let finished = EmptySeriesEvent::Finished { seq: 0, series: SeriesToCheck::default(), outcome };
    CompactorEvent::EmptySeries(finished)
}

fn read_only() -> CompactorEvent {
    CompactorEvent::ReadOnly(Error::QueueFull)
}

/// Runs a table: each row is an event, the current version and time, and the expected effects.
#[track_caller]
fn run_table(schedule: &mut CompactorSchedule, rows: Vec<(CompactorEvent, &Version, Duration, &[&str])>) {
    for (number, (event, version, now, expected)) in rows.into_iter().enumerate() {
        let step = format!("step {number}, {event:?}");
        let effects = schedule.on(event, version, now);
        expect(&step, &effects, expected);
    }
}

fn schedule() -> CompactorSchedule {
    CompactorSchedule::new(None)
}

#[test]
fn an_idle_compactor_merges_first_and_checks_candidates_when_there_is_nothing_to_merge() {
    let (few, many) = (version_with_files(3, l0_files(1), vec![]), version_with_files(3, l0_files(16), vec![]));
    let table: [(&Version, &[&str]); 4] = [
        (&few, &[]),
        (&many, &["start compaction of 16"]),
        (&with_candidates(&few, &[0, 2]), &["start check of 2"]),
        (&with_candidates(&many, &[0, 2]), &["start compaction of 16"]),
    ];
    for (version, expected) in table {
        run_table(&mut schedule(), vec![(CompactorEvent::Wake, version, START, expected)]);
    }
}

#[test]
fn candidates_that_waited_too_long_precede_merges() {
    let many = with_candidates(&version_with_files(3, l0_files(16), vec![]), &[1]);
    let table = [(MAX_CHECK_DELAY, "start compaction of 16"), (MAX_CHECK_DELAY * 2, "start check of 1")];
    for (now, expected) in table {
        run_table(&mut schedule(), vec![(CompactorEvent::Wake, &many, now, &[expected])]);
    }
}

#[test]
fn many_tombstones_are_purged_first_unless_l0_is_half_full() {
    let half = L0_STALL_FILES as u64 / 2;
    let table = [
        (16, PURGE_FIRST_TOMBSTONES, "start compaction of 1"),
        (16, PURGE_FIRST_TOMBSTONES - 1, "start compaction of 16"),
        (half - 1, PURGE_FIRST_TOMBSTONES, "start compaction of 1"),
    ];
    for (files, deletes, expected) in table {
        let version = version_with_files(1, l0_files(files), tombstones(deletes, files + 1));
        run_table(&mut schedule(), vec![(CompactorEvent::Wake, &version, START, &[expected])]);
    }
    let version = version_with_files(1, l0_files(half), tombstones(PURGE_FIRST_TOMBSTONES, half + 1));
    let effects = schedule().on(CompactorEvent::Wake, &version, START);
    let [crate::engine::actor::effects::Effect::StartCompaction(plan)] = &effects[..] else { panic!("{effects:?}") };
    assert!(plan.inputs.len() > 1, "a merge, and no purge");
}

#[test]
fn one_job_runs_at_a_time() {
    let many = with_candidates(&version_with_files(3, l0_files(16), vec![]), &[1]);
    let few = with_candidates(&version_with_files(3, l0_files(1), vec![]), &[1]);
    run_table(
        &mut schedule(),
        vec![
            (CompactorEvent::Wake, &many, START, &["start compaction of 16"]),
            (CompactorEvent::Wake, &many, START, &[]),
            (CompactorEvent::CheckDue, &many, START, &[]),
            (compacted(Err(Error::Closed), 16), &many, START, &[]),
            (CompactorEvent::CheckDue, &many, START, &["start check of 1"]),
            (CompactorEvent::CheckDue, &many, START, &[]),
            (CompactorEvent::Wake, &many, START, &[]),
            (checked(Err(Error::Closed)), &few, START, &["Compactor Wake"]),
            (CompactorEvent::Wake, &few, START, &["arm EmptySeriesCheck no later than 10s"]),
            (CompactorEvent::Wake, &few, MIN_CHECK_INTERVAL, &["start check of 1"]),
        ],
    );
}

#[test]
fn a_failed_compaction_backs_off_until_its_timer_or_a_command() {
    let many = version_with_files(1, l0_files(16), vec![]);
    let failed = || compacted(Err(Error::QueueFull), 16);
    let retry = || CompactorEvent::Compaction(CompactionEvent::RetryDue);
    run_table(
        &mut schedule(),
        vec![
            (CompactorEvent::Wake, &many, START, &["start compaction of 16"]),
            (failed(), &many, START, &["arm CompactionRetry 100ms", "Compactor FailWaiters"]),
            (CompactorEvent::Wake, &many, START, &[]),
            (retry(), &many, START, &["Compactor Wake"]),
            (CompactorEvent::Wake, &many, START, &["start compaction of 16"]),
            (failed(), &many, START, &["arm CompactionRetry 200ms", "Compactor FailWaiters"]),
            (CompactorEvent::CompactRequested(reply()), &many, START, &["start compaction of 16"]),
            (CompactorEvent::FailWaiters(Error::QueueFull), &many, START, &["reply Err(QueueFull)"]),
        ],
    );
}

#[test]
fn an_installed_compaction_is_followed_by_retention_and_the_next_job() {
    let many = version_with_files(1, l0_files(16), vec![]);
    let output = SstMeta { level: 1, min_seq: 1, max_seq: 16, generation: 17, ..l0_file(17, 100, 0) };
    let finished = compacted(Ok(JobOutput { ssts: vec![output], duration: Duration::ZERO }), 16);
    let installed = CompactionEvent::Installed { inputs: 16, outputs: 1, duration: Duration::ZERO };
    run_table(
        &mut schedule(),
        vec![
            (CompactorEvent::Wake, &many, START, &["start compaction of 16"]),
            (finished, &many, START, &["install, then Compactor Compaction Installed"]),
            (CompactorEvent::Compaction(installed), &many, START, &["Retention Apply", "Compactor Wake"]),
        ],
    );
}

#[test]
fn outputs_with_missing_inputs_or_a_broken_invariant_are_removed() {
    let version = version_with_files(1, l0_files(2), vec![]);
    let base = |id, max_seq| SstMeta { level: BASE, max_seq, ..l0_file(id, 100, 0) };
    let table = [
        // The third input is not in the version.
        (3, vec![base(9, 2)]),
        // Two overlapping files in the base.
        (2, vec![base(9, 2), base(10, 2)]),
        // An output with a record that is not flushed.
        (2, vec![base(9, 3)]),
    ];
    for (inputs, ssts) in table {
        let removed = format!("remove {} SSTs", ssts.len());
        let finished = compacted(Ok(JobOutput { ssts, duration: Duration::ZERO }), inputs);
        let expected = [removed.as_str(), "arm CompactionRetry 100ms", "Compactor FailWaiters"];
        run_table(&mut schedule(), vec![(finished, &version, START, &expected)]);
    }
}

#[test]
fn a_waiter_is_answered_once_everything_is_in_the_base_and_its_candidates_were_checked() {
    let l0 = version_with_files(1, l0_files(2), vec![]);
    let base = SstMeta { level: BASE, min_seq: 1, max_seq: 2, ..l0_file(9, 100, 0) };
    let merged = version_with_files(1, vec![base], vec![]);
    let suspected = with_candidates(&merged, &[0]);
    run_table(
        &mut schedule(),
        vec![
            (CompactorEvent::CompactRequested(reply()), &merged, START, &["reply Ok(())"]),
            (CompactorEvent::CompactRequested(reply()), &l0, START, &["start compaction of 2"]),
            (compacted(Err(Error::Closed), 2), &suspected, START, &[]),
            // All points are in the base; only the check of the candidates is left.
            (CompactorEvent::Wake, &suspected, START, &["start check of 1"]),
            (CompactorEvent::Wake, &suspected, START, &[]),
            (checked(Err(Error::Closed)), &suspected, START, &["Compactor Wake"]),
            // The compact command does not wait for candidates that were added after the check.
            (CompactorEvent::Wake, &suspected, START, &["reply Ok(())", "arm EmptySeriesCheck no later than 10s"]),
        ],
    );
}

#[test]
fn a_waiter_that_needs_a_check_only_does_not_wait_for_further_merges() {
    let none = with_candidates(&version_with_files(1, vec![], vec![]), &[0]);
    let newer = with_candidates(&version_with_files(1, l0_files(16), vec![]), &[0]);
    let mut schedule = schedule();
    run_table(
        &mut schedule,
        vec![
            // The running check starts before the request.
            (CompactorEvent::Wake, &none, START, &["start check of 1"]),
            (CompactorEvent::CompactRequested(reply()), &none, START, &[]),
            (checked(Err(Error::Closed)), &newer, START, &["Compactor Wake"]),
            (CompactorEvent::Wake, &newer, START, &["start check of 1"]),
            (checked(Err(Error::Closed)), &newer, START, &["Compactor Wake"]),
            (CompactorEvent::Wake, &newer, START, &["reply Ok(())", "start compaction of 16"]),
        ],
    );
}

/// Constructor of a stopping event, and its expected effects.
type Stop<'a> = (fn() -> CompactorEvent, &'a [&'a str]);

#[test]
fn nothing_starts_on_a_read_only_or_stopping_database() {
    let many = with_candidates(&version_with_files(3, l0_files(16), vec![]), &[1]);
    let answer = "reply Err(QueueFull)";
    let stops: [Stop<'_>; 3] = [
        (read_only, &[answer]),
        (|| CompactorEvent::ShutdownRequested, &["cancel compactor", "reply Err(Closed)"]),
        (|| CompactorEvent::Halt, &[]),
    ];
    for (stop, expected) in stops {
        run_table(
            &mut schedule(),
            vec![
                (CompactorEvent::CompactRequested(reply()), &many, START, &["start compaction of 16"]),
                (stop(), &many, START, expected),
                (compacted(Err(Error::Closed), 16), &many, START, &[]),
                (CompactorEvent::Wake, &many, START, &[]),
                (CompactorEvent::CheckDue, &many, START, &[]),
            ],
        );
    }
}

#[test]
fn a_read_only_database_installs_no_result_and_a_stopping_one_does() {
    let version = version_with_files(1, l0_files(2), vec![]);
    let output = SstMeta { level: BASE, min_seq: 1, max_seq: 2, ..l0_file(9, 100, 0) };
    let finished = || compacted(Ok(JobOutput { ssts: vec![output.clone()], duration: Duration::ZERO }), 2);
    run_table(
        &mut schedule(),
        vec![
            (read_only(), &version, START, &[]),
            (finished(), &version, START, &[]),
            (checked(Ok(EmptySeriesFound::default())), &version, START, &["Compactor Wake"]),
        ],
    );
    run_table(
        &mut schedule(),
        vec![
            (CompactorEvent::ShutdownRequested, &version, START, &["cancel compactor"]),
            (finished(), &version, START, &["install, then Compactor Compaction Installed"]),
        ],
    );
}

#[test]
fn l0_stalls_writes_only_while_a_compaction_runs() {
    let full = version_with_files(1, l0_files(L0_STALL_FILES as u64), vec![]);
    let mut schedule = schedule();
    assert!(!schedule.compaction().l0_stalls_writes(&full));
    drop(schedule.on(CompactorEvent::Wake, &full, START));
    assert!(schedule.compaction().l0_stalls_writes(&full));
    assert!(!schedule.compaction().l0_stalls_writes(&version_with_files(1, l0_files(200), vec![])));
    drop(schedule.on(compacted(Err(Error::QueueFull), 16), &full, START));
    assert!(!schedule.compaction().l0_stalls_writes(&full), "a failure lets writes continue");
}

/// The files hold hidden points of too few series for the picker, but of enough for a drop.
#[test]
fn files_that_keep_definitions_from_being_dropped_are_purged_once() {
    let mut version = version_with_files(4, l0_files(2), vec![]);
    let sets = ManifestSeriesSets { empty: series_set(&[1, 2]), ..ManifestSeriesSets::default() };
    version.series.restore_sets(4, &sets).unwrap();
    let finished = |unnamed: &[u32], named_by: &[u64]| {
        let series = SeriesToCheck { droppable: series_set(&[1, 2]), ..SeriesToCheck::default() };
        let named_by = named_by.iter().copied().map(FileId::new).collect();
        let found = EmptySeriesFound { unnamed: series_set(unnamed), named_by, ..EmptySeriesFound::default() };
        CompactorEvent::EmptySeries(EmptySeriesEvent::Finished { seq: 0, series, outcome: Ok(found) })
    };
    let rows: Vec<(CompactorEvent, &Version, Duration, &[&str])> = vec![
        (CompactorEvent::Wake, &version, START, &["start check of 0, 2 droppable"]),
        (finished(&[], &[2, 7]), &version, START, &["publish", "Compactor Wake"]),
        // There is no file 7 any more.
        (CompactorEvent::Wake, &version, START, &["start compaction of 1"]),
        (compacted(Err(Error::Closed), 2), &version, START, &[]),
        (CompactorEvent::Wake, &version, START, &[]),
    ];
    run_table(&mut schedule(), rows);
    // Enough can be dropped without a purge.
    let rows: Vec<(CompactorEvent, &Version, Duration, &[&str])> = vec![
        (CompactorEvent::Wake, &version, START, &["start check of 0, 2 droppable"]),
        (finished(&[1], &[2]), &version, START, &["publish", "Compactor EmptySeries DropDue"]),
        (CompactorEvent::Wake, &version, START, &[]),
    ];
    run_table(&mut schedule(), rows);
}
