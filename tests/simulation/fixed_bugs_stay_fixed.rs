//! Bugs that the simulation has found, each as the smallest case that shows it.

use std::io::ErrorKind;

use timestrata::testing::{CallKind, DiskState, Executor, Fault, FaultTrigger, SimDisk, SyncStep};
use timestrata::{Batch, Db, Durability, SeriesKey, Timestamp};

use crate::world::small;

/// Number of images of one power loss.
const IMAGES: usize = 256;

/// The first opening ended before the name of its manifest was durable. The next opening found the manifest in the page
/// cache and created a segment beside it. A power loss that kept the segment's name and lost the manifest's name left
/// files without a manifest.
#[test]
fn a_manifest_that_only_the_page_cache_holds_is_made_durable_before_anything_is_made_beside_it() {
    let disk = SimDisk::new(1);
    let at = FaultTrigger::Sync { step: SyncStep::ManifestDirectory, skip: 0, times: 1 };
    disk.inject(at, Fault::Error(ErrorKind::Other));
    assert!(Executor::new(&disk, 1).open(small()).is_err(), "the first opening ends half-way");
    disk.kill();
    disk.record(true);
    drop(Executor::new(&disk, 2).open(small()).unwrap());
    let images = opens_after_each(&disk, IMAGES);
    assert!(images > disk.log().len(), "{images} images of {} operations", disk.log().len());
}

/// Opens the images of a power loss after each recorded operation, and returns their number.
fn opens_after_each(disk: &SimDisk, most: usize) -> usize {
    let mut state = disk.base();
    let mut images = opens(&state, most, "before the first operation");
    for op in disk.log() {
        state.apply(&op);
        images += opens(&state, most, &format!("after {op:?}"));
    }
    images
}

/// Opens up to `most` images of a power loss, and returns their number.
fn opens(state: &DiskState, most: usize, when: &str) -> usize {
    let images = state.images(most, 1);
    images
        .map(|image| {
            let opened = Executor::new(&SimDisk::from_image(&image, 1), 3).open(small());
            assert!(opened.is_ok(), "{when}, {:?}: {opened:?}", image.choice());
        })
        .count()
}

fn write(db: &Db, executor: &mut Executor, time: i64) -> timestrata::Result<()> {
    let db = db.clone();
    let written = executor.block_on(async move {
        let series = db.create_series(SeriesKey::new("m")).await?;
        let mut batch = Batch::new();
        batch.push(series, Timestamp::from_nanos(time), 1.0);
        db.write_with(batch, Durability::Sync).await.map(drop)
    });
    written.expect("it is answered")
}

/// The opening that created the directories was killed before it had synced the directory above them. The next one synced
/// only the parent of the database's directory.
#[test]
fn directories_of_an_opening_that_was_killed_are_durable_before_the_first_acknowledgement() {
    let disk = SimDisk::new(1);
    disk.inject(FaultTrigger::Kind { kind: CallKind::CreateDir, skip: 0, times: 1 }, Fault::AppliedButFailed);
    assert!(Executor::new(&disk, 1).open(small()).is_err(), "the first opening ends half-way");
    disk.kill();
    let mut executor = Executor::new(&disk, 2);
    let db = executor.open(small()).unwrap();
    write(&db, &mut executor, 1).unwrap();
    for kept in disk.state().images(IMAGES, 1) {
        let opened = Executor::new(&SimDisk::from_image(&kept, 1), 3).open(small().create_if_missing(false));
        let db = opened.expect("the database is there");
        assert!(db.find_series(&SeriesKey::new("m")).is_some());
    }
}

/// The name of a new directory was not synced, and the next opening found the directory.
#[test]
fn a_directory_whose_name_was_not_synced_is_created_again() {
    for error in [ErrorKind::Other, ErrorKind::StorageFull] {
        let disk = SimDisk::new(1);
        let at = FaultTrigger::Sync { step: SyncStep::ParentDirectory, skip: 1, times: 1 };
        disk.inject(at, Fault::Error(error));
        assert!(Executor::new(&disk, 1).open(small()).is_err());
        let mut executor = Executor::new(&disk, 2);
        let db = executor.open(small()).unwrap();
        write(&db, &mut executor, 1).unwrap();
        for kept in disk.state().images(IMAGES, 1) {
            let opened = Executor::new(&SimDisk::from_image(&kept, 1), 3).open(small().create_if_missing(false));
            assert!(opened.expect("the database is there").find_series(&SeriesKey::new("m")).is_some());
        }
    }
}

/// A group was written whole, the call reported an error, and the group was cut off without a durable sync. An opening on
/// a full disk passed over its segment, which was empty in the page cache. A power loss brought the group back.
#[test]
fn a_segment_that_was_passed_over_may_have_records() {
    let disk = SimDisk::new(1);
    let mut executor = Executor::new(&disk, 1);
    let db = executor.open(small()).unwrap();
    write(&db, &mut executor, 1).unwrap();
    // A failed write seals the segment: the next one is empty.
    disk.inject(FaultTrigger::Kind { kind: CallKind::Write, skip: 0, times: 1 }, Fault::Error(ErrorKind::Other));
    assert!(write(&db, &mut executor, 2).is_err());
    disk.inject(FaultTrigger::Kind { kind: CallKind::Write, skip: 0, times: 1 }, Fault::AppliedButFailed);
    disk.inject(FaultTrigger::Kind { kind: CallKind::Create, skip: 0, times: 1 }, Fault::TooManyFiles);
    let cut = FaultTrigger::Sync { step: SyncStep::WalGroup, skip: 0, times: 1 };
    disk.inject(cut, Fault::Error(ErrorKind::Other));
    assert!(write(&db, &mut executor, 3).is_err());
    executor.kill();
    let used: usize = disk.live_image().files().values().map(|bytes| bytes.len()).sum();
    disk.capacity(Some(used as u64));
    let mut executor = Executor::new(&disk, 2);
    drop(executor.open(small()).expect("it opens on a full disk"));
    assert!(opens(&disk.state(), IMAGES, "at the end") > 1);
}

/// An edit that named new definitions and no new file was written whole, the call reported an error, and the edit was cut
/// off without a durable sync. The next opening cut the series log. A power loss brought the edit back.
#[test]
fn an_edit_that_was_cut_off_names_nothing_that_an_opening_removes() {
    let mut opened = 0;
    for skip in 0..6 {
        let disk = SimDisk::new(1);
        let mut executor = Executor::new(&disk, 1);
        let db = executor.open(small()).unwrap();
        write(&db, &mut executor, 1).unwrap();
        let (flushed, made) = (db.clone(), db.clone());
        executor.block_on(async move { flushed.flush().await }).unwrap().unwrap();
        executor.block_on(async move { made.create_series(SeriesKey::new("n")).await }).unwrap().unwrap();
        disk.inject(FaultTrigger::Kind { kind: CallKind::Write, skip, times: 1 }, Fault::ShortWrite(usize::MAX));
        let cut = FaultTrigger::Sync { step: SyncStep::ManifestEdit, skip: 0, times: 1 };
        disk.inject(cut, Fault::Error(ErrorKind::Other));
        _ = executor.block_on(async move { db.flush().await });
        executor.kill();
        disk.clear_faults();
        disk.record(true);
        drop(Executor::new(&disk, 2).open(small()).unwrap());
        opened += opens_after_each(&disk, IMAGES);
    }
    assert!(opened > 100, "{opened} images");
}
