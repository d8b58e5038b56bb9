//! Words among the numbers of a column: which options say what they mean, without losing a value.

use super::cell::parse_bool;
use super::number::{NumberSyntax, parse_plain};
use crate::Suggestion;

/// Returns the option that says what the words of a column mean; `None` if there is none that loses no value.
pub(super) fn suggestion(name: &str, cells: &[&str], words: &[String]) -> Option<Suggestion> {
    if cells.iter().all(|cell| parse_bool(cell).is_some()) {
        return Some(Suggestion::new("types", format!("{name}=bool")));
    }
    // The option is split at commas.
    let is_missing = |word: &String| !is_value_like(word) && !word.contains(',');
    words.iter().all(is_missing).then(|| Suggestion::new("missing", words.join(",")))
}

/// Returns `true` for a text that is a value in some notation: a state, a number with a unit or separators, or one of
/// [`is_number_like`].
pub(super) fn is_value_like(text: &str) -> bool {
    if parse_bool(text).is_some() || is_number_like(text) {
        return true;
    }
    let is_digits = |part: &str| part.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit());
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    has_digit && text.split(['.', ',', ' ', '\'', '\u{a0}', '\u{202f}']).all(is_digits)
}

/// Returns `true` for a number with a unit, in parentheses, with underscores or another sign, in hexadecimal notation, as a
/// bound such as `<5`, or beyond the range.
pub(super) fn is_number_like(text: &str) -> bool {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let inner = text.trim_matches(['(', ')', '<', '>', '~', '=', '*', ' ']);
    let plain: String = inner
        .chars()
        .filter(|c| *c != '_')
        .map(|c| match c {
            '\u{2212}' | '\u{2013}' => '-',
            ',' => '.',
            c => c,
        })
        .collect();
    let hexadecimal = plain.trim_start_matches(['-', '+']).strip_prefix("0x");
    let with_units = NumberSyntax { units: true, ..NumberSyntax::PLAIN };
    plain.parse::<f64>().is_ok()
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        || with_units.plain(&plain).is_some_and(|number| parse_plain(&number).is_some())
}

/// Returns `true` if every cell of a column is a number in some notation: leaving it out would lose values.
pub(super) fn are_numbers(cells: &[&str]) -> bool {
    cells.iter().all(|cell| is_number_like(cell))
}

/// Returns `true` if all numbers of a column that have a unit have the same one, and every cell has it.
pub(super) fn has_one_unit(cells: &[&str], syntax: NumberSyntax) -> bool {
    let mut units = cells.iter().map(|cell| syntax.unit(cell));
    let first = units.next().flatten();
    first.is_some_and(|unit| !unit.is_empty()) && units.all(|unit| unit == first)
}

/// Returns why the unit of a cell is refused in a column of another unit; `None` if it is the same.
pub(super) fn other_unit(text: &str, unit: &str, syntax: NumberSyntax) -> Option<String> {
    let own = syntax.unit(text)?;
    if own == unit {
        return None;
    }
    let named = |unit: &str| if unit.is_empty() { "no unit".to_owned() } else { format!("the unit {unit:?}") };
    Some(format!("{text:?} has {}, and the column has {}: units are not converted", named(own), named(unit)))
}

/// Returns the unit of the first cell that has one; empty if none has, and `None` without a number.
pub(super) fn first_unit<'a>(cells: impl Iterator<Item = &'a str>, syntax: NumberSyntax) -> Option<String> {
    let is_number = |cell: &&str| syntax.plain(cell).is_some_and(|plain| parse_plain(&plain).is_some());
    let mut units = cells.filter(is_number).filter_map(|cell| syntax.unit(cell));
    let first = units.next()?;
    let found = if first.is_empty() { units.find(|unit| !unit.is_empty()).unwrap_or_default() } else { first };
    Some(found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(cells: &[&str]) -> Option<String> {
        let is_word = |cell: &&&str| parse_plain(cell).is_none();
        let words: Vec<String> = cells.iter().filter(is_word).map(|cell| (*cell).to_owned()).collect();
        suggestion("v", cells, &words).map(|suggestion| format!("{} {}", suggestion.option, suggestion.value))
    }

    #[test]
    fn a_word_that_may_be_a_value_is_never_called_missing() {
        assert_eq!(suggested(&["1", "2", "gone"]).as_deref(), Some("missing gone"));
        assert_eq!(suggested(&["1", "0", "true"]).as_deref(), Some("types v=bool"));
        for word in [
            "2,5,8",
            "n.d., late",
            "(45)",
            "1e400",
            "\u{2212}5",
            "1_000",
            "1,5",
            "<5",
            "true",
            "1.2.3",
            "1'000",
            "45%",
            "0x1F",
        ] {
            assert_eq!(suggested(&["1", "2", word]), None, "{word}");
        }
    }

    #[test]
    fn one_unit_is_of_every_cell() {
        let syntax = NumberSyntax { units: true, ..NumberSyntax::PLAIN };
        assert!(has_one_unit(&["45 %", "12%"], syntax));
        for cells in [["45%", "0.5"], ["1 kB", "1 MB"], ["1", "2"]] {
            assert!(!has_one_unit(&cells, syntax), "{cells:?}");
        }
        assert_eq!(first_unit(["1", "x", "2 kW"].into_iter(), syntax).as_deref(), Some("kW"));
        assert_eq!(first_unit(["", "x"].into_iter(), syntax), None);
        assert_eq!(other_unit("2 kW", "kW", syntax), None);
        assert!(other_unit("2 W", "kW", syntax).is_some_and(|text| text.contains("\"W\"") && text.contains("\"kW\"")));
    }
}
