//! The models, one protocol a file. Each asserts a least number of executions and a witness.

mod backpressure;
mod columns;
mod crash;
mod flush;
mod flush_fails;
mod publish;
mod shutdown;

pub use backpressure::backpressure;
pub use columns::columns;
pub use crash::crash;
pub use flush::flush;
pub use flush_fails::flush_fails;
pub use publish::publish;
pub use shutdown::{release, shutdown};

/// The twin of `sync` keeps the promises that the engine's own does.
pub fn doors() {
    loom::model(crate::sync::conformance::check_all);
}
