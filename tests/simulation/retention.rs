//! Openings with a limit of age, of bytes, or of the age of some series: cutoffs move with the clock, with the data and
//! with files, during flushes, merges, deletes and kills, and hidden points stay hidden.

use std::time::Duration;

use timestrata::Durability;

use crate::oracle::{Crash, Limits};
use crate::world::World;

const SYNC: Durability = Durability::Sync;
const OS: Durability = Durability::Os;

fn open(world: &mut World) {
    world.open(Crash::Process).expect("it opens");
}

/// Sets the clock to the time of the newest batch: batches are 500 ns apart.
fn set_clock(world: &mut World) {
    world.set_clock(i64::from(world.next_number()) * 500);
}

/// Writes some batches, moves the clock to them, and flushes, which moves the cutoff.
fn go_on(world: &mut World) {
    write_some(world);
    set_clock(world);
    assert!(world.flush());
    _ = world.look();
}

fn write_some(world: &mut World) {
    for _ in 0..3 {
        world.write(&[SYNC, OS]);
    }
}

fn dropped(world: &World) -> u64 {
    world.db().stats().files_dropped
}

/// Retention by the clock, which is behind the data, moves back and then jumps far ahead; then by the data.
pub(crate) fn by_age(world: &mut World) {
    world.retain(Limits { age: Some(Duration::from_micros(3)), ..Limits::default() });
    world.set_clock(0);
    let mut all_dropped = 0;
    for life in 0..3 {
        open(world);
        for round in 0..2 {
            go_on(world);
            _ = world.delete();
            if round == 1 {
                assert!(world.compact());
                _ = world.look();
            }
        }
        let before = world.db().stats().retention_cutoff;
        world.set_clock(-1_000_000);
        world.write(&[OS]);
        assert!(world.flush());
        assert_eq!(world.db().stats().retention_cutoff, before, "the clock went back, and the cutoff with it");
        if life == 2 {
            // The timer moves the cutoff: age is now counted from the newest point.
            world.set_clock(i64::MAX);
            world.write_one();
            world.wait(Duration::from_secs(2));
            assert!(world.db().stats().retention_cutoff > before);
            _ = world.look();
            world.write(&[SYNC, OS]);
            assert!(world.flush());
        }
        _ = world.look();
        all_dropped += dropped(world);
        if life == 0 { world.kill() } else { assert!(world.close()) }
    }
    assert!(all_dropped > 0, "no file was dropped");
    // Without a limit, hidden points stay hidden.
    world.retain(Limits::default());
    open(world);
    world.write(&[SYNC]);
    assert!(world.compact());
    _ = world.look();
    assert!(world.close());
}

/// The clock jumps far ahead together with the points that it stamps, in several openings. Under a grace retention goes
/// on as the timers' clock does, whatever the wall clock says.
pub(crate) fn under_a_wrong_clock(world: &mut World) {
    /// Batches have times up to a tenth of this; marked points are a second ahead.
    const FAR: i64 = 1_000_000;
    let cutoff = |world: &World| world.db().stats().retention_cutoff.map(timestrata::Timestamp::as_nanos);
    world.retain(Limits { age: Some(Duration::from_micros(3)), ..Limits::default() });
    world.grace(Duration::from_hours(24));
    world.set_clock(0);
    open(world);
    go_on(world);
    assert_eq!(cutoff(world), None, "the first move waits");
    assert!(world.apply_retention_now());
    for life in 0..3 {
        let before = cutoff(world);
        assert!(before.is_some());
        world.set_clock_right();
        world.write(&[SYNC, OS, SYNC]);
        world.wait(Duration::from_micros(10));
        assert!(world.flush());
        _ = world.look();
        world.set_wrong_clock(i64::MAX / 2);
        world.write(&[SYNC, OS, SYNC]);
        _ = world.delete();
        assert!(world.flush());
        _ = world.look();
        let stats = world.db().stats();
        assert!(stats.pending_retention.is_some() && cutoff(world).is_some_and(|at| at < FAR), "{stats:?}");
        assert!(cutoff(world) > before || life > 0, "retention goes on: {stats:?}");
        if life == 1 {
            assert!(world.close());
        } else {
            world.kill();
        }
        open(world);
        assert!(cutoff(world).is_some_and(|at| at < FAR));
        world.write(&[OS]);
        assert!(world.compact());
        _ = world.look();
    }
    assert!(world.close());
}

/// The oldest files are dropped until the rest is within the limit. No point is ahead of the clock.
pub(crate) fn by_bytes(world: &mut World) {
    const MOST: u64 = 5 << 10;
    world.set_clock(2_000_000_000);
    world.retain(Limits { bytes: Some(MOST), ..Limits::default() });
    let mut all_dropped = 0;
    for life in 0..3 {
        open(world);
        for round in 0..4 {
            write_some(world);
            assert!(world.flush());
            _ = world.look();
            let stats = world.db().stats();
            assert!(stats.file_bytes <= MOST && stats.files > 0, "{stats:?}");
            _ = world.delete();
            if life == 2 && round == 2 {
                assert!(world.compact());
                _ = world.look();
            }
        }
        all_dropped += dropped(world);
        if life == 1 { assert!(world.close()) } else { world.kill() }
    }
    assert!(all_dropped > 2, "{all_dropped} files were dropped");
    open(world);
    _ = world.look();
    world.release();
}

/// Retention of some series only: hidden points are mixed with visible ones, and deletes and merges remove them. An
/// opening without the rule still hides the points that the rule has hidden.
pub(crate) fn by_rule(world: &mut World) {
    let rule = Limits { ruled: Some(Duration::from_micros(2)), ..Limits::default() };
    world.set_clock(0);
    for life in 0..4 {
        world.retain(if life == 2 { Limits::default() } else { rule });
        open(world);
        let opened = world.look().expect("no fault is planted").cutoffs;
        for round in 0..2 {
            go_on(world);
            _ = world.send_delete();
            world.write(&[OS, SYNC]);
            if round == 1 {
                assert!(world.compact());
                _ = world.look();
            }
        }
        let shown = world.look().expect("no fault is planted").cutoffs;
        assert_eq!(shown.ruled > opened.ruled, life != 2, "{opened:?}, {shown:?}");
        assert_eq!(shown.others, i64::MIN, "the rule names other series");
        if life % 2 == 0 { world.kill() } else { assert!(world.close()) }
    }
    open(world);
    _ = world.look();
    world.release();
}
