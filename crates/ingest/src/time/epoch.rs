//! Decimal counts of units since an epoch, exact to the nanosecond.

use std::cmp::Ordering;

/// Parses a decimal number of units, with `10^power` nanoseconds per unit, to nanoseconds.
///
/// The result is exact, since no float is used. Digits below a nanosecond are truncated towards the past.
pub(crate) fn parse(text: &str, power: i32) -> Result<i64, String> {
    scaled(text, power).map(|(nanos, _)| nanos)
}

/// Parses as [`parse`] does, and rounds to the nearest nanosecond.
pub(crate) fn parse_rounded(text: &str, power: i32) -> Result<i64, String> {
    let (nanos, rest) = scaled(text, power)?;
    let is_up = matches!(rest, Rest::Half | Rest::MoreThanHalf);
    nanos.checked_add(i64::from(is_up)).ok_or_else(|| out_of_range(text))
}

/// Returns `true` for a number of units with digits below a nanosecond.
pub(crate) fn is_below_nanosecond(text: &str, power: i32) -> bool {
    scaled(text, power).is_ok_and(|(_, rest)| rest != Rest::None)
}

/// What is left of a number above its whole nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    LessThanHalf,
    Half,
    MoreThanHalf,
}

/// Returns the whole nanoseconds at or below a number of units, and what is left.
fn scaled(text: &str, power: i32) -> Result<(i64, Rest), String> {
    let wrong = || format!("{text:?} is not a number of {}", unit_name(power));
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i16>().map_err(|_| wrong())?),
        None => (text, 0),
    };
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = || whole.bytes().chain(part.bytes());
    if whole.is_empty() || !digits().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count = digits().try_fold(0_i128, |count, digit| count.checked_mul(10)?.checked_add(i128::from(digit - b'0')));
    let count = count.ok_or_else(|| out_of_range(text))? * if negative { -1 } else { 1 };
    let decimals = i32::try_from(part.len()).map_err(|_| wrong())?;
    let shift = power + i32::from(exponent) - decimals;
    let factor = 10_i128.checked_pow(shift.unsigned_abs());
    let (nanos, rest) = match factor {
        Some(factor) if shift < 0 => {
            let rest = count.rem_euclid(factor);
            let rest = match rest.cmp(&(factor - rest)) {
                _ if rest == 0 => Rest::None,
                Ordering::Less => Rest::LessThanHalf,
                Ordering::Equal => Rest::Half,
                Ordering::Greater => Rest::MoreThanHalf,
            };
            (Some(count.div_euclid(factor)), rest)
        }
        Some(factor) => (count.checked_mul(factor), Rest::None),
        None if count == 0 => (Some(0), Rest::None),
        // Far less than a nanosecond.
        None if shift < 0 && count < 0 => (Some(-1), Rest::MoreThanHalf),
        None if shift < 0 => (Some(0), Rest::LessThanHalf),
        None => (None, Rest::None),
    };
    let nanos = nanos.and_then(|nanos| i64::try_from(nanos).ok()).ok_or_else(|| out_of_range(text))?;
    Ok((nanos, rest))
}

/// Returns the message of a time that no timestamp can hold.
pub(crate) fn out_of_range(text: &str) -> String {
    format!("{text:?} is outside the years 1677 to 2262")
}

/// Returns the name of a unit of `10^power` nanoseconds.
pub(crate) fn unit_name(power: i32) -> &'static str {
    match power {
        9 => "seconds",
        6 => "milliseconds",
        3 => "microseconds",
        _ => "nanoseconds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_exact_to_the_nanosecond() {
        let nanos = |power, text: &str| parse(text, power).ok();
        assert_eq!(nanos(9, "1700000000.123456789"), Some(1_700_000_000_123_456_789));
        assert_eq!(nanos(9, "1.7e9"), Some(1_700_000_000_000_000_000));
        assert_eq!(nanos(6, "1795364193056"), Some(1_795_364_193_056_000_000));
        assert_eq!(nanos(6, "-0.5"), Some(-500_000));
        assert_eq!(nanos(3, "1.0001"), Some(1_000));
        assert_eq!(nanos(0, "-0.1"), Some(-1));
        assert_eq!(nanos(0, "9223372036854775807"), Some(i64::MAX));
        let endless = "9".repeat(99);
        for text in ["9223372036854775808", "1e99", "1e-99x", "", ".", "1.2.3", "--1", "0x10", "nan", &endless] {
            assert_eq!(nanos(0, text), None, "{text}");
        }
        let rounded = |text: &str| parse_rounded(text, 9).ok();
        assert_eq!(rounded("0.7999999999999999"), Some(800_000_000));
        assert_eq!(
            (rounded("1.1000000000000001"), rounded("-2.9999999999999996")),
            (Some(1_100_000_000), Some(-3_000_000_000))
        );
        assert_eq!(
            (rounded("4e-10"), rounded("5e-10"), rounded("-6e-10"), rounded("-1e-99")),
            (Some(0), Some(1), Some(-1), Some(0))
        );
        for (text, is_below) in [
            ("1.7040672E+09", false),
            ("1.70406720012345678912e9", true),
            ("1e-9", false),
            ("1e-10", true),
            ("0.1234567890", false),
            ("1e-99", true),
        ] {
            assert_eq!(is_below_nanosecond(text, 9), is_below, "{text}");
        }
        assert_eq!((nanos(0, "1e-9999"), nanos(9, "0e9999")), (Some(0), Some(0)));
    }
}
