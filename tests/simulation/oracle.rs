//! What the world was told, and what a database may therefore show. It knows no engine and no points: only the numbers of
//! batches, who was told what of them, and how many operations the disk had seen then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use timestrata::{Ack, Durability, Error};

pub(crate) use crate::batches::{
    DELETES, Number, SERIES, batch, count_points, found, found_series, is_marked, key, marked_times,
};

/// Everything that is known of every batch. Moments are counts of the disk's operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oracle {
    sent: BTreeMap<Number, Sent>,
    /// Survives power loss from then on.
    durable: BTreeMap<Number, usize>,
    /// Cannot be there from then on.
    absent: BTreeMap<Number, usize>,
    /// Survives the process.
    acknowledged: BTreeMap<Number, Acknowledged>,
    /// A reader has seen it: survives the process from then on, whether its writer was answered or not.
    visible: BTreeMap<Number, usize>,
    /// Perhaps on disk, and so hidden until an opening has decided: what is visible never goes again.
    unknown: BTreeSet<Number>,
    /// Given up by their writers, which hear nothing of them any more.
    cancelled: BTreeSet<Number>,
    /// By when the interval's sync must have been.
    due: BTreeMap<Number, Duration>,
    /// Whether anyone was told that the database takes no more writes.
    pub(crate) read_only: bool,
    /// Whether anyone has asked this life to close.
    pub(crate) closing: bool,
    /// Series that survive the process from then on.
    series: BTreeMap<u32, usize>,
    /// Series that survive power loss from then on.
    durable_series: BTreeMap<u32, usize>,
    /// Openings that have decided.
    lives: u32,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// Nothing of it can be on disk before.
    since: usize,
    durability: Durability,
}

/// An acknowledgement of whatever durability.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    since: usize,
    /// Its place in the order of its life: a later one gives the places of what was lost anew.
    life: u32,
    seq: u64,
}

/// What one call makes durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promise {
    batches: BTreeSet<Number>,
    series: BTreeSet<u32>,
    /// The greatest place among the batches.
    pub(crate) seq: u64,
}

/// When an answer came, and in what circumstances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) operations: usize,
    pub(crate) time: Duration,
    /// Whether any fault struck in this life: else no call has a reason to fail.
    pub(crate) troubled: bool,
}

/// What was lost when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// What no sync covered.
    Power,
    /// The process alone: what it gave to the operating system stays.
    Process,
}

impl Oracle {
    pub(crate) fn sent(&mut self, number: Number, durability: Durability, now: usize) {
        self.sent.insert(number, Sent { since: now, durability });
    }

    /// Panics on an answer that no circumstances explain.
    pub(crate) fn answered(&mut self, number: Number, now: Moment, answer: &timestrata::Result<Ack>) {
        match answer {
            Ok(ack) => self.is_acknowledged(number, now, *ack),
            Err(Error::Closed) if self.closing => drop(self.absent.insert(number, now.operations)),
            Err(error) if !now.troubled => panic!("batch {number} is refused where nothing failed: {error}"),
            Err(Error::OutcomeUnknown { .. }) => {
                self.read_only = true;
                self.unknown.insert(number);
            }
            // Any other error says that it is absent for certain.
            Err(error) => {
                self.read_only |= matches!(error, Error::ReadOnly { .. });
                self.absent.insert(number, now.operations);
            }
        }
    }

    fn is_acknowledged(&mut self, number: Number, now: Moment, ack: Ack) {
        let asked = self.sent[&number].durability;
        let kept = ack.durability == asked || ack.durability == Durability::Sync;
        assert!(kept, "batch {number} asked for {asked:?} and got {ack:?}");
        for (other, told) in &self.acknowledged {
            let ordered = if told.life == self.lives { told.seq != ack.seq } else { told.seq < ack.seq };
            assert!(ordered, "batch {number} has the place {ack:?}, batch {other} has {told:?}");
        }
        let told = Acknowledged { since: now.operations, life: self.lives, seq: ack.seq };
        self.acknowledged.insert(number, told);
        match ack.durability {
            Durability::Sync => drop(self.durable.insert(number, now.operations)),
            Durability::Interval(every) => drop(self.due.insert(number, now.time + every)),
            Durability::Os => {}
        }
    }

    /// The newest batch that is there, has marked points, and was not asked to lose them.
    pub(crate) fn to_delete(&self) -> Option<Number> {
        let mut there = self.acknowledged.keys().rev().filter(|number| is_marked(**number));
        there.find(|number| !self.sent.contains_key(&(DELETES + **number))).copied()
    }

    pub(crate) fn cancelled(&mut self, number: Number) {
        self.cancelled.insert(number);
    }

    /// What a snapshot showed. What asked for a sync is not shown before it.
    pub(crate) fn visible(&mut self, shown: &BTreeSet<Number>, now: usize) {
        for number in shown {
            self.visible.entry(*number).or_insert(now);
            if self.sent.get(number).is_some_and(|sent| sent.durability == Durability::Sync) {
                self.durable.entry(*number).or_insert(now);
            }
        }
    }

    /// Nothing is under way any more: what was given up is there by now, or never will be.
    pub(crate) fn settled(&mut self, shown: &BTreeSet<Number>, now: usize) {
        if !self.read_only {
            let gone = self.cancelled.iter().filter(|number| !shown.contains(number));
            for number in gone {
                self.absent.entry(*number).or_insert(now);
            }
        }
    }

    /// A series was made, with this durability.
    pub(crate) fn series_made(&mut self, series: u32, durability: Durability, now: usize) {
        self.series.entry(series).or_insert(now);
        if durability == Durability::Sync {
            self.durable_series.entry(series).or_insert(now);
        }
    }

    /// What a later sync covers.
    pub(crate) fn acknowledged(&self) -> Promise {
        let current = self.acknowledged.values().filter(|told| told.life == self.lives);
        Promise {
            batches: self.acknowledged.keys().copied().collect(),
            series: self.series.keys().copied().collect(),
            seq: current.map(|told| told.seq).max().unwrap_or(0),
        }
    }

    /// These survive power loss from now on: a sync, a flush or an opening said so.
    pub(crate) fn promised(&mut self, promise: &Promise, now: usize) {
        for number in &promise.batches {
            self.durable.entry(*number).or_insert(now);
        }
        for series in &promise.series {
            self.durable_series.entry(*series).or_insert(now);
        }
    }

    /// Time has passed, and every interval that is over by now has had its sync. Returns how many batches that covers.
    pub(crate) fn intervals_over(&mut self, time: Duration, now: usize) -> usize {
        let over: Vec<Number> = self.due.iter().filter(|(_, due)| **due <= time).map(|(number, _)| *number).collect();
        for number in &over {
            self.due.remove(number);
            self.durable.entry(*number).or_insert(now);
        }
        over.len()
    }

    /// An opening has decided: what it did not show never comes back.
    pub(crate) fn decided(&mut self, shown: &BTreeSet<Number>, series: &BTreeSet<u32>, now: usize) {
        self.series.retain(|made, _| series.contains(made));
        for made in series {
            self.series.entry(*made).or_insert(now);
        }
        self.promised(&Promise { batches: shown.clone(), series: series.clone(), seq: 0 }, now);
        for number in self.sent.keys().filter(|number| !shown.contains(number)) {
            self.absent.entry(*number).or_insert(now);
            self.acknowledged.remove(number);
            self.visible.remove(number);
        }
        self.cancelled.clear();
        self.unknown.clear();
        self.due.clear();
        (self.read_only, self.closing) = (false, false);
        self.lives += 1;
    }

    /// Whether a snapshot of the life that goes on may show this.
    pub(crate) fn check_snapshot(&self, shown: &BTreeSet<Number>, now: usize) -> Result<(), String> {
        if let Some(number) = self.unknown.intersection(shown).next() {
            return Err(format!("batch {number} is seen, and its outcome is unknown"));
        }
        self.check(shown, Crash::Process, now)
    }

    /// Whether a database that is opened after a crash at `now` may show this.
    pub(crate) fn check(&self, shown: &BTreeSet<Number>, crash: Crash, now: usize) -> Result<(), String> {
        let lost = |number: &&Number| !shown.contains(number);
        let durable = self.durable.iter().filter(|(_, since)| **since <= now).map(|(number, _)| number);
        if let Some(number) = durable.clone().find(lost) {
            return Err(format!("batch {number} was acknowledged as durable and is lost"));
        }
        for number in shown {
            match self.sent.get(number) {
                Some(sent) if sent.since < now || crash == Crash::Process => {}
                _ => return Err(format!("batch {number} is there before it was sent")),
            }
            if self.absent.get(number).is_some_and(|since| *since <= now) {
                return Err(format!("batch {number} was refused, and is there"));
            }
        }
        if crash == Crash::Process {
            let told = self.acknowledged.iter().map(|(number, told)| (number, told.since));
            let seen = self.visible.iter().map(|(number, since)| (number, *since));
            let mut known = told.chain(seen).filter(|(_, since)| *since <= now).map(|(number, _)| number);
            if let Some(number) = known.find(lost) {
                return Err(format!("batch {number} was acknowledged or seen, and is lost with the process"));
            }
        }
        self.check_order(shown)
    }

    /// What is lost of a life is a suffix of its order.
    pub(crate) fn check_order(&self, shown: &BTreeSet<Number>) -> Result<(), String> {
        let mut newest: BTreeMap<u32, u64> = BTreeMap::new();
        for (_, told) in self.acknowledged.iter().filter(|(number, _)| shown.contains(number)) {
            let seq = newest.entry(told.life).or_default();
            *seq = told.seq.max(*seq);
        }
        let overtaken = |told: &Acknowledged| newest.get(&told.life).is_some_and(|newest| told.seq < *newest);
        match self.acknowledged.iter().find(|(number, told)| !shown.contains(number) && overtaken(told)) {
            Some((number, _)) => Err(format!("batch {number} is lost, and a later one is there")),
            None => Ok(()),
        }
    }

    /// Whether every series that was acknowledged by then is there.
    pub(crate) fn check_series(&self, found: &BTreeSet<u32>, crash: Crash, now: usize) -> Result<(), String> {
        let promised = if crash == Crash::Power { &self.durable_series } else { &self.series };
        let mut promised = promised.iter().filter(|(_, since)| **since <= now).map(|(series, _)| *series);
        match promised.find(|series| !found.contains(series)) {
            Some(series) => Err(format!("series {series} was made and is lost")),
            None => Ok(()),
        }
    }
}
