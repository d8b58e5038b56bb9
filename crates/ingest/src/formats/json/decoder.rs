//! Decoder of formats whose rows are JSON values.

use super::items::{Arrangement, Item, Items};
use super::planner::several_arrays;
use super::value::JsonValue;
use crate::formats::line_decoder::{check_row_len, without_bom};
use crate::formats::row_error::RowError;
use crate::{Decoder, IngestError, IngestOptions, Limits, Rows, Suggestion, Understanding};

/// Parser of one JSON value at a time.
pub(crate) trait JsonRowParser: Send {
    /// Pushes the points of a row. The caller ends or refuses the row, unless it is done.
    fn row(&mut self, row: &JsonValue<'_>, line: u64, rows: &mut Rows) -> Result<RowState, RowError>;

    /// See [`Decoder::understanding`].
    fn understanding(&self) -> &Understanding;

    /// See [`Decoder::notices`].
    fn notices(&self) -> Vec<String>;

    /// See [`Decoder::left_out_texts`].
    fn left_out_texts(&self) -> u64 {
        0
    }

    /// See [`Decoder::take_warning`].
    fn take_warning(&mut self) -> Option<String> {
        None
    }

    /// See [`Decoder::distinguishing`].
    fn distinguishing(&self) -> Option<Suggestion> {
        None
    }
}

/// What a parser has done with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowState {
    /// The points are pushed; the caller ends the row.
    Open,
    /// The row is ended or refused already.
    Done,
}

/// Splits a stream into values, counts lines, and holds the limits.
pub(crate) struct JsonDecoder<P> {
    parser: P,
    items: Items,
    limits: Limits,
    /// Line of the first byte of the next call.
    line: u64,
    has_started: bool,
}

impl<P: JsonRowParser> JsonDecoder<P> {
    pub(crate) fn new(parser: P, arrangement: Arrangement, options: &IngestOptions) -> Self {
        let mut limits = options.limits;
        if arrangement == Arrangement::Columnar {
            limits.row_bytes = limits.columnar_bytes;
        }
        Self {
            parser,
            items: Items::new(arrangement, options.table.rows_member.clone()),
            limits,
            line: 1,
            has_started: false,
        }
    }

    fn row(&mut self, text: &[u8], line: u64, rows: &mut Rows) -> Result<(), IngestError> {
        check_row_len(text.len(), &self.limits, line)?;
        let parsed = JsonValue::parse(text).map_err(RowError::refused);
        match parsed.and_then(|row| self.parser.row(&row, line, rows)) {
            Ok(RowState::Open) => rows.end_row(line),
            Ok(RowState::Done) => {}
            Err(error) => {
                let refused = error.at(line);
                rows.take_back();
                rows.refuse(refused?);
            }
        }
        Ok(())
    }
}

fn line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).fold(0, |count, _| count + 1)
}

impl<P: JsonRowParser> Decoder for JsonDecoder<P> {
    fn decode(&mut self, input: &[u8], last: bool, rows: &mut Rows) -> Result<usize, IngestError> {
        let mut at = 0;
        if !self.has_started {
            if input.len() < 3 && !last {
                return Ok(0);
            }
            self.has_started = true;
            at = input.len() - without_bom(input).len();
        }
        while !rows.is_full() {
            let rest = &input[at..];
            let (skipped, item) = self.items.next(rest, last).map_err(|error| {
                let line = self.line + line_feeds(&rest[..error.at]);
                let found =
                    several_arrays(&error, &self.items, rest).unwrap_or_else(|| IngestError::new(error.message));
                found.at_line(line)
            })?;
            self.line += line_feeds(&rest[..skipped]);
            match item {
                Item::Row(start, end) => {
                    let line = self.line;
                    self.row(&rest[start..end], line, rows)?;
                    self.line += line_feeds(&rest[start..end]);
                    at += end;
                }
                Item::Incomplete => {
                    at += skipped;
                    check_row_len(input.len() - at, &self.limits, self.line)?;
                    break;
                }
                Item::End => {
                    at = input.len();
                    break;
                }
            }
        }
        Ok(at)
    }

    fn understanding(&self) -> &Understanding {
        self.parser.understanding()
    }

    fn notices(&self) -> Vec<String> {
        self.parser.notices()
    }

    fn left_out_texts(&self) -> u64 {
        self.parser.left_out_texts()
    }

    fn take_warning(&mut self) -> Option<String> {
        self.parser.take_warning()
    }

    fn distinguishing(&self) -> Option<Suggestion> {
        self.parser.distinguishing()
    }
}
