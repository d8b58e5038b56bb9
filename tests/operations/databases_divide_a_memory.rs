//! Databases of one runtime divide a memory among themselves.

use timestrata::{Db, Error, Runtime};

use crate::common::Home;

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
    // Four quarters fit, whatever the total is.
    let odd = Runtime::builder().storage_memory_bytes(300_000_001).build().unwrap();
    let quarters: Vec<_> =
        (0..4).map(|_| Db::builder("x").in_memory().runtime(&odd).open_blocking().unwrap()).collect();
    drop(quarters);
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
    // A closed database has returned its share, although a handle is left.
    let closed = of(&homes[0], 192 * MIB).unwrap();
    let handle = closed.clone();
    closed.close_blocking().unwrap();
    assert_eq!(taken(), 0);
    drop(handle);
    let too_small = Runtime::builder().storage_memory_bytes(64 * MIB - 1).build();
    assert!(matches!(too_small, Err(Error::InvalidOption { .. })));
}
