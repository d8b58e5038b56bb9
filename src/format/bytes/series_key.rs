//! Encoding of series keys, series kinds and series ids, the same in the WAL and in the series log.

use super::{ByteReader, DecodeResult, put_text, put_varint, read_bytes, read_text};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::ValueType;
use crate::types::series::{KeyBuffer, KeySpan, MAX_SERIES_IDS, MAX_SERIES_TAGS, SeriesId, SeriesKey};

/// Minimum length of an encoded key, in bytes: length and one byte of the metric name, and a tag count.
pub(crate) const MIN_KEY_BYTES: usize = 3;

/// Appends a key: the metric name, the number of tags, and key and value of each tag.
pub(crate) fn put_key(out: &mut Vec<u8>, key: &SeriesKey) {
    put_text(out, key.metric());
    put_varint(out, key.tags().len() as u64);
    for (tag, value) in key.tags() {
        put_text(out, tag);
        put_text(out, value);
    }
}

/// Reads a key and checks the rules that every write checks.
pub(crate) fn read_key(reader: &mut ByteReader<'_>) -> DecodeResult<SeriesKey> {
    let mut keys = KeyBuffer::default();
    let span = read_key_into(reader, &mut keys)?;
    Ok(keys.finish().key(span))
}

/// Reads a key, checks the rules that every write checks, and appends the key to a buffer.
pub(crate) fn read_key_into(reader: &mut ByteReader<'_>, keys: &mut KeyBuffer) -> DecodeResult<KeySpan> {
    let before = *reader;
    if let Some(span) = read_valid_key(reader, keys) {
        return Ok(span);
    }
    *reader = before;
    // The key is invalid, and this finds the first rule that is broken; or its tags are not sorted.
    let key = read_checked_key(reader)?;
    let tags = key.tags().map(|(tag, value)| Some((tag.as_bytes(), value.as_bytes())));
    keys.push(key.metric().as_bytes(), tags).ok_or_else(|| "the keys of a group exceed 4 GiB".to_owned())
}

/// Reads a key; `None` unless it is valid and its tags are sorted, as every writer sorts them.
fn read_valid_key(reader: &mut ByteReader<'_>, keys: &mut KeyBuffer) -> Option<KeySpan> {
    let mut all = *reader;
    // Numbers below 64 have the same encoding here and in the buffer.
    if let Some((span, len)) = keys.push_encoded(all.bytes(reader.remaining()).ok()?) {
        reader.bytes(len).ok()?;
        return Some(span);
    }
    let metric = read_bytes(reader).ok()?;
    let tags = reader.count(2).ok()?;
    let tag = |_| Some((read_bytes(reader).ok()?, read_bytes(reader).ok()?));
    keys.push(metric, (0..tags).map(tag))
}

fn read_checked_key(reader: &mut ByteReader<'_>) -> DecodeResult<SeriesKey> {
    let metric = read_text(reader)?;
    let tags = reader.count(2)?;
    if tags > MAX_SERIES_TAGS {
        return Err(format!("{tags} tags exceed the maximum of {MAX_SERIES_TAGS}"));
    }
    let tags: Vec<_> = (0..tags).map(|_| Ok((read_text(reader)?, read_text(reader)?))).collect::<DecodeResult<_>>()?;
    let key = SeriesKey::from_stored(metric, tags.into_iter());
    key.validate().map_err(|error| error.to_string())?;
    Ok(key)
}

/// Appends a series kind as one byte: value type in the low four bits, duplicate policy in the others.
pub(crate) fn put_series_kind(out: &mut Vec<u8>, ty: ValueType, duplicates: DuplicatePolicy) {
    out.push(ty as u8 | duplicates.code() << 4);
}

/// Reads a series kind: value type and duplicate policy.
pub(crate) fn read_series_kind(reader: &mut ByteReader<'_>) -> DecodeResult<(ValueType, DuplicatePolicy)> {
    let code = reader.u8()?;
    let kind = ValueType::from_code(code & 0xf).zip(DuplicatePolicy::from_code(code >> 4));
    kind.ok_or_else(|| format!("unknown series kind {code}"))
}

/// Converts a number to a series id; fails if the number is not below [`MAX_SERIES_IDS`].
pub(crate) fn check_series_id(number: u64) -> DecodeResult<SeriesId> {
    match u32::try_from(number) {
        Ok(id) if id < MAX_SERIES_IDS => Ok(SeriesId::new(id)),
        _ => Err(format!("series id {number} is not below {MAX_SERIES_IDS}")),
    }
}
