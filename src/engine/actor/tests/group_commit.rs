//! Tests of the steps of a commit group.

use super::*;
use crate::engine::actor::group_commit::{CommitEffect, CommitEvent, CommitGroup, PendingReply, PreparedCommand};
use crate::state::log_record::AppendError;
use crate::state::metric_metadata::MetadataMap;

/// Returns a group of one command.
fn group(has_records: bool, needs_sync: bool) -> CommitGroup {
    let durability = if needs_sync { Durability::Sync } else { Durability::Os };
    let command = PreparedCommand {
        seq: has_records.then_some(1),
        definitions: Vec::new(),
        series: Vec::new(),
        batch: Batch::new(),
        points_behind_cutoff: 0,
        delete: None,
        metadata: None,
        reply: PendingReply::Write { reply: reply_channel().0, durability },
        permit: None,
    };
    CommitGroup::new(vec![command], 1, has_records, SeriesIndex::default(), MetadataMap::default())
}

/// Returns the steps of a group in which the given step, or no step, fails.
fn steps(group: &CommitGroup, has_unsynced: bool, fails: Option<&str>) -> Vec<&'static str> {
    let mut steps = Vec::new();
    let mut event = CommitEvent::Prepared { has_unsynced };
    loop {
        let effect = group.on(event);
        let name = match &effect {
            CommitEffect::Append => "append",
            CommitEffect::Sync => "sync",
            CommitEffect::Apply => "apply",
            CommitEffect::Acknowledge => "acknowledge",
            CommitEffect::Fail { read_only_cause: None, error: Error::WriteFailed { .. } } => "fail",
            CommitEffect::Fail { read_only_cause: Some(_), error: Error::OutcomeUnknown { .. } } => "read-only, fail",
            CommitEffect::Fail { read_only_cause: Some(_), error: Error::ReadOnly { .. } } => "read-only, refuse",
            CommitEffect::Fail { .. } => "wrong error",
        };
        steps.push(name);
        event = match (effect, fails) {
            (CommitEffect::Append, Some("append")) => CommitEvent::AppendFailed(AppendError::NotWritten(Error::Closed)),
            (CommitEffect::Append, Some("append, unknown")) => {
                CommitEvent::AppendFailed(AppendError::OutcomeUnknown(Error::Closed))
            }
            (CommitEffect::Append, Some("append, read-only")) => {
                CommitEvent::AppendFailed(AppendError::ReadOnly(Error::Closed))
            }
            (CommitEffect::Sync, Some("sync")) => CommitEvent::SyncFailed(Error::Closed),
            (CommitEffect::Append, _) => CommitEvent::Appended,
            (CommitEffect::Sync, _) => CommitEvent::Synced,
            (CommitEffect::Apply, _) => CommitEvent::Applied,
            (CommitEffect::Acknowledge | CommitEffect::Fail { .. }, _) => return steps,
        };
    }
}

#[test]
fn a_group_is_durable_then_visible_then_acknowledged() {
    // Columns: the group has records, the group requests a sync, earlier records are unsynced, expected steps.
    let table: [(bool, bool, bool, &[&str]); 8] = [
        (true, true, false, &["append", "sync", "apply", "acknowledge"]),
        (true, true, true, &["append", "sync", "apply", "acknowledge"]),
        (true, false, false, &["append", "apply", "acknowledge"]),
        (true, false, true, &["append", "apply", "acknowledge"]),
        (false, true, true, &["sync", "acknowledge"]),
        (false, true, false, &["acknowledge"]),
        (false, false, true, &["acknowledge"]),
        (false, false, false, &["acknowledge"]),
    ];
    for (has_records, needs_sync, has_unsynced, expected) in table {
        let row = (has_records, needs_sync, has_unsynced);
        assert_eq!(steps(&group(has_records, needs_sync), has_unsynced, None), expected, "{row:?}");
    }
}

#[test]
fn a_failed_step_fails_the_whole_group_before_it_is_visible() {
    let table: [(&str, bool, &[&str]); 5] = [
        ("append", true, &["append", "fail"]),
        ("append, unknown", true, &["append", "read-only, fail"]),
        ("append, read-only", true, &["append", "read-only, refuse"]),
        ("sync", true, &["append", "sync", "read-only, fail"]),
        ("sync", false, &["sync", "read-only, fail"]),
    ];
    for (fails, has_records, expected) in table {
        assert_eq!(steps(&group(has_records, true), true, Some(fails)), expected, "{fails}, {has_records}");
    }
}

#[test]
fn an_acknowledgement_reports_the_durability_reached() {
    // Columns: the group requests a sync, earlier records are unsynced, reported durability.
    let table = [(true, false, Durability::Sync), (false, false, Durability::Os), (false, true, Durability::Os)];
    for (needs_sync, has_unsynced, expected) in table {
        let (reply, answer) = reply_channel();
        let mut group = group(false, needs_sync);
        let durability = if needs_sync { Durability::Sync } else { Durability::Os };
        group.commands[0].reply = PendingReply::Write { reply, durability };
        group.acknowledge(9, has_unsynced);
        let ack = answer.recv_blocking().unwrap().result.unwrap();
        assert_eq!((ack.seq, ack.durability), (9, expected), "an empty batch reports the newest seq");
    }
}
