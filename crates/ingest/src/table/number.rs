//! Numbers as files write them: decimal and thousands separators, and units behind them.

use std::borrow::Cow;

use super::TableOptions;
use crate::IngestError;

/// Notation of the numbers of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberSyntax {
    pub(crate) decimal: char,
    pub(crate) thousands: Option<char>,
    pub(crate) units: bool,
}

impl Default for NumberSyntax {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl NumberSyntax {
    /// The notation without any option.
    pub(crate) const PLAIN: Self = Self { decimal: '.', thousands: None, units: false };

    /// Returns the notation of the options.
    ///
    /// # Errors
    ///
    /// If a separator is of numbers, or if both are the same: then one of them would be ignored.
    pub(crate) fn of_options(options: &TableOptions) -> Result<Self, IngestError> {
        let of_number = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '+' | '"');
        if of_number(&options.decimal) {
            let message = format!("the decimal separator {:?} is a part of numbers", options.decimal);
            return Err(IngestError::new(message).suggest("decimal", ","));
        }
        if let Some(separator) = options.thousands.filter(of_number) {
            let message = format!("the separator of thousands {separator:?} is a part of numbers");
            return Err(IngestError::new(message).suggest("thousands", "."));
        }
        if options.thousands == Some(options.decimal) {
            let (other, option) = if options.decimal == '.' { (",", "decimal") } else { (".", "thousands") };
            let message = format!("{:?} separates both thousands and decimals", options.decimal);
            return Err(IngestError::new(message).suggest(option, other));
        }
        Ok(Self { decimal: options.decimal, thousands: options.thousands, units: options.units })
    }

    /// Returns the number in plain notation; `None` if the text cannot be one in this notation.
    pub(crate) fn plain<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        let text = if self.units { split_unit(text, *self)?.0 } else { text };
        if self.decimal == '.' && self.thousands.is_none() {
            return Some(Cow::Borrowed(text));
        }
        if text.bytes().any(|byte| byte.is_ascii_digit()) {
            self.normalize(text).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(text))
        }
    }

    /// Returns the unit behind the number of a text, empty if there is none; `None` if the text is no number with a unit.
    pub(crate) fn unit<'a>(&self, text: &'a str) -> Option<&'a str> {
        split_unit(text, *self).map(|(_, unit)| unit)
    }

    /// Removes the separators of thousands, which must be at their places, and writes the decimals with a point.
    fn normalize(&self, text: &str) -> Option<String> {
        let (whole, fraction) = match text.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let mut plain = String::with_capacity(text.len());
        match self.thousands {
            Some(separator) => {
                let is_separator = |c: char| c == separator || (separator == ' ' && matches!(c, '\u{a0}' | '\u{202f}'));
                for (nth, group) in whole.split(is_separator).enumerate() {
                    let digits = if nth == 0 { group.trim_start_matches(['-', '+']) } else { group };
                    let is_split = whole.contains(is_separator);
                    let is_wrong =
                        (nth > 0 && group.len() != 3) || (nth == 0 && is_split && !(1..=3).contains(&digits.len()));
                    if is_wrong || (is_split && !digits.bytes().all(|byte| byte.is_ascii_digit())) {
                        return None;
                    }
                    plain.push_str(group);
                }
            }
            None => plain.push_str(whole),
        }
        // With another decimal separator, a point is none.
        if self.decimal != '.' && plain.contains('.') {
            return None;
        }
        if let Some(fraction) = fraction {
            if self.decimal != '.' && fraction.contains('.') {
                return None;
            }
            plain.push('.');
            plain.push_str(fraction);
        }
        Some(plain)
    }
}

/// Splits a text into its number and the unit behind it, which may be empty; `None` if the rest is no unit.
///
/// A unit is of letters, `%`, `°`, `/` and the like. Without a space, the letters `a` to `f` alone are no unit: `1a` and
/// `5e1f` are rather hexadecimal.
fn split_unit(text: &str, syntax: NumberSyntax) -> Option<(&str, &str)> {
    let is_of_number = |c: char| c.is_ascii_digit() || c == syntax.decimal || Some(c) == syntax.thousands;
    let start = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = text.len() - start.len();
    let mut end = start.find(|c: char| !is_of_number(c)).unwrap_or(start.len());
    if !start[..end].bytes().any(|byte| byte.is_ascii_digit()) {
        return Some((text, ""));
    }
    // An exponent belongs to the number only if digits follow.
    if let Some(exponent) = start[end..].strip_prefix(['e', 'E']) {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if count > 0 {
            end = start.len() - digits.len() + count;
        }
    }
    let number = text[..sign + end].trim_end();
    let rest = &start[end..];
    let unit = rest.trim();
    let is_of_unit =
        |c: char| c.is_alphabetic() || "%\u{2030}\u{b0}$/\u{b2}\u{b3}\u{b7}\u{2032}\u{2033}'\" ".contains(c);
    let is_currency = |c: char| matches!(c, '\u{20ac}' | '\u{a3}');
    let is_hexadecimal = !unit.is_empty() && rest.len() == unit.len() && unit.chars().all(|c| ('a'..='f').contains(&c));
    let is_unit = unit.chars().all(|c| is_of_unit(c) || is_currency(c)) && !unit.starts_with('/') && !is_hexadecimal;
    is_unit.then_some((number, unit))
}

/// Parses a number in plain notation: `1.5`, `-3e8`, `NaN`, `+Inf`.
///
/// Returns `None` for any other text, and for a number beyond the range of `f64`.
pub(crate) fn parse_plain(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let is_written_as_infinity = || text.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'i'));
    (!number.is_infinite() || is_written_as_infinity()).then_some(number)
}

/// Returns `true` if the text is digits alone, perhaps with a sign, and no `f64` is equal to it.
pub(crate) fn is_integer_beyond_f64(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // Any 15 digits are exact.
    if digits.len() <= 15 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let (Ok(number), Ok(float)) = (digits.parse::<u128>(), digits.parse::<f64>()) else { return true };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a saturated number is unequal, too")]
    let back = float as u128;
    back != number || number == u128::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str, decimal: char, thousands: Option<char>, units: bool) -> Option<f64> {
        NumberSyntax { decimal, thousands, units }.plain(text).and_then(|text| parse_plain(&text))
    }

    #[test]
    fn separators_are_obeyed_and_checked() {
        assert_eq!(number("1,5", ',', None, false), Some(1.5));
        assert_eq!(number("1,234", ',', None, false), Some(1.234));
        assert_eq!(number("-1.234.567,5", ',', Some('.'), false), Some(-1_234_567.5));
        assert_eq!(number("1,234", '.', Some(','), false), Some(1_234.0));
        assert_eq!(number("12345", '.', Some(','), false), Some(12_345.0));
        assert_eq!(number("1 234,5", ',', Some(' '), false), Some(1_234.5));
        assert_eq!(number("1e3", ',', Some('.'), false), Some(1_000.0));
        for (text, decimal, thousands) in
            [("1.5", ',', None), ("1,23", '.', Some(',')), (",123", '.', Some(',')), ("1234,567", '.', Some(','))]
        {
            assert_eq!(number(text, decimal, thousands, false), None, "{text}");
        }
    }

    #[test]
    fn a_separator_that_could_not_be_told_apart_is_refused() {
        let check = |decimal, thousands| {
            let options = TableOptions { decimal, thousands, ..TableOptions::default() };
            NumberSyntax::of_options(&options)
                .map_err(|error| (error.suggestions[0].option, error.suggestions[0].value.clone()))
        };
        assert_eq!(check('.', Some('.')), Err(("decimal", ",".to_owned())));
        assert_eq!(check(',', Some(',')), Err(("thousands", ".".to_owned())));
        for (decimal, thousands) in [('5', None), ('-', None), ('e', None), ('.', Some('0')), ('.', Some('+'))] {
            assert!(check(decimal, thousands).is_err(), "{decimal} {thousands:?}");
        }
        for (decimal, thousands) in
            [('.', None), (',', Some('.')), ('.', Some('\'')), (',', Some(' ')), ('.', Some('_'))]
        {
            assert!(check(decimal, thousands).is_ok(), "{decimal} {thousands:?}");
        }
    }

    #[test]
    fn a_unit_behind_a_number_is_removed() {
        for (text, expected) in
            [("45 %", 45.0), ("1024 MiB", 1024.0), ("-3.5e2V", -350.0), ("21.5\u{b0}C", 21.5), ("7", 7.0)]
        {
            assert_eq!(number(text, '.', None, true), Some(expected), "{text}");
        }
        assert_eq!(number("1,5 kW", ',', None, true), Some(1.5));
        for text in [
            "2024-01-01",
            "kW",
            "5e1f",
            "0x1F",
            "1a",
            "77ab",
            "1.5x10^3",
            "1/2",
            "10 - 20",
            "1:30",
            "1.2.3",
            "5 e3",
            "10\u{b1}2 C",
            "1_000",
        ] {
            assert_eq!(number(text, '.', None, true), None, "{text}");
        }
        for text in ["5 a", "20C", "3 km/h", "7 m\u{b3}", "7 \u{b5}g"] {
            assert!(number(text, '.', None, true).is_some(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_that_no_float_equals_are_recognised() {
        for text in
            ["9007199254740993", "18446744073709551615", "9223372036854775807", &"1".repeat(60), "-9007199254740993"]
        {
            assert!(is_integer_beyond_f64(text), "{text}");
        }
        for text in ["9007199254740992", "1", "9007199254740993.0", "x", "10000000000000000000000"] {
            assert!(!is_integer_beyond_f64(text), "{text}");
        }
    }
}
