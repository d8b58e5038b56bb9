//! Changes of metadata of two metrics, as numbers that the oracle knows like those of batches: change n sets the unit of
//! one metric to n, and every fifth change removes what that metric has.

use std::rc::Rc;

use timestrata::{MetricKind, MetricMetadata, Snapshot};

use crate::oracle::Number;
use crate::world::World;

/// Change n has the number `METADATA + n`.
pub(crate) const METADATA: Number = 1 << 25;

const METRICS: [&str; 2] = ["m", "n"];

fn metric(number: Number) -> &'static str {
    METRICS[number as usize % METRICS.len()]
}

pub(crate) fn is_removal(number: Number) -> bool {
    number % 5 == 4
}

/// Returns `true` if both changes are of the same metric.
pub(crate) fn is_of_one_metric(one: Number, other: Number) -> bool {
    metric(one) == metric(other)
}

fn metadata(number: Number) -> MetricMetadata {
    if is_removal(number) {
        return MetricMetadata::default();
    }
    let kind = if number.is_multiple_of(3) { MetricKind::Counter } else { MetricKind::Gauge };
    let description = "d".repeat(number as usize % 7 * 40);
    MetricMetadata::new(kind).with_unit((number - METADATA).to_string()).with_description(description)
}

/// Returns the last change of each metric that has metadata.
///
/// # Errors
/// Metadata that no change wrote.
pub(crate) fn shown(snapshot: &Snapshot) -> Result<Vec<Number>, String> {
    let listed = snapshot.list_metric_metadata().into_iter();
    let number = |(of, found): (String, MetricMetadata)| {
        let number = found.unit.parse::<Number>().map(|number| METADATA + number).ok();
        let written = number.filter(|number| metric(*number) == of && metadata(*number) == found);
        written.ok_or_else(|| format!("{of} has {found:?}, which was not written"))
    };
    listed.map(number).collect()
}

impl World {
    /// Requests the next change of metadata without waiting for it.
    pub(crate) fn send_metadata(&mut self) {
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let (changes, durability) = (Rc::clone(&self.changes), self.durability());
        drop(self.executor.spawn(async move {
            // Here, because tasks may begin in another order than they were spawned.
            let number = METADATA + changes.replace(changes.get() + 1);
            oracle.borrow_mut().sent(number, durability, clock.now());
            let answer = db.set_metric_metadata(metric(number), metadata(number)).await;
            oracle.borrow_mut().answered(number, clock.moment(), &answer);
        }));
    }

    /// Does the same, and waits for the answer.
    pub(crate) fn set_metadata(&mut self) {
        self.send_metadata();
        self.executor.run_until_idle();
    }
}
