//! Appending beyond the published prefix: chunks are linked and filled while readers walk them.

use loom::thread;

use crate::explore::{Explored, Witness, explore};
use crate::latest::Latest;
use crate::memtable::{Memtable, View};
use crate::point::PointColumns;
use crate::sync::Arc;
use crate::world::{SERIES, points_of, value_of};

/// In time order, then late, then in order again: head, two chunks, and the late lane.
const BATCHES: [&[i64]; 3] = [&[5, 6], &[7, 1], &[8, 2]];

/// A writer inserts three batches and publishes a view after each; two readers load and read twice meanwhile.
pub fn columns() -> Explored {
    explore("columns", 14_000, body)
}

fn body(witness: &Witness) {
    let latest = Arc::new(Latest::new(Arc::new(View::empty())));
    let publishing = Arc::clone(&latest);
    let writer = thread::spawn(move || {
        let mut memtable = Memtable::new();
        for batch in BATCHES {
            let bits: Vec<u64> = batch.iter().copied().map(value_of).collect();
            memtable.insert(PointColumns { series: &[SERIES, SERIES], timestamps: batch, bits: &bits });
            publishing.publish(Arc::new(memtable.view()));
        }
    });
    let (reading, other) = (Arc::clone(&latest), witness.clone());
    let reader = thread::spawn(move || read(&reading, &other));
    read(&latest, witness);
    reader.join().expect("the reader's assertions hold");
    writer.join().expect("the writer ends");
}

/// Loads twice, and reads each view twice.
fn read(latest: &Latest<View>, witness: &Witness) {
    let mut before = 0;
    for _ in 0..2 {
        let view = latest.load();
        let batches = read_whole_batches(&view);
        assert!(before <= batches, "a reader never goes back");
        if latest.number() > batches as u64 {
            // Read under a newer version's hands.
            witness.seen();
        }
        assert_eq!(read_whole_batches(&view), batches, "a view holds still");
        before = batches;
    }
}

/// How many batches a view shows; that they are whole and their values intact is asserted.
fn read_whole_batches(view: &View) -> usize {
    let mut cells = Vec::new();
    view.read(SERIES, &(i64::MIN..=i64::MAX), &mut cells);
    let batches = cells.len() / 2;
    let shown: Vec<i64> = BATCHES.iter().take(batches).copied().flatten().copied().collect();
    let points: Vec<(i64, u64)> = cells.iter().map(|cell| (cell.timestamp, cell.bits)).collect();
    assert_eq!(points, points_of(&shown), "a reader sees whole batches only, values intact");
    batches
}
