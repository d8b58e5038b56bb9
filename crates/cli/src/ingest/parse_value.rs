//! Parses a cell of a value column as the type of the column.
//! A value that the type cannot represent exactly is an error, never rounded or truncated.

use timestrata::{Value, ValueType};

/// Returns the value of a cell that is not empty, or the reason why it is invalid.
pub(crate) fn value(text: &str, ty: ValueType) -> Result<Value, String> {
    let wrong = |what: &str| format!("{text:?} is not {what}");
    match ty {
        ValueType::F64 => number(text).map(Value::F64).ok_or_else(|| wrong("a number")),
        ValueType::I64 => text.parse().map(Value::I64).map_err(|_| wrong("an i64")),
        ValueType::U64 => text.parse().map(Value::U64).map_err(|_| wrong("a u64")),
        ValueType::Bool => boolean(text).map(Value::Bool).ok_or_else(|| wrong("true, false, 1 or 0")),
    }
}

/// Parses a number in the notation of Rust and Prometheus: `1.5`, `-3e8`, `NaN`, `+Inf`.
///
/// Returns `None` for any other text, and for a number beyond the range of `f64`.
pub(crate) fn number(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let is_written_as_infinity = || text.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'i'));
    (!number.is_infinite() || is_written_as_infinity()).then_some(number)
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_equals_its_cell_or_is_rejected() {
        assert_eq!(value("-3.5e2", ValueType::F64), Ok(Value::F64(-350.0)));
        assert_eq!(value("+Inf", ValueType::F64), Ok(Value::F64(f64::INFINITY)));
        assert!(matches!(value("NaN", ValueType::F64), Ok(Value::F64(number)) if number.is_nan()));
        assert_eq!(value("-9223372036854775808", ValueType::I64), Ok(Value::I64(i64::MIN)));
        assert_eq!(value("18446744073709551615", ValueType::U64), Ok(Value::U64(u64::MAX)));
        assert_eq!(value("False", ValueType::Bool), Ok(Value::Bool(false)));
        for (text, ty) in [
            ("1e999", ValueType::F64),
            ("1,5", ValueType::F64),
            ("abc", ValueType::F64),
            ("1.0", ValueType::I64),
            ("-1", ValueType::U64),
            ("yes", ValueType::Bool),
        ] {
            assert!(value(text, ty).is_err(), "{text} {ty}");
        }
    }
}
