//! Arithmetic between two results, window by window, such as errors divided by requests.

use std::collections::HashMap;

use super::kernels::canonical_nan;
use super::result::{SeriesWindows, Windows};
use crate::types::point::{Timestamp, Value};

/// Arithmetic between two results.
///
/// Rows are matched by their tags, whatever their metric names; of several rows with equal tags the first is used.
/// Windows are matched by their starts. Rows and windows without a match are left out, and a value that is missing on
/// either side is missing in the result. Values are `f64`; a division by 0 yields an infinity or NaN.
///
/// Columns are matched in order. A result with one column is combined with each column of the other; otherwise surplus
/// columns are left out.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let mut batch = Batch::new();
/// for host in ["a", "b"] {
///     batch.push_key(&SeriesKey::new("errors").tag("host", host), Timestamp::from_secs(1), 2_u64);
///     batch.push_key(&SeriesKey::new("requests").tag("host", host), Timestamp::from_secs(2), 8_u64);
/// }
/// db.write_blocking(batch)?;
/// let sum = |metric: &str| {
///     let query = db.snapshot().query(Selector::metric(metric)).every(std::time::Duration::from_secs(60));
///     query.aggregate(Aggregate::Sum).run_blocking()
/// };
/// let share = sum("errors")?.div(&sum("requests")?);
/// assert_eq!(share.columns, ["sum / sum"]);
/// assert_eq!(share.series[1].windows().next().unwrap().value, Some(0.25.into()));
/// # Ok::<(), timestrata::Error>(())
/// ```
impl Windows {
    /// Adds the values of the other result.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        self.zip_with(other, "+", |a, b| a + b)
    }

    /// Subtracts the values of the other result.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        self.zip_with(other, "-", |a, b| a - b)
    }

    /// Multiplies by the values of the other result.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        self.zip_with(other, "*", |a, b| a * b)
    }

    /// Divides by the values of the other result.
    #[must_use]
    pub fn div(&self, other: &Self) -> Self {
        self.zip_with(other, "/", |a, b| a / b)
    }

    /// Combines the values of two results by a function; `operator` joins the names of the columns.
    #[must_use]
    pub fn zip_with(&self, other: &Self, operator: &str, combine: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = column_pairs(self.columns.len(), other.columns.len());
        let name =
            |(one, another): &(usize, usize)| format!("{} {operator} {}", self.columns[*one], other.columns[*another]);
        let columns = pairs.iter().map(name).collect();
        let mut others: HashMap<Vec<(&str, &str)>, &SeriesWindows> = HashMap::new();
        for series in &other.series {
            others.entry(series.key.tags().collect()).or_insert(series);
        }
        let zipped = self.series.iter().filter_map(|series| {
            let other = others.get(&series.key.tags().collect::<Vec<_>>())?;
            zip(series, other, &pairs, &combine)
        });
        let stale_markers = self.stale_markers + other.stale_markers;
        Self { columns, series: zipped.collect(), stale_markers }
    }
}

/// Returns the pairs of columns to combine.
fn column_pairs(own: usize, other: usize) -> Vec<(usize, usize)> {
    match (own, other) {
        (1, _) => (0..other).map(|at| (0, at)).collect(),
        (_, 1) => (0..own).map(|at| (at, 0)).collect(),
        _ => (0..own.min(other)).map(|at| (at, at)).collect(),
    }
}

fn zip(
    own: &SeriesWindows,
    other: &SeriesWindows,
    pairs: &[(usize, usize)],
    combine: &impl Fn(f64, f64) -> f64,
) -> Option<SeriesWindows> {
    let places: HashMap<Timestamp, usize> = other.starts.iter().enumerate().map(|(at, start)| (*start, at)).collect();
    let matched: Vec<(usize, usize)> =
        own.starts.iter().enumerate().filter_map(|(at, start)| Some((at, *places.get(start)?))).collect();
    let value = |series: &SeriesWindows, column: usize, at: usize| series.values.get(column)?.get(at);
    let column = |(one, another): &(usize, usize)| {
        let zipped = matched.iter().map(|(at, place)| {
            let (a, b) = (value(own, *one, *at)?.as_f64(), value(other, *another, *place)?.as_f64());
            Some(Value::F64(canonical_nan(combine(a, b))))
        });
        zipped.collect()
    };
    let starts: Vec<Timestamp> = matched.iter().map(|(at, _)| own.starts[*at]).collect();
    let key = if own.key.metric() == other.key.metric() { own.key.clone() } else { own.key.clone().with_metric("") };
    let members = own.members + other.members;
    (!starts.is_empty()).then(|| SeriesWindows { key, members, starts, values: pairs.iter().map(column).collect() })
}
