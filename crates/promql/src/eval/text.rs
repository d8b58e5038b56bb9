//! Texts of queries, which may hold bytes that are no UTF-8.

use std::cmp::Ordering;
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
///
/// The order is total: texts that differ in zeros before numbers alone are compared as plain texts.
pub(crate) fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        match (split_chunk(left), split_chunk(right)) {
            (Some((first, rest)), Some((second, other_rest))) => {
                let order = chunk_order(first, second);
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (rest, other_rest);
            }
            (None, None) => return one.cmp(other),
            (first, second) => return first.is_some().cmp(&second.is_some()),
        }
    }
}

/// Compares two chunks: numbers by their values, which have any number of digits.
fn chunk_order(one: &str, other: &str) -> Ordering {
    let is_number = |chunk: &str| chunk.starts_with(|letter: char| letter.is_ascii_digit());
    if !is_number(one) || !is_number(other) {
        return one.cmp(other);
    }
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
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
        let pairs =
            [("a2", "a10"), ("cpu1", "cpu1.5"), ("1", "02"), ("a", "b"), ("x9y", "x10"), ("", "a"), ("01", "1")];
        for (one, other) in pairs {
            assert_eq!(natural_order(one, other), Ordering::Less, "{one} {other}");
            assert_eq!(natural_order(other, one), Ordering::Greater, "{one} {other}");
        }
        let large = "99999999999999999999";
        assert_eq!(natural_order("100000000000000000000", large), Ordering::Greater);
        assert_eq!(natural_order(large, large), Ordering::Equal);
    }

    #[test]
    fn the_natural_order_is_transitive() {
        let parts = ["", "0", "00", "1", "01", "9", "10", "a", "B", ".", "\u{e9}"];
        let texts: Vec<String> = parts
            .iter()
            .flat_map(|one| parts.map(|two| [one, two, "1"].concat()))
            .chain(parts.map(str::to_owned))
            .collect();
        for one in &texts {
            for two in &texts {
                let order = natural_order(one, two);
                assert_eq!(order.reverse(), natural_order(two, one), "{one} {two}");
                for three in texts.iter().filter(|_| order == Ordering::Less) {
                    if natural_order(two, three) == Ordering::Less {
                        assert_eq!(natural_order(one, three), Ordering::Less, "{one} {two} {three}");
                    }
                }
            }
        }
    }

    #[test]
    fn invalid_bytes_are_escaped() {
        assert_eq!(quoted_bytes(b"a\xc5z"), r#""a\xc5z""#);
        assert_eq!(quoted_bytes(b"a\"b"), r#""a\"b""#);
    }
}
