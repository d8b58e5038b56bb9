//! Durations: literals and, where enabled, arithmetic on them.

use crate::ast::{
    DurationCall, DurationContext, DurationExpression, DurationFunction, DurationOperation, DurationOperator, Number,
    NumberLiteral, UnaryOperator,
};
use crate::lexer::{Token, TokenKind};
use crate::options::Feature;
use crate::print::DurationText;

use super::{MAX_DEPTH, Parsed, Parser, Problem, too_deep};

/// Context of a duration in the query, and the forms allowed in it, for error messages.
#[derive(Clone, Copy)]
struct Place<'a> {
    context: &'a str,
    expected: &'a str,
}

/// Precedence of the operand of a sign, as in expressions.
const OPERAND_OF_SIGN: u8 = 3;

impl Parser<'_> {
    /// Parses the duration of a range or a step. A literal must be positive.
    pub(super) fn positive_duration(&mut self, context: &str, expected: &str) -> Parsed<DurationExpression> {
        self.duration_operators = 0;
        let duration = self.duration(1, Place { context, expected })?;
        let duration = normal(duration);
        if let Some(literal) = literal(&duration) {
            check_range(literal)?;
            if DurationExpression::Literal(literal).positive_nanos(&DurationContext::default()).is_err() {
                return Err(Problem::new(literal.span, "duration must be greater than 0"));
            }
        }
        Ok(duration)
    }

    /// Parses the duration of an offset: a sign and one operand. Operators after it are those of expressions.
    pub(super) fn offset_duration(&mut self, expected: &str) -> Parsed<DurationExpression> {
        self.duration_operators = 0;
        let place = Place { context: "offset", expected };
        let sign = self.sign();
        let operand = self.duration_operand(place)?;
        let duration = match sign {
            Some((operator, token)) => self.signed_duration(operator, token, operand)?,
            None => operand,
        };
        let duration = normal(duration);
        if let Some(literal) = literal(&duration) {
            check_range(literal)?;
        }
        Ok(duration)
    }

    fn sign(&mut self) -> Option<(UnaryOperator, Token)> {
        let operator = match self.peek() {
            TokenKind::Add => UnaryOperator::Plus,
            TokenKind::Subtract => UnaryOperator::Minus,
            _ => return None,
        };
        Some((operator, self.advance()))
    }

    /// Parses operands and operators that bind at least as strongly as `least`.
    fn duration(&mut self, least: u8, place: Place<'_>) -> Parsed<DurationExpression> {
        self.deeper(|parser| {
            let mut left = match parser.sign() {
                Some((operator, token)) => {
                    let operand = parser.duration(OPERAND_OF_SIGN, place)?;
                    parser.signed_duration(operator, token, operand)?
                }
                None => parser.duration_operand(place)?,
            };
            while let Some((operator, precedence)) = operator(parser.peek()).filter(|(_, found)| *found >= least) {
                let token = parser.advance();
                let is_right_associative = operator == DurationOperator::Power;
                let right = parser.duration(precedence + u8::from(!is_right_associative), place)?;
                left = parser.duration_operation(left, operator, token, right)?;
            }
            Ok(left)
        })
    }

    fn duration_operation(
        &mut self,
        left: DurationExpression,
        operator: DurationOperator,
        token: Token,
        right: DurationExpression,
    ) -> Parsed<DurationExpression> {
        let span = left.span().to(right.span());
        self.duration_operators += 1;
        if self.duration_operators >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        if literal(&right).is_some_and(|literal| literal.value.0 == 0.0) {
            let message = match operator {
                DurationOperator::Divide => Some("division by zero"),
                DurationOperator::Modulo => Some("modulo by zero"),
                _ => None,
            };
            if let Some(message) = message {
                return Err(Problem::new(token.span, message));
            }
        }
        let operation = DurationOperation { operator, left: Some(left), right, span };
        self.enabled(DurationExpression::Binary(Box::new(operation)))
    }

    fn signed_duration(
        &self,
        operator: UnaryOperator,
        sign: Token,
        operand: DurationExpression,
    ) -> Parsed<DurationExpression> {
        let span = sign.span.to(operand.span());
        if let DurationExpression::Literal(literal) = operand {
            let value = if operator == UnaryOperator::Minus { -literal.value.0 } else { literal.value.0 };
            return Ok(DurationExpression::Literal(NumberLiteral { value: Number(value), span, ..literal }));
        }
        let operation = DurationOperation { operator: operator.into(), left: None, right: operand, span };
        self.enabled(DurationExpression::Unary(Box::new(operation)))
    }

    fn duration_operand(&mut self, place: Place<'_>) -> Parsed<DurationExpression> {
        match self.peek() {
            TokenKind::Number | TokenKind::Duration => self.number().map(DurationExpression::Literal),
            TokenKind::LeftParenthesis => self.duration_in_parentheses(place),
            TokenKind::Identifier if self.ahead(1).kind == TokenKind::LeftParenthesis => self.duration_call(place),
            _ => Err(self.unexpected(place.context, place.expected)),
        }
    }

    fn duration_in_parentheses(&mut self, place: Place<'_>) -> Parsed<DurationExpression> {
        let open = self.advance();
        let inner = self.duration(1, place)?;
        if self.accept(TokenKind::RightParenthesis).is_none() {
            return Err(self.unexpected(place.context, "\")\""));
        }
        let span = self.span_from(open);
        self.enabled(DurationExpression::Parenthesized(Box::new((inner, span))))
    }

    fn duration_call(&mut self, place: Place<'_>) -> Parsed<DurationExpression> {
        let name = self.token();
        let text = self.text_of(name);
        let function = DurationFunction::ALL.into_iter().find(|function| function.name().eq_ignore_ascii_case(text));
        let Some(function) = function else { return Err(self.unexpected(place.context, place.expected)) };
        self.advance();
        self.advance();
        let mut arguments = Vec::new();
        if matches!(function, DurationFunction::MinOf | DurationFunction::MaxOf) {
            arguments.push(self.duration(1, place)?);
            if self.accept(TokenKind::Comma).is_none() {
                return Err(self.unexpected(place.context, "\",\""));
            }
            arguments.push(self.duration(1, place)?);
        }
        if self.accept(TokenKind::RightParenthesis).is_none() {
            return Err(self.unexpected(place.context, "\")\""));
        }
        let span = self.span_from(name);
        self.enabled(DurationExpression::Call(Box::new(DurationCall { function, arguments, span })))
    }

    /// Refuses what is more than a literal unless durations may be expressions.
    fn enabled(&self, duration: DurationExpression) -> Parsed<DurationExpression> {
        if self.options.has(Feature::DurationExpressions) {
            return Ok(duration);
        }
        Err(Problem::new(duration.span(), "experimental duration expression is not enabled"))
    }
}

/// Returns the operator of a token with its precedence.
fn operator(kind: TokenKind) -> Option<(DurationOperator, u8)> {
    Some(match kind {
        TokenKind::Add => (DurationOperator::Add, 1),
        TokenKind::Subtract => (DurationOperator::Subtract, 1),
        TokenKind::Multiply => (DurationOperator::Multiply, 2),
        TokenKind::Divide => (DurationOperator::Divide, 2),
        TokenKind::Modulo => (DurationOperator::Modulo, 2),
        TokenKind::Power => (DurationOperator::Power, 3),
        _ => return None,
    })
}

/// Returns the literal of a duration, in parentheses or not.
fn literal(duration: &DurationExpression) -> Option<NumberLiteral> {
    match duration {
        DurationExpression::Literal(literal) => Some(*literal),
        DurationExpression::Parenthesized(inner) => literal(&inner.0),
        _ => None,
    }
}

/// Marks a literal as a duration if it is one of whole milliseconds: `[300]` is `[5m]`.
fn normal(duration: DurationExpression) -> DurationExpression {
    match duration {
        DurationExpression::Literal(literal) => {
            let is_duration = DurationText(literal.value.0).is_exact();
            DurationExpression::Literal(NumberLiteral { is_duration, ..literal })
        }
        other => other,
    }
}

fn check_range(literal: NumberLiteral) -> Parsed<()> {
    match DurationExpression::Literal(literal).nanos(&DurationContext::default()) {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::new(literal.span, "duration out of range")),
    }
}
