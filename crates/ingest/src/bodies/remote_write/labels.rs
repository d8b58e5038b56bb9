//! Labels of a series, in the encoding of remote write 1.0, which is also the lookup key of the series in `SeriesTable`.

use timestrata::SeriesKey;

use crate::RefusalCode;
use crate::bodies::body_rows::Refusal;
use crate::bodies::wire::{WireError, WireReader, put_varint, varint_len};

/// Label with the name of the metric.
const METRIC_LABEL: &str = "__name__";
/// Tag of a label in a series.
const LABEL_TAG: u8 = 0x0a;
/// Tag of the name in a label.
const NAME_TAG: u8 = 0x0a;
/// Tag of the value in a label.
const VALUE_TAG: u8 = 0x12;

/// Appends a label as remote write 1.0 writes it.
pub(super) fn put_label(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(LABEL_TAG);
    let texts = [(NAME_TAG, name), (VALUE_TAG, value)];
    put_varint(out, texts.iter().map(|(_, text)| 1 + varint_len(text.len()) + text.len()).sum());
    for (tag, text) in texts {
        out.push(tag);
        put_varint(out, text.len());
        out.extend_from_slice(text);
    }
}

/// Checks that labels are well-formed, and returns the key.
///
/// Outer error: the body is damaged. Inner error: this series is refused.
pub(super) fn series_key(labels: &[u8]) -> Result<Result<SeriesKey, Refusal>, WireError> {
    let mut pairs = Vec::new();
    let mut series = WireReader::new(labels);
    while let Some(label) = series.next()? {
        pairs.push(name_and_value(label.bytes()?)?);
    }
    Ok(key_of_pairs(&pairs))
}

fn name_and_value(label: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = WireReader::new(label);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => name = field.bytes()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn key_of_pairs(pairs: &[(&[u8], &[u8])]) -> Result<SeriesKey, Refusal> {
    let mut metric = "";
    let mut tags = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let (name, value) = (text(name)?, text(value)?);
        if value.is_empty() {
            continue;
        }
        if name != METRIC_LABEL {
            tags.push((name, value));
        } else if !std::mem::replace(&mut metric, value).is_empty() {
            return Err((RefusalCode::DuplicateLabel, "the label __name__ occurs twice".to_owned()));
        }
    }
    if metric.is_empty() {
        return Err((RefusalCode::NoMetricName, "the series has no label __name__".to_owned()));
    }
    Ok(tags.into_iter().collect::<SeriesKey>().with_metric(metric))
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    let shown = || (RefusalCode::InvalidUtf8, format!("the label {:?} is not UTF-8", String::from_utf8_lossy(bytes)));
    std::str::from_utf8(bytes).map_err(|_| shown())
}
