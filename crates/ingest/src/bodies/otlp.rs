//! OTLP metrics.
//!
//! | OTLP | points |
//! |---|---|
//! | gauge, cumulative sum | one `f64`; a whole number becomes the nearest `f64` |
//! | cumulative histogram | `NAME_bucket` with the tag `le`, `NAME_count`, and `NAME_sum` if there is one |
//! | summary | `NAME` with the tag `quantile`, `NAME_count`, `NAME_sum` |
//! | `service.namespace`/`service.name`, `service.instance.id` of the resource | tags `job` and `instance` |
//! | other attributes of the resource | tags of `target_info`, whose value is 1 |
//! | flag `NoRecordedValue` | stale marker, a NaN of the bits [`STALE_MARKER_BITS`](super::STALE_MARKER_BITS) |
//! | delta temporality, exponential histograms | refused |

use std::collections::BTreeMap;

use prost::Message;
use timestrata::{MetricKind, MetricMetadata, SeriesKey, Timestamp, Value};

use super::otlp_names::{NamedKind, label_name, metric_name};
use super::otlp_proto::{
    AnyValue, AttributeValue, Data, HistogramPoint, KeyValue, Metric, MetricsRequest, Number, NumberPoint,
    ResourceMetrics, SummaryPoint,
};
use super::{BodySummary, STALE_MARKER_BITS, intern, otlp_json, refuse};
use crate::{IngestError, Limits, Rows};

/// Value of `AggregationTemporality` for cumulative values.
const CUMULATIVE: i32 = 2;
/// Flag of a point that says that a series has no value any more.
const NO_RECORDED_VALUE: u32 = 1;

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
/// A row is a data point; its line is the number of its metric in the body.
///
/// # Errors
///
/// If the body is no such request, or names more series than the limit.
pub fn decode_otlp(
    body: &[u8],
    options: OtlpOptions,
    limits: &Limits,
    rows: &mut Rows,
) -> Result<BodySummary, IngestError> {
    let request = MetricsRequest::decode(body)
        .map_err(|error| IngestError::new(format!("the body is not an OTLP metrics request: {error}")))?;
    decode_request(request, options, limits, rows)
}

/// Decodes an `ExportMetricsServiceRequest` in JSON, as [`decode_otlp`] does.
///
/// # Errors
///
/// If the body is no such request, or names more series than the limit.
pub fn decode_otlp_json(
    body: &[u8],
    options: OtlpOptions,
    limits: &Limits,
    rows: &mut Rows,
) -> Result<BodySummary, IngestError> {
    let request = otlp_json::parse_request(body)
        .map_err(|error| IngestError::new(format!("the body is not an OTLP metrics request: {error}")))?;
    decode_request(request, options, limits, rows)
}

fn decode_request(
    request: MetricsRequest,
    options: OtlpOptions,
    limits: &Limits,
    rows: &mut Rows,
) -> Result<BodySummary, IngestError> {
    let mut decoder = RequestReader {
        options,
        limits,
        rows,
        number: 0,
        summary: BodySummary::default(),
        resource: Vec::new(),
        latest: 0,
    };
    for resource in request.resource_metrics {
        decoder.resource(resource)?;
    }
    Ok(decoder.summary)
}

struct RequestReader<'a> {
    options: OtlpOptions,
    limits: &'a Limits,
    rows: &'a mut Rows,
    /// Number of the current metric.
    number: u64,
    summary: BodySummary,
    /// Tags `job` and `instance` of the current resource.
    resource: Vec<(&'static str, String)>,
    /// Latest time of the current resource.
    latest: u64,
}

/// Data point as series of a suffix and an additional tag, each with a value.
struct Part {
    suffix: &'static str,
    tag: Option<(&'static str, String)>,
    value: f64,
}

impl Part {
    fn new(suffix: &'static str, value: f64) -> Self {
        Self { suffix, tag: None, value }
    }
}

impl RequestReader<'_> {
    fn resource(&mut self, metrics: ResourceMetrics) -> Result<(), IngestError> {
        let attributes = metrics.resource.unwrap_or_default().attributes;
        let find = |key: &str| {
            attributes.iter().find(|attribute| attribute.key == key).map(|found| text_of(found.value.as_ref()))
        };
        self.resource.clear();
        if let Some(name) = find("service.name") {
            let job = find("service.namespace").map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"));
            self.resource.push(("job", job));
        }
        if let Some(instance) = find("service.instance.id") {
            self.resource.push(("instance", instance));
        }
        self.latest = 0;
        for metric in metrics.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            self.number += 1;
            self.metric(metric)?;
        }
        let others: Vec<KeyValue> = attributes
            .into_iter()
            .filter(|attribute| {
                !matches!(attribute.key.as_str(), "service.name" | "service.namespace" | "service.instance.id")
            })
            .collect();
        if self.latest > 0 && !others.is_empty() && !self.resource.is_empty() {
            let time = self.latest;
            self.point("target_info", &others, time, [Part::new("", 1.0)])?;
        }
        Ok(())
    }

    fn metric(&mut self, metric: Metric) -> Result<(), IngestError> {
        let Metric { name, description, unit, data } = metric;
        let Some(data) = data else {
            return Ok(());
        };
        let (kind, named) = match &data {
            Data::Gauge(_) => (MetricKind::Gauge, NamedKind::Gauge),
            Data::Sum(sum) if sum.is_monotonic => (MetricKind::Counter, NamedKind::MonotonicSum),
            Data::Sum(_) => (MetricKind::Gauge, NamedKind::Other),
            Data::Histogram(_) | Data::ExponentialHistogram(_) => (MetricKind::Histogram, NamedKind::Other),
            Data::Summary(_) => (MetricKind::Summary, NamedKind::Other),
        };
        let name = match self.options.names {
            OtlpNames::Prometheus => metric_name(&name, &unit, named),
            OtlpNames::Unchanged => name,
        };
        let temporality = match &data {
            Data::Sum(sum) => sum.temporality,
            Data::Histogram(histogram) => histogram.temporality,
            _ => CUMULATIVE,
        };
        if temporality != CUMULATIVE {
            let reason = format!("{name}: delta temporality is not supported: choose cumulative in the exporter");
            refuse(self.rows, self.number, &reason);
            return Ok(());
        }
        let metadata = MetricMetadata::new(kind).with_unit(unit).with_description(description);
        if metadata.validate().is_ok() && !name.is_empty() {
            self.rows.describe(name.clone(), metadata);
        }
        match data {
            Data::Gauge(gauge) => self.numbers(&name, gauge.data_points),
            Data::Sum(sum) => self.numbers(&name, sum.data_points),
            Data::Histogram(histogram) => {
                histogram.data_points.iter().try_for_each(|point| self.histogram(&name, point))
            }
            Data::Summary(summary) => summary.data_points.iter().try_for_each(|point| self.summary(&name, point)),
            Data::ExponentialHistogram(histogram) => {
                self.summary.histograms += histogram.data_points.len() as u64;
                let reason = format!(
                    "{name}: exponential histograms are not supported: choose explicit buckets in the exporter"
                );
                refuse(self.rows, self.number, &reason);
                Ok(())
            }
        }
    }

    fn numbers(&mut self, name: &str, points: Vec<NumberPoint>) -> Result<(), IngestError> {
        for point in points {
            self.summary.exemplars += point.exemplars.len() as u64;
            let value = match point.value {
                _ if point.flags & NO_RECORDED_VALUE != 0 => f64::from_bits(STALE_MARKER_BITS),
                Some(Number::Double(value)) => value,
                #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is the documented result")]
                Some(Number::Int(value)) => value as f64,
                None => {
                    refuse(self.rows, self.number, &format!("{name}: a point has no value"));
                    continue;
                }
            };
            self.point(name, &point.attributes, point.time, [Part::new("", value)])?;
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "counts become the nearest f64, as in Prometheus")]
    fn histogram(&mut self, name: &str, point: &HistogramPoint) -> Result<(), IngestError> {
        self.summary.exemplars += point.exemplars.len() as u64;
        let (counts, bounds) = (&point.bucket_counts, &point.explicit_bounds);
        if counts.len() != bounds.len() + 1 && !(counts.is_empty() && bounds.is_empty()) {
            let reason = format!("{name}: a histogram has {} bounds and {} buckets", bounds.len(), counts.len());
            refuse(self.rows, self.number, &reason);
            return Ok(());
        }
        let is_stale = point.flags & NO_RECORDED_VALUE != 0;
        let value = |value: f64| if is_stale { f64::from_bits(STALE_MARKER_BITS) } else { value };
        let mut parts = Vec::new();
        let mut cumulative = 0_u64;
        for (bound, count) in bounds.iter().zip(counts) {
            cumulative = cumulative.saturating_add(*count);
            parts.push(Part {
                suffix: "_bucket",
                tag: Some(("le", bound.to_string())),
                value: value(cumulative as f64),
            });
        }
        let count = value(point.count as f64);
        parts.push(Part { suffix: "_bucket", tag: Some(("le", "+Inf".to_owned())), value: count });
        parts.extend(point.sum.map(|sum| Part::new("_sum", value(sum))));
        parts.push(Part::new("_count", count));
        self.point(name, &point.attributes, point.time, parts)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts become the nearest f64, as in Prometheus")]
    fn summary(&mut self, name: &str, point: &SummaryPoint) -> Result<(), IngestError> {
        let is_stale = point.flags & NO_RECORDED_VALUE != 0;
        let value = |value: f64| if is_stale { f64::from_bits(STALE_MARKER_BITS) } else { value };
        let quantile = |at: &super::otlp_proto::Quantile| Part {
            suffix: "",
            tag: Some(("quantile", at.quantile.to_string())),
            value: value(at.value),
        };
        let mut parts: Vec<Part> = point.quantiles.iter().map(quantile).collect();
        parts.push(Part::new("_sum", value(point.sum)));
        parts.push(Part::new("_count", value(point.count as f64)));
        self.point(name, &point.attributes, point.time, parts)
    }

    /// Pushes the parts of a data point as one row.
    fn point(
        &mut self,
        name: &str,
        attributes: &[KeyValue],
        time: u64,
        parts: impl IntoIterator<Item = Part>,
    ) -> Result<(), IngestError> {
        let number = self.number;
        let Some(nanos) = i64::try_from(time).ok().filter(|nanos| *nanos > 0) else {
            refuse(self.rows, number, &format!("{name}: a point has no time, or one after the year 2262"));
            return Ok(());
        };
        self.latest = self.latest.max(time);
        let tags = self.tags(attributes);
        let mut samples = 0;
        for part in parts {
            let mut tags = tags.clone();
            if let Some((key, value)) = part.tag {
                tags.insert(key.to_owned(), value);
            }
            let key: SeriesKey = tags.into_iter().collect();
            let key = key.with_metric(format!("{name}{}", part.suffix));
            let Some(series) = intern(self.rows, &key, number, self.limits)? else {
                return Ok(());
            };
            self.rows.push(series, Timestamp::from_nanos(nanos), Value::F64(part.value));
            samples += 1;
        }
        self.rows.end_row(number);
        self.summary.samples += samples;
        Ok(())
    }

    /// Returns the tags of a point. Attributes whose names become equal are joined with `;`, as in Prometheus.
    fn tags(&self, attributes: &[KeyValue]) -> BTreeMap<String, String> {
        let mut tags: BTreeMap<String, String> = BTreeMap::new();
        for attribute in attributes {
            let text = text_of(attribute.value.as_ref());
            if text.is_empty() {
                continue;
            }
            let label = match self.options.names {
                OtlpNames::Prometheus => label_name(&attribute.key).into_owned(),
                OtlpNames::Unchanged => attribute.key.clone(),
            };
            tags.entry(label).and_modify(|other| *other = format!("{other};{text}")).or_insert(text);
        }
        for (key, value) in self.resource.iter().filter(|(_, value)| !value.is_empty()) {
            tags.insert((*key).to_owned(), value.clone());
        }
        tags
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns an attribute as text; an array or a map in the notation of JSON.
fn text_of(value: Option<&AnyValue>) -> String {
    /// Nesting above this depth is left out; protobuf allows 100.
    const MAX_DEPTH: usize = 16;
    fn nested(value: Option<&AnyValue>, depth: usize) -> String {
        match value.and_then(|value| value.value.as_ref()) {
            Some(AttributeValue::Text(text)) if depth == 0 => text.clone(),
            Some(AttributeValue::Text(text)) => format!("{text:?}"),
            Some(AttributeValue::Bool(value)) => value.to_string(),
            Some(AttributeValue::Int(value)) => value.to_string(),
            Some(AttributeValue::Double(value)) => value.to_string(),
            Some(AttributeValue::Bytes(bytes)) => hexadecimal(bytes),
            Some(AttributeValue::Array(array)) if depth < MAX_DEPTH => {
                let texts: Vec<String> = array.values.iter().map(|value| nested(Some(value), depth + 1)).collect();
                format!("[{}]", texts.join(","))
            }
            Some(AttributeValue::Map(map)) if depth < MAX_DEPTH => {
                let member =
                    |member: &KeyValue| format!("{:?}:{}", member.key, nested(member.value.as_ref(), depth + 1));
                let texts: Vec<String> = map.values.iter().map(member).collect();
                format!("{{{}}}", texts.join(","))
            }
            _ => String::new(),
        }
    }
    nested(value, 0)
}
