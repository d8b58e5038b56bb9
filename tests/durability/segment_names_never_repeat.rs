//! The name of a WAL segment or an SST denotes one file for ever, across flushes, closes, drops and reopenings. Spare
//! segments are the only files that change their name.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{Home, batch, key, names};

/// Returns the header of each segment and SST. A header is never rewritten, so it distinguishes files of the same name.
fn headers(home: &Home) -> BTreeMap<String, Vec<u8>> {
    let own = |name: &String| name.starts_with("wal-") || crate::common::is_sst(name);
    let head =
        |name: &String| std::fs::read(home.path().join(name)).ok().map(|bytes| bytes[..128.min(bytes.len())].to_vec());
    names(&home.path()).into_iter().filter(own).filter_map(|name| Some((name.clone(), head(&name)?))).collect()
}

#[test]
fn segment_names_never_repeat() {
    let home = Home::new();
    let mut seen: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut gone: BTreeSet<String> = BTreeSet::new();
    let mut watch = |home: &Home| {
        let now = headers(home);
        for (name, header) in &now {
            assert!(!gone.contains(name), "{name} was gone and is back");
            let before = seen.insert(name.clone(), header.clone());
            assert!(before.is_none_or(|before| before == *header), "{name} is another file now");
        }
        gone.extend(seen.keys().filter(|name| !now.contains_key(*name)).cloned());
        gone.len()
    };
    for life in 0..12_i64 {
        let db = home.builder().wal_segment_bytes(4096).open_blocking().unwrap();
        watch(&home);
        for n in 0..6 {
            db.write_blocking(batch(&key("m", 0), (0..200).map(|at| (at, life * 10 + n)))).unwrap();
            watch(&home);
            if n % 3 == life % 3 {
                db.flush_blocking().unwrap();
                watch(&home);
            }
        }
        if life % 2 == 0 {
            db.close_blocking().unwrap();
        } else {
            drop(db);
        }
        watch(&home);
    }
    assert!(watch(&home) > 30, "names came and went");
    assert_eq!(home.open().stats().points, 12 * 6 * 200);
}
