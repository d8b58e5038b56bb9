//! Comparison of answers with what a file expects.

use std::collections::BTreeMap;

use timestrata::Timestamp;
use timestrata_promql::{Annotation, AnnotationKind, QueryError, QueryResult, QueryValue};

use crate::language::eval::{Annotation as Expected, Eval, EvalTime, Expectation, Message};
use crate::language::labels::Labels;
use crate::language::values::SequenceValue;

/// Greatest relative difference of equal values.
const TOLERANCE: f64 = 1e-6;

type Series = BTreeMap<Labels, Vec<(i64, f64)>>;

/// Compares the answer of a query with the expected one. The error says what differs.
pub(crate) fn compare(eval: &Eval, answer: &Result<QueryResult, QueryError>) -> Result<(), String> {
    let fails = messages(eval, Expected::Fail);
    let result = match (answer, fails.is_empty()) {
        (Err(error), true) => return Err(format!("unexpected error: {error}")),
        (Err(error), false) => {
            let text = error.to_string();
            return fails
                .iter()
                .find(|message| !is_match(message, &text))
                .map_or(Ok(()), |message| Err(format!("error {text:?} is not {message:?}")));
        }
        (Ok(_), false) => return Err("an error was expected".to_owned()),
        (Ok(result), true) => result,
    };
    compare_annotations(eval, &result.annotations)?;
    compare_value(eval, &result.value)
}

fn messages(eval: &Eval, kind: Expected) -> Vec<&Message> {
    let message =
        |expectation: &'_ Expectation| matches!(expectation, Expectation::Annotation(found, _) if *found == kind);
    let found = eval.expectations.iter().filter(|expectation| message(expectation));
    found
        .filter_map(
            |expectation| if let Expectation::Annotation(_, message) = expectation { Some(message) } else { None },
        )
        .collect()
}

fn is_match(message: &Message, text: &str) -> bool {
    match message {
        Message::Any => true,
        Message::Exact(expected) => text == expected,
        Message::Regex(pattern) => regex::Regex::new(pattern).unwrap().is_match(text),
    }
}

fn compare_annotations(eval: &Eval, annotations: &[Annotation]) -> Result<(), String> {
    let kinds = [
        (AnnotationKind::Warning, Expected::Warn, Expected::NoWarn),
        (AnnotationKind::Info, Expected::Info, Expected::NoInfo),
    ];
    for (kind, some, none) in kinds {
        let found: Vec<String> =
            annotations.iter().filter(|found| found.kind == kind).map(ToString::to_string).collect();
        let expected = messages(eval, some);
        if !messages(eval, none).is_empty() && !found.is_empty() {
            return Err(format!("unexpected: {found:?}"));
        }
        if let Some(message) = expected.iter().find(|message| !found.iter().any(|text| is_match(message, text))) {
            return Err(format!("{message:?} is not among {found:?}"));
        }
        let unexpected = found.iter().find(|text| !expected.iter().any(|message| is_match(message, text)));
        if let (Some(text), false) = (unexpected, expected.is_empty()) {
            return Err(format!("unexpected: {text}"));
        }
    }
    Ok(())
}

fn compare_value(eval: &Eval, value: &QueryValue) -> Result<(), String> {
    for expectation in &eval.expectations {
        match expectation {
            Expectation::String(expected) => {
                let is_equal = matches!(value, QueryValue::String { value, .. } if value == expected);
                return if is_equal { Ok(()) } else { Err(format!("{value:?} is not {expected:?}")) };
            }
            Expectation::RangeVector { start, step, .. } => {
                return compare_series(&expected_series(eval, *start, *step)?, &found_series(value)?);
            }
            _ => {}
        }
    }
    match eval.time {
        EvalTime::Range { start, step, .. } => {
            compare_series(&expected_series(eval, start, step)?, &found_series(value)?)
        }
        EvalTime::Instant { at } => {
            compare_instant(eval, value, at)?;
            if eval.expectations.iter().any(|expectation| matches!(expectation, Expectation::Ordered)) {
                compare_order(eval, value)?;
            }
            Ok(())
        }
    }
}

/// Compares an instant vector or scalar at a time.
pub(crate) fn compare_instant(eval: &Eval, value: &QueryValue, at: i64) -> Result<(), String> {
    if let (Some(expected), QueryValue::Scalar { value, .. }) = (eval.scalar, value) {
        let is_equal = is_close(expected, *value);
        return if is_equal { Ok(()) } else { Err(format!("{value} is not {expected}")) };
    }
    let mut expected = expected_series(eval, at, 1)?;
    if let Some(scalar) = eval.scalar {
        expected.insert(Labels::new(), vec![(at, scalar)]);
    }
    compare_series(&expected, &found_series(value)?)
}

fn compare_order(eval: &Eval, value: &QueryValue) -> Result<(), String> {
    let QueryValue::Vector(samples) = value else { return Err("only a vector has an order".to_owned()) };
    for (place, (expected, found)) in eval.series.iter().zip(samples).enumerate() {
        let found: Labels = labels_of(&found.labels);
        if expected.labels != found {
            return Err(format!("place {place}: {found:?} is not {:?}", expected.labels));
        }
    }
    Ok(())
}

fn labels_of(labels: &timestrata_promql::Labels) -> Labels {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn expected_series(eval: &Eval, start: i64, step: i64) -> Result<Series, String> {
    let mut all = Series::new();
    for series in &eval.series {
        let mut points = Vec::new();
        for (value, index) in series.values.iter().zip(0_i64..) {
            match value {
                SequenceValue::Float(value) => points.push((start + index * step, *value)),
                SequenceValue::Histogram(_) => return Err("a native histogram is expected".to_owned()),
                SequenceValue::Omitted | SequenceValue::Stale => {}
            }
        }
        if !points.is_empty() {
            let labels = series.labels.iter().filter(|(_, value)| !value.is_empty());
            all.insert(labels.map(|(name, value)| (name.clone(), value.clone())).collect(), points);
        }
    }
    Ok(all)
}

/// Returns the points of an answer by labels.
pub(crate) fn found_series(value: &QueryValue) -> Result<Series, String> {
    let one = |time: Timestamp, value: f64| vec![(time.as_nanos(), value)];
    let mut all = Series::new();
    match value {
        QueryValue::Scalar { time, value } => {
            all.insert(Labels::new(), one(*time, *value));
        }
        QueryValue::Vector(samples) => {
            for sample in samples {
                all.insert(labels_of(&sample.labels), one(sample.time, sample.value));
            }
        }
        QueryValue::Matrix(list) => {
            for series in list {
                let points = series.points.iter().map(|(time, value)| (time.as_nanos(), *value)).collect();
                all.insert(labels_of(&series.labels), points);
            }
        }
        other => return Err(format!("unexpected answer: {other:?}")),
    }
    Ok(all)
}

fn compare_series(expected: &Series, found: &Series) -> Result<(), String> {
    for (labels, points) in expected {
        let Some(found) = found.get(labels) else {
            return Err(format!("{labels:?} is missing; found {:?}", found.iter().next()));
        };
        let is_equal = points.len() == found.len()
            && points.iter().zip(found).all(|(one, other)| one.0 == other.0 && is_close(one.1, other.1));
        if !is_equal {
            return Err(format!("{labels:?}: {found:?} is not {points:?}"));
        }
    }
    match found.iter().find(|(labels, _)| !expected.contains_key(*labels)) {
        Some(extra) => Err(format!("unexpected series: {extra:?}")),
        None => Ok(()),
    }
}

#[expect(clippy::float_cmp, reason = "infinities have no difference")]
fn is_close(expected: f64, found: f64) -> bool {
    if expected.is_nan() || found.is_nan() {
        return expected.is_nan() && found.is_nan();
    }
    if expected == found {
        return true;
    }
    if expected.is_infinite() || found.is_infinite() {
        return false;
    }
    (expected - found).abs() <= TOLERANCE * (expected.abs() + found.abs()).max(f64::MIN_POSITIVE)
}
