//! OTLP metrics.
//!
//! | OTLP | points |
//! |---|---|
//! | gauge, cumulative sum | one `f64`; a whole number becomes the nearest `f64` |
//! | cumulative histogram | `NAME_bucket` with the tag `le`, `NAME_count`, and `NAME_sum` if there is one |
//! | summary | `NAME` with the tag `quantile`, `NAME_count`, `NAME_sum` |
//! | `service.namespace`/`service.name`, `service.instance.id` of the resource | tags `job` and `instance` |
//! | other attributes of the resource | tags of `target_info`, whose value is 1 at the latest time of the resource |
//! | flag `NoRecordedValue` | stale marker, a NaN of the bits [`STALE_MARKER_BITS`](super::STALE_MARKER_BITS) |
//! | name, unit, description | name of the metric, and its metadata |
//! | delta temporality, exponential histograms | refused: `delta-temporality`, `exponential-histogram` |
//! | exemplars | left out and counted |
//!
//! Attributes with an empty value are no tags. Those whose labels are equal are joined with `;` in the order of their
//! keys. The scope, its attributes and start times are left out.

mod attributes;
mod json;
mod messages;
mod names;
mod points;
mod request;

use prost::Message as _;

use self::request::RequestReader;
use super::BodySummary;
use super::body_rows::BodyRows;
use crate::{IngestError, Limits, Rows, SeriesTable};

/// How errors name the protocol.
const PROTOCOL: &str = "an OTLP metrics request";

/// Names of metrics and tags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OtlpNames {
    /// Those of Prometheus: `http_server_duration_seconds` for `http.server.duration` in `s`.
    #[default]
    Prometheus,
    /// As they were sent.
    Unchanged,
}

/// Options of OTLP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtlpOptions {
    /// Names of metrics and tags.
    pub names: OtlpNames,
}

impl OtlpOptions {
    /// Creates options with these names.
    #[must_use]
    pub fn with_names(names: OtlpNames) -> Self {
        Self { names }
    }
}

/// Decodes an `ExportMetricsServiceRequest` in protobuf, and appends its points.
///
/// A row is a data point; its line is the number of its metric in the body. The number of refused data points, which a
/// partial success needs, is `refused.total()` of the summary. The series of the rows are those of the table.
///
/// # Errors
///
/// If the body is no such request. The rows are then as before.
pub fn decode_otlp(
    body: &[u8],
    options: OtlpOptions,
    limits: &Limits,
    table: &SeriesTable,
    rows: &mut Rows,
) -> Result<BodySummary, IngestError> {
    BodyRows::fill(rows, limits, table, PROTOCOL, |out| RequestReader::new(options, out).request(body))
}

/// Decodes an `ExportMetricsServiceRequest` in JSON, as [`decode_otlp`] does.
///
/// Members have the names of the specification, in camel case; others are ignored. 64-bit numbers are strings or
/// numbers, enums are numbers or names.
///
/// # Errors
///
/// If the body is no such request. The rows are then as before.
pub fn decode_otlp_json(
    body: &[u8],
    options: OtlpOptions,
    limits: &Limits,
    table: &SeriesTable,
    rows: &mut Rows,
) -> Result<BodySummary, IngestError> {
    // One reader translates both encodings.
    let request =
        json::parse_request(body).map_err(|error| IngestError::new(format!("the body is not {PROTOCOL}: {error}")))?;
    decode_otlp(&request.encode_to_vec(), options, limits, table, rows)
}

#[cfg(test)]
mod tests;
