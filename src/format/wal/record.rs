//! Encoding of WAL records.
//!
//! A commit record contains the definitions of a batch's new series together with its points, so that both are durable
//! or neither is. The decoder refuses a record that breaks a rule of the format.

use super::byte_packing::{put_column, read_column};
use crate::format::bytes::metric_metadata::read_metadata_change;
use crate::format::bytes::series_key::{
    MIN_KEY_BYTES, check_series_id, put_key, put_series_kind, read_key, read_series_kind,
};
use crate::format::bytes::tombstone::read_tombstone;
use crate::format::bytes::{ByteReader, DecodeResult, put_varint};
use crate::state::log_record::LogRecord;
use crate::state::metric_metadata::MetadataChange;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::point::{MAX_BATCH_POINTS, PointColumns};
use crate::types::series::{MAX_SERIES_IDS, SeriesId, SeriesInfo};

/// Frame kind of a commit: one batch.
pub(super) const KIND_COMMIT: u8 = 1;
/// Frame kind of a sync mark: it has no body, and the seq of the record before it.
///
/// Its `synced_to` states that all records before it were synced.
pub(super) const KIND_SYNC_MARK: u8 = 2;
/// Frame kind of a delete: a time range and the series that its selector matched.
pub(super) const KIND_DELETE: u8 = 3;
/// Frame kind of a change of the metadata of a metric.
pub(super) const KIND_METADATA: u8 = 4;

/// Minimum length of an encoded definition, in bytes: an id, a series kind and a key.
const MIN_DEFINITION_BYTES: usize = 2 + MIN_KEY_BYTES;

/// Appends the body of a commit record: definitions, number of points, and three packed columns.
pub(super) fn put_commit(out: &mut Vec<u8>, record: &LogRecord<'_>) {
    put_varint(out, record.definitions.len() as u64);
    for definition in record.definitions {
        debug_assert_eq!(definition.seq, record.seq, "a series has the seq of the record that defines it");
        put_varint(out, u64::from(definition.id.get()));
        put_series_kind(out, definition.value_type, definition.duplicates);
        put_key(out, &definition.key);
    }
    put_varint(out, record.points.len() as u64);
    put_column(out, record.points.series);
    put_column(out, record.points.timestamps);
    put_column(out, record.points.bits);
}

/// Decoder of record bodies. It owns the columns of the last decoded record and reuses their memory.
#[derive(Debug, Default)]
pub(super) struct RecordDecoder {
    definitions: Vec<Arc<SeriesInfo>>,
    series: Vec<SeriesId>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    delete: Option<Tombstone>,
    metadata: Option<MetadataChange>,
}

impl RecordDecoder {
    /// Decodes the body of a delete record.
    pub(super) fn decode_delete(&mut self, seq: u64, body: &[u8]) -> DecodeResult<LogRecord<'_>> {
        let mut reader = ByteReader::new(body);
        let tombstone = read_tombstone(&mut reader)?;
        reader.expect_end()?;
        if tombstone.seq != seq {
            return Err(format!("a delete with seq {} in record {seq}", tombstone.seq));
        }
        self.clear();
        self.delete = Some(tombstone);
        Ok(self.record(seq))
    }

    /// Decodes the body of a metadata record.
    pub(super) fn decode_metadata(&mut self, seq: u64, body: &[u8]) -> DecodeResult<LogRecord<'_>> {
        let mut reader = ByteReader::new(body);
        let change = read_metadata_change(&mut reader)?;
        reader.expect_end()?;
        self.clear();
        self.metadata = Some(change);
        Ok(self.record(seq))
    }

    fn clear(&mut self) {
        self.definitions.clear();
        self.series.clear();
        self.timestamps.clear();
        self.bits.clear();
        (self.delete, self.metadata) = (None, None);
    }

    /// Decodes the body of a commit record.
    pub(super) fn decode_commit(&mut self, seq: u64, body: &[u8]) -> DecodeResult<LogRecord<'_>> {
        let mut reader = ByteReader::new(body);
        (self.delete, self.metadata) = (None, None);
        self.definitions.clear();
        for _ in 0..reader.count(MIN_DEFINITION_BYTES)? {
            let id = check_series_id(reader.varint_u64()?)?;
            let (ty, duplicates) = read_series_kind(&mut reader)?;
            self.definitions.push(Arc::new(SeriesInfo {
                id,
                value_type: ty,
                duplicates,
                seq,
                key: read_key(&mut reader)?,
            }));
        }
        let count = reader.varint_u64()?;
        // A column of equal values takes no bytes per point, so the body's length does not bound the memory. This limit
        // does.
        let count = usize::try_from(count).ok().filter(|count| *count <= MAX_BATCH_POINTS);
        let count = count.ok_or_else(|| format!("a batch of more than {MAX_BATCH_POINTS} points"))?;
        read_column(&mut reader, count, &mut self.series)?;
        if self.series.iter().any(|series| series.get() >= MAX_SERIES_IDS) {
            return Err("a point with an invalid series id".to_owned());
        }
        read_column(&mut reader, count, &mut self.timestamps)?;
        read_column(&mut reader, count, &mut self.bits)?;
        reader.expect_end()?;
        Ok(self.record(seq))
    }

    /// Returns the record that was decoded last.
    pub(super) fn record(&self, seq: u64) -> LogRecord<'_> {
        let points = PointColumns { series: &self.series, timestamps: &self.timestamps, bits: &self.bits };
        let (delete, metadata) = (self.delete.as_ref(), self.metadata.as_ref());
        LogRecord { seq, definitions: &self.definitions, points, delete, metadata }
    }
}
