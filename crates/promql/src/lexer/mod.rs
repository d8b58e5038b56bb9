//! The lexer: text to tokens.
//!
//! Keywords and names are one kind of token here: every keyword may also be the name of a metric or a label, so the
//! parser decides by their place. Braces and brackets change what characters mean: within braces `=~` is an operator,
//! within brackets `:` separates a range from a step and is no part of a name.

mod number;
mod quoted;
mod token;

pub(crate) use number::{parse_duration, parse_number};
pub(crate) use quoted::{quote, quote_bytes, unquote};
pub(crate) use token::{Token, TokenKind, is_keyword, is_operator_word};

use crate::ast::Span;

/// A problem of the lexer. The parser reports it when it comes to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LexError {
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// Tokens of a text. After the last one follows either the end or an error.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<Token>,
    pub(crate) error: Option<LexError>,
}

/// Splits a text into tokens. Always ends with a token `End`.
pub(crate) fn lex(text: &str) -> Tokens {
    let mut lexer =
        Lexer { text, at: 0, tokens: Vec::new(), open_parentheses: 0, is_in_braces: false, is_in_brackets: false };
    let error = loop {
        match lexer.step() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
    };
    let end = Span { start: lexer.at, end: lexer.at };
    lexer.tokens.push(Token { kind: TokenKind::End, span: end });
    Tokens { tokens: lexer.tokens, error }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    open_parentheses: usize,
    is_in_braces: bool,
    is_in_brackets: bool,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fail<T>(&self, start: usize, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError { span: Span { start, end: self.text.len() }, message: message.into() })
    }

    /// Adds a token of `length` bytes.
    fn push(&mut self, kind: TokenKind, length: usize) {
        let span = Span { start: self.at, end: self.at + length };
        self.tokens.push(Token { kind, span });
        self.at = span.end;
    }

    /// Reads one token or one run of spaces. Returns `false` at the end.
    fn step(&mut self) -> Result<bool, LexError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return self.end() };
        if is_space(first) {
            self.at += rest.find(|c| !is_space(c)).unwrap_or(rest.len());
            return Ok(true);
        }
        match first {
            '#' => self.at += rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' | '\'' | '`' => {
                let length = quoted::length(rest).or_else(|message| self.fail(self.at, message))?;
                self.push(TokenKind::String, length);
            }
            '0'..='9' if !self.is_in_braces => self.number()?,
            '.' if !self.is_in_braces && rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
            ':' if self.is_in_brackets => self.push(TokenKind::Colon, 1),
            ':' if !self.is_in_braces => self.word(),
            _ if first.is_ascii_alphabetic() || first == '_' => self.word(),
            _ => self.symbol(first)?,
        }
        Ok(true)
    }

    fn end(&self) -> Result<bool, LexError> {
        if self.is_in_braces {
            return self.fail(self.at, "unexpected end of input inside braces");
        }
        if self.is_in_brackets {
            return self.fail(self.at, "unclosed left bracket");
        }
        if self.open_parentheses > 0 {
            return self.fail(self.at, "unclosed left parenthesis");
        }
        Ok(false)
    }

    fn number(&mut self) -> Result<(), LexError> {
        let length = number::length(self.rest());
        let text = &self.rest()[..length];
        let kind = if parse_number(text).is_some() {
            TokenKind::Number
        } else if number::is_duration_shaped(text) {
            TokenKind::Duration
        } else {
            return self.fail(self.at, format!("bad number or duration syntax: {}", quote(text)));
        };
        self.push(kind, length);
        Ok(())
    }

    fn word(&mut self) {
        let has_colons = !self.is_in_braces && !self.is_in_brackets;
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (has_colons && c == ':');
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let kind = if rest[..length].contains(':') { TokenKind::MetricIdentifier } else { TokenKind::Identifier };
        self.push(kind, length);
    }

    fn symbol(&mut self, first: char) -> Result<(), LexError> {
        if self.is_in_braces {
            return self.symbol_in_braces(first);
        }
        let second = self.rest()[first.len_utf8()..].chars().next();
        let (kind, length) = match (first, second) {
            ('=', Some('=')) => (TokenKind::Equal, 2),
            ('=', Some('~')) => return self.fail(self.at, "unexpected character after '=': '~'"),
            ('=', _) => (TokenKind::Assign, 1),
            ('!', Some('=')) => (TokenKind::NotEqual, 2),
            ('!', next) => {
                return self.fail(self.at, format!("unexpected character after '!': {}", quoted::rune(next)));
            }
            ('<', Some('=')) => (TokenKind::LessOrEqual, 2),
            ('<', Some('/')) => (TokenKind::TrimUpper, 2),
            ('<', _) => (TokenKind::Less, 1),
            ('>', Some('=')) => (TokenKind::GreaterOrEqual, 2),
            ('>', Some('/')) => (TokenKind::TrimLower, 2),
            ('>', _) => (TokenKind::Greater, 1),
            ('+', _) => (TokenKind::Add, 1),
            ('-', _) => (TokenKind::Subtract, 1),
            ('*', _) => (TokenKind::Multiply, 1),
            ('/', _) => (TokenKind::Divide, 1),
            ('%', _) => (TokenKind::Modulo, 1),
            ('^', _) => (TokenKind::Power, 1),
            (',', _) => (TokenKind::Comma, 1),
            ('@', _) => (TokenKind::At, 1),
            _ => return self.bracket(first),
        };
        self.push(kind, length);
        Ok(())
    }

    /// Parentheses, braces and brackets, which change what follows.
    fn bracket(&mut self, first: char) -> Result<(), LexError> {
        let unexpected = |what: &str| format!("unexpected {what} {}", quoted::rune(Some(first)));
        let kind = match first {
            '(' => {
                self.open_parentheses += 1;
                TokenKind::LeftParenthesis
            }
            ')' if self.open_parentheses == 0 => return self.fail(self.at, unexpected("right parenthesis")),
            ')' => {
                self.open_parentheses -= 1;
                TokenKind::RightParenthesis
            }
            '{' if !self.is_in_brackets => {
                self.is_in_braces = true;
                TokenKind::LeftBrace
            }
            '[' if self.is_in_brackets => return self.fail(self.at, unexpected("left bracket")),
            '[' => {
                self.is_in_brackets = true;
                TokenKind::LeftBracket
            }
            ']' if !self.is_in_brackets => return self.fail(self.at, unexpected("right bracket")),
            ']' => {
                self.is_in_brackets = false;
                TokenKind::RightBracket
            }
            _ if self.is_in_brackets => {
                return self.fail(self.at, unexpected("character in duration expression:"));
            }
            _ => return self.fail(self.at, unexpected("character:")),
        };
        self.push(kind, 1);
        Ok(())
    }

    fn symbol_in_braces(&mut self, first: char) -> Result<(), LexError> {
        let second = self.rest()[first.len_utf8()..].chars().next();
        let (kind, length) = match (first, second) {
            (',', _) => (TokenKind::Comma, 1),
            ('=', Some('~')) => (TokenKind::Matches, 2),
            ('=', _) => (TokenKind::Assign, 1),
            ('!', Some('~')) => (TokenKind::NotMatches, 2),
            ('!', Some('=')) => (TokenKind::NotEqual, 2),
            ('!', next) => {
                let message = format!("unexpected character after '!' inside braces: {}", quoted::rune(next));
                return self.fail(self.at, message);
            }
            ('{', _) => return self.fail(self.at, "unexpected left brace '{'"),
            ('}', _) => {
                self.is_in_braces = false;
                (TokenKind::RightBrace, 1)
            }
            _ => {
                let message = format!("unexpected character inside braces: {}", quoted::rune(Some(first)));
                return self.fail(self.at, message);
            }
        };
        self.push(kind, length);
        Ok(())
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests;
