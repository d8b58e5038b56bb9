//! Queries and their answers.

use super::duration::parse_duration;
use super::labels::{Labels, unquote};
use super::load::parse_series;
use super::values::{SequenceValue, number};
use super::{Lines, SyntaxError};

/// A query and what it must answer.
#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) query: String,
    pub(crate) time: EvalTime,
    /// The lines `expect ..`, and what `eval_fail`, `eval_warn`, `eval_info` and `eval_ordered` stand for.
    pub(crate) expectations: Vec<Expectation>,
    /// A number on a line of its own: the answer is a scalar, or one sample without labels.
    pub(crate) scalar: Option<f64>,
    pub(crate) series: Vec<ExpectedSeries>,
}

/// The evaluation time, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvalTime {
    Instant { at: i64 },
    Range { start: i64, end: i64, step: i64 },
}

/// A series of an answer: one value of an instant query, a value for each step of a range query.
#[derive(Debug)]
pub(crate) struct ExpectedSeries {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<SequenceValue>,
}

/// What a line `expect ..` says.
#[derive(Debug)]
pub(crate) enum Expectation {
    /// The query fails, or has or lacks warnings or infos.
    Annotation(Annotation, Message),
    /// The series of an instant query come in the order of the lines.
    Ordered,
    /// The answer is this text.
    String(String),
    /// The answer is a range vector, with the values at these times in nanoseconds.
    RangeVector { start: i64, end: i64, step: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Annotation {
    Fail,
    Warn,
    NoWarn,
    Info,
    NoInfo,
}

/// What the text of an error, warning or info must be.
#[derive(Debug)]
pub(crate) enum Message {
    Any,
    Exact(String),
    Regex(String),
}

pub(crate) fn parse_eval(head: &str, lines: &mut Lines<'_>) -> Result<Eval, SyntaxError> {
    let bad_head = || SyntaxError { line: 0, message: format!("not the form of a query: {head}") };
    let (expectation, time, query) = parse_head(head).ok_or_else(bad_head)?;
    let mut eval = Eval { query: query.to_owned(), time, expectations: expectation, scalar: None, series: Vec::new() };
    while let Some((line, text)) = lines.next_of_block() {
        parse_line(&mut eval, text).map_err(|message| SyntaxError { line, message })?;
    }
    Ok(eval)
}

/// Splits the next word off a text.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// Parses a word and the duration after it.
fn duration_after<'a>(name: &str, text: &'a str) -> Option<(i64, &'a str)> {
    let (_, rest) = word(text).filter(|(found, _)| *found == name)?;
    let (duration, rest) = word(rest)?;
    Some((parse_duration(duration)?, rest))
}

fn parse_head(head: &str) -> Option<(Vec<Expectation>, EvalTime, &str)> {
    let (command, rest) = word(head)?;
    let expectations = match command {
        "eval" => vec![],
        "eval_fail" => vec![Expectation::Annotation(Annotation::Fail, Message::Any)],
        "eval_warn" => vec![Expectation::Annotation(Annotation::Warn, Message::Any)],
        "eval_info" => vec![Expectation::Annotation(Annotation::Info, Message::Any)],
        "eval_ordered" => vec![Expectation::Ordered],
        _ => return None,
    };
    let (kind, rest) = word(rest)?;
    let (time, query) = match kind {
        "instant" => {
            let (at, query) = duration_after("at", rest)?;
            (EvalTime::Instant { at }, query)
        }
        "range" => {
            let (start, rest) = duration_after("from", rest)?;
            let (end, rest) = duration_after("to", rest)?;
            let (step, query) = duration_after("step", rest)?;
            (EvalTime::Range { start, end, step }, query)
        }
        _ => return None,
    };
    let query = query.trim();
    (!query.is_empty()).then_some((expectations, time, query))
}

fn parse_line(eval: &mut Eval, text: &str) -> Result<(), String> {
    if let Some((first, rest)) = word(text) {
        let message = match first {
            "expect" => {
                eval.expectations.push(parse_expectation(rest).ok_or_else(|| format!("no expectation: {text}"))?);
                return Ok(());
            }
            "expected_fail_message" => Some(Message::Exact(rest.trim().to_owned())),
            "expected_fail_regexp" => Some(Message::Regex(rest.trim().to_owned())),
            _ => None,
        };
        if let Some(message) = message {
            eval.expectations.push(Expectation::Annotation(Annotation::Fail, message));
            return Ok(());
        }
    }
    if let Some(value) = number(text) {
        eval.scalar = Some(value);
        return Ok(());
    }
    let series = parse_series(text)?;
    let has_one_value = matches!(eval.time, EvalTime::Instant { .. })
        && !eval.expectations.iter().any(|line| matches!(line, Expectation::RangeVector { .. }));
    if has_one_value && series.values.len() > 1 {
        return Err(format!("an instant query has one value for each series: {text}"));
    }
    eval.series.push(ExpectedSeries { labels: series.labels, values: series.values });
    Ok(())
}

fn parse_expectation(text: &str) -> Option<Expectation> {
    let (kind, rest) = word(text)?;
    let annotation = match kind {
        "fail" => Annotation::Fail,
        "warn" => Annotation::Warn,
        "no_warn" => Annotation::NoWarn,
        "info" => Annotation::Info,
        "no_info" => Annotation::NoInfo,
        "ordered" => return rest.trim().is_empty().then_some(Expectation::Ordered),
        "string" => {
            let (text, rest) = unquote(rest.trim_start())?;
            return rest.trim().is_empty().then_some(Expectation::String(text));
        }
        "range" => {
            let (_, rest) = word(rest).filter(|(found, _)| *found == "vector")?;
            let (start, rest) = duration_after("from", rest)?;
            let (end, rest) = duration_after("to", rest)?;
            let (step, rest) = duration_after("step", rest)?;
            return rest.trim().is_empty().then_some(Expectation::RangeVector { start, end, step });
        }
        _ => return None,
    };
    let rest = rest.trim();
    let message = match (rest.strip_prefix("msg:"), rest.strip_prefix("regex:")) {
        (Some(text), _) => Message::Exact(text.trim().to_owned()),
        (_, Some(pattern)) => Message::Regex(pattern.trim().to_owned()),
        _ if rest.is_empty() => Message::Any,
        _ => return None,
    };
    Some(Expectation::Annotation(annotation, message))
}

#[cfg(test)]
mod tests {
    use super::super::{CommandKind, parse_file};
    use super::*;

    fn eval(text: &str) -> Eval {
        match parse_file(text).unwrap().pop().unwrap().kind {
            CommandKind::Eval(eval) => *eval,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_query_has_times_expectations_and_series() {
        let eval = eval("eval range from 0 to 1m step 30s a + b\n  expect warn msg: x y\n  {a=\"1\"} 1 _ 3\n");
        assert_eq!(eval.query, "a + b");
        assert_eq!(eval.time, EvalTime::Range { start: 0, end: 60_000_000_000, step: 30_000_000_000 });
        assert!(matches!(&eval.expectations[..],
            [Expectation::Annotation(Annotation::Warn, Message::Exact(text))] if text == "x y"));
        assert_eq!(eval.series[0].labels["a"], "1");
        assert_eq!(eval.series[0].values.len(), 3);
    }

    #[test]
    fn a_scalar_stands_alone_on_a_line() {
        let eval = eval("eval_ordered instant at 5m 1 + 2\n  3\n");
        assert_eq!(eval.scalar, Some(3.0));
        assert!(matches!(eval.expectations[..], [Expectation::Ordered]));
    }

    #[test]
    fn an_instant_query_with_two_values_is_refused() {
        let error = parse_file("eval instant at 0 x\n  x 1 2\n").unwrap_err();
        assert_eq!(error.line, 2);
    }
}
