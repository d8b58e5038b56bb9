//! Bugs that the simulation has found, each as the smallest case that shows it.

use timestrata::testing::{Executor, Fault, FaultTrigger, SimDisk, SyncStep};

use crate::world::small;

/// The first opening ended before the name of its manifest was durable. The next opening found the manifest in the page
/// cache and created a segment beside it. A power loss that kept the segment's name and lost the manifest's name left
/// files without a manifest.
#[test]
fn a_manifest_that_only_the_page_cache_holds_is_made_durable_before_anything_is_made_beside_it() {
    let disk = SimDisk::new(1);
    let at = FaultTrigger::Sync { step: SyncStep::ManifestDirectory, skip: 0, times: 1 };
    disk.inject(at, Fault::Error(std::io::ErrorKind::Other));
    assert!(Executor::new(&disk, 1).open(small()).is_err(), "the first opening ends half-way");
    disk.kill();
    disk.record(true);
    drop(Executor::new(&disk, 2).open(small()).unwrap());
    let (mut state, log) = (disk.base(), disk.log());
    let mut images = 0;
    for op in &log {
        state.apply(op);
        for image in state.images(256, 1) {
            images += 1;
            let opened = Executor::new(&SimDisk::from_image(&image, 1), 3).open(small());
            assert!(opened.is_ok(), "after {op:?}, {:?}: {opened:?}", image.choice());
        }
    }
    assert!(images > log.len(), "{images} images of {} operations", log.len());
}
