//! Content of a database on the simulated disk: numbered batches, whose numbers determine all their points. Finds the
//! batches again, and checks that each one is present once, and either whole or absent. Independent of the
//! acknowledgements, which `oracle` knows.

use std::collections::BTreeSet;
use std::ops::Deref;

use timestrata::testing::cutoff;
use timestrata::{Batch, CachedSeries, Error, Selector, SeriesKey, Snapshot, Timestamp, Value, ValueType};

use crate::fleeting;
use crate::metadata;

/// Number of series that batches go to; a third of them each holds `f64`, `i64` and `u64`.
pub(crate) const SERIES: u32 = 6;

/// Metric of all of them.
const METRIC: &str = "m";

/// A value encodes the number of its batch and, in its lower part, its index in the batch.
const PLACES: u64 = 256;

/// Number of a batch, which determines all its points. From `DELETES` on: the delete of a batch's marked points.
pub(crate) type Number = u32;

/// The delete of the marked points of batch n has the number `DELETES + n`.
pub(crate) const DELETES: Number = 1 << 24;

/// Time of the first marked point. The marked points of each batch have a separate time range, so that a delete by
/// range affects no other points.
const MARKED: i64 = 1_000_000_000;
const MARKED_SPAN: i64 = 1_000;

/// Returns `true` if a batch has marked points, which may be deleted, and other points, which show that the batch is
/// present.
pub(crate) fn is_marked(number: Number) -> bool {
    number % 3 == 1 && number < DELETES && points(number).count() > 1
}

/// Returns first and last time of a batch's marked points.
pub(crate) fn marked_times(number: Number) -> (i64, i64) {
    let first = MARKED + i64::from(number) * MARKED_SPAN;
    (first, first + MARKED_SPAN - 1)
}

/// Returns `true` if a point of a batch is marked, by its index: every other one is.
fn marks(number: Number, place: u32) -> bool {
    number % 3 == 1 && place % 2 == 1
}

/// Identity of a point for the oracle: encoded value, series, time.
type Told = (u64, u32, i64);

pub(crate) fn key(series: u32) -> SeriesKey {
    SeriesKey::new(METRIC).tag("n", series.to_string())
}

/// Returns one to twenty-three points, or enough points for several sectors. Every fifth batch is late, and
/// neighbouring batches share timestamps in shared series: two points at one timestamp are two points.
fn points(number: Number) -> impl Iterator<Item = (u32, i64, u64)> {
    let moment = if number % 5 == 4 { -i64::from(number) } else { i64::from(number / 2) * 1_000 };
    let len = if number % 7 == 3 { 150 } else { 1 + number % 23 };
    (0..len).map(move |n| {
        let moment = if marks(number, n) { marked_times(number).0 } else { moment };
        ((number + n) % SERIES, moment + i64::from(n / 3), u64::from(number) * PLACES + u64::from(n))
    })
}

/// Returns `true` if a batch has a point of the series.
pub(crate) fn has_series(number: Number, series: u32) -> bool {
    points(number).any(|(of, ..)| of == series)
}

/// With these bits, the lower bits represent 2^52 plus a whole number.
const WHOLE: u64 = 0x4330_0000_0000_0000;

fn value(series: u32, bits: u64) -> Value {
    match series % 3 {
        0 => Value::F64(f64::from_bits(WHOLE | bits)),
        1 => Value::I64(-i64::try_from(bits).unwrap()),
        _ => Value::U64(bits),
    }
}

/// Returns the number inside a value; `None` for a value of a type that was not written.
fn bits(value: Value) -> Option<u64> {
    match value {
        Value::F64(value) => Some(value.to_bits() ^ WHOLE),
        Value::I64(value) => u64::try_from(-value).ok(),
        Value::U64(value) => Some(value),
        _ => None,
    }
}

thread_local! {
    /// Cached series of all databases of the thread: their ids are those of whatever was written last, also in another
    /// history, before a crash, or in a backup.
    static CACHED: [CachedSeries; SERIES as usize] = [0, 1, 2, 3, 4, 5].map(|n| CachedSeries::new(key(n)));
}

/// Returns a batch. Every other one names its series by their keys, the rest by cached series.
pub(crate) fn batch(number: Number) -> Batch {
    let mut batch = Batch::new();
    for (series, at, bits) in points(number) {
        let (timestamp, value) = (Timestamp::from_nanos(at), value(series, bits));
        if number.is_multiple_of(2) {
            batch.push_key(&key(series), timestamp, value);
        } else {
            CACHED.with(|cached| batch.push_cached(&cached[series as usize], timestamp, value));
        }
    }
    batch
}

/// Returns `true` if the retention rule selects the series.
fn is_ruled(series: u32) -> bool {
    series % 3 == 1
}

/// Returns the selector of the retention rule.
pub(crate) fn ruled() -> Selector {
    Selector::metric("m").tag_matches("n", "[14]")
}

/// The cutoffs of retention: of the series that its rule selects, and of all other series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cutoffs {
    pub(crate) ruled: i64,
    pub(crate) others: i64,
}

impl Cutoffs {
    pub(crate) const NONE: Self = Self { ruled: i64::MIN, others: i64::MIN };

    fn of(snapshot: &Snapshot) -> Self {
        let mut cutoffs = Self::NONE;
        for series in 0..SERIES {
            let own = cutoff(snapshot, &key(series)).unwrap_or(i64::MIN);
            let known = if is_ruled(series) { &mut cutoffs.ruled } else { &mut cutoffs.others };
            *known = own.max(*known);
        }
        cutoffs
    }

    /// Returns the later cutoff of each kind.
    pub(crate) fn max(self, other: Self) -> Self {
        Self { ruled: self.ruled.max(other.ruled), others: self.others.max(other.others) }
    }

    fn hides(self, series: u32, at: i64) -> bool {
        at < if is_ruled(series) { self.ruled } else { self.others }
    }
}

/// Content of a snapshot: visible batches, deletes and changes of metadata, and the cutoffs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) batches: BTreeSet<Number>,
    pub(crate) cutoffs: Cutoffs,
}

impl Deref for Found {
    type Target = BTreeSet<Number>;

    fn deref(&self) -> &Self::Target {
        &self.batches
    }
}

impl Found {
    /// Returns whether cutoffs leave any marked point of a batch, and whether they leave any other point of it.
    pub(crate) fn leaves(&self, number: Number) -> (bool, bool) {
        let left = |marked: bool| {
            let mut places = points(number).zip(0_u32..);
            places.any(|((series, at, _), place)| marks(number, place) == marked && !self.cutoffs.hides(series, at))
        };
        (left(true), left(false))
    }
}

/// Returns the newest time of a batch's points.
pub(crate) fn newest_time(number: Number) -> i64 {
    points(number).map(|(_, at, _)| at).max().unwrap_or(i64::MIN)
}

/// Returns the visible points of a batch, with its marked points deleted or not.
fn seen_points(number: Number, deleted: bool, cutoffs: Cutoffs) -> impl Iterator<Item = Told> {
    let places = points(number).zip(0_u32..);
    let seen = places
        .filter(move |((series, at, _), place)| !(cutoffs.hides(*series, *at) || deleted && marks(number, *place)));
    seen.map(|((series, at, bits), _)| (bits, series, at))
}

/// Returns the number of visible points of these batches, and an upper bound of their visible and hidden points.
pub(crate) fn count_points(shown: &Found) -> (u64, u64) {
    let batches = || shown.iter().filter(|number| **number < DELETES);
    let is_deleted = |number: &Number| shown.contains(&(DELETES + number));
    let seen = batches().map(|number| seen_points(*number, is_deleted(number), shown.cutoffs).count() as u64);
    // The number of batches that cutoffs hide whole is unknown here.
    let written =
        (shown.cutoffs == Cutoffs::NONE).then(|| batches().map(|number| points(*number).count() as u64).sum());
    (seen.sum(), written.unwrap_or(u64::MAX))
}

/// Returns the batches that a snapshot shows, the deletes of marked points, and the last change of each metadata.
///
/// # Errors
/// Content that no history explains: a partial batch, a duplicated point, a point that was not written, times out of
/// order, a failed read.
pub(crate) fn found(snapshot: &Snapshot) -> Result<Found, String> {
    let cutoffs = Cutoffs::of(snapshot);
    let mut seen: Vec<Told> = Vec::new();
    let mut last = (u32::MAX, i64::MIN);
    fleeting::check(snapshot)?;
    for item in snapshot.query(Selector::metric(METRIC)).points() {
        let (series, point) = item.map_err(|error| format!("a read fails: {error}"))?;
        let number = series.key.tag_value("n").and_then(|text| text.parse().ok());
        let number: u32 = number.ok_or_else(|| format!("no batch has created {}", series.key))?;
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
    let mut found = Found { batches: metadata::shown(snapshot)?.into_iter().collect(), cutoffs };
    let mut whole: Vec<Told> = Vec::with_capacity(seen.len());
    for number in &batches {
        let own = seen.partition_point(|(bits, ..)| *bits < u64::from(*number) * PLACES);
        let mut of_batch = seen[own..].iter().take_while(|(bits, ..)| bits / PLACES == u64::from(*number));
        let has_lost = is_marked(*number)
            && !of_batch.any(|(bits, ..)| marks(*number, u32::try_from(bits % PLACES).unwrap()))
            && found.leaves(*number).0;
        whole.extend(seen_points(*number, has_lost, cutoffs));
        found.batches.insert(*number);
        found.batches.extend(has_lost.then_some(DELETES + number));
    }
    match whole.iter().zip(&seen).find(|(whole, seen)| whole != seen) {
        None if whole.len() == seen.len() => Ok(found),
        Some((whole, seen)) if seen < whole => Err(format!("{seen:?} was never written, or {cutoffs:?} hides it")),
        _ => Err(format!("a batch of {batches:?} is there in part behind {cutoffs:?}")),
    }
}

/// Returns the series that a snapshot knows.
///
/// # Errors
/// A series whose type differs from the type of its creation.
pub(crate) fn found_series(snapshot: &Snapshot) -> Result<BTreeSet<u32>, String> {
    let mut series = BTreeSet::new();
    for number in 0..SERIES {
        // Includes series that are not listed: a delete may have left a series without points.
        match snapshot.series::<f64>(&key(number)).map(|_| ValueType::F64) {
            Ok(found) | Err(Error::TypeMismatch { expected: found, .. }) if found == value(number, 0).value_type() => {
                series.insert(number);
            }
            Err(Error::SeriesNotFound { .. }) => {}
            other => return Err(format!("series {number} is {other:?}")),
        }
    }
    Ok(series)
}
