//! The type checker. Its order, and so the first problem that it finds, is that of Prometheus.

use std::collections::HashSet;

use crate::ast::{
    Aggregation, Aggregator, ArgumentCount, Binary, Call, Cardinality, Expression, Function, LabelSet, Subquery, Unary,
    ValueType, VectorSelector,
};
use crate::lexer::quote;

use super::selector::matches_empty;
use super::{Parsed, Problem};

/// Checks the types of a tree, and sets how the vectors of its operators match.
pub(super) fn check(expression: &mut Expression) -> Parsed<()> {
    match expression {
        Expression::Number(_) | Expression::String(_) => Ok(()),
        Expression::Vector(selector) => check_selector(selector, false),
        Expression::Matrix(matrix) => check_selector(&matrix.selector, false),
        Expression::Subquery(subquery) => check_subquery(subquery),
        Expression::Call(call) => check_call(call),
        Expression::Aggregation(aggregation) => check_aggregation(aggregation),
        Expression::Binary(binary) => check_binary(binary),
        Expression::Unary(unary) => check_unary(unary),
        Expression::Parenthesized(parenthesized) => check(&mut parenthesized.inner),
    }
}

fn expect_type(expression: &mut Expression, expected: ValueType, context: &str) -> Parsed<()> {
    check(expression)?;
    let found = expression.value_type();
    if found == expected {
        return Ok(());
    }
    let (expected, found) = (expected.documented_name(), found.documented_name());
    Err(Problem::new(expression.span(), format!("expected type {expected} in {context}, got {found}")))
}

fn check_aggregation(aggregation: &mut Aggregation) -> Parsed<()> {
    expect_type(&mut aggregation.operand, ValueType::Vector, "aggregation expression")?;
    let expected = match aggregation.aggregator {
        Aggregator::CountValues => ValueType::String,
        _ => ValueType::Scalar,
    };
    match &mut aggregation.parameter {
        Some(parameter) => expect_type(parameter, expected, "aggregation parameter"),
        None => Ok(()),
    }
}

fn check_subquery(subquery: &mut Subquery) -> Parsed<()> {
    check(&mut subquery.inner)?;
    match subquery.inner.value_type() {
        ValueType::Vector => Ok(()),
        found => Err(Problem::new(
            subquery.span,
            format!("subquery is only allowed on instant vector, got {} instead", found.name()),
        )),
    }
}

fn check_unary(unary: &mut Unary) -> Parsed<()> {
    check(&mut unary.operand)?;
    match unary.operand.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(()),
        found => Err(Problem::new(
            unary.span,
            format!(
                "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                quote(found.documented_name())
            ),
        )),
    }
}

fn check_selector(selector: &VectorSelector, may_match_all: bool) -> Parsed<()> {
    if let Some(name) = &selector.name {
        return match selector.matchers.iter().find(|matcher| matcher.label == "__name__") {
            Some(other) => Err(Problem::new(
                selector.span,
                format!("metric name must not be set twice: {} or {}", quote(name), quote(&other.value)),
            )),
            None => Ok(()),
        };
    }
    for matcher in &selector.matchers {
        if !matches_empty(matcher)? {
            return Ok(());
        }
    }
    if may_match_all {
        return Ok(());
    }
    Err(Problem::new(selector.span, "vector selector must contain at least one non-empty matcher"))
}

fn check_call(call: &mut Call) -> Parsed<()> {
    check_argument_count(call)?;
    if call.function == Function::Info {
        check_info(call)?;
    }
    let signature = call.function.signature();
    let context = format!("call to function {}", quote(signature.name));
    for (at, argument) in call.arguments.iter_mut().enumerate() {
        let Some(expected) = signature.argument_types.get(at).or(signature.argument_types.last()) else { break };
        match argument {
            // The second argument of `info` only has label matchers.
            Expression::Vector(selector) if call.function == Function::Info && at == 1 => {
                check_selector(selector, true)?;
            }
            _ => expect_type(argument, *expected, &context)?,
        }
    }
    Ok(())
}

fn check_argument_count(call: &Call) -> Parsed<()> {
    let signature = call.function.signature();
    let (found, declared) = (call.arguments.len(), signature.argument_types.len());
    let least = declared.saturating_sub(1);
    let problem = match signature.argument_count {
        ArgumentCount::Exact if found != declared => Some(format!("{declared} argument(s)")),
        ArgumentCount::Exact => None,
        _ if found < least => Some(format!("at least {least} argument(s)")),
        ArgumentCount::Optional(more) if found > least + more => Some(format!("at most {} argument(s)", least + more)),
        _ => None,
    };
    match problem {
        Some(expected) => {
            let message = format!("expected {expected} in call to {}, got {found}", quote(signature.name));
            Err(Problem::new(call.span, message))
        }
        None => Ok(()),
    }
}

fn check_info(call: &Call) -> Parsed<()> {
    let Some(labels) = call.arguments.get(1) else { return Ok(()) };
    let found = labels.value_type();
    if found != ValueType::Vector {
        let found = found.documented_name();
        let message = format!("expected type instant vector in call to function \"info\", got {found}");
        return Err(Problem::new(call.span, message));
    }
    match labels {
        Expression::Vector(selector) if selector.name.is_none() => Ok(()),
        Expression::Vector(_) => {
            Err(Problem::new(labels.span(), "expected label selectors only, got vector selector instead"))
        }
        _ => Err(Problem::new(labels.span(), "expected label selectors only")),
    }
}

fn check_binary(binary: &mut Binary) -> Parsed<()> {
    check(&mut binary.left)?;
    check(&mut binary.right)?;
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    let operator = binary.operator;
    let fail = |span, message: &str| Err(Problem::new(span, message));
    if binary.returns_bool && !operator.is_comparison() {
        return fail(binary.operator_span, "bool modifier can only be used on comparison operators");
    }
    if operator.is_comparison() && !binary.returns_bool && (left, right) == (ValueType::Scalar, ValueType::Scalar) {
        return fail(binary.operator_span, "comparisons between scalars must use BOOL modifier");
    }
    check_included_labels(binary)?;
    for (side, found) in [(&binary.left, left), (&binary.right, right)] {
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            return fail(side.span(), "binary expression must contain only scalar and instant vector types");
        }
    }
    if (left, right) == (ValueType::Vector, ValueType::Vector) {
        return check_vectors(binary);
    }
    let matching = binary.matching.take();
    if matching.as_ref().is_some_and(|matching| !matching.labels.names().is_empty()) {
        return fail(binary.span, "vector matching only allowed between instant vectors");
    }
    if matching.is_some_and(|matching| matching.fill_left.is_some() || matching.fill_right.is_some()) {
        return fail(binary.span, "filling in missing series only allowed between instant vectors");
    }
    if operator.is_set_operator() {
        let message = format!("set operator {} not allowed in binary scalar expression", quote(operator.symbol()));
        return fail(binary.span, &message);
    }
    Ok(())
}

fn check_included_labels(binary: &Binary) -> Parsed<()> {
    let Some(matching) = &binary.matching else { return Ok(()) };
    let LabelSet::On(labels) = &matching.labels else { return Ok(()) };
    let included: HashSet<&String> = matching.include.iter().collect();
    match labels.iter().find(|label| included.contains(label)) {
        Some(label) => Err(Problem::new(
            binary.operator_span,
            format!("label {} must not occur in ON and GROUP clause at once", quote(label)),
        )),
        None => Ok(()),
    }
}

/// Checks the matching of a set operator between vectors.
fn check_vectors(binary: &mut Binary) -> Parsed<()> {
    if !binary.operator.is_set_operator() {
        return Ok(());
    }
    let Some(matching) = &mut binary.matching else { return Ok(()) };
    if matching.cardinality != Cardinality::OneToOne {
        let message = format!("no grouping allowed for {} operation", quote(binary.operator.symbol()));
        return Err(Problem::new(binary.span, message));
    }
    matching.cardinality = Cardinality::ManyToMany;
    if matching.fill_left.is_some() || matching.fill_right.is_some() {
        return Err(Problem::new(binary.span, "filling in missing series not allowed for set operators"));
    }
    Ok(())
}
