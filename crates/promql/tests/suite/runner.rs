//! Runs the cases of a file and counts what passes.

use std::time::Duration;

use timestrata::{Selector, Snapshot, Timestamp};
use timestrata_promql::ast::{Expression, VectorSelector};
use timestrata_promql::{Engine, EngineOptions, Function, ParserOptions, QueryError, QueryResult, QueryValue, parse};

use crate::compare::{compare, compare_instant};
use crate::language::eval::{Annotation, Eval, EvalTime, Expectation};
use crate::language::values::SequenceValue;
use crate::language::{CommandKind, parse_file};
use crate::store::{Layout, Store};

const MINUTE: i64 = 60_000_000_000;

/// Functions whose value depends on the time of the query, whatever their arguments are.
const TIME_FUNCTIONS: [Function; 13] = [
    Function::DaysInMonth,
    Function::DayOfMonth,
    Function::DayOfWeek,
    Function::DayOfYear,
    Function::End,
    Function::Hour,
    Function::Minute,
    Function::Month,
    Function::PredictLinear,
    Function::Start,
    Function::Time,
    Function::Timestamp,
    Function::Year,
];

/// Cases of a file by their outcome.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) exempt: usize,
    /// Exempt cases that pass nevertheless.
    pub(crate) exempt_passed: usize,
    /// Line and reason of each case that failed.
    pub(crate) failed: Vec<(usize, String)>,
}

/// Runs the cases of a file on databases of the given layouts. The answers must have the same bits on each.
pub(crate) fn run_file(text: &str, layouts: &[Layout]) -> Counts {
    let mut counts = Counts::default();
    let mut store = Store::new(layouts);
    for command in parse_file(text).unwrap_or_else(|error| panic!("{}: {}", error.line, error.message)) {
        match command.kind {
            CommandKind::Clear => store.clear(),
            CommandKind::Load(load) => store.load(&load),
            CommandKind::Eval(eval) => {
                let outcome = run_case(&eval, &store);
                match (is_exempt(&eval, &store), outcome) {
                    (true, outcome) => {
                        counts.exempt += 1;
                        counts.exempt_passed += usize::from(outcome.is_ok());
                    }
                    (false, Ok(())) => counts.passed += 1,
                    (false, Err(reason)) => counts.failed.push((command.line, format!("{}: {reason}", eval.query))),
                }
            }
        }
    }
    counts
}

pub(crate) fn parser_options() -> ParserOptions {
    ParserOptions::experimental()
}

fn engine(threads: usize) -> Engine {
    Engine::new(EngineOptions {
        parser: parser_options(),
        delayed_name_removal: true,
        threads: Some(threads),
        ..EngineOptions::default()
    })
}

/// Returns `true` for a case about native histograms or start timestamps, which the engine does not have: one is in the
/// expected answer, or a selector matches a series that was loaded with one.
fn is_exempt(eval: &Eval, store: &Store) -> bool {
    let is_histogram = |value: &SequenceValue| matches!(value, SequenceValue::Histogram(_));
    if eval.series.iter().any(|series| series.values.iter().any(is_histogram)) {
        return true;
    }
    let Ok(expression) = parse(&eval.query, &parser_options()) else { return false };
    let mut is_exempt = false;
    expression.walk(&mut |node| {
        let selector = match node {
            Expression::Vector(selector) => &**selector,
            Expression::Matrix(matrix) => &matrix.selector,
            _ => return,
        };
        is_exempt |= store.is_foreign(&to_selector(selector));
    });
    is_exempt
}

fn to_selector(selector: &VectorSelector) -> Selector {
    use timestrata_promql::ast::MatchOperator::{Equal, Matches, NotEqual, NotMatches};
    selector.conditions().into_iter().fold(Selector::all(), |all, matcher| match matcher.operator {
        Equal => all.tag(matcher.label, matcher.value),
        NotEqual => all.tag_not(matcher.label, matcher.value),
        Matches => all.tag_matches(matcher.label, matcher.value),
        NotMatches => all.tag_not_matches(matcher.label, matcher.value),
    })
}

/// Runs a case on each layout, and its variants on the first one.
fn run_case(eval: &Eval, store: &Store) -> Result<(), String> {
    let mut first = None;
    for (number, (layout, snapshot)) in store.snapshots().into_iter().enumerate() {
        let answer = run(&engine(layout.threads()), &snapshot, &eval.query, eval.time);
        compare(eval, &answer)?;
        let bits = bits_of(&answer);
        match &first {
            None => first = Some(bits),
            Some(first) if *first != bits => return Err(format!("{layout:?} differs: {first:?} is not {bits:?}")),
            Some(_) => {}
        }
        if let (0, EvalTime::Instant { at }, Ok(_)) = (number, eval.time, &answer) {
            run_as_range(eval, at, &snapshot)?;
            run_with_at(eval, at, &snapshot)?;
        }
    }
    Ok(())
}

fn run(engine: &Engine, snapshot: &Snapshot, text: &str, time: EvalTime) -> Result<QueryResult, QueryError> {
    let nanos = Timestamp::from_nanos;
    match time {
        EvalTime::Instant { at } => engine.instant(snapshot, text, nanos(at))?.run_blocking(),
        EvalTime::Range { start, end, step } => {
            let step = Duration::from_nanos(u64::try_from(step).unwrap());
            engine.range(snapshot, text, nanos(start), nanos(end), step)?.run_blocking()
        }
    }
}

/// Labels of a series, and its times and the bits of its values.
type SeriesBits = (String, Vec<(i64, u64)>);

/// Returns the answer with the bits of all values; as text if it is an error or a string.
fn bits_of(answer: &Result<QueryResult, QueryError>) -> Result<Vec<SeriesBits>, String> {
    let point = |time: Timestamp, value: f64| (time.as_nanos(), value.to_bits());
    match answer {
        Err(error) => Err(error.to_string()),
        Ok(result) => match &result.value {
            QueryValue::Scalar { time, value } => Ok(vec![(String::new(), vec![point(*time, *value)])]),
            QueryValue::Vector(samples) => {
                let bits = samples.iter().map(|one| (one.labels.to_string(), vec![point(one.time, one.value)]));
                Ok(bits.collect())
            }
            QueryValue::Matrix(list) => {
                let points =
                    |points: &[(Timestamp, f64)]| points.iter().map(|(time, value)| point(*time, *value)).collect();
                Ok(list.iter().map(|series| (series.labels.to_string(), points(&series.points))).collect())
            }
            other => Err(format!("{other:?}")),
        },
    }
}

fn has(eval: &Eval, wanted: impl Fn(&Expectation) -> bool) -> bool {
    eval.expectations.iter().any(wanted)
}

fn has_variants(eval: &Eval) -> bool {
    let is_special = |expectation: &Expectation| {
        matches!(
            expectation,
            Expectation::Ordered
                | Expectation::String(_)
                | Expectation::RangeVector { .. }
                | Expectation::Annotation(Annotation::Fail, _)
        )
    };
    !has(eval, is_special)
}

/// Runs an instant case as a range query, whose middle step must have the answer.
fn run_as_range(eval: &Eval, at: i64, snapshot: &Snapshot) -> Result<(), String> {
    if !has_variants(eval) || ["range()", "step()", "start()", "end()"].iter().any(|call| eval.query.contains(call)) {
        return Ok(());
    }
    let time = EvalTime::Range { start: at - MINUTE, end: at + MINUTE, step: MINUTE };
    let answer = run(&engine(1), snapshot, &eval.query, time).map_err(|error| format!("as a range: {error}"))?;
    let QueryValue::Matrix(list) = answer.value else { return Err("as a range: no matrix".to_owned()) };
    let middle = |point: &&(Timestamp, f64)| point.0.as_nanos() == at;
    let mut value = list;
    for series in &mut value {
        series.points = series.points.iter().filter(middle).copied().collect();
    }
    value.retain(|series| !series.points.is_empty());
    compare_instant(eval, &QueryValue::Matrix(value), at).map_err(|error| format!("as a range: {error}"))
}

/// Runs an instant case at other times, with its time pinned by `@`.
fn run_with_at(eval: &Eval, at: i64, snapshot: &Snapshot) -> Result<(), String> {
    let Some(query) = pinned(&eval.query, at).filter(|_| has_variants(eval)) else { return Ok(()) };
    for other in [-10 * at, 0, at / 5, at, 10 * at] {
        let answer = run(&engine(1), snapshot, &query, EvalTime::Instant { at: other });
        let value = answer.map_err(|error| format!("{query}: {error}"))?.value;
        compare_instant(eval, &moved(value, at), at).map_err(|error| format!("{query}: {error}"))?;
    }
    Ok(())
}

/// Returns an instant vector or scalar as if it had been evaluated at another time.
fn moved(value: QueryValue, at: i64) -> QueryValue {
    let time = Timestamp::from_nanos(at);
    match value {
        QueryValue::Vector(mut samples) => {
            for sample in &mut samples {
                sample.time = time;
            }
            QueryValue::Vector(samples)
        }
        QueryValue::Scalar { value, .. } => QueryValue::Scalar { time, value },
        other => other,
    }
}

/// Adds `@` to each selector and subquery that has none; `None` if the answer depends on the time nevertheless.
fn pinned(text: &str, at: i64) -> Option<String> {
    let expression = parse(text, &parser_options()).ok()?;
    let mut ends = Vec::new();
    collect_ends(&expression, &mut ends)?;
    ends.sort_unstable();
    let mut pinned = text.to_owned();
    for end in ends.into_iter().rev() {
        #[expect(clippy::cast_precision_loss, reason = "times of the suite are small")]
        pinned.insert_str(end, &format!(" @ {}", at as f64 / 1e9));
    }
    Some(pinned)
}

/// Collects the ends of the selectors to pin. A subquery is pinned instead of what is in it.
fn collect_ends(expression: &Expression, ends: &mut Vec<usize>) -> Option<()> {
    match expression {
        Expression::Vector(selector) if selector.at.is_none() => ends.push(selector.span.end),
        Expression::Matrix(matrix) if matrix.selector.at.is_none() => ends.push(matrix.span.end),
        Expression::Subquery(subquery) if subquery.at.is_none() => {
            ends.push(subquery.span.end);
            let mut inner = Vec::new();
            collect_ends(&subquery.inner, &mut inner)?;
        }
        Expression::Subquery(_) => {}
        Expression::Call(call) => {
            let is_time = TIME_FUNCTIONS.contains(&call.function);
            // The labels of `info` are no selector.
            if is_time || call.function == Function::Info {
                return None;
            }
            for argument in &call.arguments {
                collect_ends(argument, ends)?;
            }
        }
        other => {
            for child in other.children() {
                collect_ends(child, ends)?;
            }
        }
    }
    Some(())
}
