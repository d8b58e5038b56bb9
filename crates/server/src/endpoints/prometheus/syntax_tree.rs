//! Syntax trees in the JSON of Prometheus' `parse_query`.

use serde_json::{Value, json};
use timestrata_promql::Expression;
use timestrata_promql::ast::{
    Aggregation, ArgumentCount, AtModifier, AtTime, Binary, Call, Cardinality, DurationContext, DurationExpression,
    Grouping, LabelMatcher, LabelSet, MatrixSelector, Number, Offset, RangeExtension, Subquery, UnaryOperator,
    VectorMatching, VectorSelector,
};

/// Returns an expression as JSON. Durations are milliseconds; one that is computed from the step of a query is 0.
pub(super) fn syntax_tree(expression: &Expression) -> Value {
    match expression {
        Expression::Number(number) => json!({ "type": "numberLiteral", "val": number_text(number.value) }),
        Expression::String(string) => json!({ "type": "stringLiteral", "val": string.text() }),
        Expression::Vector(selector) => {
            selector_members("vectorSelector", selector, &Modifiers::of_selector(selector), None)
        }
        Expression::Matrix(matrix) => matrix_selector(matrix),
        Expression::Subquery(inner) => subquery(inner),
        Expression::Call(inner) => call(inner),
        Expression::Aggregation(inner) => aggregation(inner),
        Expression::Binary(inner) => binary(inner),
        Expression::Unary(unary) => {
            let sign = if unary.operator == UnaryOperator::Minus { "-" } else { "+" };
            json!({ "type": "unaryExpr", "op": sign, "expr": syntax_tree(&unary.operand) })
        }
        Expression::Parenthesized(inner) => json!({ "type": "parenExpr", "expr": syntax_tree(&inner.inner) }),
    }
}

fn aggregation(aggregation: &Aggregation) -> Value {
    json!({
        "type": "aggregation",
        "op": aggregation.aggregator.name(),
        "expr": syntax_tree(&aggregation.operand),
        "param": aggregation.parameter.as_ref().map(syntax_tree),
        "grouping": aggregation.grouping.labels(),
        "without": matches!(aggregation.grouping, Grouping::Without(_)),
    })
}

fn binary(binary: &Binary) -> Value {
    json!({
        "type": "binaryExpr",
        "op": binary.operator.symbol(),
        "lhs": syntax_tree(&binary.left),
        "rhs": syntax_tree(&binary.right),
        "matching": binary.matching.as_ref().map(matching),
        "bool": binary.returns_bool,
    })
}

fn matching(matching: &VectorMatching) -> Value {
    let card = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    json!({
        "card": card,
        "labels": matching.labels.names(),
        "on": matches!(matching.labels, LabelSet::On(_)),
        "include": matching.include,
        "fillValues": {
            "lhs": matching.fill_left.map(|fill| fill.0),
            "rhs": matching.fill_right.map(|fill| fill.0),
        },
    })
}

fn call(call: &Call) -> Value {
    let signature = call.function.signature();
    let variadic: i64 = match signature.argument_count {
        ArgumentCount::Exact => 0,
        ArgumentCount::Optional(count) => i64::try_from(count).unwrap_or(-1),
        ArgumentCount::AtLeast => -1,
    };
    let types: Vec<&str> = signature.argument_types.iter().map(|kind| kind.name()).collect();
    json!({
        "type": "call",
        "func": {
            "name": signature.name,
            "argTypes": types,
            "variadic": variadic,
            "returnType": signature.return_type.name(),
        },
        "args": call.arguments.iter().map(syntax_tree).collect::<Vec<_>>(),
    })
}

fn matrix_selector(matrix: &MatrixSelector) -> Value {
    let selector = &matrix.selector;
    selector_members("matrixSelector", selector, &Modifiers::of_selector(selector), Some(millis(&matrix.range)))
}

fn subquery(subquery: &Subquery) -> Value {
    let modifiers = Modifiers::new(subquery.offset.as_ref(), subquery.at.as_ref());
    json!({
        "type": "subquery",
        "expr": syntax_tree(&subquery.inner),
        "range": millis(&subquery.range),
        "offset": modifiers.offset,
        "step": subquery.step.as_ref().map_or(0, millis),
        "timestamp": modifiers.timestamp,
        "startOrEnd": modifiers.start_or_end,
        "alignEvalTime": false,
    })
}

fn selector_members(kind: &str, selector: &VectorSelector, modifiers: &Modifiers, range: Option<i64>) -> Value {
    let mut members = json!({
        "type": kind,
        "name": selector.name.as_deref().unwrap_or(""),
        "offset": modifiers.offset,
        "matchers": selector.conditions().iter().map(matcher).collect::<Vec<_>>(),
        "timestamp": modifiers.timestamp,
        "startOrEnd": modifiers.start_or_end,
        "anchored": selector.extension == Some(RangeExtension::Anchored),
        "smoothed": selector.extension == Some(RangeExtension::Smoothed),
    });
    if let (Some(range), Some(members)) = (range, members.as_object_mut()) {
        members.insert("range".to_owned(), range.into());
    }
    members
}

fn matcher(matcher: &LabelMatcher) -> Value {
    json!({ "name": matcher.label, "value": matcher.value, "type": matcher.operator.symbol() })
}

/// Modifiers of a selector or subquery.
struct Modifiers {
    /// Milliseconds.
    offset: i64,
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
    start_or_end: Option<&'static str>,
}

impl Modifiers {
    fn new(offset: Option<&Offset>, at: Option<&AtModifier>) -> Self {
        let at = at.map(|at| at.time);
        Self {
            offset: offset.map_or(0, |offset| millis(&offset.duration)),
            timestamp: at
                .and_then(|at| if let AtTime::Seconds(Number(seconds)) = at { whole_millis(seconds) } else { None }),
            start_or_end: at.and_then(|at| match at {
                AtTime::Seconds(_) => None,
                AtTime::Start => Some("start"),
                AtTime::End => Some("end"),
            }),
        }
    }

    fn of_selector(selector: &VectorSelector) -> Self {
        Self::new(selector.offset.as_ref(), selector.at.as_ref())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "`as` clamps; the parser accepts finite times alone")]
fn whole_millis(seconds: f64) -> Option<i64> {
    seconds.is_finite().then(|| (seconds * 1000.0).round() as i64)
}

fn millis(duration: &DurationExpression) -> i64 {
    duration.nanos(&DurationContext::default()).map_or(0, |nanos| nanos / 1_000_000)
}

/// Returns a number without an exponent.
fn number_text(number: Number) -> String {
    match number.0 {
        number if number.is_infinite() => if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use timestrata_promql::{ParserOptions, parse};

    use super::*;

    fn tree(text: &str) -> Value {
        syntax_tree(&parse(text, &ParserOptions::default()).unwrap())
    }

    #[test]
    fn trees_have_the_form_of_prometheus() {
        let selector = |name: &str| {
            let matchers = json!([{ "name": "__name__", "value": name, "type": "=" }]);
            json!({ "type": "vectorSelector", "name": name, "offset": 0, "matchers": matchers, "timestamp": null,
                "startOrEnd": null, "anchored": false, "smoothed": false })
        };
        let expected = json!({
            "type": "binaryExpr", "op": "/", "bool": false, "lhs": selector("foo"), "rhs": selector("bar"),
            "matching": { "card": "one-to-one", "labels": ["a"], "on": true, "include": [],
                "fillValues": { "lhs": null, "rhs": null } },
        });
        assert_eq!(tree("foo / on(a) bar"), expected);
        let summed = tree("-sum by (b) (rate(x{c=~\"d\"}[5m] offset 1m))");
        let aggregation = &summed["expr"];
        assert_eq!((&summed["type"], &summed["op"]), (&json!("unaryExpr"), &json!("-")));
        assert_eq!((&aggregation["op"], &aggregation["grouping"]), (&json!("sum"), &json!(["b"])));
        assert_eq!((&aggregation["param"], &aggregation["without"]), (&Value::Null, &json!(false)));
        let rate = &aggregation["expr"];
        let function = json!({ "name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector" });
        assert_eq!(rate["func"], function);
        let matrix = &rate["args"][0];
        assert_eq!((&matrix["type"], &matrix["range"]), (&json!("matrixSelector"), &json!(300_000)));
        assert_eq!(matrix["offset"], json!(60_000));
        assert_eq!(matrix["matchers"][0], json!({ "name": "c", "value": "d", "type": "=~" }));
    }

    #[test]
    fn literals_and_modifiers_are_kept() {
        assert_eq!(tree("1e3"), json!({ "type": "numberLiteral", "val": "1000" }));
        assert_eq!(tree("(+Inf)")["expr"]["val"], json!("+Inf"));
        assert_eq!(tree("\"a\""), json!({ "type": "stringLiteral", "val": "a" }));
        let subquery = tree("x[1h:5m] @ 1.5");
        assert_eq!((&subquery["range"], &subquery["step"]), (&json!(3_600_000), &json!(300_000)));
        assert_eq!((&subquery["timestamp"], &subquery["startOrEnd"]), (&json!(1_500), &Value::Null));
        assert_eq!(tree("x @ start()")["startOrEnd"], json!("start"));
    }
}
