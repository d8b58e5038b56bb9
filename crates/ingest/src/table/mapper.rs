//! Converts rows of texts to points by the plan of a table.
//!
//! A row is accepted or refused as a whole.

use std::collections::HashMap;

use timestrata::{SeriesKey, Timestamp, Value, ValueType};

use super::cell::parse_value;
use super::distinguish::{self, RowComparisons, RowPrint};
use super::header::{is_header_like, repeats_header, series_key};
use super::own_export;
use super::plan::{TablePlan, ValueSource};
use super::row_checks::{UniqueTags, check_epoch};
use super::row_values::{Refusal, cell_suggestions, check_unit, in_column, long_value, not_utf8, plain, series_value};
use super::time_numbers::plain_time;
use super::zone_cells::{checked_by_cell, in_cell_zone};
use crate::time::{SeriesClock, ZoneResolver};
use crate::{IngestError, RefusalCode, RefusedRow, Rows, SeriesClocks, SeriesNumber, Suggestion};

/// Cells of a row.
pub trait RowCells {
    /// Returns the number of cells.
    fn count(&self) -> usize;

    /// Returns the text of a cell without spaces around it, empty beyond the last cell; `None` if it is not UTF-8.
    fn text(&self, at: usize) -> Option<&str>;

    /// Returns the text of a cell with the spaces that belong to it, as those within quotes.
    fn exact_text(&self, at: usize) -> Option<&str> {
        self.text(at)
    }
}

impl<S: AsRef<str>> RowCells for [S] {
    fn count(&self) -> usize {
        self.len()
    }

    fn text(&self, at: usize) -> Option<&str> {
        Some(self.get(at).map_or("", |cell| cell.as_ref().trim()))
    }
}

/// Converts rows to points, and caches the series of each combination of tags.
#[derive(Debug)]
pub struct RowMapper {
    pub(super) plan: TablePlan,
    pub(super) resolver: ZoneResolver,
    pub(super) groups: Vec<SeriesGroup>,
    by_tags: HashMap<Vec<u8>, usize>,
    last_group: usize,
    pub(super) comparisons: RowComparisons,
    pub(super) repeated_headers: u64,
    pub(super) unique_tags: UniqueTags,
    /// Whether a value column has had a value, if options name the columns.
    pub(super) has_value: Vec<bool>,
    /// Reused buffers: the texts of the tag cells, the text of the time, and the values of the row.
    key: Vec<u8>,
    last_key: Vec<u8>,
    time_text: String,
    values: Vec<(usize, Value)>,
    /// Unit of each metric of a table with a row per value.
    units: HashMap<String, String>,
    clocks: Option<SeriesClocks>,
}

/// Series of the rows with the same tags.
#[derive(Debug, Default)]
pub(super) struct SeriesGroup {
    /// One per value column, or one alone.
    series: Vec<SeriesNumber>,
    clock: SeriesClock,
    /// `true` if the last row lies in an hour that comes twice: another input may go on there.
    is_repeated: bool,
    /// Prints of the rows at the last time, the last one at the end; empty if none is compared.
    prints: Vec<RowPrint>,
}

impl RowMapper {
    pub(crate) fn new(plan: TablePlan, clocks: Option<SeriesClocks>) -> Self {
        let resolver = ZoneResolver::new(plan.time.zone.clone(), plan.time.order);
        let (columns, values) = match &plan.values {
            ValueSource::Wide(columns) => (columns.len(), columns.len()),
            ValueSource::Long { .. } | ValueSource::Series { .. } => (0, 1),
        };
        Self {
            plan,
            resolver,
            groups: Vec::new(),
            by_tags: HashMap::new(),
            last_group: usize::MAX,
            comparisons: RowComparisons::new(values),
            repeated_headers: 0,
            unique_tags: UniqueTags::default(),
            has_value: vec![false; columns],
            key: Vec::new(),
            last_key: Vec::new(),
            time_text: String::new(),
            values: Vec::new(),
            units: HashMap::new(),
            clocks,
        }
    }

    /// Appends the points of a row, or records why it is refused. Empty rows are left out.
    ///
    /// # Errors
    ///
    /// If the row is a header with other columns: the rows after it would get wrong names.
    pub fn push(&mut self, line: u64, cells: &(impl RowCells + ?Sized), rows: &mut Rows) -> Result<(), IngestError> {
        match self.row(cells, rows) {
            Ok(()) => rows.end_row(line),
            Err((reason, suggestions)) => {
                if (0..cells.count()).all(|at| cells.text(at) == Some("")) {
                    return Ok(());
                }
                if self.is_header(line, cells)? {
                    self.repeated_headers += 1;
                    return Ok(());
                }
                rows.refuse(RefusedRow { line, code: RefusalCode::BadRow, reason, suggestions });
            }
        }
        Ok(())
    }

    /// Returns `true` for a row of as many cells as the header has, with a time.
    pub(crate) fn has_time(&mut self, cells: &(impl RowCells + ?Sized)) -> bool {
        if self.check_count(cells).is_err() || self.join_time(cells).is_err() {
            return false;
        }
        self.plan.time.reader.parse(time_text(&self.plan.time.at, &self.time_text, cells)).is_ok()
    }

    /// Returns `true` if the row repeats the header.
    fn is_header(&self, line: u64, cells: &(impl RowCells + ?Sized)) -> Result<bool, IngestError> {
        let header = &self.plan.header;
        if repeats_header(header, cells) {
            return Ok(true);
        }
        if is_header_like(header, cells) {
            let error = "a second header names other columns: split the input there";
            return Err(IngestError::new(error).at_line(line));
        }
        Ok(false)
    }

    fn row(&mut self, cells: &(impl RowCells + ?Sized), rows: &mut Rows) -> Result<(), Refusal> {
        self.check_count(cells)?;
        self.join_time(cells)?;
        let text = time_text(&self.plan.time.at, &self.time_text, cells);
        let number = plain_time(&self.plan.time.reader, self.plan.syntax, text);
        let moment =
            self.plan.time.reader.parse(&number).map_err(|what| plain(in_column(&self.plan.time.name, &what)))?;
        check_epoch(&self.plan.time, &number)?;
        let zone = match self.plan.time.zone_cells {
            Some(zones) => cells.text(zones.at()).ok_or_else(|| not_utf8(&self.plan.header[zones.at()]))?,
            None => "",
        };
        let moment = in_cell_zone(&self.plan, moment, zone, text).map_err(plain)?;
        self.read_values(cells)?;
        let group = self.group(cells, rows)?;
        let text = time_text(&self.plan.time.at, &self.time_text, cells);
        let repeated_before = self.resolver.repeated;
        let time = self.resolver.resolve(&moment, &self.groups[group].clock, text);
        let time = time.and_then(|time| checked_by_cell(&self.plan, time, &moment, zone));
        let time = time.and_then(|time| self.check_bounds(time));
        let time = time.map_err(|what| plain(in_column(&self.plan.time.name, &what)))?;
        self.compare(group, time, cells);
        self.unique_tags.count(self.groups.len());
        let SeriesGroup { series, clock, is_repeated, .. } = &mut self.groups[group];
        clock.last = Some(time);
        let was_repeated = std::mem::replace(is_repeated, self.resolver.repeated > repeated_before);
        if was_repeated || *is_repeated {
            let keys = series.iter().map(|number| rows.series(*number).key());
            self.clocks.iter().for_each(|clocks| clocks.set(keys.clone(), is_repeated.then_some(time)));
        }
        for (nth, value) in &self.values {
            rows.push(series[*nth], time, *value);
        }
        Ok(())
    }

    fn check_count(&self, cells: &(impl RowCells + ?Sized)) -> Result<(), Refusal> {
        let (count, header) = (cells.count(), &self.plan.header);
        if count == header.len() {
            return Ok(());
        }
        // Trailing delimiters, in the rows or in the header alone, move no value.
        let is_padded = (header.len()..count).all(|at| cells.text(at) == Some(""));
        let is_short = count < header.len() && header[count..].iter().all(String::is_empty);
        if is_padded && count > header.len() || is_short {
            return Ok(());
        }
        let suggestions = match cells.text(0).and_then(|text| text.chars().next()) {
            Some(mark @ ('#' | '%' | '!')) => vec![Suggestion::new("comment", mark)],
            _ => Vec::new(),
        };
        Err((format!("it has {count} cells, the header has {}", header.len()), suggestions))
    }

    /// Checks that a time is there, and joins the texts of several columns with one space.
    fn join_time(&mut self, cells: &(impl RowCells + ?Sized)) -> Result<(), Refusal> {
        let time = &self.plan.time;
        self.time_text.clear();
        for at in &time.at {
            let text = cells.text(*at).ok_or_else(|| not_utf8(&time.name))?;
            if text.is_empty() {
                return Err(plain(in_column(&time.name, "the time is empty")));
            }
            if time.at.len() > 1 {
                if !self.time_text.is_empty() {
                    self.time_text.push(' ');
                }
                self.time_text.push_str(text);
            }
        }
        Ok(())
    }

    fn check_bounds(&self, time: Timestamp) -> Result<Timestamp, String> {
        match (self.plan.earliest, self.plan.latest) {
            (Some(earliest), _) if time < earliest => Err(format!("{time} is older than {earliest}")),
            (_, Some(latest)) if time > latest => Err(format!("{time} is later than {latest}")),
            _ => Ok(time),
        }
    }

    /// Parses the values of a row.
    fn read_values(&mut self, cells: &(impl RowCells + ?Sized)) -> Result<(), Refusal> {
        self.values.clear();
        let plan = &self.plan;
        let ValueSource::Wide(columns) = &plan.values else {
            let value = match &plan.values {
                ValueSource::Long { .. } => long_value(plan, cells, &mut self.units)?,
                _ => series_value(plan, cells)?,
            };
            self.values.extend(value.map(|value| (0, value)));
            return Ok(());
        };
        for (nth, column) in columns.iter().enumerate() {
            let text = cells.text(column.at).ok_or_else(|| not_utf8(&column.name))?;
            if !plan.missing.matches(text) {
                let value = parse_value(text, column.ty, &plan.syntax).map_err(|what| {
                    (in_column(&column.name, &what), cell_suggestions(plan, &column.name, text, column.ty))
                })?;
                if plan.syntax.units && column.ty != ValueType::Bool {
                    let checked = check_unit(text, &column.name, column.unit.as_ref(), &mut self.units, plan.syntax);
                    checked.map_err(|what| plain(in_column(&column.name, &what)))?;
                }
                self.has_value[nth] = true;
                self.values.push((nth, value));
            }
        }
        Ok(())
    }

    /// Returns the group of the row's tags, and adds it to the groups if it is new.
    fn group(&mut self, cells: &(impl RowCells + ?Sized), rows: &mut Rows) -> Result<usize, Refusal> {
        self.key.clear();
        let source = match &self.plan.values {
            ValueSource::Wide(_) => None,
            ValueSource::Long { metric_at, .. } => Some(*metric_at),
            ValueSource::Series { series_at, .. } => Some(*series_at),
        };
        for at in self.plan.tags.iter().map(|tag| tag.at).chain(source) {
            let text = cells.exact_text(at).ok_or_else(|| not_utf8(&self.plan.header[at]))?;
            self.key.extend_from_slice(text.as_bytes());
            // This byte is not valid in UTF-8, so different cells never give the same key.
            self.key.push(0xFF);
        }
        if self.last_group != usize::MAX && self.key == self.last_key {
            return Ok(self.last_group);
        }
        let group = if let Some(group) = self.by_tags.get(&self.key) {
            *group
        } else {
            let group = self.new_group(cells, rows)?;
            self.groups.push(group);
            self.by_tags.insert(self.key.clone(), self.groups.len() - 1);
            self.groups.len() - 1
        };
        std::mem::swap(&mut self.key, &mut self.last_key);
        self.last_group = group;
        Ok(group)
    }

    fn new_group(&self, cells: &(impl RowCells + ?Sized), rows: &mut Rows) -> Result<SeriesGroup, Refusal> {
        let with_tags = |mut key: SeriesKey| -> Result<SeriesKey, Refusal> {
            for tag in &self.plan.tags {
                let text = cells.exact_text(tag.at).unwrap_or_default();
                if !text.trim().is_empty() {
                    key = key.tag(&tag.key, text);
                }
            }
            key.validate().map_err(|error| plain(error.to_string()))?;
            Ok(key)
        };
        let keys: Vec<SeriesKey> = match &self.plan.values {
            ValueSource::Wide(columns) => {
                columns.iter().map(|column| with_tags(column.key.clone())).collect::<Result<_, _>>()?
            }
            ValueSource::Long { metric_at, prefix, .. } => {
                let metric = cells.exact_text(*metric_at).unwrap_or_default();
                if metric.trim().is_empty() {
                    return Err(plain(in_column(&self.plan.header[*metric_at], "the metric is empty")));
                }
                vec![with_tags(series_key(metric, prefix).map_err(|error| plain(error.message))?)?]
            }
            ValueSource::Series { series_at, prefix, .. } => {
                let text = cells.exact_text(*series_at).unwrap_or_default();
                let key = own_export::parse_series(text)
                    .ok_or_else(|| plain(format!("column series: {text:?} is no series")))?;
                let metric = format!("{prefix}{}", key.metric());
                vec![with_tags(key.with_metric(metric))?]
            }
        };
        let last = self.clocks.as_ref().and_then(|clocks| clocks.last(&keys));
        let series = keys.iter().map(|key| rows.intern(key)).collect();
        Ok(SeriesGroup { series, clock: SeriesClock { last }, is_repeated: last.is_some(), prints: Vec::new() })
    }

    /// Compares the row with the last one of its series if they share a time, or if it goes back in time.
    fn compare(&mut self, group: usize, time: Timestamp, cells: &(impl RowCells + ?Sized)) {
        if self.plan.candidates.is_empty() || !self.comparisons.wants_more() {
            return;
        }
        let mut print: RowPrint = [0; distinguish::MAX_CANDIDATES];
        for (print, candidate) in print.iter_mut().zip(&self.plan.candidates) {
            *print = RowComparisons::print_of(cells.text(candidate.at).unwrap_or_default());
        }
        let SeriesGroup { clock, prints, .. } = &mut self.groups[group];
        if let (Some(before), Some(last)) = (clock.last, prints.last()) {
            let goes_back = match self.plan.time.order {
                crate::time::RowOrder::Ascending => time < before,
                crate::time::RowOrder::Descending => time > before,
            };
            if time == before {
                for earlier in prints.iter() {
                    self.comparisons.compare(earlier, &print);
                }
            } else if goes_back {
                self.comparisons.compare(last, &print);
            }
        }
        if clock.last != Some(time) || prints.len() == distinguish::MAX_COMPARED_ROWS {
            prints.clear();
        }
        prints.push(print);
    }
}

/// Returns the text of the time of a row: of its column, or of several as they were joined.
fn time_text<'a>(columns: &[usize], joined: &'a str, cells: &'a (impl RowCells + ?Sized)) -> &'a str {
    match columns {
        [at] => cells.text(*at).unwrap_or_default(),
        _ => joined,
    }
}
