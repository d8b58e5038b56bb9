//! Samples that both programs get: counters with resets, gauges, classic histograms, gaps, stale markers, NaN and Inf.
//!
//! No sample is at a whole second, and every query is evaluated at whole seconds, so that no sample is at the edge of a
//! window: Prometheus 3 has windows without their left edge, 2.42 has windows with it. Values are multiples of 1/4, so
//! that their sums are exact in any order.

use timestrata::{Batch, Db, SeriesKey, Snapshot, Timestamp};
use timestrata_promql::STALE_BITS;

use crate::remote_write::Series;

/// Time of the first samples, in seconds.
pub(crate) const START: i64 = 1_700_000_000;
/// Samples per series, one every 15 seconds.
const COUNT: i64 = 480;
const INTERVAL_MILLIS: i64 = 15_000;
/// Bounds of the buckets of `latency_bucket`.
const BOUNDS: [&str; 5] = ["0.1", "0.5", "1", "5", "+Inf"];

/// A source of numbers that look random: a linear congruential generator (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    /// Returns a number below `end`.
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Returns all series in the order of their labels.
pub(crate) fn all_series(seed: u64) -> Vec<Series> {
    let mut numbers = Numbers(seed);
    let mut list = Vec::new();
    for host in ["a", "b", "c"] {
        for job in ["x", "y"] {
            let labels = [("__name__", "requests_total"), ("host", host), ("job", job)];
            list.push(series(&labels, samples(&mut numbers, true, counter)));
            let labels = [("__name__", "level"), ("host", host), ("job", job)];
            list.push(series(&labels, samples(&mut numbers, true, |_, numbers| f64::from(numbers.below(5)))));
        }
        for sensor in ["1", "2"] {
            let labels = [("__name__", "temperature"), ("host", host), ("sensor", sensor)];
            list.push(series(&labels, samples(&mut numbers, false, gauge)));
        }
        let labels = [("__name__", "capacity"), ("host", host), ("kind", if host == "a" { "big" } else { "small" })];
        list.push(series(&labels, samples(&mut numbers, false, |_, numbers| f64::from(numbers.below(64) + 64))));
        list.push(series(&[("__name__", "special"), ("host", host)], samples(&mut numbers, true, special)));
        let mut buckets: Vec<Vec<(i64, f64)>> = vec![Vec::new(); BOUNDS.len()];
        for (time, _) in samples(&mut numbers, false, |_, _| 0.0) {
            let mut total = 0.0;
            for bucket in &mut buckets {
                // Each bound adds observations to those below it.
                let before = bucket.last().map_or(1e6, |(_, value)| *value);
                total += f64::from(numbers.below(4));
                bucket.push((time, before + total));
            }
        }
        for (bound, samples) in BOUNDS.iter().zip(buckets) {
            list.push(series(&[("__name__", "latency_bucket"), ("host", host), ("le", bound)], samples));
        }
    }
    list
}

/// Returns a snapshot of a database with the samples, half of them in a file and half in memory.
pub(crate) fn snapshot(list: &[Series]) -> Snapshot {
    let db = Db::builder("differential").in_memory().open_blocking().unwrap();
    for half in 0..2 {
        let mut batch = Batch::new();
        for one in list {
            let key = key(one);
            for (time, value) in one.samples.iter().filter(|(time, _)| (*time / 1_000 - START > 3_600) == (half == 1)) {
                batch.push_key(&key, Timestamp::from_millis(*time), *value);
            }
        }
        db.write_blocking(batch).unwrap();
        if half == 0 {
            db.flush_blocking().unwrap();
        }
    }
    db.snapshot()
}

/// Returns the key of a series.
pub(crate) fn key(series: &Series) -> SeriesKey {
    let name = &series.labels[0].1;
    series.labels[1..].iter().fold(SeriesKey::new(name.as_str()), |key, (name, value)| key.tag(name, value.as_str()))
}

fn series(labels: &[(&str, &str)], samples: Vec<(i64, f64)>) -> Series {
    Series { labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), samples }
}

/// Makes samples at jittered times. A series with gaps lacks some for up to 15 minutes, half of them after a stale
/// marker.
fn samples(
    numbers: &mut Numbers,
    has_gaps: bool,
    mut value: impl FnMut(Option<f64>, &mut Numbers) -> f64,
) -> Vec<(i64, f64)> {
    let mut list: Vec<(i64, f64)> = Vec::new();
    let mut previous = None;
    let mut gap = 0;
    for at in 0..COUNT {
        let time = START * 1_000
            + at * INTERVAL_MILLIS
            + i64::from(numbers.below(9)) * 1_000
            + 1
            + i64::from(numbers.below(997));
        let sample = value(previous, numbers);
        previous = Some(sample);
        if gap > 0 {
            gap -= 1;
        } else if has_gaps && numbers.below(50) == 0 {
            gap = numbers.below(60);
            if numbers.below(2) == 0 {
                list.push((time, f64::from_bits(STALE_BITS)));
            }
        } else {
            list.push((time, sample));
        }
    }
    list
}

/// A counter that is far from zero, also after a reset, which halves it.
fn counter(last: Option<f64>, numbers: &mut Numbers) -> f64 {
    match last {
        Some(last) if numbers.below(80) > 0 => last + f64::from(numbers.below(400)) / 4.0,
        Some(last) => (last / 2.0).floor(),
        None => 1e9,
    }
}

fn gauge(last: Option<f64>, numbers: &mut Numbers) -> f64 {
    last.unwrap_or(80.0) + (f64::from(numbers.below(41)) - 20.0) / 4.0
}

fn special(_: Option<f64>, numbers: &mut Numbers) -> f64 {
    match numbers.below(12) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => 0.0,
        _ => f64::from(numbers.below(9)) - 4.0,
    }
}
