//! Function calls, aggregations and lists of labels.

use crate::ast::{Aggregation, Aggregator, Call, Expression, Function, Grouping};
use crate::lexer::{TokenKind, quote, unquote};
use crate::options::Feature;

use super::{Node, Parsed, Parser, Problem};

/// Context of a list of labels in messages.
const GROUPING: &str = "grouping opts";

/// Arguments and the height of the highest one.
struct Arguments {
    expressions: Vec<Expression>,
    height: usize,
}

impl Parser<'_> {
    pub(super) fn call(&mut self) -> Parsed<Node> {
        let name = self.advance();
        let text = self.text_of(name);
        let arguments = self.arguments()?;
        let Some(function) = Function::from_name(text) else {
            return Err(Problem::new(name.span, format!("unknown function with name {}", quote(text))));
        };
        if function.signature().is_experimental && !self.options.has(Feature::ExperimentalFunctions) {
            return Err(Problem::new(name.span, format!("function {} is not enabled", quote(text))));
        }
        let call = Call { function, arguments: arguments.expressions, span: self.span_from(name) };
        Self::node(Expression::Call(Box::new(call)), arguments.height)
    }

    /// Parses arguments in parentheses.
    fn arguments(&mut self) -> Parsed<Arguments> {
        let mut arguments = Arguments { expressions: Vec::new(), height: 0 };
        if self.accept(TokenKind::LeftParenthesis).is_none() {
            return Err(self.unexpected("", ""));
        }
        if self.accept(TokenKind::RightParenthesis).is_some() {
            return Ok(arguments);
        }
        loop {
            let argument = self.expression()?;
            arguments.height = arguments.height.max(argument.height);
            arguments.expressions.push(argument.expression);
            if self.accept(TokenKind::RightParenthesis).is_some() {
                return Ok(arguments);
            }
            let Some(comma) = self.accept(TokenKind::Comma) else { return Err(self.unexpected("", "")) };
            if self.peek() == TokenKind::RightParenthesis {
                return Err(Problem::new(comma.span, "trailing commas not allowed in function call args"));
            }
        }
    }

    pub(super) fn aggregation(&mut self, aggregator: Aggregator) -> Parsed<Node> {
        let name = self.advance();
        let mut grouping = self.grouping()?;
        if self.peek() != TokenKind::LeftParenthesis {
            return Err(self.unexpected("aggregation", ""));
        }
        let Arguments { mut expressions, height } = self.arguments()?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let span = self.span_from(name);
        if expressions.is_empty() {
            return Err(Problem::new(span, "no arguments for aggregate expression provided"));
        }
        if aggregator.is_experimental() && !self.options.has(Feature::ExperimentalFunctions) {
            let message = format!(
                "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                aggregator.name()
            );
            return Err(Problem::new(span, message));
        }
        let (expected, found) = (1 + usize::from(aggregator.has_parameter()), expressions.len());
        let operand = expressions.pop().filter(|_| expected == found);
        let Some(operand) = operand else {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {expected}, got {found}"
            );
            return Err(Problem::new(span, message));
        };
        let parameter = expressions.pop();
        let grouping = grouping.unwrap_or(Grouping::By(Vec::new()));
        let aggregation = Aggregation { aggregator, parameter, operand, grouping, span };
        Self::node(Expression::Aggregation(Box::new(aggregation)), height)
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        if self.accept_word("by").is_some() {
            return self.grouping_labels().map(|labels| Some(Grouping::By(labels)));
        }
        if self.accept_word("without").is_some() {
            return self.grouping_labels().map(|labels| Some(Grouping::Without(labels)));
        }
        Ok(None)
    }

    /// Parses labels in parentheses. A comma may follow the last one.
    pub(super) fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
        if self.accept(TokenKind::LeftParenthesis).is_none() {
            return Err(self.unexpected(GROUPING, "\"(\""));
        }
        let mut labels = Vec::new();
        loop {
            if self.accept(TokenKind::RightParenthesis).is_some() {
                return Ok(labels);
            }
            labels.push(self.grouping_label()?);
            let is_last = self.accept(TokenKind::Comma).is_none();
            if is_last && self.peek() != TokenKind::RightParenthesis {
                return Err(self.unexpected(GROUPING, "\",\" or \")\""));
            }
        }
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        let token = self.token();
        let label = match token.kind {
            TokenKind::Identifier | TokenKind::MetricIdentifier => Some(self.text_of(token).to_owned()),
            TokenKind::String => String::from_utf8(unquote(self.text_of(token))).ok().filter(|label| !label.is_empty()),
            _ => None,
        };
        let Some(label) = label else { return Err(self.unexpected(GROUPING, "label")) };
        self.advance();
        Ok(label)
    }
}
