//! Bodies of requests: admitted by their size before they are read, decompressed under a cap.

mod read;
pub(crate) mod work;

pub(crate) use read::{ReadBody, read, read_for_pieces};
