//! The queries of several databases share threads, memory and slots; limits of a query end it with a clear error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use timestrata::{Aggregate, Batch, Db, Error, ErrorKind, Query, Runtime, Selector};

use crate::common::{Home, at, key};

const SERIES: usize = 50;
const POINTS: i64 = 5_000;

fn filled(home: &Home, runtime: &Runtime) -> Db {
    let db = home.builder().runtime(runtime).open_blocking().unwrap();
    for series in 0..SERIES {
        let mut batch = Batch::new();
        (0..POINTS).for_each(|n| batch.push_key(&key("m", series), at(n), n));
        db.write_blocking(batch).unwrap();
    }
    db.flush_blocking().unwrap();
    db
}

fn large(db: &Db) -> Query {
    db.snapshot().query(Selector::all()).every(Duration::from_nanos(10)).aggregate(Aggregate::Sum)
}

#[test]
fn many_queries_keep_the_bounds_of_their_runtime() {
    let runtime = Runtime::builder().threads(2).build().unwrap();
    let homes = [Home::new(), Home::new()];
    let dbs = homes.each_ref().map(|home| filled(home, &runtime));
    let expected = large(&dbs[0]).threads(1).run_blocking().unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = runtime.stats();
            while !is_done.load(Ordering::Relaxed) {
                let stats = runtime.stats();
                most.running = most.running.max(stats.running);
                most.extra_threads = most.extra_threads.max(stats.extra_threads);
                std::thread::yield_now();
            }
            most
        });
        let queries: Vec<_> = (0..16)
            .map(|n| {
                let query = large(&dbs[n % 2]);
                scope.spawn(move || query.run_blocking().unwrap())
            })
            .collect();
        for query in queries {
            assert_eq!(query.join().unwrap().series.len(), expected.series.len());
        }
        is_done.store(true, Ordering::Relaxed);
        let most = watch.join().unwrap();
        assert!(most.running <= 2 && most.extra_threads <= 2, "{most:?}");
    });
    let stats = runtime.stats();
    assert_eq!((stats.running, stats.queued, stats.extra_threads, stats.memory_bytes), (0, 0, 0, 0), "{stats:?}");
    assert_eq!(stats.finished, 17);
}

#[tokio::test]
async fn one_task_may_hold_streams_while_it_queries() {
    let runtime = Runtime::builder().threads(1).build().unwrap();
    let home = Home::new();
    let db = filled(&home, &runtime);
    let scan = || db.snapshot().scan_series(Selector::all()).cursor().unwrap().stream();
    let (mut one, mut other) = (scan(), scan());
    assert!(one.next().await.unwrap().is_ok() && other.next().await.unwrap().is_ok());
    let answers = [large(&db).run(), large(&db).run(), large(&db).run()];
    for answer in answers {
        assert_eq!(answer.await.unwrap().series.len(), SERIES);
    }
    assert!(one.next().await.unwrap().is_ok() && other.next().await.unwrap().is_ok());
}

#[test]
fn limits_of_a_query_and_of_the_runtime_are_kept() {
    let runtime = Runtime::builder().threads(2).memory_bytes(20_000).build().unwrap();
    let home = Home::new();
    let db = filled(&home, &runtime);
    let few = || db.snapshot().query(Selector::all()).aggregate(Aggregate::Sum);
    let failed = few().max_series(SERIES as u64 - 1).run_blocking();
    assert!(matches!(failed, Err(Error::QueryLimitExceeded { what: "series", found: 50, .. })), "{failed:?}");
    let failed = few().statistics(false).max_points(1_000).run_blocking();
    assert!(matches!(failed, Err(Error::QueryLimitExceeded { what: "points", limit: 1_000, .. })), "{failed:?}");
    assert!(few().max_points(1).run_blocking().is_ok(), "statistics answer");
    let failed = large(&db).run_blocking().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Busy, "{failed}");
    assert_eq!(runtime.stats().memory_bytes, 0);
    assert!(few().run_blocking().is_ok());
}

/// The files of both databases have the same ids, and other values.
#[test]
fn databases_share_the_bound_of_an_index_cache_and_none_of_its_pages() {
    let sum = |db: &Db| {
        let sums = db.snapshot().query(Selector::all()).aggregate(Aggregate::Sum).run_blocking().unwrap();
        format!("{:?}", sums.series.iter().map(|series| &series.values).collect::<Vec<_>>())
    };
    let home = Home::new();
    let filled = |name: &str, runtime: &Runtime, factor: i64| {
        let db = Db::builder(home.beside(name)).runtime(runtime).open_blocking().unwrap();
        for series in 0..SERIES {
            let mut batch = Batch::new();
            (0..POINTS).for_each(|n| batch.push_key(&key("m", series), at(n), n * factor));
            db.write_blocking(batch).unwrap();
        }
        db.flush_blocking().unwrap();
        db
    };
    let own = Runtime::builder().build().unwrap();
    let expected = [1, 3].map(|factor| sum(&filled(&format!("own-{factor}"), &own, factor)));
    assert_eq!(own.stats().index_cache_bytes, 0, "each database has a cache of its own");

    let shared = Runtime::builder().index_cache_bytes(1 << 20).build().unwrap();
    let dbs = [1, 3].map(|factor| filled(&format!("shared-{factor}"), &shared, factor));
    for (db, expected) in dbs.iter().zip(&expected) {
        assert_eq!(sum(db), *expected);
    }
    let read = dbs.each_ref().map(|db| db.stats().index_pages_read);
    assert!(read.iter().all(|pages| *pages > 0), "{read:?}");
    for (db, expected) in dbs.iter().zip(&expected) {
        assert_eq!(sum(db), *expected);
    }
    assert_eq!(dbs.each_ref().map(|db| db.stats().index_pages_read), read, "all pages are in the cache");
    let both = shared.stats().index_cache_bytes;
    assert!((1..=1 << 20).contains(&both), "{both}");
    let [one, other] = dbs;
    one.close_blocking().unwrap();
    let left = shared.stats().index_cache_bytes;
    assert!((1..both).contains(&left), "the pages of a closed database are gone: {both} -> {left}");
    drop(other);
    assert_eq!(shared.stats().index_cache_bytes, 0);
}

#[test]
fn a_shared_index_cache_without_room_makes_no_difference_but_reads() {
    let runtime = Runtime::builder().index_cache_bytes(0).build().unwrap();
    let home = Home::new();
    let db = filled(&home, &runtime);
    let first = large(&db).run_blocking().unwrap();
    let read = db.stats().index_pages_read;
    assert_eq!(large(&db).run_blocking().unwrap().series.len(), first.series.len());
    assert!(db.stats().index_pages_read > read, "nothing is cached");
    assert_eq!(runtime.stats().index_cache_bytes, 0);
}
