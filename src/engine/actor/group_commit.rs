//! Group commit: queued commands share one append, at most one sync and one publish.
//!
//! The state machine of one group:
//!
//! ```text
//!   Prepared ──▶ Append ──▶ Sync ──▶ Apply ──▶ Acknowledge
//!                  │          │
//!                  └──────────┴──▶ Fail (the whole group)
//! ```
//!
//! Steps that are not needed are skipped: a group without records has no `Append` and no `Apply`. `Sync` is skipped
//! unless a command of the group asks for it and a record, of this group or an earlier one, is unsynced.
//!
//! Invariants:
//! - A group is appended, synced if a command asks for it, made visible, then acknowledged. What is acknowledged as
//!   synced survives a power loss.
//! - A group becomes visible as a whole: points, created series, deletes and metadata in one store.
//! - In its own group a delete hides the points of earlier commands, and of no later ones.
//! - After an append that failed with [`NotWritten`](AppendError::NotWritten), only the group fails. If the outcome of
//!   an append or a sync is unknown, or the storage accepts nothing more, the database also becomes read-only, before
//!   the group is answered.
//! - The permit of a prepared command is released before its reply is sent, so that a caller that has the reply finds
//!   the queue's memory free. A rejected command is answered first.

use super::messages::{Ack, WriteReply};
use crate::state::log_record::{AppendError, LogRecord};
use crate::state::metric_metadata::{MetadataChange, MetadataMap};
use crate::state::series_index::SeriesIndex;
use crate::state::tombstone::Tombstone;
use crate::sync::{Arc, Permit, ReplySender};
use crate::types::error::{Error, Result};
use crate::types::options::Durability;
use crate::types::point::{Batch, PointColumns};
use crate::types::series::{SeriesId, SeriesInfo};

/// Event for a commit group.
#[derive(Debug)]
pub(super) enum CommitEvent {
    /// The group was built. `has_unsynced` is `true` if a record of an earlier group is unsynced.
    Prepared {
        has_unsynced: bool,
    },
    Appended,
    AppendFailed(AppendError),
    Synced,
    SyncFailed(Error),
    Applied,
}

/// Next step of a commit group.
#[derive(Debug)]
pub(super) enum CommitEffect {
    /// Appends the group's records to the WAL.
    Append,
    /// Syncs the WAL.
    Sync,
    /// Inserts the group into the memtable and publishes it.
    Apply,
    /// Answers every command with success.
    Acknowledge,
    /// Answers every command with the error.
    ///
    /// If there is a `read_only_cause`, the database becomes read-only first.
    Fail { error: Error, read_only_cause: Option<Error> },
}

/// Commands that share one append and at most one sync.
#[derive(Debug)]
pub(super) struct CommitGroup {
    pub(super) commands: Vec<PreparedCommand>,
    /// Seq of the newest record once the group is applied.
    pub(super) seq: u64,
    has_records: bool,
    needs_sync: bool,
    /// Series index once the group is applied; `None` after the apply step, which takes it.
    pub(super) series: Option<SeriesIndex>,
    /// Metadata of metrics once the group is applied.
    pub(super) metadata: MetadataMap,
}

/// Command that was checked: only its append or sync can still fail.
#[derive(Debug)]
pub(super) struct PreparedCommand {
    /// Seq of its record; `None` if it has no record.
    pub(super) seq: Option<u64>,
    pub(super) definitions: Vec<Arc<SeriesInfo>>,
    /// Series of the points of the batch, in their order.
    pub(super) series: Vec<SeriesId>,
    pub(super) batch: Batch,
    /// Number of points of the batch that a cutoff hides already.
    pub(super) points_behind_cutoff: u64,
    pub(super) delete: Option<Arc<Tombstone>>,
    pub(super) metadata: Option<MetadataChange>,
    pub(super) reply: PendingReply,
    /// Held until right before the reply.
    ///
    /// After a success the points are in the memtable by then, and its size includes them.
    pub(super) permit: Option<Permit>,
}

/// Sender of a command's reply, with the data for the reply and the requested durability.
#[derive(Debug)]
pub(super) enum PendingReply {
    Write {
        reply: ReplySender<WriteReply>,
        durability: Durability,
    },
    Series {
        reply: ReplySender<Result<Vec<SeriesId>>>,
        ids: Vec<SeriesId>,
        durability: Durability,
    },
    Sync {
        reply: ReplySender<Result<()>>,
    },
    /// Reply to a delete, or to a change of metadata; `None` for a delete of retention.
    Ack {
        reply: Option<ReplySender<Result<Ack>>>,
        durability: Durability,
    },
}

impl CommitGroup {
    pub(super) fn new(
        commands: Vec<PreparedCommand>,
        seq: u64,
        has_records: bool,
        series: SeriesIndex,
        metadata: MetadataMap,
    ) -> Self {
        let needs_sync = commands.iter().any(|command| command.durability() == Durability::Sync);
        Self { commands, seq, has_records, needs_sync, series: Some(series), metadata }
    }

    /// Returns the step that follows an event.
    pub(super) fn on(&self, event: CommitEvent) -> CommitEffect {
        match event {
            CommitEvent::Prepared { .. } if self.has_records => CommitEffect::Append,
            CommitEvent::Prepared { has_unsynced } if has_unsynced && self.needs_sync => CommitEffect::Sync,
            // Before anything is visible or acknowledged: an acknowledgement must survive the next power loss.
            CommitEvent::Appended if self.needs_sync => CommitEffect::Sync,
            CommitEvent::Appended => CommitEffect::Apply,
            CommitEvent::Synced if self.has_records => CommitEffect::Apply,
            CommitEvent::Prepared { .. } | CommitEvent::Synced | CommitEvent::Applied => CommitEffect::Acknowledge,
            CommitEvent::AppendFailed(AppendError::NotWritten(error)) => {
                CommitEffect::Fail { error: Error::write_failed(error), read_only_cause: None }
            }
            CommitEvent::AppendFailed(AppendError::ReadOnly(cause)) => {
                let error = Error::read_only(cause.clone());
                CommitEffect::Fail { error, read_only_cause: Some(cause) }
            }
            CommitEvent::AppendFailed(AppendError::OutcomeUnknown(cause)) | CommitEvent::SyncFailed(cause) => {
                let error = Error::outcome_unknown(cause.clone());
                CommitEffect::Fail { error, read_only_cause: Some(cause) }
            }
        }
    }

    /// Returns the group's records, in order.
    pub(super) fn records(&self) -> Vec<LogRecord<'_>> {
        self.commands.iter().filter_map(PreparedCommand::record).collect()
    }

    /// Registers the series whose ids are returned for handles.
    pub(super) fn register_handles(&self, series: &SeriesIndex) {
        for command in &self.commands {
            let PendingReply::Series { ids, .. } = &command.reply else { continue };
            ids.iter().filter_map(|id| series.get(*id)).for_each(|def| series.register_handle(def));
        }
    }

    /// Answers every command with success.
    ///
    /// `newest` is the seq of the newest visible record. `has_unsynced` is `true` if an appended record is unsynced.
    pub(super) fn acknowledge(self, newest: u64, has_unsynced: bool) {
        let synced = self.needs_sync && !has_unsynced;
        for command in self.commands {
            command.acknowledge(newest, synced);
        }
    }

    /// Answers every command with the error.
    pub(super) fn fail(self, error: &Error) {
        for command in self.commands {
            command.fail(error);
        }
    }
}

impl PreparedCommand {
    pub(super) fn record(&self) -> Option<LogRecord<'_>> {
        let points =
            PointColumns { series: &self.series, timestamps: self.batch.timestamps(), bits: self.batch.bits() };
        let delete = self.delete.as_deref();
        let metadata = self.metadata.as_ref();
        self.seq.map(|seq| LogRecord { seq, definitions: &self.definitions, points, delete, metadata })
    }

    pub(super) fn durability(&self) -> Durability {
        match &self.reply {
            PendingReply::Write { durability, .. }
            | PendingReply::Series { durability, .. }
            | PendingReply::Ack { durability, .. } => *durability,
            PendingReply::Sync { .. } => Durability::Sync,
        }
    }

    fn acknowledge(self, newest: u64, synced: bool) {
        // Before the reply, so that a caller that has the reply finds the queue's memory free.
        drop(self.permit);
        match self.reply {
            PendingReply::Write { reply, durability } => {
                let durability = if synced { Durability::Sync } else { durability };
                let points_behind_cutoff = self.points_behind_cutoff;
                let ack = Ack { seq: self.seq.unwrap_or(newest), durability, points_behind_cutoff };
                reply.send(WriteReply { batch: self.batch, result: Ok(ack) });
            }
            PendingReply::Ack { reply: Some(reply), durability } => {
                let durability = if synced { Durability::Sync } else { durability };
                reply.send(Ok(Ack { seq: self.seq.unwrap_or(newest), durability, points_behind_cutoff: 0 }));
            }
            PendingReply::Ack { reply: None, .. } => {}
            PendingReply::Series { reply, ids, .. } => reply.send(Ok(ids)),
            PendingReply::Sync { reply } => reply.send(Ok(())),
        }
    }

    fn fail(self, error: &Error) {
        drop(self.permit);
        self.reply.fail(self.batch, error);
    }
}

impl PendingReply {
    /// Replies with an error. The reply to a write also returns `batch`.
    fn fail(self, batch: Batch, error: &Error) {
        match self {
            Self::Write { reply, .. } => reply.send(WriteReply { batch, result: Err(error.clone()) }),
            Self::Ack { reply: Some(reply), .. } => reply.send(Err(error.clone())),
            Self::Ack { reply: None, .. } => {}
            Self::Series { reply, .. } => reply.send(Err(error.clone())),
            Self::Sync { reply } => reply.send(Err(error.clone())),
        }
    }
}
