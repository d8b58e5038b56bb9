//! Oracle of the read paths: a database, the points that it must show, and each operator of a query computed from these
//! points by its definition.
//!
//! ```text
//!   test_database  a database on a simulated disk, and the points written to it: deletes, retention, duplicates
//!   question       a query as data, with strategies for random queries
//!   aggregates     one column of one window                        (naive, from the points)
//!   windows        the rows of a result: windows, lookback, groups, rank, slice
//!   functions      functions over the windows of a row, and fill
//!   comparison     the result of a query beside the expected one
//!   scan           a scan of many series beside the points
//! ```
//!
//! Values are whole numbers, so that most results are exact in any order of additions. A cell of an expected result
//! carries the greatest error that the documentation allows: 0 for most operators, the 1 % of the sketch for quantiles of
//! many points, and rounding for quotients and moments.

pub(crate) mod aggregates;
pub(crate) mod comparison;
pub(crate) mod functions;
pub(crate) mod question;
pub(crate) mod scan;
pub(crate) mod test_database;
pub(crate) mod windows;

use timestrata::{DuplicatePolicy, SeriesKey};

pub(crate) use comparison::check;
pub(crate) use question::{Grouping, Operator, Question};
pub(crate) use test_database::{Step, TestDatabase, Then, steps};

/// Number of series that hold the points of a test.
pub(crate) const SERIES: usize = 4;
pub(crate) const ZONES: [&str; SERIES] = ["a", "a", "b", "b"];
pub(crate) const POLICIES: [DuplicatePolicy; 3] =
    [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];

/// Times and values of one series.
pub(crate) type Points = Vec<(i64, f64)>;

pub(crate) fn key(series: usize) -> SeriesKey {
    SeriesKey::new("m").tag("n", series.to_string()).tag("zone", ZONES[series])
}

/// Returns the visible ones of points that are given in order of arrival, in time order.
pub(crate) fn visible(points: &[(i64, f64)], duplicates: DuplicatePolicy) -> Points {
    let mut points = points.to_vec();
    points.sort_by_key(|(at, _)| *at);
    let equal_times = points.chunk_by(|a, b| a.0 == b.0);
    match duplicates {
        DuplicatePolicy::KeepAll => points,
        DuplicatePolicy::KeepLast => equal_times.map(|points| points[points.len() - 1]).collect(),
        DuplicatePolicy::KeepFirst => equal_times.map(|points| points[0]).collect(),
    }
}

/// Returns the points from a time until before another; the points are in time order.
pub(crate) fn between(points: &[(i64, f64)], from: i64, until: i64) -> &[(i64, f64)] {
    let start = points.partition_point(|(at, _)| *at < from);
    let end = points.partition_point(|(at, _)| *at < until);
    &points[start..end.max(start)]
}

pub(crate) fn double(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}
