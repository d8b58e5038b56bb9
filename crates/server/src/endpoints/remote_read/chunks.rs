//! Answer of frames with XOR chunks, streamed series by series.

use std::sync::Arc;

use axum::body::Bytes;
use prost::Message;
use timestrata::{SeriesInfo, Snapshot};

use super::frame::put_frame;
use super::messages::{Chunk, ChunkedReadResponse, ChunkedSeries, Label, XOR_ENCODING};
use super::millis::MilliSamples;
use super::queries::{QuerySeries, label_messages};
use super::xor_chunk::XorChunk;
use crate::answer::{Pieces, StreamPermit};
use crate::app::SharedState;
use crate::endpoints::series_points::SeriesPoints;
use crate::failure::Failure;
use crate::memory::MemoryPermit;

/// Samples of a chunk, as in Prometheus.
const CHUNK_SAMPLES: u16 = 120;
/// Bytes of labels and chunks after which a frame ends, as in Prometheus.
const FRAME_BYTES: usize = 1 << 20;
/// Bytes of frames after which a piece of the answer ends.
const PIECE_BYTES: usize = 64 << 10;

/// Frames of all queries.
pub(super) struct ChunkFrames {
    app: SharedState,
    snapshot: Snapshot,
    /// Queries that are not begun, with their index in the request.
    queries: std::iter::Enumerate<std::vec::IntoIter<QuerySeries>>,
    query: Option<RunningQuery>,
    _permits: (MemoryPermit, StreamPermit),
}

struct RunningQuery {
    index: usize,
    range: std::ops::RangeInclusive<timestrata::Timestamp>,
    series: std::vec::IntoIter<Arc<SeriesInfo>>,
    current: Option<RunningSeries>,
}

/// Series whose chunks are being made.
struct RunningSeries {
    labels: Vec<Label>,
    labels_bytes: usize,
    points: SeriesPoints,
    samples: MilliSamples,
    chunk: XorChunk,
    /// Complete chunks that are in no frame yet.
    chunks: Vec<Chunk>,
    chunks_bytes: usize,
    has_ended: bool,
}

impl ChunkFrames {
    pub(super) fn new(
        app: SharedState,
        snapshot: Snapshot,
        queries: Vec<QuerySeries>,
        permits: (MemoryPermit, StreamPermit),
    ) -> Self {
        Self { app, snapshot, queries: queries.into_iter().enumerate(), query: None, _permits: permits }
    }

    /// Writes the next frame. Returns `false` behind the last one.
    fn put_next_frame(&mut self, out: &mut Vec<u8>) -> Result<bool, Failure> {
        loop {
            let Some(query) = &mut self.query else {
                let Some((index, next)) = self.queries.next() else { return Ok(false) };
                self.query =
                    Some(RunningQuery { index, range: next.range, series: next.series.into_iter(), current: None });
                continue;
            };
            let Some(current) = &mut query.current else {
                let Some(info) = query.series.next() else {
                    self.query = None;
                    continue;
                };
                let points = SeriesPoints::open(&self.snapshot, &info, query.range.clone())?;
                query.current = Some(RunningSeries::new(label_messages(&info), points));
                continue;
            };
            let chunks = current.next_chunks()?;
            let labels = current.labels.clone();
            if current.has_ended {
                self.app.counters.merged_samples(current.samples.take_merged());
                query.current = None;
            }
            if !chunks.is_empty() {
                let query_index = i64::try_from(query.index).unwrap_or(i64::MAX);
                let series = ChunkedSeries { labels, chunks };
                put_frame(&ChunkedReadResponse { chunked_series: vec![series], query_index }, out);
                return Ok(true);
            }
        }
    }
}

impl RunningSeries {
    fn new(labels: Vec<Label>, points: SeriesPoints) -> Self {
        let labels_bytes = labels.iter().map(Message::encoded_len).sum();
        Self {
            labels,
            labels_bytes,
            points,
            samples: MilliSamples::default(),
            chunk: XorChunk::new(),
            chunks: Vec::new(),
            chunks_bytes: 0,
            has_ended: false,
        }
    }

    /// Returns the chunks of the next frame: as many as it holds, or all that are left.
    ///
    /// A frame may exceed its size by the chunks of one block of the store.
    fn next_chunks(&mut self) -> Result<Vec<Chunk>, Failure> {
        let Self { points, samples, chunk, chunks, chunks_bytes, .. } = self;
        while self.labels_bytes + *chunks_bytes < FRAME_BYTES && !self.has_ended {
            let has_more = points.next_chunk(|time, value| {
                if let Some((millis, value)) = samples.push(time, value) {
                    push(chunk, millis, value, chunks, chunks_bytes);
                }
            })?;
            if !has_more {
                if let Some((millis, value)) = samples.finish() {
                    push(chunk, millis, value, chunks, chunks_bytes);
                }
                complete(chunk, chunks, chunks_bytes);
                self.has_ended = true;
            }
        }
        self.chunks_bytes = 0;
        Ok(std::mem::take(&mut self.chunks))
    }
}

fn push(chunk: &mut XorChunk, millis: i64, value: f64, chunks: &mut Vec<Chunk>, bytes: &mut usize) {
    chunk.push(millis, value);
    if chunk.samples() >= CHUNK_SAMPLES {
        complete(chunk, chunks, bytes);
    }
}

/// Moves a chunk that is not empty to the complete ones.
fn complete(chunk: &mut XorChunk, chunks: &mut Vec<Chunk>, bytes: &mut usize) {
    if chunk.samples() == 0 {
        return;
    }
    let (min_time_ms, max_time_ms) = chunk.times();
    let data = std::mem::replace(chunk, XorChunk::new()).finish();
    let complete = Chunk { min_time_ms, max_time_ms, encoding: XOR_ENCODING, data };
    *bytes += complete.encoded_len();
    chunks.push(complete);
}

impl Pieces for ChunkFrames {
    fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut out = Vec::new();
        while out.len() < PIECE_BYTES && self.put_next_frame(&mut out)? {}
        Ok((!out.is_empty()).then(|| Bytes::from(out)))
    }
}
