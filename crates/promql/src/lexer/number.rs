//! Numbers and durations.

/// Returns the length of the number or duration at the start of a text, valid or not.
pub(super) fn length(text: &str) -> usize {
    let is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let is_sign_of_exponent = matches!(byte, b'+' | b'-')
            && !is_hexadecimal
            && at > 0
            && bytes[at - 1].eq_ignore_ascii_case(&b'e')
            && bytes[..at - 1].iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'));
        if !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_') && !is_sign_of_exponent {
            break;
        }
        at += 1;
    }
    at
}

/// Parses a number without a sign: decimal, `0x1F`, `0b11`, `0o17`, `017` (octal), `1_000`, `.5`, `1e3`.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    if lower == "inf" {
        return Some(f64::INFINITY);
    }
    if lower == "nan" {
        return Some(f64::NAN);
    }
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return whole(digits.strip_prefix('_').unwrap_or(digits), radix);
        }
    }
    let is_octal = lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|b| matches!(b, b'0'..=b'7' | b'_'));
    if is_octal {
        return whole(lower[1..].strip_prefix('_').unwrap_or(&lower[1..]), 8);
    }
    decimal(&lower)
}

/// Parses digits with single underscores between them.
fn whole(digits: &str, radix: u32) -> Option<f64> {
    if !has_digits_around_underscores(digits, radix) {
        return None;
    }
    let mut value = 0_i64;
    for digit in digits.chars().filter(|c| *c != '_') {
        value = value.checked_mul(i64::from(radix))?.checked_add(i64::from(digit.to_digit(radix)?))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of the language is a float")]
    Some(value as f64)
}

fn has_digits_around_underscores(digits: &str, radix: u32) -> bool {
    digits.split('_').all(|part| !part.is_empty() && part.chars().all(|c| c.is_digit(radix)))
}

fn decimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_part = |digits: &str| digits.is_empty() || has_digits_around_underscores(digits, 10);
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    let is_number = is_part(before)
        && is_part(after)
        && !(before.is_empty() && after.is_empty())
        && exponent.is_none_or(|digits| has_digits_around_underscores(digits, 10));
    if !is_number {
        return None;
    }
    // Beyond the greatest float Rust gives infinity, and Go an error.
    text.replace('_', "").parse().ok().filter(|value: &f64| value.is_finite())
}

/// Units of durations from the longest, with their milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Returns `true` if a text consists of numbers and units, in whatever order.
pub(super) fn is_duration_shaped(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let Some((_, _, tail)) = part(rest) else { return false };
        rest = tail;
    }
    !text.is_empty()
}

/// Splits a number and its unit off a text.
fn part(text: &str) -> Option<(&str, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
    let (number, rest) = text.split_at(digits);
    let unit = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit);
    UNITS.iter().any(|(name, _)| *name == unit).then_some((number, unit, rest))
}

/// Parses a duration such as `1h30m` to seconds. Units come in the order of their length, each at most once.
pub(crate) fn parse_duration(text: &str) -> Result<f64, String> {
    let (mut rest, mut units, mut millis) = (text, UNITS.iter(), 0_u64);
    while !rest.is_empty() {
        let found = part(rest).and_then(|(number, unit, tail)| {
            let (_, factor) = units.by_ref().find(|(name, _)| *name == unit)?;
            Some((number, *factor, tail))
        });
        let Some((number, factor, tail)) = found else {
            return Err(format!("not a valid duration string: {}", super::quote(text)));
        };
        let product = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        let sum = product.and_then(|product| millis.checked_add(product));
        // The reference keeps durations in 64 bits of nanoseconds.
        millis = sum.filter(|sum| *sum <= i64::MAX.unsigned_abs() / 1_000_000).ok_or("duration out of range")?;
        rest = tail;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 9.3e12, which a float holds exactly")]
    Ok(millis as f64 / 1_000.0)
}
