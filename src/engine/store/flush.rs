//! Flush: writes a frozen memtable as SSTs.
//!
//! Deletes, the cutoffs and the duplicate policy are applied. The remaining points are divided into regions, as for the
//! outputs of a compaction, and each region with points becomes a file.

use std::sync::Arc;

use uuid::Uuid;

use super::region_writer::{OutputSettings, RegionWriter};
use super::size_estimates::{SizeEstimates, SplitCriteria, estimate_for_memtable, max_estimates, split_timestamps};
use crate::engine::actor::{FlushExecutor, FlushJob, JobOutput};
use crate::format::sst::MAX_BLOCK_POINTS;
use crate::platform::env::Dir;
use crate::state::file_id::FileIdAllocator;
use crate::state::rectangle::Rectangle;
use crate::state::version::L0;
use crate::state::version::pick::{SizeEstimate, flush_regions, late_border};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::series::{SeriesId, SeriesInfo};
use crate::types::time_range::TimeRange;

/// Divisor of the memtable's time span that gives the minimum gap.
///
/// Points of a series that are at least this far criteria may be written to different files.
const GAP_FRACTION: u64 = 16;

/// Minimum gap as a multiple of the mean distance between points of a series.
///
/// Without it, every distance in a series with few points would count as a gap.
const MIN_GAP_STEPS: u64 = 2;

/// Bytes per point while a series is read.
///
/// A point is stored once as a raw point and once in columns, in vectors that may be half empty.
const POINT_MEMORY_BYTES: usize = 64;

/// Executor of flushes.
#[derive(Debug)]
pub(crate) struct SstFlusher {
    pub(super) dir: Dir,
    pub(super) uuid: Uuid,
    pub(super) ids: Arc<FileIdAllocator>,
    /// Memory of a flush in bytes.
    ///
    /// A quarter is for the points of a series that are read at once, a quarter for the size estimates, and half for
    /// the write buffers of the open files.
    pub(super) memory: usize,
}

impl SstFlusher {
    /// Returns how many points of a series are read at once.
    ///
    /// They are at least two full blocks, which the SST writer buffers anyway.
    fn part_points(&self) -> usize {
        (self.memory / 4 / POINT_MEMORY_BYTES).max(2 * MAX_BLOCK_POINTS)
    }
}

impl FlushExecutor for SstFlusher {
    fn flush(&mut self, job: &FlushJob) -> Result<JobOutput> {
        let began = self.dir.env().monotonic_now();
        let part_points = self.part_points();
        let fragments = fragments(job, part_points, max_estimates(self.memory))?;
        let ssts = if fragments.is_empty() {
            Vec::new()
        } else {
            let frozen = &job.frozen;
            let outputs = OutputSettings {
                dir: &self.dir,
                uuid: self.uuid,
                ids: &self.ids,
                level: L0,
                generation: frozen.generation,
                seqs: frozen.min_seq..=frozen.max_seq,
                buffer_bytes: self.memory / 2,
            };
            let regions = flush_regions(&fragments, job.newest_flushed_time);
            let mut writer = RegionWriter::new(outputs, regions);
            let mut current = None;
            for_each_part(job, part_points, |def, timestamps, bits| {
                if current.replace(def.id) != Some(def.id) {
                    writer.end_series()?;
                    writer.begin_series(def)?;
                }
                writer.push(timestamps, bits)
            })?;
            writer.end_series()?;
            writer.finish()?
        };
        Ok(JobOutput { ssts, duration: self.dir.env().monotonic_now().saturating_sub(began) })
    }
}

/// Returns size estimates of the points to flush.
///
/// The points are read once for the estimates and once for writing, because they may not fit into memory. The estimates
/// need the timestamps alone, which are sorted in half the time that points take. Duplicate points are counted.
fn fragments(job: &FlushJob, part_points: usize, most: usize) -> Result<Vec<SizeEstimate>> {
    let frozen = &job.frozen;
    let Some(times) = frozen.view.time_range() else { return Ok(Vec::new()) };
    let criteria = SplitCriteria {
        late_until: late_border(times, job.newest_flushed_time),
        min_gap: min_gap(times, frozen.view.points() / frozen.view.series_count().max(1) as u64),
    };
    let (mut fragments, mut timestamps) = (SizeEstimates::at_most(most), Vec::new());
    let mut definitions = frozen.series.lookup();
    for (id, mut parts) in frozen.view.part_readers(part_points) {
        let def = definitions.get(id).ok_or_else(|| undefined_series(id))?;
        timestamps.clear();
        while parts.next_timestamps(&mut timestamps) {
            let hidden =
                job.cutoffs.for_series(def).map_or(0, |cutoff| timestamps.partition_point(|time| *time < cutoff));
            let visible = &timestamps[hidden..];
            for piece in split_timestamps(visible, criteria) {
                let times = TimeRange::new(visible[piece.start], visible[piece.end - 1]);
                fragments.push(estimate_for_memtable(Rectangle::of_series(id, times), piece.len()));
            }
            timestamps.clear();
        }
    }
    Ok(fragments.into_vec())
}

/// Returns the minimum gap that separates two points of a series, in nanoseconds, in a memtable with these times and so
/// many points per series.
fn min_gap(times: TimeRange, points_per_series: u64) -> u64 {
    let span = times.first().abs_diff(times.last());
    let step = span / points_per_series.saturating_sub(1).max(1);
    (span / GAP_FRACTION).max(step.saturating_mul(MIN_GAP_STEPS)).max(1)
}

/// Calls `act` for each part of each series, with the points to flush in time order.
///
/// A series may fill a memtable, so it is read in parts. All points of one timestamp are in one part. A part may be empty.
fn for_each_part(
    job: &FlushJob,
    part_points: usize,
    mut act: impl FnMut(&SeriesInfo, &[i64], &[u64]) -> Result<()>,
) -> Result<()> {
    let frozen = &job.frozen;
    let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
    let mut definitions = frozen.series.lookup();
    for (id, mut parts) in frozen.view.part_readers(part_points) {
        // A point is inserted only after its series is in the index.
        let def = definitions.get(id).ok_or_else(|| undefined_series(id))?;
        let cutoff = job.cutoffs.for_series(def);
        timestamps.clear();
        bits.clear();
        while parts.next(&mut timestamps, &mut bits) {
            keep_one_per_time(def.duplicates, &mut timestamps, &mut bits);
            let hidden = cutoff.map_or(0, |cutoff| timestamps.partition_point(|time| *time < cutoff));
            act(def, timestamps.get(hidden..).unwrap_or_default(), bits.get(hidden..).unwrap_or_default())?;
            timestamps.clear();
            bits.clear();
        }
    }
    Ok(())
}

/// Returns the error for a point of a series that the memtable does not define: a bug.
fn undefined_series(id: SeriesId) -> Error {
    Error::internal(format!("series {id} of a memtable is not defined"))
}

/// Applies the duplicate policy to points in time order, which are at equal times in order of arrival.
fn keep_one_per_time(duplicates: DuplicatePolicy, timestamps: &mut Vec<i64>, bits: &mut Vec<u64>) {
    let is_duplicate = |pair: &[i64]| pair[0] == pair[1];
    if duplicates == DuplicatePolicy::KeepAll || !timestamps.windows(2).any(is_duplicate) {
        return;
    }
    let mut last = 0;
    for at in 1..timestamps.len() {
        let is_new = timestamps[at] != timestamps[last];
        last += usize::from(is_new);
        timestamps[last] = timestamps[at];
        if is_new || duplicates == DuplicatePolicy::KeepLast {
            bits[last] = bits[at];
        }
    }
    timestamps.truncate(last + 1);
    bits.truncate(last + 1);
}

#[cfg(test)]
mod tests;
