//! A batch: points that become durable, visible and lost together, never in part.
//! Filled by the user as columns; the writer alone gives keys their series ids.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Guard, RefusedPoint, Sample, Timestamp, Value, ValueType};
use crate::error::{Error, Result};
use crate::series::{Series, SeriesId, SeriesKey};

/// The most points in a batch.
pub const MAX_BATCH_POINTS: usize = 1_000_000;
/// The most bytes in a batch, keys included.
pub const MAX_BATCH_BYTES: usize = 32 << 20;

/// Set in a column entry that stands for a key of this batch instead of a series id.
const BY_KEY: u32 = 1 << 31;
/// A timestamp, a value and a series reference.
const POINT_BYTES: usize = 20;

/// Whose point an entry of the batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A series that its user had made before.
    Id(SeriesId),
    /// The n-th key of the batch.
    Key(usize),
}

impl Target {
    fn of(target: u32) -> Self {
        match target & BY_KEY {
            0 => Self::Id(SeriesId::new(target)),
            _ => Self::Key((target & !BY_KEY) as usize),
        }
    }
}

/// Points to be written together: all of them or, after an error or a crash, none.
///
/// Points keep the order in which they were pushed; a reader sees two points at one timestamp in that order.
///
/// ```
/// use timestrata::{Batch, SeriesKey, Timestamp};
///
/// let mut batch = Batch::new();
/// batch.push_key(&SeriesKey::new("temp").tag("station", "LGA"), Timestamp::from_secs(1_357_003_600), 3.9);
/// assert_eq!(batch.len(), 1);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batch {
    targets: Vec<u32>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    keys: Vec<(SeriesKey, ValueType)>,
    key_index: HashMap<SeriesKey, usize>,
    key_bytes: usize,
    /// The opening whose `Series` were pushed, once one was.
    nonce: Option<u64>,
    /// The first thing that makes the whole batch unacceptable; told at the write, so that `push` stays infallible.
    refused: Option<Error>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for so many points.
    #[must_use]
    pub fn with_capacity(points: usize) -> Self {
        let points = points.min(MAX_BATCH_POINTS);
        Self {
            targets: Vec::with_capacity(points),
            timestamps: Vec::with_capacity(points),
            bits: Vec::with_capacity(points),
            ..Self::default()
        }
    }

    /// Adds a point of a series made by this opening of the database.
    pub fn push<T: Sample>(&mut self, series: Series<T>, at: Timestamp, value: T) {
        if *self.nonce.get_or_insert(series.nonce()) != series.nonce() {
            self.refused.get_or_insert(Error::UnknownSeries { id: series.id().get() });
        }
        self.add(series.id().get(), at, value.to_bits());
    }

    /// Adds a point of a series named by its key. If the series does not exist, it is made in the same commit.
    ///
    /// A value of another type than the series', or a key that breaks a rule, is told by the write, which then
    /// refuses the whole batch.
    pub fn push_key(&mut self, key: &SeriesKey, at: Timestamp, value: impl Into<Value>) {
        let value = value.into();
        let found = value.value_type();
        let slot = match self.key_index.get(key) {
            Some(slot) => *slot,
            None => self.add_key(key, found),
        };
        let expected = self.keys[slot].1;
        if expected != found {
            self.refused.get_or_insert_with(|| Error::TypeMismatch { series: key.to_string(), expected, found });
        }
        // A batch has at most a million points and so far fewer keys than 2^31; `check` refuses a larger one.
        self.add(u32::try_from(slot).unwrap_or(u32::MAX) | BY_KEY, at, value.to_bits());
    }

    fn add_key(&mut self, key: &SeriesKey, ty: ValueType) -> usize {
        if let Err(error) = key.check() {
            self.refused.get_or_insert(error);
        }
        self.key_bytes += key.byte_len();
        self.keys.push((key.clone(), ty));
        self.key_index.insert(key.clone(), self.keys.len() - 1);
        self.keys.len() - 1
    }

    fn add(&mut self, target: u32, at: Timestamp, bits: u64) {
        self.targets.push(target);
        self.timestamps.push(at.as_nanos());
        self.bits.push(bits);
    }

    /// How many points it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether it holds no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Forgets every point and key, and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.targets.clear();
        self.timestamps.clear();
        self.bits.clear();
        self.keys.clear();
        self.key_index.clear();
        self.key_bytes = 0;
        self.nonce = None;
        self.refused = None;
    }

    /// The bytes that it takes in the queue: 20 a point, and its keys once.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.len() * POINT_BYTES + self.key_bytes
    }

    /// What it takes in memory while it is queued: a key in its definition's form takes several times its text.
    pub(crate) fn queue_len(&self) -> usize {
        let keys = self.keys.iter().map(|(key, _)| size_of::<(SeriesKey, ValueType)>() + key.heap_len());
        self.len() * POINT_BYTES + keys.sum::<usize>()
    }

    /// Nothing more is pushed: gives up what only finds keys again, which `queue_len` does not count.
    pub(crate) fn seal(&mut self) {
        self.key_index = HashMap::new();
    }

    /// What can be told without the database: size, keys, types within the batch, the opening's nonce.
    pub(crate) fn check(&self, nonce: u64) -> Result<()> {
        Error::check_size("a batch, in points,", self.len(), MAX_BATCH_POINTS)?;
        Error::check_size("a batch, in bytes,", self.byte_len(), MAX_BATCH_BYTES)?;
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        if self.nonce.is_some_and(|own| own != nonce) {
            let id = self.targets.iter().find(|target| **target & BY_KEY == 0).copied().unwrap_or_default();
            return Err(Error::UnknownSeries { id });
        }
        Ok(())
    }

    /// Every point that a guard refuses, in the order of the batch; `text` names the series that are known by id.
    pub(crate) fn refused_by(&self, guard: Guard, text: impl Fn(SeriesId) -> String) -> Vec<RefusedPoint> {
        // A million refused points are mostly of few series.
        let mut texts: HashMap<u32, Arc<str>> = HashMap::new();
        let numbered = self.timestamps.iter().enumerate();
        let refused = numbered.filter_map(|(index, at)| Some((index, *at, guard.refuses(*at)?)));
        refused
            .map(|(index, at, reason)| {
                let target = self.targets[index];
                let series = texts.entry(target).or_insert_with(|| match Target::of(target) {
                    Target::Id(id) => text(id).into(),
                    Target::Key(slot) => self.keys[slot].0.to_string().into(),
                });
                RefusedPoint { index, series: Arc::clone(series), timestamp: Timestamp::from_nanos(at), reason }
            })
            .collect()
    }

    pub(crate) fn keys(&self) -> &[(SeriesKey, ValueType)] {
        &self.keys
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        self.targets.iter().copied().map(Target::of)
    }

    pub(crate) fn timestamps(&self) -> &[i64] {
        &self.timestamps
    }

    pub(crate) fn bits(&self) -> &[u64] {
        &self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_over_its_bound_is_refused() {
        let key = SeriesKey::new("m");
        let mut batch = Batch::new();
        for nanos in 0..=1_000_000 {
            batch.push_key(&key, Timestamp::from_nanos(nanos), 1.0);
        }
        assert!(matches!(batch.check(0), Err(Error::TooLarge { found: 1_000_001, most: MAX_BATCH_POINTS, .. })));
        batch.clear();
        assert!(batch.check(0).is_ok() && batch.is_empty());
    }

    #[test]
    fn two_types_for_one_key_are_named() {
        let key = SeriesKey::new("m").tag("a", "b");
        let mut batch = Batch::new();
        batch.push_key(&key, Timestamp::MIN, 1.0);
        batch.push_key(&key, Timestamp::MIN, true);
        let error = batch.check(0).unwrap_err().to_string();
        assert_eq!(error, "series m{a=\"b\"} holds f64, not bool: use a key of its own for bool values");
    }
}
