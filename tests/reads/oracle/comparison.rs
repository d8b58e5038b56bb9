//! Comparison of the result of a query with the expected one.

use timestrata::{Value, Windows};

use super::Question;
use super::aggregates::Estimate;
use super::windows::ExpectedAnswer;

/// Compares a result with the expected one.
///
/// # Errors
/// A text that names the first difference.
pub(crate) fn check(question: &Question, answer: &Windows, expected: &ExpectedAnswer) -> Result<(), String> {
    let found = answer.series.len();
    if found != expected.rows.len() {
        return Err(format!("{found} rows, not {}", expected.rows.len()));
    }
    if !expected.has_one_order {
        return Ok(());
    }
    for (series, row) in answer.series.iter().zip(&expected.rows) {
        let key = &row.key;
        if (&series.key, series.members) != (key, row.members) {
            return Err(format!("{} of {}, not {key} of {}", series.key, series.members, row.members));
        }
        let starts: Vec<i64> = series.starts.iter().map(|start| start.as_nanos()).collect();
        let expected_starts: Vec<i64> = row.windows.iter().map(|(start, _)| *start).collect();
        if starts != expected_starts {
            return Err(format!("{key}: windows {starts:?}, not {expected_starts:?}"));
        }
        for (nth, (start, row)) in row.windows.iter().enumerate() {
            for ((found, expected), operator) in series.row(nth).zip(row).zip(&question.operators) {
                if !is_near(found, *expected) {
                    return Err(format!("{key} at {start}, {operator:?}: {found:?}, not {expected:?}"));
                }
            }
        }
    }
    Ok(())
}

fn is_near(found: Option<Value>, expected: Option<Estimate>) -> bool {
    let (Some(found), Some(expected)) = (found, expected) else { return found.is_none() && expected.is_none() };
    let (a, b) = (found.as_f64(), expected.number);
    let has_value = if b.is_finite() {
        (a - b).abs() <= expected.error
    } else {
        a.is_nan() && b.is_nan() || a.total_cmp(&b).is_eq()
    };
    let has_sign = !expected.has_sign || a.is_nan() || a.is_sign_negative() == b.is_sign_negative();
    found.value_type() == expected.value_type && has_value && has_sign
}

/// Type and bits of each value of a result, with keys and windows. All NaN are equal.
pub(crate) fn bits(answer: &Windows) -> Vec<(String, Vec<i64>, Vec<Option<String>>)> {
    let row = |series: &timestrata::SeriesWindows| {
        let starts = series.starts.iter().map(|start| start.as_nanos()).collect();
        let bits = |value: Value| match value {
            Value::F64(value) => format!("F64 {:x}", value.to_bits()),
            other => format!("{other:?}"),
        };
        let values = (0..series.len()).flat_map(|nth| series.row(nth).collect::<Vec<_>>());
        (series.key.to_string(), starts, values.map(|value| value.map(bits)).collect())
    };
    answer.series.iter().map(row).collect()
}
