//! Bodies that are decoded whole: remote write and OTLP. The memory of their points is reserved before they are decoded.

use std::sync::Arc;

use timestrata_ingest::bodies::BodySummary;
use timestrata_ingest::{IngestError, Limits, Rows, SeriesTable};

use super::{Stored, store};
use crate::app::AppState;
use crate::body::{ReadBody, work};
use crate::counters::Protocol;
use crate::endpoints::RequestDatabase;
use crate::failure::Failure;

/// Memory of a point while it is decoded and written: its columns in rows and batch, which grow by doubling.
const POINT_BYTES: usize = 128;
/// Points for which a body has memory in any case.
const MIN_POINTS: usize = 64;

/// Body that was decoded, with its memory.
pub(crate) struct DecodedBody {
    pub(crate) rows: Rows,
    pub(crate) summary: BodySummary,
    metadata: UnstoredMetadata,
    /// Holds the memory of the rows.
    body: ReadBody,
}

/// Metadata that the table has returned and that is not stored yet.
///
/// The table returns the metadata of a metric once. If the request fails or is dropped, the table must forget that.
struct UnstoredMetadata {
    table: Arc<SeriesTable>,
    is_stored: bool,
}

impl Drop for UnstoredMetadata {
    fn drop(&mut self) {
        if !self.is_stored {
            self.table.forget_metadata();
        }
    }
}

impl DecodedBody {
    /// Decodes a body; `series` limits what it may name.
    ///
    /// # Errors
    ///
    /// 400 if it is not of its protocol; 413 if its points never fit into the memory of bodies, 503 if they do not fit now.
    pub(crate) async fn decode(
        mut body: ReadBody,
        target: &RequestDatabase,
        series: usize,
        decode: impl Fn(&[u8], &Limits, &SeriesTable, &mut Rows) -> Result<BodySummary, IngestError> + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        let decode = Arc::new(decode);
        // Two bytes may be a point, but usual bodies have twenty and more for each: those that need more are decoded again.
        let mut points = (body.bytes.len() / 20).max(MIN_POINTS);
        loop {
            body.reserve(points.saturating_mul(POINT_BYTES))?;
            let (decode, table, len) = (Arc::clone(&decode), Arc::clone(&target.series), body.bytes.len());
            let decoded = work::run(len, move || {
                let metadata = UnstoredMetadata { table, is_stored: false };
                let mut limits = Limits::default();
                (limits.series, limits.points) = (series, points);
                let mut rows = Rows::default();
                let summary = decode(&body.bytes, &limits, &metadata.table, &mut rows)?;
                Ok::<_, IngestError>(Self { rows, summary, metadata, body })
            })
            .await?;
            match decoded.summary.points_beyond_limit {
                0 => return Ok(decoded),
                needed => (points, body) = (usize::try_from(needed).unwrap_or(usize::MAX), decoded.into_body()),
            }
        }
    }

    /// Writes the rows, and returns when they are durable; see [`store`].
    ///
    /// # Errors
    ///
    /// Those of [`store`].
    pub(crate) async fn store(
        &mut self,
        app: &AppState,
        target: &RequestDatabase,
        protocol: Protocol,
    ) -> Result<Stored, Failure> {
        let stored = store(app, target, protocol, &self.rows).await?;
        self.metadata.is_stored = true;
        Ok(stored)
    }

    fn into_body(self) -> ReadBody {
        self.body
    }
}
