//! Operators with two operands, and how their vectors match.

use crate::ast::{Binary, BinaryOperator, Cardinality, Expression, LabelSet, Number, ValueType, VectorMatching};
use crate::lexer::{TokenKind, is_operator_word};
use crate::options::Feature;

use super::expression::negated;
use super::{Node, Parsed, Parser, Problem};

/// Modifiers between an operator and its right operand.
struct Modifiers {
    returns_bool: bool,
    matching: VectorMatching,
}

impl Parser<'_> {
    /// Parses operands and the operators between them that bind at least as strongly as `least`.
    pub(super) fn binary(&mut self, least: u8) -> Parsed<Node> {
        self.deeper(|parser| {
            let mut left = parser.unary()?;
            while let Some(operator) = parser.operator().filter(|operator| operator.precedence() >= least) {
                left = parser.operation(left, operator)?;
            }
            Ok(left)
        })
    }

    fn operator(&self) -> Option<BinaryOperator> {
        match self.peek() {
            TokenKind::Identifier => is_operator_word(self.text_of(self.token())),
            kind => kind.operator(),
        }
    }

    fn operation(&mut self, left: Node, operator: BinaryOperator) -> Parsed<Node> {
        let first = self.advance();
        let modifiers = self.modifiers()?;
        let operator_span = self.span_from(first);
        // `a ^ b ^ c` is `a ^ (b ^ c)`; every other operator groups to the left.
        let is_right_associative = operator == BinaryOperator::Power;
        let right = self.binary(operator.precedence() + u8::from(!is_right_associative))?;
        let span = left.expression.span().to(right.expression.span());
        let has_fill = modifiers.matching.fill_left.is_some() || modifiers.matching.fill_right.is_some();
        if has_fill && !self.options.has(Feature::FillModifiers) {
            return Err(Problem::new(span, "binop fill modifiers are experimental and not enabled"));
        }
        let is_scalar = |node: &Node| node.expression.value_type() == ValueType::Scalar;
        let value_type = if is_scalar(&left) && is_scalar(&right) { ValueType::Scalar } else { ValueType::Vector };
        let below = left.height.max(right.height);
        let binary = Binary {
            operator,
            left: left.expression,
            right: right.expression,
            returns_bool: modifiers.returns_bool,
            matching: Some(modifiers.matching),
            value_type,
            operator_span,
            span,
        };
        Self::node(Expression::Binary(Box::new(binary)), below)
    }

    fn modifiers(&mut self) -> Parsed<Modifiers> {
        let returns_bool = self.accept_word("bool").is_some();
        let mut matching = VectorMatching {
            cardinality: Cardinality::OneToOne,
            labels: LabelSet::Ignoring(Vec::new()),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        let is_on = self.accept_word("on").is_some();
        if is_on || self.accept_word("ignoring").is_some() {
            let labels = self.grouping_labels()?;
            matching.labels = if is_on { LabelSet::On(labels) } else { LabelSet::Ignoring(labels) };
            self.group(&mut matching)?;
        }
        self.fill(&mut matching)?;
        Ok(Modifiers { returns_bool, matching })
    }

    fn group(&mut self, matching: &mut VectorMatching) -> Parsed<()> {
        if self.accept_word("group_left").is_some() {
            matching.cardinality = Cardinality::ManyToOne;
        } else if self.accept_word("group_right").is_some() {
            matching.cardinality = Cardinality::OneToMany;
        } else {
            return Ok(());
        }
        if self.peek() == TokenKind::LeftParenthesis {
            matching.include = self.grouping_labels()?;
        }
        Ok(())
    }

    /// Parses `fill(1)`, or `fill_left(1)` and `fill_right(2)` in any order. Without the parenthesis these words are
    /// names of metrics.
    fn fill(&mut self, matching: &mut VectorMatching) -> Parsed<()> {
        while self.ahead(1).kind == TokenKind::LeftParenthesis {
            let (is_left, is_right) = match self.text_of(self.token()).to_ascii_lowercase().as_str() {
                "fill" => (true, true),
                "fill_left" => (true, false),
                "fill_right" => (false, true),
                _ => break,
            };
            let is_set_twice = (is_left && matching.fill_left.is_some()) || (is_right && matching.fill_right.is_some());
            if is_set_twice {
                return Err(self.unexpected("", ""));
            }
            self.advance();
            let value = Number(self.fill_value()?);
            if is_left {
                matching.fill_left = Some(value);
            }
            if is_right {
                matching.fill_right = Some(value);
            }
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.advance();
        let is_negative = self.peek() == TokenKind::Subtract;
        if is_negative || self.peek() == TokenKind::Add {
            self.advance();
        }
        if !self.is_number() {
            return Err(self.unexpected("fill", "number"));
        }
        let value = self.number()?.value.0;
        if self.accept(TokenKind::RightParenthesis).is_none() {
            return Err(self.unexpected("fill", "\")\""));
        }
        Ok(if is_negative { negated(value) } else { value })
    }
}
