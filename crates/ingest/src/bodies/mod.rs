//! Bodies of requests that are decoded whole: Prometheus remote write and OTLP metrics.
//!
//! The caller decompresses the body first, see [`decompress_body`](crate::decompress_body). A row is one sample or data
//! point; its "line" is the number of its series or metric in the body, from 1.

mod otlp;
mod otlp_json;
mod otlp_names;
mod otlp_proto;
mod remote_write;
mod remote_write_proto;

pub use otlp::{OtlpNames, OtlpOptions, decode_otlp, decode_otlp_json};
pub use remote_write::{RemoteWriteVersion, decode_remote_write};

use timestrata::SeriesKey;

use crate::{IngestError, Limits, RefusedRow, Rows, SeriesNumber};

/// Bits of the NaN that Prometheus writes where a series ends.
pub const STALE_MARKER_BITS: u64 = 0x7ff0_0000_0000_0002;

/// What a body held beside the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BodySummary {
    /// Samples that were pushed.
    pub samples: u64,
    /// Native or exponential histograms, which are refused.
    pub histograms: u64,
    /// Exemplars, which are left out.
    pub exemplars: u64,
}

/// Returns the index of a valid key, or refuses row `number`.
fn intern(rows: &mut Rows, key: &SeriesKey, number: u64, limits: &Limits) -> Result<Option<SeriesNumber>, IngestError> {
    if let Err(error) = key.validate() {
        rows.refuse_row(number, error.to_string());
        return Ok(None);
    }
    let index = rows.intern(key);
    if rows.series_len() > limits.series {
        let message = format!("the body names more than {} series, the limit", limits.series);
        return Err(IngestError::new(message));
    }
    Ok(Some(index))
}

fn refuse(rows: &mut Rows, line: u64, reason: &str) {
    rows.refuse(RefusedRow { line, reason: reason.to_owned(), suggestions: Vec::new() });
}

#[cfg(test)]
mod tests;
