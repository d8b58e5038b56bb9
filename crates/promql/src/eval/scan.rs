//! Reading of the series of a selector, once for all leaves that need them, in parallel over partitions.

use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use timestrata::{Selector, SeriesInfo, SeriesScanCursor, Snapshot, Timestamp, ValueSlice};

use super::budget::Budget;
use super::column::Column;
use super::error::QueryError;
use super::functions::range::Arguments;
use super::labels::{CommonTexts, Labels};
use super::leaf::{Leaf, LeafRow};
use super::sliding::Scratch;
use super::window::Samples;

/// Samples of a series, with its labels.
#[derive(Debug)]
pub(crate) struct SeriesSamples {
    pub(crate) labels: Labels,
    pub(crate) samples: Samples,
    /// `true` if integers were rounded.
    pub(crate) is_rounded: bool,
}

/// Series that was read, before its samples are dropped.
struct SeriesRead<'a> {
    info: &'a SeriesInfo,
    samples: &'a mut Samples,
    texts: &'a mut CommonTexts,
    /// `true` if integers were rounded.
    is_rounded: bool,
}

impl SeriesRead<'_> {
    fn labels(&mut self) -> Labels {
        Labels::of_series(&self.info.key, self.texts)
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
        let found = self.map_series(&first.conditions.to_selector(), from, to, |mut series, scratch| {
            let columns = self.columns(leaves, arguments, series.samples, scratch)?;
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
                // A column has at most one cell per step; those that it does not have are taken back.
                let most = leaf.steps.count.saturating_mul(size_of::<f64>());
                self.budget.add_bytes(most)?;
                *column = leaf.column(samples, self.lookback, arguments, scratch);
                self.budget.check()?;
                self.budget.release_bytes(most.saturating_sub(column.byte_len()));
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
        self.map_series(selector, from, to, |mut series, _| {
            self.budget.add_bytes(series.samples.len() * size_of::<(i64, f64)>())?;
            let (samples, is_rounded) = (std::mem::take(series.samples), series.is_rounded);
            Ok((!samples.is_empty()).then(|| SeriesSamples { labels: series.labels(), samples, is_rounded }))
        })
    }

    /// Calls a function with each series, in parallel, and returns the results sorted by labels.
    fn map_series<R: Send + HasLabels>(
        &self,
        selector: &Selector,
        from: i64,
        to: i64,
        each: impl Fn(SeriesRead<'_>, &mut Scratch) -> Result<Option<R>, QueryError> + Sync,
    ) -> Result<Vec<R>, QueryError> {
        if from > to {
            return Ok(Vec::new());
        }
        let range = Timestamp::from_nanos(from)..=Timestamp::from_nanos(to);
        let scan = self.snapshot.scan_series(selector.clone()).range(range);
        let cursors = scan.partitions(self.threads.max(1))?;
        let read = |cursor: SeriesScanCursor| self.read_partition(cursor, &each);
        let parts: Vec<Result<Vec<R>, QueryError>> = if cursors.len() == 1 {
            cursors.into_iter().map(read).collect()
        } else {
            let read = &read;
            std::thread::scope(|scope| {
                let start = |cursor| std::thread::Builder::new().spawn_scoped(scope, move || read(cursor));
                let threads: Vec<_> = cursors.into_iter().map(start).collect();
                let join = |thread: std::io::Result<ScopedJoinHandle<'_, _>>| match thread {
                    Ok(thread) => thread.join().unwrap_or_else(|_| Err(panicked())),
                    Err(error) => Err(QueryError::Thread { message: error.to_string() }),
                };
                threads.into_iter().map(join).collect()
            })
        };
        let mut found = Vec::new();
        for part in parts {
            found.extend(part?);
        }
        // The order of ids depends on the order of creation; that of labels does not.
        found.sort_by(|one, other| one.labels().cmp(other.labels()));
        Ok(found)
    }

    fn read_partition<R>(
        &self,
        mut cursor: SeriesScanCursor,
        each: &impl Fn(SeriesRead<'_>, &mut Scratch) -> Result<Option<R>, QueryError>,
    ) -> Result<Vec<R>, QueryError> {
        let (mut results, mut texts) = (Vec::new(), CommonTexts::default());
        let mut current: Option<Arc<SeriesInfo>> = None;
        let (mut samples, mut scratch, mut is_rounded) =
            (Samples::default(), Scratch::new(self.budget.stop_check()), false);
        let mut finish = |info: Option<Arc<SeriesInfo>>, samples: &mut Samples, is_rounded: bool| {
            let Some(info) = info else { return Ok(()) };
            let read = SeriesRead { info: &info, samples: &mut *samples, texts: &mut texts, is_rounded };
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
            self.budget.add_samples(chunk.timestamps.len())?;
            is_rounded |= is_inexact(chunk.values);
            samples.extend(chunk.timestamps, chunk.values);
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
