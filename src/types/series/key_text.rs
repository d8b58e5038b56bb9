//! Encoding of a series key, its metric and tags, as one string.
//!
//! ```text
//!   | length | metric | number of tags | length | tag key | length | tag value | length | tag key | ...
//! ```
//!
//! Lengths and the number of tags are ASCII characters: six bits each, lowest first, and bit 6 is set if more characters
//! follow. So an encoded key is valid UTF-8, and each text is a `&str` slice of it without a further check. A number has
//! one encoding, the shortest one. Hence two keys are equal if and only if their encodings are.

/// Bit of a character that is set if the number continues in the next character. A number below 64 is one character.
pub(super) const MORE: u8 = 1 << 6;
/// Number of bits of a number in each character.
const NUMBER_BITS: u32 = 6;

/// Appends a number.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= usize::from(MORE) {
        out.push(number.to_le_bytes()[0] & (MORE - 1) | MORE);
        number >>= NUMBER_BITS;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends a text: its length in bytes, then these bytes.
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_number(out, text.len());
    out.extend_from_slice(text);
}

/// Takes a number from the front of an encoding. Returns the number, 0 if the encoding ends inside it, and the rest.
pub(super) fn split_number(encoded: &str) -> (usize, &str) {
    match encoded.as_bytes().first() {
        // Most numbers are below 64.
        Some(byte) if *byte < MORE => (usize::from(*byte), encoded.get(1..).unwrap_or_default()),
        _ => {
            let mut rest = encoded.as_bytes();
            let number = take_number(&mut rest).unwrap_or(0);
            (number, encoded.get(encoded.len() - rest.len()..).unwrap_or_default())
        }
    }
}

/// Takes a text from the front of an encoding. Returns the text and the rest.
pub(super) fn split_text(encoded: &str) -> (&str, &str) {
    let (len, rest) = split_number(encoded);
    rest.split_at_checked(len).unwrap_or((rest, ""))
}

/// Returns the length of all texts of an encoded key together, in bytes.
pub(super) fn texts_len(encoded: &str) -> usize {
    let (mut rest, mut len) = (encoded.as_bytes(), 0);
    let mut is_metric = true;
    while let Some(text_len) = take_number(&mut rest) {
        len += text_len;
        rest = rest.get(text_len..).unwrap_or_default();
        if std::mem::take(&mut is_metric) {
            // The number of tags.
            take_number(&mut rest);
        }
    }
    len
}

/// Takes a number from the front of encoded bytes; `None` if the bytes end before the number does.
fn take_number(encoded: &mut &[u8]) -> Option<usize> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = encoded.split_first()?;
        *encoded = rest;
        number |= usize::from(byte & (MORE - 1)).checked_shl(shift).unwrap_or(0);
        shift += NUMBER_BITS;
        if byte & MORE == 0 {
            return Some(number);
        }
    }
}

/// Tags of an encoded key, in order.
#[derive(Debug, Clone)]
pub(super) struct EncodedTags<'a> {
    /// Encoding of the tags that are left.
    pub(super) rest: &'a str,
    /// Number of these tags.
    pub(super) left: usize,
}

impl<'a> Iterator for EncodedTags<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (key, rest) = split_text(self.rest);
        let (value, rest) = split_text(rest);
        self.rest = rest;
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for EncodedTags<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_of_all_lengths_are_read_back() {
        let lengths = [0, 1, 63, 64, 65, 4_095, 4_096, 262_143, 262_144, 1 << 20];
        let mut bytes = Vec::new();
        for len in lengths {
            put_text(&mut bytes, "é".repeat(len).as_bytes());
            put_number(&mut bytes, len);
        }
        put_number(&mut bytes, usize::MAX);
        let encoded = String::from_utf8(bytes).unwrap();
        let mut rest = encoded.as_str();
        for len in lengths {
            let (text, after) = split_text(rest);
            assert_eq!((text.len(), text.chars().count()), (2 * len, len));
            let (number, after) = split_number(after);
            assert_eq!(number, len);
            rest = after;
        }
        assert_eq!(split_number(rest), (usize::MAX, ""));
    }

    #[test]
    fn a_cut_encoding_ends_without_a_panic() {
        for encoded in ["", "\u{1}", "\u{3}ab", "\u{1}é"] {
            split_text(encoded);
            assert_eq!(EncodedTags { rest: encoded, left: 3 }.count(), 3);
            assert!(texts_len(encoded) < 64);
        }
    }
}
