//! The actors: the writer, which alone changes anything, and the flusher, which makes SSTs of frozen memtables.
//! Each is a runtime-free future over its inbox and the storage traits. They know no file, no runtime and no clock.

mod commit;
mod flusher;
mod install;
mod message;
#[cfg(feature = "planted")]
mod planted;
mod shutdown;
mod storage;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use flusher::run as run_flusher;
pub use message::Ack;
pub(crate) use message::{Command, Flush, Report, ToWriter, Work, Write};
pub(crate) use storage::{AppendError, LogRecord, Storage, Tables, Timer, Timers};
pub(crate) use writer::{Settings, Writer};
