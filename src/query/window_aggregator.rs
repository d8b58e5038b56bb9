//! Aggregation of the chunks of a series into windows.
//!
//! The chunks may have any length and are in time order; the windows are the same for every division into chunks. If a
//! run lies in one window, its summary can replace its points.

use super::accumulator::{Accumulator, AccumulatorParts, value_of_points};
use super::catalog::SeriesCursor;
use super::equal_windows::EqualWindows;
use super::kernels::AggregateScalar;
use super::limits::QueryBudget;
use super::memory::GrowingPart;
use super::operator::Operator;
use super::partial::PartialAggregate;
use super::plan::QueryPlan;
use super::sliding::{Append, SlidingWindows};
use super::stale_markers::StaleMarkerFilter;
use super::window_output::{SeriesOutput, WindowColumns, WindowOutput};
use crate::state::merge::{RunSummary, partition_point_galloping};
use crate::types::error::{Error, Result};
use crate::types::point::{Timestamp, ValueType};

/// Aggregator of successive chunks into windows.
struct WindowAggregator<'a, T: AggregateScalar> {
    plan: &'a QueryPlan,
    windows: WindowOutput,
    /// Overlapping windows; the accumulator then takes their panes.
    sliding: Option<SlidingWindows>,
    /// Budget of the query, which also ends the windows of a single point.
    budget: Option<&'a QueryBudget<'a>>,
    /// Memory of the windows, the panes, and the open states.
    memory: GrowingPart<'a>,
    /// Error of the budget that ended the output of windows.
    error: Option<Error>,
    /// Number of overlapping windows so far.
    emitted: usize,
    accumulator: Accumulator<T>,
    /// Start and inclusive end of the open window.
    open_window: Option<(Timestamp, i64)>,
    /// Inclusive end of the previous window.
    previous_last: Option<i64>,
    /// Number of points that the last step added to one window: a guess for the next window.
    usual_points: usize,
    total: Option<Accumulator<T>>,
}

impl<'a, T: AggregateScalar> WindowAggregator<'a, T> {
    fn new(plan: &'a QueryPlan) -> Self {
        let windows = if plan.merges_series {
            WindowOutput::Partial { cells: Vec::new(), bytes: 0 }
        } else {
            WindowOutput::Final(plan.empty_columns(Some(T::TYPE)))
        };
        let accumulator = Accumulator::new(AccumulatorParts::of(&plan.operators));
        let total = |rank| Accumulator::new(AccumulatorParts::of(&[Operator::Aggregate(rank)]));
        Self {
            plan,
            windows,
            sliding: plan.overlap.map(SlidingWindows::new),
            budget: None,
            memory: GrowingPart::new(None),
            error: None,
            emitted: 0,
            accumulator,
            open_window: None,
            previous_last: None,
            usual_points: 0,
            total: plan.rank_by.map(total),
        }
    }

    /// Checks the budget between overlapping windows, too.
    fn within(mut self, budget: &'a QueryBudget<'a>) -> Self {
        self.budget = Some(budget);
        self.memory = GrowingPart::new(Some(budget.memory()));
        self
    }

    fn add(&mut self, timestamps: &[Timestamp], values: &[T]) {
        let (mut timestamps, mut values) = self.skip_lookback(timestamps, values);
        if let Some(total) = &mut self.total {
            total.add(timestamps, values);
        }
        while let Some(at) = timestamps.first() {
            let was_open = self.open_window;
            let last = self.open_window_at(*at);
            let inside = |at: &Timestamp| at.as_nanos() <= last;
            let count = match timestamps.last() {
                Some(end) if inside(end) => timestamps.len(),
                _ if self.usual_points > 0 && ends_at(timestamps, self.usual_points, inside) => self.usual_points,
                // At least one point, so that the loop ends even if a source is out of order.
                _ => partition_point_galloping(timestamps, inside).max(1),
            };
            self.usual_points = count;
            if was_open == self.open_window || count == timestamps.len() || !self.push_whole_window(&values[..count]) {
                self.accumulator.add(&timestamps[..count], &values[..count]);
            }
            (timestamps, values) = (&timestamps[count..], &values[count..]);
            if self.open_window.is_none() {
                let pushed = self.push_equal_windows(timestamps, values);
                (timestamps, values) = (&timestamps[pushed..], &values[pushed..]);
            }
        }
    }

    /// Returns the points that count. The last one before them becomes the source of the first step.
    fn skip_lookback<'p>(&mut self, timestamps: &'p [Timestamp], values: &'p [T]) -> (&'p [Timestamp], &'p [T]) {
        let is_before = |at: &Timestamp| at.as_nanos() < self.plan.counted_from;
        if !timestamps.first().is_some_and(is_before) {
            return (timestamps, values);
        }
        let count = timestamps.partition_point(is_before);
        let mut before = timestamps[..count].iter().zip(&values[..count]).rev();
        if let Some((at, value)) = before.find(|(_, value)| value.is_ordered()) {
            self.accumulator.start_after(*at, *value);
            if let Some(total) = &mut self.total {
                total.start_after(*at, *value);
            }
        }
        (&timestamps[count..], &values[count..])
    }

    /// Adds the open window if all its values are in one slice and its aggregate needs only count and sum.
    ///
    /// Returns `false` if the window was not added. For short windows an accumulator costs more than the points.
    #[inline]
    fn push_whole_window(&mut self, values: &[T]) -> bool {
        let (WindowOutput::Final(rows), [Operator::Aggregate(only)]) =
            (&mut self.windows, self.plan.operators.as_slice())
        else {
            return false;
        };
        if !only.needs_only_count_and_sum() || self.sliding.is_some() {
            return false;
        }
        let Some((start, last)) = self.open_window.take() else { return false };
        rows.push_single(start, value_of_points(*only, values), T::TYPE);
        self.previous_last = Some(last);
        true
    }

    /// Adds the next windows as long as each has the usual number of points. Returns the number of their points.
    ///
    /// Only for a single column of doubles that need count and sum. The last window of the slice stays open.
    fn push_equal_windows(&mut self, timestamps: &[Timestamp], values: &[T]) -> usize {
        let (WindowOutput::Final(rows), [Operator::Aggregate(only)], Some(previous), None) =
            (&mut self.windows, self.plan.operators.as_slice(), self.previous_last, &self.sliding)
        else {
            return 0;
        };
        let WindowColumns { starts, values: columns, .. } = rows;
        let ([column], true) = (columns.as_mut_slice(), only.needs_only_count_and_sum()) else { return 0 };
        let (Some(doubles), Some(nanos)) = (column.as_mut_f64(), self.plan.grid.fixed_nanos()) else { return 0 };
        let windows = EqualWindows { points: self.usual_points, nanos, previous_last: previous };
        let count = windows.count(timestamps);
        if count == 0 {
            return 0;
        }
        starts.extend(windows.starts().take(count));
        windows.push_doubles(*only, &values[..count * windows.points], doubles);
        self.previous_last = Some(windows.last_of(count));
        count * windows.points
    }

    /// Opens the window that contains `at` and returns its inclusive end. Times must not decrease.
    #[inline]
    fn open_window_at(&mut self, at: Timestamp) -> i64 {
        match self.open_window {
            Some((_, last)) if at.as_nanos() <= last => return last,
            Some(_) => self.close_window(),
            None => {}
        }
        let grid = &self.plan.grid;
        let window = self.previous_last.map_or_else(|| grid.window_at(at), |before| grid.next_window(before, at));
        self.open_window = Some(window);
        window.1
    }

    /// Returns `true` if a run summary can replace the points of its run.
    fn accepts_summary(&self, summary: &RunSummary<T>) -> bool {
        let met = |acc: &Accumulator<T>| acc.needs().answered_by(summary);
        let counts = summary.range.first() >= self.plan.counted_from;
        // One of them may be a stale marker.
        if summary.has_nan || !counts || !met(&self.accumulator) || !self.total.as_ref().is_none_or(met) {
            return false;
        }
        let last = match self.open_window {
            Some((_, last)) if summary.range.first() <= last => last,
            _ => self.plan.grid.window_at(Timestamp::from_nanos(summary.range.first())).1,
        };
        summary.range.last() <= last
    }

    fn add_summary(&mut self, summary: &RunSummary<T>) {
        self.open_window_at(Timestamp::from_nanos(summary.range.first()));
        self.accumulator.add_summary(summary);
        if let Some(total) = &mut self.total {
            total.add_summary(summary);
        }
    }

    #[inline]
    fn close_window(&mut self) {
        if let Some((start, last)) = self.open_window.take() {
            self.previous_last = Some(last);
            let state = self.accumulator.take();
            // Once the query fails, no more states are kept.
            match &mut self.sliding {
                _ if self.error.is_some() => {}
                Some(sliding) => {
                    let mut output = OverlappingOutput {
                        plan: self.plan,
                        windows: &mut self.windows,
                        budget: self.budget,
                        memory: &mut self.memory,
                        held_bytes: sliding.held_bytes(),
                        count: &mut self.emitted,
                    };
                    let error = &mut self.error;
                    sliding.push(start, state, |start, window| output.push(start, window, error));
                    let recorded = self.memory.record_steps(self.windows.byte_len() + sliding.held_bytes());
                    self.error = self.error.take().or(recorded.err());
                }
                None => {
                    self.windows.push(self.plan, start, state);
                    if self.plan.merges_series {
                        self.error = self.memory.record_steps(self.windows.byte_len()).err();
                    }
                }
            }
        }
    }

    /// Records the approximate bytes of the windows, of the panes that are kept for the next ones, and of the open states.
    ///
    /// # Errors
    /// That of the budget.
    fn record_memory(&mut self) -> Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let panes = self.sliding.as_ref().map_or(0, SlidingWindows::held_bytes);
        let open = self.accumulator.heap_bytes() + self.total.as_ref().map_or(0, Accumulator::heap_bytes);
        self.memory.record(self.windows.byte_len() + panes + open)
    }

    /// Returns the output, whose bytes are recorded.
    ///
    /// # Errors
    /// That of the budget.
    fn finish(mut self) -> Result<SeriesOutput> {
        let is_empty = self.open_window.is_none() && self.previous_last.is_none();
        self.close_window();
        if let Some(mut sliding) = self.sliding.take() {
            let mut output = OverlappingOutput {
                plan: self.plan,
                windows: &mut self.windows,
                budget: self.budget,
                memory: &mut self.memory,
                held_bytes: sliding.held_bytes(),
                count: &mut self.emitted,
            };
            let error = &mut self.error;
            sliding.finish(|start, window| output.push(start, window, error));
        }
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let total = self.total.filter(|_| !is_empty).map(|mut total| total.take());
        self.memory.record(self.windows.byte_len() + total.as_ref().map_or(0, Append::byte_len))?;
        Ok(SeriesOutput { windows: self.windows, total })
    }
}

/// Output of overlapping windows. One point may lie in any number of windows, with or without a value.
struct OverlappingOutput<'a, 'b> {
    plan: &'a QueryPlan,
    windows: &'a mut WindowOutput,
    budget: Option<&'a QueryBudget<'a>>,
    memory: &'a mut GrowingPart<'b>,
    /// Bytes of the panes.
    held_bytes: usize,
    /// Number of windows of the series so far.
    count: &'a mut usize,
}

impl OverlappingOutput<'_, '_> {
    /// Number of windows between two checks of the deadline.
    const CHECK_EVERY: usize = 1_024;

    /// Adds a window. Returns `false` once the query has ended or failed; the first error is stored.
    fn push(&mut self, start: Timestamp, window: PartialAggregate, error: &mut Option<Error>) -> bool {
        self.windows.push(self.plan, start, window);
        *self.count += 1;
        if let Err(exceeded) = self.memory.record_steps(self.windows.byte_len() + self.held_bytes) {
            error.get_or_insert(exceeded);
            return false;
        }
        if !self.count.is_multiple_of(Self::CHECK_EVERY) {
            return true;
        }
        match self.budget.map_or(Ok(true), QueryBudget::check_continue) {
            Ok(continues) => {
                // The output of a query that was cancelled is discarded, whatever it is.
                *error = error.take().or((!continues).then_some(Error::ScanCancelled));
                continues
            }
            Err(exceeded) => {
                error.get_or_insert(exceeded);
                false
            }
        }
    }
}

/// Returns `true` if the first `count` times are inside and the next one is not.
#[inline]
fn ends_at(timestamps: &[Timestamp], count: usize, inside: impl Fn(&Timestamp) -> bool) -> bool {
    timestamps.get(count).is_some_and(|next| !inside(next)) && inside(&timestamps[count - 1])
}

fn aggregate_typed<T: AggregateScalar>(
    cursor: &mut dyn SeriesCursor,
    plan: &QueryPlan,
    budget: &QueryBudget<'_>,
) -> Result<SeriesOutput> {
    let mut aggregator = WindowAggregator::<T>::new(plan).within(budget);
    let mut buffer = Vec::new();
    let mut filter = StaleMarkerFilter::default();
    while budget.check_continue()? {
        if plan.statistics {
            while budget.check_continue()?
                && let Some(summary) = cursor.next_summary(&|summary| aggregator.accepts_summary(&summary.typed()))?
            {
                aggregator.add_summary(&summary.typed());
                aggregator.record_memory()?;
            }
        }
        if !cursor.next_chunk()? {
            break;
        }
        budget.add_points(cursor.timestamps().len())?;
        let values = T::from_bit_slice(cursor.value_bits(), &mut buffer);
        let (timestamps, values) = filter.filter(cursor.timestamps(), values);
        budget.add_stale_markers(cursor.timestamps().len() - timestamps.len());
        if timestamps.is_empty() {
            continue;
        }
        aggregator.add(timestamps, values);
        aggregator.record_memory()?;
    }
    let part = aggregator.finish()?;
    // The deadline may have ended the last windows.
    budget.check_continue()?;
    Ok(part)
}

/// Aggregates one series, at which the cursor was started.
pub(super) fn aggregate_series(
    cursor: &mut dyn SeriesCursor,
    value_type: ValueType,
    plan: &QueryPlan,
    budget: &QueryBudget<'_>,
) -> Result<SeriesOutput> {
    match value_type {
        ValueType::F64 => aggregate_typed::<f64>(cursor, plan, budget),
        ValueType::I64 => aggregate_typed::<i64>(cursor, plan, budget),
        ValueType::U64 => aggregate_typed::<u64>(cursor, plan, budget),
        ValueType::Bool => aggregate_typed::<bool>(cursor, plan, budget),
    }
}

#[cfg(test)]
mod tests;
