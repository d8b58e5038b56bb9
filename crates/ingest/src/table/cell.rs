//! Cells of value columns: words for "no value", and values of each type.
//!
//! A value that its type cannot represent exactly is an error, never rounded or truncated.

use timestrata::{Value, ValueType};

use super::missing_numbers::MissingNumber;
use super::number::{self, NumberSyntax};

/// Words for "no value" that are known without an option, in lower case.
const KNOWN_WORDS: [&str; 14] =
    ["na", "n/a", "#n/a", "<na>", "null", "nil", "none", "nan", "-", "--", "?", "\\n", "unavailable", "unknown"];
const LONGEST_KNOWN_WORD: usize = 11;

/// Cells that hold no value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct MissingCells {
    words: Vec<String>,
    numbers: Vec<MissingNumber>,
    /// Notation of the cells.
    syntax: NumberSyntax,
}

impl MissingCells {
    /// Reads the words and numbers of the options.
    pub(crate) fn new(given: &[String], syntax: NumberSyntax) -> Self {
        let words = given.iter().map(|word| word.to_lowercase()).collect();
        Self { words, numbers: given.iter().filter_map(|word| MissingNumber::new(word, syntax)).collect(), syntax }
    }

    /// Returns `true` if a cell that may be a number holds no value.
    pub(crate) fn matches(&self, text: &str) -> bool {
        text.is_empty() || self.is_word(text) || (!self.numbers.is_empty() && self.is_number(text))
    }

    fn is_word(&self, text: &str) -> bool {
        // Most cells are numbers, which are no words.
        let first = text.as_bytes().first().copied().unwrap_or_default();
        if first.is_ascii_digit() && self.words.is_empty() {
            return false;
        }
        if text.len() <= LONGEST_KNOWN_WORD && KNOWN_WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
            return true;
        }
        // C libraries write the sign of a NaN.
        if text.strip_prefix(['-', '+']).is_some_and(|rest| rest.eq_ignore_ascii_case("nan")) {
            return true;
        }
        !self.words.is_empty() && self.words.contains(&text.to_lowercase())
    }

    fn is_number(&self, text: &str) -> bool {
        let Some(plain) = self.syntax.plain(text) else { return false };
        let number = number::parse_plain(&plain);
        number.is_some_and(|number| self.numbers.iter().any(|missing| missing.equals(&plain, number)))
    }
}

/// Returns the value of a cell that is not missing, or the reason why it is invalid.
pub(crate) fn parse_value(text: &str, ty: ValueType, syntax: &NumberSyntax) -> Result<Value, String> {
    let wrong = |what: &str| format!("{text:?} is not {what}");
    if ty == ValueType::Bool {
        return parse_bool(text).map(Value::Bool).ok_or_else(|| wrong("true or false, on or off, yes or no, 1 or 0"));
    }
    let plain = syntax.plain(text);
    let plain = plain.as_deref().unwrap_or("");
    match ty {
        ValueType::F64 => {
            let number = number::parse_plain(plain).ok_or_else(|| wrong("a number"))?;
            if plain.len() > 15 && number::is_integer_beyond_f64(plain) {
                return Err(format!("no f64 is equal to {text}, a whole number: its type must be i64 or u64"));
            }
            Ok(Value::F64(number))
        }
        ValueType::I64 => plain.parse().map(Value::I64).map_err(|_| wrong("an i64")),
        _ => plain.parse().map(Value::U64).map_err(|_| wrong("a u64")),
    }
}

/// Parses the words of states, in any case.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    let is_any = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_any(["true", "1", "on", "yes"]) {
        return Some(true);
    }
    is_any(["false", "0", "off", "no"]).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_equals_its_cell_or_is_rejected() {
        let value = |text, ty| parse_value(text, ty, &NumberSyntax::PLAIN);
        assert_eq!(value("-3.5e2", ValueType::F64), Ok(Value::F64(-350.0)));
        assert_eq!(value("+Inf", ValueType::F64), Ok(Value::F64(f64::INFINITY)));
        assert_eq!(value("-9223372036854775808", ValueType::I64), Ok(Value::I64(i64::MIN)));
        assert_eq!(value("18446744073709551615", ValueType::U64), Ok(Value::U64(u64::MAX)));
        assert_eq!(value("False", ValueType::Bool), Ok(Value::Bool(false)));
        assert_eq!(value("yes", ValueType::Bool), Ok(Value::Bool(true)));
        for (text, ty) in [
            ("1e999", ValueType::F64),
            ("1,5", ValueType::F64),
            ("abc", ValueType::F64),
            ("9007199254740993", ValueType::F64),
            ("1.0", ValueType::I64),
            ("-1", ValueType::U64),
            ("maybe", ValueType::Bool),
        ] {
            assert!(value(text, ty).is_err(), "{text} {ty}");
        }
    }

    #[test]
    fn missing_words_match_in_any_case_and_numbers_by_value() {
        let missing = MissingCells::new(&["-9999".to_owned(), "n.d.".to_owned()], NumberSyntax::PLAIN);
        for text in
            ["", "NA", "N/A", "null", "NONE", "-nan", "+NaN", "-", "--", "?", "\\N", "Unavailable", "-9999.0", "N.D."]
        {
            assert!(missing.matches(text), "{text}");
        }
        assert!(!missing.matches("0") && !missing.matches("x") && !MissingCells::default().matches("-9999"));
    }
}
