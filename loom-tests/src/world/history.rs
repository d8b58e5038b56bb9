//! History of a model: its operations in the order of the records, and the points that must be visible after them.

use super::disk::ModelPoint;
use super::model_points;
use crate::types::time_range::TimeRange;

/// One record of the history.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HistoryOp {
    /// Write of a batch with these timestamps.
    Write(&'static [i64]),
    /// Delete of this time range.
    Delete(TimeRange),
    /// Change of the unit of the metric.
    SetUnit(&'static str),
}

/// Returns the points that are visible after the first `seq` records, in time order. A delete hides only points of
/// older records.
pub(crate) fn points_after_history(order: &[HistoryOp], seq: u64) -> Vec<ModelPoint> {
    let mut there: Vec<i64> = Vec::new();
    for (_, asks) in (0..seq).zip(order) {
        match asks {
            HistoryOp::Write(batch) => there.extend(batch.iter()),
            HistoryOp::Delete(range) => there.retain(|at| !range.contains(*at)),
            HistoryOp::SetUnit(_) => {}
        }
    }
    model_points(&there)
}

/// Returns the unit of the metric after the first `seq` records; empty without one.
pub(crate) fn unit_after_history(order: &[HistoryOp], seq: u64) -> &'static str {
    let units = (0..seq).zip(order).filter_map(|(_, asks)| match asks {
        HistoryOp::SetUnit(unit) => Some(*unit),
        HistoryOp::Write(_) | HistoryOp::Delete(_) => None,
    });
    units.last().unwrap_or_default()
}
