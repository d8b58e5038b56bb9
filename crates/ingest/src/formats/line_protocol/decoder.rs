//! Decoder of line protocol.

use timestrata::{Timestamp, Value};

use super::row_end::{LineEnd, is_comment, key_len, row_end, string_end};
use super::spelling_table::{FieldIndex, KeyIndex, SpellingTable};
use crate::formats::line_decoder::{check_row_len, without_bom};
use crate::formats::number::{Decimal, parse_decimal, parse_i64};
use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::{SeriesOptions, TypedSeries};
use crate::{
    Decoder, IngestError, IngestOptions, Precision, RefusalCode, Rows, SeriesNumber, TextValues, Understanding,
};

/// Decodes rows that may span lines, since a quoted string may hold line feeds.
pub(super) struct LineProtocolDecoder {
    options: SeriesOptions,
    precision: Precision,
    /// `true` if no option gave the precision.
    is_assumed: bool,
    text: TextValues,
    table: SpellingTable,
    /// Points of the row that is parsed; its time comes last.
    fields: Vec<(SeriesNumber, Value)>,
    /// Number of the line on which the next row begins.
    line: u64,
    skipped_texts: u64,
    understanding: Understanding,
}

/// Value of a field.
enum FieldValue {
    Number(Value),
    Text,
}

impl LineProtocolDecoder {
    pub(super) fn new(options: &IngestOptions) -> Self {
        let precision = options.precision.unwrap_or(Precision::Nanoseconds);
        let mut understanding = Understanding::default();
        understanding.properties.push(("format", "line-protocol".to_owned()));
        understanding.properties.push(("precision", precision.as_str().to_owned()));
        if options.precision.is_none() {
            understanding.notes.push("timestamps are nanoseconds; --precision says otherwise".to_owned());
        }
        let series = SeriesOptions::new(options);
        Self {
            precision,
            is_assumed: options.precision.is_none(),
            text: options.text,
            table: SpellingTable::new(series.known(options)),
            options: series,
            fields: Vec::new(),
            line: 1,
            skipped_texts: 0,
            understanding,
        }
    }

    /// Decodes one row, which has no line feed at its end.
    fn row(&mut self, row: &[u8], rows: &mut Rows) -> Result<(), IngestError> {
        let line = self.line;
        check_row_len(row.len(), &self.options.limits, line)?;
        let text = if line == 1 { without_bom(row) } else { row };
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if is_comment(text) {
            return Ok(());
        }
        let skipped_before = self.skipped_texts;
        self.fields.clear();
        match self.parse(text, rows) {
            Ok(time) => {
                for (series, value) in &self.fields {
                    rows.push(*series, time, *value);
                }
                rows.end_row(line);
            }
            Err(error) => {
                self.skipped_texts = skipped_before;
                rows.refuse(error.at(line)?);
            }
        }
        Ok(())
    }

    /// Parses a row into `fields`, and returns its time.
    fn parse(&mut self, row: &[u8], rows: &mut Rows) -> Result<Timestamp, RowError> {
        let row = &row[row.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(0)..];
        let len = key_len(row).ok_or_else(|| RowError::refused("the row has no field"))?;
        let key = self.table.key(&row[..len]);
        let mut at = skip_spaces(row, len);
        let mut expected = self.table.first_field(key);
        loop {
            let (name_len, series, next) = self.field_name(key, expected, &row[at..], rows)?;
            expected = next;
            at += name_len + 1;
            let (value, value_len) =
                parse_value(&row[at..]).ok_or_else(|| bad_value(&row[at - name_len - 1..at - 1], &row[at..]))?;
            self.add_field(series, value, &row[at - name_len - 1..at - 1])?;
            at += value_len;
            match row.get(at) {
                Some(b',') => at += 1,
                _ => break,
            }
        }
        self.parse_time(row[at..].trim_ascii())
    }

    /// Returns the length of the name of the field at the start of `text`, its series, and the field that is expected next.
    #[inline]
    fn field_name(
        &mut self,
        key: KeyIndex,
        expected: FieldIndex,
        text: &[u8],
        rows: &mut Rows,
    ) -> Result<(usize, TypedSeries, FieldIndex), RowError> {
        if let Some(found) = self.table.expected_field(expected, text) {
            return Ok(found);
        }
        let mut len = 0;
        loop {
            let is_escaped = len > 0 && text[len - 1] == b'\\';
            match text.get(len) {
                Some(_) if is_escaped => len += 1,
                Some(b'=') => break,
                None | Some(b',' | b' ' | b'\t') => {
                    let name = &text[..len];
                    return Err(RowError::refused(format!("the field {} has no value", shown(name))));
                }
                Some(_) => len += 1,
            }
        }
        if len == 0 {
            return Err(RowError::refused("a field has no name"));
        }
        let (series, next) = self.table.field(key, &text[..len], &self.options, rows)?;
        Ok((len, series, next))
    }

    fn add_field(&mut self, series: TypedSeries, value: FieldValue, name: &[u8]) -> Result<(), RowError> {
        match (value, self.text) {
            (FieldValue::Number(value), _) => self.fields.push((series.index, series.convert(value)?)),
            (FieldValue::Text, TextValues::Skip) => self.skipped_texts += 1,
            (FieldValue::Text, TextValues::Refuse) => {
                return Err(RowError::text_value(format_args!("the field {}", shown(name))));
            }
        }
        if self.fields.len() > self.options.limits.fields {
            return Err(RowError::refused(format!("the row has more than {} fields", self.options.limits.fields)));
        }
        Ok(())
    }

    #[inline]
    fn parse_time(&self, text: &[u8]) -> Result<Timestamp, RowError> {
        if text.is_empty() {
            return self.options.time_or_default(None);
        }
        let Some(count) = parse_i64(text) else {
            return Err(RowError::refused(format!("{} is not a timestamp: a whole number is expected", shown(text))));
        };
        if let Some(unit) = likely_unit(count).filter(|_| self.is_assumed) {
            let reason =
                format!("the timestamp {count} is of 1970 in nanoseconds and of this century in {}", unit.as_str());
            return Err(RowError::refused(reason).suggest("precision", unit.as_str()).suggest("precision", "ns"));
        }
        count.checked_mul(self.precision.nanos()).map(Timestamp::from_nanos).ok_or_else(|| {
            let unit = self.precision.as_str();
            let reason = format!("the timestamp {count} {unit} is beyond the years 1677 to 2262");
            RowError::with_code(RefusalCode::TimeRange, reason).suggest("precision", "ns")
        })
    }
}

/// Returns the unit other than nanoseconds in which a timestamp is between 2001 and 2100.
fn likely_unit(count: i64) -> Option<Precision> {
    [Precision::Seconds, Precision::Milliseconds, Precision::Microseconds].into_iter().find(|unit| {
        let per_second = Precision::Seconds.nanos() / unit.nanos();
        (1_000_000_000 * per_second..4_102_444_800 * per_second).contains(&count)
    })
}

impl Decoder for LineProtocolDecoder {
    fn decode(&mut self, input: &[u8], last: bool, rows: &mut Rows) -> Result<usize, IngestError> {
        let mut at = 0;
        while at < input.len() && !rows.is_full() {
            let rest = &input[at..];
            let len = match row_end(rest) {
                LineEnd::At(len) => len,
                LineEnd::Missing if last => rest.len(),
                LineEnd::OpenQuote(quote) if last => {
                    let line = self.line + line_feeds(&rest[..quote]);
                    return Err(IngestError::new("the quote that opens here is never closed").at_line(line));
                }
                LineEnd::Missing | LineEnd::OpenQuote(_) => {
                    check_row_len(rest.len(), &self.options.limits, self.line)?;
                    break;
                }
            };
            let row = &rest[..len];
            self.row(row, rows)?;
            self.line += 1 + line_feeds(row);
            at = (at + len + 1).min(input.len());
        }
        Ok(at)
    }

    fn set_default_time(&mut self, time: Timestamp) {
        self.options.default_time = Some(time);
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        match self.skipped_texts {
            0 => Vec::new(),
            1 => vec!["1 field of text was left out".to_owned()],
            count => vec![format!("{count} fields of text were left out")],
        }
    }

    fn left_out_texts(&self) -> u64 {
        self.skipped_texts
    }
}

fn line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).fold(0, |count, _| count + 1)
}

#[inline]
fn skip_spaces(row: &[u8], mut at: usize) -> usize {
    while matches!(row.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// Parses the value at the start of a text, and returns its length; it ends at a comma, a space or the end.
#[inline]
fn parse_value(text: &[u8]) -> Option<(FieldValue, usize)> {
    match text.first()? {
        b'0'..=b'9' | b'-' | b'.' => parse_number(text),
        b'"' => {
            let len = string_end(&text[1..])? + 2;
            ends_at(text, len).then_some((FieldValue::Text, len))
        }
        _ => {
            let len = value_len(text);
            let value = match &text[..len] {
                b"t" | b"T" | b"true" | b"True" | b"TRUE" => true,
                b"f" | b"F" | b"false" | b"False" | b"FALSE" => false,
                _ => return None,
            };
            Some((FieldValue::Number(Value::Bool(value)), len))
        }
    }
}

#[inline]
fn parse_number(text: &[u8]) -> Option<(FieldValue, usize)> {
    let decimal = Decimal::scan(text);
    if decimal.all_digits == 0 {
        return None;
    }
    let number = |value, len| Some((FieldValue::Number(value), len));
    match text.get(decimal.len) {
        None | Some(b',' | b' ' | b'\t') => match decimal.exact_f64(0) {
            Some(value) => number(Value::F64(value), decimal.len),
            None => number(Value::F64(parse_decimal(&text[..decimal.len])?), decimal.len),
        },
        Some(b'i') if ends_at(text, decimal.len + 1) && !decimal.has_point => {
            number(Value::I64(decimal.to_i64()?), decimal.len + 1)
        }
        Some(b'u') if ends_at(text, decimal.len + 1) && !decimal.has_point => {
            number(Value::U64(decimal.to_u64(text)?), decimal.len + 1)
        }
        Some(_) => {
            let len = value_len(text);
            number(Value::F64(parse_decimal(&text[..len])?), len)
        }
    }
}

fn value_len(text: &[u8]) -> usize {
    text.iter().position(|byte| matches!(byte, b',' | b' ' | b'\t')).unwrap_or(text.len())
}

fn ends_at(text: &[u8], len: usize) -> bool {
    matches!(text.get(len), None | Some(b',' | b' ' | b'\t'))
}

fn bad_value(name: &[u8], text: &[u8]) -> RowError {
    let value = &text[..value_len(text)];
    let reason = if value.is_empty() {
        format!("the field {} has no value", shown(name))
    } else if matches!(value.first(), Some(b'0'..=b'9' | b'-')) && matches!(value.last(), Some(b'i' | b'u')) {
        format!("the field {}: {} is not a 64-bit whole number", shown(name), shown(value))
    } else {
        format!("the field {}: {} is not a number, a bool or a quoted text", shown(name), shown(value))
    };
    RowError::refused(reason)
}
