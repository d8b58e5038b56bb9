//! Columns: the values of one row at the steps of a query.
//!
//! A column stores the span of steps between its first and its last value. So a series that lives for a hundredth of a
//! query's time takes a hundredth of the memory of one that lives for all of it.
//!
//! ```text
//!   steps    0   1   2   3   4   5   6   7
//!   values           4.  --  6.              first = 2, values = [4., MISSING, 6.]
//! ```

use std::ops::Range;

/// Bits of the staleness marker, which Prometheus writes when a target vanishes.
pub const STALE_BITS: u64 = timestrata::STALE_MARKER_BITS;

/// Missing value of a column: the staleness marker.
///
/// No value of a result has these bits: selectors skip the marker, and it is a signalling NaN, which no arithmetic
/// operation returns. A change of the sign may: see [`present`].
pub(crate) const MISSING: f64 = f64::from_bits(STALE_BITS);

/// Returns `true` for a value that is not missing.
#[inline]
pub(crate) fn is_present(value: f64) -> bool {
    value.to_bits() != STALE_BITS
}

/// Returns a value, or the usual NaN for one with the bits of [`MISSING`]: a sign operation may return them.
#[inline]
pub(crate) fn present(value: f64) -> f64 {
    if is_present(value) { value } else { f64::NAN }
}

/// Two columns that are merged have a value at the same step.
#[derive(Debug)]
pub(crate) struct SameStep;

/// Values at the steps of a query; see the [module](self).
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    /// Step of the first value of `values`.
    first: usize,
    values: Vec<f64>,
}

impl Column {
    /// Creates a column whose values begin at a step. Missing values at both ends are removed.
    pub(crate) fn new(first: usize, mut values: Vec<f64>) -> Self {
        let end = values.iter().rposition(|value| is_present(*value)).map_or(0, |last| last + 1);
        values.truncate(end);
        let skipped = values.iter().position(|value| is_present(*value)).unwrap_or(0);
        values.drain(..skipped);
        if values.len() < values.capacity() / 2 {
            values.shrink_to_fit();
        }
        Self { first: first + skipped, values }
    }

    /// Creates a column of the values at all steps.
    pub(crate) fn dense(values: Vec<f64>) -> Self {
        Self::new(0, values)
    }

    /// Returns the steps between the first and the last value.
    pub(crate) fn span(&self) -> Range<usize> {
        self.first..self.first + self.values.len()
    }

    /// Returns the values at the steps of the [span](Self::span).
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the values at a part of the span.
    pub(crate) fn part(&self, steps: Range<usize>) -> &[f64] {
        let (from, to) = (steps.start.saturating_sub(self.first), steps.end.saturating_sub(self.first));
        self.values.get(from..to).unwrap_or(&[])
    }

    /// Returns the value at a step; [`MISSING`] outside the span.
    pub(crate) fn at(&self, step: usize) -> f64 {
        step.checked_sub(self.first).and_then(|at| self.values.get(at)).copied().unwrap_or(MISSING)
    }

    /// Returns the steps with a value, and the values.
    pub(crate) fn present(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let with_steps = self.values.iter().enumerate().map(|(at, value)| (self.first + at, *value));
        with_steps.filter(|(_, value)| is_present(*value))
    }

    /// Returns the steps with a value, and the values.
    pub(crate) fn present_mut(&mut self) -> impl Iterator<Item = (usize, &mut f64)> + '_ {
        let first = self.first;
        let with_steps = self.values.iter_mut().enumerate().map(move |(at, value)| (first + at, value));
        with_steps.filter(|(_, value)| is_present(**value))
    }

    /// Returns `true` if there is a value at any step.
    pub(crate) fn has_values(&self) -> bool {
        self.values.iter().any(|value| is_present(*value))
    }

    /// Returns the number of values.
    pub(crate) fn count(&self) -> usize {
        self.values.iter().filter(|value| is_present(**value)).count()
    }

    /// Returns the number of cells that setting the value at a step adds.
    pub(crate) fn growth(&self, step: usize) -> usize {
        if self.values.is_empty() {
            return 1;
        }
        let span = self.span();
        span.start.saturating_sub(step) + (step + 1).saturating_sub(span.end)
    }

    /// Sets the value at a step, and extends the span to it.
    pub(crate) fn set(&mut self, step: usize, value: f64) {
        if self.values.is_empty() {
            self.first = step;
        }
        if let Some(missing) = self.first.checked_sub(step) {
            self.values.splice(0..0, std::iter::repeat_n(MISSING, missing));
            self.first = step;
        }
        let at = step - self.first;
        if at >= self.values.len() {
            self.values.resize(at + 1, MISSING);
        }
        if let Some(slot) = self.values.get_mut(at) {
            *slot = value;
        }
    }

    /// Returns `true` if both columns have a value at any step.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        other.present().any(|(step, _)| is_present(self.at(step)))
    }

    /// Adds the values of a column at other steps.
    ///
    /// # Errors
    /// [`SameStep`] if both have a value at one step.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), SameStep> {
        for (step, value) in other.present() {
            if is_present(self.at(step)) {
                return Err(SameStep);
            }
            self.set(step, value);
        }
        Ok(())
    }

    /// Returns the size of the values, in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        self.values.len() * size_of::<f64>()
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the values are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_column_stores_the_span_between_its_first_and_last_value() {
        let mut column = Column::dense(vec![MISSING, MISSING, 4.0, MISSING, 6.0, MISSING]);
        assert_eq!((column.span(), column.values().len(), column.count()), (2..5, 3, 2));
        assert_eq!((column.at(2), column.at(4), column.part(4..5)), (4.0, 6.0, &[6.0][..]));
        assert!(!is_present(column.at(0)) && !is_present(column.at(3)) && !is_present(column.at(9)));
        assert_eq!((column.growth(0), column.growth(3), column.growth(7)), (2, 0, 3));
        column.set(0, 1.0);
        column.set(7, 8.0);
        assert_eq!(column.present().collect::<Vec<_>>(), [(0, 1.0), (2, 4.0), (4, 6.0), (7, 8.0)]);
        let empty = Column::dense(vec![MISSING; 3]);
        assert!(!empty.has_values() && empty.byte_len() == 0 && empty.part(0..3).is_empty());
    }

    #[test]
    fn columns_merge_unless_they_have_a_value_at_one_step() {
        let mut column = Column::new(3, vec![4.0, MISSING, 6.0]);
        column.merge(&Column::new(1, vec![2.0, MISSING, MISSING, 5.0])).unwrap();
        assert_eq!(column.present().collect::<Vec<_>>(), [(1, 2.0), (3, 4.0), (4, 5.0), (5, 6.0)]);
        assert!(column.merge(&Column::new(5, vec![0.0])).is_err());
    }

    #[test]
    fn no_operation_returns_the_marker_of_a_missing_value() {
        let quiet = [MISSING + 0.0, MISSING * 2.0, MISSING - MISSING, MISSING / 3.0];
        assert!(quiet.iter().all(|value| is_present(*value) && value.is_nan()));
    }
}
