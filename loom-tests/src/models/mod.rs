//! The models, one protocol a file. Each asserts a least number of executions and a witness.

mod columns;
mod flush;
mod publish;

pub use columns::columns;
pub use flush::flush;
pub use publish::publish;
