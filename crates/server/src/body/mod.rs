//! Bodies of requests: admitted by their size before they are read, decompressed under a cap.

mod memory;
mod read;

pub(crate) use memory::{BodyMemory, BodyPermit};
pub(crate) use read::read;
