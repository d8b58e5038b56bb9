//! The models, one protocol a file. Each asserts a least number of executions (near what runs with two preemptions)
//! and a witness; the runner of mutants demands a kill of each after its first execution.
//! What lies in the inbox before the threads start costs no interleavings, a client that waits in its own thread many.

mod backpressure;
mod census;
mod columns;
mod compaction;
mod crash;
mod delete;
mod flush;
mod flush_fails;
mod pins;
mod publish;
mod shutdown;

pub use backpressure::backpressure;
pub use census::census;
pub use columns::columns;
pub use compaction::compaction;
pub use crash::crash;
pub use delete::{delete, delete_in_compaction};
pub use flush::flush;
pub use flush_fails::flush_fails;
pub use pins::pins;
pub use publish::publish;
pub use shutdown::{release, shutdown};

/// The twin of `sync` keeps the promises that the engine's own does.
pub fn doors() {
    loom::model(crate::sync::conformance::check_all);
}
