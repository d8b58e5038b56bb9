//! A directory has one opening at a time: a second opening, in this process or another, fails with the process id of
//! the holder and changes nothing.

use timestrata::{Db, Error};

use crate::child::{child, value_from_parent};
use crate::common::{Home, all, batch, contents, key};

/// The test of this module that a child process runs.
const CHILD: &str = "a_second_open_is_locked::a_child_opens_what_its_parent_holds";

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
    assert_eq!(holder(home.builder().create_if_missing(false).open_blocking()), Some(std::process::id()));
    assert_eq!(contents(&home.path()), before);
    // The first opening continues, and releases the directory at its end.
    db.write_blocking(batch(&key("m", 0), [(2, 1.0)])).unwrap();
    drop(db);
    drop(home.open());
}

#[test]
fn a_child_opens_what_its_parent_holds() {
    let Some(path) = value_from_parent() else { return };
    match Db::open_blocking(path) {
        Err(Error::Locked { pid: Some(pid), .. }) => println!("\nlocked by {pid}"),
        Err(Error::Locked { .. }) => println!("\nlocked"),
        other => println!("\n{other:?}"),
    }
}

#[test]
fn a_second_process_gets_the_pid_of_the_lock_holder() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    let before = contents(&home.path());
    let mut child = child(CHILD, home.path().to_str().unwrap());
    let told = String::from_utf8(child.output().unwrap().stdout).unwrap();
    assert!(told.contains(&format!("\nlocked by {}\n", std::process::id())), "{told}");
    assert_eq!(contents(&home.path()), before);
}

/// Without the lock on the directory itself, both processes would write to the same log.
#[cfg(unix)]
#[test]
fn a_second_process_is_locked_out_although_the_lock_file_was_deleted() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    std::fs::remove_file(home.path().join("LOCK")).unwrap();
    let before = contents(&home.path());
    let told = String::from_utf8(child(CHILD, home.path().to_str().unwrap()).output().unwrap().stdout).unwrap();
    assert!(told.contains("\nlocked\n"), "a second process opens it: {told}");
    assert_eq!(contents(&home.path()), before);
    db.write_blocking(batch(&key("m", 0), [(2, 1.0)])).unwrap();
    db.close_blocking().unwrap();
    assert_eq!(all::<f64>(&home.open().snapshot(), &key("m", 0)), [(1, 1.0), (2, 1.0)]);
}

#[tokio::test]
async fn an_open_that_was_given_up_frees_the_directory() {
    let home = Home::new();
    for _ in 0..20 {
        let mut open = Box::pin(home.builder().open());
        // The opening is started, and dropped at an arbitrary stage.
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

/// A process that starts other processes: between fork and exec, each of them shares the lock's descriptor for a
/// moment.
#[test]
fn a_reopening_does_not_wait_for_processes_started_meanwhile() {
    let home = Home::new();
    let starting = std::thread::spawn(|| {
        for _ in 0..60 {
            assert!(child("no such test", "").output().unwrap().status.success());
        }
    });
    while !starting.is_finished() {
        drop(home.open());
    }
    starting.join().unwrap();
}
