//! Promises that are due after the answer: the sync of an interval, and the sync mark of an idle database, without
//! which damage to its last record would be accepted as a torn tail.

use std::path::PathBuf;
use std::time::Duration;

use timestrata::testing::{DiskImage, Executor, SimDisk};
use timestrata::{Durability, Error};

use crate::oracle::{Crash, Found, found};
use crate::world::{World, small};

/// Number of images that a power loss may leave.
const IMAGES: usize = 64;

fn opened() -> World {
    let mut world = World::new(SimDisk::new(1), 1);
    world.open(Crash::Process).unwrap();
    world
}

/// Returns the content that an opening of the image shows.
fn shown(image: &DiskImage) -> Result<Found, Error> {
    let disk = SimDisk::from_image(image, 1);
    disk.record(false);
    let mut executor = Executor::new(&disk, 1);
    executor.open(small()).map(|db| found(&db.snapshot()).unwrap())
}

#[test]
fn an_interval_ends_with_a_sync() {
    let every = Duration::from_millis(20);
    let mut world = opened();
    world.write(&[Durability::Os, Durability::Interval(every)]);
    let acknowledged = found(&world.db().snapshot()).unwrap();
    assert_eq!(acknowledged.len(), 2);
    let lost = |world: &World| {
        let images = world.disk.state().images(IMAGES, 1);
        images.filter(|image| !shown(image).unwrap().is_superset(&acknowledged)).count()
    };
    assert!(lost(&world) > 0, "no image shows that it still waits for its sync");
    world.wait(every);
    assert_eq!(lost(&world), 0, "the interval has passed, and a power loss takes what was acknowledged");
}

#[test]
fn an_idle_database_vouches_for_its_last_record() {
    let mut world = opened();
    let wal_bytes = |world: &World| usize::try_from(world.db().stats().wal_bytes).unwrap();
    world.write_one();
    let from = wal_bytes(&world);
    world.write_one();
    let until = wal_bytes(&world);
    world.wait(Duration::from_secs(1));
    assert!(wal_bytes(&world) > until, "it leaves a mark");
    let mut tried = 0;
    for image in world.disk.state().images(IMAGES, 1) {
        let is_wal = |path: &&PathBuf| path.to_string_lossy().contains("wal-");
        let path = image.files().keys().find(is_wal).unwrap();
        for at in from..until {
            let mut bytes = image.files()[path].to_vec();
            bytes[at] ^= 1;
            let refused = shown(&image.with_file(path, bytes));
            assert!(matches!(refused, Err(Error::Corrupt { .. })), "byte {at} passes as a torn end: {refused:?}");
            tried += 1;
        }
    }
    assert!(tried >= until - from && until - from > 50, "{tried} damages of {} bytes", until - from);
}
