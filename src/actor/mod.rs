//! The actors: the writer, which alone changes anything, the flusher, which makes SSTs of frozen memtables, and the
//! compactor, which makes fewer and better SSTs of many.
//! Each is a runtime-free future over its inbox and the storage traits. They know no file, no runtime and no clock.

mod census;
mod commit;
mod compacting;
mod compactor;
mod flusher;
mod install;
mod message;
#[cfg(feature = "planted")]
mod planted;
mod retention;
mod retired;
mod shutdown;
mod storage;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use compactor::run as run_compactor;
pub(crate) use flusher::run as run_flusher;
pub use message::Ack;
pub(crate) use message::{Command, Delete, Flush, Report, ToCompactor, ToWriter, Work, Write};
pub(crate) use storage::{
    AppendError, CensusJob, FlushJob, LogRecord, Made, MergeJob, Merges, Pinned, Storage, Tables, Timer, Timers,
};
pub(crate) use writer::{Settings, Writer};
