//! Parser of one JSON value.

use std::borrow::Cow;

/// Largest depth of arrays and objects.
pub(super) const MAX_DEPTH: usize = 64;

/// JSON value that borrows from its text. Numbers keep their digits, since an `f64` may not hold them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JsonValue<'a> {
    Null,
    Bool(bool),
    /// Digits as written; also `NaN`, `Infinity` and `-Infinity`, which some programs write.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<JsonValue<'a>>),
    /// Members in their order; names may repeat.
    Object(Vec<(Cow<'a, str>, JsonValue<'a>)>),
}

impl<'a> JsonValue<'a> {
    /// Parses a text that holds one value and white space.
    ///
    /// The error says what is wrong and at which byte.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, String> {
        let text =
            std::str::from_utf8(text).map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to() + 1))?;
        let mut parser = ValueParser { text, at: 0 };
        let value = parser.value(0)?;
        parser.skip_space();
        if parser.at < text.len() { Err(parser.unexpected("the end")) } else { Ok(value) }
    }

    /// Returns the member of an object; the last one if the name repeats.
    pub(crate) fn get(&self, name: &str) -> Option<&JsonValue<'a>> {
        match self {
            Self::Object(members) => members.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the text; `None` for any other value.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the digits of a number, also of one in quotes; `None` for any other value.
    pub(crate) fn digits(&self) -> Option<&str> {
        match self {
            Self::Number(digits) => Some(digits),
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the elements of an array; none for any other value.
    pub(crate) fn elements(&self) -> &[JsonValue<'a>] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }
}

struct ValueParser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> ValueParser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn unexpected(&self, expected: &str) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => format!("{c:?} at byte {} where {expected} is expected", self.at + 1),
            None => format!("the JSON ends where {expected} is expected"),
        }
    }

    /// Skips the byte if it is next.
    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Result<JsonValue<'a>, String> {
        if depth > MAX_DEPTH {
            return Err(format!("the JSON is nested more than {MAX_DEPTH} deep"));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(JsonValue::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let words = [
                    ("null", JsonValue::Null),
                    ("true", JsonValue::Bool(true)),
                    ("false", JsonValue::Bool(false)),
                    ("NaN", JsonValue::Number("NaN")),
                    ("Infinity", JsonValue::Number("Infinity")),
                ];
                let rest = &self.text[self.at..];
                let found = words.into_iter().find(|(word, _)| rest.starts_with(word));
                let (word, value) = found.ok_or_else(|| self.unexpected("a value"))?;
                self.at += word.len();
                Ok(value)
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<JsonValue<'a>, String> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.eat(b'}') {
            return Ok(JsonValue::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a name in quotes"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.eat(b':') {
                return Err(self.unexpected("a colon"));
            }
            members.push((name, self.value(depth + 1)?));
            self.skip_space();
            if self.eat(b'}') {
                return Ok(JsonValue::Object(members));
            }
            if !self.eat(b',') {
                return Err(self.unexpected("a comma or a closing brace"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<JsonValue<'a>, String> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.eat(b']') {
            return Ok(JsonValue::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(JsonValue::Array(elements));
            }
            if !self.eat(b',') {
                return Err(self.unexpected("a comma or a closing bracket"));
            }
        }
    }

    fn number(&mut self) -> Result<JsonValue<'a>, String> {
        let start = self.at;
        let negative = self.eat(b'-');
        if negative && self.text[self.at..].starts_with("Infinity") {
            self.at += "Infinity".len();
            return Ok(JsonValue::Number("-Infinity"));
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(JsonValue::Number(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Result<(), String> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.unexpected("a digit")) }
    }

    /// Parses a string; the opening quote is next.
    fn string(&mut self) -> Result<Cow<'a, str>, String> {
        self.at += 1;
        let mut plain = Cow::Borrowed("");
        loop {
            let rest = &self.text[self.at..];
            let len = memchr::memchr2(b'"', b'\\', rest.as_bytes()).ok_or("a string is not closed")?;
            let part = &rest[..len];
            if part.bytes().any(|byte| byte < 0x20) {
                return Err("a string holds a control character".to_owned());
            }
            self.at += len + 1;
            if plain.is_empty() {
                plain = Cow::Borrowed(part);
            } else {
                plain.to_mut().push_str(part);
            }
            if rest.as_bytes()[len] == b'"' {
                return Ok(plain);
            }
            let escaped = self.escape()?;
            plain.to_mut().push(escaped);
        }
    }

    /// Parses an escape; the backslash is before it.
    fn escape(&mut self) -> Result<char, String> {
        let byte = self.peek().ok_or("a string is not closed")?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex()?;
                let is_high = (0xD800..0xDC00).contains(&high) && self.text[self.at..].starts_with("\\u");
                let code = if is_high {
                    self.at += 2;
                    let low = self.hex()?;
                    let is_low = (0xDC00..0xE000).contains(&low);
                    if is_low { 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00) } else { high }
                } else {
                    high
                };
                char::from_u32(code).ok_or("a string holds one half of a character (a lone surrogate)")?
            }
            _ => {
                self.at -= 1;
                return Err(self.unexpected("an escape"));
            }
        })
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.unexpected("four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_read_and_mistakes_are_located() {
        let text = r#" {"a":[1,-2.50e+3,true,null],"b":{"c":"x\n\u00b5\ud83d\ude00\"/"},"d":NaN} "#;
        let value = JsonValue::parse(text.as_bytes()).unwrap();
        assert_eq!(value.get("a").unwrap().elements()[1], JsonValue::Number("-2.50e+3"));
        assert_eq!(value.get("b").unwrap().get("c").unwrap().text(), Some("x\nµ😀\"/"));
        assert_eq!(value.get("d").unwrap().digits(), Some("NaN"));
        for (bad, part) in [
            ("", "a value"),
            ("{", "a name"),
            ("{\"a\"}", "a colon"),
            ("{\"a\":1,}", "'}' at byte 8"),
            ("[1 2]", "a comma"),
            ("01", "the end"),
            ("1.", "a digit"),
            ("\"a", "not closed"),
            ("\"\\x\"", "an escape"),
            ("\"\\u12\"", "four hexadecimal"),
            ("\"a\nb\"", "control"),
            ("\"\\ud83d\"", "surrogate"),
            ("\"\\ud83d\\u0041\"", "surrogate"),
            (&"[".repeat(1000), "nested"),
        ] {
            let message = JsonValue::parse(bad.as_bytes()).unwrap_err();
            assert!(message.contains(part), "{bad}: {message}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(text in "[\\[\\]{}\",:0-9.eE+\\-\\\\unltrfaµ ]{0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = JsonValue::parse(text.as_bytes());
            let _ = JsonValue::parse(&bytes);
        }
    }
}
