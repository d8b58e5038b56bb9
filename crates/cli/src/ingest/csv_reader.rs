//! Records of a CSV file with the line on which each begins, from any reader.
//!
//! The line numbers of the csv crate are inexact (blank lines, CRLF); `--from-line` needs exact numbers.

use std::io::{self, BufRead, BufReader, Read};

use csv::ByteRecord;

/// A record and its line number.
#[derive(Debug, Clone, Default)]
pub(crate) struct CsvRecord {
    /// Line on which the record begins; the first line is 1.
    pub(crate) line: u64,
    pub(crate) cells: ByteRecord,
}

impl CsvRecord {
    /// Returns a cell as trimmed text; empty if the row is too short.
    pub(crate) fn text(&self, at: usize) -> Result<&str, String> {
        let cell = self.cells.get(at).unwrap_or_default();
        std::str::from_utf8(cell).map(str::trim).map_err(|_| "the text is not UTF-8".to_owned())
    }
}

/// Reads records one by one.
pub(crate) struct CsvReader<R: Read> {
    csv: csv::Reader<LineReader<R>>,
}

impl<R: Read> CsvReader<R> {
    pub(crate) fn new(source: R, delimiter: u8) -> Self {
        let csv =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(LineReader {
                inner: BufReader::with_capacity(1 << 16, source),
                line: 0,
                ended: true,
                exhausted: false,
            });
        Self { csv }
    }

    /// Reads the next record into `record`. Returns `false` at the end.
    pub(crate) fn read(&mut self, record: &mut CsvRecord) -> io::Result<bool> {
        let found = self.csv.read_byte_record(&mut record.cells).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        })?;
        let &LineReader { line: last, ended, exhausted, .. } = self.csv.get_ref();
        let cells = record.cells.as_slice();
        // An unclosed quote includes the end of the last line in its cell.
        let cells = if exhausted && ended { cells.strip_suffix(b"\n").unwrap_or(cells) } else { cells };
        let inside = (0_u64..).zip(cells.split(|byte| *byte == b'\n')).last();
        record.line = last.saturating_sub(inside.map_or(0, |(breaks, _)| breaks));
        Ok(found)
    }
}

/// Returns one line per call and counts lines, so that after a record `line` is its last line.
struct LineReader<R> {
    inner: BufReader<R>,
    line: u64,
    /// `true` if the last returned line is complete.
    ended: bool,
    /// `true` if a read reached the end of the input.
    exhausted: bool,
}

impl<R: Read> Read for LineReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.inner.fill_buf()?;
        self.exhausted |= ready.is_empty();
        let line = ready.iter().position(|byte| *byte == b'\n').map_or(ready.len(), |end| end + 1);
        let length = line.min(into.len());
        into[..length].copy_from_slice(&ready[..length]);
        if length > 0 {
            self.line += u64::from(self.ended);
            self.ended = ready[length - 1] == b'\n';
        }
        self.inner.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, String)> {
        let mut records = CsvReader::new(text.as_bytes(), b',');
        let mut record = CsvRecord::default();
        let mut found = Vec::new();
        while records.read(&mut record).unwrap() {
            found.push((record.line, record.text(0).unwrap().to_owned()));
        }
        found
    }

    #[test]
    fn each_record_knows_the_line_on_which_it_begins() {
        let expected = [(1, "h"), (4, "a"), (5, "x\ny"), (7, "c")].map(|(line, text)| (line, text.to_owned()));
        assert_eq!(lines("h,i\n\n\na,b\n\"x\ny\",1\nc,d"), expected);
        assert_eq!(lines("h,i\n\n\na,b\n\"x\ny\",1\nc,d\n\n"), expected);
        let expected = [(1, "h"), (4, "a"), (5, "x\r\ny"), (7, "c")].map(|(line, text)| (line, text.to_owned()));
        assert_eq!(lines("\u{feff}h,i\r\n\r\n\r\na,b\r\n\"x\r\ny\",1\r\nc,d\r\n"), expected);
    }

    /// Otherwise a run that continues from the reported line would ingest the previous row twice.
    #[test]
    fn a_quote_that_is_never_closed_begins_where_it_stands() {
        for text in ["h\na\n\"x", "h\na\n\"x\n", "h\na\n\"x\n\n\n", "h\na\n\"x\n\""] {
            assert_eq!(lines(text)[2].0, 3, "{text:?}");
        }
    }

    #[test]
    fn a_line_longer_than_every_buffer_is_one_line() {
        let long = "x".repeat(200_000);
        assert_eq!(lines(&format!("h\n{long}\nz\n")), [(1, "h".to_owned()), (2, long), (3, "z".to_owned())]);
    }

    #[test]
    fn text_that_is_not_utf_8_is_an_error() {
        let mut records = CsvReader::new(&b"a\xff,b\n"[..], b',');
        let mut record = CsvRecord::default();
        assert!(records.read(&mut record).unwrap());
        assert_eq!(record.text(0), Err("the text is not UTF-8".to_owned()));
        assert_eq!((record.text(1), record.text(9)), (Ok("b"), Ok("")));
    }
}
