//! The tables of a run, and the list of what a peer does better.

use std::fmt::Write;

use crate::rounds::{Outcomes, Results, grouped};
use crate::task::{Measure, Outcome};

/// The engine that the others are compared with.
const OURS: &str = "timestrata";
/// Characters of an error or a wrong answer in a cell.
const CELL_CHARACTERS: usize = 60;

/// How a value is printed.
#[derive(Clone, Copy)]
enum Unit {
    Whole,
    Thousands,
    Millions,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    Megabytes,
    Plain,
}

/// Which value is the better one.
#[derive(Clone, Copy, PartialEq)]
enum Better {
    Higher,
    Lower,
    /// A fact of the machine, not of an engine.
    Neither,
}

struct Row {
    measure: Measure,
    title: &'static str,
    unit: Unit,
    better: Better,
}

const fn row(measure: Measure, title: &'static str, unit: Unit, better: Better) -> Row {
    Row { measure, title, unit, better }
}

const ROWS: &[Row] = &[
    row(Measure::Ingest, "ingest, no fsync, close included, k points/s", Unit::Thousands, Better::Higher),
    row(Measure::IngestCpu, "its CPU time, ns/point", Unit::Nanoseconds, Better::Lower),
    row(Measure::Close, "its close, ms", Unit::Milliseconds, Better::Lower),
    row(Measure::PeakMemory, "its peak memory, MB", Unit::Megabytes, Better::Lower),
    row(Measure::FileBytes, "bytes/point after close, files", Unit::Plain, Better::Lower),
    row(Measure::DiskBytes, "bytes/point after close, blocks on disk", Unit::Plain, Better::Lower),
    row(Measure::DurableOne, "durable, 1 client x 1,000 points, k points/s", Unit::Thousands, Better::Higher),
    row(Measure::AckMedian, "its ack p50, us", Unit::Microseconds, Better::Lower),
    row(Measure::AckP99, "its ack p99, us", Unit::Microseconds, Better::Lower),
    row(Measure::AckRatio, "its ack p50 / bare write + fdatasync", Unit::Plain, Better::Lower),
    row(Measure::Bare, "bare write + fdatasync beside it, p50, us", Unit::Microseconds, Better::Neither),
    row(Measure::DurableMany, "durable, many clients x 1,000 points, k points/s", Unit::Thousands, Better::Higher),
    row(Measure::ManyP99, "its ack p99, ms", Unit::Milliseconds, Better::Lower),
    row(Measure::SingleMedian, "durable single points, 1 thread, ack p50, us", Unit::Microseconds, Better::Lower),
    row(Measure::SingleMany, "durable single points, many threads, acks/s", Unit::Whole, Better::Higher),
    row(Measure::Open, "open, ms", Unit::Milliseconds, Better::Lower),
    row(Measure::Scan, "full scan, summed, M points/s", Unit::Millions, Better::Higher),
    row(Measure::Hour, "1 series x 1 h, p50, us", Unit::Microseconds, Better::Lower),
    row(Measure::Latest, "latest of 1,000 series, ms", Unit::Milliseconds, Better::Lower),
];

/// Returns the tables of all shapes, each with what a peer does better.
pub(crate) fn tables(results: &Results) -> String {
    let mut text = String::new();
    for (title, outcomes) in &results.shapes {
        let names: Vec<&str> = results.engines.iter().map(|peer| peer.name).collect();
        let _ = writeln!(text, "### {title}\n\n{}\n{}", table(&names, outcomes), better_peers(&names, outcomes));
    }
    if results.engines.iter().any(|peer| !peer.takes_many_writers) {
        text += "\\* Writes of several threads take turns: the engine has one writer.\n";
    }
    for (name, why) in &results.missing {
        let _ = writeln!(text, "\n{name}: {why}");
    }
    text
}

/// Returns the outcome of all rounds: wrong if one is, else failed if one is, else the median.
fn combined(outcomes: &Outcomes, name: &str, measure: Measure) -> Option<Outcome> {
    let rounds = outcomes.iter().find(|((engine, one), _)| *engine == name && *one == measure)?.1;
    let of = |kind: fn(&Outcome) -> bool| rounds.iter().find(|outcome| kind(outcome));
    let not_a_value = of(|outcome| matches!(outcome, Outcome::Wrong(_)))
        .or_else(|| of(|outcome| matches!(outcome, Outcome::Failed(_))));
    if let Some(outcome) = not_a_value {
        return Some(outcome.clone());
    }
    let value = |outcome: &Outcome| if let Outcome::Value(value) = outcome { Some(*value) } else { None };
    let mut values: Vec<f64> = rounds.iter().filter_map(value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values.get((values.len().checked_sub(1)?) / 2)?, values.get(values.len() / 2)?);
    Some(Outcome::Value(f64::midpoint(*low, *high)))
}

fn value(outcomes: &Outcomes, name: &str, measure: Measure) -> Option<f64> {
    match combined(outcomes, name, measure) {
        Some(Outcome::Value(value)) => Some(value),
        _ => None,
    }
}

/// Returns how many times better ours is than a peer's: above 1 if it is.
fn advantage(better: Better, ours: f64, peer: f64) -> Option<f64> {
    match better {
        Better::Higher => Some(ours / peer),
        Better::Lower => Some(peer / ours),
        Better::Neither => None,
    }
}

/// Returns the rows that were measured. The last column compares ours with the best of the peers that have a value.
fn table(names: &[&str], outcomes: &Outcomes) -> String {
    let has_one_writer = |name: &&str| crate::engine::peer(name).is_some_and(|peer| !peer.takes_many_writers);
    let (headings, line) = (names.join(" | "), "---|".repeat(names.len()));
    let mut text = format!("| measure | {headings} | ours / best peer |\n|---|{line}---|\n");
    for row in ROWS {
        let measured: Vec<Option<Outcome>> = names.iter().map(|name| combined(outcomes, name, row.measure)).collect();
        if measured.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(text, "| {} |", row.title);
        for (name, outcome) in names.iter().zip(&measured) {
            let takes_turns = matches!(row.measure, Measure::DurableMany | Measure::SingleMany) && has_one_writer(name);
            let _ = write!(text, " {}{} |", cell(outcome.as_ref(), row.unit), if takes_turns { "\\*" } else { "" });
        }
        let peers = names.iter().filter(|name| **name != OURS).filter_map(|name| value(outcomes, name, row.measure));
        let ratios = value(outcomes, OURS, row.measure)
            .map(|ours| peers.filter_map(|peer| advantage(row.better, ours, peer)).collect::<Vec<_>>());
        let least = ratios.unwrap_or_default().into_iter().reduce(f64::min);
        let _ = writeln!(text, " {} |", least.map_or("-".to_owned(), significant));
    }
    text
}

fn cell(outcome: Option<&Outcome>, unit: Unit) -> String {
    let short = |text: &str| text.chars().take(CELL_CHARACTERS).collect::<String>().replace('|', "/");
    match outcome {
        Some(Outcome::Value(value)) => format(*value, unit),
        Some(Outcome::Wrong(text)) => format!("**wrong**: {}", short(text)),
        Some(Outcome::Failed(text)) => format!("failed: {}", short(text)),
        None => "-".to_owned(),
    }
}

/// Returns a list of the measures in which a peer has the better value.
fn better_peers(names: &[&str], outcomes: &Outcomes) -> String {
    let mut text = String::new();
    for row in ROWS {
        let Some(ours) = value(outcomes, OURS, row.measure) else { continue };
        let better = names.iter().filter(|name| **name != OURS).filter_map(|name| {
            let peer = value(outcomes, name, row.measure)?;
            advantage(row.better, ours, peer).filter(|advantage| *advantage < 1.0)?;
            Some(format!("{name} {}", format(peer, row.unit)))
        });
        let better: Vec<String> = better.collect();
        if !better.is_empty() {
            let _ = writeln!(text, "- {}: {}; {OURS} {}", row.title, better.join(", "), format(ours, row.unit));
        }
    }
    if names.len() < 2 || !names.contains(&OURS) {
        return String::new();
    }
    let list = if text.is_empty() { " nothing.\n".to_owned() } else { format!("\n\n{text}") };
    format!("Better than {OURS} in this table:{list}")
}

fn format(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Whole => whole(value),
        Unit::Thousands => whole(value / 1e3),
        Unit::Millions | Unit::Megabytes => significant(value / 1e6),
        Unit::Milliseconds => significant(value * 1e3),
        Unit::Microseconds => significant(value * 1e6),
        Unit::Nanoseconds => significant(value * 1e9),
        Unit::Plain => significant(value),
    }
}

fn whole(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "values are not negative, and small")]
    grouped(value.round() as u64)
}

/// Returns a number with three digits that count, or all digits of its whole part.
fn significant(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "-".to_owned(),
        _ if value >= 99.95 => whole(value),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ if value >= 0.995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(figures: &[(&'static str, Measure, &[Outcome])]) -> Outcomes {
        figures.iter().map(|(name, measure, rounds)| ((*name, *measure), rounds.to_vec())).collect()
    }

    fn values<const N: usize>(values: [f64; N]) -> [Outcome; N] {
        values.map(Outcome::Value)
    }

    #[test]
    fn the_median_of_the_rounds_counts_and_no_wrong_answer_is_dropped() {
        let wrong = Outcome::Wrong("5 points".to_owned());
        let failed = Outcome::Failed("a | b".to_owned());
        let figures = outcomes(&[
            ("timestrata", Measure::Open, &values([0.003, 0.001, 0.002])),
            ("redb", Measure::Open, &values([0.001])),
            ("fjall", Measure::Open, &[Outcome::Value(1.0), failed, wrong.clone()]),
            ("tsink", Measure::Open, &[Outcome::Value(1.0), Outcome::Failed("a | b".to_owned())]),
        ]);
        assert_eq!(combined(&figures, "timestrata", Measure::Open), Some(Outcome::Value(0.002)));
        assert_eq!(combined(&figures, "fjall", Measure::Open), Some(wrong));
        let table = table(&["timestrata", "redb", "fjall", "tsink"], &figures);
        let row = table.lines().last().unwrap();
        assert_eq!(row, "| open, ms | 2.00 | 1.00 | **wrong**: 5 points | failed: a / b | 0.500 |");
        assert_eq!(table.lines().count(), 3, "a row that was not measured is left out: {table}");
    }

    #[test]
    fn a_ratio_above_one_means_that_ours_is_better() {
        let figures = outcomes(&[
            ("timestrata", Measure::Scan, &values([300e6])),
            ("redb", Measure::Scan, &values([20e6])),
            ("DuckDB", Measure::Scan, &values([400e6])),
            ("timestrata", Measure::Hour, &values([9e-6])),
            ("redb", Measure::Hour, &values([28e-6])),
            ("timestrata", Measure::Bare, &values([9e-6])),
            ("redb", Measure::Bare, &values([8e-6])),
        ]);
        let names = ["timestrata", "redb", "DuckDB"];
        let table = table(&names, &figures);
        assert!(table.contains("| full scan, summed, M points/s | 300 | 20.0 | 400 | 0.750 |"), "{table}");
        assert!(table.contains("| 1 series x 1 h, p50, us | 9.00 | 28.0 | - | 3.11 |"), "{table}");
        assert!(table.contains("us | 9.00 | 8.00 | - | - |"), "the machine is not compared: {table}");
        let better = better_peers(&names, &figures);
        assert!(better.ends_with("\n\n- full scan, summed, M points/s: DuckDB 400; timestrata 300\n"), "{better}");
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        assert_eq!([0.0123, 1.0, 9.996, 99.96, 12_345.6].map(significant), ["0.012", "1.00", "10.0", "100", "12,346"]);
    }
}
