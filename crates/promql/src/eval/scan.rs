//! Reading of the series of a selector, once for all leaves that need them, in parallel over partitions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use timestrata::{Selector, SeriesInfo, SeriesScanCursor, Snapshot, SummaryWindows, Timestamp, ValueSlice};

use super::budget::Budget;
use super::column::Column;
use super::error::QueryError;
use super::functions::range::Arguments;
use super::label_order::sort_by_labels;
use super::labels::Labels;
use super::leaf::{Leaf, LeafRow};
use super::sliding::Scratch;
use super::summary::{self, SummaryValue};
use super::window::Samples;

/// Partitions of a selector's series for each thread.
const PARTITIONS_PER_THREAD: usize = 4;

/// Samples of a series, with its labels.
#[derive(Debug)]
pub(crate) struct SeriesSamples {
    pub(crate) labels: Labels,
    pub(crate) samples: Samples,
    /// `true` if integers were rounded.
    pub(crate) is_rounded: bool,
}

/// Which series are read, and when.
struct Selection {
    selector: Selector,
    /// First time, in nanoseconds.
    from: i64,
    /// Last time, in nanoseconds.
    to: i64,
    /// What of the summaries of blocks is needed, and where; `None` if samples are.
    summaries: Option<(SummaryValue, SummaryWindows)>,
}

/// Series that was read, before its samples are dropped.
struct SeriesRead<'a> {
    info: &'a Arc<SeriesInfo>,
    samples: &'a mut Samples,
    /// `true` if integers were rounded.
    is_rounded: bool,
}

impl SeriesRead<'_> {
    fn labels(&self) -> Labels {
        Labels::of_series(self.info)
    }
}

/// Reader of the series of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) budget: &'a Budget,
    pub(crate) lookback: i64,
    pub(crate) threads: usize,
}

impl Reader<'_> {
    /// Computes leaves of one selector. Returns the rows of each leaf, sorted by labels.
    ///
    /// `arguments` are the arguments of range functions at each step, if they are not constant.
    ///
    /// # Errors
    /// Those of reading, and limits.
    pub(crate) fn leaves(
        &self,
        leaves: &[&Leaf],
        arguments: Option<&[Arguments]>,
    ) -> Result<Vec<Vec<LeafRow>>, QueryError> {
        let Some(first) = leaves.first() else { return Ok(Vec::new()) };
        let times = leaves.iter().map(|leaf| leaf.times(self.lookback));
        let (from, to) = times.fold((i64::MAX, i64::MIN), |known, times| (known.0.min(times.0), known.1.max(times.1)));
        let mut rows: Vec<Vec<LeafRow>> = leaves.iter().map(|_| Vec::new()).collect();
        // Summaries serve one function alone.
        let summaries = if leaves.len() == 1 { SummaryValue::of(first) } else { None };
        let replaced = summaries.map(|value| value.leaf(first));
        let leaves = replaced.as_ref().map_or_else(|| leaves.to_vec(), |leaf| vec![leaf]);
        let summaries = summaries.map(|value| (value, summary::windows(first)));
        let selection = Selection { selector: first.conditions.to_selector(self.budget)?, from, to, summaries };
        let found = self.map_series(&selection, |series, scratch| {
            let columns = self.columns(&leaves, arguments, series.samples, scratch)?;
            let has_values = columns.iter().any(Column::has_values);
            Ok(has_values.then(|| (series.labels(), series.is_rounded, columns)))
        })?;
        for (labels, is_rounded, columns) in found {
            for (rows, column) in rows.iter_mut().zip(columns) {
                if column.has_values() {
                    rows.push(LeafRow { labels: labels.clone(), column, is_rounded });
                }
            }
        }
        Ok(rows)
    }

    /// Computes the columns of all leaves for one series.
    fn columns(
        &self,
        leaves: &[&Leaf],
        arguments: Option<&[Arguments]>,
        samples: &mut Samples,
        scratch: &mut Scratch,
    ) -> Result<Vec<Column>, QueryError> {
        let mut columns = vec![Column::default(); leaves.len()];
        // Leaves that need staleness markers first.
        for skips_stale in [false, true] {
            if skips_stale && leaves.iter().any(|leaf| leaf.skips_stale()) {
                samples.remove_stale();
            }
            for (leaf, column) in leaves.iter().zip(&mut columns).filter(|(leaf, _)| leaf.skips_stale() == skips_stale)
            {
                // What the column does not need is taken back.
                let most = leaf.most_bytes(samples, self.lookback);
                self.budget.add_bytes(most)?;
                *column = leaf.column(samples, self.lookback, arguments, scratch);
                self.budget.check()?;
                self.budget.remove_bytes(most.saturating_sub(column.byte_len()));
            }
        }
        self.budget.add_samples(columns.iter().map(Column::count).sum())?;
        Ok(columns)
    }

    /// Reads the samples of the series of a selector between two times, both inclusive, sorted by labels.
    ///
    /// # Errors
    /// As for [`leaves`](Self::leaves).
    pub(crate) fn samples(&self, selector: &Selector, from: i64, to: i64) -> Result<Vec<SeriesSamples>, QueryError> {
        let selection = Selection { selector: selector.clone(), from, to, summaries: None };
        self.map_series(&selection, |series, _| {
            self.budget.add_bytes(series.samples.len() * size_of::<(i64, f64)>())?;
            let (samples, is_rounded) = (std::mem::take(series.samples), series.is_rounded);
            Ok((!samples.is_empty()).then(|| SeriesSamples { labels: series.labels(), samples, is_rounded }))
        })
    }

    /// Calls a function with each series, in parallel, and returns the results sorted by labels.
    fn map_series<R: Send + HasLabels>(
        &self,
        selection: &Selection,
        each: impl Fn(SeriesRead<'_>, &mut Scratch) -> Result<Option<R>, QueryError> + Sync,
    ) -> Result<Vec<R>, QueryError> {
        if selection.from > selection.to {
            return Ok(Vec::new());
        }
        let range = Timestamp::from_nanos(selection.from)..=Timestamp::from_nanos(selection.to);
        let mut scan = self.snapshot.scan_series(selection.selector.clone()).range(range);
        let mut summarized = None;
        if let Some((value, windows)) = &selection.summaries {
            let value = *value;
            summarized = Some(value);
            scan = scan.summaries_if(windows.clone(), move |series, summary| value.accepts(series, summary));
        }
        // Several partitions for each thread, so that threads end at about the same time.
        let partitions = if self.threads > 1 { self.threads.saturating_mul(PARTITIONS_PER_THREAD) } else { 1 };
        let cursors = scan.partitions(partitions)?;
        let mut found = Vec::new();
        for part in self.read_partitions(cursors, summarized, &each) {
            found.extend(part?);
        }
        // The order of ids depends on the order of creation; that of labels does not.
        sort_by_labels(&mut found, HasLabels::labels);
        Ok(found)
    }

    /// Reads partitions on this thread and on as many others as the runtime permits.
    fn read_partitions<R: Send>(
        &self,
        cursors: Vec<SeriesScanCursor>,
        summarized: Option<SummaryValue>,
        each: &(impl Fn(SeriesRead<'_>, &mut Scratch) -> Result<Option<R>, QueryError> + Sync),
    ) -> Vec<Result<Vec<R>, QueryError>> {
        let waiting: Vec<Mutex<Option<SeriesScanCursor>>> =
            cursors.into_iter().map(|cursor| Mutex::new(Some(cursor))).collect();
        let next = AtomicUsize::new(0);
        // Each partition is read by the thread that takes it first.
        let read_rest = || {
            let mut parts = Vec::new();
            while let Some(cursor) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                let cursor = cursor.lock().unwrap_or_else(PoisonError::into_inner).take();
                parts.extend(cursor.map(|cursor| self.read_partition(cursor, summarized, each)));
            }
            parts
        };
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for _ in 1..self.threads.min(waiting.len()) {
                let Some(permit) = self.budget.try_start_thread() else { break };
                let work = || {
                    let _permit = permit;
                    read_rest()
                };
                // If a thread cannot be started, the others read its partitions.
                let spawned = std::thread::Builder::new().name("promql-read".to_owned()).spawn_scoped(scope, work);
                threads.extend(spawned.ok());
            }
            let mut parts = read_rest();
            for thread in threads {
                parts.extend(thread.join().unwrap_or_else(|_| vec![Err(panicked())]));
            }
            parts
        })
    }

    fn read_partition<R>(
        &self,
        mut cursor: SeriesScanCursor,
        summarized: Option<SummaryValue>,
        each: &impl Fn(SeriesRead<'_>, &mut Scratch) -> Result<Option<R>, QueryError>,
    ) -> Result<Vec<R>, QueryError> {
        let mut results = Vec::new();
        let mut current: Option<Arc<SeriesInfo>> = None;
        let (mut samples, mut scratch, mut is_rounded) =
            (Samples::default(), Scratch::new(self.budget.stop_check()), false);
        let mut finish = |info: Option<Arc<SeriesInfo>>, samples: &mut Samples, is_rounded: bool| {
            let Some(info) = info else { return Ok(()) };
            let read = SeriesRead { info: &info, samples: &mut *samples, is_rounded };
            results.extend(each(read, &mut scratch)?);
            samples.clear();
            Ok::<(), QueryError>(())
        };
        self.budget.check()?;
        while let Some(chunk) = cursor.next_chunk()? {
            self.budget.check()?;
            if current.as_ref().is_none_or(|known| known.id != chunk.series.id) {
                self.budget.add_series(1)?;
                finish(current.replace(Arc::clone(chunk.series)), &mut samples, is_rounded)?;
                is_rounded = false;
            }
            if let (Some(value), Some(summary)) = (summarized, &chunk.summary) {
                self.budget.add_samples(1)?;
                self.budget.add_summary();
                value.add(summary, &mut samples);
                continue;
            }
            self.budget.add_samples(chunk.timestamps.len())?;
            is_rounded |= is_inexact(chunk.values);
            let before = samples.times.last().copied();
            let known = samples.len();
            samples.extend(chunk.timestamps, chunk.values);
            if let Some(value) = summarized {
                // The first sample may have replaced the last one of the same time.
                let is_replaced = before.is_some() && before == chunk.timestamps.first().map(|time| time.as_nanos());
                value.mark_counted(&mut samples, known - usize::from(is_replaced));
            }
        }
        finish(current, &mut samples, is_rounded)?;
        Ok(results)
    }
}

/// Result of a series, which is ordered by its labels.
pub(crate) trait HasLabels {
    /// Returns the labels.
    fn labels(&self) -> &Labels;
}

impl<A, B> HasLabels for (Labels, A, B) {
    fn labels(&self) -> &Labels {
        &self.0
    }
}

impl HasLabels for SeriesSamples {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}

fn panicked() -> QueryError {
    QueryError::Thread { message: "it panicked".to_owned() }
}

/// Returns `true` if a value is no exact `f64`.
fn is_inexact(values: ValueSlice<'_>) -> bool {
    const EXACT: u64 = 1 << 53;
    match values {
        ValueSlice::I64(values) => values.iter().any(|value| value.unsigned_abs() > EXACT),
        ValueSlice::U64(values) => values.iter().any(|value| *value > EXACT),
        _ => false,
    }
}
