//! Requests of OTLP: resources, scopes and metrics.

use std::cell::OnceCell;

use timestrata::MetricKind;

use super::attributes::{Attribute, attributes, not_utf8, tags};
use super::names::{NamedKind, metric_name, unit_name};
use super::points::{Part, PointKind};
use super::{OtlpNames, OtlpOptions};
use crate::RefusalCode;
use crate::bodies::body_rows::{BodyRows, Refusal};
use crate::bodies::wire::{WireError, WireReader, WireValue};

/// Value of `AggregationTemporality` for changes since the last report.
const DELTA: u64 = 1;
/// Value of `AggregationTemporality` for values since a start.
const CUMULATIVE: u64 = 2;
/// First byte of a key of the table; those of remote write begin with another one.
const TEXT_MARK: u8 = b'o';
/// Metric with the attributes of a resource.
const TARGET_INFO: &str = "target_info";
/// Attributes of a resource that make `job` and `instance`, not tags of `target_info`.
const IDENTITY: [&[u8]; 3] = [b"service.name", b"service.namespace", b"service.instance.id"];

/// Reads a request.
pub(super) struct RequestReader<'a, 'b> {
    pub(super) options: OtlpOptions,
    pub(super) out: &'a mut BodyRows<'b>,
    /// Number of the current metric in the body.
    pub(super) number: u64,
    /// Tags `job` and `instance` of the current resource.
    pub(super) resource_tags: Vec<(&'static str, String)>,
    /// Latest time of the current resource.
    pub(super) latest: u64,
    /// Lookup key of the current series in `SeriesTable`: mark, resource, metric, attributes, part.
    pub(super) text: Vec<u8>,
}

/// Metric of a request.
pub(super) struct Metric<'m> {
    pub(super) raw_name: &'m str,
    unit: &'m str,
    named: NamedKind,
    /// Name in the database, once a new series needs it.
    name: OnceCell<Option<String>>,
}

impl Metric<'_> {
    /// Returns the name of the metric in the database.
    pub(super) fn name(&self, names: OtlpNames) -> Result<&str, Refusal> {
        let name = self.name.get_or_init(|| match names {
            OtlpNames::Prometheus => metric_name(self.raw_name, self.unit, self.named),
            OtlpNames::Unchanged => Some(self.raw_name.to_owned()).filter(|name| !name.is_empty()),
        });
        name.as_deref().ok_or_else(|| {
            let reason = format!("the metric {:?} has no character that a name may have", self.raw_name);
            (RefusalCode::NoMetricName, reason)
        })
    }
}

/// Fields of a metric before they are checked.
#[derive(Default)]
struct MetricFields<'m> {
    name: &'m [u8],
    description: &'m [u8],
    unit: &'m [u8],
    /// Number of the field with the data, and the data.
    data: Option<(u32, &'m [u8])>,
}

/// Data of a metric.
#[derive(Default)]
struct Data {
    points: u64,
    temporality: u64,
    is_monotonic: bool,
}

impl Data {
    fn decode(message: &[u8]) -> Result<Self, WireError> {
        let mut data = Self::default();
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            // Gauges and summaries have points alone.
            match (field.number, field.value) {
                (1, _) => data.points += 1,
                (2, WireValue::Varint(number)) => data.temporality = number,
                (3, WireValue::Varint(number)) => data.is_monotonic = number != 0,
                _ => {}
            }
        }
        Ok(data)
    }
}

impl<'a, 'b> RequestReader<'a, 'b> {
    pub(super) fn new(options: OtlpOptions, out: &'a mut BodyRows<'b>) -> Self {
        Self { options, out, number: 0, resource_tags: Vec::new(), latest: 0, text: Vec::new() }
    }

    /// Reads an `ExportMetricsServiceRequest`.
    pub(super) fn request(mut self, body: &[u8]) -> Result<(), WireError> {
        let mut fields = WireReader::new(body);
        while let Some(field) = fields.next()? {
            if field.number == 1 {
                self.resource_metrics(field.bytes()?)?;
            }
        }
        Ok(())
    }

    fn resource_metrics(&mut self, message: &[u8]) -> Result<(), WireError> {
        let mut resource: &[u8] = &[];
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            if field.number == 1 {
                resource = field.bytes()?;
            }
        }
        let resource = attributes(resource, 1)?;
        self.begin_resource(&resource)?;
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            if field.number == 2 {
                self.scope_metrics(field.bytes()?)?;
            }
        }
        self.target_info(resource)
    }

    /// Sets the tags that the resource gives to all of its series.
    fn begin_resource(&mut self, resource: &[Attribute<'_>]) -> Result<(), WireError> {
        self.latest = 0;
        self.resource_tags.clear();
        let find = |key: &[u8]| -> Result<Option<String>, WireError> {
            let Some(found) = resource.iter().find(|attribute| attribute.key == key) else {
                return Ok(None);
            };
            // A text that is not UTF-8 refuses target_info, which has all attributes.
            Ok(found.text()?.ok().filter(|text| !text.is_empty()))
        };
        let [name, namespace, instance] = IDENTITY;
        if let Some(name) = find(name)? {
            let job = find(namespace)?.map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"));
            self.resource_tags.push(("job", job));
        }
        if let Some(instance) = find(instance)? {
            self.resource_tags.push(("instance", instance));
        }
        self.text.clear();
        self.text.extend_from_slice(&[TEXT_MARK, self.options.names as u8]);
        for tag in ["job", "instance"] {
            let value = self.resource_tags.iter().find(|(key, _)| *key == tag).map_or("", |(_, value)| value);
            put_text(&mut self.text, value.as_bytes());
        }
        Ok(())
    }

    fn scope_metrics(&mut self, message: &[u8]) -> Result<(), WireError> {
        let resource_len = self.text.len();
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            if field.number == 2 {
                self.number += 1;
                self.metric(field.bytes()?)?;
                self.text.truncate(resource_len);
            }
        }
        Ok(())
    }

    fn metric(&mut self, message: &[u8]) -> Result<(), WireError> {
        let mut found = MetricFields::default();
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => found.name = field.bytes()?,
                2 => found.description = field.bytes()?,
                3 => found.unit = field.bytes()?,
                5 | 7 | 9 | 10 | 11 => found.data = Some((field.number, field.bytes()?)),
                _ => {}
            }
        }
        let Some((field, message)) = found.data else {
            return Ok(());
        };
        let data = Data::decode(message)?;
        let (kind, named) = match field {
            5 => (MetricKind::Gauge, NamedKind::Gauge),
            7 if data.is_monotonic => (MetricKind::Counter, NamedKind::MonotonicSum),
            7 => (MetricKind::Gauge, NamedKind::Other),
            11 => (MetricKind::Summary, NamedKind::Other),
            _ => (MetricKind::Histogram, NamedKind::Other),
        };
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| not_utf8("the name or unit", bytes));
        let (raw_name, unit) = match (text(found.name), text(found.unit)) {
            (Ok(name), Ok(unit)) => (name, unit),
            (Err((code, reason)), _) | (_, Err((code, reason))) => {
                self.out.refuse(self.number, code, data.points, reason);
                return Ok(());
            }
        };
        let metric = Metric { raw_name, unit, named, name: OnceCell::new() };
        if let Some((code, reason)) = refusal_of_data(field, &data) {
            if code == RefusalCode::ExponentialHistogram {
                self.out.summary.histograms += data.points;
            }
            self.out.refuse(self.number, code, data.points, format_args!("{raw_name}: {reason}"));
            return Ok(());
        }
        if data.points > 0 {
            self.describe(&metric, kind, found.description);
        }
        self.text.push(named as u8);
        put_text(&mut self.text, raw_name.as_bytes());
        put_text(&mut self.text, unit.as_bytes());
        let kind = match field {
            9 => PointKind::Histogram,
            11 => PointKind::Summary,
            _ => PointKind::Number,
        };
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            if field.number == 1 {
                self.point(&metric, kind, field.bytes()?)?;
            }
        }
        Ok(())
    }

    fn describe(&mut self, metric: &Metric<'_>, kind: MetricKind, description: &[u8]) {
        let Ok(description) = std::str::from_utf8(description) else {
            self.out.summary.metadata += 1;
            return;
        };
        let names = self.options.names;
        let unit = match names {
            OtlpNames::Prometheus => unit_name(metric.unit),
            OtlpNames::Unchanged => metric.unit.to_owned(),
        };
        // A metric without a name has no series either, and its points say so.
        if let Ok(name) = metric.name(names) {
            self.out.describe(name, kind, &unit, description);
        }
    }

    /// Pushes `target_info` at the latest time of the resource, if it has other attributes than its identity.
    fn target_info(&mut self, resource: Vec<Attribute<'_>>) -> Result<(), WireError> {
        let others: Vec<_> = resource.into_iter().filter(|attribute| !IDENTITY.contains(&attribute.key)).collect();
        let Some(nanos) = i64::try_from(self.latest).ok().filter(|nanos| *nanos > 0) else {
            return Ok(());
        };
        if others.is_empty() || self.resource_tags.is_empty() {
            return Ok(());
        }
        let tags = tags(others, self.options.names)?;
        // Metric keys continue with `NamedKind` (0-2), so `u8::MAX` cannot collide.
        let resource_len = self.text.len();
        self.text.push(u8::MAX);
        for (key, value) in tags.iter().flatten() {
            put_text(&mut self.text, key.as_bytes());
            put_text(&mut self.text, value.as_bytes());
        }
        let (text, resource_tags) = (&self.text, &self.resource_tags);
        let series = self.out.series(text, || {
            let mut tags = tags?;
            tags.extend(resource_tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
            Ok(tags.into_iter().collect::<timestrata::SeriesKey>().with_metric(TARGET_INFO))
        });
        self.text.truncate(resource_len);
        match series {
            Ok(series) => {
                self.out.push_point(series, nanos, 1.0);
                self.out.rows.end_row(self.number);
            }
            Err((code, reason)) => {
                // No data point is refused with it.
                self.out.refuse(self.number, code, 0, format_args!("{TARGET_INFO}: {reason}"));
            }
        }
        Ok(())
    }

    /// Returns the series of a part of a data point, whose attributes are at the end of the text.
    pub(super) fn series_of_part(
        &mut self,
        metric: &Metric<'_>,
        attributes_field: u32,
        point: &[u8],
        part: &Part,
    ) -> Result<Result<crate::SeriesNumber, Refusal>, WireError> {
        let point_len = self.text.len();
        part.put(&mut self.text);
        let mut damaged = None;
        let (names, resource_tags) = (self.options.names, &self.resource_tags);
        let found = self.out.series(&self.text, || {
            let name = metric.name(names)?;
            let found = attributes(point, attributes_field).and_then(|attributes| tags(attributes, names));
            let mut tags = found.unwrap_or_else(|error| {
                damaged = Some(error);
                Err((RefusalCode::BadRow, String::new()))
            })?;
            let own = resource_tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
            tags.extend(own.chain(part.tag()));
            Ok(tags.into_iter().collect::<timestrata::SeriesKey>().with_metric(format!("{name}{}", part.suffix())))
        });
        self.text.truncate(point_len);
        damaged.map_or(Ok(found), Err)
    }
}

/// Returns why data of a field cannot be stored.
fn refusal_of_data(field: u32, data: &Data) -> Option<(RefusalCode, &'static str)> {
    match field {
        10 => Some((
            RefusalCode::ExponentialHistogram,
            "exponential histograms are not supported: choose explicit buckets in the exporter",
        )),
        7 | 9 if data.temporality == DELTA => Some((
            RefusalCode::DeltaTemporality,
            "delta temporality is not supported: choose cumulative in the exporter",
        )),
        7 | 9 if data.temporality != CUMULATIVE => {
            Some((RefusalCode::NoTemporality, "the temporality is missing: choose cumulative in the exporter"))
        }
        _ => None,
    }
}

/// Appends a text with its length, so that no two sequences of texts are equal.
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    crate::bodies::wire::put_varint(out, text.len());
    out.extend_from_slice(text);
}
