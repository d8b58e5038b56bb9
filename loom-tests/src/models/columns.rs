//! Appends beyond the published prefix: chunks are linked and filled while readers traverse them.

use loom::thread;

use crate::explore::{Exploration, Witness, explore};
use crate::state::memtable::{Memtable, MemtableView};
use crate::state::watch::Watch;
use crate::sync::Arc;
use crate::types::point::PointColumns;
use crate::world::{SERIES, model_points, read_series, value_of};

/// The second and the third batch have a point in time order and a late point each. With the sizes of the models, the
/// batches use the inline point, three chunks of the in-order list and two chunks of the late list.
const BATCHES: [&[i64]; 3] = [&[5, 6], &[7, 1], &[8, 2]];

/// Explores the model. A writer inserts three batches and publishes a view after each one. Two readers load and read
/// twice.
pub fn columns() -> Exploration {
    explore("columns", 14_000, body)
}

fn body(witness: &Witness) {
    let latest = Arc::new(Watch::new(Arc::new(MemtableView::empty())));
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

/// Loads two views one after the other, and reads each of them twice.
fn read(latest: &Watch<MemtableView>, witness: &Witness) {
    let mut before = 0;
    for _ in 0..2 {
        let view = latest.load();
        let batches = read_whole_batches(&view);
        assert!(before <= batches, "a reader never goes back");
        if latest.revision() > batches as u64 {
            // A newer version was published while this view was read.
            witness.seen();
        }
        assert_eq!(read_whole_batches(&view), batches, "a view holds still");
        before = batches;
    }
}

/// Returns the number of batches that a view shows. Asserts that the batches are complete and their values intact.
fn read_whole_batches(view: &MemtableView) -> usize {
    let mut cells = Vec::new();
    read_series(view, SERIES, &mut cells);
    let batches = cells.len() / 2;
    let shown: Vec<i64> = BATCHES.iter().take(batches).copied().flatten().copied().collect();
    let points: Vec<(i64, u64)> = cells.iter().map(|cell| (cell.timestamp, cell.bits)).collect();
    assert_eq!(points, model_points(&shown), "a reader sees whole batches only, values intact");
    batches
}
