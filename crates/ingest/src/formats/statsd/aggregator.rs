//! Aggregation of statsd lines: what a statsd server keeps between two flushes.
//!
//! | type | series |
//! |---|---|
//! | counter | `NAME`: the sum since the first line, each increment divided by its sample rate; for `rate` and `increase` |
//! | gauge | `NAME`: the last value; `+3` and `-3` change it, from 0 |
//! | timer, histogram, distribution | `NAME_count` and `NAME_sum` since the first line, and, of the interval, `NAME_min`, `NAME_max` and `NAME` with the tag `quantile`: 0.5, 0.9 and 0.99, each within 1 % |
//! | set | `NAME`: the number of different members in the interval |
//!
//! Units stay as they are sent: those of `ms` are milliseconds. A gauge with a time of its own (`|T1704067200`) becomes a
//! point at this time. Each flush writes all series, changed or not, until they have had no line for an hour; then a
//! stale marker ends them, and a counter begins at 0 again.

use hashbrown::HashMap;
use timestrata::{CachedSeries, MetricKind, MetricMetadata, SeriesKey, Timestamp, Value};

use super::line::{LineType, StatsdLine, parse_value};
use super::state::{ItemBudget, SeriesState};
use crate::formats::row_error::RowError;
use crate::{RefusalCode, RefusalCounts, RefusedRow, Rows, TextValues};

/// Refused lines of an interval that are reported with a sentence; all are counted.
const REPORTED: usize = 10;
/// Spellings of series that are remembered for each series, in case clients write tags in several orders.
const SPELLINGS_PER_SERIES: usize = 2;

/// Options of an aggregator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsdOptions {
    /// Series that are kept; lines of further ones are refused as `series-limit`. Default: 100,000.
    pub max_series: usize,
    /// Different values of timers, and members of sets, of all series in an interval; further ones are refused as
    /// `series-limit`. Default: 1,000,000, of about 50 bytes each.
    pub max_items: usize,
    /// Points of gauges with times of their own between two flushes. Default: 100,000.
    pub max_timed_points: usize,
    /// Flushes without a line after which a series ends. Default: 360, an hour of 10 s.
    pub idle_flushes: u32,
    /// Events and service checks: refused, or left out and counted. Default: refused.
    pub text: TextValues,
}

impl Default for StatsdOptions {
    fn default() -> Self {
        Self {
            max_series: 100_000,
            max_items: 1_000_000,
            max_timed_points: 100_000,
            idle_flushes: 360,
            text: TextValues::default(),
        }
    }
}

/// Sums of statsd lines.
///
/// It has no clock and no socket: a caller passes each packet to [`packet`](Self::packet) and calls
/// [`flush`](Self::flush) at regular times. Rows that could not be stored need not be kept: the next flush has the sums.
///
/// ```
/// use timestrata::{SeriesKey, Timestamp};
/// use timestrata_ingest::{Rows, formats::{StatsdAggregator, StatsdOptions}};
///
/// let mut aggregator = StatsdAggregator::new(StatsdOptions::default());
/// aggregator.packet(b"hits:1|c\nhits:3|c|@0.5|#site:a\n");
/// aggregator.packet(b"hits:2|c");
/// let mut rows = Rows::default();
/// aggregator.flush(Timestamp::from_secs(10), &mut rows);
/// let key = rows.series(rows.point_series()[0]).key();
/// assert_eq!((key, rows.values()[0].as_f64()), (&SeriesKey::new("hits"), 3.0));
/// ```
#[derive(Debug)]
pub struct StatsdAggregator {
    options: StatsdOptions,
    slots: Vec<Option<Slot>>,
    free_slots: Vec<usize>,
    by_key: HashMap<SeriesKey, usize>,
    /// Slots by name and tags as lines write them.
    by_spelling: HashMap<Box<[u8]>, usize>,
    spelling: Vec<u8>,
    items: ItemBudget,
    timed: Vec<(CachedSeries, Timestamp, f64)>,
    refused: RefusalCounts,
    reports: Vec<RefusedRow>,
    left_out_texts: u64,
}

/// Series of lines, and its state.
#[derive(Debug)]
struct Slot {
    key: SeriesKey,
    ty: LineType,
    state: SeriesState,
    idle_flushes: u32,
    is_described: bool,
}

impl StatsdAggregator {
    /// Creates an aggregator without series.
    #[must_use]
    pub fn new(options: StatsdOptions) -> Self {
        Self {
            items: ItemBudget::new(options.max_items),
            options,
            slots: Vec::new(),
            free_slots: Vec::new(),
            by_key: HashMap::new(),
            by_spelling: HashMap::new(),
            spelling: Vec::new(),
            timed: Vec::new(),
            refused: RefusalCounts::default(),
            reports: Vec::new(),
            left_out_texts: 0,
        }
    }

    /// Takes the lines of a packet. Bad lines are refused; the next flush reports them.
    pub fn packet(&mut self, packet: &[u8]) {
        for (number, line) in (1..).zip(packet.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if let Err(error) = self.line(line) {
                self.refuse(number, error);
            }
        }
    }

    /// Returns the number of series.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.by_key.len()
    }

    /// Returns the number of events and service checks that were left out.
    #[must_use]
    pub fn left_out_texts(&self) -> u64 {
        self.left_out_texts
    }

    /// Appends a point at `now` for each series, and the refusals since the last flush, and begins an interval.
    ///
    /// A row is a series of lines, whose points may be of several series.
    pub fn flush(&mut self, now: Timestamp, rows: &mut Rows) {
        for (code, count) in std::mem::take(&mut self.refused).iter() {
            rows.refuse_several(code, count, None);
        }
        for report in self.reports.drain(..) {
            rows.refuse_several(report.code, 0, Some(report));
        }
        for (series, time, value) in self.timed.drain(..) {
            let series = rows.add_series(series);
            rows.push(series, time, Value::F64(value));
            rows.end_row(0);
        }
        self.items.clear();
        let mut ended = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(slot) = slot else { continue };
            slot.idle_flushes += 1;
            let is_ended = slot.idle_flushes > self.options.idle_flushes;
            slot.flush(now, is_ended, rows);
            if is_ended {
                ended.push(at);
            }
        }
        for at in ended {
            self.end_slot(at);
        }
    }

    /// Makes the next flush describe all metrics again: for a caller that could not store the metadata.
    pub fn describe_again(&mut self) {
        self.slots.iter_mut().flatten().for_each(|slot| slot.is_described = false);
    }

    fn refuse(&mut self, line: u64, error: RowError) {
        let refused = error.at(line).unwrap_or_else(|error| RefusedRow {
            line,
            code: RefusalCode::BadRow,
            reason: error.message,
            suggestions: error.suggestions,
        });
        self.refused.add(refused.code, 1);
        if self.reports.len() < REPORTED {
            self.reports.push(refused);
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), RowError> {
        let text = std::str::from_utf8(line)
            .map_err(|_| RowError::with_code(RefusalCode::InvalidUtf8, "the line is not UTF-8"))?;
        for (start, what) in [("_e{", "an event"), ("_sc|", "a service check")] {
            if text.starts_with(start) {
                if self.options.text == TextValues::Skip {
                    self.left_out_texts += 1;
                    return Ok(());
                }
                return Err(RowError::text_value(what));
            }
        }
        let line = StatsdLine::parse(text)?;
        if let Some(time) = line.time {
            return self.timed_gauge(&line, time);
        }
        let at = self.slot(&line)?;
        let Some(slot) = self.slots.get_mut(at).and_then(Option::as_mut) else {
            return Ok(());
        };
        if slot.ty != line.ty {
            let reason = format!("{} is {} in earlier lines, not {}", slot.key, slot.ty.words(), line.ty.words());
            return Err(RowError::refused(reason));
        }
        slot.idle_flushes = 0;
        line.values.split(':').try_for_each(|value| slot.state.take(value, line.rate, &mut self.items))
    }

    /// Keeps a gauge that has a time of its own until the next flush.
    fn timed_gauge(&mut self, line: &StatsdLine<'_>, time: Timestamp) -> Result<(), RowError> {
        if line.ty != LineType::Gauge || line.values.starts_with(['+', '-']) {
            return Err(RowError::refused("only the value of a gauge may have a time: others are summed"));
        }
        let series = CachedSeries::new(key_of(line)?);
        for value in line.values.split(':') {
            if self.timed.len() >= self.options.max_timed_points {
                let reason = format!("more than {} points with times in an interval", self.options.max_timed_points);
                return Err(RowError::with_code(RefusalCode::SeriesLimit, reason));
            }
            self.timed.push((series.clone(), time, parse_value(value)?));
        }
        Ok(())
    }

    /// Returns the slot of the series of a line.
    fn slot(&mut self, line: &StatsdLine<'_>) -> Result<usize, RowError> {
        self.spelling.clear();
        self.spelling.extend_from_slice(line.name.as_bytes());
        self.spelling.push(b'|');
        self.spelling.extend_from_slice(line.tags_text.as_bytes());
        if let Some(at) = self.by_spelling.get(&self.spelling[..]) {
            return Ok(*at);
        }
        let key = key_of(line)?;
        let at = match self.by_key.get(&key) {
            Some(at) => *at,
            None => self.begin_slot(key, line.ty)?,
        };
        if self.by_spelling.len() >= SPELLINGS_PER_SERIES * self.options.max_series {
            self.by_spelling.clear();
        }
        self.by_spelling.insert(self.spelling.as_slice().into(), at);
        Ok(at)
    }

    fn begin_slot(&mut self, key: SeriesKey, ty: LineType) -> Result<usize, RowError> {
        if self.by_key.len() >= self.options.max_series {
            let reason = format!("more than {} series, the limit", self.options.max_series);
            return Err(RowError::with_code(RefusalCode::SeriesLimit, reason));
        }
        let state = SeriesState::new(&key, ty);
        let slot = Some(Slot { key: key.clone(), ty, state, idle_flushes: 0, is_described: false });
        let at = self.free_slots.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(at) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        self.by_key.insert(key, at);
        Ok(at)
    }

    fn end_slot(&mut self, at: usize) {
        if let Some(slot) = self.slots.get_mut(at).and_then(Option::take) {
            self.by_key.remove(&slot.key);
            self.free_slots.push(at);
            // Spellings name slots.
            self.by_spelling.clear();
        }
    }
}

impl Slot {
    fn flush(&mut self, now: Timestamp, is_ended: bool, rows: &mut Rows) {
        if !std::mem::replace(&mut self.is_described, true) {
            let kind = match self.ty {
                LineType::Counter => MetricKind::Counter,
                LineType::Gauge | LineType::Set => MetricKind::Gauge,
                LineType::Timer => MetricKind::Summary,
            };
            rows.describe(self.key.metric(), MetricMetadata::new(kind));
        }
        self.state.flush(now, is_ended, rows);
        rows.end_row(0);
    }
}

/// Returns the key of a line, checked with the longest suffix and tag of its series.
fn key_of(line: &StatsdLine<'_>) -> Result<SeriesKey, RowError> {
    let key = line.tags().filter(|(_, value)| !value.is_empty()).collect::<SeriesKey>().with_metric(line.name);
    let longest = match line.ty {
        LineType::Timer => key.clone().tag("quantile", "0.99").with_metric(format!("{}_count", line.name)),
        _ => key.clone(),
    };
    match RefusalCode::of_key(&longest) {
        Some((code, reason)) => Err(RowError::with_code(code, reason)),
        None if line.name.is_empty() => Err(RowError::with_code(RefusalCode::NoMetricName, "the name is empty")),
        None => Ok(key),
    }
}

#[cfg(test)]
#[path = "aggregator_tests.rs"]
mod tests;
