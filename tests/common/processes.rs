//! Batches that bear numbers, a child process that tells how each one ended, and its parent, who holds what was told
//! against what a reopening finds. Which batches are written, and what befalls the child, is each test's own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, channel};

use timestrata::{Ack, Batch, Db, Error, Result, Select, SeriesKey, Value};

use super::{at, key};

const SERIES: i64 = 5;

/// How many points a batch has follows from its number: mostly few, now and then enough to fill a small segment.
pub(crate) fn points_of(number: i64) -> i64 {
    if number % 10 == 7 { 1_500 } else { 20 + number % 37 }
}

/// The first point goes to a series of its own, so that new series come along all the time.
fn series_of(number: i64, value: i64) -> SeriesKey {
    let n = if value == 0 { SERIES + number % 50 } else { value % SERIES };
    key("numbered", usize::try_from(n).unwrap())
}

/// A batch whose points all bear its number as their time, and count up.
pub(crate) fn numbered(number: i64) -> Batch {
    let mut batch = Batch::new();
    for value in 0..points_of(number) {
        batch.push_key(&series_of(number, value), at(number), value);
    }
    batch
}

/// The numbers of the batches found, each checked to be whole and there once.
pub(crate) fn found(db: &Db) -> Result<BTreeSet<i64>> {
    let mut batches: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for item in db.snapshot().query(Select::metric("numbered")).scan() {
        let (series, point) = item?;
        let Value::I64(value) = point.value else { panic!("{point:?}") };
        let number = point.timestamp.as_nanos();
        assert_eq!(series.key, series_of(number, value));
        batches.entry(number).or_default().push(value);
    }
    for (number, values) in &mut batches {
        values.sort_unstable();
        assert!(values.iter().copied().eq(0..points_of(*number)), "batch {number} is not whole and there once");
    }
    Ok(batches.into_keys().collect())
}

/// The child's line on how a write ended.
pub(crate) fn ending(number: i64, outcome: &Result<Ack>) -> String {
    match outcome {
        Ok(_) => format!("ack {number}"),
        Err(error @ Error::OutcomeUnknown { .. }) => format!("unknown {number} {error}"),
        Err(error) => format!("refused {number} {error}"),
    }
}

/// Says a line with one call, so that no kill and no other task tears it.
pub(crate) fn say(mut out: impl Write, line: &str) {
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What a child says, line by line as it comes, until it has no more to say; what a kill cut off tells nothing.
pub(crate) fn heard(from: impl Read + Send + 'static) -> Receiver<String> {
    let (heard, lines) = channel();
    std::thread::spawn(move || {
        let (mut from, mut text) = (BufReader::new(from), Vec::new());
        while from.read_until(b'\n', &mut text).unwrap_or(0) > 0 {
            let whole = text.strip_suffix(b"\n").filter(|line| !line.is_empty());
            if let Some(line) = whole.and_then(|line| str::from_utf8(line).ok()) {
                // Nobody listens to a child any more that was given up.
                drop(heard.send(line.to_owned()));
            }
            text.clear();
        }
    });
    lines
}

/// What children told of their batches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) begun: BTreeSet<i64>,
    pub(crate) acknowledged: BTreeSet<i64>,
    pub(crate) refused: BTreeSet<i64>,
    pub(crate) unknown: BTreeSet<i64>,
}

impl Told {
    /// Takes in a line; whether it was one about a batch.
    pub(crate) fn hear(&mut self, line: &str) -> bool {
        let mut words = line.split(' ');
        let batches = match words.next() {
            Some("begin") => &mut self.begun,
            Some("ack") => &mut self.acknowledged,
            Some("refused") => &mut self.refused,
            Some("unknown") => &mut self.unknown,
            _ => return false,
        };
        batches.insert(words.next().unwrap().parse().unwrap())
    }

    /// What is wrong with what a reopening found, if anything is.
    pub(crate) fn broken_by(&self, found: &BTreeSet<i64>) -> Option<String> {
        let sets = [
            ("acknowledged and lost", self.acknowledged.difference(found).copied().collect::<Vec<_>>()),
            ("refused and there", self.refused.intersection(found).copied().collect()),
            ("there and never begun", found.difference(&self.begun).copied().collect()),
        ];
        let wrong: Vec<String> = sets
            .into_iter()
            .filter(|(_, batches)| !batches.is_empty())
            .map(|(what, batches)| format!("{what}: {batches:?}"))
            .collect();
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    /// Takes for told what a reopening found: from here on it stays.
    pub(crate) fn settle(&mut self, found: &BTreeSet<i64>) {
        self.unknown.clear();
        self.acknowledged.clone_from(found);
        self.begun.clone_from(found);
    }
}
