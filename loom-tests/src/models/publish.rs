//! Acknowledgement beside load: an acknowledged write is durable and visible, and successive loads of a reader show
//! growing prefixes of one order of the records.

use loom::thread;

use crate::engine::actor::WriterCommand;
use crate::explore::{Exploration, Witness, explore};
use crate::world::{ModelDatabase, ModelDisk, ModelSetup, points_after_batches, spawn_writer};

const FIRST: &[i64] = &[1, 2];
const SECOND: &[i64] = &[4, 3];
const OTHERS: &[i64] = &[5];

/// Possible orders of the records: one client sends two batches in order; another client sends its batch at any time.
const ORDERS: [[&[i64]; 3]; 3] = [[FIRST, SECOND, OTHERS], [FIRST, OTHERS, SECOND], [OTHERS, FIRST, SECOND]];

/// Explores the model. A client writes two batches, the second with a late point. Another client writes one batch, and
/// a reader loads twice.
pub fn publish() -> Exploration {
    explore("publish", 90_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup::default());
    let writer = spawn_writer(actors.writer, actors.commands);
    let reading = world.clone();
    let witness = witness.clone();
    let reader = thread::spawn(move || {
        let first = Observation::at(&reading);
        let second = Observation::at(&reading);
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
    world.send(WriterCommand::Release);
    writer.join().expect("the writer ends");
}

/// Writes a batch, and loads a version after the acknowledgement: the batch must be durable and visible.
fn write(world: &ModelDatabase, batch: &[i64]) -> Observation {
    let ack = world.write(batch).recv_blocking().expect("every request is answered").expect("nothing fails here");
    assert!(world.store.look(ModelDisk::durable_seq) >= ack.seq, "acked is durable");
    let look = Observation::at(world);
    assert!(look.seq >= ack.seq, "acked is visible");
    look
}

/// Result of one load.
struct Observation {
    seq: u64,
    /// Indexes of the orders of which the loaded points are an exact prefix.
    orders: Vec<usize>,
}

impl Observation {
    /// Loads the newest version. Its points must be an exact prefix of at least one order.
    fn at(world: &ModelDatabase) -> Self {
        let version = world.latest.load();
        let points = world.points(&version);
        let shown = |order: &usize| points == points_after_batches(&ORDERS[*order], version.seq);
        let orders: Vec<usize> = (0..ORDERS.len()).filter(shown).collect();
        assert!(!orders.is_empty(), "a snapshot is an exact prefix of the order");
        Self { seq: version.seq, orders }
    }

    /// Asserts that this load does not go back behind an earlier one, and that both agree on an order.
    fn goes_on_from(&self, before: &Self) {
        assert!(before.seq <= self.seq, "a reader never goes back");
        assert!(before.orders.iter().any(|order| self.orders.contains(order)), "there is one order for all");
    }
}
