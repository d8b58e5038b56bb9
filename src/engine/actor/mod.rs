//! The three actors: the writer, the flusher and the compactor.
//!
//! The writer is the only actor that changes the version, the WAL and the manifest. The flusher writes frozen memtables
//! as SSTs. The compactor rewrites SSTs as fewer, better SSTs, and checks for empty series.
//!
//! Each actor is a future that needs no runtime. It uses only its inbox and the traits of [`interfaces`]; the code that
//! uses files, threads and clocks is outside this module.
//!
//! # The writer
//!
//! The writer is a shell around pure state machines. A machine takes an event and, if needed, the newest version and
//! the time; it changes its own state and returns effects. It has no access to the writer, to storage or to timers, so
//! a table of events tests it completely. Only the shell syncs, publishes, sends, replies and arms timers.
//!
//! ```text
//!   inbox                       writer (shell)                                   state machines
//!   ─────                       ──────────────                                   ──────────────
//!   command ──▶ command_queue ──▶ commands ──── CommitEvent ───────────────────▶ group_commit
//!                                    │     ◀─── CommitEffect ──────────────────
//!                                    │
//!   event, timer ────────────────▶ dispatch ─── event, &Version, now ──────────▶ flush
//!                                    ▲                                           compactor_schedule
//!                                    │                                            ├─ compaction
//!                                    │                                            └─ empty_series
//!                                    │                                           retention
//!                                    │     ◀─── effects, in order ─────────────  shutdown
//!                                 perform
//!                                    ├── Install ──▶ install: durable, visible, retired; then the event that follows
//!                                    ├── DropDefinitions ──▶ new series log; then as Install
//!                                    ├── StartFlush, StartCompaction, StartEmptySeriesCheck ──▶ jobs ──▶ other actors
//!                                    ├── Reply, ArmTimer, RemoveSsts, DropWalSegments, Freeze, ...
//!                                    └── Handle ──▶ dispatch
//! ```
//!
//! Effects are performed in order, and the events that they cause are handled completely before the next effect. So a
//! list such as `[DropWalSegments, Handle(retention), Handle(answer the waiters), Handle(next compactor job)]` fixes
//! the order of everything that other threads and a crash can observe.
//!
//! The shell has its steps in `writer` (turns, events and effects), `commands` (the queue) and `full_disk` (commands that
//! cannot wait, reserves).
//!
//! Invariants of the shell:
//! - Durable, then visible, then acknowledged, then deleted.
//! - Every change of the version is published in one store.
//! - Events are handled as soon as they are received. Commands are queued: the first one may have to wait for an event
//!   that makes room for it.
//! - Up to [`MAX_GROUP_REQUESTS`](crate::sync::bounds) queued messages are handled in one turn. The commands of one
//!   commit group share one sync.
//! - Each turn ends with the test for an empty-series check and the removal of unpinned files, in this order. Then the
//!   writer yields, so that timers fire under steady load.
//! - The watch is closed before the inbox is dropped, so that the caller of a request that is dropped unanswered can
//!   find the reason.

mod admission;
mod backoff;
mod batch_resolver;
mod command_queue;
mod commands;
mod compaction;
mod compactor;
mod compactor_schedule;
mod effects;
mod empty_series;
mod flush;
mod flusher;
mod full_disk;
mod group_builder;
mod group_commit;
mod install;
mod interfaces;
mod jobs;
mod messages;
mod retention;
mod retired;
mod shutdown;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use compactor::run as run_compactor;
pub(crate) use flusher::run as run_flusher;
pub(crate) use interfaces::{
    CancelFlag, CompactionExecutor, CompactionJob, EmptySeriesFound, EmptySeriesJob, FlushExecutor, FlushJob,
    JobOutput, PinStats, Timer, Timers, WriterStorage,
};
pub use messages::Ack;
pub(crate) use messages::{
    CallerId, CompactorCommand, DeleteRequest, QueuedCommand, WriteReply, WriteRequest, WriterCommand, WriterEvent,
    WriterMessage,
};
pub(crate) use retention::warn_of_pending_retention;
pub(crate) use writer::{Writer, WriterSettings};
