//! Messages of remote write 1.0: `prometheus.WriteRequest`.

use std::ops::Range;

use super::metric_kind;
use super::samples::{SAMPLES, SeriesParts, push_series};
use crate::bodies::body_rows::BodyRows;
use crate::bodies::wire::{WireError, WireReader};

/// Decodes a request.
pub(super) fn decode(body: &[u8], out: &mut BodyRows<'_>) -> Result<(), WireError> {
    let mut request = WireReader::new(body);
    let mut number = 0;
    let mut gathered = Vec::new();
    while let Some(field) = request.next()? {
        match field.number {
            1 => {
                number += 1;
                series(number, field.bytes()?, &mut gathered, out)?;
            }
            3 => metadata(field.bytes()?, out)?,
            _ => {}
        }
    }
    Ok(())
}

/// Decodes series `number`.
fn series(number: u64, message: &[u8], gathered: &mut Vec<u8>, out: &mut BodyRows<'_>) -> Result<(), WireError> {
    let mut parts = SeriesParts::default();
    let mut labels: Option<Range<usize>> = None;
    let mut is_scattered = false;
    let mut fields = WireReader::new(message);
    loop {
        let start = message.len() - fields.rest_len();
        let Some(field) = fields.next()? else {
            break;
        };
        let end = message.len() - fields.rest_len();
        match field.number {
            1 => {
                field.bytes()?;
                let range = labels.get_or_insert(start..start);
                is_scattered |= range.end != start;
                range.end = end;
            }
            SAMPLES => parts.add_sample(start),
            3 => parts.exemplars += 1,
            4 => parts.histograms += 1,
            _ => {}
        }
    }
    // Every known encoder writes the labels one after the other.
    let text = if is_scattered {
        gather_labels(message, gathered)?;
        &gathered[..]
    } else {
        &message[labels.unwrap_or_default()]
    };
    push_series(number, text, message, &parts, out).map(|_| ())
}

/// Copies the labels of a series behind each other.
fn gather_labels(message: &[u8], gathered: &mut Vec<u8>) -> Result<(), WireError> {
    gathered.clear();
    let mut fields = WireReader::new(message);
    loop {
        let start = message.len() - fields.rest_len();
        match fields.next()? {
            Some(field) if field.number == 1 => {
                gathered.extend_from_slice(&message[start..message.len() - fields.rest_len()]);
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

fn metadata(message: &[u8], out: &mut BodyRows<'_>) -> Result<(), WireError> {
    let mut kind = 0;
    let [mut metric, mut help, mut unit]: [&[u8]; 3] = [&[]; 3];
    let mut fields = WireReader::new(message);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => kind = field.varint()?,
            2 => metric = field.bytes()?,
            4 => help = field.bytes()?,
            5 => unit = field.bytes()?,
            _ => {}
        }
    }
    let text = |bytes| std::str::from_utf8(bytes).ok();
    match (text(metric), text(unit), text(help)) {
        (Some(metric), Some(unit), Some(help)) => out.describe(metric, metric_kind(kind), unit, help),
        _ => out.summary.metadata += 1,
    }
    Ok(())
}
