//! Which file is written anew for the sake of deletes alone: what is hidden in a file that nothing else asks to merge
//! would take space, and its tombstone a look at every read, for ever.

use std::collections::BTreeSet;

use super::pick::{Output, Plan};
use super::{FileId, SstMeta, Tombstone};
use crate::sync::Arc;

/// A file is worth it when deletes cover at least one part in so many of its rectangle...
const WORTH_PART: f64 = 10.0;
/// ...or, cheapest file first, when there are so many tombstones that looking through them costs.
const MANY_TOMBSTONES: usize = 64;

/// The plan to write one file anew in its place. `asked`: whatever a delete meets is worth it.
///
/// `tombstones` are those that may be carried out.
pub(crate) fn pick_purge(
    ssts: &[Arc<SstMeta>],
    tombstones: &[Arc<Tombstone>],
    asked: bool,
    busy: &BTreeSet<FileId>,
) -> Option<Plan> {
    let worth = if asked || tombstones.len() >= MANY_TOMBSTONES { 0.0 } else { 1.0 / WORTH_PART };
    let mut free: Vec<&Arc<SstMeta>> = ssts.iter().filter(|sst| !busy.contains(&sst.id)).collect();
    // The cheapest that is worth it is the first: what a delete covers of the others is not counted.
    free.sort_by_key(|sst| sst.len);
    let is_touched = |sst: &&&Arc<SstMeta>| {
        let mut meeting =
            tombstones.iter().filter(|tombstone| tombstone.seq > sst.max_seq && tombstone.meets(&sst.rectangle));
        if worth == 0.0 {
            return meeting.next().is_some();
        }
        let mut part = 0.0;
        meeting.any(|tombstone| {
            part += hidden_part(sst, tombstone);
            part >= worth
        })
    };
    let sst = *free.iter().find(is_touched)?;
    let output = Output::InPlace { level: sst.level, age: sst.age, space: sst.space };
    Some(Plan { inputs: vec![Arc::clone(sst)], output })
}

/// The part of a file's rectangle that a delete covers, if its points lie evenly.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn hidden_part(sst: &SstMeta, tombstone: &Tombstone) -> f64 {
    let own = &sst.rectangle;
    let (first, last) = (own.first_time.max(tombstone.first_time), own.last_time.min(tombstone.last_time));
    let time = (last.abs_diff(first) as f64 + 1.0) / (own.last_time.abs_diff(own.first_time) as f64 + 1.0);
    let all = f64::from(own.last_series.get() - own.first_series.get()) + 1.0;
    time * tombstone.series.count_within(&own.series()) as f64 / all
}
