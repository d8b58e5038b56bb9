//! The type of the values of a series.

use std::fmt;

/// Type of the values of a series, fixed when the series is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValueType {
    /// 64-bit floating-point number, kept bit for bit, including the payload of NaN and the sign of zero.
    F64 = 1,
    /// 64-bit signed integer.
    I64 = 2,
    /// 64-bit unsigned integer.
    U64 = 3,
    /// `true` or `false`.
    Bool = 4,
}

impl ValueType {
    /// Returns the type that has the number `code` on disk; `None` for an unknown number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::F64, Self::I64, Self::U64, Self::Bool].into_iter().find(|ty| *ty as u8 == code)
    }
}

/// Writes `f64`, `i64`, `u64` or `bool`.
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
