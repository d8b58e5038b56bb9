//! Messages between handles and actors: commands request an action, events report one.
//!
//! Each command of a caller contains the sender of its reply.

use super::interfaces::{CompactionJob, EmptySeriesFound, EmptySeriesJob, JobOutput, SeriesToCheck, Timer};
use crate::state::file_id::FileId;
use crate::state::metric_metadata::MetadataChange;
use crate::sync::{Arc, Permit, ReplySender};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::Durability;
use crate::types::point::{Batch, ValueType};
use crate::types::series::{SeriesId, SeriesKey, SeriesPredicate, SeriesSet};
use crate::types::time_range::TimeRange;

/// Acknowledgement of a write: its place in the total order, and the durability reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    /// Sequence number of the batch, delete or change of metadata in the total order.
    ///
    /// A request without a record, such as an empty batch, has none and reports the newest one.
    pub seq: u64,
    /// Durability reached when the request was acknowledged.
    ///
    /// `Sync` if it was synced by then, whatever durability was requested; else the requested one.
    pub durability: Durability,
    /// Number of points of the batch that retention hides already, so that they are never visible.
    ///
    /// [`reject_behind_cutoff`](crate::DbBuilder::reject_behind_cutoff) rejects such a batch instead.
    pub points_behind_cutoff: u64,
}

/// Message in the writer's inbox.
#[derive(Debug)]
pub(crate) enum WriterMessage {
    /// Command to queue.
    ///
    /// Commands are executed in order, except while writes are stalled: then a sync overtakes them, and, if the flush
    /// fails, a delete overtakes the commands of other callers, and commands that waited too long are rejected.
    Command(QueuedCommand),
    /// Event, which is handled at once, because queued commands may wait for it.
    Event(WriterEvent),
}

/// Identifies a handle of an opening. The commands of one handle are executed in the order in which it sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallerId(pub(crate) u64);

/// Command with its origin and its permit.
#[derive(Debug)]
pub(crate) struct QueuedCommand {
    pub(crate) command: WriterCommand,
    /// `None` for commands of the engine: close, release and deletes of retention.
    pub(crate) caller: Option<CallerId>,
    /// Dropped right after the reply or earlier.
    ///
    /// `None` for close, release and deletes of retention.
    pub(crate) permit: Option<Permit>,
}

/// Command to the writer.
#[derive(Debug)]
pub(crate) enum WriterCommand {
    /// Appends a batch. Boxed, because the request is large.
    Write(Box<WriteRequest>),
    /// Finds or creates series. One record contains all that are created.
    CreateSeries {
        keys: Vec<(SeriesKey, ValueType)>,
        /// Policy of the created series, which existing series must have, too.
        ///
        /// `None`: created series get the policy of the database, and existing series may have any.
        duplicates: Option<DuplicatePolicy>,
        reply: ReplySender<Result<Vec<SeriesId>>>,
    },
    /// Hides the points of some series in a time range, of earlier records only.
    Delete(Box<DeleteRequest>),
    /// Changes the metadata of a metric. A change that changes nothing has no record.
    SetMetadata { change: MetadataChange, reply: ReplySender<Result<Ack>> },
    /// Makes all acknowledged records durable.
    Sync { reply: ReplySender<Result<()>> },
    /// Writes the points of all earlier records to SSTs.
    Flush { reply: ReplySender<Result<()>> },
    /// Merges everything that is in SSTs by then into the base, and checks for empty series.
    Compact { reply: ReplySender<Result<()>> },
    /// Applies retention by age without the grace of pending moves.
    ApplyRetention { reply: ReplySender<Result<()>> },
    /// Flushes, syncs and stops.
    Close { reply: ReplySender<Result<()>> },
    /// Syncs and stops, after the last handle was dropped.
    Release,
}

impl WriterCommand {
    /// Returns the approximate bytes of the command in queue and WAL; 0 if it contains no data.
    pub(crate) fn byte_len(&self) -> usize {
        match self {
            Self::Write(write) => write.batch.byte_len(),
            Self::CreateSeries { keys, .. } => keys.iter().map(|(key, _)| key.byte_len()).sum(),
            Self::Delete(delete) => delete.selected.byte_len(),
            Self::SetMetadata { change, .. } => change.byte_len(),
            _ => 0,
        }
    }

    /// Returns the approximate bytes of memory that the points and series of the command take.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Write(write) => write.batch.queue_bytes(),
            _ => 0,
        }
    }

    /// Returns `true` if the command may share a commit group with others.
    pub(super) fn is_groupable(&self) -> bool {
        self.needs_room() || matches!(self, Self::Delete(_) | Self::Sync { .. })
    }

    /// Returns `true` if the command contains no data.
    pub(crate) fn is_control(&self) -> bool {
        !self.needs_room() && !self.is_delete()
    }

    /// Returns `true` if the command adds points, series or metadata, for which a full disk has no room.
    pub(super) fn needs_room(&self) -> bool {
        matches!(self, Self::Write(_) | Self::CreateSeries { .. } | Self::SetMetadata { .. })
    }

    pub(crate) fn is_delete(&self) -> bool {
        matches!(self, Self::Delete(_))
    }

    /// Returns `true` if the command must not wait for the retry of a failed flush.
    pub(super) fn refuses_to_wait(&self) -> bool {
        matches!(self, Self::Write(write) if !write.may_wait)
    }

    /// Returns `true` if the command stops the writer.
    pub(super) fn is_shutdown(&self) -> bool {
        matches!(self, Self::Close { .. } | Self::Release)
    }

    /// Answers the command with an error.
    pub(super) fn reject(self, error: &Error) {
        match self {
            Self::Write(write) => {
                let WriteRequest { batch, reply, .. } = *write;
                reply.send(WriteReply { batch, result: Err(error.clone()) });
            }
            Self::CreateSeries { reply, .. } => reply.send(Err(error.clone())),
            Self::SetMetadata { reply, .. } => reply.send(Err(error.clone())),
            Self::Delete(delete) => drop(delete.reply.map(|reply| reply.send(Err(error.clone())))),
            Self::Sync { reply }
            | Self::Flush { reply }
            | Self::Compact { reply }
            | Self::ApplyRetention { reply }
            | Self::Close { reply } => reply.send(Err(error.clone())),
            Self::Release => {}
        }
    }
}

/// A batch to append.
#[derive(Debug)]
pub(crate) struct WriteRequest {
    pub(crate) batch: Batch,
    pub(crate) durability: Durability,
    /// `false` if the write must not wait for the retry of a failed flush.
    pub(crate) may_wait: bool,
    pub(crate) reply: ReplySender<WriteReply>,
}

/// Reply to a write: the outcome, and the batch, so that its memory can be reused.
#[derive(Debug)]
pub(crate) struct WriteReply {
    pub(crate) batch: Batch,
    pub(crate) result: Result<Ack>,
}

/// Delete request.
///
/// The selection was resolved when the request was created, against the series that existed then.
#[derive(Debug)]
pub(crate) struct DeleteRequest {
    /// Series that matched, among those with ids below `resolved_end`.
    pub(crate) selected: SeriesSet,
    pub(crate) resolved_end: u32,
    /// Predicate for series that were created later, up to the delete's place in the order.
    pub(crate) predicate: Arc<dyn SeriesPredicate>,
    pub(crate) range: TimeRange,
    /// `None` for a delete of retention.
    pub(crate) reply: Option<ReplySender<Result<Ack>>>,
}

/// Event that another actor or a timer reports to the writer.
#[derive(Debug)]
pub(crate) enum WriterEvent {
    /// The flusher finished the flush of the memtable `generation`.
    Flushed { generation: u64, outcome: Result<JobOutput> },
    /// The compactor finished the plan with these inputs.
    ///
    /// The error `Closed` means that it was cancelled.
    Compacted { inputs: Vec<FileId>, outcome: Result<JobOutput> },
    /// The compactor finished an empty-series check, in the version whose newest record is `seq`.
    ///
    /// `series` are those that were to be checked.
    EmptySeriesChecked { seq: u64, series: SeriesToCheck, outcome: Result<EmptySeriesFound> },
    /// A timer of [`Timers`](super::Timers) is due.
    TimerFired(Timer),
    /// Another actor panicked, so events that the writer waits for may never come.
    ActorPanicked,
}

/// Command to the compactor.
#[derive(Debug)]
pub(crate) enum CompactorCommand {
    /// Runs a compaction. Boxed, because the job is large.
    Compact(Box<CompactionJob>),
    /// Finds the candidates without a visible point.
    CheckEmptySeries(EmptySeriesJob),
}
