//! An edit as bytes. Numbers are varints, each as small as its neighbours allow; decoding refuses what no engine wrote.

use crate::bytes::key::series_id;
use crate::bytes::{Decoded, Reader, ordinal, put_u32, put_varint, put_zigzag};
use crate::version::{Edit, FileId, Rectangle, SstMeta};

/// Eleven numbers of at least a byte, and the CRC.
const MIN_SST_BYTES: usize = 15;

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
    Ok(SstMeta {
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
    })
}

fn sum(first: u64, more: u64) -> Decoded<u64> {
    first.checked_add(more).ok_or_else(|| "a range beyond 64 bits".to_owned())
}
