//! Purges: the choice of a file that is rewritten only to apply deletes.
//!
//! Without it, deleted points in a file that no other rule picks would take space for ever, and every read of the file
//! would have to apply its tombstones.

use std::collections::BTreeSet;

use super::{CompactionPlan, CompactionTarget};
use crate::state::file_id::FileId;
use crate::state::tombstone::Tombstone;
use crate::state::version::SstMeta;
use crate::sync::Arc;

/// Fraction of its rectangle that deletes must cover to make a file worth rewriting.
const PURGE_AREA_FRACTION: f64 = 0.1;
/// Number of tombstones at which every file that one of them overlaps is worth rewriting.
///
/// Lookups in so many tombstones are expensive.
const PURGE_ALL_TOMBSTONES: usize = 64;

/// Picks the smallest file, in bytes, that is worth rewriting in place.
///
/// `tombstones` has the durable ones. If `manual`, every file is worth rewriting that a newer delete overlaps.
pub(crate) fn pick_purge(
    ssts: &[Arc<SstMeta>],
    tombstones: &[Arc<Tombstone>],
    manual: bool,
    running: &BTreeSet<FileId>,
) -> Option<CompactionPlan> {
    let min_fraction = if manual || tombstones.len() >= PURGE_ALL_TOMBSTONES { 0.0 } else { PURGE_AREA_FRACTION };
    let mut free: Vec<&Arc<SstMeta>> = ssts.iter().filter(|sst| !running.contains(&sst.id)).collect();
    // The search ends at the first file that is worth it, so the deleted fraction of larger files is not computed.
    free.sort_by_key(|sst| sst.file_len);
    let is_worthwhile = |sst: &&Arc<SstMeta>| {
        let applies = |tombstone: &&Arc<Tombstone>| tombstone.seq > sst.max_seq && tombstone.overlaps(&sst.rectangle);
        let mut applicable = tombstones.iter().filter(applies);
        if min_fraction == 0.0 {
            return applicable.next().is_some();
        }
        // An area that several tombstones cover counts several times.
        let mut fraction = 0.0;
        applicable.any(|tombstone| {
            fraction += deleted_fraction(sst, tombstone);
            fraction >= min_fraction
        })
    };
    free.into_iter().find(is_worthwhile).map(purge_of)
}

/// Returns the plan that rewrites a file in place.
pub(crate) fn purge_of(sst: &Arc<SstMeta>) -> CompactionPlan {
    let (level, generation, partition) = (sst.level, sst.generation, sst.partition);
    let output = CompactionTarget::InPlace { level, generation, partition };
    CompactionPlan { inputs: vec![Arc::clone(sst)], output }
}

/// Returns the fraction of the rectangle of a file that a delete covers. The two must overlap in time.
///
/// It equals the fraction of the points if they are spread evenly.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn deleted_fraction(sst: &SstMeta, tombstone: &Tombstone) -> f64 {
    let own = &sst.rectangle;
    let (first, last) = (own.times.first().max(tombstone.range.first()), own.times.last().min(tombstone.range.last()));
    let all_time = own.times.last().abs_diff(own.times.first()) as f64 + 1.0;
    let time = (last.abs_diff(first) as f64 + 1.0) / all_time;
    let all_series = f64::from(own.last_series.get() - own.first_series.get()) + 1.0;
    time * tombstone.series.count_within(&own.series()) as f64 / all_series
}
