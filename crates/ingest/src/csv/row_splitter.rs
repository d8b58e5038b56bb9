//! Splits text into rows of cells, by RFC 4180 and what files make of it.
//!
//! A quote opens a cell only at its start, and `""` within it is a quote. The line on which each row and each quote
//! begins is exact, which `--from-line` of the tool needs; that, and cells without a copy, is why this is not the crate
//! `csv`.

use memchr::{memchr, memchr_iter, memchr2};

use super::Delimiter;
use crate::table::RowCells;

/// Syntax of a CSV text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowSyntax {
    pub(crate) delimiter: Delimiter,
    /// Last byte of each line: a line feed, or a carriage return in files that have no line feeds.
    pub(crate) line_end: u8,
    pub(crate) comment: Option<String>,
}

/// Cells of a row. Bounds are in the text or, for rows with quotes, in `unquoted`.
#[derive(Debug, Default)]
pub(crate) struct RowBuffer {
    bounds: Vec<(usize, usize)>,
    unquoted: Vec<u8>,
    has_quotes: bool,
    /// Start of the row in the text.
    start: usize,
    end: usize,
    /// Lines of the row before its first quote whose cell goes on behind the closing quote.
    bad_quote: Option<u64>,
}

/// A row as cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CsvRow<'a> {
    bytes: &'a [u8],
    /// The bytes as text, if all are UTF-8.
    text: Option<&'a str>,
    /// `true` if cells in quotes may begin or end with spaces.
    has_quotes: bool,
    bounds: &'a [(usize, usize)],
}

/// Outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SplitStep {
    /// A row: it begins after this many lines, and ends after these bytes and lines.
    Row { lines_before: u64, used: usize, lines: u64 },
    /// No whole row is there. So many bytes and lines hold no row.
    NeedMore { used: usize, lines: u64 },
    /// A quote on the line after this many lines is never closed, or is closed within a cell on a later line.
    OpenQuote { lines_before: u64 },
}

impl RowCells for CsvRow<'_> {
    fn count(&self) -> usize {
        self.bounds.len()
    }

    fn text(&self, at: usize) -> Option<&str> {
        let text = self.exact_text(at);
        if self.has_quotes { text.map(str::trim_ascii) } else { text }
    }

    fn exact_text(&self, at: usize) -> Option<&str> {
        let Some(&(start, end)) = self.bounds.get(at) else { return Some("") };
        match self.text {
            Some(text) => text.get(start..end),
            None => std::str::from_utf8(&self.bytes[start..end]).ok(),
        }
    }
}

impl CsvRow<'_> {
    /// Returns the cells as texts; bytes that are not UTF-8 become replacement characters.
    pub(crate) fn to_texts(self) -> Vec<String> {
        let text =
            |(start, end): &(usize, usize)| String::from_utf8_lossy(self.bytes[*start..*end].trim_ascii()).into_owned();
        self.bounds.iter().map(text).collect()
    }
}

impl RowBuffer {
    /// Returns the row that the last step found in `text`.
    pub(crate) fn row<'a>(&'a self, text: &'a [u8]) -> CsvRow<'a> {
        let bytes = if self.has_quotes { &self.unquoted[..] } else { &text[self.start..self.end] };
        CsvRow { bytes, text: std::str::from_utf8(bytes).ok(), has_quotes: self.has_quotes, bounds: &self.bounds }
    }

    /// Returns the length in bytes of the row that ends after `used` bytes of the text.
    pub(crate) fn byte_len(&self, used: usize) -> usize {
        used - self.start
    }

    /// Returns `true` if text follows a closing quote in the row.
    pub(crate) fn has_bad_quote(&self) -> bool {
        self.bad_quote.is_some()
    }
}

impl RowSyntax {
    /// Finds the next row of `text`, past empty lines and comments. `last` says that nothing follows.
    pub(crate) fn next_row(&self, text: &[u8], last: bool, row: &mut RowBuffer) -> SplitStep {
        let (mut used, mut lines) = (0, 0);
        loop {
            let rest = &text[used..];
            let line = match memchr(self.line_end, rest) {
                Some(end) => &rest[..end],
                None if last && !rest.is_empty() => rest,
                None => return SplitStep::NeedMore { used, lines },
            };
            let is_comment =
                self.comment.as_ref().is_some_and(|mark| line.trim_ascii_start().starts_with(mark.as_bytes()));
            if is_comment || line.trim_ascii().is_empty() {
                used += (line.len() + 1).min(rest.len());
                lines += 1;
                continue;
            }
            row.start = used;
            row.bounds.clear();
            row.bad_quote = None;
            // Two spaces as a delimiter leave no room for quoted cells.
            row.has_quotes = self.delimiter != Delimiter::WideSpaces && memchr(b'"', line).is_some();
            if !row.has_quotes {
                row.end = used + line.len();
                split_plain(self.delimiter, line, &mut row.bounds);
                let used = (row.end + 1).min(text.len());
                return SplitStep::Row { lines_before: lines, used, lines: lines + 1 };
            }
            return match self.split_quoted(rest, last, row) {
                QuotedRow::Row { used: bytes, lines: inside } => {
                    if let Some(quote_line) = row.bad_quote.filter(|_| inside > 1) {
                        return SplitStep::OpenQuote { lines_before: lines + quote_line };
                    }
                    SplitStep::Row { lines_before: lines, used: used + bytes, lines: lines + inside }
                }
                QuotedRow::NeedMore => SplitStep::NeedMore { used, lines },
                QuotedRow::OpenQuote { lines_before } => SplitStep::OpenQuote { lines_before: lines + lines_before },
            };
        }
    }

    /// Splits a row that has quotes, and may span lines.
    fn split_quoted(&self, text: &[u8], last: bool, row: &mut RowBuffer) -> QuotedRow {
        row.unquoted.clear();
        let (mut at, mut lines) = (0, 0);
        let is_delimiter = |byte: u8| match self.delimiter {
            Delimiter::Byte(delimiter) => byte == delimiter,
            Delimiter::Spaces | Delimiter::WideSpaces => byte == b' ' || byte == b'\t',
        };
        let is_blank =
            |byte: u8| (byte == b' ' || byte == b'\t') && (self.delimiter == Delimiter::Spaces || !is_delimiter(byte));
        loop {
            at += text[at..].iter().take_while(|byte| is_blank(**byte)).count();
            let start = row.unquoted.len();
            let is_quoted = text.get(at) == Some(&b'"');
            if is_quoted {
                let opened = lines;
                at += 1;
                loop {
                    let Some(length) = memchr(b'"', &text[at..]) else {
                        return if last { QuotedRow::OpenQuote { lines_before: opened } } else { QuotedRow::NeedMore };
                    };
                    let inside = &text[at..at + length];
                    lines += memchr_iter(self.line_end, inside).count() as u64;
                    row.unquoted.extend_from_slice(inside);
                    at += length + 1;
                    match text.get(at) {
                        Some(b'"') => {
                            row.unquoted.push(b'"');
                            at += 1;
                        }
                        None if !last => return QuotedRow::NeedMore,
                        _ => break,
                    }
                }
                let end = self.end_of_plain_cell(&text[at..]);
                let behind = &text[at..at + end];
                if !behind.trim_ascii().is_empty() {
                    row.bad_quote.get_or_insert(opened);
                    row.unquoted.extend_from_slice(behind);
                }
                at += end;
            } else {
                let end = self.end_of_plain_cell(&text[at..]);
                row.unquoted.extend_from_slice(&text[at..at + end]);
                at += end;
            }
            let end = row.unquoted.len();
            row.bounds.push(if is_quoted { (start, end) } else { trimmed(&row.unquoted, start, end) });
            match text.get(at) {
                Some(byte) if *byte == self.line_end => {
                    return QuotedRow::Row { used: at + 1, lines: lines + 1 };
                }
                Some(_) => {
                    at += 1;
                    if self.delimiter == Delimiter::Spaces {
                        at += text[at..].iter().take_while(|byte| is_blank(**byte)).count();
                        match text.get(at) {
                            Some(byte) if *byte == self.line_end => {
                                return QuotedRow::Row { used: at + 1, lines: lines + 1 };
                            }
                            Some(b'\r') if text.get(at + 1) == Some(&self.line_end) => {
                                return QuotedRow::Row { used: at + 2, lines: lines + 1 };
                            }
                            None if last => return QuotedRow::Row { used: at, lines: lines + 1 },
                            _ => {}
                        }
                    }
                }
                None if last => return QuotedRow::Row { used: at, lines: lines + 1 },
                None => return QuotedRow::NeedMore,
            }
        }
    }

    /// Returns the length of a cell up to its delimiter or the end of the line.
    fn end_of_plain_cell(&self, text: &[u8]) -> usize {
        let end = match self.delimiter {
            Delimiter::Byte(delimiter) => memchr2(delimiter, self.line_end, text),
            Delimiter::Spaces | Delimiter::WideSpaces => {
                text.iter().position(|byte| matches!(byte, b' ' | b'\t') || *byte == self.line_end)
            }
        };
        end.unwrap_or(text.len())
    }
}

/// Outcome for a row with quotes.
enum QuotedRow {
    Row { used: usize, lines: u64 },
    NeedMore,
    OpenQuote { lines_before: u64 },
}

/// Splits a line without quotes.
fn split_plain(delimiter: Delimiter, line: &[u8], bounds: &mut Vec<(usize, usize)>) {
    let Delimiter::Byte(delimiter) = delimiter else {
        let is_wide = delimiter == Delimiter::WideSpaces;
        let mut at = 0;
        while at < line.len() {
            at += line[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let length = word_len(&line[at..], is_wide);
            if length > 0 {
                bounds.push((at, at + length));
            }
            at += length;
        }
        return;
    };
    let mut start = 0;
    for end in memchr_iter(delimiter, line) {
        bounds.push(trimmed(line, start, end));
        start = end + 1;
    }
    bounds.push(trimmed(line, start, line.len()));
}

/// Returns the length of the word at the start. One space within it belongs to it if `is_wide`.
pub(super) fn word_len(line: &[u8], is_wide: bool) -> usize {
    let is_inside = |at: usize| {
        let is_single = line[at] == b' ' && line.get(at + 1).is_some_and(|next| !next.is_ascii_whitespace());
        !line[at].is_ascii_whitespace() || (is_wide && is_single)
    };
    (0..line.len()).take_while(|at| is_inside(*at)).count()
}

/// Returns bounds without spaces around the text.
fn trimmed(text: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && text[start].is_ascii_whitespace() {
        start += 1;
    }
    while start < end && text[end - 1].is_ascii_whitespace() {
        end -= 1;
    }
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syntax(delimiter: Delimiter) -> RowSyntax {
        RowSyntax { delimiter, line_end: b'\n', comment: Some("#".to_owned()) }
    }

    fn rows(text: &str, delimiter: Delimiter) -> Vec<(u64, Vec<String>)> {
        let (syntax, mut buffer) = (syntax(delimiter), RowBuffer::default());
        let (mut at, mut line, mut found) = (0, 1, Vec::new());
        loop {
            match syntax.next_row(&text.as_bytes()[at..], true, &mut buffer) {
                SplitStep::Row { lines_before, used, lines } => {
                    found.push((line + lines_before, buffer.row(&text.as_bytes()[at..]).to_texts()));
                    (at, line) = (at + used, line + lines);
                }
                SplitStep::NeedMore { .. } => return found,
                SplitStep::OpenQuote { lines_before } => {
                    found.push((line + lines_before, vec!["open".to_owned()]));
                    return found;
                }
            }
        }
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn each_row_knows_the_line_on_which_it_begins() {
        let comma = Delimiter::Byte(b',');
        let expected = [row(1, &["h", "i"]), row(4, &["a", "b"]), row(5, &["x\ny", "1"]), row(7, &["c", "d"])];
        assert_eq!(rows("h,i\n\n\na,b\n\"x\ny\",1\nc,d", comma), expected);
        assert_eq!(rows("h,i\r\n\r\n\r\na,b\r\n\"x\ny\",1\r\nc,d\r\n", comma), expected);
        assert_eq!(
            rows("# a\nh , \"say \"\"x\"\"\" \n  # b\n1,\n", comma),
            [row(2, &["h", "say \"x\""]), row(4, &["1", ""])]
        );
        assert_eq!(rows("5\" pipe,1\n", comma), [row(1, &["5\" pipe", "1"])]);
    }

    #[test]
    fn runs_of_spaces_are_one_delimiter() {
        let expected = [row(1, &["time", "v", "w"]), row(2, &["1", "a b", "3"])];
        assert_eq!(rows("  time   v \t w \r\n1 \"a b\"  3  \n", Delimiter::Spaces), expected);
        assert_eq!(rows(" a b   c  1\" \n", Delimiter::WideSpaces), [row(1, &["a b", "c", "1\""])]);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_reported_where_it_opens() {
        let comma = Delimiter::Byte(b',');
        for text in ["h\na\n\"x", "h\na\n\"x\n", "h\na\n\"x\n\n\n", "h,i\na,b\n1,\"x\n2,\"y\nz,z\n"] {
            assert_eq!(rows(text, comma)[2], row(3, &["open"]), "{text:?}");
        }
    }
}
