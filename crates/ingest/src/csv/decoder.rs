//! Decodes the rows of a CSV input.

use super::planner::{open_quote, row_too_long};
use super::row_splitter::{RowBuffer, RowSyntax, SplitStep};
use super::text_source::TextEncoding;
use crate::table::{RowCells, RowMapper};
use crate::transcoded::ConvertedText;
use crate::{Decoder, IngestError, Limits, Rows, Suggestion, Understanding};

/// Decoder of a CSV input.
pub(crate) struct CsvDecoder {
    encoding: TextEncoding,
    /// Text of other encodings; unused for UTF-8, which is split where it is.
    text: ConvertedText,
    rows: RowDecoder,
    understanding: Understanding,
    /// `true` once the byte order mark of UTF-8 was skipped.
    is_begun: bool,
}

/// Splits text into rows and converts them.
struct RowDecoder {
    syntax: RowSyntax,
    buffer: RowBuffer,
    /// Line on which the next row begins.
    line: u64,
    /// Line of the first row of data.
    data_line: u64,
    mapper: RowMapper,
    limits: Limits,
}

impl CsvDecoder {
    pub(crate) fn new(
        encoding: TextEncoding,
        syntax: RowSyntax,
        data_line: u64,
        mapper: RowMapper,
        understanding: Understanding,
        limits: Limits,
    ) -> Self {
        let rows = RowDecoder { syntax, buffer: RowBuffer::default(), line: 1, data_line, mapper, limits };
        Self { encoding, text: ConvertedText::new(encoding), rows, understanding, is_begun: false }
    }
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, input: &[u8], last: bool, rows: &mut Rows) -> Result<usize, IngestError> {
        if self.encoding.is_utf8() {
            let skipped = if self.is_begun { 0 } else { self.encoding.bom_bytes().min(input.len()) };
            self.is_begun |= !input.is_empty();
            return self.rows.decode(&input[skipped..], last, rows).map(|used| used + skipped);
        }
        let decoder = &mut self.rows;
        self.text.decode(input, last, rows, |text, last, rows| decoder.decode(text, last, rows))
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        self.rows.mapper.notices()
    }

    fn take_warning(&mut self) -> Option<String> {
        self.rows.mapper.take_warning()
    }

    fn distinguishing(&self) -> Option<Suggestion> {
        self.rows.mapper.distinguishing()
    }
}

/// Decoder of an input that ends behind its header.
pub(crate) struct HeaderOnlyDecoder(pub(crate) Understanding);

impl Decoder for HeaderOnlyDecoder {
    fn decode(&mut self, input: &[u8], _last: bool, _rows: &mut Rows) -> Result<usize, IngestError> {
        Ok(input.len())
    }

    fn understanding(&self) -> &Understanding {
        &self.0
    }

    fn notices(&self) -> Vec<String> {
        Vec::new()
    }
}

impl RowDecoder {
    fn decode(&mut self, text: &[u8], last: bool, rows: &mut Rows) -> Result<usize, IngestError> {
        let mut at = self.skip_to_data(text, last);
        if self.line < self.data_line {
            return Ok(at);
        }
        while !rows.is_full() {
            match self.syntax.next_row(&text[at..], last, &mut self.buffer) {
                SplitStep::Row { lines_before, used, lines } => {
                    if self.buffer.byte_len(used) > self.limits.row_bytes {
                        return Err(row_too_long(self.line + lines_before, self.limits.row_bytes));
                    }
                    let line = self.line + lines_before;
                    if lines > lines_before + 1 && self.quotes_hold_rows(&text[at..at + used], lines_before) {
                        let reason = "the quotes of the row hold other rows: double a quote within a cell".to_owned();
                        rows.refuse_row(line, reason);
                    } else {
                        self.row(line, &text[at..], rows)?;
                    }
                    (at, self.line) = (at + used, self.line + lines);
                }
                SplitStep::NeedMore { used, lines } => {
                    (at, self.line) = (at + used, self.line + lines);
                    if text.len() - at > self.limits.row_bytes {
                        return Err(row_too_long(self.line, self.limits.row_bytes));
                    }
                    return Ok(at);
                }
                SplitStep::OpenQuote { lines_before } => return Err(open_quote(self.line + lines_before)),
            }
        }
        Ok(at)
    }

    /// Skips the lines before the data, whatever they hold.
    fn skip_to_data(&mut self, text: &[u8], last: bool) -> usize {
        let mut at = 0;
        while self.line < self.data_line {
            match memchr::memchr(self.syntax.line_end, &text[at..]) {
                Some(length) => {
                    at += length + 1;
                    self.line += 1;
                }
                None => return if last { text.len() } else { at },
            }
        }
        at
    }

    /// Returns `true` if a line within the quotes of a row is a row with a time: two inch marks may look like quotes.
    fn quotes_hold_rows(&mut self, text: &[u8], lines_before: u64) -> bool {
        let first = usize::try_from(lines_before).unwrap_or(usize::MAX).saturating_add(1);
        let text = text.strip_suffix(&[self.syntax.line_end]).unwrap_or(text);
        let plain = RowSyntax { comment: None, ..self.syntax.clone() };
        let mut buffer = RowBuffer::default();
        text.split(|byte| *byte == self.syntax.line_end).skip(first).any(|line| {
            // The row may end behind the closing quote; a quote elsewhere ends a cell with line breaks.
            let line = line.trim_ascii_end();
            let line = line.strip_suffix(b"\"").unwrap_or(line);
            let is_row = matches!(plain.next_row(line, true, &mut buffer), SplitStep::Row { .. });
            is_row && !line.contains(&b'"') && self.mapper.has_time(&buffer.row(line))
        })
    }

    fn row(&mut self, line: u64, text: &[u8], rows: &mut Rows) -> Result<(), IngestError> {
        let row = self.buffer.row(text);
        if row.count() > self.limits.fields {
            return Err(IngestError::new(format!("a row has more than {} cells", self.limits.fields)).at_line(line));
        }
        if self.buffer.has_bad_quote() {
            let reason = "text follows a closing quote: double a quote within a cell".to_owned();
            rows.refuse_row(line, reason);
            return Ok(());
        }
        self.mapper.push(line, &row, rows)?;
        if rows.series_len() > self.limits.series {
            let error = IngestError::new(format!("the input names more than {} series", self.limits.series));
            return Err(error.at_line(line));
        }
        Ok(())
    }
}
