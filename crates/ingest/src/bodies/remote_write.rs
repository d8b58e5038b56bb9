//! Prometheus remote write 1.0 and 2.0.

use prost::Message;
use timestrata::{MetricKind, MetricMetadata, SeriesKey, Timestamp, Value};

use super::remote_write_proto::{RemoteWriteRequest, Request, Sample, TimeSeriesV2};
use super::{BodySummary, intern, refuse};
use crate::{IngestError, Limits, Rows};

/// Label with the name of the metric.
const METRIC_LABEL: &str = "__name__";

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
        let proto = parts.find_map(|part| part.strip_prefix("proto=")).unwrap_or("prometheus.WriteRequest");
        match proto {
            "prometheus.WriteRequest" => Some(Self::V1),
            "io.prometheus.write.v2.Request" => Some(Self::V2),
            _ => None,
        }
    }
}

/// Decodes a body, which has been decompressed, and appends its samples.
///
/// Values are `f64`, bit for bit: a stale marker stays one. A row is a sample; its line is the number of its series in
/// the body. Native histograms are refused and counted, exemplars are left out and counted. Labels with an empty value
/// are no tags.
///
/// # Errors
///
/// If the body is not of the protocol, or names more series than the limit.
pub fn decode_remote_write(
    body: &[u8],
    version: RemoteWriteVersion,
    limits: &Limits,
    rows: &mut Rows,
) -> Result<BodySummary, IngestError> {
    let damaged = |error| IngestError::new(format!("the body is not a remote write request: {error}"));
    match version {
        RemoteWriteVersion::V1 => version_1(RemoteWriteRequest::decode(body).map_err(damaged)?, limits, rows),
        RemoteWriteVersion::V2 => version_2(&Request::decode(body).map_err(damaged)?, limits, rows),
    }
}

fn version_1(request: RemoteWriteRequest, limits: &Limits, rows: &mut Rows) -> Result<BodySummary, IngestError> {
    let mut summary = BodySummary::default();
    for (number, series) in (1..).zip(&request.timeseries) {
        let labels = series.labels.iter().map(|label| (label.name.as_str(), label.value.as_str()));
        let key = series_key(labels);
        summary.exemplars += series.exemplars.len() as u64;
        let counts = (series.histograms.len(), number);
        push_samples(key, &series.samples, counts, limits, rows, &mut summary)?;
    }
    for metadata in request.metadata {
        describe(metadata.family, metadata.kind, metadata.help, metadata.unit, rows);
    }
    Ok(summary)
}

fn version_2(request: &Request, limits: &Limits, rows: &mut Rows) -> Result<BodySummary, IngestError> {
    if request.symbols.first().is_some_and(|symbol| !symbol.is_empty()) {
        return Err(IngestError::new("the first symbol of the request is not empty"));
    }
    let symbol = |reference: u32| request.symbols.get(reference as usize).map(String::as_str);
    let mut summary = BodySummary::default();
    for (number, series) in (1..).zip(&request.timeseries) {
        let Some(labels) = labels(series, symbol) else {
            refuse(rows, number, "a label refers to a symbol that the request does not have");
            continue;
        };
        let key = series_key(labels.into_iter());
        if let (Some(metadata), Ok(key)) = (&series.metadata, &key) {
            let [help, unit] =
                [metadata.help_ref, metadata.unit_ref].map(|at| symbol(at).unwrap_or_default().to_owned());
            describe(key.metric().to_owned(), metadata.kind, help, unit, rows);
        }
        summary.exemplars += series.exemplars.len() as u64;
        push_samples(key, &series.samples, (series.histograms.len(), number), limits, rows, &mut summary)?;
    }
    Ok(summary)
}

fn labels<'a>(series: &TimeSeriesV2, symbol: impl Fn(u32) -> Option<&'a str>) -> Option<Vec<(&'a str, &'a str)>> {
    let (pairs, rest) = series.labels_refs.as_chunks::<2>();
    let labels = pairs.iter().map(|[name, value]| Some((symbol(*name)?, symbol(*value)?))).collect::<Option<_>>()?;
    rest.is_empty().then_some(labels)
}

fn series_key<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Result<SeriesKey, &'static str> {
    let mut metric = None;
    let mut tags = Vec::new();
    for (name, value) in labels {
        if name == METRIC_LABEL && metric.replace(value).is_some() {
            return Err("the label __name__ occurs twice");
        }
        if name != METRIC_LABEL {
            tags.push((name, value));
        }
    }
    let key: SeriesKey = tags.into_iter().collect();
    metric.map(|metric| key.with_metric(metric)).ok_or("the series has no label __name__")
}

/// Pushes the samples of series `number`.
fn push_samples(
    key: Result<SeriesKey, &'static str>,
    samples: &[Sample],
    (histograms, number): (usize, u64),
    limits: &Limits,
    rows: &mut Rows,
    summary: &mut BodySummary,
) -> Result<(), IngestError> {
    let key = match key {
        Ok(key) => key,
        Err(reason) => {
            refuse(rows, number, reason);
            return Ok(());
        }
    };
    if histograms > 0 {
        summary.histograms += histograms as u64;
        refuse(rows, number, "native histograms are not supported");
    }
    if samples.is_empty() {
        return Ok(());
    }
    let Some(series) = intern(rows, &key, number, limits)? else {
        return Ok(());
    };
    for sample in samples {
        match Timestamp::checked_from_millis(sample.timestamp) {
            Some(time) => {
                rows.push(series, time, Value::F64(sample.value));
                rows.end_row(number);
                summary.samples += 1;
            }
            None => refuse(rows, number, "the time is beyond the years 1677 to 2262"),
        }
    }
    Ok(())
}

fn describe(metric: String, kind: i32, help: String, unit: String, rows: &mut Rows) {
    let kind = match kind {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    };
    let metadata = MetricMetadata::new(kind).with_description(help).with_unit(unit);
    if !metadata.is_empty() && !metric.is_empty() && metadata.validate().is_ok() {
        rows.describe(metric, metadata);
    }
}
