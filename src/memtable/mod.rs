//! The memtable: a persistent map from series to append-only columns, of which every reader sees a fixed prefix.
//! One writer inserts; a published `View` never changes, however much is inserted behind it.
//! It knows neither WAL nor files nor channels.

mod chunk;
mod columns;
mod table;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use chunk::Cell;
pub(crate) use columns::{Lane, LaneReader};
pub(crate) use table::Memtable;
pub(crate) use view::{Frozen, View};
