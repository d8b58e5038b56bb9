//! A close ends under any load, and no request waits for ever: a request that is not carried out is answered with
//! `Closed`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use timestrata::{Ack, Db, Error, Result};

use crate::common::{Home, batch, key};

/// Returns `true` if the request was carried out. `Closed` is the only other permitted answer.
fn carried_out<T>(answer: Result<T>) -> bool {
    match answer {
        Ok(_) => true,
        Err(Error::Closed) => false,
        Err(error) => panic!("{error}"),
    }
}

fn points_after_reopening(home: &Home) -> u64 {
    home.open().stats().points
}

#[test]
fn a_close_ends_while_others_go_on_writing() {
    let home = Home::new();
    let db = home.builder().open_blocking().unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (begun, has_begun) = std::sync::mpsc::channel();
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let (db, acknowledged, begun) = (db.clone(), Arc::clone(&acknowledged), begun.clone());
            std::thread::spawn(move || {
                while carried_out(db.write_blocking(batch(&key("m", n), [(1, 1.0)]))) {
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    begun.send(()).unwrap_or_default();
                }
            })
        })
        .collect();
    has_begun.recv().unwrap();
    db.close_blocking().unwrap();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(points_after_reopening(&home), acknowledged.load(Ordering::Relaxed));
}

/// Queues more requests than one turn of the writer takes, both before and after the close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_answered_when_the_database_closes() {
    for round in 0..10 {
        let home = Home::new();
        let db = home.builder().open().await.unwrap();
        let tasks: Vec<_> = (0..600)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move {
                    let written = carried_out(db.write(batch(&key("m", n % 9), [(1, 1.0)])).await);
                    // Requests of every kind may come too late.
                    match n % 4 {
                        0 => drop(carried_out(db.sync().await)),
                        1 => drop(carried_out(db.flush().await)),
                        2 => drop(carried_out(db.create_series(key("other", n)).await)),
                        _ => {}
                    }
                    u64::from(written)
                })
            })
            .collect();
        for _ in 0..3 * round {
            tokio::task::yield_now().await;
        }
        db.clone().close().await.unwrap();
        assert!(matches!(db.clone().close().await, Err(Error::Closed)));
        let mut written = 0;
        for task in tasks {
            written += task.await.unwrap();
        }
        assert!(matches!(db.write(batch(&key("m", 0), [(1, 1.0)])).await, Err::<Ack, _>(Error::Closed)));
        drop(db);
        assert_eq!(points_after_reopening(&home), written, "round {round}");
    }
}

#[test]
fn only_one_of_two_closes_closes() {
    let home = Home::new();
    let db = home.open();
    let other = db.clone();
    let thread = std::thread::spawn(move || Db::close_blocking(other));
    let answers = [db.close_blocking(), thread.join().unwrap()];
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
}
