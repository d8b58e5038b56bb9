//! Decoding of a body in pieces, each of which is written before the next is decoded: the memory is that of one piece.

use timestrata_ingest::{Decoder, IngestError, Limits, Rows};

use super::{Stored, store};
use crate::app::AppState;
use crate::body::{ReadBody, work};
use crate::counters::Protocol;
use crate::endpoints::RequestDatabase;
use crate::failure::Failure;

/// What became of a body. All points are durable and visible.
pub(crate) struct StoredBody {
    /// Points that were written, and what was refused.
    pub(crate) stored: Stored,
    /// Number of decoded rows, including those of which the database refused points.
    pub(crate) rows: u64,
    /// Why the body could not be decoded to its end; what comes before that place is written.
    pub(crate) stopped: Option<IngestError>,
    /// Warnings about later rows, in input order.
    pub(crate) warnings: Vec<String>,
    /// Decoder, for its notes and counts of skipped values.
    pub(crate) decoder: Box<dyn Decoder>,
}

/// Body that is decoded in pieces.
struct PiecewiseDecoder {
    decoder: Box<dyn Decoder>,
    body: ReadBody,
    /// Number of bytes that are decoded.
    at: usize,
    rows: Rows,
    stopped: Option<IngestError>,
    warnings: Vec<String>,
}

impl PiecewiseDecoder {
    /// Decodes the next piece into the rows; returns `false` if it is the last one.
    fn decode(&mut self) -> bool {
        self.rows.clear();
        match self.decoder.decode(&self.body.bytes[self.at..], true, &mut self.rows) {
            Ok(used) => self.at += used,
            Err(error) => self.stopped = Some(error),
        }
        self.warnings.extend(self.decoder.take_warning());
        self.stopped.is_none() && self.rows.is_full()
    }

    fn is_empty(&self) -> bool {
        self.rows.values().is_empty() && self.rows.refused().is_empty() && self.rows.metadata().is_empty()
    }
}

/// Decodes a body and writes its rows; returns when they are durable. Every series gets the tags `extra_tags`.
///
/// The memory of the body stays reserved until it returns.
///
/// # Errors
///
/// 503 if the database cannot write now; earlier pieces may be written, and are replaced when the request is repeated.
pub(crate) async fn store_body(
    app: &AppState,
    target: &RequestDatabase,
    protocol: Protocol,
    decoder: Box<dyn Decoder>,
    body: ReadBody,
    extra_tags: Vec<(String, String)>,
) -> Result<StoredBody, Failure> {
    let rows = Rows::with_capacity(Limits::default().points_per_batch).with_extra_tags(extra_tags);
    let mut pieces = PiecewiseDecoder { decoder, body, at: 0, rows, stopped: None, warnings: Vec::new() };
    let (mut stored, mut row_count) = (Stored::default(), 0);
    loop {
        let left = pieces.body.bytes.len() - pieces.at;
        let has_more;
        (pieces, has_more) = work::run(left, move || {
            let has_more = pieces.decode();
            (pieces, has_more)
        })
        .await;
        row_count += pieces.rows.row_ends().len() as u64;
        if !pieces.is_empty() {
            stored.merge(store(app, target, protocol, &pieces.rows).await?);
        }
        if !has_more {
            break;
        }
    }
    app.counters.left_out_text_values(pieces.decoder.left_out_texts());
    let PiecewiseDecoder { decoder, stopped, warnings, .. } = pieces;
    Ok(StoredBody { stored, rows: row_count, stopped, warnings, decoder })
}
