//! Name and labels of a sample.

use std::borrow::Cow;

use timestrata::SeriesKey;

use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::SeriesOptions;

/// Returns the length of name and labels at the start of a line; `None` if a quote or brace is not closed.
pub(super) fn series_len(line: &[u8]) -> Option<usize> {
    let name = line.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'{')).unwrap_or(line.len());
    let open = name + line[name..].iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(0);
    if line.get(open) != Some(&b'{') {
        return Some(name);
    }
    let mut at = open + 1;
    loop {
        at += memchr::memchr2(b'"', b'}', line.get(at..)?)?;
        if line[at] == b'}' {
            return Some(at + 1);
        }
        at += 2 + quoted_len(&line[at + 1..])?;
    }
}

/// Returns the index of the quote that closes a text; the opening quote is before it.
pub(super) fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Parses `name{label="value",..}` or `{"name",label="value",..}`.
pub(super) fn parse_series(text: &[u8], options: &SeriesOptions) -> Result<SeriesKey, RowError> {
    let text = std::str::from_utf8(text).map_err(|_| RowError::refused(format!("{} is not UTF-8", shown(text))))?;
    let (name, labels) = match text.split_once('{') {
        Some((name, labels)) => (name.trim_ascii_end(), labels.strip_suffix('}').unwrap_or(labels)),
        None => (text, ""),
    };
    let mut metric = (!name.is_empty()).then_some(Cow::Borrowed(name));
    if metric.is_some() && !is_metric_name(name) {
        let reason = format!("{} is not a metric name; such a name is written {{\"name\"}}", shown(name.as_bytes()));
        return Err(RowError::refused(reason));
    }
    let mut tags = Vec::new();
    let mut rest = labels.trim_ascii_start();
    while !rest.is_empty() {
        let (label, after, is_quoted) = parse_label_name(rest)?;
        match after.strip_prefix('=') {
            None if is_quoted && metric.is_none() => {
                metric = Some(label);
                rest = after;
            }
            None if after.starts_with(':') => {
                return Err(RowError::refused("the value is a native histogram, which is not supported"));
            }
            None => return Err(RowError::refused(format!("the label {label:?} has no value"))),
            Some(value) => {
                let (value, after) = parse_quoted(value.trim_ascii_start())
                    .ok_or_else(|| RowError::refused(format!("the value of the label {label:?} is not in quotes")))?;
                tags.push((label, value));
                rest = after.trim_ascii_start();
            }
        }
        if !rest.is_empty() {
            let after = rest.strip_prefix(',');
            rest = after.ok_or_else(|| RowError::refused("labels are separated by commas"))?.trim_ascii_start();
        }
        if tags.len() > options.limits.fields {
            return Err(RowError::refused(format!("the sample has more than {} labels", options.limits.fields)));
        }
    }
    let metric = metric.ok_or_else(|| RowError::refused("the sample has no metric name"))?;
    let key: SeriesKey = tags.into_iter().collect();
    Ok(key.with_metric(options.metric(&metric)))
}

/// Returns the name of a label without quotes, the rest after it and blanks, and whether it was quoted.
fn parse_label_name(text: &str) -> Result<(Cow<'_, str>, &str, bool), RowError> {
    if let Some((name, rest)) = parse_quoted(text) {
        return Ok((name, rest.trim_ascii_start(), true));
    }
    let len = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    if len == 0 || text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(RowError::refused(format!("a label name is expected at {}", shown(text.as_bytes()))));
    }
    Ok((Cow::Borrowed(&text[..len]), text[len..].trim_ascii_start(), false))
}

/// Returns the text between the quotes at the start without escapes, and what follows.
pub(super) fn parse_quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let body = text.strip_prefix('"')?;
    let len = quoted_len(body.as_bytes())?;
    Some((unescape(&body[..len]), &body[len + 1..]))
}

/// Replaces `\n`, `\"` and `\\`; any other backslash stays.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(escaped @ ('n' | '"' | '\\'))) => {
                plain.push(if escaped == 'n' { '\n' } else { escaped });
                chars.next();
            }
            _ => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// Returns `true` if a metric name needs no quotes.
pub(super) fn is_metric_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
}
