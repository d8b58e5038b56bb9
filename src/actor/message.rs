//! What the actors tell each other. Commands ask for something and carry their reply; reports say what happened.

use super::storage::Timer;
use crate::error::Result;
use crate::memtable::Frozen;
use crate::options::{Duplicates, Durability};
use crate::point::{Batch, ValueType};
use crate::series::{SeriesId, SeriesKey};
use crate::sync::{Arc, Permit, Reply};
use crate::version::SstMeta;

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
    /// Find or make series, all in one record; with a treatment of duplicates, they must have it.
    MakeSeries {
        keys: Vec<(SeriesKey, ValueType)>,
        duplicates: Option<Duplicates>,
        reply: Reply<Result<Vec<SeriesId>>>,
    },
    /// Make everything before it durable.
    Sync { reply: Reply<Result<()>> },
    /// Bring every point before it into SSTs.
    Flush { reply: Reply<Result<()>> },
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

/// What happened elsewhere.
#[derive(Debug)]
pub(crate) enum Report {
    /// The flusher is done with a frozen memtable, or failed and left nothing behind.
    Flushed { generation: u64, outcome: Result<Vec<SstMeta>> },
    /// Something asked for with [`Timers::arm`](super::Timers::arm) is due.
    Due(Timer),
    /// Another actor panicked: nothing can be relied on any more.
    Panicked,
}

/// The flusher's only message: make SSTs of this.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) frozen: Arc<Frozen>,
}
