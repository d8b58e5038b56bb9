//! Prometheus remote write 1.0 and 2.0.
//!
//! | message | points |
//! |---|---|
//! | sample | one `f64`, bit for bit; a stale marker stays one; a start timestamp is left out |
//! | native histogram | refused: `native-histogram` |
//! | exemplar | left out and counted |
//! | metadata | kind, unit and description of the metric |
//!
//! A label with an empty value is no tag. Labels need not be sorted, since senders of the compliance suite do not sort
//! them either. The other rules of the specifications refuse a series: a metric name, no label without a name, no label
//! twice, references to symbols that exist. Symbols that do not begin with an empty one refuse the request.

mod labels;
#[cfg(test)]
pub(super) mod messages;
mod samples;
mod v1;
mod v2;

use timestrata::MetricKind;

use super::BodySummary;
use super::body_rows::BodyRows;
use crate::{IngestError, Limits, Rows, SeriesTable};

/// Version of the protocol, from the content type of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemoteWriteVersion {
    /// `application/x-protobuf`, with `proto=prometheus.WriteRequest` or without.
    V1,
    /// `application/x-protobuf;proto=io.prometheus.write.v2.Request`.
    V2,
}

impl RemoteWriteVersion {
    /// Returns the version of a content type; `None` for another one, which is answered with 415.
    #[must_use]
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
            return None;
        }
        let proto = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"'))
        });
        match proto {
            None | Some("prometheus.WriteRequest") => Some(Self::V1),
            Some("io.prometheus.write.v2.Request") => Some(Self::V2),
            Some(_) => None,
        }
    }
}

/// Decodes a body, which has been decompressed, and appends its samples.
///
/// A row is a sample; its line is the number of its series in the body. The series of the rows are those of the table,
/// which makes known ones fast; each series of a body has a number of its own.
///
/// # Errors
///
/// If the body is not of the protocol. The rows are then as before.
pub fn decode_remote_write(
    body: &[u8],
    version: RemoteWriteVersion,
    limits: &Limits,
    table: &SeriesTable,
    rows: &mut Rows,
) -> Result<BodySummary, IngestError> {
    const PROTOCOL: &str = "a remote write request";
    match version {
        RemoteWriteVersion::V1 => BodyRows::fill(rows, limits, table, PROTOCOL, |out| v1::decode(body, out)),
        RemoteWriteVersion::V2 => BodyRows::fill(rows, limits, table, PROTOCOL, |out| v2::decode(body, out)),
    }
}

/// Returns the kind of a number, which both versions use.
fn metric_kind(number: u64) -> MetricKind {
    match number {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    }
}

#[cfg(test)]
mod compliance_tests;
#[cfg(test)]
mod tests;
