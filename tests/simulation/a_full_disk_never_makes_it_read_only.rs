//! A disk gets full at any of many places. Writes then fail, certainly absent, and go on by themselves once there is
//! room; reads and deletes go on. The database never becomes read-only, because the disk writes in place and no sync
//! fails.

use std::time::Duration;

use timestrata::Durability;
use timestrata::testing::{SimDisk, SyncStep};

use crate::oracle::Crash;
use crate::world::World;

const SYNC: Durability = Durability::Sync;
const OS: Durability = Durability::Os;

/// Upper bound of the time until the last retry of a flush.
const LAST_RETRY: Duration = Duration::from_secs(61);

/// Number of free bytes at which the disk is filled, from none to more than a flush needs.
fn rooms() -> impl Iterator<Item = usize> {
    (0..40).map(|n| n * 37).chain((0..60).map(|n| 1_500 + n * 211))
}

/// Fills the disk at one place. Returns `false` if the database became read-only.
fn survives(room: usize, plant: impl Fn(&SimDisk)) -> bool {
    let disk = SimDisk::new(room as u64);
    disk.record(false);
    plant(&disk);
    let mut world = World::new(disk, room as u64);
    world.open(Crash::Process).expect("there is room");
    for _ in 0..4 {
        world.write(&[SYNC, OS]);
    }
    assert!(world.flush());
    world.write(&[OS, SYNC]);
    world.fill(room);
    for n in 0..40 {
        world.write(&[OS, SYNC]);
        if n % 10 == 9 {
            _ = world.flush();
            _ = world.look().expect("reads need no room");
            _ = world.delete();
            _ = world.look().expect("reads need no room");
        }
    }
    _ = world.sync();
    if world.oracle.borrow().read_only {
        return false;
    }
    world.disk.capacity(None);
    world.wait(LAST_RETRY);
    let acknowledged = world.oracle.borrow().acknowledged().batches.len();
    world.write(&[SYNC, SYNC]);
    assert_eq!(
        world.oracle.borrow().acknowledged().batches.len(),
        acknowledged + 2,
        "{room}: writes go on by themselves"
    );
    assert!(world.flush() && world.look().is_some(), "{room}: there is room again");
    let stats = world.db().stats();
    assert_eq!((stats.failed_flush, stats.frozen_memtables), (None, 0), "{room}");
    assert!(stats.reserve_bytes > 0, "{room}");
    assert!(world.close());
    world.open(Crash::Process).expect("it opens again");
    assert!(world.close());
    true
}

#[test]
fn wherever_it_gets_full() {
    let lost: Vec<usize> = rooms().filter(|room| !survives(*room, |_| {})).collect();
    assert!(lost.is_empty(), "read-only after {lost:?} bytes of room");
}

/// Kills the process on a full disk. Openings on the full disk then show everything, and take deletes.
#[test]
fn and_it_opens_while_it_is_full() {
    for room in rooms() {
        let disk = SimDisk::new(room as u64);
        disk.record(false);
        let mut world = World::new(disk, room as u64);
        world.open(Crash::Process).expect("there is room");
        world.write(&[SYNC, OS]);
        assert!(world.flush());
        world.write(&[OS, SYNC]);
        world.fill(room);
        for _ in 0..12 {
            world.write(&[OS, SYNC]);
        }
        assert!(!world.oracle.borrow().read_only, "{room}");
        world.kill();
        world.open(Crash::Process).unwrap_or_else(|error| panic!("{room}: an opening on a full disk: {error}"));
        _ = world.look().expect("reads need no room");
        _ = world.delete();
        _ = world.look().expect("reads need no room");
        world.write(&[OS, SYNC]);
        world.disk.capacity(None);
        world.wait(LAST_RETRY);
        world.write(&[SYNC]);
        assert!(world.flush(), "{room}");
        assert_eq!(world.db().stats().frozen_memtables, 0, "{room}");
        world.kill();
        world.open(Crash::Process).expect("there is room");
        assert!(world.close());
    }
}

/// Checks the harness itself: blocks of a reserve that was not synced may need room when they are overwritten.
#[test]
fn unless_the_reserve_is_not_synced() {
    let lost = rooms().filter(|room| !survives(*room, |disk| disk.omit_sync(SyncStep::Reserve))).count();
    assert!(lost > 0, "nothing notices the missing sync of the reserve");
}
