//! `fork` copies a handle into a child without the threads of the engine. Each call on the handle fails at once in the
//! child, whatever locks the threads of the parent held, and its drop neither waits, panics nor unlocks the directory.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fork::{Fork, fork, waitpid};
use timestrata::{Aggregate, Db, Error, Runtime, Selector, Series, Snapshot, SnapshotWatch, Stats};

use crate::child::{child, value_from_parent};
use crate::common::{Home, at, batch, key};

/// The test of this module that a child process runs.
const CHILD: &str = "a_forked_child_cannot_use_its_parents_database::a_process_forks_while_its_threads_are_busy";
/// Number of forks: each happens at another moment of the threads, some while a lock is held.
const FORKS: usize = 60;
/// Upper bound of the whole run; without the checks a child waits forever.
const TIME_LIMIT: Duration = Duration::from_mins(2);

/// Handles that a fork copies.
struct Handles {
    db: Db,
    other: Db,
    snapshot: Snapshot,
    watch: SnapshotWatch,
    series: Series<f64>,
}

fn is_forked<T>(outcome: &timestrata::Result<T>) -> bool {
    matches!(outcome, Err(Error::ForkedHandle { .. }))
}

/// Runs in the forked child. Returns the number of the first check that fails; 0 if none does.
///
/// It asserts nothing: a panic would print, and the lock of stderr may be held by a thread that does not exist.
fn check_handles(handles: Handles) -> i32 {
    let Handles { db, other, snapshot, mut watch, series } = handles;
    let points = || batch(&key("m", 0), [(1, 1.0)]);
    let count = |snapshot: &Snapshot| snapshot.query(Selector::all()).aggregate(Aggregate::Count).run_blocking();
    let newest = db.snapshot();
    let checks = [
        is_forked(&db.write_blocking(points())),
        is_forked(&db.try_write_blocking(&mut points())),
        is_forked(&db.flush_blocking()),
        is_forked(&db.sync_blocking()),
        is_forked(&db.compact_blocking()),
        is_forked(&db.delete_blocking(Selector::all(), ..)),
        is_forked(&db.create_series(key("new", 0)).blocking()),
        is_forked(&db.backup_blocking("/nonexistent")),
        is_forked(&db.series::<f64>(&key("m", 0))),
        is_forked(&newest.latest_blocking(series)),
        is_forked(&newest.latest_each_blocking(&Selector::all())),
        is_forked(&count(&newest)),
        is_forked(&newest.query(Selector::all()).points().next().unwrap_or(Err(Error::Closed))),
        is_forked(&snapshot.scan(series, ..).collect_blocking()),
        is_forked(&snapshot.latest_blocking(series)),
        is_forked(&count(&snapshot)),
        db.stats() == Stats::default(),
        watch.next_blocking().is_none(),
        db.watch().next_blocking().is_none(),
        is_forked(&db.close_blocking()),
    ];
    drop((other, snapshot, newest, watch));
    checks.iter().position(|check| !check).map_or(0, |at| i32::try_from(at).unwrap_or(99) + 1)
}

/// The forking process: its threads write, read and flush all the time.
#[test]
fn a_process_forks_while_its_threads_are_busy() {
    let Some(path) = value_from_parent() else { return };
    // The share of the memory is returned by a drop in the parent only.
    let runtime = Runtime::builder().storage_memory_bytes(256 << 20).build().unwrap();
    let db = Db::builder(&path).runtime(&runtime).flush_at_bytes(64 << 10).open_blocking().unwrap();
    let series = db.create_series(key("m", 0)).blocking().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (db, stop) = (&db, &stop);
        let repeat = |work: &dyn Fn()| {
            while !stop.load(Ordering::Relaxed) {
                work();
            }
        };
        let points = || batch(&key("m", 0), (0..100).map(|n| (n, 1.0)));
        scope.spawn(move || repeat(&|| assert!(db.write_blocking(points()).is_ok())));
        scope.spawn(move || repeat(&|| assert!(db.snapshot().latest_blocking(series).is_ok())));
        scope.spawn(move || repeat(&|| db.flush_blocking().unwrap()));
        for round in 0..FORKS {
            std::thread::park_timeout(Duration::from_millis(round as u64 % 7));
            let (snapshot, watch) = (db.snapshot(), db.watch());
            let handles = Handles { db: db.clone(), other: db.clone(), snapshot, watch, series };
            match fork().unwrap() {
                Fork::Child => std::process::exit(check_handles(handles)),
                Fork::Parent(pid) => {
                    drop(handles);
                    assert_eq!(waitpid(pid).unwrap(), 0, "wait status of the child in round {round}");
                    // The child's drop did not unlock the directory.
                    let second = Db::open_blocking(&path);
                    assert!(matches!(second, Err(Error::Locked { .. })), "{:?}", second.map(drop));
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    // The parent's handle was not affected.
    db.write_blocking(batch(&key("m", 0), [(1_000, 2.0)])).unwrap();
    assert_eq!(db.snapshot().latest_blocking(series).unwrap().unwrap().timestamp, at(1_000));
    db.close_blocking().unwrap();
    Db::open_blocking(&path).unwrap().close_blocking().unwrap();
    println!("\nforked {FORKS} times");
}

#[test]
fn a_forked_child_gets_errors_at_once_and_does_not_unlock() {
    let home = Home::in_memory();
    let begun = Instant::now();
    let mut forking = child(CHILD, home.path().to_str().unwrap());
    let mut running = forking.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while running.try_wait().unwrap().is_none() {
        if begun.elapsed() > TIME_LIMIT {
            // Its own child, which hangs, ends with the pipes.
            running.kill().unwrap();
            panic!("a forked child hangs");
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("forked {FORKS} times")), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
