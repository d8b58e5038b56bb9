//! A harness that finds nothing proves nothing: each sync of the engine is left out, and each is carried out later than
//! the engine believes. The crashes of some scenario must show it.

use std::time::Instant;

use timestrata::testing::{SimDisk, SyncStep};

use crate::crash::{Depth, crash_everywhere};
use crate::scenarios::SCENARIOS;

/// The first scenario that notices, what it says, and how many images that took.
fn caught(step: SyncStep, plant: impl Fn(&SimDisk)) -> Option<(String, u64)> {
    let depth = Depth { images: 48, images_in_recovery: 2, ..Depth::SHALLOW };
    let mut images = 0;
    // One scenario alone makes backups: all others would be crashed for nothing.
    let of_backups = matches!(step, SyncStep::BackupCopy | SyncStep::BackupDirectory);
    for scenario in SCENARIOS.iter().filter(|scenario| !of_backups || scenario.name.starts_with("backups")) {
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
    for step in SyncStep::ALL {
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

/// By how many operations a sync must be late to come after what relies on it.
fn operations_until_relied_on(step: SyncStep) -> usize {
    match step {
        // The successor's header is written and synced; its name makes the seal count.
        SyncStep::WalPredecessor => 3,
        // Rename, the directory's sync, and both halves of the edit that names it.
        SyncStep::Sst => 4,
        // The rest of the opening comes before the first acknowledgement.
        SyncStep::ParentDirectory => 24,
        // What follows until the manifest has its name.
        SyncStep::BackupCopy | SyncStep::BackupDirectory => 8,
        // Whatever follows.
        _ => 1,
    }
}

#[test]
fn after_what_relies_on_it() {
    all_caught("late", |disk, step| disk.delay_sync(step, operations_until_relied_on(step)));
}
