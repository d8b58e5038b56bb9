//! Attributes of resources and data points as tags.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::OtlpNames;
use super::names::label_name;
use crate::RefusalCode;
use crate::bodies::body_rows::Refusal;
use crate::bodies::wire::{WireError, WireReader};

/// Nesting of arrays and maps above this depth is left out; protobuf allows 100.
const MAX_DEPTH: usize = 16;

/// Attribute: its key, and its value as a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Decodes a `KeyValue`.
    pub(super) fn decode(message: &'a [u8]) -> Result<Self, WireError> {
        let mut attribute = Self { key: &[], value: &[] };
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => attribute.key = field.bytes()?,
                2 => attribute.value = field.bytes()?,
                _ => {}
            }
        }
        Ok(attribute)
    }

    /// Returns the value as text; an array or a map in the notation of JSON, bytes in base64.
    pub(super) fn text(self) -> Result<Result<String, Refusal>, WireError> {
        let mut out = String::new();
        Ok(if put_value(&mut out, self.value, 0)? {
            Ok(out)
        } else {
            Err(not_utf8("the value of the attribute", self.key))
        })
    }
}

/// Returns the attributes of a message, which are the fields of this number.
pub(super) fn attributes(message: &[u8], number: u32) -> Result<Vec<Attribute<'_>>, WireError> {
    let mut found = Vec::new();
    let mut fields = WireReader::new(message);
    while let Some(field) = fields.next()? {
        if field.number == number {
            found.push(Attribute::decode(field.bytes()?)?);
        }
    }
    Ok(found)
}

/// Returns the tags of attributes. Those whose labels are equal are joined with `;`, in the order of their keys.
pub(super) fn tags(
    mut attributes: Vec<Attribute<'_>>,
    names: OtlpNames,
) -> Result<Result<BTreeMap<String, String>, Refusal>, WireError> {
    attributes.sort_by_key(|attribute| attribute.key);
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for attribute in attributes {
        let text = match attribute.text()? {
            Ok(text) if text.is_empty() => continue,
            Ok(text) => text,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let label = match label_of(attribute.key, names) {
            Ok(label) => label,
            Err(refusal) => return Ok(Err(refusal)),
        };
        tags.entry(label)
            .and_modify(|other| {
                other.push(';');
                other.push_str(&text);
            })
            .or_insert(text);
    }
    Ok(Ok(tags))
}

fn label_of(key: &[u8], names: OtlpNames) -> Result<String, Refusal> {
    let text = std::str::from_utf8(key).map_err(|_| not_utf8("the attribute", key))?;
    match names {
        OtlpNames::Unchanged => Ok(text.to_owned()),
        OtlpNames::Prometheus => label_name(text).ok_or_else(|| {
            let reason = format!("the attribute {text:?} has no character that a label may have");
            (RefusalCode::EmptyLabelName, reason)
        }),
    }
}

/// Refuses a text that is not UTF-8.
pub(super) fn not_utf8(what: &str, bytes: &[u8]) -> Refusal {
    (RefusalCode::InvalidUtf8, format!("{what} {:?} is not UTF-8", String::from_utf8_lossy(bytes)))
}

/// Appends an `AnyValue`; returns `false` if it is not UTF-8.
fn put_value(out: &mut String, message: &[u8], depth: usize) -> Result<bool, WireError> {
    let mut fields = WireReader::new(message);
    let mut last = None;
    while let Some(field) = fields.next()? {
        if (1..=7).contains(&field.number) {
            last = Some(field);
        }
    }
    let Some(field) = last else {
        return Ok(true);
    };
    match field.number {
        1 => {
            let Ok(text) = std::str::from_utf8(field.bytes()?) else {
                return Ok(false);
            };
            if depth == 0 { out.push_str(text) } else { put_json_text(out, text) }
        }
        2 => out.push_str(if field.varint()? == 0 { "false" } else { "true" }),
        3 => put(out, field.varint()?.cast_signed()),
        4 => put_double(out, field.double()?),
        5 if depth < MAX_DEPTH => return put_array(out, field.bytes()?, depth),
        6 if depth < MAX_DEPTH => return put_map(out, field.bytes()?, depth),
        7 => put_base64(out, field.bytes()?),
        _ => {}
    }
    Ok(true)
}

fn put_array(out: &mut String, message: &[u8], depth: usize) -> Result<bool, WireError> {
    out.push('[');
    let mut values = WireReader::new(message);
    let mut is_first = true;
    while let Some(value) = values.next()? {
        if value.number == 1 {
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
            if !put_value(out, value.bytes()?, depth + 1)? {
                return Ok(false);
            }
        }
    }
    out.push(']');
    Ok(true)
}

fn put_map(out: &mut String, message: &[u8], depth: usize) -> Result<bool, WireError> {
    out.push('{');
    for (at, member) in attributes(message, 1)?.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let Ok(key) = std::str::from_utf8(member.key) else {
            return Ok(false);
        };
        put_json_text(out, key);
        out.push(':');
        if !put_value(out, member.value, depth + 1)? {
            return Ok(false);
        }
    }
    out.push('}');
    Ok(true)
}

fn put(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(out, "{value}");
}

fn put_json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => put(out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a number as JSON does: with an exponent beyond 21 digits, and below six places.
fn put_double(out: &mut String, value: f64) {
    let size = value.abs();
    if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if size >= 1e21 {
        let text = format!("{value:e}");
        out.push_str(&text.replace('e', "e+"));
    } else if size != 0.0 && size < 1e-6 {
        put(out, format_args!("{value:e}"));
    } else {
        put(out, value);
    }
}

fn put_base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let at = bits >> (18 - 6 * digit) & 63;
            out.push(if digit <= group.len() { char::from(DIGITS[at as usize]) } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_have_the_notation_of_json() {
        let double = |value: f64| {
            let mut out = String::new();
            put_double(&mut out, value);
            out
        };
        let texts = [1.0, -0.5, 1e20, 1e21, -2.5e-7, 0.0, f64::INFINITY, f64::NAN].map(double);
        assert_eq!(texts, ["1", "-0.5", "100000000000000000000", "1e+21", "-2.5e-7", "0", "+Inf", "NaN"]);
        for (bytes, expected) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            let mut out = String::new();
            put_base64(&mut out, bytes);
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        put_json_text(&mut out, "a\"b\\\n\u{1}é");
        assert_eq!(out, r#""a\"b\\\n\u0001é""#);
    }
}
