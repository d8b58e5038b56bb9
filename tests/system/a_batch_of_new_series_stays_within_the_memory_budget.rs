//! Batches of 400,000 new series take at most a tenth more than the memory budget, besides the definitions of the series.
//! The peak is that of a process that only writes; the definitions are measured in a process that only opens the result.

use timestrata::{Batch, Db, Durability, SeriesKey, Timestamp};

use crate::child::{child, value_from_parent};
use crate::common::Home;

const NAME: &str = "a_batch_of_new_series_stays_within_the_memory_budget::\
                    batches_of_400_000_new_series_stay_within_eleven_tenths_of_the_budget";
const BUDGET: usize = 256 << 20;
const BATCH: usize = 400_000;
const RESULT: &str = "measured bytes: ";

/// Returns a line of `/proc/self/status` in bytes.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() << 10
}

fn open(path: &str) -> Db {
    Db::builder(path).durability(Durability::Os).memory_budget(BUDGET).open_blocking().unwrap()
}

/// Writes the batches, and returns the peak of the resident memory above that before the opening.
fn peak_of_writes(path: &str) -> usize {
    let before = status("VmRSS");
    let db = open(path);
    for first in [0, BATCH] {
        let mut batch = Batch::new();
        for n in first..first + BATCH {
            let (host, path) = (format!("host-{:05}", n / 100), (n % 100).to_string());
            let key = SeriesKey::new("http_requests").tag("host", host).tag("path", path);
            batch.push_key(&key, Timestamp::from_secs(1), 1.5);
        }
        db.write_blocking(batch).unwrap();
    }
    db.flush_blocking().unwrap();
    status("VmHWM") - before
}

/// Opens the database, and returns the resident memory that the definitions of its series take.
fn definitions(path: &str) -> usize {
    let before = status("VmRSS");
    let db = open(path);
    assert_eq!(db.stats().series, BATCH as u64 * 2);
    status("VmRSS").saturating_sub(before)
}

/// Runs a measurement in a process of its own.
fn measure(what: &str, home: &Home) -> usize {
    let output = child(NAME, &format!("{what} {}", home.path().display())).output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.split_once(RESULT)?.1.trim().parse().ok());
    line.unwrap_or_else(|| panic!("{text}{errors}"))
}

#[test]
fn batches_of_400_000_new_series_stay_within_eleven_tenths_of_the_budget() {
    if let Some(value) = value_from_parent() {
        let (what, path) = value.split_once(' ').unwrap();
        println!("{RESULT}{}", if what == "write" { peak_of_writes(path) } else { definitions(path) });
        return;
    }
    let home = Home::new();
    let (peak, definitions) = (measure("write", &home), measure("open", &home));
    let percent = peak.saturating_sub(definitions) * 100 / BUDGET;
    println!("peak {peak} bytes, definitions {definitions} bytes: {percent} % of the budget");
    assert!(percent <= 110, "peak {peak} bytes, definitions {definitions} bytes: {percent} % of the budget");
}
