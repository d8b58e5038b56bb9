//! Workload of all engines: gauges of two decimals, tick by tick.
//!
//! The values are those of `benches/workload`: they start uniform 20.00 to 99.99 and step uniform -0.50 to +0.50;
//! splitmix64 with seed 42. This copy depends on no engine and yields integer cents, so that sums are exact.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::total::Total;

#[cfg(test)]
#[path = "../../workload/mod.rs"]
mod gauges;

/// Points of one call.
pub(crate) const BATCH_POINTS: usize = 1_000;
/// Nanoseconds between two ticks.
const STEP_NANOS: i64 = 10_000_000_000;
/// Time of the first tick: 2023-11-14T22:13:20Z.
pub(crate) const START_NANOS: i64 = 1_700_000_000_000_000_000;
/// Range of a small read.
const HOUR_NANOS: i64 = 3_600_000_000_000;
/// Number of series whose latest points are read, and of small reads.
const READ_SERIES: u32 = 1_000;

/// One point as every engine gets it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) series: u32,
    pub(crate) nanos: i64,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn new(series: u32, nanos: i64, cents: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "cents stay far below 2^53")]
        let value = cents as f64 / 100.0;
        Self { series, nanos, value }
    }
}

/// Number of series, and of ticks of each series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) series: u32,
    pub(crate) ticks: u32,
}

impl Shape {
    /// 1,000 series, each with its part of the points.
    pub(crate) fn long(points: u64) -> Self {
        Self { series: 1_000, ticks: u32::try_from(points / 1_000).unwrap_or(u32::MAX).max(1) }
    }

    /// Series of 100 points each.
    pub(crate) fn many(points: u64) -> Self {
        Self { series: u32::try_from(points / 100).unwrap_or(u32::MAX).max(1), ticks: 100 }
    }

    pub(crate) fn points(self) -> u64 {
        u64::from(self.series) * u64::from(self.ticks)
    }
}

/// Random number generator splitmix64 of Sebastiano Vigna.
struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, bound: u64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((z ^ (z >> 31)) % bound).unwrap_or(0)
    }
}

/// Iterator over the points of the workload: all series of a tick, then the next tick.
pub(crate) struct Points {
    shape: Shape,
    random: SplitMix64,
    cents: Vec<i64>,
    tick: u32,
    /// Series of the next point; at the number of series, the tick is over.
    series: u32,
}

impl Points {
    pub(crate) fn new(shape: Shape) -> Self {
        let mut random = SplitMix64(42);
        let cents = (0..shape.series).map(|_| 2_000 + random.below(8_000)).collect();
        Self { shape, random, cents, tick: 0, series: 0 }
    }

    /// Replaces the content of a buffer by the next batch. Returns `false` at the end.
    pub(crate) fn next_batch(&mut self, batch: &mut Vec<Sample>) -> bool {
        batch.clear();
        batch.extend(self.by_ref().take(BATCH_POINTS).map(|(series, nanos, cents)| Sample::new(series, nanos, cents)));
        !batch.is_empty()
    }
}

/// Series, time in nanoseconds, value in cents.
impl Iterator for Points {
    type Item = (u32, i64, i64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.series == self.shape.series {
            (self.tick, self.series) = (self.tick + 1, 0);
        }
        if self.tick == self.shape.ticks {
            return None;
        }
        let series = self.series;
        self.series += 1;
        let cents = self.cents.get_mut(series as usize)?;
        *cents += self.random.below(101) - 50;
        Some((series, START_NANOS + i64::from(self.tick) * STEP_NANOS, *cents))
    }
}

/// Returns the batches of each client. A client has every `clients`th series, and sends its points in the order of time.
pub(crate) fn batches_of_clients(shape: Shape, clients: u32) -> Vec<Vec<Vec<Sample>>> {
    let mut work: Vec<Vec<Vec<Sample>>> = (0..clients).map(|_| Vec::new()).collect();
    for (series, nanos, cents) in Points::new(shape) {
        let batches = &mut work[(series % clients) as usize];
        let sample = Sample::new(series, nanos, cents);
        match batches.last_mut().filter(|last| last.len() < BATCH_POINTS) {
            Some(last) => last.push(sample),
            None => batches.push(vec![sample]),
        }
    }
    work
}

/// A read of one series in a half-open range of time, with its right answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RangeRead {
    pub(crate) series: u32,
    pub(crate) from_nanos: i64,
    pub(crate) until_nanos: i64,
    pub(crate) expected: Total,
}

/// The right answers of all reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Expected {
    pub(crate) all: Total,
    /// One hour of each of the read series, in an order that jumps between them.
    pub(crate) hours: Vec<RangeRead>,
    /// The series whose latest points are read.
    pub(crate) latest_of: Vec<u32>,
    pub(crate) latest: Total,
    /// Time of the last tick.
    pub(crate) newest_nanos: i64,
}

impl Expected {
    pub(crate) fn new(shape: Shape) -> Self {
        let from_nanos = START_NANOS + i64::from(shape.ticks / 2) * STEP_NANOS;
        let until_nanos = from_nanos + HOUR_NANOS;
        let read = shape.series.min(READ_SERIES);
        let latest_of: Vec<u32> = (0..read).map(|n| n * (shape.series / read)).collect();
        let mut in_hour: HashMap<u32, Total> = latest_of.iter().map(|series| (*series, Total::default())).collect();
        let (mut all, mut latest) = (Total::default(), Total::default());
        let newest_nanos = START_NANOS + i64::from(shape.ticks - 1) * STEP_NANOS;
        for (series, nanos, cents) in Points::new(shape) {
            all.add_cents(cents);
            let Some(hour) = in_hour.get_mut(&series) else { continue };
            if (from_nanos..until_nanos).contains(&nanos) {
                hour.add_cents(cents);
            }
            if nanos == newest_nanos {
                latest.add_cents(cents);
            }
        }
        // 7 divides no power of ten, so every series has one turn.
        let order = (0..read).map(|n| latest_of[(n * 7 % read) as usize]);
        let hours =
            order.map(|series| RangeRead { series, from_nanos, until_nanos, expected: in_hour[&series] }).collect();
        Self { all, hours, latest_of, latest, newest_nanos }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_are_those_of_the_workload_of_all_benchmarks() {
        let shape = Shape { series: 3, ticks: 2 };
        let points: Vec<_> = Points::new(shape).collect();
        assert_eq!(points.len(), 6);
        let mut gauges = gauges::Gauges::new(3);
        for tick in points.chunks(3) {
            let (at, values) = gauges.tick();
            for ((series, nanos, cents), value) in tick.iter().zip(values) {
                assert_eq!(timestrata::Timestamp::from_nanos(*nanos), at);
                assert_eq!(Sample::new(*series, *nanos, *cents).value.to_bits(), value.to_bits());
            }
        }
    }

    #[test]
    fn batches_have_all_points_in_order() {
        let shape = Shape { series: 300, ticks: 7 };
        let (mut points, mut batch, mut all) = (Points::new(shape), Vec::new(), Vec::new());
        let mut lengths = Vec::new();
        while points.next_batch(&mut batch) {
            lengths.push(batch.len());
            all.extend_from_slice(&batch);
        }
        assert_eq!(lengths, [1_000, 1_000, 100]);
        let expected: Vec<_> =
            Points::new(shape).map(|(series, nanos, cents)| Sample::new(series, nanos, cents)).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn clients_have_series_of_their_own_and_together_all_points() {
        let shape = Shape { series: 50, ticks: 100 };
        let work = batches_of_clients(shape, 16);
        let mut total = Total::default();
        for (client, batches) in work.iter().enumerate() {
            let points: Vec<&Sample> = batches.iter().flatten().collect();
            assert!(points.iter().all(|point| point.series as usize % 16 == client));
            assert!(points.is_sorted_by_key(|point| point.nanos));
            assert!(batches.iter().all(|batch| batch.len() <= BATCH_POINTS));
            for point in points {
                total.add_value(point.value);
            }
        }
        assert_eq!(total, Expected::new(shape).all);
    }

    #[test]
    fn the_expected_answers_are_those_of_a_plain_filter() {
        for shape in [Shape { series: 20, ticks: 900 }, Shape { series: 3_000, ticks: 4 }] {
            let expected = Expected::new(shape);
            let points: Vec<_> = Points::new(shape).collect();
            assert_eq!(expected.hours.len(), shape.series.min(1_000) as usize);
            for read in expected.hours.iter().step_by(7) {
                let mut total = Total::default();
                let in_range = |point: &&(u32, i64, i64)| {
                    point.0 == read.series && point.1 >= read.from_nanos && point.1 < read.until_nanos
                };
                points.iter().filter(in_range).for_each(|point| total.add_cents(point.2));
                assert_eq!(read.expected, total);
                assert!(total.count > 0);
            }
            let newest = points.iter().rev().take(shape.series as usize);
            let mut latest = Total::default();
            newest.filter(|point| expected.latest_of.contains(&point.0)).for_each(|point| latest.add_cents(point.2));
            assert_eq!(expected.latest, latest);
        }
    }

    #[test]
    fn every_read_series_has_one_turn() {
        let expected = Expected::new(Shape { series: 2_500, ticks: 1 });
        let mut series: Vec<u32> = expected.hours.iter().map(|read| read.series).collect();
        series.sort_unstable();
        assert_eq!(series, expected.latest_of);
    }
}
