//! The memtable: an immutable-snapshot map ([`SeriesMap`](crate::state::series_map::SeriesMap)) from series to
//! append-only columns.
//!
//! A clone of the map is O(1) and does not change when the writer inserts a series into the original.
//!
//! One writer appends batches and deletes. Readers hold immutable views ([`MemtableView`]) and read the same columns
//! that the writer appends to, without locks. This works by *epochs* (multi-version concurrency control): every batch
//! and every delete takes the next epoch of the memtable, and every point stores the epoch of its batch. A view of
//! epoch *e* sees exactly the points with an epoch of at most *e* that no delete with an epoch of at most *e* hides.
//!
//! ```text
//!   one series of one memtable; the chunks are drawn shortened
//!
//!             inline     chunk of 16        chunk of 16 ...  32, 64, ... up to 1,024 points
//!   in order [t t t t]->[t t t t t t t t]->[t t t . . . . .]      timestamps never decrease
//!   epochs    1 1 2 4    4 4 5 5 7 7 7 8    8 9 9 0 0 0 0 0       epochs never decrease; 0 = not written yet
//!                              ^            ^
//!              a view of epoch 5            a view of epoch 8
//!              sees up to here              sees up to here
//!
//!   late     [t t t ....]->...            points older than the newest one when they arrived, in order of arrival;
//!                                         no inline points, the first chunk has 16
//!   deletes  (3, tombstone)               a delete of epoch 6 hides the points with an epoch below 6 that its
//!            (6, tombstone)               tombstone covers
//! ```
//!
//! # Invariants
//!
//! - There is one writer. It writes each point once, beyond the prefix that any published view sees.
//! - Along a list of chunks epochs never decrease, so that the points up to the epoch of a view are a prefix.
//! - A point becomes visible when a view with its epoch is published. The publication is a release and the load of a
//!   reader an acquire (both lock the [`Watch`](crate::state::watch::Watch)), so the stores into the columns can be
//!   relaxed. A reader of an older view may find a point half written. The epoch of this point is then 0, or greater
//!   than the epoch of the view; in both cases the point is invisible.
//! - A new chunk is linked while it is still empty. A reader that follows the link finds only points whose epoch is 0
//!   or greater than the epoch of its view, or points that its view sees.
//! - The in-order list has timestamps that never decrease. A point that is older than the newest one of its series in
//!   this memtable goes to the late list, which readers sort. Of two points with equal timestamps in both lists, the
//!   one in the in-order list arrived first.
//! - A delete changes no column. It is stored beside the columns with its own epoch, hides only points with a smaller
//!   epoch, and is in no view that was taken before it.
//! - The root of the map, the deletes and the epoch are one value, the view. If a reader loaded them one by one, they
//!   could come from different versions.
//! - A memtable is frozen before its epoch can overflow.
//!
//! The memtable depends on no WAL, file or channel. An insert cannot fail. The write to the WAL can fail; it comes
//! before the insert.

mod append;
mod chunk;
mod delete_mask;
mod frozen;
mod list_reader;
mod part_reader;
mod point_sink;
mod series_columns;
mod slots;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use append::Memtable;
pub(crate) use chunk::RawPoint;
pub(crate) use frozen::FrozenMemtable;
pub(crate) use list_reader::ChunkListReader;
pub(crate) use series_columns::ChunkList;
pub(crate) use view::{MemtablePin, MemtableView};
