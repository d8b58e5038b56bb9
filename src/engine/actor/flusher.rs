//! The flusher: writes frozen memtables as SSTs, one by one.
//!
//! It reports each result to the writer, which decides when a flush runs and installs the results; see
//! [`flush`](super::flush).

use super::interfaces::{FlushExecutor, FlushJob};
use super::messages::{WriterEvent, WriterMessage};
use crate::sync::{Receiver, Sender};

/// Runs jobs until the writer drops the sender of the inbox.
pub(crate) async fn run<T: FlushExecutor>(mut executor: T, inbox: Receiver<FlushJob>, writer: Sender<WriterMessage>) {
    while let Some(job) = inbox.recv().await {
        let generation = job.frozen.generation;
        let outcome = tracing::debug_span!("flush", generation).in_scope(|| executor.flush(&job));
        // Before the result is sent: the writer may drop the last version that contains the memtable, and the job must
        // not keep it alive longer.
        drop(job);
        writer.send(WriterMessage::Event(WriterEvent::Flushed { generation, outcome }));
    }
}
