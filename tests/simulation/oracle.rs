//! What the world was told, and what a database may therefore show: each batch there once and whole, or not at all.
//! It knows no engine: only numbered batches, who was told what of them, and how many operations the disk had seen then.

use std::collections::{BTreeMap, BTreeSet};

use timestrata::{Batch, Durability, Error, Select, SeriesKey, Snapshot, Timestamp, Value};

/// Series that batches go to; a third each holds `f64`, `i64` and `u64`.
pub(crate) const SERIES: u32 = 6;

/// A value bears its batch's number and, below it, its place in the batch.
const PLACES: u64 = 256;

/// A batch by its number, from which all its points follow.
pub(crate) type Number = u32;

/// One point as the oracle tells it from all others: what it bears, its series, its time.
type Told = (u64, u32, i64);

pub(crate) fn key(series: u32) -> SeriesKey {
    SeriesKey::new("m").tag("n", series.to_string())
}

/// One to twenty-three points, or enough for several sectors. Every fifth batch is late, and neighbours share timestamps
/// in shared series: two points at one timestamp are two points.
fn points(number: Number) -> impl Iterator<Item = (u32, i64, u64)> {
    let moment = if number % 5 == 4 { -i64::from(number) } else { i64::from(number / 2) * 1_000 };
    let len = if number % 7 == 3 { 150 } else { 1 + number % 23 };
    (0..len).map(move |n| ((number + n) % SERIES, moment + i64::from(n / 3), u64::from(number) * PLACES + u64::from(n)))
}

/// With this, the bits below are those of 2^52 and a whole number more.
const WHOLE: u64 = 0x4330_0000_0000_0000;

fn value(series: u32, bits: u64) -> Value {
    match series % 3 {
        0 => Value::F64(f64::from_bits(WHOLE | bits)),
        1 => Value::I64(-i64::try_from(bits).unwrap()),
        _ => Value::U64(bits),
    }
}

/// The number inside a value; `None` for one that nobody wrote.
fn bits(value: Value) -> Option<u64> {
    match value {
        Value::F64(value) => Some(value.to_bits() ^ WHOLE),
        Value::I64(value) => u64::try_from(-value).ok(),
        Value::U64(value) => Some(value),
        _ => None,
    }
}

pub(crate) fn batch(number: Number) -> Batch {
    let mut batch = Batch::new();
    for (series, at, bits) in points(number) {
        batch.push_key(&key(series), Timestamp::from_nanos(at), value(series, bits));
    }
    batch
}

/// The batches that a snapshot shows.
///
/// # Errors
/// What no history explains: a batch in part, a point twice, a point that nobody wrote, times out of order, a read that
/// fails.
pub(crate) fn found(snapshot: &Snapshot) -> Result<BTreeSet<Number>, String> {
    let mut seen: Vec<Told> = Vec::new();
    let mut last = (u32::MAX, i64::MIN);
    for item in snapshot.query(Select::all()).scan() {
        let (series, point) = item.map_err(|error| format!("a read fails: {error}"))?;
        let number = series.key.tag_value("n").and_then(|text| text.parse().ok());
        let number: u32 = number.ok_or_else(|| format!("nobody made {}", series.key))?;
        let at = point.timestamp.as_nanos();
        if last.0 == number && last.1 > at {
            return Err(format!("{} goes back from {} to {at}", series.key, last.1));
        }
        last = (number, at);
        let bits = bits(point.value).ok_or_else(|| format!("{:?} in {}", point.value, series.key))?;
        seen.push((bits, number, at));
    }
    seen.sort_unstable();
    if let Some(twin) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("batch {} is doubled", twin[0].0 / PLACES));
    }
    let mut batches: Vec<Number> =
        seen.iter().map(|(bits, ..)| Number::try_from(bits / PLACES).unwrap_or(Number::MAX)).collect();
    batches.dedup();
    let mut whole: Vec<Told> = Vec::with_capacity(seen.len());
    for number in &batches {
        whole.extend(points(*number).map(|(series, at, bits)| (bits, series, at)));
    }
    match whole.iter().zip(&seen).find(|(whole, seen)| whole != seen) {
        None if whole.len() == seen.len() => Ok(batches.into_iter().collect()),
        Some((whole, seen)) if seen < whole => Err(format!("nobody wrote {seen:?}")),
        _ => Err(format!("a batch of {batches:?} is there in part")),
    }
}

/// The series that a snapshot knows.
///
/// # Errors
/// One that holds another type than it was made with.
pub(crate) fn found_series(snapshot: &Snapshot) -> Result<BTreeSet<u32>, String> {
    let mut series = BTreeSet::new();
    for number in 0..SERIES {
        match snapshot.find(&key(number)) {
            Some(found) if found.value_type == value(number, 0).value_type() => drop(series.insert(number)),
            Some(found) => return Err(format!("series {number} is {found:?}")),
            None => {}
        }
    }
    Ok(series)
}

/// Everything that is known of every batch. Moments are counts of the disk's operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oracle {
    /// Nothing of it can be on disk before.
    sent: BTreeMap<Number, usize>,
    /// Survives power loss from then on.
    durable: BTreeMap<Number, usize>,
    /// Cannot be there from then on.
    absent: BTreeMap<Number, usize>,
    /// Survives the process.
    acknowledged: BTreeMap<Number, Acknowledged>,
    /// A reader has seen it: survives the process from then on, whether its writer was answered or not.
    visible: BTreeMap<Number, usize>,
    /// Given up by their writers, which hear nothing of them any more.
    cancelled: BTreeSet<Number>,
    /// Whether anyone was told that the database takes no more writes.
    pub(crate) read_only: bool,
    /// Series that survive power loss from then on.
    series: BTreeMap<u32, usize>,
    /// Openings that have decided.
    lives: u32,
}

/// An acknowledgement of whatever durability.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    since: usize,
    /// Its place in the order of its life: a later one gives the places of what was lost anew.
    life: u32,
    seq: u64,
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
    pub(crate) fn sent(&mut self, number: Number, now: usize) {
        self.sent.insert(number, now);
    }

    pub(crate) fn answered(&mut self, number: Number, now: usize, answer: &timestrata::Result<timestrata::Ack>) {
        match answer {
            Ok(ack) => {
                self.acknowledged.insert(number, Acknowledged { since: now, life: self.lives, seq: ack.seq });
                if ack.durability == Durability::Sync {
                    self.durable.insert(number, now);
                }
            }
            Err(Error::OutcomeUnknown { .. }) => self.read_only = true,
            // Any other error says that it is absent for certain.
            Err(error) => {
                self.read_only |= matches!(error, Error::ReadOnly { .. });
                self.absent.insert(number, now);
            }
        }
    }

    pub(crate) fn cancelled(&mut self, number: Number) {
        self.cancelled.insert(number);
    }

    /// What a snapshot showed.
    pub(crate) fn visible(&mut self, shown: &BTreeSet<Number>, now: usize) {
        for number in shown {
            self.visible.entry(*number).or_insert(now);
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

    pub(crate) fn series_made(&mut self, series: u32, now: usize) {
        self.series.entry(series).or_insert(now);
    }

    /// What a later sync covers.
    pub(crate) fn acknowledged(&self) -> BTreeSet<Number> {
        self.acknowledged.keys().copied().collect()
    }

    /// These survive power loss from now on: a sync, a flush or an opening said so.
    pub(crate) fn promised(&mut self, batches: &BTreeSet<Number>, now: usize) {
        for number in batches {
            self.durable.entry(*number).or_insert(now);
        }
    }

    /// An opening has decided: what it did not show never comes back.
    pub(crate) fn decided(&mut self, shown: &BTreeSet<Number>, now: usize) {
        self.promised(shown, now);
        for number in self.sent.keys().filter(|number| !shown.contains(number)) {
            self.absent.entry(*number).or_insert(now);
            self.acknowledged.remove(number);
            self.visible.remove(number);
        }
        self.cancelled.clear();
        self.read_only = false;
        self.lives += 1;
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
                Some(sent) if *sent < now || crash == Crash::Process => {}
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
    pub(crate) fn check_series(&self, found: &BTreeSet<u32>, now: usize) -> Result<(), String> {
        let mut promised = self.series.iter().filter(|(_, since)| **since <= now).map(|(series, _)| *series);
        match promised.find(|series| !found.contains(series)) {
            Some(series) => Err(format!("series {series} was made and is lost")),
            None => Ok(()),
        }
    }
}
