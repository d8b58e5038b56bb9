//! Measurement and tags of a row.

use std::borrow::Cow;

use timestrata::SeriesKey;

use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::SeriesOptions;

/// Characters that a backslash escapes in tags and field names.
const NAME_ESCAPES: &[u8] = b", =";
/// Characters that a backslash escapes in measurements.
const MEASUREMENT_ESCAPES: &[u8] = b", ";

/// Parses `measurement,tag=value,..`.
pub(super) fn parse_key(text: &[u8], options: &SeriesOptions) -> Result<SeriesKey, RowError> {
    let mut parts = split_unescaped(text, b',');
    let measurement = parts.next().unwrap_or_default();
    if measurement.is_empty() {
        return Err(RowError::refused("the measurement is missing"));
    }
    let mut tags = Vec::new();
    for part in parts {
        let mut sides = split_unescaped(part, b'=');
        let (Some(name), Some(value), None) = (sides.next(), sides.next(), sides.next()) else {
            return Err(RowError::refused(format!("{} is not a tag: a tag is written name=value", shown(part))));
        };
        if name.is_empty() || value.is_empty() {
            let empty = if name.is_empty() { "name" } else { "value" };
            return Err(RowError::refused(format!("the tag {} has an empty {empty}", shown(part))));
        }
        tags.push((unescape(name, NAME_ESCAPES)?, unescape(value, NAME_ESCAPES)?));
        if tags.len() > options.limits.fields {
            return Err(RowError::refused(format!("the row has more than {} tags", options.limits.fields)));
        }
    }
    let key: SeriesKey = tags.into_iter().collect();
    Ok(key.with_metric(options.metric(&unescape(measurement, MEASUREMENT_ESCAPES)?)))
}

/// Returns the name of a field without escapes.
pub(super) fn parse_field_name(text: &[u8]) -> Result<Cow<'_, str>, RowError> {
    unescape(text, NAME_ESCAPES)
}

/// Splits a text at a separator that no backslash precedes.
fn split_unescaped(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let part = rest?;
        let at = memchr::memchr_iter(separator, part).find(|at| *at == 0 || part[at - 1] != b'\\');
        match at {
            Some(at) => {
                rest = Some(&part[at + 1..]);
                Some(&part[..at])
            }
            None => rest.take(),
        }
    })
}

fn unescape<'a>(text: &'a [u8], escapes: &[u8]) -> Result<Cow<'a, str>, RowError> {
    let text = std::str::from_utf8(text).map_err(|_| RowError::refused(format!("{} is not UTF-8", shown(text))))?;
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && next.is_ascii() && escapes.contains(&(*next as u8)) => {
                plain.extend(chars.next());
            }
            _ => plain.push(c),
        }
    }
    Ok(Cow::Owned(plain))
}
