//! Tests of the retention state machine.

use super::tables::{expect, next_version, reply, version_with_files};
use super::*;
use crate::engine::actor::effects::Effects;
use crate::engine::actor::retention::{RetentionEvent, RetentionInputs, RetentionScheduler};

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
    let inputs = RetentionInputs { busy, wall_clock_nanos, monotonic_now: Duration::ZERO };
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
    let inputs = RetentionInputs { busy: &[], wall_clock_nanos: NOW, monotonic_now: Duration::ZERO };
    for (cutoff, expected) in table {
        let moved = version.after_retention(version.cutoffs.advanced_to(None, &[Some(cutoff)]), &[]);
        let installed = retention.on(RetentionEvent::Installed { files_dropped: 0 }, &moved, inputs);
        expect("an install", &installed, &["Compactor EmptySeries CutoffsAdvanced"]);
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
        let inputs = RetentionInputs { busy: &[], wall_clock_nanos: NOW, monotonic_now };
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
    let answered = ["Compactor EmptySeries CutoffsAdvanced", "reply Ok(())"];
    apply_at(&mut retention, &mut version, installed, 2_001, &answered);
    let again = RetentionEvent::ApplyNow(reply());
    apply_at(&mut retention, &mut version, again, 2_002, &[TIMER, DELETE, "reply Ok(())"]);
    // The install fails.
    let mut retention = RetentionScheduler::new(policy, &files());
    apply_at(&mut retention, &mut files(), RetentionEvent::ApplyNow(reply()), 0, &[TIMER, INSTALL, DELETE]);
    let failed = RetentionEvent::ReadOnly(Error::QueueFull);
    apply_at(&mut retention, &mut files(), failed, 0, &["reply Err(QueueFull)"]);
}

#[test]
fn nothing_is_done_after_a_halt() {
    let version = files();
    let inputs = RetentionInputs { busy: &[], wall_clock_nanos: NOW, monotonic_now: Duration::ZERO };
    let mut retention = RetentionScheduler::new(age(10), &version);
    expect("a halt", &retention.on(RetentionEvent::Halt, &version, inputs), &[]);
    for event in [RetentionEvent::Apply, RetentionEvent::QueueDueDeletes, RetentionEvent::Stop, RetentionEvent::Halt] {
        expect("an event after it", &retention.on(event, &version, inputs), &[]);
    }
}
