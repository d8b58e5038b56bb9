//! Databases of one runtime divide a memory among themselves and take turns with compactions.

use std::time::{Duration, Instant};

use timestrata::{Db, Error, Runtime};

use crate::common::{Home, batch, key};

const MIB: usize = 1 << 20;

#[test]
fn each_opening_takes_its_budget_of_the_shared_memory_until_it_ends() {
    let homes = [Home::new(), Home::new(), Home::new()];
    let runtime = Runtime::builder().storage_memory_bytes(256 * MIB).build().unwrap();
    let open = |home: &Home| home.builder().runtime(&runtime).open_blocking();
    let of = |home: &Home, bytes| home.builder().runtime(&runtime).memory_budget(bytes).open_blocking();
    let taken = || runtime.stats().storage_memory_bytes;

    // A quarter each.
    let one = open(&homes[0]).unwrap();
    let other = open(&homes[1]).unwrap();
    assert_eq!(taken(), 128 << 20);
    let error = of(&homes[2], 129 * MIB).unwrap_err();
    assert!(matches!(error, Error::InvalidOption { option: "memory_budget", .. }));
    let text = error.to_string();
    assert!(text.contains("135266304 bytes are needed") && text.contains("134217728 left of 268435456"), "{text}");
    assert!(!homes[2].path().exists(), "a refused opening makes no directory");
    // Clones share an opening, and a reader takes a share of its own.
    let clone = one.clone();
    drop(one);
    let reader = homes[0].builder().runtime(&runtime).memory_budget(128 * MIB).read_only().open_blocking().unwrap();
    assert_eq!(taken(), 256 << 20);
    assert!(of(&homes[2], 64 * MIB).is_err());
    drop(reader);
    drop((clone, other));
    assert_eq!(taken(), 0);
    assert!(of(&homes[2], 257 * MIB).is_err());
    drop(of(&homes[2], 256 * MIB).unwrap());
    // A failed opening returns its share.
    assert!(homes[0].builder().runtime(&runtime).flush_at_bytes(0).open_blocking().is_err());
    assert_eq!(taken(), 0);
    for builder in [Runtime::builder().storage_memory_bytes(64 * MIB - 1), Runtime::builder().max_compactions(0)] {
        assert!(matches!(builder.build(), Err(Error::InvalidOption { .. })));
    }
}

fn with_files(home: &Home, runtime: &Runtime) -> Db {
    let db = home.builder().runtime(runtime).open_blocking().unwrap();
    for file in 0..3 {
        for series in 0..20 {
            let points = (0..2_000).map(|n| (file + n * 3, f64::from(u16::try_from(n % 911).unwrap())));
            db.write_blocking(batch(&key("m", series), points)).unwrap();
        }
        db.flush_blocking().unwrap();
    }
    db
}

#[test]
fn compactions_of_several_databases_take_turns() {
    let homes: [Home; 4] = std::array::from_fn(|_| Home::new());
    let runtime = Runtime::builder().max_compactions(1).build().unwrap();
    let dbs = homes.each_ref().map(|home| with_files(home, &runtime));
    let done = std::sync::atomic::AtomicBool::new(false);
    let most = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                most = most.max(runtime.stats().compactions);
                std::thread::yield_now();
            }
            most
        });
        let compactions: Vec<_> = dbs.iter().map(|db| scope.spawn(|| db.compact_blocking().unwrap())).collect();
        for compaction in compactions {
            compaction.join().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        watch.join().unwrap()
    });
    assert_eq!(most, 1, "one at a time, and at least one was seen");
    for db in &dbs {
        assert_eq!(db.stats().files, 1);
    }
    let give_up_at = Instant::now() + Duration::from_mins(1);
    while runtime.stats().compactions > 0 {
        assert!(Instant::now() < give_up_at);
        std::thread::yield_now();
    }
}
