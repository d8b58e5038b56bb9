//! What one tag must be.

use regex::Regex;

use crate::error::{Error, Result};
use crate::series::{Named, ValueTest};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Is(String),
    IsNot(String),
    AnyOf(Vec<String>),
    Matches(Pattern),
    MatchesNot(Pattern),
}

/// A regular expression that must match the whole text, or why it is none; equal to another of the same text.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) text: String,
    regex: Result<Regex>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    pub(super) fn new(text: String) -> Self {
        let invalid = |error: &regex::Error| {
            let what = format!("regular expression {text:?}: {error}");
            Error::InvalidQuery { what }
        };
        // First alone, for the error to show the user's own text, and so that `a)|(b` cannot slip out of the group.
        let whole = |_| {
            let closed = Regex::new(&format!("^(?:{text})$"));
            // Under `(?x)` a comment at its end swallows what closes the group; a new line ends the comment.
            closed.or_else(|_| Regex::new(&format!("^(?:{text}\n)$")))
        };
        let regex = Regex::new(&text).and_then(whole).map_err(|error| invalid(&error));
        Self { text, regex }
    }

    fn matches(&self, text: &str) -> bool {
        self.regex.as_ref().is_ok_and(|regex| regex.is_match(text))
    }
}

impl Test {
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Is(_) | Self::IsNot(_) | Self::AnyOf(_) => Ok(()),
            Self::Matches(pattern) | Self::MatchesNot(pattern) => {
                pattern.regex.as_ref().map(drop).map_err(Clone::clone)
            }
        }
    }
}

impl ValueTest for Test {
    fn passes(&self, value: &str) -> bool {
        match self {
            Self::Is(text) => value == text,
            Self::IsNot(text) => value != text,
            Self::AnyOf(texts) => texts.iter().any(|text| value == text),
            Self::Matches(pattern) => pattern.matches(value),
            Self::MatchesNot(pattern) => pattern.regex.is_ok() && !pattern.matches(value),
        }
    }

    fn named(&self) -> Named<'_> {
        match self {
            Self::Is(text) => Named::Only(std::slice::from_ref(text)),
            Self::IsNot(text) => Named::AllBut(std::slice::from_ref(text)),
            Self::AnyOf(texts) => Named::Only(texts),
            Self::Matches(_) | Self::MatchesNot(_) => Named::Unknown,
        }
    }
}
