//! Numbers in text: exact, without allocation, and only in the notation that data files use.

use timestrata::{Value, ValueType};

/// Powers of ten that an `f64` holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// Digits that always fit in a `u64`.
const MAX_MANTISSA_DIGITS: usize = 19;

/// Parts of a decimal number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Decimal {
    pub(crate) negative: bool,
    /// Significant digits as a whole number; valid if `digits` is at most 19.
    pub(crate) mantissa: u64,
    /// Number of significant digits, leading zeros not counted.
    pub(crate) digits: usize,
    /// Number of digits after the point.
    pub(crate) fraction_digits: usize,
    /// Number of all digits, leading zeros counted.
    pub(crate) all_digits: usize,
    /// Number of bytes read.
    pub(crate) len: usize,
    /// Whether a point was read.
    pub(crate) has_point: bool,
}

impl Decimal {
    /// Reads sign, digits, point and digits at the start of a text; stops at any other byte.
    #[inline]
    pub(crate) fn scan(text: &[u8]) -> Self {
        let mut decimal = Self::default();
        if let Some(b'-') = text.first() {
            decimal.negative = true;
            decimal.len = 1;
        }
        decimal.scan_digits(text);
        if text.get(decimal.len) == Some(&b'.') {
            decimal.len += 1;
            decimal.has_point = true;
            let before = decimal.all_digits;
            decimal.scan_digits(text);
            decimal.fraction_digits = decimal.all_digits - before;
        }
        decimal
    }

    #[inline]
    fn scan_digits(&mut self, text: &[u8]) {
        let start = self.len;
        let mut at = start;
        let (mut mantissa, mut digits) = (self.mantissa, self.digits);
        while let Some(byte) = text.get(at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            digits += usize::from(digits > 0 || digit > 0);
            at += 1;
        }
        (self.mantissa, self.digits, self.len) = (mantissa, digits, at);
        self.all_digits += at - start;
    }

    /// Returns the value if it follows from two exact numbers by one rounding; `None` if the slow way is needed.
    #[inline]
    pub(crate) fn exact_f64(&self, exponent: i32) -> Option<f64> {
        if self.digits > MAX_MANTISSA_DIGITS || self.mantissa > 1 << 53 {
            return None;
        }
        let exponent = exponent.checked_sub(i32::try_from(self.fraction_digits).ok()?)?;
        let power = EXACT_POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
        #[expect(clippy::cast_precision_loss, reason = "at most 2^53, so it is exact")]
        let mantissa = self.mantissa as f64;
        let value = if exponent < 0 { mantissa / power } else { mantissa * power };
        Some(if self.negative { -value } else { value })
    }
}

/// Parses a finite decimal number such as `-1.5e3`; `None` if the text is none or too large.
///
/// The result is the nearest `f64`. A point needs a digit on one side at least.
pub(crate) fn parse_decimal(text: &[u8]) -> Option<f64> {
    let unsigned = text.strip_prefix(b"+").unwrap_or(text);
    if unsigned.len() < text.len() && unsigned.first() == Some(&b'-') {
        return None;
    }
    let decimal = Decimal::scan(unsigned);
    if decimal.all_digits == 0 {
        return None;
    }
    let exponent = match unsigned.get(decimal.len) {
        None => 0,
        Some(b'e' | b'E') => parse_exponent(&unsigned[decimal.len + 1..])?,
        Some(_) => return None,
    };
    decimal
        .exact_f64(exponent)
        .or_else(|| std::str::from_utf8(unsigned).ok()?.parse().ok().filter(|v: &f64| v.is_finite()))
}

fn parse_exponent(text: &[u8]) -> Option<i32> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Exponents of more digits than an i32 has are left to the slow way.
    Some(std::str::from_utf8(text).ok()?.parse().unwrap_or(i32::MAX))
}

/// Parses a decimal number, or NaN or an infinity in any case and with a sign.
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    parse_decimal(text).or_else(|| {
        let (negative, word) = match text.first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") {
            return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        (word.eq_ignore_ascii_case(b"nan") && word.len() == text.len()).then_some(f64::NAN)
    })
}

/// Parses a signed whole number; `None` if the text is none or beyond `i64`.
#[inline]
pub(crate) fn parse_i64(text: &[u8]) -> Option<i64> {
    let decimal = Decimal::scan(text);
    if decimal.len != text.len() || decimal.has_point || decimal.all_digits == 0 {
        return None;
    }
    decimal.to_i64()
}

impl Decimal {
    /// Returns the whole number; `None` beyond `i64`. The caller has checked that there is no point.
    #[inline]
    pub(crate) fn to_i64(self) -> Option<i64> {
        if self.digits > MAX_MANTISSA_DIGITS {
            return None;
        }
        if self.negative { 0_i64.checked_sub_unsigned(self.mantissa) } else { i64::try_from(self.mantissa).ok() }
    }

    /// Returns the whole number; `None` if it is negative or beyond `u64`. There is no point.
    pub(crate) fn to_u64(self, text: &[u8]) -> Option<u64> {
        match self {
            Self { negative: true, .. } => None,
            Self { digits, mantissa, .. } if digits <= MAX_MANTISSA_DIGITS => Some(mantissa),
            _ => std::str::from_utf8(&text[..self.len]).ok()?.parse().ok(),
        }
    }
}

/// Parses seconds since the epoch such as `1704067200.123` to nanoseconds, exactly up to nine decimals.
pub(crate) fn parse_seconds(text: &[u8]) -> Option<i64> {
    let decimal = Decimal::scan(text);
    if decimal.all_digits == 0 {
        return None;
    }
    if decimal.len == text.len() && decimal.fraction_digits <= 9 && decimal.digits <= MAX_MANTISSA_DIGITS {
        let power = 10_u64.pow(9 - u32::try_from(decimal.fraction_digits).ok()?);
        let nanos = decimal.mantissa.checked_mul(power)?;
        return if decimal.negative { 0_i64.checked_sub_unsigned(nanos) } else { i64::try_from(nanos).ok() };
    }
    if decimal.len == text.len() && decimal.fraction_digits > 9 {
        // Decimals beyond the nanosecond are rounded: to the nearest, halves away from zero.
        let point = text.iter().position(|byte| *byte == b'.')?;
        let nanos = parse_seconds(&text[..point + 10])?;
        let away = i64::from(text[point + 10] >= b'5');
        return nanos.checked_add(if decimal.negative { -away } else { away });
    }
    let nanos = parse_decimal(text)? * 1e9;
    #[expect(clippy::cast_possible_truncation, reason = "checked against the range")]
    (nanos.abs() < 9.2e18).then(|| nanos.round() as i64)
}

/// Converts a value to the type that an option asks for; `None` if it is not exactly representable.
pub(crate) fn convert(value: Value, ty: ValueType) -> Option<Value> {
    if value.value_type() == ty {
        return Some(value);
    }
    match (value, ty) {
        (Value::I64(v), ValueType::U64) => u64::try_from(v).ok().map(Value::U64),
        (Value::U64(v), ValueType::I64) => i64::try_from(v).ok().map(Value::I64),
        (Value::I64(_) | Value::U64(_), ValueType::F64) => {
            let float = value.as_f64();
            (i128_of(float) == Some(i128_of_whole(value)?)).then_some(Value::F64(float))
        }
        (Value::Bool(v), ValueType::F64) => Some(Value::F64(f64::from(u8::from(v)))),
        (Value::Bool(v), ValueType::I64) => Some(Value::I64(i64::from(v))),
        (Value::Bool(v), ValueType::U64) => Some(Value::U64(u64::from(v))),
        (_, ValueType::Bool) => match value.as_f64() {
            0.0 => Some(Value::Bool(false)),
            1.0 => Some(Value::Bool(true)),
            _ => None,
        },
        (Value::F64(v), ValueType::I64) => i64::try_from(i128_of(v)?).ok().map(Value::I64),
        (Value::F64(v), ValueType::U64) => u64::try_from(i128_of(v)?).ok().map(Value::U64),
        _ => None,
    }
}

/// Parses a number as the type that an option asks for; `f64` if it asks for none.
pub(crate) fn parse_as(text: &[u8], ty: Option<ValueType>) -> Option<Value> {
    match ty {
        None | Some(ValueType::F64) => parse_float(text).map(Value::F64),
        Some(ValueType::I64) if parse_i64(text).is_some() => parse_i64(text).map(Value::I64),
        Some(ValueType::U64) if !text.starts_with(b"+") && text.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(text).ok()?.parse().ok().map(Value::U64)
        }
        Some(ty) => convert(Value::F64(parse_float(text)?), ty),
    }
}

fn i128_of_whole(value: Value) -> Option<i128> {
    match value {
        Value::I64(v) => Some(i128::from(v)),
        Value::U64(v) => Some(i128::from(v)),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^65")]
fn i128_of(value: f64) -> Option<i128> {
    (value.fract() == 0.0 && value.abs() < 3.7e19).then_some(value as i128)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_plain_decimal_notation_is_a_number() {
        for good in
            ["0", "-0", "1.", ".5", "-.5e1", "+1", "1e5", "1E+5", "1e-5", "00012", "123456789012345678901234567890"]
        {
            let expected: f64 = good.parse().unwrap();
            assert_eq!(parse_decimal(good.as_bytes()).map(f64::to_bits), Some(expected.to_bits()), "{good}");
        }
        for bad in
            ["", "-", "+", ".", "e5", "1e", "1e+", "1e5.0", "+-1", "--1", "1 ", "0x10", "1_0", "nan", "inf", "1e999"]
        {
            assert_eq!(parse_decimal(bad.as_bytes()), None, "{bad}");
        }
        assert!(parse_float(b"NaN").unwrap().is_nan() && parse_float(b"-nan").is_none());
        assert_eq!(parse_float(b"+Inf"), Some(f64::INFINITY));
        assert_eq!(parse_float(b"-infinity"), Some(f64::NEG_INFINITY));
    }

    #[test]
    fn seconds_are_exact_to_the_nanosecond_and_rounded_beyond() {
        assert_eq!(parse_seconds(b"1704067200"), Some(1_704_067_200_000_000_000));
        assert_eq!(parse_seconds(b"1704067200.123456789"), Some(1_704_067_200_123_456_789));
        assert_eq!(parse_seconds(b"0.0000000015"), Some(2));
        assert_eq!(parse_seconds(b"-0.0000000014"), Some(-1));
        assert_eq!(parse_seconds(b"1.7e9"), Some(1_700_000_000_000_000_000));
        assert_eq!(parse_seconds(b"99999999999"), None);
        assert_eq!(parse_seconds(b"1x"), None);
    }

    #[test]
    fn a_conversion_is_exact_or_refused() {
        assert_eq!(convert(Value::F64(3.0), ValueType::U64), Some(Value::U64(3)));
        assert_eq!(convert(Value::F64(3.5), ValueType::U64), None);
        assert_eq!(convert(Value::I64((1 << 53) + 1), ValueType::F64), None);
        assert_eq!(convert(Value::F64(2.0), ValueType::Bool), None);
        assert_eq!(convert(Value::U64(u64::MAX), ValueType::I64), None);
        assert_eq!(parse_as(b"18446744073709551615", Some(ValueType::U64)), Some(Value::U64(u64::MAX)));
    }

    proptest! {
        #[test]
        fn every_float_and_its_neighbourhood_is_parsed_as_by_the_standard_library(bits: u64, digits in "-?[0-9]{1,25}(\\.[0-9]{0,25})?(e-?[0-9]{1,3})?") {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                prop_assert_eq!(parse_decimal(value.to_string().as_bytes()).map(f64::to_bits), Some(bits));
                prop_assert_eq!(parse_decimal(format!("{value:e}").as_bytes()).map(f64::to_bits), Some(bits));
            }
            let expected = digits.parse::<f64>().ok().filter(|v| v.is_finite());
            prop_assert_eq!(parse_decimal(digits.as_bytes()).map(f64::to_bits), expected.map(f64::to_bits));
        }

        #[test]
        fn whole_numbers_are_parsed_as_by_the_standard_library(signed: i64, text in "-?[0-9]{0,21}") {
            prop_assert_eq!(parse_i64(signed.to_string().as_bytes()), Some(signed));
            prop_assert_eq!(parse_i64(text.as_bytes()), text.parse().ok());
        }
    }
}
