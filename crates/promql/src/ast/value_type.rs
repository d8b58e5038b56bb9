//! Types of values.

use std::fmt;

/// The type of an expression's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// One sample of each series.
    Vector,
    /// The samples of each series in a range of time.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// Returns the name in Prometheus' JSON: `scalar`, `vector`, `matrix` or `string`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        }
    }

    /// Returns the name in messages: `instant vector` and `range vector` for vectors and matrices.
    #[must_use]
    pub const fn documented_name(self) -> &'static str {
        match self {
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            _ => self.name(),
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
