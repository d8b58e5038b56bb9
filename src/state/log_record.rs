//! One record of the total order, as the writer appends it to the WAL and as replay reads it.

use crate::state::metric_metadata::MetadataChange;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::error::Error;
use crate::types::point::PointColumns;
use crate::types::series::SeriesInfo;

/// One record: a batch of points with the series that it creates, one delete, or one change of the metadata of a metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogRecord<'a> {
    pub(crate) seq: u64,
    /// The series that the record creates.
    pub(crate) definitions: &'a [Arc<SeriesInfo>],
    pub(crate) points: PointColumns<'a>,
    /// The delete, with the seq of the record. The record then has no definitions and no points.
    pub(crate) delete: Option<&'a Tombstone>,
    /// The change of metadata. The record then has no definitions, no points and no delete.
    pub(crate) metadata: Option<&'a MetadataChange>,
}

/// Error of an append to the WAL, of its rotation, or of a manifest edit, by what is certain about the outcome.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// The group or edit will never be read: nothing was written, the segment was sealed before the group, or the edit
    /// was cut off durably. The WAL stays usable; after a failed rotation the current segment stays in use.
    NotWritten(Error),
    /// The group or edit may or may not be on disk; the next opening decides. The log accepts nothing more.
    OutcomeUnknown(Error),
    /// The WAL had failed before, or its directory was moved: nothing of the group was written.
    /// The WAL accepts nothing more.
    ReadOnly(Error),
}

/// The error without the statement about the outcome, for callers that discard the log after an error.
impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::NotWritten(error) | AppendError::OutcomeUnknown(error) | AppendError::ReadOnly(error) => error,
        }
    }
}
