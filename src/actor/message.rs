//! What the actors tell each other. Commands ask for something and carry their reply; reports say what happened.

use super::storage::{CensusJob, FlushJob, Made, MergeJob, Timer};
use crate::error::Result;
use crate::options::{Duplicates, Durability};
use crate::point::{Batch, ValueType};
use crate::series::{Matcher, SeriesId, SeriesKey, SeriesSet};
use crate::sync::{Arc, Permit, Reply};
use crate::version::FileId;

/// The word that a write is visible, and how durable it was by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    /// The batch's place in the one total order; an empty batch takes none and reports the newest.
    pub seq: u64,
    /// What was reached when the write was acknowledged: `Sync` if it was on disk by then, whatever was asked for.
    pub durability: Durability,
}

/// Everything the writer's inbox holds.
#[derive(Debug)]
pub(crate) enum ToWriter {
    /// Waits its turn behind the commands before it.
    Command(Command),
    /// Is acted on at once: commands may be waiting for it.
    Report(Report),
}

/// A request, with the share of queue memory that it holds until it is answered.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) work: Work,
    pub(crate) permit: Option<Permit>,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Work {
    /// Append a batch. Boxed: all other messages are small.
    Write(Box<Write>),
    /// Find or make series, all in one record.
    MakeSeries {
        keys: Vec<(SeriesKey, ValueType)>,
        /// For those that are made; those that exist must have been made with it. `None`: the database's.
        duplicates: Option<Duplicates>,
        reply: Reply<Result<Vec<SeriesId>>>,
    },
    /// Hide what came before it.
    Delete(Box<Delete>),
    /// Make everything before it durable.
    Sync { reply: Reply<Result<()>> },
    /// Bring every point before it into SSTs.
    Flush { reply: Reply<Result<()>> },
    /// Merge all that is in SSTs by now into the base.
    Compact { reply: Reply<Result<()>> },
    /// Flush, sync, stop.
    Close { reply: Reply<Result<()>> },
    /// The last handle is gone: sync, stop.
    Release,
}

impl Work {
    /// What it takes in the queue and, nearly, in the WAL: what its permit is for.
    pub(crate) fn byte_len(&self) -> usize {
        match self {
            Self::Write(write) => write.batch.byte_len(),
            Self::MakeSeries { keys, .. } => keys.iter().map(|(key, _)| key.byte_len()).sum(),
            Self::Delete(delete) => delete.found.byte_len(),
            _ => 0,
        }
    }
}

/// A batch to append.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) batch: Batch,
    pub(crate) durability: Durability,
    pub(crate) reply: Reply<Result<Ack>>,
}

/// A delete, its selection resolved by whoever asks, up to the series that there were then.
#[derive(Debug)]
pub(crate) struct Delete {
    /// Of the first `known` series those that match...
    pub(crate) found: SeriesSet,
    pub(crate) known: usize,
    /// ...and this tells of any made since: the order decides which those are.
    pub(crate) matcher: Arc<dyn Matcher>,
    /// First and last time, both included, in this order.
    pub(crate) times: (i64, i64),
    /// `None` if nobody waits: of retention's own.
    pub(crate) reply: Option<Reply<Result<Ack>>>,
}

/// What happened elsewhere.
#[derive(Debug)]
pub(crate) enum Report {
    /// The flusher is done with a frozen memtable, or failed and left nothing behind.
    Flushed { generation: u64, outcome: Result<Made> },
    /// The compactor is done with a plan, or gave up and left nothing behind.
    Compacted { inputs: Vec<FileId>, outcome: Result<Made> },
    /// The compactor has looked which of the suspects had no point left in the version of `seq`, or gave up.
    Counted { seq: u64, suspects: SeriesSet, outcome: Result<SeriesSet> },
    /// Something asked for with [`Timers::arm`](super::Timers::arm) is due.
    Due(Timer),
    /// Another actor panicked: nothing can be relied on any more.
    Panicked,
}

/// The flusher's only message: make SSTs of this.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) job: FlushJob,
}

/// What the compactor is asked to do.
#[derive(Debug)]
pub(crate) enum ToCompactor {
    /// Merge these. Boxed: it is large, and there is one at a time.
    Compact(Box<MergeJob>),
    /// Look which of these series have no point left.
    Count(CensusJob),
}
