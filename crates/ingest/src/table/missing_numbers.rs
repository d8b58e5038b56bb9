//! Numbers that mean "no value": compared exactly, in the notation of the input.

use super::number::{NumberSyntax, parse_plain};
use crate::IngestError;

/// Number that means that there is no value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MissingNumber {
    float: f64,
    digits: Option<ExactDigits>,
}

/// Digits of a number without zeros around them, and its exponent. Equal numbers have equal ones.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ExactDigits {
    is_negative: bool,
    digits: String,
    /// Power of ten of the last digit.
    exponent: i64,
}

impl MissingNumber {
    /// Reads a number of the options, in plain notation or else in that of the input.
    pub(super) fn new(text: &str, syntax: NumberSyntax) -> Option<Self> {
        let own = || syntax.plain(text).and_then(|plain| Some((parse_plain(&plain)?, ExactDigits::new(&plain))));
        let (float, digits) = parse_plain(text).map(|float| (float, ExactDigits::new(text))).or_else(own)?;
        Some(Self { float, digits })
    }

    /// Returns `true` for the same number: `plain` in plain notation, `float` nearest to it.
    pub(super) fn equals(&self, plain: &str, float: f64) -> bool {
        // Different numbers may be nearest to one float.
        (self.float..=self.float).contains(&float) && self.digits == ExactDigits::new(plain)
    }
}

impl ExactDigits {
    /// Returns the digits of a number in plain notation; `None` for an infinity and NaN.
    fn new(text: &str) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (is_negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let all = format!("{whole}{fraction}");
        if !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let zeros = all.len() - all.trim_end_matches('0').len();
        let exponent = i64::from(exponent) + i64::try_from(zeros).ok()? - i64::try_from(fraction.len()).ok()?;
        Some(Self { is_negative, digits: digits.to_owned(), exponent })
    }
}

/// Refuses two numbers of the options that may be one with a comma, as `-9999,9` with decimal commas.
pub(super) fn refuse_ambiguous_numbers(missing: &[String], syntax: NumberSyntax) -> Result<(), IngestError> {
    if syntax.decimal != ',' && syntax.thousands != Some(',') {
        return Ok(());
    }
    let syntax = NumberSyntax { units: false, ..syntax };
    for (at, pair) in missing.windows(2).enumerate() {
        let [first, second] = pair else { continue };
        let is_digits = !second.is_empty() && second.bytes().all(|byte| byte.is_ascii_digit());
        let joined = format!("{first},{second}");
        let Some(plain) = syntax.plain(&joined).filter(|plain| is_digits && parse_plain(plain).is_some()) else {
            continue;
        };
        let instead = |texts: &[&str]| {
            let before = missing[..at].iter().map(String::as_str);
            let behind = missing[at + 2..].iter().map(String::as_str);
            before.chain(texts.iter().copied()).chain(behind).collect::<Vec<_>>().join(",")
        };
        let (one, other) = (format!("{first}.0"), format!("{second}.0"));
        let error = IngestError::new(format!("missing {joined} may be one number or two: write it with a point"));
        return Err(error.suggest("missing", instead(&[&plain])).suggest("missing", instead(&[&one, &other])));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_numbers_are_equal_by_value_and_exactly() {
        let is_equal = |one: &str, other: &str| {
            let float = parse_plain(other).unwrap();
            MissingNumber::new(one, NumberSyntax::PLAIN).unwrap().equals(other, float)
        };
        for (one, other) in
            [("-9999", "-9999.0"), ("9999", "9.999e3"), ("1e3", "1000"), ("0", "-0.00"), ("0.5", "+.5"), ("inf", "Inf")]
        {
            assert!(is_equal(one, other), "{one} {other}");
        }
        for (one, other) in [("9007199254740992", "9007199254740993"), ("-9999", "9999"), ("1", "10"), ("0.1", "0.01")]
        {
            assert!(!is_equal(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_comma_between_two_missing_numbers_may_be_that_of_one() {
        let check = |text: &str, decimal, thousands| {
            let missing: Vec<String> = text.split(',').map(str::to_owned).collect();
            let syntax = NumberSyntax { decimal, thousands, units: false };
            let error = refuse_ambiguous_numbers(&missing, syntax).err()?;
            Some(error.suggestions.into_iter().map(|one| one.value).collect::<Vec<_>>())
        };
        let both = |texts: [&str; 2]| Some(texts.map(str::to_owned).to_vec());
        assert_eq!(check("x,-9999,9", ',', None), both(["x,-9999.9", "x,-9999.0,9.0"]));
        assert_eq!(check("-9,999", '.', Some(',')), both(["-9999", "-9.0,999.0"]));
        for (text, decimal, thousands) in
            [("-9999,-8888", ',', None), ("99,999", '.', None), ("99.0,9.0", ',', None), ("99,99", '.', Some(','))]
        {
            assert_eq!(check(text, decimal, thousands), None, "{text}");
        }
    }
}
