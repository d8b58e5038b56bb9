//! Trees over several lines, by the rules of Prometheus' `format_query`.
//!
//! A node whose text has at most 100 bytes stays on one line. A longer one is split: arguments, operands and what
//! is in parentheses come on lines of their own, two spaces deeper.

use std::fmt::{self, Write};

use crate::ast::{Aggregation, Binary, Expression};

use super::one_line::{AggregatorText, OperatorText, SubqueryTimes, sign};

/// Greatest number of bytes of a node on one line; Prometheus counts bytes, too.
const MAX_LINE_BYTES: usize = 100;

impl Expression {
    /// Returns the query over several lines, as Prometheus formats it.
    ///
    /// ```
    /// use timestrata_promql::{ParserOptions, parse};
    ///
    /// let text = "sum by (instance, job) (rate(http_requests_total{status=~\"5..\"}[5m])) \
    ///             / sum by (instance, job) (rate(http_requests_total[5m]))";
    /// let expected = "  sum by (instance, job) (rate(http_requests_total{status=~\"5..\"}[5m]))
    /// /
    ///   sum by (instance, job) (rate(http_requests_total[5m]))";
    /// assert_eq!(parse(text, &ParserOptions::default())?.pretty(), expected);
    /// # Ok::<(), timestrata_promql::ParseError>(())
    /// ```
    #[must_use]
    pub fn pretty(&self) -> String {
        let mut printer = Printer { out: String::new() };
        printer.expression(self, 0);
        printer.out
    }
}

struct Printer {
    out: String,
}

impl Printer {
    fn add(&mut self, text: impl fmt::Display) {
        // A String takes everything.
        let _ = write!(self.out, "{text}");
    }

    fn indent(&mut self, level: usize) {
        (0..level).for_each(|_| self.out.push_str("  "));
    }

    fn line_end(&mut self, level: usize) {
        self.out.push('\n');
        self.indent(level);
    }

    fn expression(&mut self, expression: &Expression, level: usize) {
        self.indent(begin_level(expression, level));
        self.rest(expression, level);
    }

    /// Prints an expression whose first line is already indented.
    fn rest(&mut self, expression: &Expression, level: usize) {
        if let Expression::Unary(unary) = expression {
            self.add(sign(unary));
            return self.rest(&unary.operand, level);
        }
        if fits(expression) {
            return self.add(expression);
        }
        match expression {
            Expression::Call(call) => {
                self.add(call.function.name());
                self.in_parentheses(level, |printer| {
                    for (at, argument) in call.arguments.iter().enumerate() {
                        printer.out.push_str(if at == 0 { "" } else { ",\n" });
                        printer.expression(argument, level + 1);
                    }
                });
            }
            Expression::Aggregation(aggregation) => self.aggregation(aggregation, level),
            Expression::Binary(binary) => self.binary(binary, level),
            Expression::Subquery(subquery) => {
                self.rest(&subquery.inner, level);
                self.add(SubqueryTimes(subquery));
            }
            Expression::Parenthesized(inner) => {
                self.in_parentheses(level, |printer| printer.expression(&inner.inner, level + 1));
            }
            _ => self.add(expression),
        }
    }

    fn in_parentheses(&mut self, level: usize, inside: impl FnOnce(&mut Self)) {
        self.out.push_str("(\n");
        inside(self);
        self.line_end(level);
        self.out.push(')');
    }

    fn aggregation(&mut self, aggregation: &Aggregation, level: usize) {
        self.add(AggregatorText(aggregation));
        self.in_parentheses(level, |printer| {
            if let Some(parameter) = &aggregation.parameter {
                printer.expression(parameter, level + 1);
                printer.out.push_str(",\n");
            }
            printer.expression(&aggregation.operand, level + 1);
        });
    }

    fn binary(&mut self, binary: &Binary, level: usize) {
        self.rest(&binary.left, level + 1);
        self.line_end(level);
        self.add(OperatorText(binary));
        self.out.push('\n');
        self.expression(&binary.right, level + 1);
    }
}

/// Returns the level of an expression's first line: that of the leftmost operand of operators that are split.
fn begin_level(expression: &Expression, level: usize) -> usize {
    let (mut node, mut level) = (expression, level);
    while !fits(node) {
        node = match node {
            Expression::Binary(binary) => {
                level += 1;
                &binary.left
            }
            Expression::Subquery(subquery) => &subquery.inner,
            _ => break,
        };
    }
    level
}

/// Returns `true` if the text of an expression has at most [`MAX_LINE_BYTES`] bytes.
fn fits(expression: &Expression) -> bool {
    write!(Room { bytes: MAX_LINE_BYTES }, "{expression}").is_ok()
}

/// A writer that fails once it is full.
struct Room {
    bytes: usize,
}

impl Write for Room {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes = self.bytes.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}
