//! Conditions on the value of a tag, or on the metric name.

use regex::Regex;

use crate::types::error::{Error, Result};
use crate::types::series::{TextPredicate, ValueHint};

/// Condition on the value of a tag, or on the metric name; the names follow the match types of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValueCondition {
    Equals(String),
    NotEquals(String),
    In(Vec<String>),
    Matches(Pattern),
    NotMatches(Pattern),
}

/// Regular expression that must match the whole value, or the error of an invalid one.
///
/// Patterns with equal texts are equal.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    regex: Result<Regex>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Pattern {
    pub(super) fn new(text: String) -> Self {
        let invalid = |error: &regex::Error| {
            let detail = format!("regular expression {text:?}: {error}");
            Error::InvalidQuery { detail }
        };
        // The text is compiled alone first: the error then shows the text as given, and a text such as `a)|(b`, which
        // would close the group, is an error.
        let whole = |_| {
            // As in Prometheus, `.` matches a line feed: a value may have several lines.
            let closed = Regex::new(&format!("^(?s:{text})$"));
            // With `(?x)`, a comment at the end of the text hides the end of the group; a line break ends the comment.
            closed.or_else(|_| Regex::new(&format!("^(?s:{text}\n)$")))
        };
        let regex = Regex::new(&text).and_then(whole).map_err(|error| invalid(&error));
        Self { text, regex }
    }

    /// Returns the text of the regular expression.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn matches(&self, text: &str) -> bool {
        self.regex.as_ref().is_ok_and(|regex| regex.is_match(text))
    }
}

impl ValueCondition {
    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::Equals(_) | Self::NotEquals(_) | Self::In(_) => Ok(()),
            Self::Matches(pattern) | Self::NotMatches(pattern) => {
                pattern.regex.as_ref().map(drop).map_err(Clone::clone)
            }
        }
    }
}

impl TextPredicate for ValueCondition {
    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Equals(text) => value == text,
            Self::NotEquals(text) => value != text,
            Self::In(texts) => texts.iter().any(|text| value == text),
            Self::Matches(pattern) => pattern.matches(value),
            Self::NotMatches(pattern) => pattern.regex.is_ok() && !pattern.matches(value),
        }
    }

    fn value_hint(&self) -> ValueHint<'_> {
        match self {
            Self::Equals(text) => ValueHint::In(std::slice::from_ref(text)),
            Self::NotEquals(text) => ValueHint::NotIn(std::slice::from_ref(text)),
            Self::In(texts) => ValueHint::In(texts),
            Self::Matches(_) | Self::NotMatches(_) => ValueHint::Scan,
        }
    }
}
