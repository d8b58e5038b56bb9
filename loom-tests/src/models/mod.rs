//! The loom models, one protocol per file.
//!
//! Each model asserts a minimum number of executions (near the number with two preemptions) and a witness. The fault
//! runner requires that each model catches at least one fault after its first execution. Requests that are in the inbox
//! before the threads start add no interleavings. A client that waits in its own thread adds many.

mod backpressure;
mod columns;
mod compaction;
mod crash;
mod delete;
mod dropped_definition;
mod empty_series;
mod flush;
mod flush_fails;
mod metadata;
mod moved_directory;
mod pins;
mod publish;
mod shutdown;
mod stall_timeout;
mod taken_back;

pub use backpressure::backpressure;
pub use columns::columns;
pub use compaction::compaction;
pub use crash::crash;
pub use delete::{delete, delete_ahead_of_flush, delete_in_compaction};
pub use dropped_definition::{drop_beside_delete, dropped_definition};
pub use empty_series::empty_series;
pub use flush::flush;
pub use flush_fails::flush_fails;
pub use metadata::metadata;
pub use moved_directory::moved_directory;
pub use pins::pins;
pub use publish::publish;
pub use shutdown::{release, shutdown};
pub use stall_timeout::{passing_delete, stall_timeout};
pub use taken_back::taken_back;

/// Checks that the loom variant of `sync` gives the same guarantees as the engine's `sync`.
pub fn sync_conformance() {
    loom::model(crate::sync::conformance::check_all);
}
