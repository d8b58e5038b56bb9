//! Compares the reopened database with the file: every series, every point, bit for bit.

use std::collections::BTreeMap;

use timestrata::{Point, Selector, SeriesKey, Snapshot};

use crate::failure::{Failure, Result};
use crate::number_format::count;

/// Compares all stored points with the expected ones and returns their number.
pub(crate) async fn compare(snapshot: &Snapshot, expected: &BTreeMap<SeriesKey, Vec<Point<f64>>>) -> Result<u64> {
    let found = snapshot.list_series(&Selector::all());
    if let Some(other) = found.iter().find(|info| !expected.contains_key(&info.key)) {
        return Err(Failure::Negative(format!("the database has a series that the file has not: {}", other.key)));
    }
    let mut equal = 0;
    for (key, expected) in expected {
        let points = snapshot.scan(snapshot.series::<f64>(key)?, ..).collect().await?;
        if points.len() != expected.len() {
            let (found, expected) = (count(points.len() as u64), count(expected.len() as u64));
            return Err(Failure::Negative(format!("{key} has {found} points, the file has {expected}")));
        }
        if let Some((found, expected)) = points.iter().zip(expected).find(|(a, b)| !same(a, b)) {
            let at = expected.timestamp;
            return Err(Failure::Negative(format!("{key} at {at}: {found:?}, the file has {expected:?}")));
        }
        equal += points.len() as u64;
    }
    Ok(equal)
}

fn same(a: &Point<f64>, b: &Point<f64>) -> bool {
    a.timestamp == b.timestamp && a.value.to_bits() == b.value.to_bits()
}
