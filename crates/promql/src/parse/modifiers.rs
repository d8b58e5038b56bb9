//! What follows an operand: ranges, subqueries, `offset`, `@`, `anchored` and `smoothed`.

use crate::ast::{
    AtModifier, AtTime, DurationExpression, Expression, MatrixSelector, Number, Offset, RangeExtension, Span, Subquery,
    VectorSelector,
};
use crate::lexer::{Token, TokenKind};
use crate::options::Feature;

use super::{Node, Parsed, Parser, Problem};

/// What may be a duration, in messages.
const DURATION: &str = "number, duration, step(), or range()";

/// The parts of a node that modifiers change.
struct Modifiable<'a> {
    offset: &'a mut Option<Offset>,
    at: &'a mut Option<AtModifier>,
    span: &'a mut Span,
}

/// Returns the parts that modifiers change; `None` if the expression takes none.
fn modifiable(expression: &mut Expression) -> Option<Modifiable<'_>> {
    match expression {
        Expression::Vector(selector) => {
            let VectorSelector { offset, at, span, .. } = selector.as_mut();
            Some(Modifiable { offset, at, span })
        }
        Expression::Matrix(matrix) => {
            let MatrixSelector { selector: VectorSelector { offset, at, .. }, span, .. } = matrix.as_mut();
            Some(Modifiable { offset, at, span })
        }
        Expression::Subquery(subquery) => {
            let Subquery { offset, at, span, .. } = subquery.as_mut();
            Some(Modifiable { offset, at, span })
        }
        _ => None,
    }
}

impl Parser<'_> {
    /// Parses the modifiers of an operand.
    pub(super) fn modified(&mut self, operand: Node) -> Parsed<Node> {
        let mut node = operand;
        loop {
            if self.peek() == TokenKind::LeftBracket {
                node = self.range(node)?;
            } else if let Some(keyword) = self.accept_word("offset") {
                self.offset(&mut node.expression, keyword)?;
            } else if let Some(sign) = self.accept(TokenKind::At) {
                self.at_time(&mut node.expression, sign)?;
            } else if self.accept_word("anchored").is_some() {
                self.extend(&mut node.expression, RangeExtension::Anchored)?;
            } else if self.accept_word("smoothed").is_some() {
                self.extend(&mut node.expression, RangeExtension::Smoothed)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// Parses `[5m]` or `[5m:1m]`.
    fn range(&mut self, node: Node) -> Parsed<Node> {
        let open = self.advance();
        let range = self.positive_duration("subquery or range selector", DURATION)?;
        if self.accept(TokenKind::RightBracket).is_some() {
            return self.matrix(node, range, open);
        }
        if self.accept(TokenKind::Colon).is_none() {
            return Err(self.unexpected("subquery or range", "\":\" or \"]\""));
        }
        let step = if self.peek() == TokenKind::RightBracket {
            None
        } else {
            let expected = "number, duration, step(), range(), or \"]\"";
            Some(self.positive_duration("subquery selector", expected)?)
        };
        if self.accept(TokenKind::RightBracket).is_none() {
            return Err(self.unexpected("subquery selector", "\"]\""));
        }
        let span = Span { start: node.expression.span().start, end: self.last_end() };
        let subquery = Subquery { inner: node.expression, range, step, offset: None, at: None, span };
        Self::node(Expression::Subquery(Box::new(subquery)), node.height)
    }

    fn matrix(&mut self, node: Node, range: DurationExpression, open: Token) -> Parsed<Node> {
        let brackets = self.span_from(open);
        let Expression::Vector(selector) = node.expression else {
            return Err(Problem::new(brackets, "ranges only allowed for vector selectors"));
        };
        if selector.offset.is_some() {
            return Err(Problem::new(brackets, "no offset modifiers allowed before range"));
        }
        if selector.at.is_some() {
            return Err(Problem::new(brackets, "no @ modifiers allowed before range"));
        }
        let span = Span { start: selector.span.start, end: brackets.end };
        let matrix = MatrixSelector { selector: *selector, range, span };
        Self::node(Expression::Matrix(Box::new(matrix)), node.height)
    }

    fn offset(&mut self, expression: &mut Expression, keyword: Token) -> Parsed<()> {
        let duration = self.offset_duration(DURATION)?;
        let span = self.span_from(keyword);
        let whole = expression.span();
        let Some(parts) = modifiable(expression) else {
            let message = "offset modifier must be preceded by an instant vector selector or range vector selector \
                           or a subquery";
            return Err(Problem::new(whole, message));
        };
        if parts.offset.is_some() {
            return Err(Problem::new(whole, "offset may not be set multiple times"));
        }
        *parts.offset = Some(Offset { duration, span });
        parts.span.end = span.end;
        Ok(())
    }

    fn at_time(&mut self, expression: &mut Expression, sign: Token) -> Parsed<()> {
        let whole = expression.span();
        let time = self.time_of_at(whole)?;
        let span = self.span_from(sign);
        let Some(parts) = modifiable(expression) else {
            let message =
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(Problem::new(whole, message));
        };
        if parts.at.is_some() {
            return Err(Problem::new(whole, "@ <timestamp> may not be set multiple times"));
        }
        *parts.at = Some(AtModifier { time, span });
        parts.span.end = span.end;
        Ok(())
    }

    fn time_of_at(&mut self, whole: Span) -> Parsed<AtTime> {
        for (word, time) in [("start", AtTime::Start), ("end", AtTime::End)] {
            if self.accept_word(word).is_some() {
                let is_call = self.accept(TokenKind::LeftParenthesis).is_some()
                    && self.accept(TokenKind::RightParenthesis).is_some();
                return if is_call { Ok(time) } else { Err(self.unexpected("@", "timestamp")) };
            }
        }
        let is_negative = self.peek() == TokenKind::Subtract;
        if is_negative || self.peek() == TokenKind::Add {
            self.advance();
        }
        if !self.is_number() {
            return Err(self.unexpected("@", "timestamp"));
        }
        let value = self.number()?.value.0;
        let seconds = if is_negative { -value } else { value };
        // 2^63, as a float: the reference keeps milliseconds in 64 bits, and checks the seconds.
        if seconds.is_nan() || seconds.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(Problem::new(whole, format!("timestamp out of bounds for @ modifier: {}", fixed(seconds))));
        }
        Ok(AtTime::Seconds(Number(seconds)))
    }

    fn extend(&mut self, expression: &mut Expression, extension: RangeExtension) -> Parsed<()> {
        let whole = expression.span();
        let fail = |message: String| Err(Problem::new(whole, message));
        let name = extension.name();
        if !self.options.has(Feature::ExtendedRangeSelectors) {
            return fail(format!("{name} modifier is experimental and not enabled"));
        }
        let end = self.last_end();
        let selector = match expression {
            Expression::Vector(selector) => {
                selector.span.end = end;
                selector.as_mut()
            }
            Expression::Matrix(matrix) => {
                matrix.span.end = end;
                &mut matrix.selector
            }
            Expression::Subquery(_) => return fail(format!("{name} modifier is not supported for subqueries")),
            _ => return fail(format!("{name} modifier not implemented")),
        };
        if selector.extension.is_some_and(|other| other != extension) {
            return fail("anchored and smoothed modifiers cannot be used together".to_owned());
        }
        selector.extension = Some(extension);
        Ok(())
    }
}

/// Returns a number as Go's `%f`.
fn fixed(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value:.6}")
    }
}
