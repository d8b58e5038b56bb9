use super::*;
use crate::options::Feature;

fn tree(text: &str) -> Expression {
    parse(text, &ParserOptions::experimental()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn message(text: &str) -> String {
    parse(text, &ParserOptions::experimental()).unwrap_err().to_string()
}

#[test]
fn a_chain_of_operators_is_bounded_in_its_depth() {
    let chain = |operands: usize| vec!["1"; operands].join("+");
    assert!(parse(&chain(MAX_DEPTH), &ParserOptions::default()).is_ok());
    let error = parse(&chain(10_000), &ParserOptions::default()).unwrap_err();
    assert_eq!(error.message(), "the expression has more than 256 levels");
}

#[test]
fn nesting_of_every_kind_is_bounded() {
    let count = 20_000;
    let texts = [
        format!("{}1{}", "(".repeat(count), ")".repeat(count)),
        format!("{}x", "-".repeat(count)),
        format!("x{}", "[1m:]".repeat(count)),
        format!("{}x{}", "abs(".repeat(count), ")".repeat(count)),
        format!("{}x{}", "sum(".repeat(count), ")".repeat(count)),
        format!("x[{}1m{}]", "(".repeat(count), ")".repeat(count)),
        format!("x[{}1m]", "-".repeat(count)),
        format!("x[1m{}]", "+1m".repeat(count)),
        format!("x offset {}1m{}", "min_of(1,".repeat(count), ")".repeat(count)),
        format!("1{}", "^1".repeat(count)),
        format!("x{}", " or x".repeat(count)),
    ];
    for text in texts {
        let error = parse(&text, &ParserOptions::experimental()).unwrap_err();
        assert_eq!(error.message(), "the expression has more than 256 levels", "{}", &text[..20]);
    }
    let error = parse(&" ".repeat(MAX_TEXT_BYTES + 1), &ParserOptions::default()).unwrap_err();
    assert_eq!(error.message(), "the query has 1048577 bytes, more than 1048576");
}

#[test]
fn operators_bind_by_their_precedence() {
    let same = [
        ("1 + 2 * 3 ^ 4 ^ 5", "1 + (2 * (3 ^ (4 ^ 5)))"),
        ("a - b - c", "(a - b) - c"),
        ("a or b and c unless d", "a or ((b and c) unless d)"),
        ("-a ^ 2", "-(a ^ 2)"),
        ("-a * 2", "(-a) * 2"),
        ("2 ^ -a * 3", "(2 ^ (-a)) * 3"),
        ("a < b + c atan2 d", "a < (b + (c atan2 d))"),
        ("a + b offset 5m", "a + (b offset 5m)"),
        ("x offset 2 ^ 2", "(x offset 2) ^ 2"),
        ("x offset -step()*2", "(x offset -step())*2"),
    ];
    for (text, grouped) in same {
        assert_eq!(without_parentheses(&tree(text)), without_parentheses(&tree(grouped)), "{text}");
    }
}

/// Removes the spans and the parentheses of binary operands.
fn without_parentheses(expression: &Expression) -> Expression {
    match expression.without_spans() {
        Expression::Parenthesized(inner) => without_parentheses(&inner.inner),
        Expression::Binary(mut binary) => {
            binary.left = without_parentheses(&binary.left);
            binary.right = without_parentheses(&binary.right);
            Expression::Binary(binary)
        }
        Expression::Unary(mut unary) => {
            unary.operand = without_parentheses(&unary.operand);
            Expression::Unary(unary)
        }
        other => other,
    }
}

#[test]
fn every_node_has_its_place() {
    let text = "sum by (a) ( rate(x{b=\"c\"}[5m] offset 1h) ) + -y";
    let mut places = Vec::new();
    tree(text).walk(&mut |node| places.push(text[node.span().start..node.span().end].to_owned()));
    let expected = [
        text,
        "sum by (a) ( rate(x{b=\"c\"}[5m] offset 1h) )",
        "rate(x{b=\"c\"}[5m] offset 1h)",
        "x{b=\"c\"}[5m] offset 1h",
        "-y",
        "y",
    ];
    assert_eq!(places, expected);
}

#[test]
fn words_of_the_language_are_names_where_they_can_be() {
    let texts =
        ["sum", "by{by=\"by\"}", "offset offset 5m", "sum + on(on) sum", "or or or", "start", "fill + fill", "step"];
    for text in texts {
        tree(text);
    }
    assert!(matches!(tree("sum by (sum, by, \"a b\") (sum)"), Expression::Aggregation(_)));
    assert_eq!(message("on"), "1:1: parse error: unexpected <on>");
}

#[test]
fn experimental_parts_need_their_feature() {
    let parts = [
        ("limitk(1, x)", Feature::ExperimentalFunctions),
        ("info(x)", Feature::ExperimentalFunctions),
        ("rate(x[5m + 1m])", Feature::DurationExpressions),
        ("x offset step()", Feature::DurationExpressions),
        ("rate(x[(5m)])", Feature::DurationExpressions),
        ("rate(x[5m] anchored)", Feature::ExtendedRangeSelectors),
        ("x smoothed", Feature::ExtendedRangeSelectors),
        ("x + fill(0) y", Feature::FillModifiers),
    ];
    for (text, feature) in parts {
        assert!(parse(text, &ParserOptions::default()).is_err(), "{text}");
        assert!(parse(text, &ParserOptions::default().enable(feature)).is_ok(), "{text}");
    }
}

#[test]
fn messages_are_those_of_the_reference() {
    let messages = [
        ("", "unknown position: parse error: no expression found in input"),
        ("# only a comment", "1:1: parse error: no expression found in input"),
        ("1+", "1:3: parse error: unexpected end of input"),
        ("a b", "1:3: parse error: unexpected identifier \"b\""),
        ("(1", "1:3: parse error: unclosed left parenthesis"),
        ("999999999999x", "1:1: parse error: bad number or duration syntax: \"999999999999x\""),
        ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
        ("1 or a", "1:1: parse error: set operator \"or\" not allowed in binary scalar expression"),
        ("1 + on(a) b", "1:1: parse error: vector matching only allowed between instant vectors"),
        ("a and on(b) group_left b", "1:1: parse error: no grouping allowed for \"and\" operation"),
        ("a + on(b) group_left(b) c", "1:3: parse error: label \"b\" must not occur in ON and GROUP clause at once"),
        ("rate(x)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
        ("rate(x[5m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"),
        ("round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0"),
        ("round(x, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"),
        ("nope(x)", "1:1: parse error: unknown function with name \"nope\""),
        ("abs(x,)", "1:6: parse error: trailing commas not allowed in function call args"),
        ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
        ("topk(x)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("sum(x) by a", "1:11: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\""),
        ("sum by (,a) (x)", "1:9: parse error: unexpected \",\" in grouping opts, expected label"),
        ("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("{a=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("x{__name__=\"y\"}", "1:1: parse error: metric name must not be set twice: \"x\" or \"y\""),
        ("x{a}", "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator"),
        ("x{a=b}", "1:5: parse error: unexpected identifier \"b\" in label matching, expected string"),
        ("x{,}", "1:3: parse error: unexpected \",\" in label matching, expected identifier or \"}\""),
        ("x[5m]", ""),
        ("abs(x)[5m]", "1:7: parse error: ranges only allowed for vector selectors"),
        ("x offset 1m[5m]", "1:12: parse error: no offset modifiers allowed before range"),
        ("x @ 5 [5m]", "1:7: parse error: no @ modifiers allowed before range"),
        ("x[0]", "1:3: parse error: duration must be greater than 0"),
        ("x[5m:0s]", "1:6: parse error: duration must be greater than 0"),
        ("x[5m 1m]", "1:6: parse error: unexpected duration \"1m\" in subquery or range, expected \":\" or \"]\""),
        ("x[1m / 0]", "1:6: parse error: division by zero"),
        ("x offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"),
        ("x @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
        ("x @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
        ("x[5m][1m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"),
        (
            "-\"a\"",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
        ),
        ("a\n+ + b c", "2:7: parse error: unexpected identifier \"c\""),
        ("x[1m] anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together"),
        ("info(x, y)", "1:9: parse error: expected label selectors only, got vector selector instead"),
    ];
    for (text, expected) in messages {
        let found = parse(text, &ParserOptions::experimental()).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected, "{text}");
    }
}
