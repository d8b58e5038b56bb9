//! Tests of the flush state machine.

use super::tables::{expect, reply, version_with_memtables};
use super::*;
use crate::engine::actor::backoff::{MAX_BACKOFF, MIN_BACKOFF};
use crate::engine::actor::flush::{FlushEvent, FlushScheduler};

fn finished(generation: u64) -> FlushEvent {
    FlushEvent::Finished { generation, outcome: Ok(JobOutput::default()), now: Duration::ZERO }
}

fn failed(generation: u64) -> FlushEvent {
    FlushEvent::Finished { generation, outcome: Err(Error::QueueFull), now: Duration::ZERO }
}

fn requested() -> FlushEvent {
    FlushEvent::Requested { reply: reply(), writable: Ok(()) }
}

fn installed(generation: u64) -> FlushEvent {
    FlushEvent::Installed { generation, files: 0, duration: Duration::ZERO }
}

/// Runs a table: each row is an event, the current version, and the expected effects.
#[track_caller]
fn run_table(flush: &mut FlushScheduler, rows: Vec<(FlushEvent, &Version, &[&str])>) {
    for (event, version, expected) in rows {
        let step = format!("{event:?}");
        let effects = flush.on(event, version);
        expect(&step, &effects, expected);
    }
}

#[test]
fn a_flush_is_installed_before_its_waiters_are_answered_and_the_next_one_starts() {
    let two = version_with_memtables(&[1, 2], false);
    let one = version_with_memtables(&[2], false);
    let mut flush = FlushScheduler::new();
    run_table(
        &mut flush,
        vec![
            (FlushEvent::MemtableFrozen, &version_with_memtables(&[1], false), &["start flush 1"]),
            (requested(), &version_with_memtables(&[1], false), &[]),
            (FlushEvent::MemtableFrozen, &two, &[]),
            (requested(), &two, &[]),
            (finished(1), &two, &["install, then Flush Installed"]),
            (installed(1), &one, &["drop WAL segments", "Retention Apply", "Flush Settled", "Compactor Wake"]),
            (FlushEvent::Settled { generation: 1 }, &one, &["reply Ok(())", "start flush 2"]),
            (finished(2), &one, &["install, then Flush Installed"]),
            (FlushEvent::Settled { generation: 2 }, &version_with_memtables(&[], false), &["reply Ok(())"]),
        ],
    );
}

#[test]
fn a_flush_command_freezes_first_and_waits_for_its_memtable() {
    let mut flush = FlushScheduler::new();
    let (active, frozen) = (version_with_memtables(&[], true), version_with_memtables(&[7], false));
    let frozen_for = |outcome| FlushEvent::CommandFreezeFinished { reply: reply(), outcome };
    run_table(
        &mut flush,
        vec![
            (requested(), &version_with_memtables(&[], false), &["reply Ok(())"]),
            (requested(), &active, &["freeze for a flush command"]),
            (frozen_for(Err(Error::QueueFull)), &active, &["reply Err(QueueFull)"]),
            (requested(), &active, &["freeze for a flush command"]),
            (FlushEvent::MemtableFrozen, &frozen, &["start flush 7"]),
            (frozen_for(Ok(())), &frozen, &[]),
            (FlushEvent::Settled { generation: 7 }, &version_with_memtables(&[], false), &["reply Ok(())"]),
        ],
    );
}

#[test]
fn a_failed_flush_backs_off_until_a_timer_a_command_or_a_shutdown_ends_it() {
    let version = version_with_memtables(&[1], false);
    let failure = |wait: &str| format!("arm FlushRetry {wait}");
    for (event, expected, keeps_error) in [
        (FlushEvent::MemtableFrozen, &[][..], true),
        (FlushEvent::RetryDue, &["start flush 1"], true),
        (requested(), &["start flush 1"], true),
        (FlushEvent::ShutdownStarted, &["start flush 1"], false),
    ] {
        let mut flush = FlushScheduler::new();
        let fail = failure("100ms");
        let fails = [fail.as_str(), "reply Err(QueueFull)", "reject queued flushes QueueFull"];
        run_table(
            &mut flush,
            vec![
                (FlushEvent::MemtableFrozen, &version, &["start flush 1"]),
                (requested(), &version, &[]),
                (failed(1), &version, &fails),
                (event, &version, expected),
            ],
        );
        assert_eq!(
            flush.failure().is_some(),
            keeps_error,
            "the error stays until a flush succeeds or a shutdown starts"
        );
    }
}

#[test]
fn the_backoff_doubles_up_to_its_bound_and_a_success_resets_it() {
    let version = version_with_memtables(&[1], false);
    let mut flush = FlushScheduler::new();
    let mut wait = MIN_BACKOFF;
    for _ in 0..12 {
        let retry = format!("arm FlushRetry {wait:?}");
        run_table(
            &mut flush,
            vec![
                (FlushEvent::RetryDue, &version, &["start flush 1"]),
                (failed(1), &version, &[&retry, "reject queued flushes QueueFull"]),
            ],
        );
        wait = (wait * 2).min(MAX_BACKOFF);
    }
    assert_eq!(wait, MAX_BACKOFF);
    assert!(flush.failure().is_some());
    drop(flush.on(installed(1), &version));
    assert!(flush.failure().is_none());
    let first = format!("arm FlushRetry {MIN_BACKOFF:?}");
    run_table(
        &mut flush,
        vec![
            (FlushEvent::RetryDue, &version, &["start flush 1"]),
            (failed(1), &version, &[&first, "reject queued flushes QueueFull"]),
        ],
    );
}

#[test]
fn a_flush_command_without_room_waits_unless_flushes_fail() {
    let full = version_with_memtables(&[1, 2], true);
    let mut flush = FlushScheduler::new();
    assert!(flush.must_wait(&full));
    assert!(!flush.must_wait(&version_with_memtables(&[1, 2], false)), "nothing is to be frozen");
    assert!(!flush.must_wait(&version_with_memtables(&[1], true)), "there is room");
    drop(flush.on(failed(1), &full));
    assert!(!flush.must_wait(&full));
    run_table(&mut flush, vec![(requested(), &full, &["reply Err(QueueFull)", "start flush 1"])]);
}

#[test]
fn a_read_only_database_fails_the_waiters_and_flushes_nothing_more() {
    let version = version_with_memtables(&[1], false);
    let read_only = || Error::read_only(Error::QueueFull);
    let answer = "reply Err(ReadOnly { cause: QueueFull })";
    let mut flush = FlushScheduler::new();
    run_table(
        &mut flush,
        vec![
            (FlushEvent::MemtableFrozen, &version, &["start flush 1"]),
            (requested(), &version, &[]),
            (FlushEvent::ReadOnly(read_only()), &version, &[answer]),
            // The flush was installed, and retention failed before the waiters were answered.
            (FlushEvent::Settled { generation: 1 }, &version, &[]),
            (finished(1), &version, &[]),
            (FlushEvent::RetryDue, &version, &[]),
            (FlushEvent::MemtableAged, &version_with_memtables(&[], true), &[]),
            (FlushEvent::Requested { reply: reply(), writable: Err(read_only()) }, &version, &[answer]),
        ],
    );
    assert!(!flush.must_wait(&version_with_memtables(&[1, 2], true)));
}

#[test]
fn a_result_for_another_memtable_than_the_oldest_is_discarded() {
    let version = version_with_memtables(&[1, 2], false);
    let outcome = Ok(JobOutput { ssts: vec![l0_file(1, 1, 0), l0_file(2, 1, 0)], duration: Duration::ZERO });
    let mut flush = FlushScheduler::new();
    run_table(
        &mut flush,
        vec![(FlushEvent::Finished { generation: 2, outcome, now: Duration::ZERO }, &version, &["remove 2 SSTs"])],
    );
}

#[test]
fn an_aged_memtable_is_frozen_once_there_is_room() {
    let mut flush = FlushScheduler::new();
    run_table(
        &mut flush,
        vec![
            (FlushEvent::MemtableAged, &version_with_memtables(&[1], false), &[]),
            (FlushEvent::MemtableAged, &version_with_memtables(&[1], true), &["freeze for the age"]),
            (FlushEvent::MemtableAged, &version_with_memtables(&[1, 2], true), &["arm MemtableAge 30s"]),
            (FlushEvent::AgeFreezeFinished(Ok(())), &version_with_memtables(&[1], false), &[]),
            (
                FlushEvent::AgeFreezeFinished(Err(Error::QueueFull)),
                &version_with_memtables(&[1], true),
                &["arm MemtableAge 30s"],
            ),
        ],
    );
}

#[test]
fn a_shutdown_without_a_failed_flush_starts_none() {
    let version = version_with_memtables(&[1], false);
    run_table(&mut FlushScheduler::new(), vec![(FlushEvent::ShutdownStarted, &version, &[])]);
}
