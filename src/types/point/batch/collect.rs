//! Batches made of iterators of points.

use super::Batch;
use crate::types::point::{Scalar, Timestamp, Value};
use crate::types::series::{Series, SeriesKey};

/// Adds each point as [`Batch::push`] does.
impl<T: Scalar> Extend<(Series<T>, Timestamp, T)> for Batch {
    fn extend<I: IntoIterator<Item = (Series<T>, Timestamp, T)>>(&mut self, points: I) {
        let points = points.into_iter();
        self.reserve(points.size_hint().0);
        points.for_each(|(series, timestamp, value)| self.push(series, timestamp, value));
    }
}

/// Adds each point as [`Batch::push_key`] does.
impl<V: Into<Value>> Extend<(SeriesKey, Timestamp, V)> for Batch {
    fn extend<I: IntoIterator<Item = (SeriesKey, Timestamp, V)>>(&mut self, points: I) {
        let points = points.into_iter();
        self.reserve(points.size_hint().0);
        points.for_each(|(key, timestamp, value)| self.push_key(&key, timestamp, value));
    }
}

/// Collects points with the handles of their series.
impl<T: Scalar> FromIterator<(Series<T>, Timestamp, T)> for Batch {
    fn from_iter<I: IntoIterator<Item = (Series<T>, Timestamp, T)>>(points: I) -> Self {
        let mut batch = Self::new();
        batch.extend(points);
        batch
    }
}

/// Collects points with the keys of their series.
impl<V: Into<Value>> FromIterator<(SeriesKey, Timestamp, V)> for Batch {
    fn from_iter<I: IntoIterator<Item = (SeriesKey, Timestamp, V)>>(points: I) -> Self {
        let mut batch = Self::new();
        batch.extend(points);
        batch
    }
}
