//! Encoding of manifest edits.
//!
//! Most numbers are varints, stored as differences where that makes them small.
//!
//! The decoder refuses an edit that breaks a rule of the format. The rules between edits are checked when an edit is
//! applied to the state before it.

use super::retention::{put_retention, read_retention};
use crate::format::bytes::metric_metadata::{MIN_METADATA_CHANGE_BYTES, put_metadata_change, read_metadata_change};
use crate::format::bytes::series_key::check_series_id;
use crate::format::bytes::series_set::{put_series_set, read_series_set};
use crate::format::bytes::tombstone::{MIN_TOMBSTONE_BYTES, put_tombstone, read_tombstone};
use crate::format::bytes::{
    ByteReader, DecodeResult, check_u63, put_bytes, put_option, put_u32, put_varint, put_zigzag, read_bytes,
    read_option, read_optional_zigzag,
};
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::series_index::empty_series::EmptySeriesDelta;
use crate::state::version::{BASE, DyadicBox, SeriesLogEnd, SstMeta, VersionEdit};
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::series::MAX_SERIES_IDS;
use crate::types::time_range::TimeRange;

/// Lower bound on the length of an encoded [`SstMeta`], in bytes.
///
/// The shortest one takes 22 bytes: eighteen numbers and flags of one byte each, and a CRC.
const MIN_SST_BYTES: usize = 20;

/// Appends the body of an edit record or of a full record.
pub(super) fn put_edit(out: &mut Vec<u8>, edit: &VersionEdit) {
    put_varint(out, edit.flushed_seq);
    put_varint(out, edit.wal_floor.get());
    put_varint(out, edit.series_log.file.get());
    put_varint(out, edit.series_log.len);
    put_varint(out, u64::from(edit.next_series_id));
    put_varint(out, edit.next_file_id.get());
    put_varint(out, edit.removed_ssts.len() as u64);
    for id in &edit.removed_ssts {
        put_varint(out, id.get());
    }
    put_varint(out, edit.added_ssts.len() as u64);
    for sst in &edit.added_ssts {
        put_sst_meta(out, sst);
    }
    put_varint(out, edit.added_tombstones.len() as u64);
    for tombstone in &edit.added_tombstones {
        put_tombstone(out, tombstone);
    }
    put_varint(out, edit.removed_tombstones.len() as u64);
    for seq in &edit.removed_tombstones {
        put_varint(out, *seq);
    }
    put_option(out, edit.cutoff, put_zigzag);
    put_varint(out, edit.rule_cutoffs.len() as u64);
    for (selector, cutoff) in &edit.rule_cutoffs {
        put_bytes(out, selector);
        put_zigzag(out, *cutoff);
    }
    put_option(out, edit.retention.as_ref(), put_retention);
    // 0 means that the edit does not change the policy.
    out.push(edit.duplicates.map_or(0, |duplicates| duplicates.code() + 1));
    put_varint(out, edit.origins.len() as u64);
    for origin in &edit.origins {
        out.extend_from_slice(&origin.to_be_bytes());
    }
    let delta = &edit.empty_series;
    for series in [
        &delta.emptied,
        &delta.revived,
        &delta.candidates_added,
        &delta.candidates_removed,
        &delta.unwritten_added,
        &delta.unwritten_removed,
    ] {
        put_series_set(out, series);
    }
    put_varint(out, edit.metadata.len() as u64);
    for change in &edit.metadata {
        put_metadata_change(out, change);
    }
}

fn put_sst_meta(out: &mut Vec<u8>, sst: &SstMeta) {
    let Rectangle { first_series, last_series, times } = sst.rectangle;
    debug_assert!(first_series <= last_series && !times.is_empty() && sst.min_seq <= sst.max_seq);
    put_varint(out, sst.id.get());
    put_varint(out, sst.file_len);
    put_u32(out, sst.footer_crc);
    put_varint(out, u64::from(first_series.get()));
    put_varint(out, u64::from(last_series.get() - first_series.get()));
    put_zigzag(out, times.first());
    put_varint(out, times.last().abs_diff(times.first()));
    put_varint(out, sst.min_seq);
    put_varint(out, sst.max_seq - sst.min_seq);
    put_varint(out, sst.points);
    put_varint(out, sst.blocks);
    put_varint(out, sst.series);
    out.push(sst.level);
    put_varint(out, sst.generation);
    let ((first_series, series_bits), (first_time, time_bits)) = sst.partition.sides();
    put_varint(out, u64::from(first_series));
    out.push(series_bits);
    put_zigzag(out, first_time);
    out.push(time_bits);
    out.push(u8::from(sst.origin != 0));
    if sst.origin != 0 {
        out.extend_from_slice(&sst.origin.to_be_bytes());
    }
}

/// Decodes the body of an edit record or of a full record.
pub(super) fn read_edit(bytes: &[u8]) -> DecodeResult<VersionEdit> {
    let mut reader = ByteReader::new(bytes);
    let mut edit = VersionEdit {
        flushed_seq: check_u63(reader.varint_u64()?)?,
        wal_floor: FileId::new(check_u63(reader.varint_u64()?)?),
        series_log: SeriesLogEnd { file: FileId::new(check_u63(reader.varint_u64()?)?), len: reader.varint_u64()? },
        next_series_id: read_next_series_id(&mut reader)?,
        next_file_id: FileId::new(check_u63(reader.varint_u64()?)?),
        ..VersionEdit::default()
    };
    for _ in 0..reader.count(1)? {
        edit.removed_ssts.push(FileId::new(reader.varint_u64()?));
    }
    for _ in 0..reader.count(MIN_SST_BYTES)? {
        edit.added_ssts.push(read_sst_meta(&mut reader)?);
    }
    for _ in 0..reader.count(MIN_TOMBSTONE_BYTES)? {
        edit.added_tombstones.push(Arc::new(read_tombstone(&mut reader)?));
    }
    for _ in 0..reader.count(1)? {
        edit.removed_tombstones.push(reader.varint_u64()?);
    }
    edit.cutoff = read_optional_zigzag(&mut reader)?;
    for _ in 0..reader.count(2)? {
        // Opaque here: the opening decodes it.
        let selector = read_bytes(&mut reader)?.to_vec();
        edit.rule_cutoffs.push((selector, reader.zigzag_i64()?));
    }
    edit.retention = read_option(&mut reader, read_retention)?;
    edit.duplicates = match reader.u8()? {
        0 => None,
        code => Some(DuplicatePolicy::from_code(code - 1).ok_or("unknown duplicate policy")?),
    };
    for _ in 0..reader.count(16)? {
        edit.origins.push(u128::from_be_bytes(reader.array()?));
    }
    edit.empty_series = EmptySeriesDelta {
        emptied: read_series_set(&mut reader)?,
        revived: read_series_set(&mut reader)?,
        candidates_added: read_series_set(&mut reader)?,
        candidates_removed: read_series_set(&mut reader)?,
        unwritten_added: read_series_set(&mut reader)?,
        unwritten_removed: read_series_set(&mut reader)?,
    };
    for _ in 0..reader.count(MIN_METADATA_CHANGE_BYTES)? {
        let change = read_metadata_change(&mut reader)?;
        if edit.metadata.last().is_some_and(|last| last.metric >= change.metric) {
            return Err(format!("the metadata of {:?} are out of order", change.metric));
        }
        edit.metadata.push(change);
    }
    reader.expect_end()?;
    Ok(edit)
}

fn read_sst_meta(reader: &mut ByteReader<'_>) -> DecodeResult<SstMeta> {
    let (id, len, footer_crc) = (FileId::new(check_u63(reader.varint_u64()?)?), reader.varint_u64()?, reader.u32()?);
    let first_series = reader.varint_u64()?;
    let last_series = checked_range_end(first_series, reader.varint_u64()?)?;
    let first_time = reader.zigzag_i64()?;
    let last_time = first_time.checked_add_unsigned(reader.varint_u64()?).ok_or("a time range exceeds 64 bits")?;
    let min_seq = reader.varint_u64()?;
    let mut meta = SstMeta {
        id,
        file_len: len,
        footer_crc,
        rectangle: Rectangle {
            first_series: check_series_id(first_series)?,
            last_series: check_series_id(last_series)?,
            times: TimeRange::new(first_time, last_time),
        },
        min_seq,
        max_seq: checked_range_end(min_seq, reader.varint_u64()?)?,
        points: reader.varint_u64()?,
        blocks: reader.varint_u64()?,
        series: reader.varint_u64()?,
        level: reader.u8()?,
        generation: reader.varint_u64()?,
        partition: DyadicBox::ALL,
        origin: 0,
    };
    let (first_series, series_bits) = (reader.varint_u32()?, reader.u8()?);
    let (first_time, time_bits) = (reader.zigzag_i64()?, reader.u8()?);
    meta.partition =
        DyadicBox::new(first_series, series_bits, first_time, time_bits).ok_or("the partition is not aligned")?;
    if meta.level > BASE {
        return Err(format!("level {} exceeds {}", meta.level, BASE));
    }
    meta.origin = match reader.u8()? {
        0 => 0,
        1 => u128::from_be_bytes(reader.array()?),
        _ => return Err("unknown origin flag".to_owned()),
    };
    Ok(meta)
}

/// Reads the next series id, which is at most [`MAX_SERIES_IDS`].
fn read_next_series_id(reader: &mut ByteReader<'_>) -> DecodeResult<u32> {
    let number = reader.varint_u64()?;
    let id = u32::try_from(number).ok().filter(|id| *id <= MAX_SERIES_IDS);
    id.ok_or_else(|| format!("next series id {number} exceeds {MAX_SERIES_IDS}"))
}

/// Returns the last number of a range from its first number and the difference of both.
fn checked_range_end(first: u64, len: u64) -> DecodeResult<u64> {
    first.checked_add(len).ok_or_else(|| "a range exceeds 64 bits".to_owned())
}
