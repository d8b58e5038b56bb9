//! Comparison of scans of many series with the visible points: order, projection, chunks, partitions and summaries.

use std::time::Duration;

use timestrata::testing::all_projections;
use timestrata::{
    PointSummary, Projection, Selector, SeriesChunk, SeriesId, SeriesScan, Snapshot, SummaryWindows, ValueSlice,
};

use super::{Points, SERIES, between, double, key};
use crate::common::at;

/// Windows of summaries as data: `SummaryWindows` cannot be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Windows {
    None,
    Every(i64, i64),
    Between(i64, i64),
}

impl Windows {
    fn of_scan(self) -> Option<SummaryWindows> {
        match self {
            Self::None => None,
            Self::Every(length, origin) => {
                Some(SummaryWindows::every(Duration::from_nanos(length.unsigned_abs()), at(origin)).unwrap())
            }
            Self::Between(from, until) => Some(SummaryWindows::between([at(until), at(from)])),
        }
    }

    fn number_of(self, time: i64) -> i64 {
        match self {
            Self::None => time,
            Self::Every(length, origin) => (time - origin).div_euclid(length),
            Self::Between(from, until) => i64::from(time >= from) + i64::from(time >= until),
        }
    }
}

/// Options of one scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanCase {
    pub(crate) range: (i64, i64),
    pub(crate) projection: Projection,
    pub(crate) chunk_points: usize,
    pub(crate) windows: Windows,
    pub(crate) partitions: usize,
    pub(crate) is_stream: bool,
}

impl ScanCase {
    /// Returns scans of each projection, in 1 and 3 partitions, in chunks of one point, some and all, with and without
    /// summaries.
    pub(crate) fn all() -> Vec<Self> {
        let every = [Windows::None, Windows::Every(10_000, -3), Windows::Every(450, 20), Windows::Between(900, 1_700)];
        let mut cases = Vec::new();
        for projection in all_projections() {
            for partitions in [1, 3] {
                for (n, windows) in every.into_iter().enumerate() {
                    let (chunk_points, is_stream) = [(8_192, false), (7, true), (8_192, true), (64, false)][n];
                    let range = [(i64::MIN, i64::MAX), (300, 2_200)][(n + partitions / 2) % 2];
                    cases.push(Self { range, projection, chunk_points, windows, partitions, is_stream });
                }
            }
        }
        let one_point = Self { chunk_points: 1, range: (1_000, 1_100), ..cases[0] };
        cases.extend([one_point, Self { range: (1_000, 1_000), ..cases[1] }]);
        cases
    }

    fn scan(&self, snapshot: &Snapshot) -> SeriesScan {
        let (from, until) = self.range;
        let select = Selector::metric("m").tag_matches("zone", "a|b");
        let scan = snapshot.scan_series(select).range(at(from)..at(until));
        let scan = scan.projection(self.projection).chunk_points(self.chunk_points);
        match self.windows.of_scan() {
            Some(windows) => scan.summaries(windows),
            None => scan,
        }
    }
}

/// The chunks of a scan beside the points.
struct Expected<'a> {
    case: &'a ScanCase,
    points: [&'a [(i64, f64)]; SERIES],
    previous: Option<SeriesId>,
    summaries: usize,
}

impl Expected<'_> {
    /// Compares a chunk with the next points of its series, and removes these.
    fn take(&mut self, chunk: &SeriesChunk<'_>) {
        assert!(self.previous <= Some(chunk.series.id), "the ids of the series ascend");
        self.previous = Some(chunk.series.id);
        let series = (0..SERIES).find(|series| key(*series) == chunk.series.key);
        let rest = &mut self.points[series.expect("a series that the selector does not match")];
        let count = usize::try_from(chunk.point_count()).unwrap();
        let (points, after) = rest.split_at_checked(count).expect("a chunk with points that do not exist");
        *rest = after;
        if let Some(summary) = &chunk.summary {
            assert!(chunk.timestamps.is_empty() && chunk.values.is_empty(), "a summary takes the place of points");
            let window = self.case.windows.number_of(points[0].0);
            assert_eq!(window, self.case.windows.number_of(points[count - 1].0), "a summary of two windows");
            check_summary(summary, points);
            self.summaries += 1;
            return;
        }
        assert!(0 < count && count <= self.case.chunk_points);
        let times: Vec<i64> = chunk.timestamps.iter().map(|at| at.as_nanos()).collect();
        let values: Vec<u64> = bits_of(&chunk.values);
        let (has_times, has_values) = match self.case.projection {
            Projection::Both => (true, true),
            Projection::Timestamps => (true, false),
            Projection::Values => (false, true),
            other => panic!("the oracle has no definition of {other:?}"),
        };
        let with = |is_there| if is_there { points } else { &[] };
        assert_eq!(times, with(has_times).iter().map(|(at, _)| *at).collect::<Vec<_>>(), "timestamps");
        assert_eq!(values, with(has_values).iter().map(|(_, value)| value.to_bits()).collect::<Vec<_>>(), "values");
    }
}

fn bits_of(values: &ValueSlice<'_>) -> Vec<u64> {
    let mut bits = Vec::new();
    values.for_each_f64(|value| bits.push(value.to_bits()));
    bits
}

fn check_summary(summary: &PointSummary, points: &[(i64, f64)]) {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
    let (first, last) = (points[0], points[points.len() - 1]);
    assert_eq!((summary.first.timestamp, summary.last.timestamp), (at(first.0), at(last.0)), "times of a summary");
    assert!(same(summary.first.value.as_f64(), first.1) && same(summary.last.value.as_f64(), last.1), "{summary:?}");
    let numbers = || points.iter().map(|(_, value)| *value).filter(|value| !value.is_nan());
    // The sign of a zero is unspecified.
    let equal = |a: f64, b: f64| same(a + 0.0, b + 0.0);
    if let Some((min, max)) = numbers().min_by(f64::total_cmp).zip(numbers().max_by(f64::total_cmp)) {
        assert!(equal(summary.min.as_f64(), min) && equal(summary.max.as_f64(), max), "{summary:?}");
    }
    let has_nan = numbers().count() < points.len();
    assert_eq!(summary.has_nan, has_nan, "{summary:?}");
    let sum: f64 = points.iter().map(|(_, value)| value).sum();
    assert!(equal(summary.sum_f64(), sum) || has_nan && summary.sum_f64().is_nan(), "{summary:?}, not {sum}");
    assert!(double(points.len()) >= 64.0, "a summary of few points");
}

/// Compares a scan with the points of each series. Returns the number of summaries.
pub(crate) fn check_scan(
    case: &ScanCase,
    snapshot: &Snapshot,
    seen: &[Points; SERIES],
    runtime: &tokio::runtime::Runtime,
) -> usize {
    let (from, until) = case.range;
    let points = seen.each_ref().map(|points| between(points, from, until));
    let mut expected = Expected { case, points, previous: None, summaries: 0 };
    let cursors = case.scan(snapshot).partitions(case.partitions).unwrap();
    assert!(cursors.len() <= case.partitions);
    for mut cursor in cursors {
        if case.is_stream {
            let mut stream = cursor.stream();
            while let Some(chunk) = runtime.block_on(stream.next()) {
                expected.take(&chunk.unwrap().as_chunk());
            }
        } else {
            while let Some(chunk) = cursor.next_chunk().unwrap() {
                expected.take(&chunk);
            }
        }
    }
    assert!(expected.points.iter().all(|rest| rest.is_empty()), "points are missing");
    expected.summaries
}
