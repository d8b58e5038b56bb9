//! Two answers made one, window by window: errors by requests, free space by all space.

use std::collections::HashMap;

use super::fold::one_nan;
use super::result::{SeriesWindows, Windows};
use crate::point::{Timestamp, Value};
use crate::series::SeriesKey;

/// Arithmetic between answers. Rows are matched by their tags, whatever their metric name; of several rows with the same
/// tags the first counts. Windows are matched by their starts. What has no match on the other side is left out, and a value
/// that is missing on either side is missing. Values are `f64`: dividing by 0 gives an infinity or NaN.
///
/// Columns are matched in turn; a side with one column serves all columns of the other, else surplus ones are left out.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Aggregate, Batch, Db, Select, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let mut batch = Batch::new();
/// for host in ["a", "b"] {
///     batch.push_key(&SeriesKey::new("errors").tag("host", host), Timestamp::from_secs(1), 2_u64);
///     batch.push_key(&SeriesKey::new("requests").tag("host", host), Timestamp::from_secs(2), 8_u64);
/// }
/// db.write_blocking(batch)?;
/// let sum = |metric: &str| {
///     let query = db.snapshot().query(Select::metric(metric)).every(std::time::Duration::from_secs(60));
///     query.aggregate(Aggregate::Sum).run_blocking()
/// };
/// let share = sum("errors")?.div(&sum("requests")?);
/// assert_eq!(share.columns, ["sum / sum"]);
/// assert_eq!(share.series[1].windows().next().unwrap().value, Some(0.25.into()));
/// # Ok::<(), timestrata::Error>(())
/// ```
impl Windows {
    /// Each value plus the other answer's.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        self.zip_with(other, "+", |a, b| a + b)
    }

    /// Each value less the other answer's.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        self.zip_with(other, "-", |a, b| a - b)
    }

    /// Each value times the other answer's.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        self.zip_with(other, "*", |a, b| a * b)
    }

    /// Each value divided by the other answer's.
    #[must_use]
    pub fn div(&self, other: &Self) -> Self {
        self.zip_with(other, "/", |a, b| a / b)
    }

    /// Each value together with the other answer's, by a function of your own; `sign` stands between the names of columns.
    #[must_use]
    pub fn zip_with(&self, other: &Self, sign: &str, with: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = pairs(self.columns.len(), other.columns.len());
        let name =
            |(one, another): &(usize, usize)| format!("{} {sign} {}", self.columns[*one], other.columns[*another]);
        let columns = pairs.iter().map(name).collect();
        let mut others: HashMap<Vec<(&str, &str)>, &SeriesWindows> = HashMap::new();
        for series in &other.series {
            others.entry(series.key.tags().collect()).or_insert(series);
        }
        let zipped = self.series.iter().filter_map(|series| {
            let other = others.get(&series.key.tags().collect::<Vec<_>>())?;
            zip(series, other, &pairs, &with)
        });
        Self { columns, series: zipped.collect() }
    }
}

/// Which columns meet.
fn pairs(own: usize, other: usize) -> Vec<(usize, usize)> {
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
    with: &impl Fn(f64, f64) -> f64,
) -> Option<SeriesWindows> {
    let places: HashMap<Timestamp, usize> = other.starts.iter().enumerate().map(|(at, start)| (*start, at)).collect();
    let met: Vec<(usize, usize)> =
        own.starts.iter().enumerate().filter_map(|(at, start)| Some((at, *places.get(start)?))).collect();
    let value = |series: &SeriesWindows, column: usize, at: usize| series.values.get(column)?.get(at).copied()?;
    let column = |(one, another): &(usize, usize)| {
        let zipped = met.iter().map(|(at, place)| {
            let (a, b) = (value(own, *one, *at)?.as_f64(), value(other, *another, *place)?.as_f64());
            Some(Value::F64(one_nan(with(a, b))))
        });
        zipped.collect()
    };
    let starts: Vec<Timestamp> = met.iter().map(|(at, _)| own.starts[*at]).collect();
    let key = if own.key.metric() == other.key.metric() { own.key.clone() } else { nameless(&own.key) };
    let members = own.members + other.members;
    (!starts.is_empty()).then(|| SeriesWindows { key, members, starts, values: pairs.iter().map(column).collect() })
}

fn nameless(key: &SeriesKey) -> SeriesKey {
    key.tags().fold(SeriesKey::new(""), |key, (tag, value)| key.tag(tag, value))
}
