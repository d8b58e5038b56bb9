//! The memtable: a persistent map from series to append-only columns, of which every reader sees a fixed prefix.
//! One writer inserts and deletes; a published `View` never changes, whatever comes behind it. A delete is an entry
//! beside the columns: it rewrites none, and hides from its own epoch on what has a smaller one.
//! It knows neither WAL nor files nor channels.

mod chunk;
mod columns;
mod deletes;
mod table;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use chunk::Cell;
pub(crate) use columns::{Lane, LaneReader};
pub(crate) use table::Memtable;
pub(crate) use view::{Frozen, Hold, View};
