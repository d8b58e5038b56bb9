//! Answers of both programs in one form, and their comparison.

use std::collections::BTreeMap;

use serde_json::Value;
use timestrata_promql::{QueryError, QueryResult, QueryValue};

/// Largest difference of two values, relative to the larger one.
const TOLERANCE: f64 = 1e-9;
/// Largest difference of two values that are nearly zero: what is left of numbers that cancel out.
const TOLERANCE_AT_ZERO: f64 = 1e-12;

/// Points by labels, with times in milliseconds; or the text of an error.
pub(crate) type Answer = Result<BTreeMap<String, Vec<(i64, f64)>>, String>;

/// Returns the answer of this engine.
pub(crate) fn ours(result: Result<QueryResult, QueryError>) -> Answer {
    let result = result.map_err(|error| error.to_string())?;
    let millis = |time: timestrata::Timestamp| time.as_nanos() / 1_000_000;
    Ok(match result.value {
        QueryValue::Vector(list) => {
            list.iter().map(|one| (text(one.labels.iter()), vec![(millis(one.time), one.value)])).collect()
        }
        QueryValue::Matrix(list) => list
            .iter()
            .map(|one| {
                (text(one.labels.iter()), one.points.iter().map(|(time, value)| (millis(*time), *value)).collect())
            })
            .collect(),
        other => panic!("no vector: {other:?}"),
    })
}

fn text<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    labels.fold(String::new(), |text, (name, value)| text + name + "=" + value + ";")
}

/// Returns the answer of Prometheus.
pub(crate) fn theirs(json: &Value) -> Answer {
    if json["status"] != "success" {
        return Err(json["error"].as_str().unwrap_or("an error without text").to_owned());
    }
    let list = json["data"]["result"].as_array().unwrap();
    Ok(list
        .iter()
        .map(|one| {
            let labels = one["metric"].as_object().unwrap();
            let mut labels: Vec<_> =
                labels.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
            labels.sort_unstable();
            let text = text(labels.into_iter());
            let points = match one["values"].as_array() {
                Some(points) => points.iter().map(point).collect(),
                None => vec![point(&one["value"])],
            };
            (text, points)
        })
        .collect())
}

fn point(json: &Value) -> (i64, f64) {
    #[expect(clippy::cast_possible_truncation, reason = "times are whole milliseconds")]
    let time = (json[0].as_f64().unwrap() * 1_000.0).round() as i64;
    (time, json[1].as_str().unwrap().parse().unwrap())
}

/// Returns the first difference of two answers; `None` if they are equal. Errors are equal, whatever their texts are.
pub(crate) fn difference(ours: &Answer, theirs: &Answer) -> Option<String> {
    let (ours, theirs) = match (ours, theirs) {
        (Err(_), Err(_)) => return None,
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(error), Ok(theirs)) => return Some(format!("ours: {error}; theirs: {} series", theirs.len())),
        (Ok(ours), Err(error)) => return Some(format!("ours: {} series; theirs: {error}", ours.len())),
    };
    for labels in ours.keys().chain(theirs.keys()) {
        match (ours.get(labels), theirs.get(labels)) {
            (Some(ours), Some(theirs)) => {
                if let Some(difference) = difference_of_points(ours, theirs) {
                    return Some(format!("{{{labels}}}: {difference}"));
                }
            }
            (Some(_), None) => return Some(format!("{{{labels}}}: only ours")),
            _ => return Some(format!("{{{labels}}}: only theirs")),
        }
    }
    None
}

/// Returns the name of the rule that explains why answers differ; `None` if none does.
///
/// Cardinality of comparisons: Prometheus 2.42 refuses many matches of one series only if several pass the comparison.
pub(crate) fn explanation(query: &str, ours: &Answer) -> Option<&'static str> {
    let has_comparison = [" == ", " != ", " < ", " <= ", " > ", " >= "].iter().any(|operator| query.contains(operator));
    let has_many = ours.as_ref().is_err_and(|error| error.contains("multiple matches for labels"));
    (has_comparison && has_many).then_some("cardinality of comparisons")
}

fn difference_of_points(ours: &[(i64, f64)], theirs: &[(i64, f64)]) -> Option<String> {
    for (our, their) in ours.iter().zip(theirs) {
        if our.0 != their.0 || !is_near(our.1, their.1) {
            return Some(format!("ours {our:?}; theirs {their:?}"));
        }
    }
    (ours.len() != theirs.len()).then(|| format!("{} points; theirs {}", ours.len(), theirs.len()))
}

#[expect(clippy::float_cmp, reason = "infinities are equal or not")]
fn is_near(left: f64, right: f64) -> bool {
    left == right
        || left.is_nan() && right.is_nan()
        || (left - right).abs() <= TOLERANCE_AT_ZERO.max(TOLERANCE * left.abs().max(right.abs()))
}
