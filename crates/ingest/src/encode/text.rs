//! Texts of values and strings that several formats share.

use std::io::Write;

use timestrata::Value;

/// Bits of the NaN that a parser returns for the word `NaN`.
const USUAL_NAN: u64 = f64::NAN.to_bits();

pub(super) fn is_usual_nan(number: f64) -> bool {
    number.to_bits() == USUAL_NAN
}

/// Writes to a vector, which cannot fail.
pub(super) fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "a vector takes all bytes");
}

/// Writes the shortest text that is read as the same number. Very large and very small numbers have an exponent.
pub(super) fn put_f64(out: &mut Vec<u8>, number: f64) {
    let size = number.abs();
    if number == 0.0 || (1e-5..1e16).contains(&size) || !number.is_finite() {
        put(out, format_args!("{number}"));
    } else {
        put(out, format_args!("{number:e}"));
    }
}

/// Writes a value of any type exactly: the bits of a NaN as `NaN(7ff8000000000001)` unless they are the usual ones.
pub(super) fn put_exact(out: &mut Vec<u8>, value: Value) {
    match value {
        Value::F64(number) if number.is_nan() && !is_usual_nan(number) => {
            put(out, format_args!("NaN({:016x})", number.to_bits()));
        }
        Value::F64(number) => put_f64(out, number),
        other => put(out, format_args!("{other}")),
    }
}

/// Writes a string of JSON.
pub(super) fn put_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            c if c < ' ' => put(out, format_args!("\\u{:04x}", u32::from(c))),
            c => put(out, format_args!("{c}")),
        }
    }
    out.push(b'"');
}
