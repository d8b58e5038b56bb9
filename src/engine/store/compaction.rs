//! Compaction: merges the SSTs of a plan into new SSTs.
//!
//! - Inputs are never changed. After an error or a cancellation no output is left, unless its removal fails.
//! - Memory hardly grows with the size of the inputs. It is: per input the top page, one index page and, while the
//!   merge reads it, one block and the read-ahead; the buffers, indexes and dictionaries of `RegionWriter`; and at most
//!   65,536 size estimates.
//! - Inputs are read without the caches that queries share, because a compaction would evict everything from them.

mod empty_series_scan;
mod input;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use uuid::Uuid;

use self::empty_series_scan::EmptySeriesScan;
use self::input::{CompactionInput, InputFileCache};
use super::region_writer::{OutputSettings, RegionWriter};
use super::size_estimates::{SizeEstimates, estimate_for_block, max_estimates};
use crate::engine::actor::{CompactionExecutor, CompactionJob, EmptySeriesFound, EmptySeriesJob, JobOutput};
use crate::format::sst::IoCounters;
use crate::platform::env::Dir;
use crate::state::file_id::FileIdAllocator;
use crate::state::merge::MergeIterator;
use crate::state::version::SstMeta;
use crate::state::version::pick::{CompactionTarget, OutputRegion, SizeEstimate, compaction_regions};
use crate::types::error::{Error, Result};
use crate::types::point::Timestamp;
use crate::types::series::SeriesInfo;
use crate::types::time_range::TimeRange;

/// Executor of compactions and empty-series checks.
#[derive(Debug)]
pub(crate) struct SstCompactor {
    dir: Dir,
    uuid: Uuid,
    ids: Arc<FileIdAllocator>,
    /// Counters of reads, separate from those of queries.
    counters: Arc<IoCounters>,
    max_estimates: usize,
    /// Memory of a compaction in bytes.
    ///
    /// A quarter each is for the write buffers of the outputs, the read-ahead of the inputs, and the size estimates.
    memory: usize,
    /// Maximum number of inputs that are open at once.
    max_open_inputs: usize,
}

impl SstCompactor {
    pub(crate) fn new(dir: Dir, uuid: Uuid, ids: Arc<FileIdAllocator>, memory: usize, max_open_inputs: usize) -> Self {
        let max_estimates = max_estimates(memory);
        Self { dir, uuid, ids, counters: Arc::default(), max_estimates, memory, max_open_inputs }
    }

    fn input_files(&self) -> InputFileCache {
        InputFileCache::new(self.dir.clone(), self.uuid, Arc::clone(&self.counters), self.max_open_inputs)
    }

    fn size_estimates(&self, job: &CompactionJob, handles: &InputFileCache) -> Result<Vec<SizeEstimate>> {
        let mut estimates = SizeEstimates::at_most(self.max_estimates);
        for meta in &job.plan.inputs {
            let mut page = 0;
            while let Some(entries) = handles.open(meta)?.blocks_of_page(page)? {
                job.cancel.check()?;
                for entry in &entries {
                    estimates.push(estimate_for_block(entry));
                }
                page += 1;
            }
            estimates.next_source();
        }
        Ok(estimates.into_vec())
    }

    fn output_settings(&self, job: &CompactionJob) -> OutputSettings<'_> {
        let generation = match job.plan.output {
            CompactionTarget::InPlace { generation, .. } => generation,
            CompactionTarget::Base | CompactionTarget::Tier { .. } => job.output_generation,
        };
        let oldest = job.plan.inputs.iter().map(|meta| meta.min_seq).min();
        // Every delete up to this seq is applied in the outputs, by this compaction or an earlier one.
        let newest = job.flushed_seq;
        let seqs = oldest.unwrap_or(newest)..=newest;
        let (level, buffer_bytes) = (job.plan.output.level(), self.memory / 4);
        OutputSettings { dir: &self.dir, uuid: self.uuid, ids: &self.ids, level, generation, seqs, buffer_bytes }
    }

    fn write(&self, job: &CompactionJob) -> Result<Vec<SstMeta>> {
        let handles = Arc::new(self.input_files());
        let regions = compaction_regions(&job.plan, &self.size_estimates(job, &handles)?);
        self.write_into(job, &handles, regions)
    }

    fn write_into(
        &self,
        job: &CompactionJob,
        handles: &Arc<InputFileCache>,
        regions: Vec<OutputRegion>,
    ) -> Result<Vec<SstMeta>> {
        let mut writer = RegionWriter::new(self.output_settings(job), regions);
        let ahead = self.memory / 4 / job.plan.inputs.len().max(1);
        let open = |meta| CompactionInput::open(handles, meta, job, ahead);
        let mut inputs: Vec<CompactionInput> = job.plan.inputs.iter().map(open).collect::<Result<_>>()?;
        let mut timestamps = Vec::new();
        while let Some(id) = inputs.iter().filter_map(CompactionInput::series).min() {
            job.cancel.check()?;
            let mut holders: Vec<&mut CompactionInput> =
                inputs.iter_mut().filter(|input| input.series() == Some(id)).collect();
            let unknown = || {
                holders.first().map_or_else(
                    || Error::internal(format!("series {id} has no input")),
                    |input| input.unknown_series_error(),
                )
            };
            let def = job.series.get(id).ok_or_else(unknown)?;
            writer.begin_series(def)?;
            // Without any visible point in this series the loop still goes on: later series may have some.
            let mut merge = merge(job, def, &holders);
            while merge.next_chunk()? {
                job.cancel.check()?;
                timestamps.clear();
                timestamps.extend(merge.current_chunk().timestamps().iter().copied().map(Timestamp::as_nanos));
                writer.push(&timestamps, merge.current_chunk().values())?;
            }
            drop(merge);
            writer.end_series()?;
            holders.iter_mut().try_for_each(|input| input.skip_series(id))?;
        }
        writer.finish()
    }
}

impl CompactionExecutor for SstCompactor {
    fn compact(&mut self, job: &CompactionJob) -> Result<JobOutput> {
        let began = self.dir.env().monotonic_now();
        let ssts = self.write(job)?;
        Ok(JobOutput { ssts, duration: self.dir.env().monotonic_now().saturating_sub(began) })
    }

    fn find_empty_series(&mut self, job: &EmptySeriesJob) -> Result<EmptySeriesFound> {
        let handles = self.input_files();
        EmptySeriesScan::new(job).run(&handles)
    }
}

/// Returns the merge of one series over the inputs that contain it, oldest first.
fn merge(job: &CompactionJob, def: &SeriesInfo, holders: &[&mut CompactionInput]) -> MergeIterator<u64> {
    let cutoff = job.cutoffs.hidden_range(def);
    let lanes = holders.iter().map(|input| (input.source(def), input.hidden_ranges(def.id, cutoff))).collect();
    MergeIterator::new(TimeRange::ALL, lanes, def.duplicates)
}
