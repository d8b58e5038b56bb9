//! Decoder of annotated CSV.

use std::borrow::Cow;

use timestrata::SeriesKey;

use super::record::{RecordEnd, cells, record_end};
use super::table::{AnnotatedColumn, Annotations, Role, plan};
use crate::formats::line_decoder::{check_row_len, without_bom};
use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::{SeriesOptions, SpellingCache, TypedSeries};
use crate::{Decoder, IngestError, IngestOptions, Rows, TextValues, Understanding};

/// Field whose series has no field tag, as in line protocol.
const PLAIN_FIELD: &str = "value";

/// Decodes tables that follow each other.
pub(super) struct AnnotatedCsvDecoder {
    options: SeriesOptions,
    text: TextValues,
    annotations: Annotations,
    /// Columns of the current table; empty before its header.
    columns: Vec<AnnotatedColumn>,
    /// Whether an empty line came since the last row, so that another header may follow.
    is_after_gap: bool,
    /// Series of the current table by the texts that name them.
    cache: SpellingCache,
    line: u64,
    nulls: u64,
    skipped_texts: u64,
    understanding: Understanding,
}

impl AnnotatedCsvDecoder {
    pub(super) fn new(options: &IngestOptions) -> Self {
        let properties = vec![("format", "annotated-csv".to_owned())];
        Self {
            options: SeriesOptions::new(options),
            text: options.text,
            annotations: Annotations::default(),
            columns: Vec::new(),
            is_after_gap: false,
            cache: SpellingCache::default(),
            line: 1,
            nulls: 0,
            skipped_texts: 0,
            understanding: Understanding { properties, ..Understanding::default() },
        }
    }

    fn record(&mut self, record: &[u8], rows: &mut Rows) -> Result<(), IngestError> {
        let line = self.line;
        check_row_len(record.len(), &self.options.limits, line)?;
        let record = if line == 1 { without_bom(record) } else { record };
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        if record.is_empty() {
            self.is_after_gap = true;
            return Ok(());
        }
        let outcome = cells(record).and_then(|cells| self.cells(&cells, rows));
        match outcome {
            Ok(true) => rows.end_row(line),
            Ok(false) => {}
            Err(error) => {
                let refused = error.at(line);
                rows.take_back();
                rows.refuse(refused?);
            }
        }
        Ok(())
    }

    /// Reads an annotation, a header or a row; returns `true` for a row.
    fn cells(&mut self, cells: &[Cow<'_, str>], rows: &mut Rows) -> Result<bool, RowError> {
        if cells.len() > self.options.limits.fields {
            let message = format!("the row has more than {} cells, the limit", self.options.limits.fields);
            return Err(IngestError::new(message).into());
        }
        if cells[0].starts_with('#') {
            if !self.columns.is_empty() {
                self.annotations = Annotations::default();
                self.columns.clear();
            }
            self.annotations.take(cells)?;
            return Ok(false);
        }
        let is_header = self.is_after_gap && cells.get(1).is_some_and(|cell| cell == "result");
        self.is_after_gap = false;
        if self.columns.is_empty() || is_header {
            self.header(cells)?;
            return Ok(false);
        }
        self.row(cells, rows)?;
        Ok(true)
    }

    fn header(&mut self, cells: &[Cow<'_, str>]) -> Result<(), IngestError> {
        self.columns = plan(cells, &self.annotations, self.text)?;
        self.cache = SpellingCache::default();
        for column in self.columns.iter().filter(|column| column.role == Role::Nothing) {
            let is_known = matches!(column.name.as_str(), "" | "result" | "table" | "_start" | "_stop");
            let note = format!("column {:?} is left out: it is neither in the group key nor text", column.name);
            if !is_known && self.understanding.notes.len() < 100 && !self.understanding.notes.contains(&note) {
                self.understanding.notes.push(note);
            }
        }
        Ok(())
    }

    fn row(&mut self, cells: &[Cow<'_, str>], rows: &mut Rows) -> Result<(), RowError> {
        if cells.len() != self.columns.len() + 1 {
            let reason = format!("the row has {} cells, the header {}", cells.len(), self.columns.len() + 1);
            return Err(RowError::refused(reason));
        }
        let columns = std::mem::take(&mut self.columns);
        let result = self.points(&columns, &cells[1..], rows);
        self.columns = columns;
        result
    }

    fn points(&mut self, columns: &[AnnotatedColumn], cells: &[Cow<'_, str>], rows: &mut Rows) -> Result<(), RowError> {
        let full = |at: usize| if cells[at].is_empty() { columns[at].default.as_str() } else { &*cells[at] };
        let mut time = None;
        for at in (0..columns.len()).filter(|at| columns[*at].role == Role::Time && !full(*at).is_empty()) {
            time = Some(columns[at].ty.parse_time(full(at))?);
        }
        let time = self.options.time_or_default(time)?;
        for (at, column) in columns.iter().enumerate() {
            let pivoted = match column.role {
                Role::Value => None,
                Role::PivotedField => Some(column.name.as_str()),
                _ => continue,
            };
            if full(at).is_empty() {
                self.nulls += 1;
                continue;
            }
            let Some(value) = column.ty.parse_value(full(at))? else {
                self.text_value(&column.name, full(at))?;
                continue;
            };
            let names = columns.iter().enumerate().map(|(at, column)| (column, full(at)));
            let series = self.series(names, pivoted, rows)?;
            rows.push(series.index, time, series.convert(value)?);
        }
        Ok(())
    }

    fn text_value(&mut self, column: &str, text: &str) -> Result<(), RowError> {
        if self.text == TextValues::Skip {
            self.skipped_texts += 1;
            return Ok(());
        }
        Err(RowError::text_value(format_args!("column {column:?}: {}", shown(text.as_bytes()))))
    }

    fn series<'a>(
        &mut self,
        cells: impl Iterator<Item = (&'a AnnotatedColumn, &'a str)> + Clone,
        pivoted: Option<&str>,
        rows: &mut Rows,
    ) -> Result<TypedSeries, RowError> {
        let mut spelling = pivoted.unwrap_or_default().as_bytes().to_vec();
        for (_, text) in cells.clone().filter(|(column, _)| is_name(column.role)) {
            spelling.push(0);
            spelling.extend_from_slice(text.as_bytes());
        }
        if let Some(series) = self.cache.get(&spelling) {
            return Ok(series);
        }
        let (mut measurement, mut field) = ("", pivoted.unwrap_or_default());
        let mut tags = Vec::new();
        for (column, text) in cells {
            match column.role {
                Role::Measurement => measurement = text,
                Role::Field if pivoted.is_none() => field = text,
                Role::Tag if !text.is_empty() => tags.push((column.name.as_str(), text)),
                _ => {}
            }
        }
        if measurement.is_empty() {
            (measurement, field) = (field, PLAIN_FIELD);
        }
        if field != PLAIN_FIELD && !field.is_empty() {
            tags.push(("_field", field));
        }
        let key: SeriesKey = tags.into_iter().collect();
        let series = self.options.intern(rows, &key.with_metric(self.options.metric(measurement)), field)?;
        self.cache.insert(&spelling, series);
        Ok(series)
    }
}

/// Returns `true` if the cells of the column are part of the series key.
fn is_name(role: Role) -> bool {
    matches!(role, Role::Measurement | Role::Field | Role::Tag)
}

impl Decoder for AnnotatedCsvDecoder {
    fn decode(&mut self, input: &[u8], last: bool, rows: &mut Rows) -> Result<usize, IngestError> {
        let mut at = 0;
        while at < input.len() && !rows.is_full() {
            let rest = &input[at..];
            let feeds = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).fold(0, |count: u64, _| count + 1);
            let len = match record_end(rest) {
                RecordEnd::At(len) => len,
                RecordEnd::Missing if last => rest.len(),
                RecordEnd::OpenQuote(quote) if last => {
                    let line = self.line + feeds(&rest[..quote]);
                    return Err(IngestError::new("the quote that opens here is never closed").at_line(line));
                }
                RecordEnd::Missing | RecordEnd::OpenQuote(_) => {
                    check_row_len(rest.len(), &self.options.limits, self.line)?;
                    break;
                }
            };
            self.record(&rest[..len], rows)?;
            self.line += 1 + feeds(&rest[..len]);
            at = (at + len + 1).min(input.len());
        }
        Ok(at)
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.nulls > 0 {
            notices.push(format!("{} empty values were left out", self.nulls));
        }
        if self.skipped_texts > 0 {
            notices.push(format!("{} values of text were left out", self.skipped_texts));
        }
        notices
    }

    fn left_out_texts(&self) -> u64 {
        self.skipped_texts
    }
}
