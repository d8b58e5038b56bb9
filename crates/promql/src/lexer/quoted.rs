//! Texts in quotes: their end, their value, and quotes around names in messages.

use std::fmt::Write as _;

/// Returns the length of the quoted text at the start of `text`, which begins with a quote.
pub(super) fn length(text: &str) -> Result<usize, String> {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else { return Err("unterminated quoted string".to_owned()) };
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Ok(at + 1);
        }
        if quote == '`' {
            continue;
        }
        match c {
            '\n' => break,
            '\\' => check_escape(text.get(at + 1..).unwrap_or_default(), quote, &mut chars)?,
            _ => {}
        }
    }
    Err(if quote == '`' { "unterminated raw string" } else { "unterminated quoted string" }.to_owned())
}

/// An escape, of a text after its backslash: bytes or a character, and its length.
enum Escape {
    Byte(u8, usize),
    Char(char, usize),
}

fn check_escape(rest: &str, quote: char, chars: &mut std::str::CharIndices<'_>) -> Result<(), String> {
    let (Escape::Byte(_, length) | Escape::Char(_, length)) = escape(rest, quote)?;
    // Escapes are ASCII: a byte is a character.
    for _ in 0..length {
        chars.next();
    }
    Ok(())
}

fn escape(rest: &str, quote: char) -> Result<Escape, String> {
    let Some(first) = rest.chars().next() else { return Err("escape sequence not terminated".to_owned()) };
    let simple = |byte| Ok(Escape::Byte(byte, 1));
    match first {
        'a' => simple(0x07),
        'b' => simple(0x08),
        'f' => simple(0x0c),
        'n' => simple(b'\n'),
        'r' => simple(b'\r'),
        't' => simple(b'\t'),
        'v' => simple(0x0b),
        '\\' => simple(b'\\'),
        _ if first == quote => Ok(Escape::Char(quote, 1)),
        '0'..='7' => {
            let value = digits(rest, 3, 8)?;
            let byte = u8::try_from(value).map_err(|_| INVALID_CODE_POINT.to_owned())?;
            Ok(Escape::Byte(byte, 3))
        }
        'x' => {
            let value = digits(&rest[1..], 2, 16)?;
            let byte = u8::try_from(value).map_err(|_| INVALID_CODE_POINT.to_owned())?;
            Ok(Escape::Byte(byte, 3))
        }
        'u' | 'U' => {
            let count = if first == 'u' { 4 } else { 8 };
            let value = digits(&rest[1..], count, 16)?;
            let c = char::from_u32(value).ok_or_else(|| INVALID_CODE_POINT.to_owned())?;
            Ok(Escape::Char(c, count + 1))
        }
        _ => Err(format!("unknown escape sequence {}", unicode(first))),
    }
}

const INVALID_CODE_POINT: &str = "escape sequence is an invalid Unicode code point";

fn digits(text: &str, count: usize, radix: u32) -> Result<u32, String> {
    let mut value = 0_u32;
    let mut chars = text.chars();
    for _ in 0..count {
        let Some(c) = chars.next() else { return Err("escape sequence not terminated".to_owned()) };
        let Some(digit) = c.to_digit(radix) else {
            return Err(format!("illegal character {} in escape sequence", unicode(c)));
        };
        value = value.wrapping_mul(radix) | digit;
    }
    Ok(value)
}

/// Returns a character as `U+0041 'A'`.
fn unicode(c: char) -> String {
    let number = u32::from(c);
    if c.is_control() { format!("U+{number:04X}") } else { format!("U+{number:04X} '{c}'") }
}

/// Returns the value of a text with its quotes, which the lexer has checked.
///
/// Escapes may write bytes that are not UTF-8.
pub(crate) fn unquote(text: &str) -> Vec<u8> {
    let Some(quote) = text.chars().next() else { return Vec::new() };
    let inside = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)).unwrap_or_default();
    if quote == '`' {
        return inside.as_bytes().to_vec();
    }
    let mut value = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        value.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let length = match escape(rest, quote) {
            Ok(Escape::Byte(byte, length)) => {
                value.push(byte);
                length
            }
            Ok(Escape::Char(c, length)) => {
                value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                length
            }
            Err(_) => 0,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    value.extend_from_slice(rest.as_bytes());
    value
}

/// Returns a text in double quotes with escapes, as Go's `%q` and as this language reads it back.
pub(crate) fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes())
}

/// Returns bytes in double quotes; those that are not UTF-8 as `\xff`.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut quoted, c);
        }
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn push_escaped(quoted: &mut String, c: char) {
    match c {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        _ if c.is_ascii_control() => {
            let _ = write!(quoted, "\\x{:02x}", u32::from(c));
        }
        _ if c.is_control() => {
            let _ = write!(quoted, "\\u{:04x}", u32::from(c));
        }
        _ => quoted.push(c),
    }
}

/// Returns a character in single quotes, as Go's `%q`; -1 means the end of the text.
pub(super) fn rune(c: Option<char>) -> String {
    match c {
        None => "'\\ufffd'".to_owned(),
        Some('\'') => "'\\''".to_owned(),
        Some('"') => "'\"'".to_owned(),
        Some(c) => {
            let quoted = quote(c.encode_utf8(&mut [0; 4]));
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}
