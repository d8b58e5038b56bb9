//! The models, one protocol a file. Each asserts a least number of executions and a witness.

mod columns;
mod flush;
mod publish;

pub use columns::columns;
pub use flush::flush;
pub use publish::publish;

/// The twin of `sync` keeps the promises that the engine's own does.
pub fn doors() {
    loom::model(crate::sync::conformance::check_all);
}
