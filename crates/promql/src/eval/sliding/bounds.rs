//! Which samples of a series the window of each step holds.

use super::super::column::{Column, MISSING};
use super::super::window::{Anchor, Extent, Samples, Steps, Window};

/// Windows of one series: the indexes of their samples, for the steps whose window may hold one.
///
/// Both ends move forward only, so finding all windows costs one pass over the samples, or less: where the samples have
/// equal distances, each end is found at the first guess. Series that were sampled together have the same times, and then
/// the same windows, which are found once.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    /// Step of the first window.
    first_step: usize,
    /// First index, and index behind the last one.
    list: Vec<(usize, usize)>,
    /// Times of the samples, and what the windows were found for.
    times: Vec<i64>,
    found_for: Option<(Steps, Anchor, Extent)>,
}

impl Bounds {
    /// Finds the windows `(end - range - before, end + after]` of a series.
    pub(crate) fn find(&mut self, times: &[i64], steps: &Steps, anchor: Anchor, extent: Extent) {
        let wanted = Some((*steps, anchor, extent));
        if self.found_for == wanted && self.times == times {
            return;
        }
        self.found_for = wanted;
        self.times.clear();
        self.times.extend_from_slice(times);
        self.list.clear();
        let span = possible_steps(times, steps, anchor, extent);
        self.first_step = span.start;
        let (mut first, mut behind) = (Edge::default(), Edge::default());
        self.list.extend(span.map(|step| {
            let end = anchor.time(steps.at(step));
            let from = end.saturating_sub(extent.range).saturating_sub(extent.before);
            let to = end.saturating_add(extent.after);
            let behind = behind.advance(times, to);
            (first.advance(times, from).min(behind), behind)
        }));
    }

    /// Returns the step of the first window.
    pub(crate) fn first_step(&self) -> usize {
        self.first_step
    }

    /// Returns first index and index behind the last one of each window. A window may be empty.
    pub(crate) fn list(&self) -> &[(usize, usize)] {
        &self.list
    }

    /// Computes a column from the indexes of each window that has a sample.
    pub(crate) fn column(&self, mut value: impl FnMut(usize, usize) -> f64) -> Column {
        let values =
            self.list.iter().map(|(first, behind)| if first < behind { value(*first, *behind) } else { MISSING });
        self.column_of(values.collect())
    }

    /// Makes a column of the values of all windows.
    pub(crate) fn column_of(&self, values: Vec<f64>) -> Column {
        Column::new(self.first_step, values)
    }

    /// Computes a column from each window that has a sample, and its step. `None` is no value.
    pub(crate) fn column_of_windows(
        &self,
        samples: &Samples,
        (steps, anchor, extent): (&Steps, Anchor, Extent),
        mut value: impl FnMut(usize, &Window<'_>) -> Option<f64>,
    ) -> Column {
        let mut values = Vec::with_capacity(self.list.len());
        for ((first, behind), step) in self.list.iter().zip(self.first_step..) {
            let (Some(times), Some(held)) = (samples.times.get(*first..*behind), samples.values.get(*first..*behind))
            else {
                values.push(MISSING);
                continue;
            };
            let step_time = steps.at(step);
            let end = anchor.time(step_time);
            let start = end.saturating_sub(extent.range);
            let window = Window { times, values: held, start, end, step_time };
            let found = if times.is_empty() { None } else { value(step, &window) };
            values.push(found.unwrap_or(MISSING));
        }
        self.column_of(values)
    }
}

/// Bytes of a window and its value.
const WINDOW_BYTES: usize = size_of::<(usize, usize)>() + size_of::<f64>();

/// Returns the most bytes that the windows of a series and their values need.
pub(crate) fn most_bytes(times: &[i64], steps: &Steps, anchor: Anchor, extent: Extent) -> usize {
    possible_steps(times, steps, anchor, extent).len().saturating_mul(WINDOW_BYTES)
}

/// Returns the steps whose window may hold a sample.
fn possible_steps(times: &[i64], steps: &Steps, anchor: Anchor, extent: Extent) -> std::ops::Range<usize> {
    let (Some(oldest), Some(newest)) = (times.first(), times.last()) else { return 0..0 };
    if anchor.at.is_some() {
        return 0..steps.count;
    }
    let [start, step, offset] = [steps.start, steps.step, anchor.offset].map(i128::from);
    let [range, before, after] = [extent.range, extent.before, extent.after].map(i128::from);
    // Clamped times are compared one by one.
    let last_end = start + step * i128::try_from(steps.count).unwrap_or(i128::MAX >> 64);
    let is_clamped = [start - offset - range - before, last_end, last_end - offset + after]
        .iter()
        .any(|time| i64::try_from(*time).is_err());
    if is_clamped || step < 1 {
        return 0..steps.count;
    }
    let from_time = i128::from(*oldest) - after + offset - start;
    let to_time = i128::from(*newest) + range + before + offset - start;
    let index = |steps_ahead: i128| usize::try_from(steps_ahead.max(0)).unwrap_or(usize::MAX).min(steps.count);
    let from = index(-(-from_time).div_euclid(step));
    from..index(to_time.div_euclid(step) + 1).max(from)
}

/// Number of samples up to a time that only grows.
#[derive(Debug, Default)]
struct Edge {
    samples: usize,
    /// By how many the last step has moved the edge.
    moved_by: usize,
}

impl Edge {
    /// Returns the number of samples up to a time, inclusive.
    #[inline]
    fn advance(&mut self, times: &[i64], to: i64) -> usize {
        let guess = self.samples + self.moved_by;
        // The guess holds if the sample before it is within, and the one at it is not.
        if let Some(previous) = guess.checked_sub(1)
            && let Some([within, beyond]) = times.get(previous..=guess)
            && *within <= to
            && *beyond > to
        {
            self.samples = guess;
            return guess;
        }
        let before = self.samples;
        if guess > before && times.get(guess - 1).is_some_and(|time| *time <= to) {
            self.samples = guess;
        }
        while times.get(self.samples).is_some_and(|time| *time <= to) {
            self.samples += 1;
        }
        self.moved_by = self.samples - before;
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_of_a_search_for_each_step() {
        let patterns: [&[i64]; 5] = [&[], &[5], &[0, 10, 20, 30, 40, 50], &[3, 4, 5, 30, 31, 90, 91], &[-9, 7, 7, 8]];
        let mut bounds = Bounds::default();
        let extents = [(10, 0, 0), (25, 5, 0), (4, 0, 7), (100, 0, 0), (0, 5, 5)];
        for times in patterns {
            for (range, before, after) in extents {
                for (start, step, offset) in [(0, 10, 0), (-20, 7, 3), (-3, 1, -11)] {
                    let steps = Steps { start, step, count: 30 };
                    let (anchor, extent) = (Anchor { at: None, offset }, Extent { range, before, after });
                    bounds.find(times, &steps, anchor, extent);
                    let mut found = vec![(0, 0); bounds.first_step];
                    found.extend(&bounds.list);
                    found.resize(30, (0, 0));
                    for (index, (first, behind)) in found.into_iter().enumerate() {
                        let end = start + step * i64::try_from(index).unwrap() - offset;
                        let expected: Vec<i64> = times
                            .iter()
                            .copied()
                            .filter(|time| *time > end - range - before && *time <= end + after)
                            .collect();
                        assert_eq!(times[first..behind.max(first)], expected, "{times:?} {extent:?} {steps:?} {index}");
                    }
                }
            }
        }
    }

    #[test]
    fn steps_at_the_ends_of_time_are_found() {
        let steps = Steps { start: i64::MAX - 10, step: 7, count: 3 };
        let mut bounds = Bounds::default();
        let extent = Extent { range: i64::MAX, before: 0, after: 0 };
        bounds.find(&[1, i64::MAX], &steps, Anchor { at: None, offset: 0 }, extent);
        assert_eq!(bounds.list, [(0, 1), (0, 1), (0, 2)]);
    }
}
