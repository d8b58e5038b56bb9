//! A series key in bytes, the same in the WAL and in the series log.

use super::{Decoded, Reader, put_varint};
use crate::options::Duplicates;
use crate::point::ValueType;
use crate::series::{MAX_SERIES_IDS, MAX_TAGS, SeriesId, SeriesKey};

/// The fewest bytes of a key: the lengths of a metric name and of no tags, and a name of one byte.
pub(crate) const MIN_KEY_BYTES: usize = 3;

pub(crate) fn put_key(out: &mut Vec<u8>, key: &SeriesKey) {
    put_text(out, key.metric());
    put_varint(out, key.tags().len() as u64);
    for (tag, value) in key.tags() {
        put_text(out, tag);
        put_text(out, value);
    }
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads a key and holds it to the rules that every write was held to.
pub(crate) fn read_key(reader: &mut Reader<'_>) -> Decoded<SeriesKey> {
    let mut key = SeriesKey::new(read_text(reader)?);
    let tags = reader.count(2)?;
    if tags > MAX_TAGS {
        return Err(format!("{tags} tags, at most {MAX_TAGS}"));
    }
    for _ in 0..tags {
        let tag = read_text(reader)?;
        key = key.tag(tag, read_text(reader)?);
    }
    key.check().map_err(|error| error.to_string())?;
    Ok(key)
}

pub(crate) fn read_text<'a>(reader: &mut Reader<'a>) -> Decoded<&'a str> {
    let len = reader.count(1)?;
    std::str::from_utf8(reader.bytes(len)?).map_err(|_| "a text is not UTF-8".to_owned())
}

/// A series' type in the lower half of a byte, what becomes of its duplicates in the upper.
pub(crate) fn put_kind(out: &mut Vec<u8>, ty: ValueType, duplicates: Duplicates) {
    out.push(ty as u8 | duplicates.code() << 4);
}

pub(crate) fn read_kind(reader: &mut Reader<'_>) -> Decoded<(ValueType, Duplicates)> {
    let code = reader.u8()?;
    let kind = ValueType::from_code(code & 0xf).zip(Duplicates::from_code(code >> 4));
    kind.ok_or_else(|| format!("value type {code} is not known"))
}

/// A series id from a number of any size.
pub(crate) fn series_id(number: u64) -> Decoded<SeriesId> {
    match u32::try_from(number) {
        Ok(id) if id < MAX_SERIES_IDS => Ok(SeriesId::new(id)),
        _ => Err(format!("series id {number} is not below {MAX_SERIES_IDS}")),
    }
}
