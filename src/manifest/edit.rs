//! An edit as bytes. Numbers are varints, each as small as its neighbours allow; decoding refuses what no engine wrote.

use crate::bytes::key::{put_text, read_text, series_id};
use crate::bytes::series_set::{put_series, read_series};
use crate::bytes::tombstone::{MIN_TOMBSTONE_BYTES, put_tombstone, read_tombstone};
use crate::bytes::{Decoded, Reader, ordinal, put_u32, put_varint, put_zigzag};
use crate::options::Duplicates;
use crate::sync::Arc;
use crate::version::{BASE, DyadicBox, Edit, FileId, GoneStep, Rectangle, SstMeta};

/// Sixteen numbers of at least a byte, and the CRC.
const MIN_SST_BYTES: usize = 20;

pub(super) fn put_edit(out: &mut Vec<u8>, edit: &Edit) {
    put_varint(out, edit.flushed_seq);
    put_varint(out, edit.floor.get());
    put_varint(out, edit.series_log_len);
    put_varint(out, edit.next_file.get());
    put_varint(out, edit.removed.len() as u64);
    for id in &edit.removed {
        put_varint(out, id.get());
    }
    put_varint(out, edit.added.len() as u64);
    for sst in &edit.added {
        put_sst(out, sst);
    }
    put_varint(out, edit.buried.len() as u64);
    for tombstone in &edit.buried {
        put_tombstone(out, tombstone);
    }
    put_varint(out, edit.forgotten.len() as u64);
    for seq in &edit.forgotten {
        put_varint(out, *seq);
    }
    put_zigzag(out, edit.cutoff);
    put_varint(out, edit.cutoffs.len() as u64);
    for (select, cutoff) in &edit.cutoffs {
        put_text(out, select);
        put_zigzag(out, *cutoff);
    }
    // 0 leaves it as it was.
    out.push(edit.duplicates.map_or(0, |duplicates| duplicates.code() + 1));
    put_varint(out, edit.origins.len() as u64);
    for origin in &edit.origins {
        out.extend_from_slice(&origin.to_be_bytes());
    }
    let GoneStep { gone, back, suspected, cleared } = &edit.gone;
    for series in [gone, back, suspected, cleared] {
        put_series(out, series);
    }
}

fn put_sst(out: &mut Vec<u8>, sst: &SstMeta) {
    let Rectangle { first_series, last_series, first_time, last_time } = sst.rectangle;
    debug_assert!(first_series <= last_series && first_time <= last_time && sst.min_seq <= sst.max_seq);
    put_varint(out, sst.id.get());
    put_varint(out, sst.len);
    put_u32(out, sst.footer_crc);
    put_varint(out, u64::from(first_series.get()));
    put_varint(out, u64::from(last_series.get() - first_series.get()));
    put_zigzag(out, first_time);
    put_varint(out, last_time.abs_diff(first_time));
    put_varint(out, sst.min_seq);
    put_varint(out, sst.max_seq - sst.min_seq);
    put_varint(out, sst.points);
    put_varint(out, sst.blocks);
    put_varint(out, sst.series);
    out.push(sst.level);
    put_varint(out, sst.age);
    let ((first_series, series_bits), (first_time, time_bits)) = sst.space.sides();
    put_varint(out, u64::from(first_series));
    out.push(series_bits);
    put_zigzag(out, first_time);
    out.push(time_bits);
    out.push(u8::from(sst.origin != 0));
    if sst.origin != 0 {
        out.extend_from_slice(&sst.origin.to_be_bytes());
    }
}

pub(super) fn read_edit(bytes: &[u8]) -> Decoded<Edit> {
    let mut reader = Reader::new(bytes);
    let mut edit = Edit {
        flushed_seq: ordinal(reader.varint()?)?,
        floor: FileId::new(ordinal(reader.varint()?)?),
        series_log_len: reader.varint()?,
        next_file: FileId::new(ordinal(reader.varint()?)?),
        ..Edit::default()
    };
    for _ in 0..reader.count(1)? {
        edit.removed.push(FileId::new(reader.varint()?));
    }
    for _ in 0..reader.count(MIN_SST_BYTES)? {
        edit.added.push(read_sst(&mut reader)?);
    }
    for _ in 0..reader.count(MIN_TOMBSTONE_BYTES)? {
        edit.buried.push(Arc::new(read_tombstone(&mut reader)?));
    }
    for _ in 0..reader.count(1)? {
        edit.forgotten.push(reader.varint()?);
    }
    edit.cutoff = reader.zigzag()?;
    for _ in 0..reader.count(2)? {
        let select = read_text(&mut reader)?.to_owned();
        edit.cutoffs.push((select, reader.zigzag()?));
    }
    edit.duplicates = match reader.u8()? {
        0 => None,
        code => Some(Duplicates::from_code(code - 1).ok_or("a treatment of duplicates that is not known")?),
    };
    for _ in 0..reader.count(16)? {
        edit.origins.push(u128::from_be_bytes(reader.array()?));
    }
    edit.gone = GoneStep {
        gone: read_series(&mut reader)?,
        back: read_series(&mut reader)?,
        suspected: read_series(&mut reader)?,
        cleared: read_series(&mut reader)?,
    };
    reader.finish()?;
    Ok(edit)
}

fn read_sst(reader: &mut Reader<'_>) -> Decoded<SstMeta> {
    let (id, len, footer_crc) = (FileId::new(ordinal(reader.varint()?)?), reader.varint()?, reader.u32()?);
    let first_series = reader.varint()?;
    let last_series = sum(first_series, reader.varint()?)?;
    let first_time = reader.zigzag()?;
    let last_time = first_time.checked_add_unsigned(reader.varint()?).ok_or("a time range beyond all time")?;
    let min_seq = reader.varint()?;
    let mut meta = SstMeta {
        id,
        len,
        footer_crc,
        rectangle: Rectangle {
            first_series: series_id(first_series)?,
            last_series: series_id(last_series)?,
            first_time,
            last_time,
        },
        min_seq,
        max_seq: sum(min_seq, reader.varint()?)?,
        points: reader.varint()?,
        blocks: reader.varint()?,
        series: reader.varint()?,
        level: reader.u8()?,
        age: reader.varint()?,
        space: DyadicBox::ALL,
        origin: 0,
    };
    let (first_series, series_bits) = (reader.varint_u32()?, reader.u8()?);
    let (first_time, time_bits) = (reader.zigzag()?, reader.u8()?);
    meta.space =
        DyadicBox::new(first_series, series_bits, first_time, time_bits).ok_or("a space that is not aligned")?;
    if meta.level > BASE {
        return Err(format!("level {} of {}", meta.level, BASE));
    }
    meta.origin = match reader.u8()? {
        0 => 0,
        1 => u128::from_be_bytes(reader.array()?),
        _ => return Err("a flag that is not known".to_owned()),
    };
    Ok(meta)
}

fn sum(first: u64, more: u64) -> Decoded<u64> {
    first.checked_add(more).ok_or_else(|| "a range beyond 64 bits".to_owned())
}
