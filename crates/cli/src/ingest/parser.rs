//! Parses an input on a thread of its own: bytes to batches, beside the writer.
//!
//! A bounded channel of batches connects the two. A batch holds whole rows, and batches come in the order of the input,
//! so that one line separates durable rows from the others.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use timestrata::{Batch, CachedSeries, MetricMetadata, Timestamp, Value, ValueType};
use timestrata_ingest::{Decoder, IngestError, RefusedRow, RowEnd, Rows, SeriesNumber, SharedTimes, Suggestion};

use super::input::{InputBytes, ReadBytes};
use super::series_types::SeriesTypes;

/// Points, rows and refused rows of a batch together: enough to make its cost per batch small.
const BATCH_ITEMS: usize = 130_000;
/// Bytes of series keys in a batch, at most; the engine's limit for a batch is twice as much.
const MAX_KEY_BYTES: usize = 16 << 20;
/// Batches that wait for the writer, at most.
pub(crate) const MAX_WAITING_BATCHES: usize = 1;

/// Rows that were parsed.
#[derive(Debug, Default)]
pub(crate) struct ParsedBatch {
    pub(crate) batch: Batch,
    pub(crate) rows: u64,
    /// Lines on which the first and the last row begin.
    pub(crate) first_line: u64,
    pub(crate) last_line: u64,
    /// Least and greatest time.
    pub(crate) times: Option<(Timestamp, Timestamp)>,
    pub(crate) refused: Vec<RefusedRow>,
    pub(crate) metadata: Vec<(String, MetricMetadata)>,
}

/// Why the parser stopped before the end.
#[derive(Debug)]
pub(crate) enum ParserStop {
    /// A row is refused, and refused rows are not skipped.
    Row(RefusedRow),
    /// The input cannot be decoded.
    Input(IngestError),
    /// The input cannot be read.
    Read(std::io::Error),
}

/// State of the parser at its end.
#[derive(Debug, Default)]
pub(crate) struct ParserEnd {
    pub(crate) stop: Option<ParserStop>,
    /// Line of the last row, stored or not.
    pub(crate) last_line: u64,
    pub(crate) notices: Vec<String>,
    pub(crate) shared: SharedTimes,
    /// Series of the input, by index.
    pub(crate) series: Vec<CachedSeries>,
    /// Option that would distinguish rows that share series and time.
    pub(crate) distinguishing: Option<Suggestion>,
}

/// Message to the writer.
#[derive(Debug)]
pub(crate) enum ParserMessage {
    /// Warning about the rows to come, which is shown before they are stored.
    Warning(String),
    Batch(Box<ParsedBatch>),
    End(Box<ParserEnd>),
}

/// InputParser of one input.
pub(crate) struct InputParser {
    pub(crate) decoder: Box<dyn Decoder>,
    pub(crate) bytes: InputBytes,
    /// Bytes that are read and not yet decoded.
    pub(crate) buffer: Vec<u8>,
    pub(crate) is_ended: bool,
    /// Rows before this line are left out.
    pub(crate) from_line: u64,
    pub(crate) skip_bad: bool,
    /// Types of the series, by which rows of another type are refused.
    pub(crate) types: SeriesTypes,
    /// Longest time for which rows wait for a full batch.
    pub(crate) flush_every: Duration,
    pub(crate) sender: SyncSender<ParserMessage>,
}

/// The writer has ended and dropped its receiver.
struct WriterGone;

impl InputParser {
    /// Parses to the end, or until the writer ends.
    pub(crate) fn run(mut self) {
        let mut rows = Rows::with_capacity(BATCH_ITEMS);
        let mut end = ParserEnd::default();
        let Ok(()) = self.parse(&mut rows, &mut end) else { return };
        end.notices = self.decoder.notices();
        end.distinguishing = self.decoder.distinguishing();
        let indexes = (0_u32..).take(rows.series_len());
        end.series = indexes.map(|index| rows.series(SeriesNumber(index)).clone()).collect();
        // The writer may have ended meanwhile.
        let _ = self.sender.send(ParserMessage::End(Box::new(end)));
    }

    fn parse(&mut self, rows: &mut Rows, end: &mut ParserEnd) -> Result<(), WriterGone> {
        let mut at = 0;
        let mut waiting_since: Option<Instant> = None;
        loop {
            let decoded = self.decoder.decode(&self.buffer[at..], self.is_ended, rows);
            if let Some(warning) = self.decoder.take_warning() {
                self.sender.send(ParserMessage::Warning(warning)).map_err(|_| WriterGone)?;
            }
            let is_full = rows.is_full();
            match &decoded {
                Ok(used) => at += used,
                Err(_) => end.stop = decoded.err().map(ParserStop::Input),
            }
            let has_rows = !rows.row_ends().is_empty() || !rows.refused().is_empty();
            if waiting_since.is_none() && has_rows {
                waiting_since = Some(Instant::now());
            }
            let is_late = waiting_since.is_some_and(|since| since.elapsed() >= self.flush_every);
            let is_last = end.stop.is_some() || (self.is_ended && !is_full);
            if is_full || is_late || is_last {
                self.emit(rows, end)?;
                waiting_since = None;
            }
            if end.stop.is_some() || is_last {
                return Ok(());
            }
            if !is_full {
                self.buffer.drain(..at);
                at = 0;
                self.read(waiting_since, end);
            }
        }
    }

    /// Reads more bytes, or waits no longer than rows may wait.
    fn read(&mut self, waiting_since: Option<Instant>, end: &mut ParserEnd) {
        let waited = waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
        match self.bytes.read(&mut self.buffer, self.flush_every.saturating_sub(waited)) {
            Ok(ReadBytes::Some | ReadBytes::Late) => {}
            Ok(ReadBytes::End) => self.is_ended = true,
            Err(error) => end.stop = Some(ParserStop::Read(error)),
        }
    }

    /// Sends the rows as batches. A refused row ends the parser, unless such rows are skipped.
    fn emit(&mut self, rows: &mut Rows, end: &mut ParserEnd) -> Result<(), WriterGone> {
        let from_line = self.from_line;
        let last = [rows.row_ends().last().map(|row| row.line), rows.refused().last().map(|row| row.line)];
        end.last_line = last.into_iter().flatten().max().unwrap_or(end.last_line);
        let mut bad = rows.refused().iter().find(|row| row.line >= from_line && !self.skip_bad).cloned();
        let ends = rows.row_ends();
        let begin = ends.iter().take_while(|row| row.line < from_line).count();
        let mut until =
            bad.as_ref().map_or(ends.len(), |bad| ends.iter().take_while(|row| row.line < bad.line).count());
        let mut conflicts = self.types.conflicts(rows, begin..until.max(begin), self.skip_bad);
        if !self.skip_bad && !conflicts.is_empty() {
            let (at, conflict) = conflicts.remove(0);
            // Rows of the same line come again with the corrected one.
            until = ends[..at].iter().take_while(|row| row.line < conflict.line).count();
            bad = Some(conflict);
        }
        let mut refused: Vec<RefusedRow> =
            rows.refused().iter().filter(|row| row.line >= from_line && bad.is_none()).cloned().collect();
        refused.extend(conflicts.iter().map(|(_, row)| row.clone()));
        refused.sort_by_key(|row| row.line);
        let left_out: Vec<usize> = conflicts.into_iter().map(|(at, _)| at).collect();
        let mut first = ParsedBatch { refused, metadata: rows.metadata().to_vec(), ..ParsedBatch::default() };
        let mut from = begin;
        while from < until {
            let to = batch_end(rows, from, until);
            let kept = KeptPoints::new(rows, from..to, &left_out);
            kept.runs.iter().for_each(|points| end.shared.count(rows, points.clone()));
            let parsed = std::mem::take(&mut first);
            self.send(parsed_batch(parsed, rows, &ends[from..to], &kept))?;
            from = to;
        }
        if !first.refused.is_empty() || !first.metadata.is_empty() {
            self.send(first)?;
        }
        if let Some(bad) = bad {
            end.stop = Some(ParserStop::Row(bad));
        }
        rows.clear();
        Ok(())
    }

    fn send(&self, parsed: ParsedBatch) -> Result<(), WriterGone> {
        self.sender.send(ParserMessage::Batch(Box::new(parsed))).map_err(|_| WriterGone)
    }
}

/// Points of a batch, at most: the rows of one object of JSON may have more.
const MAX_BATCH_POINTS: usize = 1_000_000;

/// Returns the index of the first point of a row.
fn start_of(ends: &[RowEnd], row: usize) -> usize {
    row.checked_sub(1).map_or(0, |before| ends[before].points)
}

/// Returns the row before which a batch ends, so that its points and its series keys are not too many for a batch.
fn batch_end(rows: &Rows, from: usize, until: usize) -> usize {
    let ends = rows.row_ends();
    let most = start_of(ends, from).saturating_add(MAX_BATCH_POINTS);
    let until = ends[..until].partition_point(|row| row.points <= most).clamp(from + 1, until);
    if rows.series_len() < 10_000 {
        return until;
    }
    let mut bytes = 0;
    for row in from..until {
        let points = &rows.point_series()[start_of(ends, row)..ends[row].points];
        bytes += points.iter().map(|index| rows.series(*index).key().to_string().len()).sum::<usize>();
        if bytes > MAX_KEY_BYTES {
            return row.max(from + 1);
        }
    }
    until
}

/// Points of rows that are stored.
struct KeptPoints<'a> {
    rows: u64,
    /// Ranges of points of the decoder.
    runs: Vec<Range<usize>>,
    series: Cow<'a, [SeriesNumber]>,
    times: Cow<'a, [Timestamp]>,
    values: Cow<'a, [Value]>,
}

impl<'a> KeptPoints<'a> {
    /// Selects the points of a range of rows without those that are left out, which are in order.
    fn new(rows: &'a Rows, range: Range<usize>, left_out: &[usize]) -> Self {
        let ends = rows.row_ends();
        let inside = &left_out[left_out.partition_point(|at| *at < range.start)..];
        let inside = &inside[..inside.partition_point(|at| *at < range.end)];
        let mut runs = Vec::new();
        let mut start = range.start;
        for at in inside.iter().chain([&range.end]) {
            if start < *at {
                runs.push(start_of(ends, start)..ends[at - 1].points);
            }
            start = at + 1;
        }
        let (series, times, values) = (rows.point_series(), rows.timestamps(), rows.values());
        let kept = (range.len() - inside.len()) as u64;
        if let [only] = &runs[..] {
            let (series, times, values) = (&series[only.clone()], &times[only.clone()], &values[only.clone()]);
            return Self { rows: kept, runs, series: series.into(), times: times.into(), values: values.into() };
        }
        Self {
            rows: kept,
            series: runs.iter().flat_map(|run| &series[run.clone()]).copied().collect(),
            times: runs.iter().flat_map(|run| &times[run.clone()]).copied().collect(),
            values: runs.iter().flat_map(|run| &values[run.clone()]).copied().collect(),
            runs,
        }
    }
}

/// Fills a batch with the points of rows, grouped by series: a series then costs the batch one entry.
fn parsed_batch(parsed: ParsedBatch, rows: &Rows, ends: &[RowEnd], kept: &KeptPoints<'_>) -> ParsedBatch {
    let KeptPoints { series, times, values, .. } = kept;
    let mut batch = Batch::with_capacity(series.len());
    for (index, order) in grouped(series, rows.series_len()) {
        push_series(&mut batch, rows.series(index), &order, times, values);
    }
    let range = times.iter().fold(None, |range: Option<(Timestamp, Timestamp)>, time| {
        Some(range.map_or((*time, *time), |(least, greatest)| (least.min(*time), greatest.max(*time))))
    });
    ParsedBatch {
        batch,
        rows: kept.rows,
        first_line: ends.first().map_or(0, |row| row.line),
        last_line: ends.last().map_or(0, |row| row.line),
        times: range,
        ..parsed
    }
}

/// Returns the points of each series in their order, the series in the order of their first points.
fn grouped(series: &[SeriesNumber], series_len: usize) -> Vec<(SeriesNumber, Vec<u32>)> {
    let mut groups: Vec<(SeriesNumber, Vec<u32>)> = Vec::new();
    let mut group_of = vec![u32::MAX; series_len];
    for (point, index) in (0_u32..).zip(series) {
        let group = &mut group_of[index.0 as usize];
        if *group == u32::MAX {
            *group = u32::try_from(groups.len()).unwrap_or(u32::MAX - 1);
            groups.push((*index, Vec::new()));
        }
        groups[*group as usize].1.push(point);
    }
    groups
}

/// Adds the points of one series. Values of other types than the first are added one by one, in their place.
fn push_series(batch: &mut Batch, series: &CachedSeries, order: &[u32], times: &[Timestamp], values: &[Value]) {
    let Some(first) = order.first() else { return };
    let ty = values[*first as usize].value_type();
    if ty != ValueType::F64 || order.iter().any(|point| values[*point as usize].value_type() != ty) {
        for point in order {
            batch.push_cached(series, times[*point as usize], values[*point as usize]);
        }
        return;
    }
    let column: Vec<Timestamp> = order.iter().map(|point| times[*point as usize]).collect();
    let floats: Vec<f64> = order.iter().map(|point| values[*point as usize].as_f64()).collect();
    batch.push_cached_columns(series, &column, &floats);
}
