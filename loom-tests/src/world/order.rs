//! What a model asks for, in the order of the records, and what must be seen of it.

use super::disk::Seen;
use super::points_of;

/// One record of the order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asks {
    /// A batch of these timestamps.
    Write(&'static [i64]),
    /// A delete from the first to the last of these times.
    Delete(i64, i64),
}

/// The points that the first `seq` records come to, in order of time: a delete takes away what came before it alone.
pub(crate) fn points_after(order: &[Asks], seq: u64) -> Vec<Seen> {
    let mut there: Vec<i64> = Vec::new();
    for (_, asks) in (0..seq).zip(order) {
        match asks {
            Asks::Write(batch) => there.extend(batch.iter()),
            Asks::Delete(first, last) => there.retain(|at| !(first..=last).contains(&at)),
        }
    }
    points_of(&there)
}
