//! Visits of every node of a tree.

use super::{AtModifier, DurationExpression, Expression, Offset, Span, VectorSelector};

impl Expression {
    /// Returns the expressions directly below this one, in the order of their evaluation.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => Vec::new(),
            Self::Subquery(subquery) => vec![&subquery.inner],
            Self::Call(call) => call.arguments.iter().collect(),
            Self::Aggregation(aggregation) => {
                aggregation.parameter.iter().chain(std::iter::once(&aggregation.operand)).collect()
            }
            Self::Binary(binary) => vec![&binary.left, &binary.right],
            Self::Unary(unary) => vec![&unary.operand],
            Self::Parenthesized(parenthesized) => vec![&parenthesized.inner],
        }
    }

    /// Calls a function for this expression and for each one below it, parents first.
    ///
    /// ```
    /// use timestrata_promql::{Expression, ParserOptions, parse};
    ///
    /// let expression = parse("a + b / a", &ParserOptions::default())?;
    /// let mut names = Vec::new();
    /// expression.walk(&mut |node| {
    ///     if let Expression::Vector(selector) = node {
    ///         names.extend(selector.metric_name());
    ///     }
    /// });
    /// assert_eq!(names, ["a", "b", "a"]);
    /// # Ok::<(), timestrata_promql::ParseError>(())
    /// ```
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Returns the tree with every span empty, so that it equals the tree of the same query written elsewhere or
    /// with other spaces.
    #[must_use]
    pub fn without_spans(&self) -> Self {
        let mut copy = self.clone();
        copy.clear_spans();
        copy
    }

    fn clear_spans(&mut self) {
        match self {
            Self::Number(number) => number.span = Span::default(),
            Self::String(string) => string.span = Span::default(),
            Self::Vector(selector) => selector.clear_spans(),
            Self::Matrix(matrix) => {
                matrix.span = Span::default();
                matrix.selector.clear_spans();
                matrix.range.clear_spans();
            }
            Self::Subquery(subquery) => {
                subquery.span = Span::default();
                subquery.inner.clear_spans();
                subquery.range.clear_spans();
                subquery.step.iter_mut().for_each(DurationExpression::clear_spans);
                clear_modifiers(&mut subquery.offset, &mut subquery.at);
            }
            Self::Call(call) => {
                call.span = Span::default();
                call.arguments.iter_mut().for_each(Self::clear_spans);
            }
            Self::Aggregation(aggregation) => {
                aggregation.span = Span::default();
                aggregation.parameter.iter_mut().for_each(Self::clear_spans);
                aggregation.operand.clear_spans();
            }
            Self::Binary(binary) => {
                (binary.span, binary.operator_span) = (Span::default(), Span::default());
                binary.left.clear_spans();
                binary.right.clear_spans();
            }
            Self::Unary(unary) => {
                unary.span = Span::default();
                unary.operand.clear_spans();
            }
            Self::Parenthesized(parenthesized) => {
                parenthesized.span = Span::default();
                parenthesized.inner.clear_spans();
            }
        }
    }
}

impl VectorSelector {
    fn clear_spans(&mut self) {
        self.span = Span::default();
        for matcher in &mut self.matchers {
            matcher.span = Span::default();
        }
        clear_modifiers(&mut self.offset, &mut self.at);
    }
}

fn clear_modifiers(offset: &mut Option<Offset>, at: &mut Option<AtModifier>) {
    if let Some(offset) = offset {
        offset.span = Span::default();
        offset.duration.clear_spans();
    }
    if let Some(at) = at {
        at.span = Span::default();
    }
}

impl DurationExpression {
    fn clear_spans(&mut self) {
        match self {
            Self::Literal(literal) => literal.span = Span::default(),
            Self::Call(call) => {
                call.span = Span::default();
                call.arguments.iter_mut().for_each(Self::clear_spans);
            }
            Self::Unary(operation) | Self::Binary(operation) => {
                operation.span = Span::default();
                operation.left.iter_mut().for_each(Self::clear_spans);
                operation.right.clear_spans();
            }
            Self::Parenthesized(inner) => {
                inner.1 = Span::default();
                inner.0.clear_spans();
            }
        }
    }
}
