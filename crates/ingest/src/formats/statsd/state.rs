//! State of one series of statsd lines.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashSet};
use timestrata::{CachedSeries, SeriesKey, Timestamp, Value};

use super::line::{LineType, parse_value};
use super::sketch::Sketch;
use crate::bodies::STALE_MARKER_BITS;
use crate::formats::row_error::RowError;
use crate::{RefusalCode, Rows};

/// Quantiles of timers, and their texts.
const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.9, "0.9"), (0.99, "0.99")];

/// Values of timers and members of sets that may be kept until the next flush.
#[derive(Debug)]
pub(super) struct ItemBudget {
    limit: usize,
    used: usize,
    hasher: DefaultHashBuilder,
}

impl ItemBudget {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: 0, hasher: DefaultHashBuilder::default() }
    }

    /// Begins an interval.
    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    fn take(&mut self) -> Result<(), RowError> {
        if self.used >= self.limit {
            let reason = format!("timers and sets have more than {} different values in an interval", self.limit);
            return Err(RowError::with_code(RefusalCode::SeriesLimit, reason));
        }
        self.used += 1;
        Ok(())
    }
}

/// State of a series, with the series of its points.
#[derive(Debug)]
pub(super) enum SeriesState {
    Counter { series: CachedSeries, sum: f64 },
    Gauge { series: CachedSeries, value: f64 },
    Timer(Box<TimerState>),
    Set { series: CachedSeries, members: HashSet<u64> },
}

/// State of a timer.
#[derive(Debug)]
pub(super) struct TimerState {
    count_series: CachedSeries,
    sum_series: CachedSeries,
    min_series: CachedSeries,
    max_series: CachedSeries,
    quantile_series: [CachedSeries; QUANTILES.len()],
    count: f64,
    sum: f64,
    /// Values of the interval.
    sketch: Sketch,
    /// Least and greatest value of the interval.
    range: Option<(f64, f64)>,
    /// Whether the last flush wrote values of an interval, which a stale marker ends.
    has_interval: bool,
}

impl SeriesState {
    /// Creates the state of a series without lines.
    pub(super) fn new(key: &SeriesKey, ty: LineType) -> Self {
        let series = CachedSeries::new(key.clone());
        match ty {
            LineType::Counter => Self::Counter { series, sum: 0.0 },
            LineType::Gauge => Self::Gauge { series, value: 0.0 },
            LineType::Timer => Self::Timer(Box::new(TimerState::new(key))),
            LineType::Set => Self::Set { series, members: HashSet::new() },
        }
    }

    /// Takes a value of a line with a sample rate.
    pub(super) fn take(&mut self, text: &str, rate: f64, items: &mut ItemBudget) -> Result<(), RowError> {
        match self {
            Self::Counter { sum, .. } => *sum = finite(*sum + finite(parse_value(text)? / rate)?)?,
            Self::Gauge { value, .. } => {
                let number = parse_value(text)?;
                *value = if text.starts_with(['+', '-']) { finite(*value + number)? } else { number };
            }
            Self::Timer(timer) => timer.take(parse_value(text)?, 1.0 / rate, items)?,
            Self::Set { members, .. } => {
                let hash = items.hasher.hash_one(text);
                if !members.contains(&hash) {
                    items.take()?;
                    members.insert(hash);
                }
            }
        }
        Ok(())
    }

    /// Pushes the points of the series, or stale markers if it ends, and begins an interval.
    pub(super) fn flush(&mut self, now: Timestamp, is_ended: bool, rows: &mut Rows) {
        let mut push = |series: &CachedSeries, value: f64| {
            let value = if is_ended { f64::from_bits(STALE_MARKER_BITS) } else { value };
            let number = rows.add_series(series.clone());
            rows.push(number, now, Value::F64(value));
        };
        match self {
            Self::Counter { series, sum } => push(series, *sum),
            Self::Gauge { series, value } => push(series, *value),
            #[expect(clippy::cast_precision_loss, reason = "the number of members is far below 2^53")]
            Self::Set { series, members } => {
                push(series, members.len() as f64);
                members.clear();
            }
            Self::Timer(timer) => {
                push(&timer.count_series, timer.count);
                push(&timer.sum_series, timer.sum);
                timer.flush_interval(now, rows);
            }
        }
    }
}

impl TimerState {
    fn new(key: &SeriesKey) -> Self {
        let named = |suffix: &str| CachedSeries::new(key.clone().with_metric(format!("{}{suffix}", key.metric())));
        Self {
            count_series: named("_count"),
            sum_series: named("_sum"),
            min_series: named("_min"),
            max_series: named("_max"),
            quantile_series: QUANTILES.map(|(_, text)| CachedSeries::new(key.clone().tag("quantile", text))),
            count: 0.0,
            sum: 0.0,
            sketch: Sketch::default(),
            range: None,
            has_interval: false,
        }
    }

    fn take(&mut self, value: f64, weight: f64, items: &mut ItemBudget) -> Result<(), RowError> {
        let sum = finite(self.sum + value * weight)?;
        if !self.sketch.has_bin(value) {
            items.take()?;
        }
        self.sketch.add(value, weight);
        (self.count, self.sum) = (self.count + weight, sum);
        let (least, greatest) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), greatest.max(value)));
        Ok(())
    }

    /// Pushes what is known of the interval; behind the last one, stale markers.
    fn flush_interval(&mut self, now: Timestamp, rows: &mut Rows) {
        let sketch = std::mem::take(&mut self.sketch);
        let range = self.range.take();
        if range.is_none() && !std::mem::take(&mut self.has_interval) {
            return;
        }
        self.has_interval = range.is_some();
        let mut push = |series: &CachedSeries, value: Option<f64>| {
            let number = rows.add_series(series.clone());
            rows.push(number, now, Value::F64(value.unwrap_or(f64::from_bits(STALE_MARKER_BITS))));
        };
        let [least, greatest] = [range.map(|range| range.0), range.map(|range| range.1)];
        push(&self.min_series, least);
        push(&self.max_series, greatest);
        for (series, (level, _)) in self.quantile_series.iter().zip(QUANTILES) {
            // The middle of a bin may lie outside of its values.
            let quantile =
                sketch.quantile(level).zip(range).map(|(value, (least, greatest))| value.clamp(least, greatest));
            push(series, quantile);
        }
    }
}

/// Refuses a sum beyond the range of doubles.
fn finite(value: f64) -> Result<f64, RowError> {
    if value.is_finite() { Ok(value) } else { Err(RowError::refused("the sum is beyond the range of f64")) }
}
