//! Texts in quotes, as the text forms of series keys and selectors have them.
//!
//! The escapes are those of Prometheus that say one character: `\"`, `\\`, `\n`, `\r`, `\t`, and `\u` with four
//! hexadecimal digits. All control characters are escaped, so that a text form is one line.

use std::fmt;
use std::str::Chars;

/// Characters that end a name without quotes.
pub(crate) const RESERVED_CHARS: &str = "{}()\",=!~\\";
/// Operators of selectors; a name that equals one needs quotes.
pub(crate) const KEYWORDS: [&str; 3] = ["and", "or", "not"];
/// Error text for a backslash before another character.
pub(crate) const INVALID_ESCAPE: &str =
    r#"a backslash is allowed before `"`, `\`, `n`, `r`, `t`, and `u` with four hexadecimal digits only"#;

/// Number of hexadecimal digits behind `\u`.
const UNICODE_DIGITS: usize = 4;

/// Returns `true` if a metric name or tag key needs no quotes.
pub(crate) fn needs_no_quotes(name: &str) -> bool {
    let special = |c: char| RESERVED_CHARS.contains(c) || c.is_whitespace() || c.is_control();
    !name.is_empty() && !name.contains(special) && !KEYWORDS.contains(&name)
}

/// Text that `Display` writes in quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuotedText<'a>(pub(crate) &'a str);

impl fmt::Display for QuotedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        let mut rest = self.0;
        while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\') || c.is_control()) {
            let (plain, escaped) = rest.split_at(at);
            f.write_str(plain)?;
            let mut chars = escaped.chars();
            match chars.next() {
                Some('\n') => f.write_str("\\n")?,
                Some('\r') => f.write_str("\\r")?,
                Some('\t') => f.write_str("\\t")?,
                // All control characters are below U+0100.
                Some(c) if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                Some(c) => write!(f, "\\{c}")?,
                None => {}
            }
            rest = chars.as_str();
        }
        write!(f, "{rest}\"")
    }
}

/// Name that `Display` writes in quotes if it needs them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameText<'a>(pub(crate) &'a str);

impl fmt::Display for NameText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if needs_no_quotes(self.0) { f.write_str(self.0) } else { QuotedText(self.0).fmt(f) }
    }
}

/// Why a text in quotes cannot be read; the bytes count from its opening quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnquoteError {
    /// The text does not begin with a quote.
    NoQuote,
    /// The closing quote is missing.
    Unclosed,
    /// A backslash at this byte begins no escape.
    InvalidEscape(usize),
}

/// Returns the unescaped text between the quotes at the start, and the rest after the closing quote.
pub(crate) fn unquote(text: &str) -> Result<(String, &str), UnquoteError> {
    let mut chars = text.strip_prefix('"').ok_or(UnquoteError::NoQuote)?.chars();
    let mut value = String::new();
    loop {
        let at = text.len() - chars.as_str().len();
        match chars.next().ok_or(UnquoteError::Unclosed)? {
            '"' => return Ok((value, chars.as_str())),
            '\\' => value.push(unescape(&mut chars).ok_or(UnquoteError::InvalidEscape(at))?),
            c => value.push(c),
        }
    }
}

/// Reads an escape behind its backslash; `None` if there is none.
fn unescape(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let digits = chars.as_str().get(..UNICODE_DIGITS)?;
            let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = is_hexadecimal.then(|| u32::from_str_radix(digits, 16).ok()).flatten()?;
            *chars = chars.as_str().get(UNICODE_DIGITS..)?.chars();
            char::from_u32(code)?
        }
        c @ ('"' | '\\') => c,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_written_in_one_line_and_read_back(
            text in prop_oneof!["\\PC{0,9}", "[\u{0}-\u{20}\"\\\\nu\u{7f}-\u{a0}]{0,9}"], rest in "[ -~]{0,4}",
        ) {
            let quoted = QuotedText(&text).to_string();
            prop_assert!(!quoted.contains(char::is_control), "{quoted}");
            let followed = format!("{quoted}{rest}");
            prop_assert_eq!(unquote(&followed), Ok((text, rest.as_str())));
        }

        #[test]
        fn reading_any_text_never_panics(text in "\"[ -~\u{0}é\\\\u]{0,12}") {
            let _ = unquote(&text);
        }
    }

    #[test]
    fn what_is_no_text_in_quotes_is_refused_with_its_place() {
        assert_eq!(unquote("a"), Err(UnquoteError::NoQuote));
        assert_eq!(unquote("\"a"), Err(UnquoteError::Unclosed));
        assert_eq!(unquote(r#""a\"#), Err(UnquoteError::InvalidEscape(2)));
        for text in [r#""é\d""#, r#""é\u12""#, r#""é\u+123""#, r#""é\ud800""#, r#""é\u00é9""#, r#""é\x41""#] {
            assert_eq!(unquote(text), Err(UnquoteError::InvalidEscape(3)), "{text}");
        }
        assert_eq!(unquote(r#""\u00e9\t""#), Ok(("é\t".to_owned(), "")));
    }
}
