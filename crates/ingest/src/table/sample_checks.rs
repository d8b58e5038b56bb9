//! Checks of the sample: columns that are values without an option, and columns that an option would make values.

use std::collections::HashSet;

use timestrata::ValueType;

use super::column_roles::join_limited;
use super::header::is_clock_or_date_name;
use super::number::{NumberSyntax, parse_plain};
use super::plan_draft::PlanDraft;
use super::sample::{ColumnSample, SAMPLE_ROWS, SampleCell};
use super::words;
use crate::{IngestError, Suggestion};

/// Returns every column of numbers or states that is not ignored, and notes the others.
pub(crate) fn numeric_columns(
    draft: &mut PlanDraft<'_>,
    taken: &HashSet<usize>,
    except: &[usize],
    types: &[(usize, ValueType)],
) -> Result<Vec<usize>, IngestError> {
    let (mut chosen, mut texts, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for (at, sample) in draft.sample.iter().enumerate() {
        if taken.contains(&at) || except.contains(&at) {
            continue;
        }
        let name = draft.names.name(at);
        if types.iter().any(|(of, _)| *of == at) {
            chosen.push(at);
        } else if draft.names.0[at].is_empty() {
            if sample.filled > 0 {
                notes.push(format!("{name} has no name and is left out"));
            }
        } else if sample.is_numeric() || sample.is_state() {
            chosen.push(at);
        } else if let Some(cell) = &sample.not_number {
            if let Some(error) = almost_numeric(draft, at, &name, sample) {
                return Err(error);
            }
            texts.push(format!("{name} (line {}: {:?})", cell.line, cell.text));
        }
    }
    if chosen.is_empty() {
        let names = draft.names.listed();
        let count = SAMPLE_ROWS;
        let error = IngestError::new(format!(
            "no column holds only numbers in the first {count} rows: name the values; the columns are {names}"
        ));
        return Err(error.suggest("values", "COL"));
    }
    if !texts.is_empty() {
        notes.push(format!("left out, not numeric: {}", join_limited(&texts, 10)));
    }
    draft.understanding.notes.extend(notes);
    Ok(chosen)
}

/// Returns the error of a column that an option would make numeric: leaving it out would lose its numbers in silence.
fn almost_numeric(draft: &PlanDraft<'_>, at: usize, name: &str, sample: &ColumnSample) -> Option<IngestError> {
    let cell = sample.not_number.as_ref()?;
    let suggestions = column_suggestions(draft, at, sample);
    let is_text = sample.is_time() || sample.is_clock();
    let is_value = (sample.numbers * 2 >= sample.filled && words::is_value_like(&cell.text))
        || (!is_text && words::are_numbers(&filled_cells(draft, at)));
    let first = suggestions.first().map(|first| first.option).or(is_value.then_some(""))?;
    let what = match first {
        "decimal" => "another decimal separator",
        "thousands" => "separators of thousands",
        "units" => "units",
        "encoding" => "text that is not UTF-8",
        "" if sample.numbers == 0 => "numbers of several units, or in a notation that is not read",
        _ => "words among its numbers",
    };
    let mut error = IngestError::new(format!("column {name} has {what}: {:?}", cell.text)).at_line(cell.line);
    error.suggestions = suggestions;
    Some(error.suggest("values-except", name))
}

/// Returns the cells of a column that hold a value.
fn filled_cells<'a>(draft: &'a PlanDraft<'_>, at: usize) -> Vec<&'a str> {
    draft.filled_cells(at).collect()
}

/// Returns the options that would make every cell of a column a number.
fn column_suggestions(draft: &PlanDraft<'_>, at: usize, sample: &ColumnSample) -> Vec<Suggestion> {
    let cells = filled_cells(draft, at);
    let reads_all = |syntax: NumberSyntax| {
        cells.iter().all(|text| syntax.plain(text).is_some_and(|plain| parse_plain(&plain).is_some()))
    };
    let syntax = draft.syntax;
    let mut found = Vec::new();
    // One comma and three digits behind it are thousands rather than decimals, if every number has them.
    if syntax.thousands.is_none() && reads_all(NumberSyntax { thousands: Some(','), ..syntax }) {
        found.push(Suggestion::new("thousands", ","));
    }
    if syntax.decimal == '.' && reads_all(NumberSyntax { decimal: ',', ..syntax }) {
        found.push(Suggestion::new("decimal", ","));
    }
    if found.is_empty()
        && syntax.decimal == '.'
        && reads_all(NumberSyntax { decimal: ',', thousands: Some('.'), ..syntax })
    {
        found.push(Suggestion::new("decimal", ","));
        found.push(Suggestion::new("thousands", "."));
    }
    for separator in [' ', '\'', '\u{2019}'] {
        let thousands = Some(separator);
        if found.is_empty() && reads_all(NumberSyntax { thousands, ..syntax }) {
            found.push(Suggestion::new("thousands", separator));
        }
        if found.is_empty() && reads_all(NumberSyntax { decimal: ',', thousands, ..syntax }) {
            found.push(Suggestion::new("decimal", ","));
            found.push(Suggestion::new("thousands", separator));
        }
    }
    if found.is_empty() && !syntax.units && !sample.is_time() && !sample.is_clock() {
        let has_one = |syntax: NumberSyntax| reads_all(syntax) && words::has_one_unit(&cells, syntax);
        if has_one(NumberSyntax { units: true, ..syntax }) {
            found.push(Suggestion::new("units", ""));
        } else if syntax.decimal == '.' && has_one(NumberSyntax { units: true, decimal: ',', ..syntax }) {
            found.push(Suggestion::new("units", ""));
            found.push(Suggestion::new("decimal", ","));
        }
    }
    // A replacement character shows text of another encoding, such as a degree sign behind a number.
    let is_other_encoding =
        |text: &&str| text.starts_with(|c: char| c.is_ascii_digit() || c == '-') && text.contains('\u{fffd}');
    if found.is_empty() && cells.iter().any(is_other_encoding) {
        found.push(Suggestion::new("encoding", "latin1"));
    }
    if found.is_empty() && sample.numbers * 2 >= sample.filled && sample.words.len() <= 3 {
        found.extend(words::suggestion(&draft.names.name(at), &cells, &sample.words));
    }
    found
}

/// Refuses a column of floats with a whole number that no float equals.
pub(crate) fn refuse_inexact(draft: &PlanDraft<'_>, at: usize, name: &str) -> Result<(), IngestError> {
    let sample = &draft.sample[at];
    let Some(SampleCell { line, text }) = &sample.beyond_f64 else { return Ok(()) };
    if draft.options().skip_bad {
        return Ok(());
    }
    let fits_i64 = sample.greatest_integer <= i128::from(i64::MAX);
    let types: &[&str] = match (sample.has_negative, fits_i64) {
        (true, _) => &["i64"],
        (false, true) => &["u64", "i64"],
        (false, false) => &["u64"],
    };
    let message =
        format!("column {name}: no f64 is equal to {text}, a whole number: keep it as {}", types.join(" or "));
    let mut error = IngestError::new(message).at_line(*line);
    for ty in types {
        error = error.suggest("types", format!("{name}={ty}"));
    }
    Err(error)
}

/// Refuses a table whose column names are times: a row per day and a column per hour, for example.
pub(crate) fn refuse_times_across(draft: &PlanDraft<'_>, chosen: &[usize]) -> Result<(), IngestError> {
    const MIN_NUMBERS: usize = 12;
    let names: Vec<String> = chosen.iter().map(|at| draft.names.name(*at)).collect();
    let times: Vec<&String> = names.iter().filter(|name| is_clock_or_date_name(name)).collect();
    let numbers: Vec<i64> = names.iter().filter_map(|name| name.trim_start_matches(['h', 'H']).parse().ok()).collect();
    let is_count = numbers.len() >= MIN_NUMBERS && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let months: Vec<&String> = names.iter().filter(|name| is_month_name(name)).collect();
    let times = if months.len() >= MIN_NUMBERS { months } else { times };
    if times.len() < 2 && !is_count {
        return Ok(());
    }
    let shown = if is_count && times.len() < 2 { join_limited(&names, 4) } else { join_limited(&times, 4) };
    let error = IngestError::new(format!(
        "the column names {shown} are times: unpivot the table first, to a row for each time, or name the columns as values"
    ));
    Err(error.suggest("values", if names.len() <= 4 { names.join(",") } else { "COL".to_owned() }))
}

/// Returns `true` for names of months, such as `Jan` and `January`.
fn is_month_name(name: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.trim().to_lowercase();
    name.len() >= 3 && MONTHS.iter().any(|month| month.starts_with(&name))
}
