//! What readers see, as one immutable value, and the pure rules that lead from one to the next.
mod edit;
mod file_ids;
mod sst;
pub(crate) use edit::{Durable, Edit};
pub(crate) use file_ids::FileIds;
pub(crate) use sst::{FileId, Rectangle, SstMeta};
