//! Databases of a server by name.

mod name;
mod set;

pub(crate) use name::DatabaseName;
pub use name::DatabaseNameError;
pub(crate) use set::{Databases, OpenDatabase};
