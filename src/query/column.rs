//! Columns of a result: values of one type as a vector, and a bitmap of the values that are missing.

use std::fmt;

use super::aggregate::ColumnType;
#[cfg(feature = "serde")]
use crate::types::point::Scalar;
use crate::types::point::{Timestamp, Value};

/// Values of one aggregate for the windows of one row, all of one type.
///
/// A column takes 8 bytes for each value (1 for booleans), and one more bit for each window if a value is missing.
/// The slices of [`as_f64`](Self::as_f64) and the like have an entry for each window: 0, `false` or
/// [`Timestamp::UNIX_EPOCH`] where the value is missing. A column can be collected from values, and compared with an
/// array or a vector of them.
///
/// ```
/// use timestrata::{Column, Value};
///
/// let column: Column = [Some(Value::F64(1.5)), None].into_iter().collect();
/// assert_eq!(column.as_f64(), Some(&[1.5, 0.0][..]));
/// assert_eq!((column.get(0), column.get(1)), (Some(Value::F64(1.5)), None));
/// assert_eq!((column.missing(), column.as_i64()), (1, None));
/// ```
#[derive(Clone)]
pub struct Column {
    values: ColumnValues,
    missing: Bitmap,
}

/// The values of a [`Column`] as a vector of their type; see [`Column::values`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ColumnValues {
    /// Floating-point numbers.
    F64(Vec<f64>),
    /// Signed integers.
    I64(Vec<i64>),
    /// Unsigned integers.
    U64(Vec<u64>),
    /// Booleans.
    Bool(Vec<bool>),
    /// Times, of [`Aggregate::FirstTime`](crate::Aggregate::FirstTime) and
    /// [`Aggregate::LastTime`](crate::Aggregate::LastTime).
    Timestamp(Vec<Timestamp>),
}

/// Evaluates an expression with the vector of a column, whatever its type.
macro_rules! with_vector {
    ($values:expr, $vector:ident => $result:expr) => {
        match $values {
            ColumnValues::F64($vector) => $result,
            ColumnValues::I64($vector) => $result,
            ColumnValues::U64($vector) => $result,
            ColumnValues::Bool($vector) => $result,
            ColumnValues::Timestamp($vector) => $result,
        }
    };
}

impl ColumnValues {
    fn of_type(ty: ColumnType) -> Self {
        match ty {
            ColumnType::F64 => Self::F64(Vec::new()),
            ColumnType::I64 => Self::I64(Vec::new()),
            ColumnType::U64 => Self::U64(Vec::new()),
            ColumnType::Bool => Self::Bool(Vec::new()),
            ColumnType::Timestamp => Self::Timestamp(Vec::new()),
        }
    }
}

/// Set of indices; an index beyond its words is not in the set.
#[derive(Debug, Clone, Default)]
struct Bitmap(Vec<u64>);

impl Bitmap {
    fn set(&mut self, at: usize) {
        let word = at / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (at % 64);
        }
    }

    fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Removes the indices from `len` on.
    fn truncate(&mut self, len: usize) {
        self.0.truncate(len.div_ceil(64));
        if let Some(word) = self.0.get_mut(len / 64) {
            *word &= (1 << (len % 64)) - 1;
        }
    }
}

impl Column {
    pub(super) fn of_type(ty: ColumnType) -> Self {
        Self { values: ColumnValues::of_type(ty), missing: Bitmap::default() }
    }

    /// Returns the values as a vector of their type, with a default where a value is missing.
    #[must_use]
    pub fn values(&self) -> &ColumnValues {
        &self.values
    }

    /// Returns the values if they are `f64`.
    #[must_use]
    pub fn as_f64(&self) -> Option<&[f64]> {
        if let ColumnValues::F64(values) = &self.values { Some(values) } else { None }
    }

    /// Returns the values if they are `i64`.
    #[must_use]
    pub fn as_i64(&self) -> Option<&[i64]> {
        if let ColumnValues::I64(values) = &self.values { Some(values) } else { None }
    }

    /// Returns the values if they are `u64`.
    #[must_use]
    pub fn as_u64(&self) -> Option<&[u64]> {
        if let ColumnValues::U64(values) = &self.values { Some(values) } else { None }
    }

    /// Returns the values if they are `bool`.
    #[must_use]
    pub fn as_bool(&self) -> Option<&[bool]> {
        if let ColumnValues::Bool(values) = &self.values { Some(values) } else { None }
    }

    /// Returns the values if they are times.
    #[must_use]
    pub fn as_timestamps(&self) -> Option<&[Timestamp]> {
        if let ColumnValues::Timestamp(values) = &self.values { Some(values) } else { None }
    }

    /// Returns the number of values, including those that are missing.
    #[must_use]
    pub fn len(&self) -> usize {
        with_vector!(&self.values, values => values.len())
    }

    /// Returns `true` if there are no values, not even missing ones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of values that are missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.missing.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns `true` if there is a value at an index, counted from 0.
    #[must_use]
    pub fn has_value(&self, at: usize) -> bool {
        at < self.len() && !self.missing.contains(at)
    }

    /// Returns the value at an index, counted from 0; `None` if it is missing or beyond the end.
    ///
    /// A time is returned as its nanoseconds since 1970, a [`Value::I64`].
    #[must_use]
    #[inline]
    pub fn get(&self, at: usize) -> Option<Value> {
        if self.missing.contains(at) {
            return None;
        }
        match &self.values {
            ColumnValues::F64(values) => values.get(at).copied().map(Value::F64),
            ColumnValues::I64(values) => values.get(at).copied().map(Value::I64),
            ColumnValues::U64(values) => values.get(at).copied().map(Value::U64),
            ColumnValues::Bool(values) => values.get(at).copied().map(Value::Bool),
            ColumnValues::Timestamp(values) => values.get(at).map(|time| Value::I64(time.as_nanos())),
        }
    }

    /// Returns the values in the order of the windows; `None` where a value is missing.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Option<Value>> + ExactSizeIterator + '_ {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Returns the text of a value for a table: `-` if it is missing, a time as in RFC 3339.
    pub(super) fn text_at(&self, at: usize) -> String {
        match (self.as_timestamps(), self.get(at)) {
            (_, None) => "-".to_owned(),
            (Some(times), _) => times.get(at).map(ToString::to_string).unwrap_or_default(),
            (None, Some(value)) => value.to_string(),
        }
    }

    pub(super) fn column_type(&self) -> ColumnType {
        match &self.values {
            ColumnValues::F64(_) => ColumnType::F64,
            ColumnValues::I64(_) => ColumnType::I64,
            ColumnValues::U64(_) => ColumnType::U64,
            ColumnValues::Bool(_) => ColumnType::Bool,
            ColumnValues::Timestamp(_) => ColumnType::Timestamp,
        }
    }

    /// Adds a value. A value of another type is converted if the column is `f64`, otherwise it is missing.
    ///
    /// Returns `false` for a value that the type of the column cannot represent.
    #[inline]
    pub(super) fn push(&mut self, value: Option<Value>) -> bool {
        let Some(value) = value else {
            self.push_missing();
            return true;
        };
        match (&mut self.values, value) {
            (ColumnValues::F64(values), value) => values.push(value.as_f64()),
            (ColumnValues::I64(values), Value::I64(value)) => values.push(value),
            (ColumnValues::U64(values), Value::U64(value)) => values.push(value),
            (ColumnValues::Bool(values), Value::Bool(value)) => values.push(value),
            (ColumnValues::Timestamp(values), Value::I64(nanos)) => values.push(Timestamp::from_nanos(nanos)),
            _ => {
                self.push_missing();
                return false;
            }
        }
        true
    }

    /// Returns the vector of a column of doubles, to append values.
    pub(super) fn as_mut_f64(&mut self) -> Option<&mut Vec<f64>> {
        if let ColumnValues::F64(values) = &mut self.values { Some(values) } else { None }
    }

    fn push_missing(&mut self) {
        self.missing.set(self.len());
        match &mut self.values {
            ColumnValues::F64(values) => values.push(0.0),
            ColumnValues::I64(values) => values.push(0),
            ColumnValues::U64(values) => values.push(0),
            ColumnValues::Bool(values) => values.push(false),
            ColumnValues::Timestamp(values) => values.push(Timestamp::UNIX_EPOCH),
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        with_vector!(&mut self.values, values => values.truncate(len));
        self.missing.truncate(len);
    }

    /// Keeps `limit` values after the first `offset`, counted from the end if `reversed`.
    pub(super) fn slice(&mut self, reversed: bool, offset: usize, limit: Option<usize>) {
        let is_whole = self.missing.0.is_empty();
        let mut present: Vec<bool> =
            if is_whole { Vec::new() } else { (0..self.len()).map(|at| !self.missing.contains(at)).collect() };
        with_vector!(&mut self.values, values => slice_vector(values, reversed, offset, limit));
        slice_vector(&mut present, reversed, offset, limit);
        self.missing = Bitmap::default();
        present.iter().enumerate().filter(|(_, is_present)| !**is_present).for_each(|(at, _)| self.missing.set(at));
    }

    pub(super) fn to_f64(&self) -> Self {
        let mut column = Self::of_type(ColumnType::F64);
        self.iter().for_each(|value| {
            column.push(value);
        });
        column
    }

    pub(super) fn byte_len(&self) -> usize {
        let width = |bytes: usize, values: usize| bytes * values;
        let values = match &self.values {
            ColumnValues::F64(values) => width(8, values.capacity()),
            ColumnValues::I64(values) => width(8, values.capacity()),
            ColumnValues::U64(values) => width(8, values.capacity()),
            ColumnValues::Bool(values) => values.capacity(),
            ColumnValues::Timestamp(values) => width(size_of::<Timestamp>(), values.capacity()),
        };
        values + width(8, self.missing.0.capacity())
    }
}

/// Keeps `limit` items after the first `offset`, counted from the end if `reversed`.
pub(super) fn slice_vector<T>(items: &mut Vec<T>, reversed: bool, offset: usize, limit: Option<usize>) {
    if reversed {
        items.reverse();
    }
    items.drain(..offset.min(items.len()));
    items.truncate(limit.unwrap_or(usize::MAX));
}

/// Writes the values as a list.
impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Compares types and values, missing values included; NaN differs from NaN.
impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.column_type() == other.column_type() && self.iter().eq(other.iter())
    }
}

impl<const N: usize> PartialEq<[Option<Value>; N]> for Column {
    fn eq(&self, other: &[Option<Value>; N]) -> bool {
        self.iter().eq(other.iter().copied())
    }
}

impl PartialEq<Vec<Option<Value>>> for Column {
    fn eq(&self, other: &Vec<Option<Value>>) -> bool {
        self.iter().eq(other.iter().copied())
    }
}

/// Collects values of one type; values of several types, or none at all, become `f64`.
impl FromIterator<Option<Value>> for Column {
    fn from_iter<I: IntoIterator<Item = Option<Value>>>(values: I) -> Self {
        let values: Vec<Option<Value>> = values.into_iter().collect();
        let mut types = values.iter().flatten().map(|value| value.value_type());
        let first = types.next();
        let ty = first.filter(|first| types.all(|ty| ty == *first)).map_or(ColumnType::F64, ColumnType::from);
        let mut column = Self::of_type(ty);
        for value in values {
            column.push(value);
        }
        column
    }
}

#[cfg(any(test, feature = "serde"))]
impl Column {
    /// Collects values of one type.
    #[cfg(feature = "serde")]
    pub(crate) fn from_options<T: Scalar>(values: impl IntoIterator<Item = Option<T>>) -> Self {
        let mut column = Self::of_type(T::TYPE.into());
        for value in values {
            column.push(value.map(Into::into));
        }
        column
    }

    pub(crate) fn from_times(times: impl IntoIterator<Item = Option<Timestamp>>) -> Self {
        let mut column = Self::of_type(ColumnType::Timestamp);
        for time in times {
            column.push(time.map(|time| Value::I64(time.as_nanos())));
        }
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_are_kept_through_every_change() {
        let values: Vec<Option<Value>> = (0..200_u64).map(|n| (n % 3 > 0).then_some(Value::U64(n))).collect();
        let column: Column = values.iter().copied().collect();
        assert_eq!(column, values);
        assert_eq!((column.len(), column.missing(), column.column_type()), (200, 67, ColumnType::U64));
        for (reversed, offset, limit) in
            [(false, 0, None), (true, 5, Some(100)), (false, 150, Some(9)), (true, 300, None)]
        {
            let (mut sliced, mut expected) = (column.clone(), values.clone());
            sliced.slice(reversed, offset, limit);
            slice_vector(&mut expected, reversed, offset, limit);
            assert_eq!(sliced, expected, "{reversed} {offset} {limit:?}");
        }
        for len in [0, 1, 63, 64, 65, 128, 199, 200] {
            let mut cut = column.clone();
            cut.truncate(len);
            assert_eq!(cut, values[..len].to_vec());
            // No bit of a removed value is left.
            cut.push(Some(Value::U64(7)));
            assert_eq!(cut.get(len), Some(Value::U64(7)));
        }
        assert_eq!(column.to_f64().get(1), Some(Value::F64(1.0)));
        assert_eq!(column.to_f64().missing(), 67);
    }

    #[test]
    fn a_column_refuses_what_its_type_does_not_hold() {
        let mut sums = Column::of_type(ColumnType::I64);
        assert!(sums.push(Some(Value::I64(1))) && !sums.push(Some(Value::F64(1e30))) && sums.push(None));
        assert_eq!(sums, [Some(Value::I64(1)), None, None]);
        let mixed: Column = [Some(Value::I64(1)), Some(Value::Bool(true))].into_iter().collect();
        assert_eq!(mixed.as_f64(), Some(&[1.0, 1.0][..]));
        let times = Column::from_times([Some(Timestamp::from_secs(1)), None]);
        assert_eq!(
            (times.text_at(0), times.get(0)),
            ("1970-01-01T00:00:01Z".to_owned(), Some(Value::I64(1_000_000_000)))
        );
        assert!(Column::from_iter([]).is_empty() && times.has_value(0) && !times.has_value(1));
    }
}
