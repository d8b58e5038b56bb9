//! Which series are meant: a metric name and rules on tags, in code or in the text form of Prometheus.
//! A key is tested in one pass over the rules; it does not know what series exist.

mod parse;

use std::fmt;

use regex::Regex;

use crate::error::{Error, Result};
use crate::series::{Matcher, SeriesKey};

/// Which series are meant: those whose key keeps every rule.
///
/// A tag that a key lacks counts as the empty string, so `tag("roof", "")` means series without a roof, too. Regular
/// expressions are those of the crate `regex` and must match the whole value, as if between `^` and `$`.
///
/// The text form is that of Prometheus: `temp{station="JFK",host=~"web-.*",zone!="eu",rack!~"a|b"}`; without a metric
/// name, `{station="JFK"}`; `{}` for all series. Quoted text knows `\"`, `\\`, `\n` and `\t`, so a backslash in a
/// pattern is written twice. A name or tag key with special characters is quoted too, the name inside the braces:
/// `{"indoor temp","floor no"="3"}`.
///
/// ```
/// use timestrata::{Select, SeriesKey};
///
/// let select = Select::metric("temp").tag_matches("station", "J.*").tag_not("roof", "north");
/// assert!(select.matches(&SeriesKey::new("temp").tag("station", "JFK")));
/// assert!(!select.matches(&SeriesKey::new("temp").tag("station", "LGA")));
/// assert_eq!(select.to_string(), r#"temp{station=~"J.*",roof!="north"}"#);
/// assert_eq!(select.to_string().parse::<Select>()?, select);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    metric: Option<String>,
    rules: Vec<Rule>,
}

/// What one tag must be.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Is(String),
    IsNot(String),
    Matches(Pattern),
    MatchesNot(Pattern),
}

/// A regular expression that must match the whole text, or why it is none; equal to another of the same text.
#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    regex: Result<Regex>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    fn new(text: String) -> Self {
        let invalid = |error: &regex::Error| {
            let what = format!("regular expression {text:?}: {error}");
            Error::InvalidQuery { what }
        };
        // First alone, for the error to show the user's own text, and so that `a)|(b` cannot slip out of the group.
        let regex =
            Regex::new(&text).and_then(|_| Regex::new(&format!("^(?:{text})$"))).map_err(|error| invalid(&error));
        Self { text, regex }
    }

    fn matches(&self, text: &str) -> bool {
        self.regex.as_ref().is_ok_and(|regex| regex.is_match(text))
    }
}

impl Test {
    /// What stands between key and value in the text form.
    const fn sign(&self) -> &'static str {
        match self {
            Self::Is(_) => "=",
            Self::IsNot(_) => "!=",
            Self::Matches(_) => "=~",
            Self::MatchesNot(_) => "!~",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Is(text) | Self::IsNot(text) => text,
            Self::Matches(pattern) | Self::MatchesNot(pattern) => &pattern.text,
        }
    }

    fn passes(&self, value: &str) -> bool {
        match self {
            Self::Is(text) => value == text,
            Self::IsNot(text) => value != text,
            Self::Matches(pattern) => pattern.matches(value),
            Self::MatchesNot(pattern) => pattern.regex.is_ok() && !pattern.matches(value),
        }
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Is(_) | Self::IsNot(_) => Ok(()),
            Self::Matches(pattern) | Self::MatchesNot(pattern) => {
                pattern.regex.as_ref().map(drop).map_err(Clone::clone)
            }
        }
    }
}

impl Select {
    /// All series.
    #[must_use]
    pub fn all() -> Self {
        Self { metric: None, rules: Vec::new() }
    }

    /// All series of a metric.
    #[must_use]
    pub fn metric(name: impl Into<String>) -> Self {
        Self { metric: Some(name.into()), rules: Vec::new() }
    }

    /// Of these, the series whose tag is this value.
    #[must_use]
    pub fn tag(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.rule(key, Test::Is(value.into()))
    }

    /// Of these, the series whose tag is another value, or that lack it (unless the value is empty).
    #[must_use]
    pub fn tag_not(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.rule(key, Test::IsNot(value.into()))
    }

    /// Of these, the series whose tag's whole value matches a regular expression.
    ///
    /// A bad pattern matches no series; [`check`](Self::check) and running a query tell what is wrong with it.
    #[must_use]
    pub fn tag_matches(self, key: impl Into<String>, regex: impl Into<String>) -> Self {
        self.rule(key, Test::Matches(Pattern::new(regex.into())))
    }

    /// Of these, the series whose tag's whole value does not match a regular expression.
    ///
    /// A bad pattern matches no series here either.
    #[must_use]
    pub fn tag_not_matches(self, key: impl Into<String>, regex: impl Into<String>) -> Self {
        self.rule(key, Test::MatchesNot(Pattern::new(regex.into())))
    }

    fn rule(mut self, key: impl Into<String>, test: Test) -> Self {
        self.rules.push(Rule { key: key.into(), test });
        self
    }

    /// Whether the series of this key is meant.
    #[must_use]
    pub fn matches(&self, key: &SeriesKey) -> bool {
        self.metric.as_ref().is_none_or(|metric| metric == key.metric())
            && self.rules.iter().all(|rule| rule.test.passes(key.tag_value(&rule.key).unwrap_or_default()))
    }

    /// Whether every pattern is a regular expression.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] names the first that is none, and where it breaks.
    pub fn check(&self) -> Result<()> {
        self.rules.iter().try_for_each(|rule| rule.test.check())
    }
}

/// The text form, from which the same selector can be read.
impl Matcher for Select {
    fn matches(&self, key: &SeriesKey) -> bool {
        Self::matches(self, key)
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "{";
        match &self.metric {
            Some(metric) if parse::is_plain(metric) => {
                f.write_str(metric)?;
                if self.rules.is_empty() {
                    return Ok(());
                }
            }
            Some(metric) => {
                write!(f, "{{{}", Quoted(metric))?;
                separator = ",";
            }
            None if self.rules.is_empty() => f.write_str("{")?,
            None => {}
        }
        for rule in &self.rules {
            f.write_str(separator)?;
            separator = ",";
            if parse::is_plain(&rule.key) {
                f.write_str(&rule.key)?;
            } else {
                Quoted(&rule.key).fmt(f)?;
            }
            write!(f, "{}{}", rule.test.sign(), Quoted(rule.test.text()))?;
        }
        f.write_str("}")
    }
}

/// Text between quotes, with its own quotes and backslashes escaped.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('\t', r"\t"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> SeriesKey {
        text.parse().unwrap()
    }

    #[test]
    fn each_rule_tells_series_apart() {
        let jfk = r#"temp{station="JFK",host="web-1"}"#;
        let table = [
            ("{}", jfk, true),
            ("temp", jfk, true),
            ("tem", jfk, false),
            ("temp{}", jfk, true),
            (r#"{station="JFK"}"#, jfk, true),
            (r#"humidity{station="JFK"}"#, jfk, false),
            (r#"temp{station="JF"}"#, jfk, false),
            (r#"temp{station!="JFK"}"#, jfk, false),
            (r#"temp{station!="LGA"}"#, jfk, true),
            (r#"temp{station="JFK",host="web-2"}"#, jfk, false),
            (r#"temp{station=~"J.*",host=~"web-\\d"}"#, jfk, true),
            (r#"temp{station=~"J"}"#, jfk, false),
            (r#"temp{station=~"F"}"#, jfk, false),
            (r#"temp{station=~"J|LGA|JFK"}"#, jfk, true),
            (r#"temp{station=~"JFK|J"}"#, jfk, true),
            (r#"temp{station=~"J|X"}"#, jfk, false),
            (r#"temp{station=~"X|FK"}"#, jfk, false),
            (r#"temp{station!~"J"}"#, jfk, true),
            (r#"temp{station!~"J.."}"#, jfk, false),
            (r#"temp{station=~"(?i)jfk"}"#, jfk, true),
            // A tag that is absent counts as the empty string.
            (r#"temp{roof=""}"#, jfk, true),
            (r#"temp{roof!=""}"#, jfk, false),
            (r#"temp{roof!="north"}"#, jfk, true),
            (r#"temp{roof=~".*"}"#, jfk, true),
            (r#"temp{roof=~".+"}"#, jfk, false),
            (r#"temp{roof!~".+"}"#, jfk, true),
            (r#"temp{station=""}"#, jfk, false),
        ];
        for (select, series, expected) in table {
            assert_eq!(select.parse::<Select>().unwrap().matches(&key(series)), expected, "{select}");
        }
        assert!(!Select::metric("").matches(&key(jfk)));
        assert!(!Select::all().tag_matches("station", "a\nb").matches(&key(jfk)));
    }

    #[test]
    fn a_bad_pattern_matches_nothing_and_is_told() {
        let jfk = key(r#"temp{station="JFK"}"#);
        for bad in ["J(", "a)|(?:.*", "*", "(((x{99}){99}){99}){99}"] {
            let selects = [Select::all().tag_matches("station", bad), Select::all().tag_not_matches("station", bad)];
            for select in selects {
                assert!(!select.matches(&jfk), "{bad}");
                let message = select.check().unwrap_err().to_string();
                assert!(message.starts_with("invalid query: regular expression \""), "{message}");
            }
        }
        assert!(Select::metric("temp").tag("a", "J(").check().is_ok(), "plain text is no pattern");
    }

    proptest! {
        #[test]
        fn every_selector_is_read_back_from_its_text(
            metric in prop::option::of(any::<String>()),
            rules in prop::collection::vec((".{0,6}", any::<String>(), 0..4_u8), 0..4),
        ) {
            let start = metric.map_or_else(Select::all, Select::metric);
            let select = rules.into_iter().fold(start, |select, (key, text, test)| match test {
                0 => select.tag(key, text),
                1 => select.tag_not(key, text),
                2 => select.tag_matches(key, regex::escape(&text)),
                _ => select.tag_not_matches(key, regex::escape(&text)),
            });
            prop_assert_eq!(select.to_string().parse::<Select>().unwrap(), select);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in r#"[a{}",=!~\\ \n]{0,12}|.*"#) {
            if let Ok(select) = text.parse::<Select>() {
                prop_assert_eq!(select.to_string().parse::<Select>().unwrap(), select);
            }
        }
    }
}
