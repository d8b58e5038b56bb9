//! The flusher: makes SSTs of frozen memtables, one after the other, and reports. It installs nothing.

use super::message::{Flush, Report, ToWriter};
use super::storage::Tables;
use crate::sync::{Receiver, Sender};

/// Runs until the writer drops its end of the inbox.
pub(crate) async fn run<T: Tables>(mut tables: T, inbox: Receiver<Flush>, writer: Sender<ToWriter>) {
    while let Some(Flush { job }) = inbox.recv().await {
        let generation = job.frozen.generation;
        let outcome = tracing::debug_span!("flush", generation).in_scope(|| tables.write(&job));
        // Before the report: the writer may drop the last version that holds it, and this turn must not outlive it.
        drop(job);
        writer.send(ToWriter::Report(Report::Flushed { generation, outcome }));
    }
}
