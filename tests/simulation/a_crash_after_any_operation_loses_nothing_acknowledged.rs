//! Crashes every scenario after every operation, with up to 256 images of each power loss, and with power losses inside
//! the following recovery. `TIMESTRATA_IMAGES` sets a greater number of images per operation.

use timestrata::testing::SimDisk;

use crate::crash::{Counts, Depth, crash_everywhere};
use crate::scenarios::scenario;

/// Number of images per crash, unless the environment sets another number.
const IMAGES: usize = 256;

fn depth() -> Depth {
    let asked = std::env::var("TIMESTRATA_IMAGES").ok().map(|text| text.parse().expect("a number of images"));
    let images = asked.unwrap_or(IMAGES);
    Depth {
        images,
        recover_every: 1_009,
        images_in_recovery: images.div_ceil(128),
        recover_twice_every: 997,
        verify_every: 16,
        go_on_every: 64,
    }
}

fn loses_nothing(name: &str) -> Counts {
    let started = std::time::Instant::now();
    let counts = crash_everywhere(scenario(name), SimDisk::new(1), depth()).unwrap_or_else(|found| panic!("{found}"));
    println!("{name}: {counts:?}, {:.1} s", started.elapsed().as_secs_f64());
    assert!(counts.operations > 80 && counts.images > 1_000 && counts.in_recovery > 1_000, "{counts:?}");
    counts
}

#[test]
fn two_lives() {
    loses_nothing("a life, a close and another life");
}

#[test]
fn killed_twice() {
    loses_nothing("killed, opened on what the cache held, killed again");
}

#[test]
fn failed_flushes() {
    loses_nothing("a failed flush at each step, tried again");
}

#[test]
fn failed_sync() {
    loses_nothing("a failed sync, then an opening on the cached state");
}

#[test]
fn failed_writes() {
    loses_nothing("failed writes, each sealed off");
}

#[test]
fn failed_writes_without_descriptors() {
    loses_nothing("failed writes without descriptors");
}

#[test]
fn moved_directory() {
    loses_nothing("a moved directory");
}

#[test]
fn failed_rotations() {
    loses_nothing("failed rotations");
}

#[test]
fn failed_install() {
    loses_nothing("a failed install");
}

#[test]
fn unsynced_lives() {
    loses_nothing("lives without a sync");
}

#[test]
fn full_disk() {
    loses_nothing("a disk that is full");
}

#[test]
fn full_disk_at_opening() {
    loses_nothing("openings on a full disk");
}

#[test]
fn full_disk_behind_an_unsynced_name() {
    loses_nothing("openings behind a name that was not synced");
}

#[test]
fn dying_disk() {
    loses_nothing("a disk that fails at random");
}

#[test]
fn clock_jumps() {
    loses_nothing("jumps of the clock");
}

#[test]
fn unsynced_series() {
    loses_nothing("series without a sync");
}

#[test]
fn unsynced_segment() {
    loses_nothing("a long segment without a sync");
}

#[test]
fn failed_syncs() {
    loses_nothing("syncs that fail, of every step");
}

#[test]
fn cancelled_writes() {
    loses_nothing("writes given up at each turn");
}

#[test]
fn closed_after_two_crashes() {
    loses_nothing("crashed twice, then closed");
}

/// In addition, a backup is whole or not a database.
#[test]
fn backups() {
    let counts = loses_nothing("backups linked, copied and failed");
    assert!(counts.backups > 1_000, "{counts:?}");
}

#[test]
fn deletes() {
    loses_nothing("deletes before, between and after flushes and compactions");
}

#[test]
fn failed_compactions() {
    loses_nothing("a failed compaction at each step, tried again");
}

#[test]
fn compactions_overtaken() {
    loses_nothing("flushes and deletes while a compaction runs");
}

#[test]
fn dropped_definitions() {
    loses_nothing("series whose definitions are dropped");
}

#[test]
fn dropped_definitions_beside_a_tombstone() {
    loses_nothing("series whose definitions are dropped beside a tombstone");
}

#[test]
fn fleeting_series() {
    loses_nothing("series whose points all go and come again");
}

#[test]
fn metadata() {
    loses_nothing("metadata set, replaced and removed");
}

#[test]
fn deletes_in_the_log() {
    loses_nothing("an opening on deletes that only the log knows");
}

/// In addition, retention hides no point within its limits, and shows no point that was hidden.
#[test]
fn retention_by_age() {
    loses_nothing("retention by age");
}

#[test]
fn retention_under_a_wrong_clock() {
    loses_nothing("retention by age under a wrong clock");
}

#[test]
fn retention_by_bytes() {
    loses_nothing("retention by bytes");
}

#[test]
fn retention_by_rule() {
    loses_nothing("retention by a rule");
}
