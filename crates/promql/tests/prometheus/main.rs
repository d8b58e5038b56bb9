//! Comparison with Prometheus 2.42 on random queries: the same samples, the same answers.
//!
//! `TIMESTRATA_PROMETHEUS` names the program; without it the test says so and is skipped. `TIMESTRATA_QUERIES` sets the
//! number of queries, `TIMESTRATA_SEED` chooses other samples and queries.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answer;
mod data;
mod queries;
mod remote_write;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use timestrata::{Snapshot, Timestamp};
use timestrata_promql::Engine;

use crate::answer::{Answer, difference, explanation, ours, theirs};
use crate::server::Server;

/// First step, step and number of steps of the range queries, in seconds. Every time ends with the digit 7.
const RANGES: [(i64, i64, i64); 2] = [(data::START + 1_807, 60, 60), (data::START + 607, 310, 20)];
const INSTANT: i64 = data::START + 4_517;

struct Pair {
    engine: Engine,
    snapshot: Snapshot,
    server: Server,
}

impl Pair {
    /// Answers a query by both programs.
    fn answers(&self, query: &str, number: usize) -> (Answer, Answer) {
        // The function has another name in Prometheus 3.
        let our_query = query.replace("holt_winters", "double_exponential_smoothing");
        let Some((start, step, count)) = RANGES.get(number % 3) else {
            let ours = self.engine.instant(&self.snapshot, &our_query, Timestamp::from_secs(INSTANT));
            let theirs = self.server.query("query", &[("query", query), ("time", &INSTANT.to_string())]);
            return (answer::ours(ours.and_then(timestrata_promql::Query::run_blocking)), answer::theirs(&theirs));
        };
        let end = start + step * count;
        let (from, to) = (Timestamp::from_secs(*start), Timestamp::from_secs(end));
        let our = self.engine.range(&self.snapshot, &our_query, from, to, Duration::from_secs(step.unsigned_abs()));
        let [start, end, step] = [*start, end, *step].map(|number| number.to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        let their = self.server.query("query_range", &parameters);
        (ours(our.and_then(timestrata_promql::Query::run_blocking)), theirs(&their))
    }

    fn difference(&self, query: &str, number: usize) -> Option<String> {
        let (ours, theirs) = self.answers(query, number);
        difference(&ours, &theirs).filter(|_| explanation(query, &ours).is_none())
    }

    /// Returns the smallest query found that differs like the one of the tree.
    fn smallest(&self, tree: &mut dyn ValueTree<Value = String>, number: usize) -> String {
        let mut smallest = tree.current();
        let mut goes_on = tree.simplify();
        for _ in 0..200 {
            if !goes_on {
                break;
            }
            let query = tree.current();
            goes_on = if self.difference(&query, number).is_some() {
                smallest = query;
                tree.simplify()
            } else {
                tree.complicate()
            };
        }
        smallest
    }
}

fn number_from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn random_queries_have_the_answers_of_prometheus() {
    let Some(server) = Server::start() else { return };
    let seed = number_from_environment("TIMESTRATA_SEED", 1);
    let count = usize::try_from(number_from_environment("TIMESTRATA_QUERIES", 600)).unwrap();
    let list = data::all_series(seed);
    server.write(&list);
    let options = timestrata_promql::EngineOptions {
        parser: timestrata_promql::ParserOptions::experimental(),
        ..timestrata_promql::EngineOptions::default()
    };
    let pair = Pair { engine: Engine::new(options), snapshot: data::snapshot(&list), server };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = queries::vector();
    let (mut points, mut errors, mut empty, mut different) = (0, 0, 0, Vec::new());
    let mut explained: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..count {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        let (ours, theirs) = pair.answers(&tree.current(), number);
        match &theirs {
            Ok(list) if list.is_empty() => empty += 1,
            Ok(list) => points += list.values().map(Vec::len).sum::<usize>(),
            Err(_) => errors += 1,
        }
        if difference(&ours, &theirs).is_none() {
            continue;
        }
        if let Some(rule) = explanation(&tree.current(), &ours) {
            *explained.entry(rule).or_insert(0) += 1;
        } else {
            let query = pair.smallest(&mut tree, number);
            let reason = pair.difference(&query, number).unwrap_or_default();
            different.push(format!("{query}\n    {reason}"));
        }
    }
    println!("{count} queries: {points} points, {empty} empty answers, {errors} errors, {} differ", different.len());
    println!("explained by a rule: {explained:?}");
    assert!(different.is_empty(), "{} queries differ:\n{}", different.len(), different.join("\n"));
    assert!(errors + empty < count / 2, "too few queries have an answer");
}
