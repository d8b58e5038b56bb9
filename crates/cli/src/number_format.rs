//! Number formats for people: digits in groups of three, bytes in units, rates and ratios.

use std::time::Duration;

use timestrata::Value;

/// Formats `211061` as `211,061`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats `2416780` as `2.30 MiB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut size = number as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.2} {}", UNITS[unit])
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
pub(crate) fn per_second(number: u64, took: Duration) -> u64 {
    (number as f64 / took.as_secs_f64().max(1e-9)) as u64
}

/// Formats a ratio with two decimals; a hyphen if the divisor is zero.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
pub(crate) fn ratio(number: u64, of: u64) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.2}", number as f64 / of as f64) }
}

/// Returns the shortest text that parses to the same value.
///
/// Very large and very small numbers have an exponent.
pub(crate) fn exact(value: Value) -> String {
    match value {
        Value::F64(number) if is_handy(number) => number.to_string(),
        Value::F64(number) => format!("{number:e}"),
        other => other.to_string(),
    }
}

/// Formats a value for a table: nine digits, integers in full.
pub(crate) fn rounded(value: Value) -> String {
    const DIGITS: usize = 9;
    match value {
        Value::F64(number) if number.is_finite() && is_handy(number) && number.fract() != 0.0 => {
            let whole = number.abs().trunc();
            let digits = if whole < 1.0 { 0 } else { whole.to_string().len() };
            let text = format!("{number:.*}", DIGITS.saturating_sub(digits).max(1));
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Value::F64(number) if number.is_finite() && !is_handy(number) => {
            let text = format!("{number:.8e}");
            match text.split_once('e') {
                Some((number, exponent)) if number.contains('.') => {
                    format!("{}e{exponent}", number.trim_end_matches('0').trim_end_matches('.'))
                }
                _ => text,
            }
        }
        other => exact(other),
    }
}

/// Returns `true` for zero, values that are not finite, and magnitudes that need no exponent.
fn is_handy(number: f64) -> bool {
    number == 0.0 || !number.is_finite() || (1e-5..1e16).contains(&number.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_bytes_read_well() {
        assert_eq!([0, 999, 1_000, 211_061, 1_000_000].map(count), ["0", "999", "1,000", "211,061", "1,000,000"]);
        assert_eq!([0, 1023, 1024, 2_416_780].map(bytes), ["0 B", "1023 B", "1.00 KiB", "2.30 MiB"]);
        assert_eq!(bytes(u64::MAX), "16384.00 PiB");
        assert_eq!((ratio(3, 2), ratio(3, 0)), ("1.50".to_owned(), "-".to_owned()));
        assert_eq!(per_second(10, Duration::from_millis(500)), 20);
    }

    #[test]
    fn exact_text_reads_back_the_same() {
        for number in [0.0, -0.0, 39.02, 1e300, -5e-324, f64::MAX, 10.357_019_999_999_999, f64::INFINITY] {
            let text = exact(Value::F64(number));
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{text}");
            assert!(text.len() < 25, "{text}");
        }
        assert_eq!(exact(Value::F64(f64::NAN)), "NaN");
        assert_eq!(exact(Value::U64(u64::MAX)), "18446744073709551615");
    }

    #[test]
    fn tables_round_to_nine_digits() {
        for (number, text) in [
            (10.357_019_999_999_999, "10.35702"),
            (270.0, "270"),
            (8_531.930_425_999_999, "8531.93043"),
            (123_456_789_012.25, "123456789012.2"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0 * 1e-7, "3.33333333e-8"),
            (1e300, "1e300"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(rounded(Value::F64(number)), text);
        }
    }
}
