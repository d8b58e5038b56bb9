//! `timestrata promql`: prints the answer of a query in PromQL, or checks a query.

mod check;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use timestrata::{Timestamp, Value};
use timestrata_promql::{Engine, EngineOptions, ParserOptions, Query, QueryError, QueryResult, QueryValue};

use crate::args::PromqlArgs;
use crate::chart::{self, Chart};
use crate::database;
use crate::failure::{Failure, Result};
use crate::output::{Cell, OutputFormat, Printer, SeriesText, StdoutWriter, ValuesRow};
use crate::time::{self, TimeArg};
use crate::window_args::DisplayZone;

/// Answers a query, or checks one, which takes no database.
pub(crate) fn run(args: &PromqlArgs, dir: impl FnOnce() -> Result<PathBuf>) -> Result<()> {
    match &args.check {
        Some(file) => check::run(file, parser_options(args)),
        None => answer(args, &dir()?),
    }
}

fn parser_options(args: &PromqlArgs) -> ParserOptions {
    if args.experimental { ParserOptions::experimental() } else { ParserOptions::default() }
}

fn answer(args: &PromqlArgs, dir: &Path) -> Result<()> {
    let zone = args.zone.clone().unwrap_or_default();
    let query = prepare(args, dir, &zone)?;
    if args.explain {
        let plan = query.explain().map_err(|error| failure(&error))?;
        return write_text(plan.trim_end());
    }
    let result = query.run_blocking().map_err(|error| failure(&error))?;
    for annotation in &result.annotations {
        database::note(&annotation.to_string());
    }
    if args.plot.is_none() && args.show.format == OutputFormat::Json {
        return write_text(&result.to_json());
    }
    let rows = rows_of(&result);
    if rows.is_empty() {
        return Err(Failure::Negative("the query has no result at this time".to_owned()));
    }
    match &args.plot {
        Some(plot) => chart::draw(&plotted(args, &rows, &zone), plot),
        None => print(args, &rows, &zone),
    }
}

/// Samples of one row of an answer: its labels, times and values.
type AnswerRow = (String, Vec<(Timestamp, Answer)>);

/// Value of an answer.
enum Answer {
    Number(f64),
    Text(String),
}

/// Parses the query and its times.
fn prepare(args: &PromqlArgs, dir: &Path, zone: &DisplayZone) -> Result<Query> {
    let parser = parser_options(args);
    let engine = Engine::new(EngineOptions { parser, lookback: args.lookback, ..EngineOptions::default() });
    let at = |moment: TimeArg| moment.at(&zone.shown).map_err(Failure::failed);
    let or_now = |moment: Option<TimeArg>| moment.map_or_else(|| Ok(Timestamp::now()), at);
    let snapshot = database::read(dir)?.snapshot();
    let query = match args.from {
        Some(from) => engine.range(&snapshot, &args.query, at(from)?, or_now(args.to)?, args.step),
        None => engine.instant(&snapshot, &args.query, or_now(args.at)?),
    };
    query.map_err(|error| failure(&error))
}

fn failure(error: &QueryError) -> Failure {
    match error {
        QueryError::Storage(error) => Failure::from(error.clone()),
        other => Failure::failed(other.to_string()),
    }
}

/// Writes a text and a line break to standard output.
fn write_text(text: &str) -> Result<()> {
    let mut stdout = StdoutWriter::lock();
    writeln!(stdout.out, "{text}")?;
    stdout.out.flush()?;
    Ok(())
}

fn rows_of(result: &QueryResult) -> Vec<AnswerRow> {
    let one = |time: Timestamp, value: Answer| vec![(String::from("{}"), vec![(time, value)])];
    match &result.value {
        QueryValue::Scalar { time, value } => one(*time, Answer::Number(*value)),
        QueryValue::String { time, value } => one(*time, Answer::Text(value.clone())),
        QueryValue::Vector(samples) => {
            let row =
                samples.iter().map(|one| (one.labels.to_series_text(), vec![(one.time, Answer::Number(one.value))]));
            row.collect()
        }
        QueryValue::Matrix(list) => {
            let points = |points: &[(Timestamp, f64)]| {
                points.iter().map(|(time, value)| (*time, Answer::Number(*value))).collect()
            };
            list.iter().map(|series| (series.labels.to_series_text(), points(&series.points))).collect()
        }
        _ => Vec::new(),
    }
}

fn print(args: &PromqlArgs, rows: &[AnswerRow], zone: &DisplayZone) -> Result<()> {
    let names: Rc<[String]> = vec!["value".to_owned()].into();
    let mut printer = Printer::stdout(args.show, &ValuesRow::headers(&names))?;
    'rows: for (labels, points) in rows {
        let series = SeriesText::of_text(labels);
        for (time, value) in points {
            let cell = match value {
                Answer::Number(value) => Cell::Value(Value::F64(*value)),
                Answer::Text(text) => Cell::Time(text.clone()),
            };
            let time = time::format_time(*time, &zone.shown);
            let row = ValuesRow { series: Rc::clone(&series), time, names: Rc::clone(&names), values: vec![cell] };
            if !printer.row(&row)? {
                break 'rows;
            }
        }
    }
    printer.finish()
}

fn plotted(args: &PromqlArgs, rows: &[AnswerRow], zone: &DisplayZone) -> Chart {
    let mut chart = Chart::new(args.query.clone(), String::new(), zone);
    for (labels, points) in rows {
        chart.begin_line(if labels == "{}" { args.query.clone() } else { labels.clone() });
        for (time, value) in points {
            if let Answer::Number(value) = value {
                chart.point(*time, Some(Value::F64(*value)));
            }
        }
    }
    chart
}
