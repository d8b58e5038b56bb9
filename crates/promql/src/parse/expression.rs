//! Expressions by the precedence of their operators.

use crate::ast::{
    Aggregator, Expression, Number, NumberLiteral, Parenthesized, Span, StringLiteral, Unary, UnaryOperator,
};
use crate::lexer::{Token, TokenKind, is_keyword, is_operator_word, parse_duration, parse_number, unquote};

use super::{Node, Parsed, Parser, Problem};

/// Precedence of the operand of a sign: only `^` binds more strongly than the sign.
const OPERAND_OF_SIGN: u8 = 6;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Node> {
        self.binary(1)
    }

    /// Parses a sign and its operand, or an operand with its modifiers.
    pub(super) fn unary(&mut self) -> Parsed<Node> {
        let operator = match self.peek() {
            TokenKind::Add => UnaryOperator::Plus,
            TokenKind::Subtract => UnaryOperator::Minus,
            _ => {
                let operand = self.primary()?;
                return self.modified(operand);
            }
        };
        let sign = self.advance();
        let operand = self.binary(OPERAND_OF_SIGN)?;
        let span = sign.span.to(operand.expression.span());
        if let Expression::Number(number) = operand.expression {
            let value = if operator == UnaryOperator::Minus { negated(number.value.0) } else { number.value.0 };
            let signed = NumberLiteral { value: Number(value), span, ..number };
            return Ok(Node { expression: Expression::Number(signed), height: operand.height });
        }
        let unary = Unary { operator, operand: operand.expression, span };
        Self::node(Expression::Unary(Box::new(unary)), operand.height)
    }

    fn primary(&mut self) -> Parsed<Node> {
        match self.peek() {
            TokenKind::Number | TokenKind::Duration => {
                let number = self.number()?;
                Self::node(Expression::Number(number), 0)
            }
            TokenKind::String => {
                let token = self.advance();
                let string = StringLiteral { value: unquote(self.text_of(token)), span: token.span };
                Self::node(Expression::String(string), 0)
            }
            TokenKind::LeftParenthesis => self.parenthesized(),
            TokenKind::LeftBrace => self.selector(None),
            TokenKind::MetricIdentifier => {
                let name = self.advance();
                self.selector(Some(name))
            }
            TokenKind::Identifier => self.word(),
            _ => Err(self.unexpected("", "")),
        }
    }

    fn parenthesized(&mut self) -> Parsed<Node> {
        let open = self.advance();
        let inner = self.expression()?;
        let Some(close) = self.accept(TokenKind::RightParenthesis) else { return Err(self.unexpected("", "")) };
        let parenthesized = Parenthesized { inner: inner.expression, span: open.span.to(close.span) };
        Self::node(Expression::Parenthesized(Box::new(parenthesized)), inner.height)
    }

    /// Parses what begins with a word: a number, an aggregation, a call or a selector.
    fn word(&mut self) -> Parsed<Node> {
        let lower = self.text_of(self.token()).to_ascii_lowercase();
        let is_call = self.ahead(1).kind == TokenKind::LeftParenthesis;
        if matches!(lower.as_str(), "inf" | "nan") {
            let number = self.number()?;
            return Self::node(Expression::Number(number), 0);
        }
        if let Some(aggregator) = Aggregator::from_name(&lower)
            && (is_call || self.is_word(1, "by") || self.is_word(1, "without"))
        {
            return self.aggregation(aggregator);
        }
        let is_reserved = matches!(lower.as_str(), "bool" | "on" | "ignoring" | "group_left" | "group_right" | "atan2");
        if is_reserved {
            return Err(self.unexpected("", ""));
        }
        let is_function = is_operator_word(&lower).is_none() && (!is_keyword(&lower) || lower.starts_with("fill"));
        if is_call && is_function {
            return self.call();
        }
        let name = self.advance();
        self.selector(Some(name))
    }

    /// Parses a number, a duration or `Inf` or `NaN`, without a sign.
    pub(super) fn number(&mut self) -> Parsed<NumberLiteral> {
        let token = self.advance();
        let (value, is_duration) = self.value_of(token)?;
        Ok(NumberLiteral { value: Number(value), is_duration, span: token.span })
    }

    fn value_of(&self, token: Token) -> Parsed<(f64, bool)> {
        let text = self.text_of(token);
        if token.kind == TokenKind::Duration {
            return parse_duration(text)
                .map(|value| (value, true))
                .map_err(|message| Problem::new(token.span, message));
        }
        match parse_number(text) {
            Some(value) => Ok((value, false)),
            None => Err(Problem::new(token.span, format!("error parsing number: {text}"))),
        }
    }

    /// Returns `true` if the next token is a number or a duration.
    pub(super) fn is_number(&self) -> bool {
        let is_literal = matches!(self.peek(), TokenKind::Number | TokenKind::Duration);
        is_literal || self.is_word(0, "inf") || self.is_word(0, "nan")
    }

    /// Returns the span from a token to the last one that was taken.
    pub(super) fn span_from(&self, first: Token) -> Span {
        Span { start: first.span.start, end: self.last_end() }
    }
}

/// Returns the negative of a number. NaN has no sign.
pub(super) fn negated(value: f64) -> f64 {
    if value.is_nan() { value } else { -value }
}
