//! Values of points and their types: `f64`, `i64`, `u64` and `bool`.
//! Inside the engine a value is stored as 64 bits; its type is the value type of its series.

use std::fmt;

use crate::types::error::Error;
use crate::types::value_type::ValueType;

/// Bits of a stale marker: the NaN that Prometheus writes when a series ends.
///
/// The store keeps the bits, and [`Snapshot::scan`](crate::Snapshot::scan), [`Query::points`](crate::Query::points) and
/// [`Snapshot::scan_series`](crate::Snapshot::scan_series) return them. Windows and aggregates of a
/// [`Query`](crate::Query) skip stale markers and count them in
/// [`Windows::stale_markers`](crate::Windows::stale_markers). Any other NaN is a value.
///
/// ```
/// assert!(f64::from_bits(timestrata::STALE_MARKER_BITS).is_nan());
/// ```
pub const STALE_MARKER_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Value of any type that a series can hold; the type is known only at run time.
///
/// The types of [`Scalar`] convert to a `Value` by [`From`], and back by [`TryFrom`]. The conversion back fails with
/// [`Error::ValueTypeMismatch`] for a value of another type. [`as_f64`](Self::as_f64) converts any value.
///
/// ```
/// use timestrata::Value;
///
/// let value = Value::from(42_u64);
/// assert_eq!(u64::try_from(value)?, 42);
/// assert!(i64::try_from(value).is_err());
/// assert_eq!(value.as_f64(), 42.0);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// See [`ValueType::F64`].
    F64(f64),
    /// See [`ValueType::I64`].
    I64(i64),
    /// See [`ValueType::U64`].
    U64(u64),
    /// See [`ValueType::Bool`].
    Bool(bool),
}

impl Value {
    /// Returns the type of the value.
    #[must_use]
    pub fn value_type(self) -> ValueType {
        match self {
            Self::F64(_) => ValueType::F64,
            Self::I64(_) => ValueType::I64,
            Self::U64(_) => ValueType::U64,
            Self::Bool(_) => ValueType::Bool,
        }
    }

    /// Returns the value as the nearest `f64`; `true` is 1 and `false` is 0.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is the documented result")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::F64(value) => value,
            Self::I64(value) => value as f64,
            Self::U64(value) => value as f64,
            Self::Bool(value) => f64::from(u8::from(value)),
        }
    }

    pub(crate) fn to_bits(self) -> u64 {
        match self {
            Self::F64(value) => value.to_bits(),
            Self::I64(value) => value.cast_unsigned(),
            Self::U64(value) => value,
            Self::Bool(value) => u64::from(value),
        }
    }

    pub(crate) fn from_bits(ty: ValueType, bits: u64) -> Self {
        match ty {
            ValueType::F64 => Self::F64(f64::from_bits(bits)),
            ValueType::I64 => Self::I64(bits.cast_signed()),
            ValueType::U64 => Self::U64(bits),
            ValueType::Bool => Self::Bool(bits != 0),
        }
    }
}

/// Writes a number in decimal digits without an exponent, or a boolean as `true` or `false`.
///
/// A number has the fewest significant digits that identify it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F64(value) => fmt::Display::fmt(value, f),
            Self::I64(value) => fmt::Display::fmt(value, f),
            Self::U64(value) => fmt::Display::fmt(value, f),
            Self::Bool(value) => fmt::Display::fmt(value, f),
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for i64 {}
    impl Sealed for u64 {}
    impl Sealed for bool {}
}

/// Rust type that a series can hold: `f64`, `i64`, `u64` or `bool`.
///
/// The trait is sealed: no other type can implement it.
pub trait Scalar:
    sealed::Sealed + Copy + Send + Sync + fmt::Debug + PartialEq + Into<Value> + TryFrom<Value, Error = Error> + 'static
{
    /// Value type of a series of this Rust type.
    const TYPE: ValueType;

    #[doc(hidden)]
    fn to_bits(self) -> u64;

    #[doc(hidden)]
    fn from_bits(bits: u64) -> Self;
}

macro_rules! impl_scalar {
    ($($ty:ty, $variant:ident, $value:ident => $to:expr, $bits:ident => $from:expr;)*) => {$(
        impl Scalar for $ty {
            const TYPE: ValueType = ValueType::$variant;
            fn to_bits(self) -> u64 { let $value = self; $to }
            fn from_bits($bits: u64) -> Self { $from }
        }

        impl From<$ty> for Value {
            fn from(value: $ty) -> Self { Self::$variant(value) }
        }

        /// Fails with [`Error::ValueTypeMismatch`] for a value of another type.
        impl TryFrom<Value> for $ty {
            type Error = Error;

            fn try_from(value: Value) -> Result<Self, Error> {
                match value {
                    Value::$variant(value) => Ok(value),
                    other => Err(Error::ValueTypeMismatch { expected: Self::TYPE, found: other.value_type() }),
                }
            }
        }
    )*};
}

impl_scalar! {
    f64, F64, value => f64::to_bits(value), bits => f64::from_bits(bits);
    i64, I64, value => value.cast_unsigned(), bits => bits.cast_signed();
    u64, U64, value => value, bits => bits;
    bool, Bool, value => u64::from(value), bits => bits != 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_converts_to_its_own_type_only() {
        let values = [Value::F64(1.5), Value::I64(-1), Value::U64(1), Value::Bool(true)];
        for value in values {
            let found = value.value_type();
            let results = [
                f64::try_from(value).map(Value::from),
                i64::try_from(value).map(Value::from),
                u64::try_from(value).map(Value::from),
                bool::try_from(value).map(Value::from),
            ];
            for (ty, result) in
                [ValueType::F64, ValueType::I64, ValueType::U64, ValueType::Bool].into_iter().zip(results)
            {
                match result {
                    Ok(converted) => assert!(ty == found && converted == value),
                    Err(Error::ValueTypeMismatch { expected, found: actual, .. }) => {
                        assert!(ty != found && expected == ty && actual == found);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}
