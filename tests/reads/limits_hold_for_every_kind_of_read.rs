//! Limits hold for windows, points, latest points and scans, for what a query keeps open, and while it waits for a slot.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use timestrata::{
    Aggregate, Db, Error, Fold, PointSummary, Query, Runtime, Selector, Snapshot, Timestamp, Value, ValueSlice,
};

use crate::common::{Home, at, batch, key};

const SERIES: usize = 4;
const POINTS: i64 = 10_000;

fn filled(home: &Home, runtime: &Runtime) -> Db {
    let db = home.builder().runtime(runtime).open_blocking().unwrap();
    for n in 0..SERIES {
        let points = (0..POINTS).map(|at| (at, f64::from(u16::try_from((at * 7_919) % 65_521).unwrap())));
        db.write_blocking(batch(&key("m", n), points)).unwrap();
    }
    db.flush_blocking().unwrap();
    db
}

fn query(snapshot: &Snapshot) -> Query {
    snapshot.query(Selector::metric("m"))
}

fn is_too_many(error: &Error, kind: &str) -> bool {
    matches!(error, Error::QueryLimitExceeded { what, .. } if *what == kind)
}

#[test]
fn points_and_scans_keep_the_limits_on_series_points_and_time() {
    let home = Home::new();
    let snapshot = filled(&home, &Runtime::default()).snapshot();
    let points = |query: Query| query.points().collect::<Result<Vec<_>, _>>();
    let all = points(query(&snapshot)).unwrap().len() as u64;
    assert_eq!(all, SERIES as u64 * POINTS.unsigned_abs());
    assert_eq!(points(query(&snapshot).max_points(all).max_series(4)).unwrap().len() as u64, all);
    assert!(is_too_many(&points(query(&snapshot).max_points(all - 1)).unwrap_err(), "points"));
    assert!(is_too_many(&points(query(&snapshot).max_series(3)).unwrap_err(), "series"));
    let late = points(query(&snapshot).deadline(Duration::ZERO)).unwrap_err();
    assert!(matches!(late, Error::DeadlineExceeded { .. }));

    let scan = || snapshot.scan_series(Selector::metric("m"));
    let read = |scan: timestrata::SeriesScan| {
        let mut read = 0;
        for mut cursor in scan.partitions(2)? {
            while let Some(chunk) = cursor.next_chunk()? {
                read += chunk.timestamps.len() as u64;
            }
        }
        Ok::<_, Error>(read)
    };
    assert_eq!(read(scan().max_points(all).max_series(4)).unwrap(), all);
    // The cursors share the limit.
    assert!(is_too_many(&read(scan().max_points(all - 1)).unwrap_err(), "points"));
    assert!(is_too_many(&read(scan().max_series(3)).unwrap_err(), "series"));
    assert!(matches!(read(scan().deadline(Duration::ZERO)).unwrap_err(), Error::DeadlineExceeded { .. }));
}

#[tokio::test]
async fn the_latest_points_keep_the_limits_on_series_memory_and_time() {
    let home = Home::new();
    let snapshot = filled(&home, &Runtime::default()).snapshot();
    let before = || query(&snapshot).range(..at(100));
    let latest = before().max_series(4).latest().await.unwrap();
    assert_eq!(latest.len(), SERIES);
    assert!(latest.iter().all(|(_, point)| point.timestamp == at(99)));
    assert!(is_too_many(&before().max_series(3).latest().await.unwrap_err(), "series"));
    let error = before().memory_limit(100).latest().await.unwrap_err();
    assert!(matches!(error, Error::QueryTooLarge { limit: 100, .. }), "{error}");
    assert!(matches!(before().deadline(Duration::ZERO).latest_blocking(), Err(Error::DeadlineExceeded { .. })));
    assert!(before().threads(0).latest().await.is_err());
}

/// Fold that keeps all values.
#[derive(Debug, Clone, Default)]
struct KeepAll(Vec<f64>);

impl Fold for KeepAll {
    fn push(&mut self, _: &[Timestamp], values: ValueSlice<'_>) {
        if let ValueSlice::F64(values) = values {
            self.0.extend_from_slice(values);
        }
    }

    fn merge(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    fn finish(self) -> Option<Value> {
        Some(self.0.iter().sum::<f64>().into())
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<f64>()
    }
}

#[test]
fn states_that_are_open_and_totals_of_a_ranking_count_for_the_memory() {
    let home = Home::new();
    let runtime = Runtime::builder().threads(1).build().unwrap();
    let snapshot = filled(&home, &runtime).snapshot();
    let whole = query(&snapshot).fold("all", KeepAll::default());
    let ranked = query(&snapshot).every(Duration::from_micros(1)).aggregate(Aggregate::Count);
    let ranked = ranked.top(2, Aggregate::Distinct);
    // Ten panes of 4 KB, and the merges of their suffixes.
    let overlapping = query(&snapshot).every(Duration::from_nanos(500)).over(Duration::from_micros(5));
    let overlapping = overlapping.fold("all", KeepAll::default());
    for (name, query, limit) in [("open", whole, 60_000), ("total", ranked, 60_000), ("panes", overlapping, 100_000)] {
        let error = query.clone().memory_limit(limit).run_blocking().unwrap_err();
        assert!(matches!(error, Error::QueryTooLarge { .. }), "{name}: {error}");
        assert!(query.memory_limit(4 << 20).run_blocking().is_ok(), "{name}");
    }
    assert_eq!(runtime.stats().memory_bytes, 0);
}

/// Fold that holds the slot of its query until the gate opens.
#[derive(Debug, Clone, Default)]
struct HoldSlot(Arc<(Mutex<bool>, Condvar)>);

impl Fold for HoldSlot {
    fn push(&mut self, _: &[Timestamp], _: ValueSlice<'_>) {
        let (is_open, opened) = &*self.0;
        // Bounded, so that a failure elsewhere does not hang the test.
        let bound = Duration::from_mins(2);
        drop(opened.wait_timeout_while(is_open.lock().unwrap(), bound, |is_open| !*is_open).unwrap());
    }

    fn merge(&mut self, _: Self) {}

    fn finish(self) -> Option<Value> {
        None
    }
}

impl HoldSlot {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// Opens the gate at the end of the test, also after a failure.
struct OpenAtEnd<'a>(&'a HoldSlot);

impl Drop for OpenAtEnd<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

#[test]
fn the_wait_for_a_slot_ends_at_the_deadline_and_its_selection_counts_for_the_memory() {
    let home = Home::new();
    let runtime = Runtime::builder().threads(1).build().unwrap();
    let db = filled(&home, &runtime);
    // As many points as a large query has, for which the runtime has one slot.
    for n in 0..3 {
        let points = (0..100_000).map(|at| (POINTS + at, 1.0));
        db.write_blocking(batch(&key("m", n), points)).unwrap();
    }
    let snapshot = db.snapshot();
    let gate = HoldSlot::default();
    let large = || query(&snapshot).aggregate(Aggregate::Sum).statistics(false);
    std::thread::scope(|scope| {
        let _open_at_end = OpenAtEnd(&gate);
        let held = query(&snapshot).fold("hold", gate.clone());
        scope.spawn(move || held.run_blocking().unwrap());
        let give_up_at = Instant::now() + Duration::from_mins(1);
        while runtime.stats().running == 0 {
            assert!(Instant::now() < give_up_at);
            std::thread::yield_now();
        }
        let memory_of_one = runtime.stats().memory_bytes;
        assert!(memory_of_one > 0, "the selection of a running query counts");

        let limit = Duration::from_millis(30);
        let late = large().deadline(limit).run_blocking().unwrap_err();
        assert!(matches!(late, Error::DeadlineExceeded { deadline, .. } if deadline == limit), "{late}");
        let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let late = tokio.block_on(large().deadline(limit).run()).unwrap_err();
        assert!(matches!(late, Error::DeadlineExceeded { .. }), "{late}");
        assert_eq!((runtime.stats().queued, runtime.stats().waited), (0, 2));

        let waiting = scope.spawn(|| large().run_blocking().unwrap().len());
        while runtime.stats().queued == 0 {
            assert!(Instant::now() < give_up_at);
            std::thread::yield_now();
        }
        assert!(runtime.stats().memory_bytes > memory_of_one, "the selection of a queued query counts");
        gate.open();
        assert_eq!(waiting.join().unwrap(), SERIES);
    });
    assert_eq!((runtime.stats().running, runtime.stats().memory_bytes), (0, 0));
}

/// All threads of tokio's pool wait for the slot that an asynchronous query is given: it must not need one of them.
#[test]
fn an_asynchronous_query_that_waited_needs_no_thread_of_the_pool() {
    let home = Home::new();
    let runtime = Runtime::builder().threads(1).build().unwrap();
    let db = filled(&home, &runtime);
    for n in 0..3 {
        let points = (0..100_000).map(|at| (POINTS + at, 1.0));
        db.write_blocking(batch(&key("m", n), points)).unwrap();
    }
    let snapshot = db.snapshot();
    let gate = HoldSlot::default();
    let large = || query(&snapshot).aggregate(Aggregate::Sum).statistics(false);
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    std::thread::scope(|scope| {
        let _open_at_end = OpenAtEnd(&gate);
        let held = query(&snapshot).fold("hold", gate.clone());
        scope.spawn(move || held.run_blocking().unwrap());
        let queued = |count| {
            let give_up_at = Instant::now() + Duration::from_mins(1);
            while runtime.stats().queued < count || runtime.stats().running == 0 {
                assert!(Instant::now() < give_up_at);
                std::thread::yield_now();
            }
        };
        queued(0);
        let first = tokio.spawn(large().run());
        queued(1);
        let second = large();
        let second = tokio.spawn_blocking(move || second.run_blocking());
        queued(2);
        gate.open();
        let both = tokio.block_on(async {
            let both = async { (first.await.unwrap().unwrap().len(), second.await.unwrap().unwrap().len()) };
            let (sender, receiver) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                std::thread::park_timeout(Duration::from_mins(1));
                sender.send(()).ok();
            });
            tokio::select! {
                both = both => Some(both),
                _ = receiver => None,
            }
        });
        assert_eq!(both, Some((SERIES, SERIES)));
    });
}

/// Longest time between two points, that before the window among them.
#[derive(Debug, Clone, Default)]
struct LongestGap {
    last: Option<i64>,
    longest: i64,
}

impl LongestGap {
    fn add(&mut self, time: i64) {
        self.longest = self.longest.max(self.last.map_or(0, |last| time - last));
        self.last = Some(time);
    }
}

impl Fold for LongestGap {
    const NEEDS_STEPS: bool = true;
    const USES_SUMMARIES: bool = true;

    fn start_after(&mut self, time: Timestamp, _: Value) {
        self.last = Some(time.as_nanos());
    }

    fn push(&mut self, times: &[Timestamp], _: ValueSlice<'_>) {
        for time in times {
            self.add(time.as_nanos());
        }
    }

    // The points of these series are a nanosecond apart within a block.
    fn push_summary(&mut self, summary: &PointSummary) {
        self.add(summary.first.timestamp.as_nanos());
        self.longest = self.longest.max(i64::from(summary.count > 1));
        self.last = Some(summary.last.timestamp.as_nanos());
    }

    fn merge(&mut self, later: Self) {
        self.longest = self.longest.max(later.longest);
        self.last = later.last;
    }

    fn finish(self) -> Option<Value> {
        i32::try_from(self.longest).ok().map(|gap| Value::F64(gap.into()))
    }
}

#[test]
fn a_fold_of_steps_starts_after_the_point_before_its_window() {
    let home = Home::new();
    let db = home.open();
    let blocks = [0..100_i64, 250..400, 1_000..1_200];
    db.write_blocking(batch(&key("m", 0), blocks.iter().cloned().flatten().map(|at| (at, 1.0)))).unwrap();
    // NaN is no source of a step.
    db.write_blocking(batch(&key("m", 0), [(500, f64::NAN)])).unwrap();
    let gaps = |db: &Db, statistics: bool, over: Option<u64>, lookback: Option<u64>| {
        let mut query = query(&db.snapshot()).range(at(230)..at(1_300)).every(Duration::from_nanos(250));
        query = query.statistics(statistics).fold("gap", LongestGap::default());
        query = over.map_or(query.clone(), |over| query.over(Duration::from_nanos(over)));
        query = lookback.map_or(query.clone(), |age| query.lookback(Duration::from_nanos(age)));
        let answer = query.run_blocking().unwrap();
        let values = answer.series[0].values[0].as_f64().unwrap().to_vec();
        let starts: Vec<_> = answer.series[0].starts.iter().map(|start| start.as_nanos()).collect();
        starts.into_iter().zip(values).collect::<Vec<_>>()
    };
    for layout in ["memtable", "file"] {
        for statistics in [true, false] {
            // The first window has no point before it, unless the lookback reaches the point at 99.
            assert_eq!(gaps(&db, statistics, None, None), [(250, 1.0), (500, 101.0), (1_000, 601.0)], "{layout}");
            let with_lookback = [(250, 151.0), (500, 101.0), (1_000, 601.0)];
            assert_eq!(gaps(&db, statistics, None, Some(200)), with_lookback, "{layout}");
            let overlapping = gaps(&db, statistics, Some(500), Some(200));
            assert_eq!(overlapping, [(0, 151.0), (250, 151.0), (500, 101.0), (750, 601.0), (1_000, 601.0)], "{layout}");
        }
        db.flush_blocking().unwrap();
    }
}
