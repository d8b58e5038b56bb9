//! Plans a CSV input: encoding, delimiter, header, then the columns.

use super::decoder::{CsvDecoder, HeaderOnlyDecoder};
use super::row_splitter::{RowBuffer, RowSyntax, SplitStep};
use super::text_source::{TextEncoding, TextSource};
use super::{dialect, graphite_rows, header_row};
use crate::table::{SAMPLE_ROWS, TablePlanner, TableRow};
use crate::{Decoder, IngestError, IngestOptions, Planner, PlannerState, Understanding};

/// Bytes by which encoding, line end and delimiter are decided.
const HEAD_BYTES: usize = 1 << 16;
/// Bytes of rows that are kept for the sample, at most.
const SAMPLE_BYTES: usize = 4 << 20;

/// Planner of a CSV input.
pub(crate) struct CsvPlanner {
    options: IngestOptions,
    /// Bytes before the encoding is known, then text that is not yet split.
    buffer: Vec<u8>,
    text: Option<TextReader>,
    /// Rows before the header is known.
    rows: Vec<TableRow>,
    row_bytes: usize,
    table: Option<PlannedTable>,
    error: Option<IngestError>,
    is_decided: bool,
}

/// Text of an input, and how it is split.
struct TextReader {
    source: TextSource,
    encoding: TextEncoding,
    syntax: RowSyntax,
    /// Line on which the next row begins.
    line: u64,
}

/// The header and the plan of the columns.
struct PlannedTable {
    header_line: Option<u64>,
    /// `true` if the input ends behind the header.
    is_header_alone: bool,
    /// Line of the first row of data.
    data_line: u64,
    planner: TablePlanner,
}

impl CsvPlanner {
    pub(crate) fn new(options: &IngestOptions) -> Result<Self, IngestError> {
        if let Some(label) = &options.encoding {
            TextEncoding::detect(&[], Some(label))?;
        }
        let csv = &options.csv;
        if csv.header_line.is_some() && (csv.no_header || csv.skip_lines > 0) {
            let other = if csv.no_header { "no-header" } else { "skip-lines" };
            return Err(IngestError::new(format!("{other} and header-line contradict each other: give one")));
        }
        Ok(Self {
            options: options.clone(),
            buffer: Vec::new(),
            text: None,
            rows: Vec::new(),
            row_bytes: 0,
            table: None,
            error: None,
            is_decided: false,
        })
    }

    /// Decides encoding and syntax by the first bytes.
    fn begin(&mut self) -> Result<(), IngestError> {
        let head = std::mem::take(&mut self.buffer);
        let encoding = TextEncoding::detect(&head, self.options.encoding.as_deref())?;
        let mut source = TextSource::new(encoding);
        let mut at = 0;
        while at < head.len() {
            let used = source.push(&head[at..], false, &mut self.buffer)?;
            if used == 0 {
                break;
            }
            at += used;
        }
        if self.buffer.iter().take(HEAD_BYTES).any(|byte| *byte == 0) {
            return Err(IngestError::new("the input is binary, or UTF-16 without a mark at its start")
                .suggest("encoding", "utf-16le"));
        }
        let csv = &self.options.csv;
        let line_end = dialect::line_end(&self.buffer);
        let mut line = 1;
        let mut start = 0;
        // Lines before the header may have any form.
        let first_line = csv.header_line.unwrap_or_else(|| csv.skip_lines.saturating_add(1));
        while line < first_line {
            let Some(length) = memchr::memchr(line_end, &self.buffer[start..]) else {
                return Err(IngestError::new(format!(
                    "line {first_line} is behind the end of the input, or of its first {HEAD_BYTES} bytes"
                )));
            };
            start += length + 1;
            line += 1;
        }
        self.buffer.drain(..start);
        let comment = csv.comment.clone();
        // The lines of a comment at the start, which is refused later, say nothing about the delimiter.
        let mark = comment.as_deref().or(self.buffer.starts_with(b"#").then_some("#"));
        let delimiter = csv.delimiter.unwrap_or_else(|| dialect::delimiter(&self.buffer, line_end, mark));
        self.text = Some(TextReader { source, encoding, syntax: RowSyntax { delimiter, line_end, comment }, line });
        Ok(())
    }

    /// Splits the rows of the buffer and plans by them.
    fn split(&mut self, last: bool) -> Result<(), IngestError> {
        let Some(mut text) = self.text.take() else { return Ok(()) };
        let result = self.split_text(&mut text, last);
        self.text = Some(text);
        result
    }

    fn split_text(&mut self, text: &mut TextReader, last: bool) -> Result<(), IngestError> {
        let buffer = std::mem::take(&mut self.buffer);
        let mut row = RowBuffer::default();
        let mut at = 0;
        while !self.is_decided {
            match text.syntax.next_row(&buffer[at..], last, &mut row) {
                SplitStep::Row { lines_before, used, lines } => {
                    let found = row.row(&buffer[at..]);
                    let cells = found.to_texts();
                    if cells.len() > self.options.limits.fields {
                        let most = self.options.limits.fields;
                        return Err(IngestError::new(format!("a row has more than {most} cells"))
                            .at_line(text.line + lines_before));
                    }
                    if row.byte_len(used) > self.options.limits.row_bytes {
                        return Err(row_too_long(text.line + lines_before, self.options.limits.row_bytes));
                    }
                    self.row(TableRow { line: text.line + lines_before, cells }, used)?;
                    (at, text.line) = (at + used, text.line + lines);
                }
                SplitStep::NeedMore { used, lines } => {
                    (at, text.line) = (at + used, text.line + lines);
                    if buffer.len() - at > self.options.limits.row_bytes {
                        return Err(row_too_long(text.line, self.options.limits.row_bytes));
                    }
                    break;
                }
                // The rows before it are decoded first; then the decoder reports the quote.
                SplitStep::OpenQuote { .. } if self.table.is_some() || self.rows.len() > 1 => self.is_decided = true,
                SplitStep::OpenQuote { lines_before } => return Err(open_quote(text.line + lines_before)),
            }
        }
        self.buffer = buffer;
        self.buffer.drain(..at);
        Ok(())
    }

    fn row(&mut self, row: TableRow, bytes: usize) -> Result<(), IngestError> {
        if let Some(table) = &mut self.table {
            if !table.planner.fits(&row) {
                return Ok(());
            }
            self.is_decided = table.planner.add_row(row) == PlannerState::Decided;
            return Ok(());
        }
        self.row_bytes += bytes;
        self.rows.push(row);
        if self.rows.len() > SAMPLE_ROWS || self.row_bytes > SAMPLE_BYTES {
            self.plan_table(false)?;
        }
        Ok(())
    }

    /// Finds the header in the collected rows, and passes the others to the planner of the table.
    fn plan_table(&mut self, is_whole: bool) -> Result<(), IngestError> {
        let rows = std::mem::take(&mut self.rows);
        let is_spaced = self.text.as_ref().is_some_and(|text| text.syntax.delimiter == super::Delimiter::Spaces);
        let header = header_row::find(&rows, &self.options, is_whole);
        let header =
            header.map_err(|error| if is_spaced { graphite_rows::with_graphite(error, &rows) } else { error })?;
        let mut planner = TablePlanner::new(header.names, &self.options);
        let mut data_line = 1;
        for (at, row) in rows.into_iter().skip(header.rows_before).enumerate() {
            if at == 0 {
                data_line = row.line;
            }
            if planner.fits(&row) {
                self.is_decided = planner.add_row(row) == PlannerState::Decided;
            }
        }
        let (header_line, is_header_alone) = (header.line, header.is_alone);
        self.table = Some(PlannedTable { header_line, is_header_alone, data_line, planner });
        Ok(())
    }
}

impl CsvPlanner {
    /// Takes the next bytes and plans by their rows.
    fn take(&mut self, bytes: &[u8]) -> Result<(), IngestError> {
        let Some(text) = &mut self.text else {
            self.buffer.extend_from_slice(bytes);
            if self.buffer.len() < HEAD_BYTES {
                return Ok(());
            }
            self.begin()?;
            return self.split(false);
        };
        let mut at = 0;
        while at < bytes.len() {
            let used = text.source.push(&bytes[at..], false, &mut self.buffer)?;
            if used == 0 {
                break;
            }
            at += used;
        }
        self.split(false)
    }
}

impl Planner for CsvPlanner {
    fn push(&mut self, bytes: &[u8]) -> PlannerState {
        if self.error.is_none() && !self.is_decided {
            self.error = self.take(bytes).err();
        }
        if self.error.is_some() || self.is_decided { PlannerState::Decided } else { PlannerState::Undecided }
    }

    fn finish(mut self: Box<Self>, whole: bool) -> Result<Box<dyn Decoder>, IngestError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.text.is_none() {
            self.begin()?;
        }
        if !self.is_decided {
            self.split(whole)?;
        }
        if self.table.is_none() {
            // Without a rest, such as a row in quotes that are not closed.
            self.plan_table(whole && !self.is_decided && self.buffer.is_empty())?;
        }
        let (Some(text), Some(table)) = (self.text, self.table) else {
            return Err(IngestError::new("the input is empty"));
        };
        if table.is_header_alone {
            let name = if self.options.name.is_empty() { "the input" } else { &self.options.name };
            let note = format!("{name} has no row behind the header: there is nothing to ingest");
            let of_table = Understanding { notes: vec![note], ..Understanding::default() };
            let understanding = understanding(&self.options, &text, table.header_line, of_table);
            return Ok(Box::new(HeaderOnlyDecoder(understanding)));
        }
        if table.planner.sample_len() == 0 {
            let name = if self.options.name.is_empty() { "the input" } else { &self.options.name };
            return Err(IngestError::new(format!(
                "{name} has no row of data among the first ones, only names of columns: there is nothing to ingest"
            )));
        }
        let (mapper, of_table) = table.planner.finish()?;
        let understanding = understanding(&self.options, &text, table.header_line, of_table);
        let limits = self.options.limits;
        Ok(Box::new(CsvDecoder::new(text.encoding, text.syntax, table.data_line, mapper, understanding, limits)))
    }
}

fn understanding(
    options: &IngestOptions,
    text: &TextReader,
    header_line: Option<u64>,
    of_table: Understanding,
) -> Understanding {
    let delimiter = text.syntax.delimiter;
    let mut properties = vec![
        ("format", "csv".to_owned()),
        ("encoding", text.encoding.name().to_owned()),
        ("delimiter", delimiter.to_string()),
        ("header line", header_line.map_or_else(|| "none".to_owned(), |line| line.to_string())),
    ];
    properties.extend(of_table.properties);
    let mut notes = Vec::new();
    if options.csv.delimiter.is_none() && delimiter != super::Delimiter::Byte(b',') {
        notes.push(format!(
            "the delimiter is {}",
            match delimiter {
                super::Delimiter::Byte(byte) if byte != b'\t' => format!("{:?}", char::from(byte)),
                other => other.to_string(),
            }
        ));
    }
    notes.extend(of_table.notes);
    Understanding { properties, notes, values: of_table.values }
}

/// Returns the error of a quote that is not closed.
pub(super) fn open_quote(line: u64) -> IngestError {
    IngestError::new("the quote that opens on this line is never closed: double a quote within a cell").at_line(line)
}

/// Returns the error of a row beyond the limit.
pub(super) fn row_too_long(line: u64, limit: usize) -> IngestError {
    IngestError::new(format!("a row is longer than {limit} bytes, perhaps because a quote is never closed"))
        .at_line(line)
}
