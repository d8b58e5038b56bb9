//! Numbered batches, a child process that prints the outcome of each batch, and a parent that compares these lines with
//! the result of a reopening. Each test chooses the batches and the faults of the child.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, channel};

use timestrata::{Ack, Batch, Db, Error, Result, Selector, SeriesKey, Snapshot, Value};

pub(crate) use crate::common::pause;
use crate::common::{at, key};

const SERIES: i64 = 5;

/// Returns the number of points of a batch, which follows from its number: mostly few, sometimes enough to fill a small
/// segment.
pub(crate) fn points_of(number: i64) -> i64 {
    if number % 10 == 7 { 1_500 } else { 20 + number % 37 }
}

/// Returns the series of a point. The first point of a batch goes to a separate series, so that new series appear all
/// the time.
fn series_of(number: i64, value: i64) -> SeriesKey {
    let n = if value == 0 { SERIES + number % 50 } else { value % SERIES };
    key("numbered", usize::try_from(n).unwrap())
}

/// Returns a batch whose points all have its number as their time, and consecutive values.
pub(crate) fn numbered(number: i64) -> Batch {
    let mut batch = Batch::new();
    for value in 0..points_of(number) {
        batch.push_key(&series_of(number, value), at(number), value);
    }
    batch
}

/// Returns the numbers of the batches found. Checks that each batch is whole and present once.
pub(crate) fn found(db: &Db) -> Result<BTreeSet<i64>> {
    found_in(&db.snapshot())
}

/// Does the same for a snapshot.
pub(crate) fn found_in(snapshot: &Snapshot) -> Result<BTreeSet<i64>> {
    let mut batches: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for item in snapshot.query(Selector::metric("numbered")).points() {
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

/// Returns the child's line for the outcome of a write.
pub(crate) fn ending(number: i64, outcome: &Result<Ack>) -> String {
    match outcome {
        Ok(_) => format!("ack {number}"),
        Err(error @ Error::OutcomeUnknown { .. }) => format!("unknown {number} {error}"),
        Err(error) => format!("refused {number} {error}"),
    }
}

/// Writes a line with one call, so that no kill and no other task splits it.
pub(crate) fn say(mut out: impl Write, line: &str) {
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Returns the lines of a child as they arrive, until its output ends. A line that a kill truncated is skipped.
pub(crate) fn heard(from: impl Read + Send + 'static) -> Receiver<String> {
    let (heard, lines) = channel();
    std::thread::spawn(move || {
        let (mut from, mut text) = (BufReader::new(from), Vec::new());
        while from.read_until(b'\n', &mut text).unwrap_or(0) > 0 {
            let whole = text.strip_suffix(b"\n").filter(|line| !line.is_empty());
            if let Some(line) = whole.and_then(|line| str::from_utf8(line).ok()) {
                // The receiver of an abandoned child is gone.
                drop(heard.send(line.to_owned()));
            }
            text.clear();
        }
    });
    lines
}

/// The batches by the outcome that children printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) begun: BTreeSet<i64>,
    pub(crate) acknowledged: BTreeSet<i64>,
    pub(crate) refused: BTreeSet<i64>,
    pub(crate) unknown: BTreeSet<i64>,
}

impl Told {
    /// Records a line. Returns `true` if it is a new line about a batch.
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

    /// Returns the contradictions between the recorded outcomes and the result of a reopening, or `None`.
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

    /// Records the result of a reopening as acknowledged: from now on it must stay.
    pub(crate) fn settle(&mut self, found: &BTreeSet<i64>) {
        self.unknown.clear();
        self.acknowledged.clone_from(found);
        self.begun.clone_from(found);
    }
}
