//! One record of the total order, as the writer appends it to the WAL and as replay reads it.

use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::error::Error;
use crate::types::point::PointColumns;
use crate::types::series::SeriesDef;

/// One record: a batch of points with the series that it creates, or one delete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogRecord<'a> {
    pub(crate) seq: u64,
    /// The series that the record creates.
    pub(crate) definitions: &'a [Arc<SeriesDef>],
    pub(crate) points: PointColumns<'a>,
    /// The delete, with the seq of the record. The record then has no definitions and no points.
    pub(crate) delete: Option<&'a Tombstone>,
}

/// Error of an append to the WAL or of its rotation, by what is certain about the outcome.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// The group will never be read: nothing was written, or the segment was sealed before the group.
    /// The WAL stays usable; after a failed rotation the current segment stays in use.
    NotWritten(Error),
    /// The group may or may not be in the WAL; the next opening decides. The WAL accepts nothing more.
    OutcomeUnknown(Error),
    /// The WAL had failed before, or its directory was moved: nothing of the group was written.
    /// The WAL accepts nothing more.
    ReadOnly(Error),
}
