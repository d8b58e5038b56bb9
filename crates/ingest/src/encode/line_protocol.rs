//! A line per point: `cpu,host=a usage_user=1.5 1704067200000000000`.

use timestrata::{SeriesKey, Timestamp, Value};

use super::Unrepresentable;

/// Tag that holds the name of the field.
const FIELD_TAG: &str = "_field";
/// Field of series without that tag.
const PLAIN_FIELD: &str = "value";

/// Encoder of line protocol: the tag `_field` is the field, which is `value` without it.
#[derive(Debug, Clone, Default)]
pub struct LineProtocol {
    /// Series of the point before, and its measurement, tags and field.
    series: Option<(SeriesKey, Result<String, Unrepresentable>)>,
}

impl LineProtocol {
    /// Appends a point.
    ///
    /// # Errors
    ///
    /// If the format cannot hold the point; then nothing is appended.
    pub fn point(
        &mut self,
        key: &SeriesKey,
        time: Timestamp,
        value: Value,
        out: &mut String,
    ) -> Result<(), Unrepresentable> {
        use std::fmt::Write as _;
        if self.series.as_ref().is_none_or(|(last, _)| last != key) {
            self.series = Some((key.clone(), head(key)));
        }
        let Some((_, Ok(head))) = &self.series else {
            return Err(self.series.as_ref().and_then(|(_, head)| head.clone().err()).unwrap_or(Unrepresentable::Name));
        };
        let time = time.as_nanos();
        // Writing to a string does not fail.
        let _ = match value {
            Value::F64(number) if !number.is_finite() => return Err(Unrepresentable::NotFinite),
            Value::F64(number) => writeln!(out, "{head}{number:?} {time}"),
            Value::I64(number) => writeln!(out, "{head}{number}i {time}"),
            Value::U64(number) => writeln!(out, "{head}{number}u {time}"),
            Value::Bool(state) => writeln!(out, "{head}{state} {time}"),
            _ => return Err(Unrepresentable::ValueType),
        };
        Ok(())
    }
}

/// Returns measurement, tags and the name of the field with its equals sign.
fn head(key: &SeriesKey) -> Result<String, Unrepresentable> {
    // A comment begins with a number sign, and white space at the start of a line is skipped.
    if key.metric().starts_with(['#', '\t', ' ']) {
        return Err(Unrepresentable::Name);
    }
    let mut head = escaped(key.metric(), &[',', ' '])?;
    let mut field = PLAIN_FIELD;
    for (name, value) in key.tags() {
        if value.is_empty() {
            return Err(Unrepresentable::EmptyTag);
        }
        if name == FIELD_TAG {
            // The field `value` would be read as a series without the tag.
            field = Some(value).filter(|value| *value != PLAIN_FIELD).ok_or(Unrepresentable::Name)?;
            continue;
        }
        head.push(',');
        head.push_str(&escaped(name, &[',', ' ', '='])?);
        head.push('=');
        head.push_str(&escaped(value, &[',', ' ', '='])?);
    }
    head.push(' ');
    head.push_str(&escaped(field, &[',', ' ', '='])?);
    head.push('=');
    Ok(head)
}

/// Escapes a name; one that ends with a backslash would escape what follows it.
fn escaped(text: &str, characters: &[char]) -> Result<String, Unrepresentable> {
    // A backslash before an escaped character, or at the end, has no notation of its own.
    if text.is_empty() || text.ends_with('\\') {
        return Err(Unrepresentable::Name);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if characters.contains(&c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    Ok(plain)
}
