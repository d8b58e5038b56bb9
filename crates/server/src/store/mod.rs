//! Writes decoded rows to a database, durably, and says what was refused and why.

mod decoded;
mod metadata;
mod pieces;
mod refusals;

pub(crate) use decoded::DecodedBody;
pub(crate) use pieces::{StoredBody, store_body};
pub(crate) use refusals::{Refusal, Refusals};

use std::collections::BTreeSet;

use timestrata::{Batch, Error, RejectionCode, SkippedPoint, ValueType, WriteOptions};
use timestrata_ingest::Rows;

use crate::app::AppState;
use crate::counters::Protocol;
use crate::endpoints::RequestDatabase;
use crate::failure::Failure;

/// Refused points of a request that are counted by their reason; further ones are counted as `unlisted`.
const LISTED_POINTS: usize = 100_000;

/// What became of the rows of a request. All points are durable and visible.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Number of points that were written.
    pub(crate) points: u64,
    /// Rows of which the database refused points.
    pub(crate) refused_rows: u64,
    /// Rows and points that were left out, and why. The same request would be refused again.
    pub(crate) refusals: Refusals,
}

impl Stored {
    /// Adds what became of a later part of the same request.
    pub(crate) fn merge(&mut self, later: Self) {
        self.points += later.points;
        self.refused_rows += later.refused_rows;
        self.refusals.merge(later.refusals);
    }
}

/// Writes the rows of a request, and returns when they are durable; bad points are left out.
///
/// Writes of other requests share the sync. Kinds, units and descriptions of metrics are written first.
///
/// # Errors
///
/// 503 if the database cannot write now. The sender repeats the request; points that were written by then are written
/// again, which replaces them by themselves.
pub(crate) async fn store(
    app: &AppState,
    target: &RequestDatabase,
    protocol: Protocol,
    rows: &Rows,
) -> Result<Stored, Failure> {
    metadata::store(&target.db, rows.metadata()).await?;
    let mut stored = Stored::default();
    for (code, count) in rows.refusal_counts().iter() {
        stored.refusals.count(code.as_str(), count);
    }
    for row in rows.refused() {
        stored.refusals.keep(Refusal {
            line: Some(row.line),
            message: row.reason.clone(),
            suggestions: row.suggestions.clone(),
        });
    }
    if !rows.values().is_empty() {
        let options = WriteOptions::new().skip_rejected(true).split(true).skipped_limit(LISTED_POINTS);
        let report = target.db.write_with_options(batch_of(rows), &options).await?;
        stored.points = report.points as u64;
        let mut refused_rows = BTreeSet::new();
        for point in &report.skipped {
            refused_rows.insert(row_of(point, rows));
            let reason = point.code().map_or("other", RejectionCode::as_str);
            stored.refusals.add_with(reason, || refusal_of(point, rows, protocol));
        }
        let unlisted = (report.skipped_count - report.skipped.len()) as u64;
        if unlisted > 0 {
            stored.refusals.count("unlisted", unlisted);
        }
        stored.refused_rows = refused_rows.len() as u64 + unlisted;
    }
    app.counters.stored(protocol, &stored);
    Ok(stored)
}

fn batch_of(rows: &Rows) -> Batch {
    let mut batch = Batch::with_capacity(rows.values().len());
    for ((series, timestamp), value) in rows.point_series().iter().zip(rows.timestamps()).zip(rows.values()) {
        batch.push_cached(rows.series(*series), *timestamp, *value);
    }
    batch
}

/// Returns the refusal of a point, with the line of its row.
fn refusal_of(point: &SkippedPoint, rows: &Rows, protocol: Protocol) -> Refusal {
    let line = rows.row_ends().get(row_of(point, rows)).map(|end| end.line);
    let message = match &point.error {
        Error::TypeMismatch { expected, found, .. } if protocol == Protocol::Influx => {
            field_type_conflict(point.index, rows, *expected, *found)
        }
        // The position in the batch means nothing to a sender.
        error => format!("{} at {}: {}", point.series, point.timestamp, error.summary()),
    };
    Refusal::new(line, message)
}

/// Returns a conflict of types in the words of InfluxDB, which its clients look for.
fn field_type_conflict(point: usize, rows: &Rows, expected: ValueType, found: ValueType) -> String {
    let name = |ty| match ty {
        ValueType::F64 => "float",
        ValueType::I64 => "integer",
        ValueType::U64 => "unsigned",
        ValueType::Bool => "boolean",
    };
    let key = rows.series(rows.point_series()[point]).key();
    let field = key.tags().find(|(tag, _)| *tag == "_field").map_or("value", |(_, field)| field);
    format!(
        "field type conflict: input field {field:?} on measurement {:?} is type {}, already exists as type {}",
        key.metric(),
        name(found),
        name(expected)
    )
}

/// Returns the index of the row of a point.
fn row_of(point: &SkippedPoint, rows: &Rows) -> usize {
    rows.row_ends().partition_point(|end| end.points <= point.index)
}
