//! The text form of a selector, read left to right without looking back.
//! Every error names the character where reading stopped and what could stand there.

use std::str::FromStr;

use super::test::{Pattern, Test};
use super::{Plain, Rule, Select};
use crate::error::{Error, Result};

/// What a name without quotes does not hold.
const SIGNS: &str = "{}()\",=!~\\";
/// Names that mean something else without quotes.
const WORDS: [&str; 3] = ["and", "or", "not"];
/// Parentheses and `not` in each other: reading them takes stack.
const MOST_DEPTH: usize = 64;

/// Whether a metric name or tag key needs no quotes.
pub(super) fn is_plain(name: &str) -> bool {
    let special = |c: char| SIGNS.contains(c) || c.is_whitespace() || c.is_control();
    !name.is_empty() && !name.contains(special) && !WORDS.contains(&name)
}

/// Reads the text form; see [`Select`]. Whatever is wrong with it, a bad pattern included, is [`Error::InvalidQuery`].
impl FromStr for Select {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parser = Parser { text, rest: text, depth: 0 };
        parser.skip_space();
        let select = parser.either()?;
        if !parser.rest.is_empty() {
            return Err(parser.wrong("nothing more belongs here"));
        }
        select.check()?;
        Ok(select)
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Selectors joined by `or`.
    fn either(&mut self) -> Result<Select> {
        let mut select = self.all()?;
        while self.take_word("or") {
            select = select.or(self.all()?);
        }
        Ok(select)
    }

    /// Selectors joined by `and`.
    fn all(&mut self) -> Result<Select> {
        let mut select = self.part()?;
        while self.take_word("and") {
            select = select.and(self.part()?);
        }
        Ok(select)
    }

    fn part(&mut self) -> Result<Select> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(self.wrong("too many parentheses and `not` in each other"));
        }
        let select = if self.take_word("not") {
            !self.part()?
        } else if self.take("(") {
            let select = self.either()?;
            if !self.take(")") {
                return Err(self.wrong("`and`, `or` or `)` belongs here"));
            }
            select
        } else {
            self.plain()?
        };
        self.depth -= 1;
        Ok(select)
    }

    fn plain(&mut self) -> Result<Select> {
        let metric = self.metric();
        let mut plain = Plain { metric: (!metric.is_empty()).then(|| metric.to_owned()), rules: Vec::new() };
        if self.take("{") {
            self.braces(&mut plain)?;
        } else if metric.is_empty() {
            return Err(self.wrong("a metric name or `{` belongs here; `{}` means all series"));
        }
        Ok(Select::plain(plain))
    }

    /// What follows the opening brace, up to and with the closing one.
    fn braces(&mut self, plain: &mut Plain) -> Result<()> {
        while !self.take("}") {
            let start = self.rest;
            let quoted = self.rest.starts_with('"');
            let name = if quoted { self.quoted()? } else { self.name().to_owned() };
            if quoted && (self.rest.starts_with([',', '}'])) {
                if plain.metric.replace(name).is_some() {
                    self.rest = start;
                    return Err(self.wrong("the metric is named twice"));
                }
            } else if name.is_empty() && !quoted {
                return Err(self.wrong("a tag key or `}` belongs here"));
            } else {
                let test = self.test()?;
                plain.rules.push(Rule { key: name, test });
            }
            if !self.take(",") && !self.rest.starts_with('}') {
                return Err(self.wrong("`,` or `}` belongs here"));
            }
        }
        Ok(())
    }

    /// A sign and the quoted text after it.
    fn test(&mut self) -> Result<Test> {
        let make: fn(String) -> Test = if self.take("=~") {
            |text| Test::Matches(Pattern::new(text))
        } else if self.take("!~") {
            |text| Test::MatchesNot(Pattern::new(text))
        } else if self.take("!=") {
            Test::IsNot
        } else if self.take("=") {
            if self.take("(") {
                return self.values().map(Test::AnyOf);
            }
            Test::Is
        } else {
            return Err(self.wrong("`=`, `!=`, `=~` or `!~` belongs here"));
        };
        Ok(make(self.quoted()?))
    }

    /// Values between parentheses, the first of which was taken.
    fn values(&mut self) -> Result<Vec<String>> {
        let mut values = Vec::new();
        while !self.take(")") {
            values.push(self.quoted()?);
            if !self.take(",") && !self.rest.starts_with(')') {
                return Err(self.wrong("`,` or `)` belongs here"));
            }
        }
        Ok(values)
    }

    /// A name without quotes, up to the next character that needs them; maybe empty.
    fn name(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| SIGNS.contains(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.trim_end()
    }

    /// The same for a metric, which a word may follow.
    fn metric(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| SIGNS.contains(c) || c.is_whitespace()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if WORDS.contains(&name) {
            return "";
        }
        self.rest = rest;
        self.skip_space();
        name
    }

    /// Takes a word and the space after it, if it comes next.
    fn take_word(&mut self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word).unwrap_or("x");
        let ends = after.is_empty() || after.starts_with(|c: char| SIGNS.contains(c) || c.is_whitespace());
        ends && self.take(word)
    }

    fn quoted(&mut self) -> Result<String> {
        if !self.rest.starts_with('"') {
            return Err(self.wrong("text in quotes belongs here"));
        }
        let start = self.rest;
        let mut value = String::new();
        let mut chars = start.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &start[at + 1..];
                    self.skip_space();
                    return Ok(value);
                }
                '\\' => {
                    self.rest = &start[at..];
                    value.push(self.escaped(chars.next().map(|(_, c)| c))?);
                }
                _ => value.push(c),
            }
        }
        self.rest = start;
        Err(self.wrong("this quote is never closed"))
    }

    fn escaped(&self, c: Option<char>) -> Result<char> {
        match c {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some(c @ ('"' | '\\')) => Ok(c),
            _ => Err(self.wrong(r#"a backslash stands before `"`, `\`, `n` or `t` alone: write `\\` for itself"#)),
        }
    }

    /// Takes a sign and the space after it, if it comes next.
    fn take(&mut self, sign: &str) -> bool {
        let after = self.rest.strip_prefix(sign);
        if let Some(after) = after {
            self.rest = after;
            self.skip_space();
        }
        after.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// An error at the place where reading stopped, counting characters from 1.
    fn wrong(&self, what: &str) -> Error {
        let at = self.text[..self.text.len() - self.rest.len()].chars().count() + 1;
        let shown: String = self.text.chars().take(64).collect();
        Error::InvalidQuery { what: format!("selector `{shown}`, character {at}: {what}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
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
            let message = text.parse::<Select>().unwrap_err().to_string();
            assert!(message.starts_with("invalid query: ") && message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn or_binds_loosest_and_not_closest() {
        let [a, b, c] = ["a", "b", "c"].map(Select::metric);
        let table = [
            ("a or b and c", a.clone().or(b.clone().and(c.clone()))),
            ("(a or b) and c", a.clone().or(b.clone()).and(c.clone())),
            ("not a or b", (!a.clone()).or(b.clone())),
            ("not (a or b)", !(a.clone().or(b.clone()))),
            ("not not a", a.clone()),
            ("a or(b)or c", a.clone().or(b).or(c)),
            ("{\"or\"} or order", Select::metric("or").or(Select::metric("order"))),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Select>().unwrap(), expected, "{text}");
        }
        let deep = format!("{}a{}", "(".repeat(65), ")".repeat(65));
        assert!(deep.parse::<Select>().unwrap_err().to_string().contains("too many parentheses"));
        assert_eq!(format!("{}a{}", "(".repeat(63), ")".repeat(63)).parse::<Select>().unwrap(), a);
    }

    #[test]
    fn space_and_a_last_comma_are_passed_over() {
        let expected = Select::metric("temp").tag("a", "b").tag_matches("c", "d");
        for text in ["temp{a=\"b\",c=~\"d\"}", " temp { a = \"b\" , c =~ \"d\" , } ", "{\"temp\",a=\"b\",\"c\"=~\"d\"}"]
        {
            assert_eq!(text.parse::<Select>().unwrap(), expected, "{text}");
        }
        assert_eq!("{\"a b\", \"\"=\"x\"}".parse::<Select>().unwrap(), Select::metric("a b").tag("", "x"));
        assert_eq!(Select::metric("a b").to_string(), r#"{"a b"}"#);
        assert_eq!(Select::all().to_string(), "{}");
    }
}
