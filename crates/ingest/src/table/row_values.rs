//! Values of a row that has one value, and why a row is refused.

use std::collections::HashMap;

use timestrata::{Value, ValueType};

use super::cell::{self, parse_value};
use super::mapper::RowCells;
use super::number::NumberSyntax;
use super::own_export;
use super::plan::{TablePlan, ValueSource};
use super::words::other_unit;
use crate::Suggestion;

/// Why a row is refused.
pub(super) type Refusal = (String, Vec<Suggestion>);

/// Returns the value of a row with a column of metrics and one of values; `None` if it is missing.
///
/// `units` are the units of the metrics; that of the first row with a value is the unit of its metric.
pub(super) fn long_value(
    plan: &TablePlan,
    cells: &(impl RowCells + ?Sized),
    units: &mut HashMap<String, String>,
) -> Result<Option<Value>, Refusal> {
    let ValueSource::Long { metric_at, value_at, ty, types, .. } = &plan.values else { return Ok(None) };
    let name = &plan.header[*value_at];
    let text = cells.text(*value_at).ok_or_else(|| not_utf8(name))?;
    if plan.missing.matches(text) {
        return Ok(None);
    }
    let metric = cells.text(*metric_at).unwrap_or_default();
    let ty = type_of(types, metric).unwrap_or(*ty);
    let value = parse_value(text, ty, &plan.syntax)
        .map_err(|what| (in_column(name, &what), cell_suggestions(plan, name, text, ty)))?;
    if plan.syntax.units && ty != ValueType::Bool {
        check_unit(text, metric, None, units, plan.syntax).map_err(|what| plain(in_column(name, &what)))?;
    }
    Ok(Some(value))
}

/// Checks the unit of a cell. Without a `known` one, the first cell decides that of its column or metric, `key`.
///
/// # Errors
/// The reason, if the cell has another unit.
pub(super) fn check_unit(
    text: &str,
    key: &str,
    known: Option<&String>,
    units: &mut HashMap<String, String>,
    syntax: NumberSyntax,
) -> Result<(), String> {
    if let Some(unit) = known.or_else(|| units.get(key)) {
        return other_unit(text, unit, syntax).map_or(Ok(()), Err);
    }
    if let Some(unit) = syntax.unit(text) {
        units.insert(key.to_owned(), unit.to_owned());
    }
    Ok(())
}

/// Returns the value of a row of an export; `None` if the cell is empty.
pub(super) fn series_value(plan: &TablePlan, cells: &(impl RowCells + ?Sized)) -> Result<Option<Value>, Refusal> {
    let ValueSource::Series { series_at, type_at, value_at, types, .. } = &plan.values else { return Ok(None) };
    let text = cells.text(*value_at).ok_or_else(|| not_utf8("value"))?;
    let series = cells.text(*series_at).unwrap_or_default();
    // A type of the options comes before that of the row.
    let given = if types.is_empty() { None } else { own_export::parse_series(series) };
    let given = given.and_then(|key| type_of(types, key.metric()));
    let ty = if let Some(name) = type_at.map(|at| cells.text(at).unwrap_or_default()) {
        let wrong = || plain(in_column("type", &format!("{name:?} is none of f64, i64, u64, bool")));
        let of_row = own_export::value_type(name).ok_or_else(wrong)?;
        given.unwrap_or(of_row)
    } else {
        let is_state = matches!(text, "true" | "false");
        given.unwrap_or(if is_state { ValueType::Bool } else { ValueType::F64 })
    };
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(nan) = own_export::parse_nan(text).filter(|_| ty == ValueType::F64) {
        return Ok(Some(Value::F64(nan)));
    }
    let value = parse_value(text, ty, &NumberSyntax::PLAIN);
    let suggestions = || match type_at {
        None => cell_suggestions(plan, series, text, ty),
        Some(_) => Vec::new(),
    };
    value.map(Some).map_err(|what| (in_column("value", &what), suggestions()))
}

/// Returns the refusal of a text that is not UTF-8.
pub(super) fn not_utf8(name: &str) -> Refusal {
    (in_column(name, "the text is not UTF-8"), vec![Suggestion::new("encoding", "latin1")])
}

pub(super) fn in_column(name: &str, what: &str) -> String {
    format!("column {name}: {what}")
}

pub(super) fn plain(reason: String) -> Refusal {
    (reason, Vec::new())
}

pub(super) fn type_of(types: &[(String, ValueType)], metric: &str) -> Option<ValueType> {
    types.iter().find(|(name, _)| name == metric).map(|(_, ty)| *ty)
}

/// Returns the options that would make a value of a cell.
pub(super) fn cell_suggestions(plan: &TablePlan, name: &str, text: &str, ty: ValueType) -> Vec<Suggestion> {
    use super::number::{is_integer_beyond_f64, parse_plain};
    let reads = |syntax: NumberSyntax| syntax.plain(text).is_some_and(|plain| parse_plain(&plain).is_some());
    if is_integer_beyond_f64(text) {
        return if ty == ValueType::F64 && text.starts_with('-') {
            vec![Suggestion::new("types", format!("{name}=i64"))]
        } else {
            vec![Suggestion::new("types", format!("{name}=u64"))]
        };
    }
    if cell::parse_bool(text).is_some() && ty != ValueType::Bool && parse_plain(text).is_none() {
        return vec![Suggestion::new("types", format!("{name}=bool"))];
    }
    let mut found = Vec::new();
    if reads(NumberSyntax { thousands: Some(','), ..plan.syntax }) && !reads(plan.syntax) {
        found.push(Suggestion::new("thousands", ","));
    }
    if found.is_empty() && reads(NumberSyntax { thousands: Some('\''), ..plan.syntax }) && !reads(plan.syntax) {
        found.push(Suggestion::new("thousands", "'"));
    }
    if reads(NumberSyntax { decimal: ',', ..plan.syntax }) && !reads(plan.syntax) {
        found.push(Suggestion::new("decimal", ","));
    }
    if found.is_empty()
        && !plan.syntax.units
        && text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && reads(NumberSyntax { units: true, ..plan.syntax })
        && !reads(plan.syntax)
    {
        found.push(Suggestion::new("units", ""));
    }
    found
}
