//! Tests of the space that a database takes on the disk: empty, while it is written, and after a close.

use std::path::Path;

use super::TestDatabase;
use crate::{Batch, SeriesKey, Timestamp};

const SERIES: usize = 50;
const TICKS: i64 = 4_000;
const KIB: u64 = 1 << 10;

/// Returns the bytes of the blocks of 4 KiB that the files of a directory need, without the reserves.
fn occupied(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".reserve"));
    files.map(|entry| entry.metadata().unwrap().len().next_multiple_of(4 * KIB)).sum()
}

#[test]
fn the_directory_follows_what_is_written_and_a_close_leaves_what_the_points_need() {
    let home = TestDatabase::new();
    let db = home.open();
    assert!(occupied(&home.path()) <= 64 * KIB, "{} bytes while empty", occupied(&home.path()));
    let keys = (0..SERIES).map(|number| SeriesKey::new("gauge").tag("sensor", number.to_string()));
    let series = db.create_many_series(keys).blocking().unwrap();
    let (mut random, mut cents) = (42_u32, vec![5_000_i32; SERIES]);
    for tick in 0..TICKS {
        let mut batch = Batch::with_capacity(SERIES);
        for (series, cents) in series.iter().zip(&mut cents) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *cents += i32::try_from(random >> 16).unwrap() % 101 - 50;
            batch.push(*series, Timestamp::from_secs(1_700_000_000 + 10 * tick), f64::from(*cents) / 100.0);
        }
        db.write_with_blocking(batch, crate::Durability::Os).unwrap();
        if tick % 500 == 499 {
            let (bytes, log) = (occupied(&home.path()), db.stats().wal_bytes);
            assert!(bytes <= 2 * log + 64 * KIB, "{bytes} bytes, {log} in the log");
        }
    }
    db.close_blocking().unwrap();
    let points = u64::try_from(TICKS).unwrap() * SERIES as u64;
    let bytes = occupied(&home.path());
    assert!(bytes <= points + 24 * KIB, "{bytes} bytes of {points} points");
    let db = home.open();
    db.close_blocking().unwrap();
    assert!(occupied(&home.path()) <= points + 24 * KIB, "an opening and a close leave {}", occupied(&home.path()));
}
