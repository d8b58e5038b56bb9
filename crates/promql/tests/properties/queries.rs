//! Random queries: texts of the grammar whose types are right.

use proptest::prelude::*;

/// Which parts of the grammar a query has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// Only what is stable, in the forms that other parsers know.
    Stable,
    /// Everything.
    Whole,
}

fn one_of(texts: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::sample::select(texts).prop_map(str::to_owned).boxed()
}

/// Texts of which each one stands for itself, or nothing.
fn maybe(texts: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), one_of(texts)].boxed()
}

fn number(grammar: Grammar) -> BoxedStrategy<String> {
    let stable = one_of(&["0", "1", "2.5", ".5", "1e3", "1e-7", "0x1F", "Inf", "nan", "-3", "123456789012345678"]);
    let whole = one_of(&["1_000", "0b11", "017", "5m", "1h30m", "1y2w", "3ms", "-1d", "+7", "1e300", "--2"]);
    if grammar == Grammar::Stable { stable } else { prop_oneof![stable, whole].boxed() }
}

fn labels() -> BoxedStrategy<String> {
    one_of(&["()", "(a)", "(a, b)", "( job,instance , )", "(on)"])
}

fn duration(grammar: Grammar) -> BoxedStrategy<String> {
    let literal = one_of(&["5m", "1h", "90s", "1d", "1w", "250ms", "1h30m15s"]);
    if grammar == Grammar::Stable {
        return literal;
    }
    let leaf = prop_oneof![literal, one_of(&["300", "1.5", "0.0015", "step()", "range()", "1e2"])];
    let tree = leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), one_of(&["+", " - ", "*", "^", " / ", "%"]), inner.clone())
                .prop_map(|(left, operator, right)| format!("{left}{operator}{right}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("-({inner})+1h")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("max_of({left},{right})")),
        ]
    });
    tree.boxed()
}

/// A duration in the form that an offset has: an operand with a sign or without one.
fn offset(grammar: Grammar) -> BoxedStrategy<String> {
    let literal = one_of(&["5m", "-1h", "1d"]);
    if grammar == Grammar::Stable {
        return literal;
    }
    prop_oneof![literal, one_of(&["0", "+30", "-step()"]), duration(grammar).prop_map(|inner| format!("-({inner})"))]
        .boxed()
}

fn modifiers(grammar: Grammar) -> BoxedStrategy<String> {
    let stable = one_of(&["", "", " @ 1609746000", " @ start()", "@ end()"]);
    let at =
        if grammar == Grammar::Stable { stable } else { prop_oneof![stable, one_of(&[" @ -1.5", "@1e-9"])].boxed() };
    let offset = prop_oneof![Just(String::new()), offset(grammar).prop_map(|offset| format!(" offset {offset}"))];
    (at, offset, any::<bool>()).prop_map(|(at, offset, swap)| if swap { offset + &at } else { at + &offset }).boxed()
}

fn series(grammar: Grammar) -> BoxedStrategy<String> {
    let stable = one_of(&[
        "up",
        "a:b:c",
        "sum",
        "offset",
        "x{}",
        "x{a=\"b\"}",
        "{a=\"b\", c!=\"\"}",
        "x{a=~\"b|c.*\",d!~'e+',}",
        "{__name__=\"y\"}",
        "x{on=\"\\\"\\n\u{e9}\"}",
    ]);
    let whole = one_of(&["{\"a.b\"}", "{\"a b\", 'c d'=`\\`}", "fill", "step", "x # comment\n{a=\"b\"}"]);
    if grammar == Grammar::Stable { stable } else { prop_oneof![stable, whole].boxed() }
}

fn range_vector(grammar: Grammar, inner: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let extension =
        if grammar == Grammar::Stable { Just(String::new()).boxed() } else { maybe(&[" anchored", " smoothed"]) };
    let matrix = (series(grammar), duration(grammar), extension, modifiers(grammar))
        .prop_map(|(series, range, extension, modifiers)| format!("{series}[{range}]{extension}{modifiers}"));
    let step = prop_oneof![Just(String::new()), duration(grammar)];
    let subquery = (inner, duration(grammar), step, modifiers(grammar))
        .prop_map(|(inner, range, step, modifiers)| format!("({inner})[{range}:{step}]{modifiers}"));
    // Only a literal is known to be positive while it is parsed.
    prop_oneof![3 => matrix, 1 => subquery].boxed()
}

fn matching(grammar: Grammar) -> BoxedStrategy<String> {
    let group = prop_oneof![
        Just(String::new()),
        one_of(&["group_left", "group_right()", "group_left (c)", "group_right(c, d)"])
    ];
    // The other parser prints no `ignoring ()`, not even before a `group_left`.
    let ignored = if grammar == Grammar::Stable { one_of(&["(a)", "(b, on)"]) } else { labels() };
    let clause = prop_oneof![labels().prop_map(|on| format!("on{on}")), ignored.prop_map(|l| format!("ignoring {l}"))];
    let clause = (clause, group).prop_map(|(clause, group)| format!(" {clause} {group} "));
    let matching = prop_oneof![2 => Just(" ".to_owned()), 1 => clause];
    if grammar == Grammar::Stable {
        return matching.boxed();
    }
    let fill = maybe(&["fill(1)", "fill_left (-2) fill_right(NaN)", "fill_right(Inf)"]);
    (matching, fill).prop_map(|(matching, fill)| format!("{matching}{fill} ")).boxed()
}

fn scalar(grammar: Grammar, vector: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop_oneof![
        3 => number(grammar),
        1 => one_of(&["time()", "pi()"]),
        1 => vector.prop_map(|vector| format!("scalar({vector})")),
        1 => (number(grammar), one_of(&["+", " - ", "*", "/", "^", " atan2 ", "== bool "]), number(grammar))
            .prop_map(|(left, operator, right)| format!("({left}{operator}{right})")),
    ]
    .boxed()
}

/// An instant vector.
pub(crate) fn vector(grammar: Grammar) -> BoxedStrategy<String> {
    let leaf = (series(grammar), modifiers(grammar)).prop_map(|(series, modifiers)| series + &modifiers);
    leaf.prop_recursive(5, 40, 4, move |inner| composed(grammar, &inner.boxed())).boxed()
}

fn composed(grammar: Grammar, inner: &BoxedStrategy<String>) -> BoxedStrategy<String> {
    let v = || inner.clone();
    let s = || scalar(grammar, inner.clone());
    let arithmetic = one_of(&["+", "-", "*", "/", "%", "^", " atan2 "]);
    let comparison = one_of(&["==", "!= bool", ">", "<=", ">=bool ", "<"]);
    let grouping = prop_oneof![
        Just(String::new()),
        (one_of(&["by", "without "]), labels()).prop_map(|(kind, labels)| format!(" {kind}{labels} ")),
    ];
    let aggregation = (one_of(&["sum", "avg", "COUNT", "stddev", "group"]), grouping.clone(), v(), any::<bool>())
        .prop_map(
            |(name, group, operand, is_last)| {
                if is_last { format!("{name}({operand}){group}") } else { format!("{name}{group}({operand})") }
            },
        );
    let with_parameter = (one_of(&["topk", "quantile", "bottomk"]), grouping, s(), v())
        .prop_map(|(name, group, parameter, operand)| format!("{name}{group}({parameter}, {operand})"));
    let over_time = (one_of(&["rate", "avg_over_time", "delta", "absent_over_time"]), range_vector(grammar, v()))
        .prop_map(|(name, range)| format!("{name}({range})"));
    let labels = v().prop_map(|v| format!("label_replace({v}, \"a\", '$1', `b`, \"(.*)\\\\d\")"));
    let stable = prop_oneof![
        (v(), arithmetic.clone(), matching(grammar), v()).prop_map(|(l, o, m, r)| format!("{l} {o}{m}{r}")),
        (v(), comparison, s()).prop_map(|(l, o, r)| format!("{l} {o} {r}")),
        (s(), arithmetic, v()).prop_map(|(l, o, r)| format!("{l} {o} {r}")),
        (v(), one_of(&["and", "or", "UNLESS"]), v()).prop_map(|(l, o, r)| format!("{l} {o} {r}")),
        v().prop_map(|v| format!("-{v}")),
        v().prop_map(|v| format!("( {v}\t)")),
        (one_of(&["abs", "sort", "timestamp"]), v()).prop_map(|(name, v)| format!("{name}({v})")),
        (v(), s()).prop_map(|(v, s)| format!("round({v},{s})")),
        s().prop_map(|s| format!("vector({s})")),
        aggregation,
        with_parameter,
        over_time,
        labels,
    ];
    if grammar == Grammar::Stable {
        return stable.boxed();
    }
    let experimental = prop_oneof![
        (s(), v()).prop_map(|(s, v)| format!("limitk({s}, {v})")),
        v().prop_map(|v| format!("info({v}, {{a=~\".*\"}})")),
        v().prop_map(|v| format!("sort_by_label({v}, 'a', \"b\")")),
        (v(), v()).prop_map(|(l, r)| format!("{l} >/ {r}")),
    ];
    prop_oneof![4 => stable, 1 => experimental].boxed()
}
