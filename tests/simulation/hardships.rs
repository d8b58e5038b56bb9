//! Scenarios in which calls may fail, and in which much data is unsynced: full and dying disks, jumps of the clock,
//! long periods without a sync. They check the answers against the oracle, and do not require that a call succeeds.

use std::io::ErrorKind;
use std::time::Duration;

use timestrata::Durability;
use timestrata::testing::{Fault, FaultRates, FaultTrigger, SyncStep};

use crate::oracle::{Crash, SERIES};
use crate::world::{World, small};

const SYNC: Durability = Durability::Sync;
const OS: Durability = Durability::Os;
const INTERVAL: Durability = Durability::Interval(Duration::from_millis(20));

/// Upper bound of the time until the last retry of a flush.
const LAST_RETRY: Duration = Duration::from_secs(61);

/// Two openings and the beginning of a third one, with any injected fault.
pub(crate) fn any_call_may_fail(world: &mut World) {
    for life in 0..2 {
        _ = world.open_again(Crash::Process);
        world.make_series(life);
        world.write(&[SYNC, OS]);
        world.write(&[INTERVAL]);
        world.wait(Duration::from_millis(130));
        for _ in 0..5 {
            world.write(&[OS, SYNC]);
        }
        _ = world.look();
        _ = world.flush();
        world.write_one();
        _ = world.sync();
        _ = world.look();
        if life == 0 { world.kill() } else { _ = world.close() }
    }
    _ = world.open_again(Crash::Process);
    world.write(&[OS]);
    world.release();
}

/// Limits the free space to increasing sizes. After space is freed, all operations continue.
pub(crate) fn full_disk(world: &mut World) {
    for room in [0, 30, 700, 1_500, 3_000] {
        _ = world.open_again(Crash::Process);
        world.write(&[SYNC, OS]);
        let before = world.look().expect("no fault is planted");
        world.fill(room);
        let struck = world.disk.faults_hit();
        for _ in 0..30 {
            world.write(&[OS, SYNC]);
            _ = world.look();
            if world.disk.faults_hit() > struck + 3 {
                break;
            }
        }
        assert!(world.disk.faults_hit() > struck, "{room} more bytes are room enough");
        _ = world.flush();
        _ = world.sync();
        let after = world.look().expect("reads need no room");
        assert!(after.is_superset(&before));
        world.disk.capacity(None);
        world.wait(LAST_RETRY);
        assert!(!world.oracle.borrow().read_only, "a full disk made it read-only");
        assert!(world.close(), "there is room again");
    }
    assert!(world.open_again(Crash::Process));
    world.write_one();
    assert!(world.close());
}

/// Opens a database on a full disk that its process has filled, with records that no flush has room for.
pub(crate) fn full_disk_at_opening(world: &mut World) {
    for room in [0, 900] {
        _ = world.open_again(Crash::Process);
        world.write(&[SYNC, OS]);
        _ = world.flush();
        world.write(&[OS]);
        world.fill(room);
        for _ in 0..4 {
            world.write(&[OS, SYNC]);
        }
        world.kill();
        world.open(Crash::Process).expect("it opens on a full disk");
        _ = world.look();
        _ = world.delete();
        world.write(&[OS]);
        world.kill();
        world.disk.capacity(None);
        world.open(Crash::Process).expect("there is room");
        world.write(&[SYNC]);
        assert!(world.close());
    }
}

/// Opens a database on a full disk, behind a segment without a record whose name was not synced.
///
/// A failed sync of the directory ended the writer before it wrote to that segment.
pub(crate) fn full_disk_behind_an_unsynced_name(world: &mut World) {
    for room in [0, 900] {
        _ = world.open_again(Crash::Process);
        world.write(&[SYNC, OS]);
        let at = FaultTrigger::Sync { step: SyncStep::WalDirectory, skip: 0, times: 1 };
        world.disk.inject(at, Fault::Error(ErrorKind::Other));
        let struck = world.disk.faults_hit();
        while world.disk.faults_hit() == struck {
            world.write(&[SYNC]);
        }
        world.fill(room);
        for _ in 0..2 {
            world.kill();
            world.open(Crash::Process).expect("it opens on a full disk");
            _ = world.look();
        }
        world.write(&[OS, SYNC]);
        _ = world.delete();
        world.kill();
        world.disk.capacity(None);
        world.open(Crash::Process).expect("there is room");
        world.write(&[SYNC]);
        assert!(world.close());
    }
}

/// Every call may fail at random, at increasing rates.
pub(crate) fn dying_disk(world: &mut World) {
    let struck = world.disk.faults_hit();
    for in_a_million in [10_000, 30_000, 60_000, 100_000, 200_000] {
        world.disk.fault_rate(Some(FaultRates::everywhere(in_a_million)));
        _ = world.open_again(Crash::Process);
        world.disk.fault_rate(Some(FaultRates::everywhere(in_a_million)));
        for series in 0..SERIES {
            world.make_series(series);
            world.write(&[OS, SYNC]);
            _ = world.look();
        }
        _ = world.flush();
        world.wait(Duration::from_secs(1));
        world.write(&[INTERVAL, OS]);
        _ = world.sync();
        world.kill();
    }
    assert!(world.disk.faults_hit() > struck + 20, "{} faults struck", world.disk.faults_hit());
    world.mend();
    assert!(world.open_again(Crash::Process));
    world.write_one();
    assert!(world.close());
}

/// Hours pass: the age of a memtable freezes it, regardless of its size; a failed flush is tried again.
pub(crate) fn clock_jumps(world: &mut World) {
    for life in 0..2 {
        _ = world.open_again(Crash::Process);
        let files = world.db().stats().files;
        world.write(&[OS, INTERVAL]);
        world.wait(Duration::from_hours(2));
        assert!(world.db().stats().files > files, "an old memtable is still unflushed");
        assert!(world.intervals_over > life, "no interval has ended");
        world.write(&[INTERVAL]);
        world.disk.inject(FaultTrigger::Sync { step: SyncStep::SstData, skip: 0, times: 3 }, Fault::DiskFull);
        world.wait(Duration::from_hours(1));
        world.wait(Duration::from_hours(100));
        assert_eq!(world.db().stats().frozen_memtables, 0, "the flush was not tried again");
        _ = world.look();
        world.open_twice();
        world.write(&[OS, SYNC]);
        world.wait(Duration::from_secs(1));
        if life == 0 { world.kill() } else { assert!(world.close()) }
    }
}

/// Creates series in the page cache only, by name and by batch, with a flush, a kill and a release.
pub(crate) fn unsynced_series(world: &mut World) {
    world.options(small(), OS);
    for life in 0..3 {
        _ = world.open_again(Crash::Process);
        world.make_series(life * 2);
        world.write(&[OS]);
        world.make_series(life * 2 + 1);
        world.write(&[OS, OS, INTERVAL]);
        world.write(&[OS, OS]);
        _ = world.look();
        world.wait(Duration::from_millis(30));
        world.make_series(SERIES - 1 - life);
        for _ in 0..8 {
            world.write(&[OS, OS]);
        }
        match life {
            0 => world.kill(),
            1 => {
                assert!(world.flush());
                world.write(&[OS]);
                world.release();
            }
            _ => assert!(world.close()),
        }
    }
}

/// One segment grows over many sectors, and no record marks any of it as synced.
pub(crate) fn unsynced_segment(world: &mut World) {
    world.options(small().flush_at_bytes(1 << 20).wal_segment_bytes(1 << 20), OS);
    for life in 0..3 {
        _ = world.open_again(Crash::Process);
        for _ in 0..20 {
            world.write(&[OS, OS]);
        }
        _ = world.look();
        if life == 1 {
            assert!(world.sync());
            world.write(&[OS]);
        }
        world.kill();
    }
}

/// The disk drops the data of a failed sync, and every opening begins with the content of the page cache.
pub(crate) fn failed_syncs(world: &mut World) {
    for step in SyncStep::ALL {
        world.disk.inject(FaultTrigger::Sync { step, skip: 0, times: 1 }, Fault::Error(std::io::ErrorKind::Other));
        _ = world.open_again(Crash::Process);
        world.write(&[OS]);
        world.write(&[SYNC]);
        _ = world.flush();
        _ = world.look();
        world.mend();
        world.kill();
    }
    assert!(world.open_again(Crash::Process));
    world.write_one();
    assert!(world.close());
}
