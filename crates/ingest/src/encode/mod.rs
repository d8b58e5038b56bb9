//! Encoders: points to line protocol, OpenMetrics and JSON lines.
//!
//! Each encoder appends text to a buffer. A point that the format cannot hold is not written; the error says why.
//!
//! | format | holds |
//! |---|---|
//! | [`JsonLines`] | every point, bit for bit |
//! | [`LineProtocol`] | finite floats, integers and bools; names that no backslash ends, tags that are not empty |
//! | [`OpenMetrics`] | `f64` but for the bits of NaN, tags that are not empty; points of a series in time order, no equal times |

mod json_lines;
mod line_protocol;
mod open_metrics;

pub use json_lines::JsonLines;
pub use line_protocol::LineProtocol;
pub use open_metrics::OpenMetrics;

use std::fmt;

/// Why a format cannot hold a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unrepresentable {
    /// NaN or an infinity.
    NotFinite,
    /// A value of a type that the format does not have.
    ValueType,
    /// A tag with an empty value.
    EmptyTag,
    /// A name or a tag that would be read as another text.
    Name,
    /// A time not after that of the point before in its series.
    TimeOrder,
    /// A metric whose points have ended already.
    MetricOrder,
}

impl fmt::Display for Unrepresentable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFinite => "the value is not finite",
            Self::ValueType => "the format has no values of this type",
            Self::EmptyTag => "a tag has an empty value",
            Self::Name => "a name or a tag would be read as another text",
            Self::TimeOrder => "the time is not after that of the point before",
            Self::MetricOrder => "the points of the metric have ended already",
        })
    }
}

impl std::error::Error for Unrepresentable {}

#[cfg(test)]
mod tests;
