//! Tests of the shutdown state machine.

use super::tables::{expect, reply, version_with_memtables};
use super::*;
use crate::engine::actor::shutdown::{ShutdownEvent, ShutdownState};

fn go_on() -> ShutdownEvent {
    ShutdownEvent::Continue { writable: Ok(()), flush_error: None }
}

#[track_caller]
fn run_table(rows: Vec<(ShutdownEvent, &Version, &[&str])>) -> ShutdownState {
    let mut shutdown = ShutdownState::Running;
    for (event, version, expected) in rows {
        let step = format!("{event:?}");
        let effects = shutdown.on(event, version);
        expect(&step, &effects, expected);
    }
    shutdown
}

const STARTS: &[&str] = &["reject queue", "Retention Stop", "Flush ShutdownStarted"];

#[test]
fn a_close_freezes_waits_for_the_flush_and_is_answered_after_a_sync() {
    let (empty, active) = (version_with_memtables(&[], false), version_with_memtables(&[], true));
    let frozen = version_with_memtables(&[1], false);
    let shutdown = run_table(vec![
        (go_on(), &active, &[]),
        (ShutdownEvent::Requested, &active, &["Compactor ShutdownRequested"]),
        (ShutdownEvent::Requested, &active, &[]),
        (go_on(), &active, &[]),
        (ShutdownEvent::Started(Some(reply())), &active, STARTS),
        (go_on(), &active, &["freeze for a close"]),
        (ShutdownEvent::FreezeFinished(Ok(())), &frozen, &[]),
        (go_on(), &frozen, &[]),
        (go_on(), &empty, &["sync and reply Ok(())"]),
        (go_on(), &empty, &[]),
    ]);
    assert!(shutdown.is_stopped());
}

#[test]
fn a_close_without_room_for_a_frozen_memtable_waits() {
    let shutdown = run_table(vec![
        (ShutdownEvent::Started(Some(reply())), &version_with_memtables(&[1, 2], true), STARTS),
        (go_on(), &version_with_memtables(&[1, 2], true), &[]),
        (go_on(), &version_with_memtables(&[2], true), &["freeze for a close"]),
    ]);
    assert!(shutdown.has_started() && !shutdown.is_stopped());
}

#[test]
fn a_close_fails_with_what_stops_it_and_syncs_all_the_same() {
    let (active, frozen) = (version_with_memtables(&[], true), version_with_memtables(&[1], false));
    let failures = [
        ShutdownEvent::Continue { writable: Err(Error::QueueFull), flush_error: Some(Error::Closed) },
        ShutdownEvent::Continue { writable: Ok(()), flush_error: Some(Error::QueueFull) },
        ShutdownEvent::FreezeFinished(Err(Error::QueueFull)),
    ];
    for failure in failures {
        let version = if matches!(failure, ShutdownEvent::FreezeFinished(_)) { &active } else { &frozen };
        let shutdown = run_table(vec![
            (ShutdownEvent::Started(Some(reply())), version, STARTS),
            (failure, version, &["sync and reply Err(QueueFull)"]),
        ]);
        assert!(shutdown.is_stopped());
    }
}

#[test]
fn a_release_syncs_and_waits_for_no_flush() {
    let version = version_with_memtables(&[1, 2], true);
    let shutdown = run_table(vec![
        (ShutdownEvent::Requested, &version, &["Compactor ShutdownRequested"]),
        (ShutdownEvent::Started(None), &version, STARTS),
        (go_on(), &version, &["sync"]),
    ]);
    assert!(shutdown.is_stopped());
}

#[test]
fn a_panic_of_another_actor_stops_at_once() {
    let version = version_with_memtables(&[1], true);
    let halts: &[&str] = &["Compactor Halt", "Retention Halt"];
    let shutdown = run_table(vec![
        (ShutdownEvent::Started(Some(reply())), &version, STARTS),
        (ShutdownEvent::ActorPanicked, &version, halts),
        (go_on(), &version, &[]),
    ]);
    assert!(shutdown.is_stopped() && shutdown.is_requested() && shutdown.has_started());
}

#[test]
fn an_end_removes_unused_space_once_and_not_if_the_log_has_failed() {
    for (is_read_only, removed) in [(false, 1), (true, 0)] {
        let mut harness = WriterHarness::new();
        if is_read_only {
            harness.mock.look(|state| state.marks_outcome_unknown = true);
        }
        harness.send(WriterCommand::Release);
        assert!(harness.go());
        assert_eq!(harness.mock.look(|state| state.unused_space_removed), removed);
    }
}
