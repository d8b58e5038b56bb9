//! Records the answers that the world received, and decides which content a database may show. Independent of the
//! engine and of points: it knows only the numbers of batches, the answer of each one, and the number of disk
//! operations at that time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use timestrata::{Ack, Durability, Error};

pub(crate) use crate::batches::{
    Cutoffs, DELETES, Found, Number, SERIES, batch, count_points, found, found_series, has_series, is_marked, key,
    marked_times, newest_time, ruled,
};
use crate::metadata::{METADATA, is_of_one_metric, is_removal};

/// State of every batch. A moment is a count of the disk's operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oracle {
    sent: BTreeMap<Number, Sent>,
    /// Survives power loss from then on.
    durable: BTreeMap<Number, usize>,
    /// Must be absent from then on.
    absent: BTreeMap<Number, usize>,
    /// Survives the process.
    acknowledged: BTreeMap<Number, Acknowledged>,
    /// Was visible to a reader: survives the process from then on, with or without an answer to its writer.
    visible: BTreeMap<Number, usize>,
    /// May be on disk, and is hidden until an opening has decided: visible content never disappears.
    unknown: BTreeSet<Number>,
    /// Dropped by their clients, which receive no answer.
    cancelled: BTreeSet<Number>,
    /// Time by which the interval's sync is due.
    due: BTreeMap<Number, Duration>,
    /// `true` if an answer reported that the database is read-only.
    pub(crate) read_only: bool,
    /// `true` if a close was requested in this opening.
    pub(crate) closing: bool,
    /// Series that survive the process from then on.
    series: BTreeMap<u32, usize>,
    /// Series that survive power loss from then on.
    durable_series: BTreeMap<u32, usize>,
    /// Number of openings that have decided.
    lives: u32,
    /// Every backup that was begun.
    pub(crate) backups: Vec<Backup>,
    /// Cutoffs that readers have seen, and since when: they never move back.
    hidden: Vec<(usize, Cutoffs)>,
    /// The latest wall clock under each set of limits, and since when.
    clocks: Vec<(usize, i64, Limits)>,
}

/// Retention limits of an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    pub(crate) age: Option<Duration>,
    /// Age limit of the series that the rule selects.
    pub(crate) ruled: Option<Duration>,
    pub(crate) bytes: Option<u64>,
}

/// A backup that was requested.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) dir: &'static str,
    /// Its content, if it is present.
    pub(crate) batches: Found,
    pub(crate) series: BTreeSet<u32>,
    /// Survives power loss from then on; `None` if its success was never returned.
    pub(crate) told: Option<usize>,
}

/// A request that was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// No part of it can be on disk before.
    since: usize,
    durability: Durability,
    /// Newest time of its points; a delete has none.
    newest_time: i64,
}

/// An acknowledgement of any durability.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    since: usize,
    /// The opening whose order `seq` belongs to: a later opening assigns the seqs of lost records again.
    life: u32,
    seq: u64,
}

/// The batches and series that one call makes durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promise {
    pub(crate) batches: BTreeSet<Number>,
    series: BTreeSet<u32>,
    /// The greatest seq among the batches.
    pub(crate) seq: u64,
}

/// Time and circumstances of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) operations: usize,
    pub(crate) time: Duration,
    /// `true` if any fault occurred in this opening; otherwise no call has a reason to fail.
    pub(crate) troubled: bool,
}

/// Kind of a crash, which determines the lost data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// Loses data that no sync covered.
    Power,
    /// Ends the process only: data that was given to the operating system stays.
    Process,
}

impl Oracle {
    pub(crate) fn sent(&mut self, number: Number, durability: Durability, now: usize) {
        let newest_time = if number < DELETES { newest_time(number) } else { i64::MIN };
        self.sent.insert(number, Sent { since: now, durability, newest_time });
    }

    /// Records an answer. Panics on an answer that no circumstances explain.
    pub(crate) fn answered(&mut self, number: Number, now: Moment, answer: &timestrata::Result<Ack>) {
        match answer {
            Ok(ack) => self.is_acknowledged(number, now, *ack),
            Err(Error::Closed) if self.closing => drop(self.absent.insert(number, now.operations)),
            Err(error) if !now.troubled => panic!("batch {number} is refused where nothing failed: {error}"),
            Err(Error::OutcomeUnknown { .. }) => {
                self.read_only = true;
                self.unknown.insert(number);
            }
            // Any other error says that the batch is certainly absent.
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
            // A delete that finds no series has no record: its place is that of the newest record.
            let may_share = number >= DELETES || *other >= DELETES;
            let shares = may_share && told.seq == ack.seq;
            let ordered = shares || if told.life == self.lives { told.seq != ack.seq } else { told.seq < ack.seq };
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

    /// Returns the newest acknowledged batch that has marked points without a delete.
    pub(crate) fn to_delete(&self) -> Option<Number> {
        let mut there = self.acknowledged.keys().rev().filter(|number| is_marked(**number));
        there.find(|number| !self.sent.contains_key(&(DELETES + **number))).copied()
    }

    pub(crate) fn cancelled(&mut self, number: Number) {
        self.cancelled.insert(number);
    }

    /// Records the content of a snapshot. A batch that asked for a sync is not visible before the sync.
    pub(crate) fn visible(&mut self, shown: &Found, now: usize) {
        self.hides(shown.cutoffs, now);
        for number in &shown.batches {
            self.visible.entry(*number).or_insert(now);
            if self.sent.get(number).is_some_and(|sent| sent.durability == Durability::Sync) {
                self.durable.entry(*number).or_insert(now);
            }
        }
    }

    fn hides(&mut self, cutoffs: Cutoffs, now: usize) {
        let before = self.hidden.last().map_or(Cutoffs::NONE, |(_, before)| *before);
        if cutoffs.max(before) != before {
            self.hidden.push((now, cutoffs.max(before)));
        }
    }

    /// Returns the number of times that readers saw a cutoff move.
    pub(crate) fn cutoffs_moved(&self) -> u64 {
        self.hidden.len() as u64
    }

    /// Records that the wall clock may have reached this time since `since`, under these limits.
    pub(crate) fn clock(&mut self, since: usize, wall: i64, limits: Limits) {
        let known = |(before, clock, of): &(usize, i64, Limits)| *before <= since && *clock >= wall && *of == limits;
        if limits != Limits::default() && !self.clocks.iter().any(known) {
            self.clocks.push((since, wall, limits));
        }
    }

    /// Returns the latest permitted cutoffs at this moment: an age is counted from the clock or from the newest point,
    /// whichever is earlier.
    fn latest_cutoffs(&self, now: usize) -> Cutoffs {
        let newest = self.sent.values().filter(|sent| sent.since <= now).map(|sent| sent.newest_time).max();
        let newest = newest.unwrap_or(i64::MIN);
        let mut latest = Cutoffs::NONE;
        for (_, wall, limits) in self.clocks.iter().filter(|(since, ..)| *since <= now) {
            let behind = |age: Option<Duration>| {
                age.map_or(i64::MIN, |age| newest.min(*wall).saturating_sub(i64::try_from(age.as_nanos()).unwrap()))
            };
            // A limit by bytes has room for the newest file, which stays.
            let by_bytes = limits.bytes.map_or(i64::MIN, |_| newest);
            let others = behind(limits.age).max(by_bytes);
            latest = latest.max(Cutoffs { others, ruled: others.max(behind(limits.ruled)) });
        }
        latest
    }

    /// Checks that hidden points stay hidden, and that the limits explain every cutoff.
    fn check_cutoffs(&self, shown: Cutoffs, now: usize) -> Result<(), String> {
        let before = self.hidden.iter().rev().find(|(since, _)| *since <= now).map_or(Cutoffs::NONE, |(_, seen)| *seen);
        if shown.max(before) != shown {
            return Err(format!("what was hidden is back: {before:?} became {shown:?}"));
        }
        let latest = self.latest_cutoffs(now).max(before);
        if latest.max(shown) == latest {
            Ok(())
        } else {
            Err(format!("{shown:?} hides more than the limits ask for, {latest:?}"))
        }
    }

    /// Returns `true` if a batch or delete is absent, although the cutoffs leave points that would show it.
    fn is_lost(&self, number: Number, shown: &Found, now: usize) -> bool {
        if shown.contains(&number) {
            return false;
        }
        if number >= METADATA {
            return !self.is_replaced(number, shown, now);
        }
        if let Some(batch) = number.checked_sub(DELETES) {
            let (marked, others) = shown.leaves(batch);
            return if shown.contains(&batch) { marked } else { others };
        }
        let (marked, others) = shown.leaves(number);
        let delete = DELETES + number;
        let refused = self.absent.get(&delete).is_some_and(|since| *since <= now);
        let deleted = self.sent.contains_key(&delete) && !refused;
        others || marked && !deleted
    }

    /// Returns `true` if a later change of the metadata of the same metric is present. A removal shows nothing.
    fn is_replaced(&self, number: Number, shown: &Found, now: usize) -> bool {
        let later = || (number..).take_while(|other| self.sent.contains_key(other));
        let of_metric = |other: &Number| is_of_one_metric(*other, number);
        let is_empty = !shown.range(METADATA..).any(of_metric);
        let may_be_removed = |other: Number| {
            let refused = self.absent.get(&other).is_some_and(|since| *since <= now);
            is_empty && is_removal(other) && self.sent[&other].since <= now && !refused
        };
        later().filter(of_metric).any(|other| shown.contains(&other) || may_be_removed(other))
    }

    /// Records that no operation is running: a cancelled write is either visible now or stays absent for ever.
    pub(crate) fn settled(&mut self, shown: &Found, now: usize) {
        if !self.read_only {
            let gone = self.cancelled.iter().copied().filter(|number| self.is_lost(*number, shown, now));
            for number in gone.collect::<Vec<_>>() {
                self.absent.entry(number).or_insert(now);
            }
        }
    }

    /// Records that a series was created with this durability.
    pub(crate) fn series_made(&mut self, series: u32, durability: Durability, now: usize) {
        self.series.entry(series).or_insert(now);
        if durability == Durability::Sync {
            self.durable_series.entry(series).or_insert(now);
        }
    }

    /// Returns the batches and series that a later sync covers.
    pub(crate) fn acknowledged(&self) -> Promise {
        let current = self.acknowledged.values().filter(|told| told.life == self.lives);
        Promise {
            batches: self.acknowledged.keys().copied().collect(),
            series: self.series.keys().copied().collect(),
            seq: current.map(|told| told.seq).max().unwrap_or(0),
        }
    }

    /// Records that these survive power loss from now on: a sync, a flush or an opening reported it.
    pub(crate) fn promised(&mut self, promise: &Promise, now: usize) {
        for number in &promise.batches {
            self.durable.entry(*number).or_insert(now);
        }
        for series in &promise.series {
            self.durable_series.entry(*series).or_insert(now);
        }
    }

    /// Records that time has passed: every interval that has ended had its sync. Returns the number of batches that
    /// these syncs cover.
    pub(crate) fn intervals_over(&mut self, time: Duration, now: usize) -> usize {
        let over: Vec<Number> = self.due.iter().filter(|(_, due)| **due <= time).map(|(number, _)| *number).collect();
        for number in &over {
            self.due.remove(number);
            self.durable.entry(*number).or_insert(now);
        }
        over.len()
    }

    /// Records the decision of an opening: batches that it did not show never return.
    pub(crate) fn decided(&mut self, shown: &Found, series: &BTreeSet<u32>, now: usize) {
        self.series.retain(|made, _| series.contains(made));
        for made in series {
            self.series.entry(*made).or_insert(now);
        }
        self.hides(shown.cutoffs, now);
        self.promised(&Promise { batches: shown.batches.clone(), series: series.clone(), seq: 0 }, now);
        // A batch that cutoffs hide may be present or absent. It is removed here, because its seq may be assigned
        // again.
        let gone: Vec<Number> = self.sent.keys().copied().filter(|number| !shown.contains(number)).collect();
        for number in gone {
            if self.is_lost(number, shown, now) {
                self.absent.entry(number).or_insert(now);
            }
            self.acknowledged.remove(&number);
            self.visible.remove(&number);
        }
        self.cancelled.clear();
        self.unknown.clear();
        self.due.clear();
        (self.read_only, self.closing) = (false, false);
        self.lives += 1;
    }

    /// Checks the content of a snapshot of the current opening.
    pub(crate) fn check_snapshot(&self, shown: &Found, now: usize) -> Result<(), String> {
        if let Some(number) = self.unknown.intersection(&shown.batches).next() {
            return Err(format!("batch {number} is seen, and its outcome is unknown"));
        }
        self.check(shown, Crash::Process, now)
    }

    /// Checks the content of a database that is opened after a crash at `now`.
    pub(crate) fn check(&self, shown: &Found, crash: Crash, now: usize) -> Result<(), String> {
        self.check_cutoffs(shown.cutoffs, now)?;
        let lost = |number: &&Number| self.is_lost(**number, shown, now);
        let durable = self.durable.iter().filter(|(_, since)| **since <= now).map(|(number, _)| number);
        if let Some(number) = durable.clone().find(lost) {
            return Err(format!("batch {number} was acknowledged as durable and is lost"));
        }
        for number in &shown.batches {
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
        self.check_order(shown, now)
    }

    /// Checks an answer of a reader process, which may be older than what its writer has acknowledged.
    ///
    /// `before` is the reader's answer before. The seqs of batches are those of the end of the run, so the order of
    /// records is not checked here: each answer is a promise, and what a crash leaves is checked against it.
    pub(crate) fn check_reader(&self, shown: &Found, before: Option<&Found>, now: usize) -> Result<(), String> {
        if let Some(before) = before {
            if shown.cutoffs.max(before.cutoffs) != shown.cutoffs {
                return Err(format!("what was hidden is back: {:?} became {:?}", before.cutoffs, shown.cutoffs));
            }
            if let Some(number) = before.batches.iter().find(|number| self.is_lost(**number, shown, now)) {
                return Err(format!("batch {number} was shown, and is not shown any more"));
            }
        }
        for number in &shown.batches {
            if self.sent.get(number).is_none_or(|sent| sent.since > now) {
                return Err(format!("batch {number} is there before it was sent"));
            }
            if self.absent.get(number).is_some_and(|since| *since <= now) {
                return Err(format!("batch {number} was refused, and is there"));
            }
        }
        self.check_order(shown, now)
    }

    /// Records an answer of a reader process: what it showed survives power loss from then on, and what was hidden stays
    /// hidden.
    pub(crate) fn shown_by_reader(&mut self, shown: &Found, series: &BTreeSet<u32>, now: usize) {
        for number in &shown.batches {
            let since = self.durable.entry(*number).or_insert(now);
            *since = now.min(*since);
        }
        for made in series {
            let since = self.durable_series.entry(*made).or_insert(now);
            *since = now.min(*since);
        }
        self.hidden.push((now, shown.cutoffs));
        self.hidden.sort_by_key(|(since, _)| *since);
        let mut latest = Cutoffs::NONE;
        for (_, cutoffs) in &mut self.hidden {
            latest = latest.max(*cutoffs);
            *cutoffs = latest;
        }
    }

    /// Returns the number of batches that are durable, and not shown although no cutoff hides them.
    pub(crate) fn durable_and_missing(&self, shown: &Found, now: usize) -> usize {
        self.durable.iter().filter(|(number, since)| **since <= now && self.is_lost(**number, shown, now)).count()
    }

    /// Checks that the lost records of an opening are a suffix of its order.
    pub(crate) fn check_order(&self, shown: &Found, now: usize) -> Result<(), String> {
        let mut newest: BTreeMap<u32, u64> = BTreeMap::new();
        for (_, told) in self.acknowledged.iter().filter(|(number, _)| shown.contains(number)) {
            let seq = newest.entry(told.life).or_default();
            *seq = told.seq.max(*seq);
        }
        let overtaken = |told: &Acknowledged| newest.get(&told.life).is_some_and(|newest| told.seq < *newest);
        match self.acknowledged.iter().find(|(number, told)| overtaken(told) && self.is_lost(**number, shown, now)) {
            Some((number, _)) => Err(format!("batch {number} is lost, and a later one is there")),
            None => Ok(()),
        }
    }

    /// Checks that every series that was acknowledged by then is present.
    pub(crate) fn check_series(&self, found: &BTreeSet<u32>, crash: Crash, now: usize) -> Result<(), String> {
        let promised = if crash == Crash::Power { &self.durable_series } else { &self.series };
        let mut promised = promised.iter().filter(|(_, since)| **since <= now).map(|(series, _)| *series);
        match promised.find(|series| !found.contains(series) && !self.may_be_dropped(*series)) {
            Some(series) => Err(format!("series {series} was made and is lost")),
            None => Ok(()),
        }
    }

    /// Returns `true` if the definition of a series may have been dropped: a point of it was written, and a delete or a
    /// retention limit may have hidden all of them. A visible point of a series without a definition would be missing.
    fn may_be_dropped(&self, series: u32) -> bool {
        let is_limited = self.clocks.iter().any(|(_, _, limits)| *limits != Limits::default());
        let may_hide = is_limited || self.sent.keys().any(|number| (DELETES..METADATA).contains(number));
        may_hide && self.sent.keys().any(|number| *number < DELETES && has_series(*number, series))
    }
}
