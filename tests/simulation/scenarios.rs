//! Small workloads that together use all features. Each is run once, and then crashed after every operation.

use std::io::ErrorKind;
use std::time::Duration;

use timestrata::Durability;
use timestrata::testing::{CallKind, Fault, FaultTrigger, SyncStep};

use crate::hardships;
use crate::oracle::{Crash, SERIES};
use crate::retention;
use crate::world::{World, make_all_series, small};

const SYNC: Durability = Durability::Sync;
const OS: Durability = Durability::Os;
const INTERVAL: Durability = Durability::Interval(Duration::from_millis(20));

/// A workload and its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut World),
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a life, a close and another life", run: two_lives },
    Scenario { name: "killed, opened on what the cache held, killed again", run: killed_twice },
    Scenario { name: "a failed flush at each step, tried again", run: failed_flushes },
    Scenario { name: "a failed sync, then an opening on the cached state", run: failed_sync },
    Scenario { name: "failed writes, each sealed off", run: failed_writes },
    Scenario { name: "failed writes without descriptors", run: failed_writes_without_descriptors },
    Scenario { name: "failed rotations", run: failed_rotations },
    Scenario { name: "a moved directory", run: moved_directory },
    Scenario { name: "a failed install", run: failed_install },
    Scenario { name: "lives without a sync", run: unsynced_lives },
    Scenario { name: "a disk that is full", run: hardships::full_disk },
    Scenario { name: "openings on a full disk", run: hardships::full_disk_at_opening },
    Scenario { name: "openings behind a name that was not synced", run: hardships::full_disk_behind_an_unsynced_name },
    Scenario { name: "a disk that fails at random", run: hardships::dying_disk },
    Scenario { name: "jumps of the clock", run: hardships::clock_jumps },
    Scenario { name: "series without a sync", run: hardships::unsynced_series },
    Scenario { name: "a long segment without a sync", run: hardships::unsynced_segment },
    Scenario { name: "syncs that fail, of every step", run: hardships::failed_syncs },
    Scenario { name: "writes given up at each turn", run: cancelled_writes },
    Scenario { name: "crashed twice, then closed", run: closed_after_two_crashes },
    Scenario { name: "deletes before, between and after flushes and compactions", run: deletes },
    Scenario { name: "a failed compaction at each step, tried again", run: failed_compactions },
    Scenario { name: "flushes and deletes while a compaction runs", run: compactions_overtaken },
    Scenario { name: "an opening on deletes that only the log knows", run: deletes_in_the_log },
    Scenario { name: "backups linked, copied and failed", run: backups },
    Scenario { name: "series whose points all go and come again", run: fleeting_series },
    Scenario { name: "series whose definitions are dropped", run: dropped_definitions },
    Scenario { name: "series whose definitions are dropped beside a tombstone", run: dropped_beside_a_tombstone },
    Scenario { name: "metadata set, replaced and removed", run: metadata },
    Scenario { name: "retention by age", run: retention::by_age },
    Scenario { name: "retention by age under a wrong clock", run: retention::under_a_wrong_clock },
    Scenario { name: "retention by bytes", run: retention::by_bytes },
    Scenario { name: "retention by a rule", run: retention::by_rule },
];

pub(crate) fn scenario(name: &str) -> Scenario {
    *SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario of this name")
}

fn open(world: &mut World) {
    world.open(Crash::Process).expect("it opens");
}

/// Ends a life: closes the database, or kills the process.
fn end_life(world: &mut World, closes: bool) {
    if closes { assert!(world.close()) } else { world.kill() }
}

/// Opens the database once more, compacts it and closes it.
fn compact_in_a_last_life(world: &mut World) {
    open(world);
    assert!(world.compact());
    assert!(world.close());
}

/// New series, batches in groups, late points, rotations, freezes, flushes, all durabilities, close; then the same
/// again.
fn two_lives(world: &mut World) {
    for _ in 0..2 {
        open(world);
        make_all_series(world);
        world.write_one();
        world.write(&[SYNC, OS, INTERVAL, SYNC]);
        world.write(&[OS]);
        world.wait(Duration::from_millis(150));
        world.write(&[INTERVAL, OS]);
        assert!(world.sync());
        for _ in 0..12 {
            world.write_one();
            _ = world.look();
        }
        assert!(world.flush());
        world.write(&[OS, OS]);
        world.wait(Duration::from_millis(150));
        world.write(&[SYNC, SYNC, OS]);
        assert!(world.close());
    }
    open(world);
    world.write(&[OS]);
    world.release();
}

/// The process is killed with frozen memtables and unsynced records, and its successor is killed before its first
/// request.
fn killed_twice(world: &mut World) {
    open(world);
    for _ in 0..9 {
        world.write(&[SYNC, OS]);
    }
    world.kill();
    open(world);
    world.kill();
    open(world);
    for _ in 0..4 {
        world.write(&[INTERVAL, SYNC]);
    }
    let unanswered = [world.send(SYNC), world.send(OS)];
    // The requests are queued, and one of the actors has run.
    (0..4).for_each(|_| _ = world.executor.poll_one());
    world.kill();
    drop(unanswered);
    open(world);
    world.write_one();
    assert!(world.close());
}

/// Triggers at one call of a kind, after `skip` other calls of that kind.
fn call(kind: CallKind, skip: u64) -> FaultTrigger {
    FaultTrigger::Kind { kind, skip, times: 1 }
}

fn sync(step: SyncStep) -> FaultTrigger {
    FaultTrigger::Sync { step, skip: 0, times: 1 }
}

const BROKEN: Fault = Fault::Error(ErrorKind::Other);

/// Every step of writing an SST fails once. The engine retries without a request.
fn failed_flushes(world: &mut World) {
    open(world);
    // A freeze rotates the WAL first, with one rename.
    for step in [sync(SyncStep::SstData), call(CallKind::Rename, 1), sync(SyncStep::SstDirectory)] {
        world.write(&[SYNC, OS]);
        world.disk.inject(step, Fault::Error(ErrorKind::StorageFull));
        assert!(!world.flush(), "{step:?}");
        _ = world.look();
        world.write_one();
        world.wait(Duration::from_secs(2));
        assert!(world.flush());
        _ = world.look();
    }
    world.write_one();
    assert!(world.close());
}

/// The outcome of the failed sync is unknown. An opening decides with the content of the page cache, and a power loss
/// may follow at once.
fn failed_sync(world: &mut World) {
    open(world);
    world.write(&[SYNC, OS]);
    world.write(&[OS]);
    world.disk.inject(sync(SyncStep::WalGroup), BROKEN);
    world.write(&[SYNC, SYNC]);
    world.write_one();
    _ = world.look();
    assert!(!world.close());
    open(world);
    world.write_one();
    world.disk.inject(sync(SyncStep::WalGroup), BROKEN);
    world.write(&[OS, SYNC]);
    world.kill();
    open(world);
    world.write_one();
    assert!(world.close());
}

/// The disk is full in the middle of a group: earlier records continue, failed ones are absent.
fn failed_writes(world: &mut World) {
    open(world);
    world.write_one();
    for taken in [0, 3, 40] {
        world.write(&[OS]);
        world.disk.inject(call(CallKind::Write, 0), Fault::ShortWrite(taken));
        world.write(&[SYNC, OS, OS, SYNC]);
        world.write_one();
        _ = world.look();
    }
    world.kill();
    open(world);
    world.disk.inject(call(CallKind::Write, 0), Fault::AppliedButFailed);
    world.write_one();
    world.write_one();
    assert!(world.close());
}

/// A write fails while no descriptor for the next segment is left: the write is absent, and the segment stays in use.
fn failed_writes_without_descriptors(world: &mut World) {
    for fault in [Fault::ShortWrite(40), Fault::AppliedButFailed, Fault::ShortWrite(0)] {
        open(world);
        world.write(&[SYNC, OS]);
        world.disk.inject(call(CallKind::Write, 0), fault);
        for kind in [CallKind::Create, CallKind::Open] {
            world.disk.inject(call(kind, 0), Fault::TooManyFiles);
        }
        let struck = world.disk.faults_hit();
        world.write(&[SYNC, OS]);
        assert!(world.disk.faults_hit() >= struck + 2, "the seal was not tried");
        assert!(!world.oracle.borrow().read_only, "a failed open is not a failed sync");
        world.disk.clear_faults();
        if fault != Fault::AppliedButFailed {
            world.write(&[OS, SYNC]);
        }
        world.kill();
    }
    open(world);
    world.write_one();
    assert!(world.close());
}

/// The directory is moved at different moments, and is back at the next opening.
fn moved_directory(world: &mut World) {
    for skip in 0..8 {
        open(world);
        world.write(&[OS, SYNC]);
        world.disk.inject(call(CallKind::CheckPlace, skip), BROKEN);
        let struck = world.disk.faults_hit();
        for _ in 0..4 {
            world.write(&[OS]);
            world.write(&[SYNC, OS]);
        }
        _ = world.flush();
        assert!(world.disk.faults_hit() > struck, "the check {skip} is not made");
        // The check before the removal of obsolete files alone only leaves them to the next opening.
        let read_only = world.oracle.borrow().read_only;
        assert!(read_only || skip == 6, "the check {skip} has no effect");
        _ = world.look();
        world.write(&[SYNC]);
        if skip % 2 == 0 { world.kill() } else { assert!(!world.close()) }
    }
    open(world);
    world.write_one();
    assert!(world.close());
}

/// The next segment cannot be created: either nothing changes, or the WAL accepts no more records and a reopening
/// decides.
fn failed_rotations(world: &mut World) {
    let steps = [
        (call(CallKind::Create, 0), Fault::TooManyFiles),
        (sync(SyncStep::WalHeader), BROKEN),
        (call(CallKind::Rename, 0), BROKEN),
        (call(CallKind::Rename, 0), Fault::AppliedButFailed),
        (sync(SyncStep::WalDirectory), BROKEN),
        (sync(SyncStep::WalSegmentEnd), BROKEN),
    ];
    for (at, fault) in steps {
        open(world);
        world.write(&[SYNC, OS]);
        world.disk.inject(at, fault);
        for _ in 0..3 {
            world.write(&[OS, SYNC]);
        }
        world.disk.clear_faults();
        world.kill();
    }
    open(world);
    world.write_one();
    assert!(world.close());
}

/// The edit may be on disk: its SST stays, the database is read-only, and a reopening decides.
fn failed_install(world: &mut World) {
    for (step, [before, after]) in [(SyncStep::SeriesLogData, [0, 2]), (SyncStep::ManifestEdit, [1, SERIES - 1])] {
        open(world);
        world.make_series(before);
        world.write_one();
        assert!(world.flush());
        world.make_series(after);
        world.write(&[SYNC, OS]);
        world.disk.inject(sync(step), BROKEN);
        assert!(!world.flush(), "{step:?}");
        _ = world.look();
        world.write_one();
        _ = world.sync();
        _ = world.look();
        world.kill();
    }
    open(world);
    world.write_one();
    assert!(world.close());
}

/// No write asks for a sync: a power loss may lose a suffix, and nothing else.
fn unsynced_lives(world: &mut World) {
    for life in 0..3 {
        open(world);
        for _ in 0..8 {
            world.write(&[OS, OS]);
            _ = world.look();
        }
        world.write(&[INTERVAL]);
        world.wait(Duration::from_millis(30));
        world.write(&[OS]);
        if life == 1 { world.release() } else { world.kill() }
    }
}

/// Writes that are cancelled before they are taken, while they wait, and after they were written: each one is whole or
/// absent, now and later.
fn cancelled_writes(world: &mut World) {
    for kills in [true, false] {
        open(world);
        for turns in 0..6 {
            world.write(&[OS]);
            let (number, task) = world.send_numbered(SYNC);
            drop(world.send(OS));
            (0..turns).for_each(|_| _ = world.executor.poll_one());
            world.give_up(number, &task);
            world.write_one();
            world.look_settled();
        }
        if kills { world.kill() } else { assert!(world.close()) }
    }
    open(world);
    assert!(world.close());
}

/// Deletes of points in memory, in a frozen memtable, and in SSTs of every level; then compactions, kills, openings and
/// closes.
fn deletes(world: &mut World) {
    open(world);
    for round in 0..4 {
        for _ in 0..4 {
            world.write(&[SYNC, OS]);
        }
        world.delete();
        if round % 2 == 0 {
            assert!(world.flush());
        }
        world.write(&[OS, SYNC]);
        world.delete();
        _ = world.look();
        if round > 0 {
            assert!(world.compact());
            _ = world.look();
            world.delete();
        }
    }
    world.kill();
    open(world);
    world.delete();
    assert!(world.compact());
    assert!(world.close());
    open(world);
    world.write_one();
    assert!(world.compact());
    world.release();
}

/// Compactions that fail: the outputs are removed, the inputs stay, and the compaction is retried. An edit that may be
/// on disk makes the database read-only.
fn failed_compactions(world: &mut World) {
    open(world);
    world.write(&[SYNC, OS]);
    assert!(world.compact());
    for step in
        [sync(SyncStep::SstData), call(CallKind::Rename, 0), sync(SyncStep::SstDirectory), call(CallKind::Create, 0)]
    {
        world.write(&[SYNC, OS]);
        world.write(&[OS, SYNC]);
        world.delete();
        assert!(world.flush());
        world.disk.inject(step, Fault::Error(ErrorKind::StorageFull));
        assert!(!world.compact(), "{step:?}");
        _ = world.look();
        world.write_one();
        world.wait(Duration::from_secs(2));
        assert!(world.compact());
        _ = world.look();
    }
    world.write_one();
    world.delete();
    assert!(world.flush());
    world.disk.inject(sync(SyncStep::ManifestEdit), BROKEN);
    assert!(!world.compact());
    _ = world.look();
    world.kill();
    open(world);
    world.write_one();
    assert!(world.compact());
    assert!(world.close());
}

/// Between the plan and the install of a compaction, new deletes affect its inputs, and a flush removes their records
/// from memory and WAL.
fn compactions_overtaken(world: &mut World) {
    open(world);
    for turns in 0..8 {
        for _ in 0..2 {
            world.write(&[SYNC, OS]);
            assert!(world.flush());
        }
        // For every other plan the flush certainly comes first; for the first plan the base is still empty.
        let held = turns % 2 == 0;
        world.executor.pause_compactor(held);
        world.send_compact();
        if held {
            world.executor.run_until_idle();
        }
        (0..turns).for_each(|_| _ = world.executor.poll_one());
        _ = world.send_delete();
        drop([world.send(OS), world.send(SYNC)]);
        assert!(world.flush());
        world.executor.pause_compactor(false);
        _ = world.look();
    }
    world.kill();
    open(world);
    assert!(world.close());
}

/// The manifest records an empty series only after the delete that emptied it is durable, and a series that has points
/// again is listed.
fn fleeting_series(world: &mut World) {
    world.options(small(), OS);
    for life in 0..3 {
        open(world);
        world.write_fleeting(1, SYNC);
        world.write(&[SYNC, OS]);
        assert!(world.flush());
        // The edit of the flush covers records before the delete only. No sync covers the record of the delete.
        world.write(&[SYNC, OS]);
        world.send_flush();
        while world.db().stats().frozen_memtables == 0 && world.executor.poll_one() {}
        world.delete_fleeting(None);
        world.executor.run_until_idle();
        _ = world.look();
        world.write_fleeting(2, OS);
        world.write(&[OS]);
        _ = world.look();
        world.delete_fleeting((life > 0).then_some(2));
        world.executor.run_until_idle();
        assert!(world.compact());
        world.executor.pause_compactor(true);
        world.write_fleeting(3, SYNC);
        world.executor.run_until_idle();
        world.delete_fleeting(Some(3));
        world.executor.run_until_idle();
        // Written while the empty-series check after the delete is running.
        world.write_fleeting(4, SYNC);
        world.executor.run_until_idle();
        world.executor.pause_compactor(false);
        world.wait(Duration::from_secs(20));
        _ = world.look();
        world.delete_fleeting(Some(4));
        world.write_one();
        end_life(world, life == 1);
    }
    compact_in_a_last_life(world);
}

/// Definitions of series whose points are all deleted are dropped: the series log is rewritten, and the series come
/// again under new ids.
fn dropped_definitions(world: &mut World) {
    world.options(small(), OS);
    for life in 0..3 {
        open(world);
        world.write_fleeting(1, SYNC);
        world.write(&[SYNC, OS]);
        assert!(world.flush());
        world.delete_fleeting((life == 1).then_some(1));
        world.executor.run_until_idle();
        world.write(&[OS]);
        assert!(world.compact());
        world.wait(Duration::from_secs(20));
        assert!(world.compact());
        assert_eq!(world.db().stats().empty_series, 0, "the definitions of the fleeting series are dropped");
        _ = world.look();
        // New series in the rewritten log, and others only in the WAL.
        world.write_fleeting(2, OS);
        if life == 0 {
            assert!(world.flush());
        }
        world.write(&[SYNC, OS]);
        _ = world.look();
        end_life(world, life == 1);
    }
    compact_in_a_last_life(world);
}

/// Definitions are dropped without a compact command: only the file with hidden points of them is purged. Another file
/// keeps the tombstone, which loses them and goes on naming a series that has a point left.
fn dropped_beside_a_tombstone(world: &mut World) {
    for life in 0..2 {
        open(world);
        // Other series have smaller and greater ids, and points at smaller and much greater times.
        world.write_one();
        world.executor.run_until_idle();
        world.write_fleeting(1, OS);
        world.executor.run_until_idle();
        world.write_fleeting_of(0..1, 3, OS);
        world.write(&[OS, SYNC, OS, SYNC, OS]);
        assert!(world.flush());
        world.write(&[OS, SYNC, OS, SYNC, OS, SYNC]);
        assert!(world.flush());
        world.delete_fleeting(Some(1));
        world.executor.run_until_idle();
        world.write(&[OS]);
        assert!(world.flush());
        world.wait(Duration::from_mins(2));
        let stats = world.db().stats();
        assert_eq!(stats.empty_series, 0, "the definitions of two fleeting series are dropped");
        assert!(stats.tombstones > 0 || life > 0, "another file needs the tombstone");
        _ = world.look();
        world.write_fleeting(2, OS);
        world.write(&[SYNC, OS]);
        _ = world.look();
        end_life(world, life == 1);
    }
    compact_in_a_last_life(world);
}

/// Metadata in the manifest, in a frozen memtable and in the WAL alone: the flush of a frozen memtable makes durable what
/// was set before the freeze, also if it was replaced since by a record that a power loss takes back.
fn metadata(world: &mut World) {
    for life in 0..4 {
        world.options(small(), if life % 2 == 0 { OS } else { SYNC });
        open(world);
        world.set_metadata();
        world.write(&[OS, SYNC]);
        world.set_metadata();
        world.set_metadata();
        if life == 1 {
            assert!(world.flush());
        }
        _ = world.look();
        world.write(&[OS]);
        world.set_metadata();
        world.set_metadata();
        assert!(world.sync());
        world.send_flush();
        while world.db().stats().frozen_memtables == 0 && world.executor.poll_one() {}
        for _ in 0..3 {
            drop(world.send(OS));
            world.send_metadata();
        }
        world.executor.run_until_idle();
        _ = world.look();
        world.write(&[OS]);
        world.set_metadata();
        _ = world.look();
        if life == 2 {
            assert!(world.backup("/data/linked"));
        }
        end_life(world, life == 2);
    }
    compact_in_a_last_life(world);
}

/// Each opening finds deletes of points in SSTs, of points that it replays, and of points that the opening before
/// replayed.
fn deletes_in_the_log(world: &mut World) {
    for life in 0..3 {
        open(world);
        for _ in 0..3 {
            world.write(&[OS, SYNC]);
        }
        if life == 1 {
            assert!(world.flush());
        }
        world.write(&[SYNC, OS, SYNC]);
        world.delete();
        world.delete();
        world.write_one();
        world.delete();
        world.kill();
    }
    open(world);
    assert!(world.compact());
    world.kill();
    open(world);
    assert!(world.close());
}

/// The output of the first recovery is present after the second one, and after the close that follows.
fn closed_after_two_crashes(world: &mut World) {
    for _ in 0..2 {
        open(world);
        // Few batches: a flush between the crashes would hide that the second recovery depends on the output of the
        // first one only.
        for _ in 0..2 {
            world.write(&[OS, SYNC]);
        }
        world.kill();
    }
    open(world);
    world.write(&[OS, SYNC, OS]);
    world.write(&[OS, INTERVAL]);
    assert!(world.close());
    open(world);
    world.look();
    world.write(&[OS, OS, INTERVAL]);
    assert!(world.close());
}

/// Backups that are linked, copied where links are not possible, and failed half-way, then made in the same place. The
/// database continues.
fn backups(world: &mut World) {
    open(world);
    world.make_series(0);
    assert!(world.backup("/data/linked"));
    world.write(&[SYNC, OS]);
    assert!(world.flush());
    world.make_series(1);
    world.write(&[OS]);
    assert!(world.backup("/data/above/linked"));
    world.write_one();
    world.disk.inject(
        FaultTrigger::Kind { kind: CallKind::HardLink, skip: 1, times: 9 },
        Fault::Error(ErrorKind::CrossesDevices),
    );
    assert!(world.backup("/data/copied"));
    world.disk.clear_faults();
    world.make_series(2);
    world.write(&[OS]);
    world.disk.inject(call(CallKind::HardLink, 2), Fault::DiskFull);
    assert!(!world.backup("/data/again"));
    world.write_one();
    assert!(world.backup("/data/again"));
    world.write(&[OS, SYNC]);
    _ = world.look();
    assert!(world.close());
}
