//! One opening at a time: a second one, in this process or another, hears who holds the directory, and changes nothing.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use common::{Home, batch, contents, key, told_by_parent};
use timestrata::{Db, Error};

fn holder(opened: timestrata::Result<Db>) -> Option<u32> {
    match opened {
        Err(Error::Locked { pid, .. }) => pid,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_second_open_in_one_process_is_locked() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    let before = contents(&home.path());
    assert_eq!(holder(home.builder().open_blocking()), Some(std::process::id()));
    assert_eq!(holder(home.builder().create(false).open_blocking()), Some(std::process::id()));
    assert_eq!(contents(&home.path()), before);
    // The first one goes on, and frees the directory at its end.
    db.write_blocking(batch(&key("m", 0), [(2, 1.0)])).unwrap();
    drop(db);
    drop(home.open());
}

#[test]
fn a_child_opens_what_its_parent_holds() {
    let Some(path) = told_by_parent() else { return };
    match Db::open_blocking(path) {
        Err(Error::Locked { pid: Some(pid), .. }) => println!("\nlocked by {pid}"),
        other => println!("\n{other:?}"),
    }
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    let before = contents(&home.path());
    let mut child = common::child("a_child_opens_what_its_parent_holds", home.path().to_str().unwrap());
    let told = String::from_utf8(child.output().unwrap().stdout).unwrap();
    assert!(told.contains(&format!("\nlocked by {}\n", std::process::id())), "{told}");
    assert_eq!(contents(&home.path()), before);
}

#[tokio::test]
async fn an_open_that_was_given_up_frees_the_directory() {
    let home = Home::new();
    for _ in 0..20 {
        let mut open = Box::pin(home.builder().open());
        // Begun, and dropped wherever it is by then.
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(open.as_mut().poll(context))).await;
        drop((polled, open));
    }
    loop {
        match home.builder().open().await {
            Ok(db) => break db.close().await.unwrap(),
            Err(Error::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A process that starts others: between fork and exec each of them shares the lock's descriptor for a moment.
#[test]
fn a_reopening_does_not_wait_for_processes_started_meanwhile() {
    let home = Home::new();
    let starting = std::thread::spawn(|| {
        for _ in 0..60 {
            assert!(common::child("no such test", "").output().unwrap().status.success());
        }
    });
    while !starting.is_finished() {
        drop(home.open());
    }
    starting.join().unwrap();
}
