//! Parser of the lines of an exposition.

use timestrata::Timestamp;

use super::dialect::Dialect;
use super::family::{Comment, FamilyMetadata};
use super::series::{parse_series, series_len};
use crate::formats::line_decoder::{LineKind, LineParser};
use crate::formats::number::parse_as;
use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::{SeriesOptions, SpellingCache, TypedSeries};
use crate::{IngestError, IngestOptions, Precision, Rows, Understanding};

/// Parses comments and samples.
pub(super) struct ExpositionParser {
    dialect: Dialect,
    options: SeriesOptions,
    /// Unit of the times by the options.
    unit: Option<Precision>,
    cache: SpellingCache,
    family: FamilyMetadata,
    needs_end_mark: bool,
    has_ended: bool,
    /// `true` if a sample has a time.
    has_times: bool,
    dropped_exemplars: u64,
    understanding: Understanding,
}

impl ExpositionParser {
    pub(super) fn new(options: &IngestOptions, dialect: Dialect) -> Self {
        let unit = options.precision.filter(|_| dialect == Dialect::Prometheus);
        let time = unit.map_or_else(|| dialect.time_unit(), Precision::as_str);
        let properties = vec![("format", dialect.name().to_owned()), ("time", time.to_owned())];
        Self {
            dialect,
            options: SeriesOptions::new(options),
            unit,
            cache: SpellingCache::default(),
            family: FamilyMetadata::default(),
            needs_end_mark: dialect == Dialect::OpenMetrics,
            has_ended: false,
            has_times: false,
            dropped_exemplars: 0,
            understanding: Understanding { properties, ..Understanding::default() },
        }
    }

    /// Accepts an input that is cut off.
    pub(super) fn without_end_mark(self) -> Self {
        Self { needs_end_mark: false, ..self }
    }

    fn comment(&mut self, line: &[u8], rows: &mut Rows) -> Result<(), RowError> {
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(RowError::refused("the comment is not UTF-8"));
        };
        let comment = self.family.comment(text, self.dialect, &self.options, rows)?;
        if comment == Comment::EndMark && self.dialect == Dialect::OpenMetrics {
            self.family.flush(self.dialect, &self.options, rows);
            self.has_ended = true;
        }
        Ok(())
    }

    fn sample(&mut self, line: &[u8], rows: &mut Rows) -> Result<(), RowError> {
        self.family.flush(self.dialect, &self.options, rows);
        let len = series_len(line).ok_or_else(|| RowError::refused("the labels are not closed by a brace"))?;
        let series = self.series(&line[..len], rows)?;
        let (value, rest) = next_word(&line[len..]);
        if value.is_empty() {
            return Err(RowError::refused("the sample has no value"));
        }
        if value.starts_with(b"{") {
            return Err(RowError::refused("the value is a native histogram, which is not supported"));
        }
        let parsed = parse_as(value, series.ty).ok_or_else(|| not_a_value(value, series))?;
        let (word, rest) = next_word(rest);
        let (time, rest) = if word.is_empty() || word == b"#" { (None, word) } else { (Some(word), rest) };
        self.has_times |= time.is_some();
        let time = time.map(|word| self.dialect.parse_time(word, self.unit)).transpose()?;
        let time = self.options.time_or_default(time)?;
        if !rest.trim_ascii().is_empty() {
            if self.dialect == Dialect::Prometheus || !rest.trim_ascii().starts_with(b"#") {
                return Err(RowError::refused(format!("{} follows the sample", shown(rest.trim_ascii()))));
            }
            self.dropped_exemplars += 1;
        }
        rows.push(series.index, time, parsed);
        Ok(())
    }

    fn series(&mut self, spelling: &[u8], rows: &mut Rows) -> Result<TypedSeries, RowError> {
        if let Some(series) = self.cache.get(spelling) {
            return Ok(series);
        }
        let key = parse_series(spelling, &self.options)?;
        let series = self.options.intern(rows, &key, "value")?;
        self.cache.insert(spelling, series);
        Ok(series)
    }
}

impl LineParser for ExpositionParser {
    fn line(&mut self, line: &[u8], rows: &mut Rows) -> Result<LineKind, RowError> {
        let line = line.trim_ascii_start();
        match line.first() {
            None => Ok(LineKind::Other),
            Some(_) if self.has_ended => Err(IngestError::new("there is more after # EOF").into()),
            Some(b'#') => self.comment(line, rows).map(|()| LineKind::Other),
            Some(_) => self.sample(line, rows).map(|()| LineKind::Row),
        }
    }

    fn finish(&mut self, rows: &mut Rows) -> Result<(), RowError> {
        self.family.flush(self.dialect, &self.options, rows);
        if self.needs_end_mark && !self.has_ended {
            let error = IngestError::new("the input ends without # EOF: it is cut off");
            // Times in seconds are no times of Prometheus text.
            let error = if self.has_times {
                error
            } else {
                IngestError::new("the input ends without # EOF: it is cut off, or it is Prometheus text")
                    .suggest("format", "prometheus")
            };
            return Err(error.into());
        }
        Ok(())
    }

    fn set_default_time(&mut self, time: Timestamp) {
        self.options.default_time = Some(time);
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.dropped_exemplars > 0 {
            notices.push(format!("{} exemplars were left out", self.dropped_exemplars));
        }
        if self.family.refused > 0 {
            notices.push(format!("the metadata of {} metrics was left out: too long", self.family.refused));
        }
        notices
    }
}

/// Returns the next word, and what follows it.
fn next_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    text.split_at(text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len()))
}

fn not_a_value(value: &[u8], series: TypedSeries) -> RowError {
    match series.ty {
        Some(ty) => RowError::refused(format!("the value {} is not exactly representable as {ty}", shown(value))),
        None => RowError::refused(format!("the value {} is not a number", shown(value))),
    }
}
