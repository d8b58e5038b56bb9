//! Texts of queries, which may hold bytes that are no UTF-8.

use std::fmt::Write as _;

use super::labels::Quoted;

/// Writes bytes in double quotes; those that are no UTF-8 as `\x..`.
pub(crate) fn quoted_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let valid = Quoted(chunk.valid()).to_string();
        quoted.push_str(valid.trim_start_matches('"').strip_suffix('"').unwrap_or_default());
        for byte in chunk.invalid() {
            // A string takes any text.
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

/// Compares texts so that numbers within them are in the order of their values: `a2` before `a10`.
pub(crate) fn natural_less(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one, other);
    loop {
        let (Some((first, rest)), found) = (split_chunk(one), split_chunk(other)) else { return false };
        let Some((second, other_rest)) = found else { return false };
        match (first.parse::<i64>(), second.parse::<i64>()) {
            (Ok(first), Ok(second)) if first != second => return first < second,
            (Ok(_), Ok(_)) => {}
            _ if first != second => return first < second,
            _ => {}
        }
        if rest.is_empty() {
            return true;
        }
        (one, other) = (rest, other_rest);
    }
}

/// Splits digits, or other letters, off the start.
fn split_chunk(text: &str) -> Option<(&str, &str)> {
    let is_digit = text.chars().next()?.is_ascii_digit();
    let end = text.find(|letter: char| letter.is_ascii_digit() != is_digit).unwrap_or(text.len());
    Some(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_are_in_natural_order() {
        for (one, other) in [("a2", "a10"), ("cpu1", "cpu1.5"), ("1", "02"), ("a", "b"), ("x9y", "x10")] {
            assert!(natural_less(one, other) && !natural_less(other, one), "{one} {other}");
        }
        assert!(!natural_less("", "a") && !natural_less("a", ""));
    }

    #[test]
    fn invalid_bytes_are_escaped() {
        assert_eq!(quoted_bytes(b"a\xc5z"), r#""a\xc5z""#);
        assert_eq!(quoted_bytes(b"a\"b"), r#""a\"b""#);
    }
}
