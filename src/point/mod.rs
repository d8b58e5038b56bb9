//! Points and what they are made of: timestamps, values, and batches of both.
//! Values travel through the engine as 64 bits beside their series' type.

mod batch;
mod guard;
mod timestamp;

use std::fmt;

pub(crate) use batch::Target;
pub use batch::{Batch, MAX_BATCH_BYTES, MAX_BATCH_POINTS};
pub(crate) use guard::Guard;
pub use guard::{RefusedFor, RefusedPoint};
pub use timestamp::Timestamp;

use crate::series::SeriesId;

/// One value of one series at one time.
///
/// Two points of one series may bear the same timestamp: both are kept, in the order in which they arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<T> {
    /// When it was measured.
    pub timestamp: Timestamp,
    /// What was measured.
    pub value: T,
}

/// The type of a series' values, given when the series is made and kept for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValueType {
    /// 64-bit floating point, kept bit for bit (NaN payloads and -0.0 included).
    F64 = 1,
    /// 64-bit signed integer.
    I64 = 2,
    /// 64-bit unsigned integer.
    U64 = 3,
    /// True or false.
    Bool = 4,
}

impl ValueType {
    /// The type whose number on disk is `code`.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::F64, Self::I64, Self::U64, Self::Bool].into_iter().find(|ty| *ty as u8 == code)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F64 => "f64",
            Self::I64 => "i64",
            Self::U64 => "u64",
            Self::Bool => "bool",
        })
    }
}

/// A value together with its type.
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
    /// The value's type.
    #[must_use]
    pub fn value_type(self) -> ValueType {
        match self {
            Self::F64(_) => ValueType::F64,
            Self::I64(_) => ValueType::I64,
            Self::U64(_) => ValueType::U64,
            Self::Bool(_) => ValueType::Bool,
        }
    }

    /// The value as the nearest `f64`; `true` is 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is what the name promises")]
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

/// A number as its shortest text that reads back the same; a boolean as `true` or `false`.
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

/// A Rust type that a series can hold: `f64`, `i64`, `u64` or `bool`.
pub trait Sample: sealed::Sealed + Copy + Send + Sync + fmt::Debug + PartialEq + Into<Value> + 'static {
    /// The type as the database names it.
    const TYPE: ValueType;

    #[doc(hidden)]
    fn to_bits(self) -> u64;

    #[doc(hidden)]
    fn from_bits(bits: u64) -> Self;
}

macro_rules! sample {
    ($($ty:ty, $variant:ident, $value:ident => $to:expr, $bits:ident => $from:expr;)*) => {$(
        impl Sample for $ty {
            const TYPE: ValueType = ValueType::$variant;
            fn to_bits(self) -> u64 { let $value = self; $to }
            fn from_bits($bits: u64) -> Self { $from }
        }
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self { Self::$variant(value) }
        }
    )*};
}

sample! {
    f64, F64, value => f64::to_bits(value), bits => f64::from_bits(bits);
    i64, I64, value => value.cast_unsigned(), bits => bits.cast_signed();
    u64, U64, value => value, bits => bits;
    bool, Bool, value => u64::from(value), bits => bits != 0;
}

/// The points of one batch as columns, in order of arrival: what the WAL writes and the memtable takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PointColumns<'a> {
    pub(crate) series: &'a [SeriesId],
    pub(crate) timestamps: &'a [i64],
    pub(crate) bits: &'a [u64],
}

impl PointColumns<'_> {
    pub(crate) fn len(&self) -> usize {
        debug_assert!(self.series.len() == self.timestamps.len() && self.series.len() == self.bits.len());
        self.series.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeriesId, i64, u64)> {
        self.series
            .iter()
            .zip(self.timestamps)
            .zip(self.bits)
            .map(|((series, timestamp), bits)| (*series, *timestamp, *bits))
    }
}
