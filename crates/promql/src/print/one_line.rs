//! The canonical text of a tree, on one line.

use std::fmt::{self, Display, Formatter};

use crate::ast::{
    Aggregation, AtModifier, AtTime, Binary, Call, Cardinality, Expression, Grouping, LabelMatcher, LabelSet,
    MatrixSelector, Number, NumberLiteral, Offset, Subquery, Unary, UnaryOperator, VectorMatching, VectorSelector,
};
use crate::lexer::{quote, quote_bytes};

/// The canonical text: what [`parse`](crate::parse) turns into the same tree.
///
/// ```
/// use timestrata_promql::{ParserOptions, parse};
///
/// let expression = parse("sum(rate(x{a='b'}[300]))by(c)", &ParserOptions::default())?;
/// assert_eq!(expression.to_string(), "sum by (c) (rate(x{a=\"b\"}[5m]))");
/// # Ok::<(), timestrata_promql::ParseError>(())
/// ```
impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::String(string) => f.write_str(&quote_bytes(&string.value)),
            Self::Vector(selector) => selector.fmt(f),
            Self::Matrix(matrix) => matrix.fmt(f),
            Self::Subquery(subquery) => write!(f, "{}{}", subquery.inner, SubqueryTimes(subquery)),
            Self::Call(call) => call.fmt(f),
            Self::Aggregation(aggregation) => aggregation.fmt(f),
            Self::Binary(binary) => write!(f, "{} {} {}", binary.left, OperatorText(binary), binary.right),
            Self::Unary(unary) => write!(f, "{}{}", sign(unary), unary.operand),
            Self::Parenthesized(parenthesized) => write!(f, "({})", parenthesized.inner),
        }
    }
}

/// Returns the text of a sign.
pub(super) fn sign(unary: &Unary) -> &'static str {
    match unary.operator {
        UnaryOperator::Plus => "+",
        UnaryOperator::Minus => "-",
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name())?;
        for (at, argument) in self.arguments.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            argument.fmt(f)?;
        }
        f.write_str(")")
    }
}

impl Display for Aggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", AggregatorText(self))?;
        if let Some(parameter) = &self.parameter {
            write!(f, "{parameter}, ")?;
        }
        write!(f, "{})", self.operand)
    }
}

/// The name of an aggregation with its groups.
pub(super) struct AggregatorText<'a>(pub(super) &'a Aggregation);

impl Display for AggregatorText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.aggregator.name())?;
        match &self.0.grouping {
            Grouping::By(labels) if labels.is_empty() => Ok(()),
            Grouping::By(labels) => write!(f, " by ({}) ", LabelList(labels)),
            Grouping::Without(labels) => write!(f, " without ({}) ", LabelList(labels)),
        }
    }
}

/// An operator with its modifiers.
pub(super) struct OperatorText<'a>(pub(super) &'a Binary);

impl Display for OperatorText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.operator.symbol())?;
        f.write_str(if self.0.returns_bool { " bool" } else { "" })?;
        match &self.0.matching {
            Some(matching) => matching.fmt(f),
            None => Ok(()),
        }
    }
}

impl Display for VectorMatching {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let group = match self.cardinality {
            Cardinality::ManyToOne => Some("group_left"),
            Cardinality::OneToMany => Some("group_right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        match &self.labels {
            LabelSet::On(labels) => write!(f, " on ({})", LabelList(labels))?,
            LabelSet::Ignoring(labels) if labels.is_empty() && group.is_none() => {}
            LabelSet::Ignoring(labels) => write!(f, " ignoring ({})", LabelList(labels))?,
        }
        if let Some(group) = group {
            write!(f, " {group} ({})", LabelList(&self.include))?;
        }
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left == right => write!(f, " fill ({})", plain(left)),
            (left, right) => {
                for (side, value) in [("left", left), ("right", right)] {
                    if let Some(value) = value {
                        write!(f, " fill_{side} ({})", plain(value))?;
                    }
                }
                Ok(())
            }
        }
    }
}

fn plain(value: Number) -> NumberLiteral {
    NumberLiteral { value, is_duration: false, span: crate::ast::Span::default() }
}

/// Labels between commas; those that are no words are quoted.
struct LabelList<'a>(&'a [String]);

impl Display for LabelList<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, label) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            f.write_str(&label_text(label))?;
        }
        Ok(())
    }
}

fn label_text(label: &str) -> String {
    let is_word = label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { label.to_owned() } else { quote(label) }
}

impl Display for LabelMatcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", label_text(&self.label), self.operator.symbol(), quote(&self.value))
    }
}

/// The series of a selector, without modifiers.
struct SeriesText<'a>(&'a VectorSelector);

impl Display for SeriesText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.0.name.as_deref().unwrap_or_default();
        f.write_str(name)?;
        if self.0.matchers.is_empty() && !name.is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        for (at, matcher) in self.0.matchers.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "," })?;
            matcher.fmt(f)?;
        }
        f.write_str("}")
    }
}

/// The modifiers after a selector or subquery.
struct ModifiersText<'a>(Option<&'a AtModifier>, Option<&'a Offset>);

impl Display for ModifiersText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.map(|at| at.time) {
            Some(AtTime::Start) => f.write_str(" @ start()")?,
            Some(AtTime::End) => f.write_str(" @ end()")?,
            Some(AtTime::Seconds(Number(seconds))) => {
                let millis = format!("{seconds:.3}");
                let is_exact = millis.parse::<f64>().is_ok_and(|parsed| parsed.to_bits() == seconds.to_bits());
                if is_exact { write!(f, " @ {millis}")? } else { write!(f, " @ {seconds}")? }
            }
            None => {}
        }
        match self.1 {
            Some(offset) => write!(f, " offset {}", offset.duration),
            None => Ok(()),
        }
    }
}

impl VectorSelector {
    fn extension_text(&self) -> String {
        self.extension.map_or_else(String::new, |extension| format!(" {}", extension.name()))
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let modifiers = ModifiersText(self.at.as_ref(), self.offset.as_ref());
        write!(f, "{}{}{modifiers}", SeriesText(self), self.extension_text())
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let selector = &self.selector;
        let modifiers = ModifiersText(selector.at.as_ref(), selector.offset.as_ref());
        write!(f, "{}[{}]{}{modifiers}", SeriesText(selector), self.range, selector.extension_text())
    }
}

/// The brackets and modifiers of a subquery.
pub(super) struct SubqueryTimes<'a>(pub(super) &'a Subquery);

impl Display for SubqueryTimes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}:", self.0.range)?;
        if let Some(step) = &self.0.step {
            step.fmt(f)?;
        }
        write!(f, "]{}", ModifiersText(self.0.at.as_ref(), self.0.offset.as_ref()))
    }
}
