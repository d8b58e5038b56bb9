//! One commit as bytes: the series that a batch makes and its points, in one record, so that they are atomic.
//! Decoding refuses whatever the engine would not have written.

use super::column::{put_column, read_column};
use crate::actor::LogRecord;
use crate::bytes::key::{MIN_KEY_BYTES, put_key, put_kind, read_key, read_kind, series_id};
use crate::bytes::tombstone::read_tombstone;
use crate::bytes::{Decoded, Reader, put_varint};
use crate::point::{MAX_BATCH_POINTS, PointColumns};
use crate::series::{MAX_SERIES_IDS, SeriesDef, SeriesId};
use crate::sync::Arc;
use crate::version::Tombstone;

/// A batch.
pub(super) const COMMIT: u8 = 1;
/// No batch: it bears the last one's seq, and says by `synced_to` that all before it was synced.
pub(super) const MARK: u8 = 2;
/// A delete, with the series that its selection came to.
pub(super) const DELETE: u8 = 3;

/// An id, a type and a key.
const MIN_DEFINITION_BYTES: usize = 2 + MIN_KEY_BYTES;

pub(super) fn put_commit(out: &mut Vec<u8>, record: &LogRecord<'_>) {
    put_varint(out, record.definitions.len() as u64);
    for definition in record.definitions {
        debug_assert_eq!(definition.seq, record.seq, "a series is made by the record that defines it");
        put_varint(out, u64::from(definition.id.get()));
        put_kind(out, definition.ty, definition.duplicates);
        put_key(out, &definition.key);
    }
    put_varint(out, record.points.len() as u64);
    put_column(out, record.points.series);
    put_column(out, record.points.timestamps);
    put_column(out, record.points.bits);
}

/// What a decoded commit is made of; its memory serves record after record.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    definitions: Vec<Arc<SeriesDef>>,
    series: Vec<SeriesId>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    delete: Option<Tombstone>,
}

impl Decoder {
    pub(super) fn delete(&mut self, seq: u64, body: &[u8]) -> Decoded<LogRecord<'_>> {
        let mut reader = Reader::new(body);
        let tombstone = read_tombstone(&mut reader)?;
        reader.finish()?;
        if tombstone.seq != seq {
            return Err(format!("a delete of seq {} in record {seq}", tombstone.seq));
        }
        self.definitions.clear();
        self.series.clear();
        self.timestamps.clear();
        self.bits.clear();
        self.delete = Some(tombstone);
        Ok(self.record(seq))
    }

    pub(super) fn commit(&mut self, seq: u64, body: &[u8]) -> Decoded<LogRecord<'_>> {
        let mut reader = Reader::new(body);
        self.delete = None;
        self.definitions.clear();
        for _ in 0..reader.count(MIN_DEFINITION_BYTES)? {
            let id = series_id(reader.varint()?)?;
            let (ty, duplicates) = read_kind(&mut reader)?;
            self.definitions.push(Arc::new(SeriesDef { id, ty, duplicates, seq, key: read_key(&mut reader)? }));
        }
        let count = reader.varint()?;
        // A column of equal values takes no byte a point: this bound, not the body's length, holds memory down.
        let count = usize::try_from(count).ok().filter(|count| *count <= MAX_BATCH_POINTS);
        let count = count.ok_or_else(|| format!("a batch of more than {MAX_BATCH_POINTS} points"))?;
        read_column(&mut reader, count, &mut self.series)?;
        if self.series.iter().any(|series| series.get() >= MAX_SERIES_IDS) {
            return Err("a point of a series that cannot be".to_owned());
        }
        read_column(&mut reader, count, &mut self.timestamps)?;
        read_column(&mut reader, count, &mut self.bits)?;
        reader.finish()?;
        Ok(self.record(seq))
    }

    /// The record decoded last.
    pub(super) fn record(&self, seq: u64) -> LogRecord<'_> {
        let points = PointColumns { series: &self.series, timestamps: &self.timestamps, bits: &self.bits };
        LogRecord { seq, definitions: &self.definitions, points, delete: self.delete.as_ref() }
    }
}
