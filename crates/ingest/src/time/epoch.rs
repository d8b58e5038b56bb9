//! Decimal counts of units since an epoch, exact to the nanosecond.

/// Parses a decimal number of units, with `10^power` nanoseconds per unit, to nanoseconds.
///
/// The result is exact, since no float is used. Digits below a nanosecond are truncated towards the past.
pub(crate) fn parse(text: &str, power: i32) -> Result<i64, String> {
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
    let nanos = match factor {
        Some(factor) if shift < 0 => Some(count.div_euclid(factor)),
        Some(factor) => count.checked_mul(factor),
        None if count == 0 || shift < 0 => Some(if count < 0 { -1 } else { 0 }),
        None => None,
    };
    nanos.and_then(|nanos| i64::try_from(nanos).ok()).ok_or_else(|| out_of_range(text))
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
        assert_eq!((nanos(0, "1e-9999"), nanos(9, "0e9999")), (Some(0), Some(0)));
    }
}
