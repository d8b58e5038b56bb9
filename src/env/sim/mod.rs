//! A disk in memory that knows what a power loss may leave of it: which bytes and names were synced, and which were not.
//! The same seed and the same calls give the same answers and the same images; nothing here touches a file or a clock.
//! It must not know what is stored on it.

mod bytes;
mod disk;
mod extents;
mod faults;
mod files;
mod image;
mod images;
mod op;
mod plan;
mod state;

#[cfg(test)]
mod tests;

pub use bytes::Bytes;
pub(crate) use bytes::Chance;
pub use disk::SimDisk;
pub use faults::{Fault, FaultAt, Kind, Rates};
pub use image::{Choice, Image};
pub use images::Images;
pub use op::{Inode, Op};
pub use state::State;
