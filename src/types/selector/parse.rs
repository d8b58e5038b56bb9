//! Recursive-descent parser for the text form of selectors.
//!
//! ```text
//! or         = and { "or" and }
//! and        = term { "and" term }
//! term       = "not" term | "(" or ")" | match
//! match      = metric [ "{" conditions "}" ] | "{" conditions "}"
//! conditions = [ condition { "," condition } [ "," ] ]
//! condition  = key ( "=" | "!=" | "=~" | "!~" ) quoted | key "=(" [ quoted { "," quoted } [ "," ] ] ")" | quoted
//! ```
//!
//! A key is quoted or not. A quoted text without an operator is the metric name. White space is allowed between tokens.
//!
//! A syntax error names the character where parsing stopped, and what is wrong or was expected there.

use std::str::FromStr;

use super::tag_condition::{Pattern, ValueCondition};
use super::{Conjunction, Selector, TagCondition};
use crate::types::error::{Error, Result, shortened};
use crate::types::quoted_text::{INVALID_ESCAPE, KEYWORDS, RESERVED_CHARS, UnquoteError, unquote};

/// Maximum depth of nested terms (parentheses and `not`): each level takes stack.
const MAX_DEPTH: usize = 64;

/// Parses the text form; see [`Selector`].
///
/// The error is [`Error::InvalidQuery`], also for an invalid pattern.
impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parser = SelectorParser { text, rest: text, depth: 0 };
        parser.skip_space();
        let selector = parser.parse_or()?;
        if !parser.rest.is_empty() {
            return Err(parser.error_at("nothing more belongs here"));
        }
        selector.validate()?;
        Ok(selector)
    }
}

/// State of the parser.
struct SelectorParser<'a> {
    text: &'a str,
    /// Part of `text` that is not parsed yet.
    rest: &'a str,
    /// Number of terms around the current position.
    depth: usize,
}

impl<'a> SelectorParser<'a> {
    /// Parses selectors joined by `or`.
    fn parse_or(&mut self) -> Result<Selector> {
        let mut selector = self.parse_and()?;
        while self.take_keyword("or") {
            selector = selector.or(self.parse_and()?);
        }
        Ok(selector)
    }

    /// Parses selectors joined by `and`.
    fn parse_and(&mut self) -> Result<Selector> {
        let mut selector = self.parse_term()?;
        while self.take_keyword("and") {
            selector = selector.and(self.parse_term()?);
        }
        Ok(selector)
    }

    /// Parses a negation, a selector in parentheses, or a match.
    fn parse_term(&mut self) -> Result<Selector> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error_at("too many parentheses and `not` in each other"));
        }
        let selector = if self.take_keyword("not") {
            !self.parse_term()?
        } else if self.take("(") {
            let selector = self.parse_or()?;
            if !self.take(")") {
                return Err(self.error_at("`and`, `or` or `)` belongs here"));
            }
            selector
        } else {
            self.parse_match()?
        };
        self.depth -= 1;
        Ok(selector)
    }

    /// Parses a metric name, conditions in braces, or both.
    fn parse_match(&mut self) -> Result<Selector> {
        let metric = self.parse_metric();
        let mut conjunction =
            Conjunction { metric: (!metric.is_empty()).then(|| metric.to_owned()), conditions: Vec::new() };
        if self.take("{") {
            self.parse_conditions(&mut conjunction)?;
        } else if metric.is_empty() {
            return Err(self.error_at("a metric name or `{` belongs here; `{}` means all series"));
        }
        Ok(Selector::from_conjunction(conjunction))
    }

    /// Parses the conditions after the opening brace, and the closing brace.
    fn parse_conditions(&mut self, conjunction: &mut Conjunction) -> Result<()> {
        while !self.take("}") {
            let start = self.rest;
            let quoted = self.rest.starts_with('"');
            let name = if quoted { self.parse_quoted()? } else { self.parse_name().to_owned() };
            if quoted && (self.rest.starts_with([',', '}'])) {
                if conjunction.metric.replace(name).is_some() {
                    self.rest = start;
                    return Err(self.error_at("the metric is named twice"));
                }
            } else if name.is_empty() && !quoted {
                return Err(self.error_at("a tag key or `}` belongs here"));
            } else {
                let value = self.parse_value_condition()?;
                conjunction.conditions.push(TagCondition { key: name, value });
            }
            if !self.take(",") && !self.rest.starts_with('}') {
                return Err(self.error_at("`,` or `}` belongs here"));
            }
        }
        Ok(())
    }

    /// Parses an operator and the quoted text or texts after it.
    fn parse_value_condition(&mut self) -> Result<ValueCondition> {
        let condition_of: fn(String) -> ValueCondition = if self.take("=~") {
            |text| ValueCondition::Matches(Pattern::new(text))
        } else if self.take("!~") {
            |text| ValueCondition::NotMatches(Pattern::new(text))
        } else if self.take("!=") {
            ValueCondition::NotEquals
        } else if self.take("=") {
            if self.take("(") {
                return self.parse_values().map(ValueCondition::In);
            }
            ValueCondition::Equals
        } else {
            return Err(self.error_at("`=`, `!=`, `=~` or `!~` belongs here"));
        };
        Ok(condition_of(self.parse_quoted()?))
    }

    /// Parses the values after the opening parenthesis, and the closing parenthesis.
    fn parse_values(&mut self) -> Result<Vec<String>> {
        let mut values = Vec::new();
        while !self.take(")") {
            values.push(self.parse_quoted()?);
            if !self.take(",") && !self.rest.starts_with(')') {
                return Err(self.error_at("`,` or `)` belongs here"));
            }
        }
        Ok(values)
    }

    /// Takes a tag key without quotes, up to the next reserved character; the key may be empty.
    fn parse_name(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| RESERVED_CHARS.contains(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.trim_end()
    }

    /// Takes a metric name without quotes, which also ends at white space.
    ///
    /// The name is empty at a keyword, which is not taken.
    fn parse_metric(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| RESERVED_CHARS.contains(c) || c.is_whitespace()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if KEYWORDS.contains(&name) {
            return "";
        }
        self.rest = rest;
        self.skip_space();
        name
    }

    /// Takes a keyword and the space after it; returns `false` if the keyword does not come next.
    fn take_keyword(&mut self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word).unwrap_or("x");
        let ends = after.is_empty() || after.starts_with(|c: char| RESERVED_CHARS.contains(c) || c.is_whitespace());
        ends && self.take(word)
    }

    /// Parses text in quotes, and the space after it.
    fn parse_quoted(&mut self) -> Result<String> {
        match unquote(self.rest) {
            Ok((value, rest)) => {
                self.rest = rest;
                self.skip_space();
                Ok(value)
            }
            Err(UnquoteError::NoQuote) => Err(self.error_at("text in quotes belongs here")),
            Err(UnquoteError::Unclosed) => Err(self.error_at("this quote is never closed")),
            Err(UnquoteError::InvalidEscape(at)) => {
                self.rest = self.rest.get(at..).unwrap_or_default();
                Err(self.error_at(INVALID_ESCAPE))
            }
        }
    }

    /// Takes a text and the space after it; returns `false` if the text does not come next.
    fn take(&mut self, expected: &str) -> bool {
        let after = self.rest.strip_prefix(expected);
        if let Some(after) = after {
            self.rest = after;
            self.skip_space();
        }
        after.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Returns an error that names the character where parsing stopped, counted from 1.
    fn error_at(&self, detail: &str) -> Error {
        let position = self.text[..self.text.len() - self.rest.len()].chars().count() + 1;
        let shown = shortened(self.text);
        Error::InvalidQuery { detail: format!("selector `{shown}`, character {position}: {detail}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_character_and_what_was_expected() {
        let table = [
            ("", "character 1: a metric name or `{`"),
            ("  ", "character 3: a metric name or `{`"),
            ("temp{", "character 6: a tag key or `}`"),
            ("temp{a}", "character 7: `=`, `!=`"),
            ("temp{a=}", "character 8: text in quotes"),
            ("temp{a=b}", "character 8: text in quotes"),
            ("temp{a=\"b}", "character 8: this quote is never closed"),
            ("temp{a=\"b\" c=\"d\"}", "character 12: `,` or `}`"),
            ("temp{a=\"b\"} x", "character 13: nothing more"),
            ("temp{a=\"\\d\"}", "character 9: a backslash"),
            ("höhe{,}", "character 6: a tag key"),
            ("temp{=\"b\"}", "character 6: a tag key"),
            ("temp}", "character 5: nothing more"),
            ("a b", "character 3: nothing more"),
            ("a or", "character 5: a metric name"),
            ("a and or b", "character 7: a metric name"),
            ("not", "character 4: a metric name"),
            ("(a or b", "character 8: `and`, `or` or `)`"),
            ("a)", "character 2: nothing more"),
            ("{a=(\"b\" \"c\")}", "character 9: `,` or `)`"),
            ("{a=(b)}", "character 5: text in quotes"),
            ("temp{\"humidity\"}", "character 6: the metric is named twice"),
            ("temp{a=~\"(\"}", "regular expression \"(\": "),
        ];
        for (text, expected) in table {
            let message = text.parse::<Selector>().unwrap_err().to_string();
            assert!(message.starts_with("invalid query: ") && message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn or_binds_loosest_and_not_binds_closest() {
        let [a, b, c] = ["a", "b", "c"].map(Selector::metric);
        let table = [
            ("a or b and c", a.clone().or(b.clone().and(c.clone()))),
            ("(a or b) and c", a.clone().or(b.clone()).and(c.clone())),
            ("not a or b", (!a.clone()).or(b.clone())),
            ("not (a or b)", !(a.clone().or(b.clone()))),
            ("not not a", a.clone()),
            ("a or(b)or c", a.clone().or(b).or(c)),
            ("{\"or\"} or order", Selector::metric("or").or(Selector::metric("order"))),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Selector>().unwrap(), expected, "{text}");
        }
        let deep = format!("{}a{}", "(".repeat(65), ")".repeat(65));
        assert!(deep.parse::<Selector>().unwrap_err().to_string().contains("too many parentheses"));
        assert_eq!(format!("{}a{}", "(".repeat(63), ")".repeat(63)).parse::<Selector>().unwrap(), a);
    }

    #[test]
    fn space_and_a_last_comma_are_ignored() {
        let expected = Selector::metric("temp").tag("a", "b").tag_matches("c", "d");
        for text in ["temp{a=\"b\",c=~\"d\"}", " temp { a = \"b\" , c =~ \"d\" , } ", "{\"temp\",a=\"b\",\"c\"=~\"d\"}"]
        {
            assert_eq!(text.parse::<Selector>().unwrap(), expected, "{text}");
        }
        assert_eq!("{\"a b\", \"\"=\"x\"}".parse::<Selector>().unwrap(), Selector::metric("a b").tag("", "x"));
        assert_eq!(Selector::metric("a b").to_string(), r#"{"a b"}"#);
        assert_eq!(Selector::all().to_string(), "{}");
    }
}
