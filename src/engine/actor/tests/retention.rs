//! Tests of the retention state machine.

use super::tables::{expect, next_version, reply, series_set, version_with_files};
use super::*;
use crate::engine::actor::effects::{Effect, Effects, MachineEvent};
use crate::engine::actor::retention::{RetentionEvent, RetentionInputs, RetentionScheduler};
use crate::state::version::{AgeProgress, RetentionProgress};

const NOW: i64 = 1_000;

fn files() -> Version {
    // Files of 100 bytes that end at 9, 19 and 29.
    version_with_files(
        1,
        (0..3).map(|number| l0_file(number + 1, 100, i64::try_from(number).unwrap() * 10)).collect(),
        vec![],
    )
}

fn apply(policy: &RetentionPolicy, version: &Version, busy: &[FileId], wall_clock_nanos: i64) -> Effects {
    let mut retention = RetentionScheduler::new(policy.clone(), version);
    let inputs =
        RetentionInputs { busy, wall_clock_nanos, monotonic_now: Duration::ZERO, synced_seq: version.flushed_seq };
    retention.on(RetentionEvent::Apply, version, inputs)
}

fn age(nanos: u64) -> RetentionPolicy {
    let (age, grace) = (Some(Duration::from_nanos(nanos)), Some(Duration::ZERO));
    RetentionPolicy { age, grace, ..RetentionPolicy::default() }
}

fn bytes(bytes: u64) -> RetentionPolicy {
    RetentionPolicy { bytes: Some(bytes), ..RetentionPolicy::default() }
}

const TIMER: &str = "arm Retention no later than 1s";
const INSTALL: &str = "install, then Retention Installed";
const DELETE: &str = "Retention QueueDueDeletes";

#[test]
fn a_cutoff_follows_the_older_of_data_and_clock_and_drops_hidden_files() {
    /// Age, wall clock, expected effects, expected cutoff, number of files left.
    type Row<'a> = (u64, i64, &'a [&'a str], Option<i64>, usize);
    // The newest point is at 29.
    let table: [Row<'_>; 5] = [
        (10, NOW, &[TIMER, INSTALL, DELETE], Some(19), 2),
        (9, NOW, &[TIMER, INSTALL, DELETE], Some(20), 1),
        // A slow clock hides less; a fast clock hides no more than the data allow.
        (10, 25, &[TIMER, INSTALL, DELETE], Some(15), 2),
        (10, i64::MAX, &[TIMER, INSTALL, DELETE], Some(19), 2),
        (10, 15, &[TIMER, INSTALL, DELETE], Some(5), 3),
    ];
    for (nanos, wall, expected, cutoff, left) in table {
        let step = format!("age {nanos}, clock {wall}");
        let effects = apply(&age(nanos), &files(), &[], wall);
        expect(&step, &effects, expected);
        let next = next_version(effects);
        assert_eq!((next.cutoffs.global(), next.ssts.len()), (cutoff, left), "{step}");
    }
}

#[test]
fn a_limit_in_bytes_moves_the_cutoff_behind_the_oldest_files() {
    /// Limit in bytes, busy files, expected effects, expected cutoff.
    type Row<'a> = (u64, &'a [FileId], &'a [&'a str], Option<i64>);
    let first = [FileId::new(1)];
    let table: [Row<'_>; 5] = [
        (300, &[], &[DELETE], None),
        (299, &[], &[INSTALL, DELETE], Some(10)),
        (100, &[], &[INSTALL, DELETE], Some(20)),
        // The newest file stays, however small the limit is.
        (1, &[], &[INSTALL, DELETE], Some(20)),
        // A compaction reads the oldest file: the limit is applied again when the compaction is installed.
        (100, &first, &[DELETE], None),
    ];
    for (limit, busy, expected, cutoff) in table {
        let step = format!("{limit} bytes, {} busy", busy.len());
        let effects = apply(&bytes(limit), &files(), busy, NOW);
        expect(&step, &effects, expected);
        if cutoff.is_some() {
            assert_eq!(next_version(effects).cutoffs.global(), cutoff, "{step}");
        }
    }
}

#[test]
fn a_limit_in_bytes_never_moves_the_cutoff_beyond_the_wall_clock() {
    // Wall clock, expected cutoff. The files end at 9, 19 and 29, and only one may stay.
    for (wall, cutoff) in [(9, None), (10, Some(10)), (19, Some(10)), (20, Some(20))] {
        let moved = apply(&bytes(100), &files(), &[], wall).into_iter().find_map(|effect| match effect {
            Effect::Install { next, .. } => next.cutoffs.global(),
            _ => None,
        });
        assert_eq!(moved, cutoff, "clock {wall}");
    }
}

#[test]
fn a_cutoff_by_size_that_a_wrong_clock_moved_is_taken_back() {
    const MINUTE: i64 = 60_000_000_000;
    // The cutoff of 100 minutes, the wall clock in minutes, the cutoff after ten minutes of it.
    for (wall, cutoff) in [(98, 98), (99, 100), (200, 100)] {
        let policy = RetentionPolicy { grace: None, ..bytes(1_000) };
        let mut version = version_with_files(1, vec![], vec![]);
        version.cutoffs = Cutoffs::new(Some(100 * MINUTE), Vec::new());
        Arc::make_mut(&mut version.retention).size_cutoff = version.cutoffs.global();
        let mut retention = RetentionScheduler::new(policy, &version);
        let at = |seconds| RetentionInputs {
            busy: &[],
            wall_clock_nanos: wall * MINUTE,
            monotonic_now: Duration::from_secs(seconds),
            synced_seq: version.flushed_seq,
        };
        let first = retention.on(RetentionEvent::Apply, &version, at(0));
        let waits = ["arm Retention no later than 600s", DELETE];
        expect("at first", &first, if cutoff == 100 { &waits[1..] } else { &waits });
        let effects = retention.on(RetentionEvent::CheckDue, &version, at(600));
        if cutoff == 100 {
            expect("nothing is wrong", &effects, &[DELETE]);
            continue;
        }
        let installed = retention.on(event_after_hiding(effects), &version, at(600));
        let next = next_version(installed);
        let times = (next.cutoffs.global(), next.retention.size_cutoff);
        assert_eq!(times, (Some(cutoff * MINUTE), Some(cutoff * MINUTE)), "clock {wall}");
    }
}

#[test]
fn an_installed_cutoff_makes_candidates_and_a_rule_deletes_as_it_moves_on() {
    let predicate = Arc::new(EvenMetricPredicate::default());
    let rule = RetentionRule { selector: Vec::new(), predicate, cutoff: None };
    // Four series, the newest point at 1,000.
    let version = many_series(4, Cutoffs::new(None, vec![rule]));
    let policy = RetentionPolicy { rules: vec![Some(Duration::from_nanos(80))], ..RetentionPolicy::default() };
    let mut retention = RetentionScheduler::new(policy, &version);
    // Columns: cutoff, expected deletes. An eighth of the age is 10.
    let table: [(i64, &[&str]); 4] = [
        (500, &["queue delete of 2 until 499"]),
        (509, &[]),
        (510, &["queue delete of 2 until 509"]),
        (700, &["queue delete of 2 until 699"]),
    ];
    let inputs = RetentionInputs { busy: &[], wall_clock_nanos: NOW, monotonic_now: Duration::ZERO, synced_seq: 0 };
    for (cutoff, expected) in table {
        let moved = version.after_retention(version.cutoffs.advanced_to(None, &[Some(cutoff)]), &[], 0);
        let installed = retention.on(RetentionEvent::Installed { files_dropped: 0 }, &moved, inputs);
        expect("an install", &installed, &["Compactor EmptySeries CutoffsMoved"]);
        let due = retention.on(RetentionEvent::QueueDueDeletes, &moved, inputs);
        expect(&format!("cutoff {cutoff}"), &due, expected);
        expect("the same again", &retention.on(RetentionEvent::QueueDueDeletes, &moved, inputs), &[]);
    }
}

/// Without a trusted time, the first move of the cutoffs waits.
#[test]
fn a_pending_move_is_stored_at_intervals_and_when_the_writer_stops_and_applied_after_its_grace_or_on_request() {
    /// Time in seconds, expected effects, expected cutoff, grace served in the manifest.
    type Row<'a> = (u64, &'a [&'a str], Option<i64>, Option<u64>);
    const STORE: &str = "install, then Retention ProgressStored";
    let grace = Duration::from_secs(1_000);
    let policy = RetentionPolicy { grace: Some(grace), ..age(10) };
    let apply_at = |retention: &mut RetentionScheduler, version: &mut Version, event, seconds, expected: &[&str]| {
        let monotonic_now = Duration::from_secs(seconds);
        let inputs = RetentionInputs { busy: &[], wall_clock_nanos: NOW, monotonic_now, synced_seq: 0 };
        let step = format!("{event:?} at {seconds} s");
        let effects = retention.on(event, version, inputs);
        expect(&step, &effects, expected);
        if expected.iter().any(|effect| effect.starts_with("install")) {
            *version = next_version(effects);
        }
    };
    let (mut retention, mut version) = (RetentionScheduler::new(policy.clone(), &files()), files());
    let table: [Row<'_>; 6] = [
        (50, &[TIMER, STORE, DELETE], None, Some(0)),
        (51, &[TIMER, DELETE], None, Some(0)),
        (349, &[TIMER, DELETE], None, Some(0)),
        (350, &[TIMER, STORE, DELETE], None, Some(300)),
        (1_049, &[TIMER, STORE, DELETE], None, Some(999)),
        (1_050, &[TIMER, INSTALL, DELETE], Some(19), None),
    ];
    for (seconds, expected, cutoff, served) in table {
        apply_at(&mut retention, &mut version, RetentionEvent::Apply, seconds, expected);
        let pending = version.retention.pending_time.map(|pending| pending.served);
        assert_eq!((version.cutoffs.global(), pending), (cutoff, served.map(Duration::from_secs)), "at {seconds} s");
    }
    // A stop stores what was served since, and a later opening goes on from there.
    let (mut retention, mut version) = (RetentionScheduler::new(policy.clone(), &files()), files());
    apply_at(&mut retention, &mut version, RetentionEvent::Apply, 50, &[TIMER, STORE, DELETE]);
    apply_at(&mut retention, &mut version, RetentionEvent::Stop, 52, &[STORE]);
    apply_at(&mut retention, &mut version, RetentionEvent::Apply, 2_000, &[]);
    let mut retention = RetentionScheduler::new(policy.clone(), &version);
    apply_at(&mut retention, &mut version, RetentionEvent::Apply, 2_000, &[TIMER, STORE, DELETE]);
    assert_eq!(version.retention.grace_left(policy.grace), Some(Duration::from_secs(998)));
    // On request. The caller is answered once the cutoff is installed, or at once if nothing moves.
    apply_at(&mut retention, &mut version, RetentionEvent::ApplyNow(reply()), 2_001, &[TIMER, INSTALL, DELETE]);
    assert_eq!((version.cutoffs.global(), version.retention.has_pending()), (Some(19), false));
    let installed = RetentionEvent::Installed { files_dropped: 0 };
    let answered = ["Compactor EmptySeries CutoffsMoved", "reply Ok(())"];
    apply_at(&mut retention, &mut version, installed, 2_001, &answered);
    let again = RetentionEvent::ApplyNow(reply());
    apply_at(&mut retention, &mut version, again, 2_002, &[TIMER, DELETE, "reply Ok(())"]);
    // The install fails.
    let mut retention = RetentionScheduler::new(policy, &files());
    apply_at(&mut retention, &mut files(), RetentionEvent::ApplyNow(reply()), 0, &[TIMER, INSTALL, DELETE]);
    let failed = RetentionEvent::ReadOnly(Error::QueueFull);
    apply_at(&mut retention, &mut files(), failed, 0, &["reply Err(QueueFull)"]);
}

/// Returns the event that follows the deletes of the hidden points.
fn event_after_hiding(effects: Effects) -> RetentionEvent {
    let then = effects.into_iter().find_map(|effect| match effect {
        Effect::HidePoints { then: MachineEvent::Retention(then), .. } => Some(then),
        _ => None,
    });
    then.expect("points are hidden")
}

/// Returns a version whose cutoff follows from a trusted time of 35 and an age of 10.
fn version_with_a_cutoff() -> Version {
    let (trusted_time, age) = (Some(35), AgeProgress { applied: 10, pending: None });
    let retention = Arc::new(RetentionProgress { trusted_time, age, ..RetentionProgress::default() });
    Version { retention, ..files().after_retention(Cutoffs::new(Some(25), vec![]), &[], 0) }
}

#[test]
fn an_unexplained_cutoff_is_taken_back_behind_a_delete_of_what_it_hides() {
    const HIDE: &str = "hide 1 until 24, then Retention PointsHidden";
    const TAKE_BACK: &str = "install, then Retention TakenBack";
    /// Age of the opening, wall clock, seconds at which the cutoff is taken back, the cutoff then.
    type Row = (u64, i64, Option<u64>, Option<i64>);
    let table: [Row; 5] = [
        (10, 40, None, Some(25)),
        // A longer age: at once.
        (20, 40, Some(0), Some(15)),
        (i64::MAX as u64, 40, Some(0), None),
        // The clock says that the trusted time has not come, first for a moment, then for long enough.
        (10, 20, Some(600), Some(10)),
        // A much shorter age waits, and takes nothing back.
        (5, 40, None, Some(25)),
    ];
    for (nanos, wall_clock_nanos, taken_back_at, cutoff) in table {
        let policy = RetentionPolicy { grace: None, ..age(nanos) };
        let mut version = version_with_a_cutoff();
        let mut retention = RetentionScheduler::new(policy, &version);
        let inputs = |seconds| RetentionInputs {
            busy: &[],
            wall_clock_nanos,
            monotonic_now: Duration::from_secs(seconds),
            synced_seq: 0,
        };
        for seconds in [0, 599, 600, 1_200] {
            let step = format!("age {nanos}, clock {wall_clock_nanos}, {seconds} s");
            let effects = retention.on(RetentionEvent::Apply, &version, inputs(seconds));
            if taken_back_at != Some(seconds) {
                assert!(!effects.iter().any(|effect| matches!(effect, Effect::HidePoints { .. })), "{step}");
                continue;
            }
            let timer = if nanos < 1_000 { TIMER } else { "arm Retention no later than 3600s" };
            expect(&step, &effects, &[timer, HIDE]);
            // The deletes took the next seq.
            version.seq += 1;
            let installed = retention.on(event_after_hiding(effects), &version, inputs(seconds));
            expect(&step, &installed, &[TAKE_BACK]);
            version = next_version(installed);
            let flushed = version.flushed_cutoffs();
            assert_eq!((version.cutoffs.global(), flushed.global()), (cutoff, Some(25)), "{step}");
            let applied = retention.on(RetentionEvent::TakenBack, &version, inputs(seconds));
            expect(&step, &applied, &["Compactor EmptySeries CutoffsMoved", timer, DELETE]);
        }
        assert_eq!(version.cutoffs.global(), cutoff, "age {nanos}, clock {wall_clock_nanos}");
    }
    // Retention by size has its own reason for a cutoff. Without a grace, the clock counts as right.
    let mut version = version_with_a_cutoff();
    Arc::make_mut(&mut version.retention).size_cutoff = Some(25);
    for (policy, version) in
        [(RetentionPolicy { grace: None, ..age(20) }, &version), (age(20), &version_with_a_cutoff())]
    {
        let inputs = RetentionInputs { busy: &[], wall_clock_nanos: 40, monotonic_now: Duration::ZERO, synced_seq: 0 };
        let effects = RetentionScheduler::new(policy, version).on(RetentionEvent::Apply, version, inputs);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::HidePoints { .. })));
    }
}

#[test]
fn the_cutoff_of_a_rule_is_taken_back_and_a_failed_delete_is_reported() {
    let predicate = Arc::new(EvenMetricPredicate::default());
    let rule = RetentionRule { selector: b"even".to_vec(), predicate, cutoff: Some(500) };
    let progress = AgeProgress { applied: 50, pending: None };
    let retention = Arc::new(RetentionProgress {
        trusted_time: Some(550),
        rule_ages: [(b"even".to_vec(), progress)].into(),
        ..RetentionProgress::default()
    });
    let version = Version { retention, ..many_series(4, Cutoffs::new(None, vec![rule])) };
    let policy = RetentionPolicy { rules: vec![Some(Duration::from_nanos(80))], ..RetentionPolicy::default() };
    let mut retention = RetentionScheduler::new(policy, &version);
    let inputs = RetentionInputs { busy: &[], wall_clock_nanos: 550, monotonic_now: Duration::ZERO, synced_seq: 0 };
    let hide = [TIMER, "hide 2 until 499, then Retention PointsHidden"];
    expect("a request", &retention.on(RetentionEvent::ApplyNow(reply()), &version, inputs), &hide);
    let failed = retention.on(RetentionEvent::NotHidden(Error::QueueFull), &version, inputs);
    let stored = "install, then Retention ProgressStored";
    expect("a failure", &failed, &["reply Err(QueueFull)", stored, DELETE]);
    let effects = retention.on(RetentionEvent::Apply, &version, inputs);
    expect("again", &effects, &hide);
    let next = next_version(retention.on(event_after_hiding(effects), &version, inputs));
    assert_eq!(next.cutoffs.rules()[0].cutoff, Some(470));
}

/// An SST has points of the superseded series that only the cutoff hides.
#[test]
fn the_delete_for_a_cutoff_that_is_taken_back_names_superseded_series() {
    let mut version = version_with_a_cutoff();
    version.series.mark_empty_by_check(version.seq, &series_set(&[0]));
    let (seq, duplicates) = (version.seq, DuplicatePolicy::default());
    let settings = NewSeriesSettings { seq, cap: 9, max_tags: 64, key_bytes_cap: u64::MAX, duplicates };
    version.series.find_or_create(&SeriesKey::new("m0"), ValueType::Bool, None, settings).unwrap();
    assert!(!version.series.takes_points(SeriesId::new(0)), "the series is superseded");
    let mut world = WriterHarness::over(version, RetentionPolicy { grace: None, ..age(20) }, usize::MAX);
    assert!(!world.go());
    let latest = world.latest.load();
    assert_eq!(latest.cutoffs.global(), Some(15), "the cutoff is taken back");
    let deleted: Vec<_> = latest.tombstones.iter().map(|delete| (delete.series.clone(), delete.range)).collect();
    assert_eq!(deleted, [(series_set(&[0, 1]), TimeRange::until(24))]);
}

#[test]
fn nothing_is_done_after_a_halt() {
    let version = files();
    let inputs = RetentionInputs { busy: &[], wall_clock_nanos: NOW, monotonic_now: Duration::ZERO, synced_seq: 0 };
    let mut retention = RetentionScheduler::new(age(10), &version);
    expect("a halt", &retention.on(RetentionEvent::Halt, &version, inputs), &[]);
    for event in [RetentionEvent::Apply, RetentionEvent::QueueDueDeletes, RetentionEvent::Stop, RetentionEvent::Halt] {
        expect("an event after it", &retention.on(event, &version, inputs), &[]);
    }
}

#[test]
fn after_a_failed_edit_checks_wait_twice_as_long_each_time() {
    let version = files();
    let mut retention = RetentionScheduler::new(age(10), &version);
    let at = |seconds: u64| RetentionInputs {
        busy: &[],
        wall_clock_nanos: NOW,
        monotonic_now: Duration::from_secs(seconds),
        synced_seq: version.flushed_seq,
    };
    let full = || Error::io("write", "manifest", std::io::ErrorKind::StorageFull.into());
    for (started, wait) in [(0, 1), (1, 2), (3, 4)] {
        let effects = retention.on(RetentionEvent::CheckDue, &version, at(started));
        expect("a check", &effects, &[TIMER, INSTALL, DELETE]);
        let failed = retention.on(RetentionEvent::InstallFailed(full()), &version, at(started));
        expect("a failure", &failed, &[&format!("arm Retention no later than {wait}s")]);
        let early = retention.on(RetentionEvent::CheckDue, &version, at(started));
        expect("too early", &early, &[&format!("arm Retention no later than {wait}s")]);
    }
    // New room ends the wait, and success the backoff.
    expect("a flush", &retention.on(RetentionEvent::Apply, &version, at(4)), &[TIMER, INSTALL, DELETE]);
    let installed = retention.on(RetentionEvent::Installed { files_dropped: 0 }, &version, at(4));
    expect("an install", &installed, &["Compactor EmptySeries CutoffsMoved"]);
    expect("a check", &retention.on(RetentionEvent::CheckDue, &version, at(4)), &[TIMER, INSTALL, DELETE]);
}

/// While a cutoff cannot be taken back, for a lack of space perhaps, files that a delete hides go all the same.
#[test]
fn files_are_dropped_while_a_cutoff_waits_to_be_taken_back() {
    const HIDE: &str = "hide 1 until 24, then Retention PointsHidden";
    let mut version = version_with_a_cutoff();
    version.seq = 9;
    let series = SeriesSet::from_sorted([SeriesId::new(0)]);
    version.tombstones.push_back(Arc::new(Tombstone { seq: 9, series, range: TimeRange::ALL }));
    let mut retention = RetentionScheduler::new(RetentionPolicy { grace: None, ..age(20) }, &version);
    let inputs = RetentionInputs { busy: &[], wall_clock_nanos: 40, monotonic_now: Duration::ZERO, synced_seq: 9 };
    expect("a request", &retention.on(RetentionEvent::ApplyNow(reply()), &version, inputs), &[TIMER, HIDE]);
    let effects = retention.on(RetentionEvent::NotHidden(Error::QueueFull), &version, inputs);
    let failed = "reply Err(QueueFull)";
    expect("a failure", &effects, &[failed, INSTALL, DELETE]);
    let next = next_version(effects);
    assert_eq!((next.cutoffs.global(), next.ssts.len()), (Some(25), 0), "the cutoff waits, the file is gone");
}

/// Returns a writer whose longer age takes back the cutoff of its version.
fn writer_with_a_cutoff() -> WriterHarness {
    WriterHarness::over(version_with_a_cutoff(), RetentionPolicy { grace: None, ..age(20) }, usize::MAX)
}

/// Applies retention once more. Returns the cutoff, and the number of appends so far.
fn apply_again(world: &mut WriterHarness) -> (Option<i64>, usize) {
    world.send(WriterCommand::ApplyRetention { reply: reply() });
    assert!(!world.go());
    (world.latest.load().cutoffs.global(), world.mock.look(|state| state.appends))
}

#[test]
fn the_delete_of_a_cutoff_that_cannot_be_taken_back_is_written_once() {
    let fail = |state: &mut MockState| {
        state.install_fails = Some(AppendError::NotWritten(Error::io("write", "manifest", ENOSPC.into())));
    };
    let mut world = writer_with_a_cutoff();
    world.mock.look(fail);
    assert!(!world.go());
    for _ in 0..2 {
        world.mock.look(fail);
        assert_eq!(apply_again(&mut world), (Some(25), 1));
    }
    assert_eq!(apply_again(&mut world), (Some(15), 1));
    // What is written behind the cutoff while it waits was hidden, and stays so.
    let mut world = writer_with_a_cutoff();
    world.mock.look(fail);
    assert!(!world.go());
    let late = world.write_to("m0", 20, Durability::Sync);
    assert!(!world.go());
    assert_eq!(late.recv_blocking().unwrap().unwrap().points_behind_cutoff, 1);
    assert_eq!(apply_again(&mut world), (Some(15), 3), "a second delete hides the late point");
}

/// A process that reads beside this one must show the delete before the edit that relies on it.
#[test]
fn a_cutoff_is_not_taken_back_before_its_delete_is_marked() {
    let mut world = writer_with_a_cutoff();
    world.mock.look(|state| state.marks_fail = 2);
    assert!(!world.go());
    assert_eq!(world.latest.load().cutoffs.global(), Some(25));
    assert_eq!(apply_again(&mut world), (Some(25), 1));
    assert_eq!(apply_again(&mut world), (Some(15), 1));
}

#[test]
fn a_sync_mark_that_could_not_be_written_is_written_later() {
    let mut world = WriterHarness::new();
    world.mock.look(|state| state.marks_fail = 1);
    let _write = world.write(Durability::Sync);
    assert!(!world.go());
    let due = world.on_timer(Timer::SyncMark).unwrap();
    world.mock.look(|state| {
        (state.now, state.due[Timer::SyncMark as usize]) = (due, None);
    });
    world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::SyncMark)));
    assert!(!world.go());
    assert_eq!(world.mock.look(|state| state.marks_fail), 0);
    assert_eq!(world.on_timer(Timer::SyncMark), Some(due + Duration::from_secs(1)));
}

/// A backup without the delete would show what a cutoff hid that was taken back behind it.
#[test]
fn a_version_that_was_replayed_into_memory_may_not_know_the_cutoffs_of_its_files() {
    let delete = |range| Arc::new(Tombstone { seq: 5, series: series_set(&[0]), range });
    let replayed = |range| Version { flushed_seq: 4, ..files() }.with_replayed_memtables(vec![], [delete(range)]);
    assert!(replayed(TimeRange::new(0, 24)).knows_flushed_cutoffs());
    let version = replayed(TimeRange::until(24));
    assert!(!version.knows_flushed_cutoffs());
    assert!(Version { flushed_seq: 5, ..version }.knows_flushed_cutoffs());
}
