//! Acknowledgement against load: what is acknowledged is visible, and a reader sees prefixes of the order that only grow.

use loom::thread;

use crate::actor::Work;
use crate::explore::{Explored, Witness, explore};
use crate::sync::block_on;
use crate::world::{Disk, Setup, World, points_through};

const FIRST: &[i64] = &[1, 2];
const SECOND: &[i64] = &[4, 3];
const OTHERS: &[i64] = &[5];

/// One client sends the first two one after the other, another client its own whenever it likes.
const ORDERS: [[&[i64]; 3]; 3] = [[FIRST, SECOND, OTHERS], [FIRST, OTHERS, SECOND], [OTHERS, FIRST, SECOND]];

/// A client writes two batches, the second partly late, and another client one, while a reader loads twice.
pub fn publish() -> Explored {
    explore("publish", 100_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(&Setup::default());
    let writer = thread::spawn(move || block_on(actors.writer.run(actors.commands)));
    let reading = world.clone();
    let witness = witness.clone();
    let reader = thread::spawn(move || {
        let first = Look::at(&reading);
        let second = Look::at(&reading);
        second.goes_on_from(&first);
        if first.seq == 1 {
            witness.seen();
        }
    });
    let other = world.clone();
    let client = thread::spawn(move || write(&other, OTHERS));
    let first = write(&world, FIRST);
    let second = write(&world, SECOND);
    second.goes_on_from(&first);
    client.join().expect("the other client's assertions hold");
    reader.join().expect("the reader's assertions hold");
    world.send(Work::Release);
    writer.join().expect("the writer ends");
}

/// Writes a batch, and looks once it is acknowledged.
fn write(world: &World, batch: &[i64]) -> Look {
    let ack = world.write(batch).wait_blocking().expect("every request is answered").expect("nothing fails here");
    assert!(world.store.look(Disk::durable_seq) >= ack.seq, "acked is durable");
    let look = Look::at(world);
    assert!(look.seq >= ack.seq, "acked is visible");
    look
}

/// What one load showed.
struct Look {
    seq: u64,
    /// The orders of which it is an exact prefix.
    orders: Vec<usize>,
}

impl Look {
    fn at(world: &World) -> Self {
        let version = world.latest.load();
        let points = world.points(&version);
        let shown = |order: &usize| points == points_through(&ORDERS[*order], version.seq);
        let orders: Vec<usize> = (0..ORDERS.len()).filter(shown).collect();
        assert!(!orders.is_empty(), "a snapshot is an exact prefix of the order");
        Self { seq: version.seq, orders }
    }

    fn goes_on_from(&self, before: &Self) {
        assert!(before.seq <= self.seq, "a reader never goes back");
        assert!(before.orders.iter().any(|order| self.orders.contains(order)), "there is one order for all");
    }
}
