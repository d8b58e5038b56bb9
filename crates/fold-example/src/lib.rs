//! An aggregate that timestrata does not have, written as a user would: the exponentially weighted mean.
//!
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! use std::time::Duration;
//! use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp};
//! use timestrata_fold_example::WeightedMean;
//!
//! let db = Db::open_blocking(dir.path().join("db"))?;
//! let mut batch = Batch::new();
//! for (secs, load) in [(0, 0.0), (60, 0.0), (120, 8.0)] {
//!     batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(secs), load);
//! }
//! db.write_blocking(batch)?;
//! let query = db.snapshot().query(Selector::metric("load")).aggregate(Aggregate::Mean);
//! let answer = query.fold("recent mean", WeightedMean::new(Duration::from_secs(60))).run_blocking()?;
//! let value = |column: usize| answer.series[0].values[column].as_f64().map(|values| values[0]);
//! // The latest value has more weight than in the plain mean.
//! assert!(value(0) < Some(3.0) && value(1) > Some(5.0));
//! # Ok::<(), timestrata::Error>(())
//! ```

use std::time::Duration;

use timestrata::{Fold, Timestamp, Value, ValueSlice};

/// Mean of the values of a window, each weighted by `exp(-age / time constant)`; the age is that at the last point.
///
/// Values that are NaN are ignored; a window without other values has no value. Several series have no common order of
/// points, so that a query that groups series is an error.
#[derive(Debug, Clone)]
pub struct WeightedMean {
    /// Time constant in nanoseconds.
    constant: f64,
    last: Option<Timestamp>,
    /// Weighted sum and sum of the weights at the time of the last point.
    sum: f64,
    weight: f64,
    /// The last time between two points, and the weight after it: points often have equal distances.
    decay: (i64, f64),
}

impl WeightedMean {
    /// Creates the prototype: after the time constant, a value has the weight 1/e.
    #[must_use]
    pub fn new(constant: Duration) -> Self {
        Self { constant: constant.as_secs_f64() * 1e9, last: None, sum: 0.0, weight: 0.0, decay: (0, 1.0) }
    }

    /// Ages the sums to a time, which is not before the last point.
    fn age_to(&mut self, time: Timestamp) {
        if let Some(last) = self.last {
            let nanos = time.as_nanos().wrapping_sub(last.as_nanos());
            if nanos != self.decay.0 {
                #[expect(clippy::cast_precision_loss, reason = "the relative error of an age does not matter")]
                let age = nanos as f64;
                self.decay = (nanos, (-age / self.constant).exp());
            }
            self.sum *= self.decay.1;
            self.weight *= self.decay.1;
        }
        self.last = Some(time);
    }
}

impl Fold for WeightedMean {
    fn push(&mut self, times: &[Timestamp], values: ValueSlice<'_>) {
        let mut times = times.iter();
        values.for_each_f64(|value| {
            if let Some(time) = times.next().filter(|_| !value.is_nan()) {
                self.age_to(*time);
                self.sum += value;
                self.weight += 1.0;
            }
        });
    }

    fn merge(&mut self, later: Self) {
        if let Some(time) = later.last {
            self.age_to(time);
            self.sum += later.sum;
            self.weight += later.weight;
        }
    }

    fn finish(self) -> Option<Value> {
        (self.weight > 0.0).then(|| Value::F64(self.sum / self.weight))
    }
}

#[cfg(test)]
mod tests {
    use timestrata::{Batch, Db, Selector, SeriesKey};

    use super::*;

    fn points() -> Vec<(i64, f64)> {
        (0..400_i32)
            .map(|n| (i64::from(n * n % 700), f64::from(n % 17)))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter()
            .collect()
    }

    fn by_definition(points: &[(i64, f64)], constant: f64) -> f64 {
        let last = points[points.len() - 1].0;
        let weights = points
            .iter()
            .map(|(at, value)| (f64::exp(-f64::from(i32::try_from(last - at).unwrap()) / constant), value));
        let (sum, weight) =
            weights.fold((0.0, 0.0), |(sum, all), (weight, value)| (sum + weight * value, all + weight));
        sum / weight
    }

    #[test]
    fn plain_and_overlapping_windows_have_the_mean_of_the_definition() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_blocking(dir.path().join("db")).unwrap();
        let mut batch = Batch::new();
        for (secs, value) in points() {
            batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(secs), value);
        }
        db.write_blocking(batch).unwrap();
        db.flush_blocking().unwrap();
        for over in [50, 120, 35] {
            let query = db.snapshot().query(Selector::metric("load")).every(Duration::from_secs(50));
            let query = query.over(Duration::from_secs(over)).fold("mean", WeightedMean::new(Duration::from_secs(30)));
            let answer = query.run_blocking().unwrap();
            for window in answer.series[0].windows() {
                let start = window.start.as_secs();
                let inside = |at: i64| at >= start && at < start + i64::try_from(over).unwrap();
                let seen: Vec<_> = points().into_iter().filter(|(at, _)| inside(*at)).collect();
                let (found, expected) = (window.value.unwrap().as_f64(), by_definition(&seen, 30.0));
                assert!((found - expected).abs() < 1e-9, "{start} {over}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn a_query_that_groups_series_names_the_fold() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_blocking(dir.path().join("db")).unwrap();
        let query = db.snapshot().query(Selector::all()).fold("recent mean", WeightedMean::new(Duration::from_secs(1)));
        let error = query.group_all().run_blocking().unwrap_err().to_string();
        assert!(error.contains("\"recent mean\" does not merge series"), "{error}");
    }
}
