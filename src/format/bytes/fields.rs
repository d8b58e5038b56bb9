//! Fields that are composed of numbers: byte strings, texts and values that may be missing.

use super::{ByteReader, DecodeResult, put_varint};

/// Appends bytes: their number, then the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn read_bytes<'a>(reader: &mut ByteReader<'a>) -> DecodeResult<&'a [u8]> {
    let len = reader.count(1)?;
    Ok(reader.bytes(len)?)
}

/// Appends a text: the length of its UTF-8 form in bytes, then these bytes.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

pub(crate) fn read_text<'a>(reader: &mut ByteReader<'a>) -> DecodeResult<&'a str> {
    std::str::from_utf8(read_bytes(reader)?).map_err(|_| "a text is not UTF-8".to_owned())
}

/// Appends a value that may be missing: 1 and the value, or 0.
pub(crate) fn put_option<V>(out: &mut Vec<u8>, value: Option<V>, put: impl FnOnce(&mut Vec<u8>, V)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

pub(crate) fn read_option<'a, V>(
    reader: &mut ByteReader<'a>,
    read: impl FnOnce(&mut ByteReader<'a>) -> DecodeResult<V>,
) -> DecodeResult<Option<V>> {
    match reader.u8()? {
        0 => Ok(None),
        1 => read(reader).map(Some),
        flag => Err(format!("unknown flag {flag} of a value that may be missing")),
    }
}

/// Reads a value that may be missing, as [`put_zigzag`](super::put_zigzag) writes it.
pub(crate) fn read_optional_zigzag(reader: &mut ByteReader<'_>) -> DecodeResult<Option<i64>> {
    read_option(reader, |reader| Ok(reader.zigzag_i64()?))
}
