//! Random queries of the grammar of Prometheus 2.42, without those whose answers changed between 2.42 and 3.14:
//!
//! - left edge: a sample or step at the left edge of a window belongs to it in 2.42, not in 3. A subquery has a range of
//!   5 seconds more than a multiple of its step, and all times end with the digit 7, so that no step is there;
//! - zero of counters: where a window begins long before its first sample, and a counter would have been zero in
//!   between, `rate` and `increase` extrapolate otherwise. They are applied to counters far from zero alone;
//! - window of `predict_linear`: a range pinned by `@` moves with the steps in 2.42. It has no such range here;
//! - offset in `timestamp`: `timestamp(x @ 5 offset 1m)` ignores the offset in 2.42. It has one of the two;
//! - name of `atan2`: the result has the name of the metric in 2.42. A function around it removes the name;
//! - deviation of infinities: of one value that is no finite number, `stddev` and `stdvar` are 0 in 2.42. They are those
//!   of finite numbers;
//! - regression of infinities: their compensated sums are no number in 2.42. `deriv` and `predict_linear` get none;
//! - rounding: sums are compensated in 3, so that the last digits of a mean differ. `count_values`, whose labels show
//!   all digits, counts values of selectors alone, and `topk`, whose choice of equal values nobody defines, selects
//!   counters. Remainders and angles are of exact values, and deviations are not of times, whose squares are large;
//! - dates of no number: what they are depends on the processor of Prometheus. Dates are those of finite numbers.

use proptest::prelude::*;

fn one_of(texts: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::sample::select(texts).prop_map(str::to_owned).boxed()
}

const SIMPLE_FUNCTIONS: &[&str] = &[
    "abs",
    "ceil",
    "floor",
    "exp",
    "ln",
    "log2",
    "log10",
    "sqrt",
    "sgn",
    "round",
    "sort",
    "sort_desc",
    "absent",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cosh",
    "sinh",
    "tanh",
    "deg",
    "rad",
];
const DATE_FUNCTIONS: &[&str] =
    &["minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"];
const RANGE_FUNCTIONS: &[&str] = &[
    "irate",
    "delta",
    "idelta",
    "changes",
    "resets",
    "absent_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "last_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
];

/// Vectors of finite numbers.
const FINITE: &[&str] = &["temperature * 1e6", "requests_total", "max_over_time(level[5m]) * 86400"];
/// Vectors of times.
const TIMES: &[&str] = &["timestamp(level)", "vector(time())"];

fn selector() -> BoxedStrategy<String> {
    let gauge = one_of(&["temperature", "temperature{sensor=\"1\"}", "temperature{host!=\"b\"}", "capacity"]);
    let counter = one_of(&["requests_total", "requests_total{job=\"x\"}", "requests_total{host=~\"a|b\"}"]);
    let other = one_of(&[
        "level",
        "level{job!~\"y.*\"}",
        "special",
        "latency_bucket",
        "{__name__=~\"level|capacity\"}",
        "nothing{host=\"q\"}",
    ]);
    prop_oneof![3 => gauge, 3 => counter, 2 => other].boxed()
}

fn counter() -> BoxedStrategy<String> {
    one_of(&["requests_total", "requests_total{job=\"x\"}", "latency_bucket{le!=\"1\"}"])
}

fn offset() -> BoxedStrategy<String> {
    one_of(&["", "", " offset 30s", " offset -20s", " offset 10m"])
}

fn modifiers() -> BoxedStrategy<String> {
    let at = one_of(&["", "", "", "", " @ 1700003607", " @ start()", " @ end()"]);
    (at, offset()).prop_map(|(at, offset)| at + &offset).boxed()
}

/// A range vector of a selector, or a subquery of an instant vector.
fn range(
    selector: BoxedStrategy<String>,
    inner: BoxedStrategy<String>,
    modifiers: BoxedStrategy<String>,
) -> BoxedStrategy<String> {
    let lengths = one_of(&["17s", "1m", "90s", "5m", "20m", "1h"]);
    let matrix = (selector, lengths, modifiers.clone()).prop_map(|(s, length, m)| format!("{s}[{length}]{m}"));
    let steps = one_of(&["95s:10s", "305s:30s", "605s:60s", "605s:", "1205s:130s"]);
    let subquery = (inner, steps, modifiers).prop_map(|(inner, steps, m)| format!("({inner})[{steps}]{m}"));
    prop_oneof![4 => matrix, 1 => subquery].boxed()
}

fn scalar(inner: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop_oneof![
        6 => one_of(&["0", "1", "2", "-3", "0.25", "100", "1e3", "Inf", "NaN", "0x1F"]),
        1 => one_of(&["time()", "pi()", "(2 ^ 3)", "(7 % 4)", "(1 < bool 2)"]),
        1 => inner.prop_map(|vector| format!("scalar({vector})")),
    ]
    .boxed()
}

fn labels() -> BoxedStrategy<String> {
    one_of(&["()", "(host)", "(job)", "(host, job)", "(host, sensor)", "(kind, le)", "(__name__)"])
}

fn matching() -> BoxedStrategy<String> {
    let group = one_of(&["", "group_left", "group_right", "group_left(kind)", "group_right(job, sensor)"]);
    let clause = one_of(&[
        "on(host)",
        "on(host)",
        "on(host, job)",
        "on()",
        "ignoring(job)",
        "ignoring(kind, sensor)",
        "ignoring(sensor, job)",
    ]);
    prop_oneof![2 => Just(String::new()), 3 => (clause, group).prop_map(|(c, g)| format!("{c} {g}"))].boxed()
}

/// An instant vector.
pub(crate) fn vector() -> BoxedStrategy<String> {
    let leaf = (selector(), modifiers()).prop_map(|(selector, modifiers)| selector + &modifiers).boxed();
    let over_leaf = over_time(leaf.clone());
    let leaf = prop_oneof![leaf, over_leaf];
    leaf.prop_recursive(3, 12, 3, |inner| composed(&inner.boxed())).boxed()
}

/// A function over a range vector.
fn over_time(inner: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let of_counter = range(counter(), counter(), modifiers());
    let finite = one_of(&["temperature", "requests_total", "level{job!~\"y.*\"}", "capacity"]);
    let unpinned = range(finite.clone(), finite, offset());
    let range = range(selector(), inner, modifiers());
    let parameters = one_of(&["0", "0.5", "0.9", "1", "-1", "2"]);
    let seconds = one_of(&["0", "60", "3600", "-100"]);
    let factors = one_of(&["0.3, 0.7", "0.9, 0.1"]);
    let plain = (proptest::sample::select(RANGE_FUNCTIONS), range.clone());
    prop_oneof![
        12 => plain.prop_map(|(name, range)| format!("{name}({range})")),
        1 => (parameters, range.clone()).prop_map(|(q, range)| format!("quantile_over_time({q}, {range})")),
        5 => (one_of(&["rate", "increase"]), of_counter).prop_map(|(name, range)| format!("{name}({range})")),
        1 => unpinned.clone().prop_map(|range| format!("deriv({range})")),
        1 => (unpinned, seconds).prop_map(|(range, seconds)| format!("predict_linear({range}, {seconds})")),
        1 => (range, factors).prop_map(|(range, factors)| format!("holt_winters({range}, {factors})")),
    ]
    .boxed()
}

fn aggregation(inner: &BoxedStrategy<String>) -> BoxedStrategy<String> {
    let grouping = prop_oneof![
        1 => Just(String::new()),
        3 => (one_of(&["by", "without"]), labels()).prop_map(|(kind, labels)| format!(" {kind} {labels} ")),
    ];
    let names = one_of(&["sum", "avg", "count", "min", "max", "group"]);
    let quantiles = one_of(&["0", "0.25", "0.9", "1", "2", "-1", "NaN"]);
    let ks = one_of(&["1", "2", "5", "0", "-1"]);
    prop_oneof![
        8 => (names, grouping.clone(), inner.clone()).prop_map(|(name, group, v)| format!("{name}{group}({v})")),
        1 => (one_of(&["stddev", "stdvar"]), grouping.clone(), one_of(FINITE))
            .prop_map(|(name, group, v)| format!("{name}{group}({v})")),
        1 => (grouping.clone(), quantiles, inner.clone()).prop_map(|(group, q, v)| format!("quantile{group}({q}, {v})")),
        1 => (grouping.clone(), selector()).prop_map(|(group, v)| format!("count_values{group}(\"value\", {v})")),
        // Of equal values it is not said which are chosen, so of selectors alone.
        1 => (one_of(&["topk", "bottomk"]), grouping, ks, one_of(&["requests_total", "rate(requests_total[5m])"]))
            .prop_map(|(name, group, k, v)| format!("{name}{group}({k}, {v})")),
    ]
    .boxed()
}

fn composed(inner: &BoxedStrategy<String>) -> BoxedStrategy<String> {
    let v = || inner.clone();
    let s = || scalar(inner.clone());
    let arithmetic = || one_of(&["+", "-", "*", "/", "^"]);
    let comparison = || one_of(&["==", "!=", ">", "<", ">=", "<=", "== bool", "!= bool", "> bool", "<= bool"]);
    let set = one_of(&["and", "or", "unless"]);
    let set_matching = one_of(&["", "", "on(host)", "on()", "ignoring(job)", "ignoring(sensor, kind)"]);
    let quantiles = one_of(&["0", "0.5", "0.9", "1", "2", "-1"]);
    let buckets = one_of(&["latency_bucket", "rate(latency_bucket[5m])", "sum by (le) (increase(latency_bucket[5m]))"]);
    let dates = (proptest::sample::select(DATE_FUNCTIONS), prop_oneof![one_of(FINITE), one_of(TIMES)])
        .prop_map(|(name, v)| format!("{name}({v})"));
    prop_oneof![
        4 => (v(), prop_oneof![2 => arithmetic(), 1 => comparison()], matching(), v())
            .prop_map(|(l, o, m, r)| format!("({l} {o} {m} {r})")),
        2 => (v(), prop_oneof![arithmetic(), comparison()], s()).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        1 => (s(), prop_oneof![arithmetic(), comparison()], v()).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
        1 => (v(), matching(), v()).prop_map(|(l, m, r)| format!("abs({l} atan2 {m} {r})")),
        1 => (one_of(&["sin", "cos", "tan", "ceil"]), selector(), one_of(&["2", "0.75", "-360", "0"]))
            .prop_map(|(name, v, divisor)| format!("{name}({v} % {divisor})")),
        1 => (selector(), one_of(&["", " @ 1700003607", " @ end()", " offset 10m"]))
            .prop_map(|(selector, modifier)| format!("timestamp({selector}{modifier})")),
        1 => v().prop_map(|v| format!("timestamp(abs({v}))")),
        2 => (v(), set, set_matching, v()).prop_map(|(l, o, m, r)| format!("({l} {o} {m} {r})")),
        1 => v().prop_map(|v| format!("-{v}")),
        3 => (proptest::sample::select(SIMPLE_FUNCTIONS), v()).prop_map(|(name, v)| format!("{name}({v})")),
        1 => prop_oneof![4 => dates, 1 => proptest::sample::select(DATE_FUNCTIONS).prop_map(|name| format!("{name}()"))],
        1 => (v(), s(), s()).prop_map(|(v, low, high)| format!("clamp({v}, {low}, {high})")),
        1 => (one_of(&["clamp_min", "clamp_max", "round"]), v(), s()).prop_map(|(name, v, s)| format!("{name}({v}, {s})")),
        1 => s().prop_map(|s| format!("vector({s})")),
        1 => (quantiles, buckets).prop_map(|(q, v)| format!("histogram_quantile({q}, {v})")),
        1 => v().prop_map(|v| format!("label_replace({v}, \"copy\", \"$1-x\", \"host\", \"(a|b)\")")),
        1 => v().prop_map(|v| format!("label_join({v}, \"joined\", \"-\", \"host\", \"job\", \"le\")")),
        6 => aggregation(inner),
        6 => over_time(v()),
    ]
    .boxed()
}
