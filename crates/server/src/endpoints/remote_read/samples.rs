//! Answer of one message with all samples, `prometheus.ReadResponse`.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use timestrata::{SeriesInfo, Snapshot};

use super::messages::Sample;
use super::millis::MilliSamples;
use super::queries::{QuerySeries, label_messages};
use crate::endpoints::series_points::SeriesPoints;
use crate::failure::Failure;
use crate::memory::MemoryPermit;

/// Bytes for which memory is admitted at once.
const ADMITTED_STEP: usize = 256 << 10;

/// Message that is built, within the memory that is admitted for it.
pub(super) struct SamplesAnswer {
    /// The compressed message.
    pub(super) body: Vec<u8>,
    /// Points that share their millisecond with a later one.
    pub(super) merged: u64,
}

/// Reads the samples of all queries into one message. It blocks.
///
/// # Errors
///
/// 413 if the answer needs more memory than all answers have; 503 if it is in use; those of reading.
pub(super) fn answer(
    snapshot: &Snapshot,
    queries: &[QuerySeries],
    permit: &mut MemoryPermit,
) -> Result<SamplesAnswer, Failure> {
    let mut builder = Builder { message: Vec::new(), admitted: 0, permit, merged: 0 };
    for query in queries {
        let mut result = Vec::new();
        for info in &query.series {
            if let Some(series) = builder.series(snapshot, info, query, result.len())? {
                put_message(1, &series, &mut result);
            }
        }
        builder.admit(result.len() * 2)?;
        put_message(1, &result, &mut builder.message);
    }
    builder.admit(snap::raw::max_compress_len(builder.message.len()))?;
    let body = snap::raw::Encoder::new().compress_vec(&builder.message);
    let body = body.map_err(|error| Failure::bad_request(format!("the answer cannot be compressed: {error}")))?;
    Ok(SamplesAnswer { body, merged: builder.merged })
}

struct Builder<'a> {
    message: Vec<u8>,
    /// Bytes that are admitted beside the list of series.
    admitted: usize,
    permit: &'a mut MemoryPermit,
    merged: u64,
}

impl Builder<'_> {
    /// Encodes a `TimeSeries`; `None` without samples. `held` bytes are held beside it and the message.
    fn series(
        &mut self,
        snapshot: &Snapshot,
        info: &SeriesInfo,
        query: &QuerySeries,
        held: usize,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut series = Vec::new();
        for label in label_messages(info) {
            encode_key(1, WireType::LengthDelimited, &mut series);
            // A vector grows as needed.
            let _ = label.encode_length_delimited(&mut series);
        }
        let mut samples = MilliSamples::default();
        let put = |(timestamp, value): (i64, f64), series: &mut Vec<u8>| {
            encode_key(2, WireType::LengthDelimited, series);
            let _ = Sample { value, timestamp }.encode_length_delimited(series);
        };
        let mut points = SeriesPoints::open(snapshot, info, query.range.clone())?;
        while points.next_chunk(|time, value| {
            if let Some(sample) = samples.push(time, value) {
                put(sample, &mut series);
            }
        })? {
            self.admit(held + series.len())?;
        }
        // Every series with a point has a last sample.
        let Some(last) = samples.finish() else { return Ok(None) };
        put(last, &mut series);
        self.merged += samples.take_merged();
        Ok(Some(series))
    }

    /// Admits memory for bytes beside the message.
    fn admit(&mut self, beside: usize) -> Result<(), Failure> {
        let needed = self.message.len() + beside;
        if needed > self.admitted {
            let step = (needed - self.admitted).max(ADMITTED_STEP);
            self.permit.grow(step).map_err(|failure| Failure {
                message: format!("{}; ask for streamed chunks or a shorter time", failure.message),
                ..failure
            })?;
            self.admitted += step;
        }
        Ok(())
    }
}

fn put_message(tag: u32, message: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(message.len() as u64, out);
    out.extend_from_slice(message);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use timestrata::{Batch, Db, SeriesKey, Timestamp};

    use super::*;
    use crate::memory::MemoryLimit;

    #[test]
    fn an_answer_above_the_memory_of_all_answers_is_refused_for_good() {
        let db = Db::builder("test").in_memory().open_blocking().unwrap();
        let mut batch = Batch::new();
        for second in 0..40_000 {
            batch.push_key(&SeriesKey::new("up"), Timestamp::from_secs(second), 0.1);
        }
        db.write_blocking(batch).unwrap();
        let snapshot = db.snapshot();
        let series: Vec<_> = snapshot.list_series(&timestrata::Selector::all()).into_iter().map(Arc::new).collect();
        let queries = [QuerySeries { series, range: Timestamp::MIN..=Timestamp::MAX }];
        let memory = MemoryLimit::new(512 << 10, "answers");
        let refused = answer(&snapshot, &queries, &mut memory.admit(0).unwrap()).err().unwrap();
        assert_eq!(refused.status, 413);
        assert!(refused.message.contains("ask for streamed chunks"), "{}", refused.message);
        assert_eq!(memory.held_bytes(), 0);
        let memory = MemoryLimit::new(8 << 20, "answers");
        assert!(!answer(&snapshot, &queries, &mut memory.admit(0).unwrap()).unwrap().body.is_empty());
    }
}
