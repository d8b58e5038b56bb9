//! Checks the harness itself: each sync of the engine is omitted, and each is delayed beyond the point where the engine
//! relies on it. The crashes of some scenario must detect it.

use std::time::Instant;

use timestrata::testing::{SimDisk, SyncStep};

use crate::crash::{Depth, crash_everywhere};
use crate::scenarios::SCENARIOS;

/// Returns the violation of the first scenario that detects the bug, and the number of images until then.
fn caught(step: SyncStep, plant: impl Fn(&SimDisk)) -> Option<(String, u64)> {
    let depth = Depth { images: 48, images_in_recovery: 2, ..Depth::SHALLOW };
    let mut images = 0;
    // Only one scenario makes backups, and one rewrites the series log: crashes of others would be useless.
    let first_words = match step {
        SyncStep::BackupCopy | SyncStep::BackupDirectory => "backups",
        SyncStep::SeriesLogRewrite | SyncStep::SeriesLogRewriteDirectory => "series whose definitions",
        _ => "",
    };
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name.starts_with(first_words)) {
        let disk = SimDisk::new(1);
        plant(&disk);
        match crash_everywhere(*scenario, disk, depth) {
            Ok(counts) => images += counts.images + counts.in_recovery,
            Err(found) => return Some((found.to_string(), images + found.tried.images + found.tried.in_recovery)),
        }
    }
    None
}

fn all_caught(planted: &str, plant: impl Fn(&SimDisk, SyncStep)) {
    let mut missed = Vec::new();
    // The sync of a reserve protects from a full disk, not from a crash: see a_full_disk_never_makes_it_read_only. A
    // reader process syncs, too: see the test of readers.
    let others = [SyncStep::Reserve, SyncStep::ReaderDirectory];
    for step in SyncStep::ALL.into_iter().filter(|step| !others.contains(step)) {
        let started = Instant::now();
        let found = caught(step, |disk| plant(disk, step));
        let took = started.elapsed().as_secs_f64();
        match found {
            Some((what, images)) => println!("{planted} {step:?}: caught after {images} images, {took:.2} s: {what}"),
            None => missed.push(step),
        }
    }
    assert!(missed.is_empty(), "{planted}: nothing notices {missed:?}");
}

#[test]
fn without_it() {
    all_caught("without", SimDisk::omit_sync);
}

/// Returns the number of operations by which a sync must be late to come after the operation that relies on it.
fn operations_until_relied_on(step: SyncStep) -> usize {
    match step {
        // The successor's header is written and synced; its name makes the seal count.
        SyncStep::WalSegmentEnd => 3,
        // The rename, the sync of the directory, and both halves of the edit that names the file.
        SyncStep::SstData => 4,
        // The sync of the directory, and the edit that names the log.
        SyncStep::SeriesLogRewrite => 2,
        // The rest of the opening comes before the first acknowledgement.
        SyncStep::ParentDirectory => 24,
        // The operations until the manifest has its name.
        SyncStep::BackupCopy | SyncStep::BackupDirectory => 8,
        // The next operation.
        _ => 1,
    }
}

#[test]
fn after_what_relies_on_it() {
    all_caught("late", |disk, step| disk.delay_sync(step, operations_until_relied_on(step)));
}
