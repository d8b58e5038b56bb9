//! JSON encoding of OTLP: member names in camel case, 64-bit numbers as strings or numbers, enums as numbers or names.

use super::messages::{
    AnyValue, ArrayValue, AttributeValue, CountedMessage, Data, Exponential, Gauge, Histogram, HistogramPoint,
    KeyValue, MapValue, Metric, MetricsRequest, Number, NumberPoint, Quantile, Resource, ResourceMetrics, ScopeMetrics,
    Sum, SummaryMetric, SummaryPoint,
};
use crate::formats::json::value::JsonValue;
use crate::formats::number::parse_float;

/// Parses a request.
pub(super) fn parse_request(body: &[u8]) -> Result<MetricsRequest, String> {
    let json = JsonValue::parse(body)?;
    let JsonValue::Object(_) = json else {
        return Err("it is no object".to_owned());
    };
    Ok(MetricsRequest { resource_metrics: all(json.get("resourceMetrics"), resource_metrics)? })
}

type Parsed<T> = Result<T, String>;

fn all<T>(json: Option<&JsonValue<'_>>, parse: impl Fn(&JsonValue<'_>) -> Parsed<T>) -> Parsed<Vec<T>> {
    match json {
        None | Some(JsonValue::Null) => Ok(Vec::new()),
        Some(JsonValue::Array(elements)) => elements.iter().map(parse).collect(),
        Some(_) => Err("an array is expected".to_owned()),
    }
}

/// Returns a member; `None` if it is missing or `null`.
fn member<'a, 'j>(json: &'a JsonValue<'j>, name: &str) -> Option<&'a JsonValue<'j>> {
    json.get(name).filter(|value| !matches!(value, JsonValue::Null))
}

fn text(json: &JsonValue<'_>, name: &str) -> String {
    json.get(name).and_then(JsonValue::text).unwrap_or_default().to_owned()
}

/// Returns a number; 0 if there is none, as in protobuf.
fn whole<T: std::str::FromStr + Default>(json: &JsonValue<'_>, name: &str) -> Parsed<T> {
    match member(json, name) {
        None => Ok(T::default()),
        Some(value) => parse_whole(value).ok_or_else(|| format!("the member {name} is not a whole number")),
    }
}

/// Parses a whole number, which may be written as `1e3` or `5.0`, as in the JSON of protobuf.
fn parse_whole<T: std::str::FromStr>(value: &JsonValue<'_>) -> Option<T> {
    /// Doubles below this one hold each whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let digits = value.digits()?;
    digits.parse().ok().or_else(|| {
        let number = parse_float(digits.as_bytes()).filter(|number| number.fract() == 0.0 && number.abs() < EXACT)?;
        // The text of such a number has neither a point nor an exponent.
        number.to_string().parse().ok()
    })
}

fn float(value: &JsonValue<'_>) -> Parsed<f64> {
    let number = value.digits().and_then(|digits| parse_float(digits.as_bytes()));
    number.ok_or_else(|| "a number is expected".to_owned())
}

fn optional_float(json: &JsonValue<'_>, name: &str) -> Parsed<Option<f64>> {
    member(json, name).map(float).transpose()
}

fn resource_metrics(json: &JsonValue<'_>) -> Parsed<ResourceMetrics> {
    let resource = json.get("resource").map(|resource| attributes(resource).map(|attributes| Resource { attributes }));
    Ok(ResourceMetrics {
        resource: resource.transpose()?,
        scope_metrics: all(json.get("scopeMetrics"), |scope| {
            Ok(ScopeMetrics { metrics: all(scope.get("metrics"), metric)? })
        })?,
    })
}

fn attributes(json: &JsonValue<'_>) -> Parsed<Vec<KeyValue>> {
    all(json.get("attributes"), key_value)
}

fn key_value(json: &JsonValue<'_>) -> Parsed<KeyValue> {
    Ok(KeyValue { key: text(json, "key"), value: json.get("value").map(any_value).transpose()? })
}

fn any_value(json: &JsonValue<'_>) -> Parsed<AnyValue> {
    let JsonValue::Object(members) = json else {
        return Ok(AnyValue { value: None });
    };
    let is_value = |name: &str| name.ends_with("Value");
    let Some((name, value)) = members.iter().rfind(|(name, value)| is_value(name) && *value != JsonValue::Null) else {
        return Ok(AnyValue { value: None });
    };
    let value = match name.as_ref() {
        // Bytes are in base64 in JSON, and as a tag, too.
        "stringValue" | "bytesValue" => AttributeValue::Text(value.text().unwrap_or_default().to_owned()),
        "boolValue" => AttributeValue::Bool(matches!(value, JsonValue::Bool(true))),
        "intValue" => AttributeValue::Int(parse_whole(value).ok_or("the member intValue is not a whole number")?),
        "doubleValue" => AttributeValue::Double(float(value)?),
        "arrayValue" => AttributeValue::Array(ArrayValue { values: all(value.get("values"), any_value)? }),
        "kvlistValue" => AttributeValue::Map(MapValue { values: all(value.get("values"), key_value)? }),
        _ => return Ok(AnyValue { value: None }),
    };
    Ok(AnyValue { value: Some(value) })
}

fn metric(json: &JsonValue<'_>) -> Parsed<Metric> {
    let points = |name: &str| json.get(name).and_then(|data| data.get("dataPoints"));
    let data = if member(json, "gauge").is_some() {
        Some(Data::Gauge(Gauge { data_points: all(points("gauge"), number_point)? }))
    } else if let Some(sum) = member(json, "sum") {
        let is_monotonic = matches!(sum.get("isMonotonic"), Some(JsonValue::Bool(true)));
        let data_points = all(points("sum"), number_point)?;
        Some(Data::Sum(Sum { data_points, temporality: temporality(sum), is_monotonic }))
    } else if let Some(histogram) = member(json, "histogram") {
        let data_points = all(points("histogram"), histogram_point)?;
        Some(Data::Histogram(Histogram { data_points, temporality: temporality(histogram) }))
    } else if member(json, "exponentialHistogram").is_some() {
        let data_points = all(points("exponentialHistogram"), |_| Ok(CountedMessage {}))?;
        Some(Data::ExponentialHistogram(Exponential { data_points }))
    } else if member(json, "summary").is_some() {
        Some(Data::Summary(SummaryMetric { data_points: all(points("summary"), summary_point)? }))
    } else {
        None
    };
    Ok(Metric { name: text(json, "name"), description: text(json, "description"), unit: text(json, "unit"), data })
}

fn temporality(json: &JsonValue<'_>) -> i32 {
    match json.get("aggregationTemporality").and_then(JsonValue::digits) {
        Some("AGGREGATION_TEMPORALITY_CUMULATIVE") => 2,
        Some("AGGREGATION_TEMPORALITY_DELTA") => 1,
        Some(digits) => digits.parse().unwrap_or(0),
        None => 0,
    }
}

fn number_point(json: &JsonValue<'_>) -> Parsed<NumberPoint> {
    let value = match (member(json, "asDouble"), member(json, "asInt")) {
        (Some(value), _) => Some(Number::Double(float(value)?)),
        (None, Some(value)) => Some(Number::Int(parse_whole(value).ok_or("the member asInt is not a whole number")?)),
        (None, None) => None,
    };
    Ok(NumberPoint {
        attributes: attributes(json)?,
        time: whole(json, "timeUnixNano")?,
        value,
        exemplars: all(json.get("exemplars"), |_| Ok(CountedMessage {}))?,
        flags: whole(json, "flags")?,
    })
}

fn histogram_point(json: &JsonValue<'_>) -> Parsed<HistogramPoint> {
    let count = |value: &JsonValue<'_>| parse_whole(value).ok_or_else(|| "a count is not a whole number".to_owned());
    Ok(HistogramPoint {
        attributes: attributes(json)?,
        time: whole(json, "timeUnixNano")?,
        count: whole(json, "count")?,
        sum: optional_float(json, "sum")?,
        bucket_counts: all(json.get("bucketCounts"), count)?,
        explicit_bounds: all(json.get("explicitBounds"), float)?,
        exemplars: all(json.get("exemplars"), |_| Ok(CountedMessage {}))?,
        flags: whole(json, "flags")?,
    })
}

fn summary_point(json: &JsonValue<'_>) -> Parsed<SummaryPoint> {
    let quantile = |json: &JsonValue<'_>| {
        Ok(Quantile {
            quantile: optional_float(json, "quantile")?.unwrap_or(0.0),
            value: optional_float(json, "value")?.unwrap_or(0.0),
        })
    };
    Ok(SummaryPoint {
        attributes: attributes(json)?,
        time: whole(json, "timeUnixNano")?,
        count: whole(json, "count")?,
        sum: optional_float(json, "sum")?.unwrap_or(0.0),
        quantiles: all(json.get("quantileValues"), quantile)?,
        flags: whole(json, "flags")?,
    })
}
