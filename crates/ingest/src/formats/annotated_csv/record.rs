//! Records of comma-separated values, as RFC 4180 defines them.

use std::borrow::Cow;

use crate::formats::row_error::{RowError, shown};

/// Where a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordEnd {
    /// Index of the line feed.
    At(usize),
    /// There is no line feed yet.
    Missing,
    /// There is none yet, and a quote is open since this index.
    OpenQuote(usize),
}

/// Finds the end of the record at the start of `input`: a line feed outside quotes.
pub(super) fn record_end(input: &[u8]) -> RecordEnd {
    let mut open = None;
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'\n', b'"', &input[at..]) {
        at += found;
        match (input[at], open) {
            (b'\n', None) => return RecordEnd::At(at),
            (b'"', None) => open = Some(at),
            (b'"', Some(_)) => open = None,
            _ => {}
        }
        at += 1;
    }
    open.map_or(RecordEnd::Missing, RecordEnd::OpenQuote)
}

/// Splits a record without its line break into cells without quotes.
pub(super) fn cells(record: &[u8]) -> Result<Vec<Cow<'_, str>>, RowError> {
    let text = std::str::from_utf8(record).map_err(|_| RowError::refused("the row is not UTF-8"))?;
    if !text.contains('"') {
        return Ok(text.split(',').map(Cow::Borrowed).collect());
    }
    let mut cells = Vec::new();
    let mut rest = text;
    loop {
        let (cell, after) = first_cell(rest)?;
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(cells),
            None => return Err(RowError::refused(format!("{} follows a quoted cell", shown(after.as_bytes())))),
        }
    }
}

/// Returns the first cell, and what follows it: nothing, or a comma.
fn first_cell(text: &str) -> Result<(Cow<'_, str>, &str), RowError> {
    let Some(body) = text.strip_prefix('"') else {
        let (cell, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
        return Ok((Cow::Borrowed(cell), rest));
    };
    let mut cell = String::new();
    let mut rest = body;
    while let Some((part, after)) = rest.split_once('"') {
        cell.push_str(part);
        match after.strip_prefix('"') {
            Some(next) => {
                cell.push('"');
                rest = next;
            }
            None => return Ok((Cow::Owned(cell), after)),
        }
    }
    Err(RowError::refused("a quoted cell is not closed"))
}
