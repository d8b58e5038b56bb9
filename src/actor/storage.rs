//! What the actors ask of durable storage, and nothing of how it is done.
//! The store implements it over WAL, manifest and SSTs; loom's models over a few locked values.

use crate::error::{Error, Result};
use crate::memtable::Frozen;
use crate::point::PointColumns;
use crate::series::SeriesDef;
use crate::sync::Arc;
use crate::version::{Edit, FileId, SstMeta};

/// One record of the total order: the series it makes and the points it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogRecord<'a> {
    pub(crate) seq: u64,
    pub(crate) definitions: &'a [Arc<SeriesDef>],
    pub(crate) points: PointColumns<'a>,
}

/// How an append failed.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// No byte of the group will ever be read: its segment was sealed before it. Writing may go on.
    Absent(Error),
    /// The group may or may not be there: only reopening decides.
    Unknown(Error),
}

/// What the writer owns: the WAL and the manifest.
pub(crate) trait Storage {
    /// Writes a group behind all before it. Not yet durable; an error is never repaired by a second try.
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError>;

    /// Makes every record appended so far durable.
    fn sync(&mut self) -> Result<()>;

    /// Leaves a durable word that everything so far was synced, so that no later damage to it passes as a torn tail.
    fn mark(&mut self) -> Result<()>;

    /// Begins a new segment, its predecessor synced and sealed, and names it. `Absent`: the old one goes on.
    fn rotate(&mut self) -> Result<FileId, AppendError>;

    /// Makes an edit durable, the definitions that it covers first.
    fn install(&mut self, edit: Edit, definitions: &[Arc<SeriesDef>]) -> Result<()>;

    /// Gives up the segments below the floor of the last installed edit.
    fn drop_segments(&mut self);
}

/// What the flusher owns: the making of SSTs.
pub(crate) trait Tables {
    /// Writes a frozen memtable as SSTs, durable when this returns. After an error no file is left behind.
    fn write(&mut self, frozen: &Frozen) -> Result<Vec<SstMeta>>;
}

/// How the writer asks for messages at a later time; the only clock that actors know.
pub(crate) trait Timers {
    /// Sends `timer` to the writer after so long, once; replaces what was asked before for it.
    fn arm(&mut self, timer: Timer, after: std::time::Duration);

    /// The same, unless it is due by then already.
    fn arm_no_later(&mut self, timer: Timer, after: std::time::Duration);
}

/// What may fall due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The writer was idle: leave a mark.
    Mark,
    /// The oldest write under `Durability::Interval` must be synced.
    Sync,
    /// The active memtable has waited long enough.
    Age,
    /// Try the failed flush again.
    Retry,
}
