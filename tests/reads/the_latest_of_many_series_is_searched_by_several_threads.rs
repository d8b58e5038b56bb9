//! The latest points of so many series that several threads search them, and their place among other queries.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use timestrata::{
    Batch, Db, Durability, Fold, Runtime, RuntimeStats, Selector, SeriesKey, Snapshot, Timestamp, Value, ValueSlice,
};

/// More series than two threads need.
const SERIES: i64 = 40_000;

fn key(n: i64) -> SeriesKey {
    // The order of the keys differs from that of the ids.
    SeriesKey::new("m")
        .tag("host", format!("h{}", n * 7_919 % SERIES))
        .tag("zone", ["eu", "us"][usize::from(n % 3 == 0)])
}

/// Writes a point of every `step`-th series.
fn write(db: &Db, second: i64, step: usize) {
    let mut batch = Batch::new();
    for n in (0..SERIES).step_by(step) {
        batch.push_key(&key(n), Timestamp::from_secs(second), second * SERIES + n);
    }
    db.write_blocking(batch).unwrap();
}

fn open(threads: usize) -> (tempfile::TempDir, Db, Runtime) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::builder().threads(threads).build().unwrap();
    let db = Db::builder(dir.path().join("db")).durability(Durability::Os).runtime(&runtime).open_blocking().unwrap();
    (dir, db, runtime)
}

/// Returns the latest points as texts, in their order.
fn latest(snapshot: &Snapshot, selector: &Selector, before: i64) -> Vec<(String, i64, Value)> {
    let found = snapshot.latest_each_before_blocking(selector, Timestamp::from_secs(before)).unwrap();
    found.iter().map(|(info, point)| (info.key.to_string(), point.timestamp.as_secs(), point.value)).collect()
}

#[test]
fn several_threads_find_what_one_finds_in_the_order_of_the_keys() {
    let (_dir, db, runtime) = open(2);
    write(&db, 1, 1);
    db.flush_blocking().unwrap();
    write(&db, 2, 3);
    db.flush_blocking().unwrap();
    db.delete_blocking("m{zone=\"us\"}".parse().unwrap(), Timestamp::from_secs(2)..).unwrap();
    write(&db, 3, 5);
    let snapshot = db.snapshot();
    for selector in ["m", "m{zone=\"eu\"}", "m{host=~\"h1.*\"}", "none"] {
        let selector: Selector = selector.parse().unwrap();
        for before in [2, 3, 9] {
            let second = |n: i64| match n {
                n if n % 5 == 0 && before > 3 => 3,
                // The delete has hidden the points of second 2: all of them are in one zone.
                _ => 1,
            };
            let of_series = |n| Some((key(n), second(n), Value::I64(second(n) * SERIES + n)));
            let found = (0..SERIES).filter_map(of_series).filter(|(key, ..)| selector.matches(key));
            let mut expected: Vec<_> = found.collect();
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            let expected: Vec<_> =
                expected.into_iter().map(|(key, time, value)| (key.to_string(), time, value)).collect();
            assert_eq!(latest(&snapshot, &selector, before), expected, "{selector} before {before}");
        }
    }
    let stats = runtime.stats();
    assert_eq!((stats.running, stats.extra_threads, stats.finished), (0, 0, 12), "{stats:?}");
}

/// Fold that holds the slot of its query until the gate opens.
#[derive(Debug, Clone)]
struct HoldSlot(Arc<(Mutex<bool>, Condvar)>);

impl Fold for HoldSlot {
    fn push(&mut self, _: &[Timestamp], _: ValueSlice<'_>) {
        let (is_open, opened) = &*self.0;
        drop(opened.wait_while(is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }

    fn merge(&mut self, _: Self) {}

    fn finish(self) -> Option<Value> {
        None
    }
}

#[test]
fn a_search_of_many_series_waits_for_a_slot_and_one_of_few_does_not() {
    let (_dir, db, runtime) = open(1);
    // More points than a small query reads.
    (1..=3).for_each(|second| write(&db, second, 1));
    let snapshot = db.snapshot();
    let gate = HoldSlot(Arc::default());
    let wait_for = |condition: fn(&RuntimeStats) -> bool| {
        let began = Instant::now();
        while !condition(&runtime.stats()) && began.elapsed() < Duration::from_mins(1) {
            std::thread::yield_now();
        }
        condition(&runtime.stats())
    };
    std::thread::scope(|scope| {
        let query = snapshot.query(Selector::all()).fold("hold", gate.clone());
        let query = scope.spawn(move || query.run_blocking().unwrap());
        let is_running = wait_for(|stats| stats.running == 1);
        let all = scope.spawn(|| snapshot.latest_each_blocking(&Selector::metric("m")).unwrap().len());
        let is_queued = wait_for(|stats| stats.queued == 1);
        let few: Selector = "m{host=~\"h1\"}".parse().unwrap();
        let found = snapshot.latest_each_blocking(&few).unwrap().len();
        let (is_open, opened) = &*gate.0;
        *is_open.lock().unwrap() = true;
        opened.notify_all();
        assert!(is_running && is_queued, "{:?}", runtime.stats());
        assert_eq!(found, 1);
        query.join().unwrap();
        assert_eq!(all.join().unwrap(), 40_000);
    });
    let stats = runtime.stats();
    assert_eq!((stats.running, stats.queued, stats.finished), (0, 0, 3), "{stats:?}");
}
