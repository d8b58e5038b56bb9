//! Reading of the series of a selector, once for all leaves that need them, in parallel over partitions.

use timestrata::{Selector, SeriesScanCursor, Snapshot, Timestamp, ValueSlice};

use super::budget::Budget;
use super::error::QueryError;
use super::functions::range::Arguments;
use super::labels::Labels;
use super::leaf::{Leaf, LeafRow};
use super::row::is_present;
use super::window::Samples;

/// Samples of a series, with its labels.
#[derive(Debug)]
pub(crate) struct SeriesSamples {
    pub(crate) labels: Labels,
    pub(crate) samples: Samples,
    /// `true` if integers were rounded.
    pub(crate) is_rounded: bool,
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
        let found = self.map_series(&first.conditions.to_selector(self.budget)?, from, to, |series| {
            let mut columns = Vec::with_capacity(leaves.len());
            let mut samples = series.samples;
            // Leaves that need staleness markers first.
            for leaf in leaves {
                columns.push(if leaf.skips_stale() {
                    Vec::new()
                } else {
                    leaf.column(&samples, self.lookback, arguments)
                });
            }
            samples.remove_stale();
            for (leaf, column) in leaves.iter().zip(&mut columns) {
                if leaf.skips_stale() {
                    *column = leaf.column(&samples, self.lookback, arguments);
                }
            }
            let cells: usize =
                columns.iter().map(|column| column.iter().filter(|value| is_present(**value)).count()).sum();
            self.budget.add_samples(cells)?;
            self.budget.add_bytes(columns.iter().map(|column| column.len() * size_of::<f64>()).sum())?;
            Ok((series.labels, series.is_rounded, columns))
        })?;
        for (labels, is_rounded, columns) in found {
            for (rows, values) in rows.iter_mut().zip(columns) {
                if values.iter().any(|value| is_present(*value)) {
                    rows.push(LeafRow { labels: labels.clone(), values, is_rounded });
                }
            }
        }
        Ok(rows)
    }

    /// Reads the samples of the series of a selector between two times, both inclusive, sorted by labels.
    ///
    /// # Errors
    /// As for [`leaves`](Self::leaves).
    pub(crate) fn samples(&self, selector: &Selector, from: i64, to: i64) -> Result<Vec<SeriesSamples>, QueryError> {
        let found = self.map_series(selector, from, to, |series| {
            self.budget.add_bytes(series.samples.len() * 16)?;
            Ok((series.labels.clone(), series))
        })?;
        Ok(found.into_iter().map(|(_, series)| series).filter(|series| !series.samples.is_empty()).collect())
    }

    /// Calls a function with each series, in parallel, and returns the results sorted by labels.
    fn map_series<R: Send + HasLabels>(
        &self,
        selector: &Selector,
        from: i64,
        to: i64,
        each: impl Fn(SeriesSamples) -> Result<R, QueryError> + Sync,
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
                let threads: Vec<_> = cursors.into_iter().map(|cursor| scope.spawn(move || read(cursor))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))).collect()
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
        each: &impl Fn(SeriesSamples) -> Result<R, QueryError>,
    ) -> Result<Vec<R>, QueryError> {
        let mut results = Vec::new();
        let mut current: Option<(timestrata::SeriesId, SeriesSamples)> = None;
        self.budget.check()?;
        while let Some(chunk) = cursor.next_chunk()? {
            self.budget.check()?;
            let id = chunk.series.id;
            if current.as_ref().is_none_or(|(known, _)| *known != id) {
                self.budget.add_series(1)?;
                let labels = Labels::of_series(&chunk.series.key);
                let next = (id, SeriesSamples { labels, samples: Samples::default(), is_rounded: false });
                if let Some((_, finished)) = current.replace(next) {
                    results.push(each(finished)?);
                }
            }
            let Some((_, series)) = &mut current else { continue };
            self.budget.add_samples(chunk.timestamps.len())?;
            append(series, chunk.timestamps, chunk.values);
        }
        if let Some((_, finished)) = current {
            results.push(each(finished)?);
        }
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

impl<A> HasLabels for (Labels, A) {
    fn labels(&self) -> &Labels {
        &self.0
    }
}

fn panicked() -> QueryError {
    QueryError::Thread { message: "it panicked".to_owned() }
}

/// Appends a chunk. Integers become the nearest float.
fn append(series: &mut SeriesSamples, times: &[Timestamp], values: ValueSlice<'_>) {
    const EXACT: u64 = 1 << 53;
    series.is_rounded |= match values {
        ValueSlice::I64(values) => values.iter().any(|value| value.unsigned_abs() > EXACT),
        ValueSlice::U64(values) => values.iter().any(|value| *value > EXACT),
        _ => false,
    };
    let mut times = times.iter();
    values.for_each_f64(|value| {
        if let Some(time) = times.next() {
            series.samples.push(time.as_nanos(), value);
        }
    });
}
