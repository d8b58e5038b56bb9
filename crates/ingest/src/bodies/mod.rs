//! Bodies of requests that are decoded whole: Prometheus remote write and OTLP metrics.
//!
//! The caller decompresses the body first, see [`decompress_body`](crate::decompress_body). A row is one sample or data
//! point; its "line" is the number of its series or metric in the body, from 1. What is refused does not keep the rest
//! of the body from being taken; only a body that is not of the protocol is an error, and then nothing of it is taken.

mod body_rows;
mod otlp;
mod remote_write;
mod wire;

pub use otlp::{OtlpNames, OtlpOptions, decode_otlp, decode_otlp_json};
pub use remote_write::{RemoteWriteVersion, decode_remote_write};

use crate::RefusalCounts;

/// Bits of the NaN that Prometheus writes where a series ends.
pub const STALE_MARKER_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Refused rows that a body returns with a sentence; the others are only counted.
pub const MAX_REFUSED_ROWS: usize = 100;

/// What a body held beside the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BodySummary {
    /// Points that were pushed. A data point of a histogram or a summary has several.
    pub samples: u64,
    /// Native or exponential histograms, which are refused.
    pub histograms: u64,
    /// Exemplars, which are left out.
    pub exemplars: u64,
    /// Metadata that the database cannot hold, which is left out: of a wrong size, or with control characters.
    pub metadata: u64,
    /// Number of points of a body that has more than [`Limits::points`](crate::Limits::points), else 0. Then the rows are as
    /// before.
    pub points_beyond_limit: u64,
    /// Samples or data points that were refused, histograms among them; a refused series without one counts as one.
    pub refused: RefusalCounts,
}
