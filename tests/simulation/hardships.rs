//! Scenarios in which calls may fail or not, and in which much is unsynced: full and dying disks, jumps of the clock,
//! long stretches without a sync. They hold the world to what it was told, and ask of no call that it go well.

use std::time::Duration;

use timestrata::Durability;
use timestrata::testing::{Fault, FaultAt, Rates, SyncStep};

use crate::oracle::{Crash, SERIES};
use crate::world::{World, small};

const SYNC: Durability = Durability::Sync;
const OS: Durability = Durability::Os;
const INTERVAL: Durability = Durability::Interval(Duration::from_millis(20));

/// The last retry of a flush comes no later than this.
const LAST_RETRY: Duration = Duration::from_secs(61);

/// Two lives and the beginning of a third, through whatever fault is planted.
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

/// Room for ever more bytes, and none after them; once there is room again, all goes on.
pub(crate) fn full_disk(world: &mut World) {
    for room in [0, 30, 700, 1_500, 3_000] {
        _ = world.open_again(Crash::Process);
        world.write(&[SYNC, OS]);
        let before = world.look().expect("no fault is planted");
        world.fill(room);
        let struck = world.disk.struck();
        for _ in 0..30 {
            world.write(&[OS, SYNC]);
            _ = world.look();
            if world.disk.struck() > struck + 3 {
                break;
            }
        }
        assert!(world.disk.struck() > struck, "{room} more bytes are room enough");
        _ = world.flush();
        _ = world.sync();
        let after = world.look().expect("reads need no room");
        assert!(after.is_superset(&before));
        world.disk.capacity(None);
        world.wait(LAST_RETRY);
        let read_only = world.oracle.borrow().read_only;
        assert!(world.close() || read_only, "there is room again");
    }
    assert!(world.open_again(Crash::Process));
    world.write_one();
    assert!(world.close());
}

/// Every call may fail, once in so many.
pub(crate) fn dying_disk(world: &mut World) {
    let struck = world.disk.struck();
    for in_a_million in [10_000, 30_000, 60_000, 100_000, 200_000] {
        world.disk.fault_rate(Some(Rates::everywhere(in_a_million)));
        _ = world.open_again(Crash::Process);
        world.disk.fault_rate(Some(Rates::everywhere(in_a_million)));
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
    assert!(world.disk.struck() > struck + 20, "{} faults struck", world.disk.struck());
    world.mend();
    assert!(world.open_again(Crash::Process));
    world.write_one();
    assert!(world.close());
}

/// Hours pass: the age of a memtable freezes it, however small it is; a failed flush is tried again.
pub(crate) fn clock_jumps(world: &mut World) {
    for life in 0..2 {
        _ = world.open_again(Crash::Process);
        let files = world.db().stats().files;
        world.write(&[OS, INTERVAL]);
        world.wait(Duration::from_hours(2));
        assert!(world.db().stats().files > files, "an old memtable is still unflushed");
        assert!(world.intervals_over > life, "no interval has ended");
        world.write(&[INTERVAL]);
        world.disk.plant(FaultAt::Sync { step: SyncStep::Sst, skip: 0, times: 3 }, Fault::Full);
        world.wait(Duration::from_hours(1));
        world.wait(Duration::from_hours(100));
        assert_eq!(world.db().stats().frozen, 0, "the flush was not tried again");
        _ = world.look();
        world.open_twice();
        world.write(&[OS, SYNC]);
        world.wait(Duration::from_secs(1));
        if life == 0 { world.kill() } else { assert!(world.close()) }
    }
}

/// Series made in the page cache alone, by name and by batch, over a flush, a kill and a release.
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

/// One segment grows over many sectors, and nothing says that any of it is on the disk.
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

/// The disk drops what a failed sync was for, and every life begins on what the cache still shows.
pub(crate) fn failed_syncs(world: &mut World) {
    for step in SyncStep::ALL {
        world.disk.plant(FaultAt::Sync { step, skip: 0, times: 1 }, Fault::Error(std::io::ErrorKind::Other));
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
