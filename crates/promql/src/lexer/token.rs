//! Tokens, and how messages name them.

use crate::ast::{Aggregator, BinaryOperator, Span};

use super::quote;

/// A token and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word without colons, which may be a keyword.
    Identifier,
    /// A word with colons.
    MetricIdentifier,
    Number,
    Duration,
    String,
    LeftParenthesis,
    RightParenthesis,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    /// `=`
    Assign,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
    /// `==`
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `</`
    TrimUpper,
    /// `>/`
    TrimLower,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    End,
}

impl TokenKind {
    /// Returns the operator of a symbol. Operators that are words are identifiers.
    pub(crate) fn operator(self) -> Option<BinaryOperator> {
        Some(match self {
            Self::Add => BinaryOperator::Add,
            Self::Subtract => BinaryOperator::Subtract,
            Self::Multiply => BinaryOperator::Multiply,
            Self::Divide => BinaryOperator::Divide,
            Self::Modulo => BinaryOperator::Modulo,
            Self::Power => BinaryOperator::Power,
            Self::Equal => BinaryOperator::Equal,
            Self::NotEqual => BinaryOperator::NotEqual,
            Self::TrimUpper => BinaryOperator::TrimUpper,
            Self::TrimLower => BinaryOperator::TrimLower,
            Self::Less => BinaryOperator::Less,
            Self::LessOrEqual => BinaryOperator::LessOrEqual,
            Self::Greater => BinaryOperator::Greater,
            Self::GreaterOrEqual => BinaryOperator::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Returns the words for a token in messages, as Prometheus chooses them.
    pub(crate) fn describe(self, text: &str) -> String {
        match self {
            Self::End => "end of input".to_owned(),
            Self::Identifier => describe_word(text),
            Self::MetricIdentifier => format!("metric identifier {}", quote(text)),
            Self::Number => format!("number {}", shortened(text)),
            Self::Duration => format!("duration {}", shortened(text)),
            Self::String => format!("string {}", shortened(text)),
            Self::Matches | Self::NotMatches | Self::At => format!("<op:{text}>"),
            _ if self.operator().is_some() => format!("<op:{text}>"),
            _ => quote(text),
        }
    }
}

/// Greatest number of characters of a literal in a message.
const SHOWN_CHARACTERS: usize = 10;

fn shortened(text: &str) -> String {
    if text.len() <= SHOWN_CHARACTERS {
        return quote(text);
    }
    let shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
    format!("{}...", quote(&shown))
}

fn describe_word(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "nan" => format!("number {}", quote(text)),
        "and" | "or" | "unless" | "atan2" => format!("<op:{text}>"),
        "start" | "end" => quote(text),
        _ if is_keyword(&lower) => format!("<{text}>"),
        _ if Aggregator::from_name(&lower).is_some() => format!("<aggr:{text}>"),
        _ => format!("identifier {}", quote(text)),
    }
}

/// Returns `true` if a word in lower case is a keyword that Prometheus' messages show as one.
pub(crate) fn is_keyword(lower: &str) -> bool {
    let words = [
        "offset",
        "smoothed",
        "anchored",
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "bool",
        "fill",
        "fill_left",
        "fill_right",
    ];
    words.contains(&lower)
}

/// Returns the operator of a word, in any case.
pub(crate) fn is_operator_word(word: &str) -> Option<BinaryOperator> {
    use BinaryOperator::{And, Atan2, Or, Unless};
    [And, Or, Unless, Atan2].into_iter().find(|operator| operator.symbol().eq_ignore_ascii_case(word))
}
