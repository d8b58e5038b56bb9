//! Cursor over sources in memory, for tests.

use crate::query::catalog::{MergeCursor, SeriesSources};
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::merge::{BoxPointSource, MergeIterator, PointSource, RunSummary};
use crate::types::error::Result;
use crate::types::point::{Scalar, Timestamp};
use crate::types::series::SeriesInfo;
use crate::types::time_range::TimeRange;

/// Cursor over the sources that a function makes of each series.
pub(super) struct SourcesCursor<F> {
    make_sources: F,
    range: TimeRange,
    merge: MergeIterator<u64>,
}

impl<F: Fn(&SeriesInfo) -> SeriesSources<u64> + Send> SourcesCursor<F> {
    pub(super) fn new(range: TimeRange, make_sources: F) -> Self {
        let merge = MergeIterator::reusable(TimeRange::EMPTY);
        Self { make_sources, range, merge }
    }
}

impl<F: Fn(&SeriesInfo) -> SeriesSources<u64> + Send> MergeCursor for SourcesCursor<F> {
    type Source = BoxPointSource<u64>;

    fn start_series(&mut self, series: &SeriesInfo) -> Result<()> {
        self.merge = (self.make_sources)(series).merge(self.range);
        Ok(())
    }

    fn merge(&self) -> &MergeIterator<u64, BoxPointSource<u64>> {
        &self.merge
    }

    fn merge_mut(&mut self) -> &mut MergeIterator<u64, BoxPointSource<u64>> {
        &mut self.merge
    }
}

/// Source of values as bits, made of a source of typed values.
struct BitsSource<T>(BoxPointSource<T>);

/// Converts the values of sources to bits.
pub(super) fn bits_sources<T: Scalar>(sources: SeriesSources<T>) -> SeriesSources<u64> {
    let convert = |(source, hidden): (BoxPointSource<T>, HiddenRanges)| {
        let boxed: BoxPointSource<u64> = Box::new(BitsSource(source));
        (boxed, hidden)
    };
    SeriesSources { inputs: sources.inputs.into_iter().map(convert).collect(), duplicates: sources.duplicates }
}

impl<T: Scalar> PointSource<u64> for BitsSource<T> {
    fn lower_bound(&self) -> Option<i64> {
        self.0.lower_bound()
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, bits: &mut Vec<u64>) -> Result<bool> {
        let mut values = Vec::new();
        let more = self.0.read_run(timestamps, &mut values)?;
        bits.extend(values.into_iter().map(T::to_bits));
        Ok(more)
    }

    fn upper_bound(&self) -> Option<i64> {
        self.0.upper_bound()
    }

    fn skip_hidden_runs(&mut self, hidden: &HiddenRanges) -> Result<bool> {
        self.0.skip_hidden_runs(hidden)
    }

    fn peek_summary(&mut self) -> Result<Option<RunSummary<u64>>> {
        Ok(self.0.peek_summary()?.map(|summary| summary.map_values(T::to_bits)))
    }

    fn skip_run(&mut self) -> Result<()> {
        self.0.skip_run()
    }
}
