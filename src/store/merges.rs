//! Merges the SSTs of a plan into new ones: the compactor's half of the storage.
//! Promises that inputs are never touched, that after an error or a cancel no output is left, and that memory does not grow
//! with what is merged: of each input one index page and, while the merge is inside it, one block and what was read
//! ahead; of the outputs what `RegionWriter` says; and 65,536 estimates of what lies where.
//! Must not know why these files are merged; it reads past the caches that queries share, which it would wash out.

mod census;
mod input;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use uuid::Uuid;

use self::census::Census;
use self::input::{Handles, Input};
use super::fragments::{Fragments, most_fragments};
use super::regions::{Outputs, RegionWriter};
use crate::actor::{CensusJob, Made, MergeJob, Merges};
use crate::env::Dir;
use crate::error::{Error, Result};
use crate::merge::{Merge, TimeRange};
use crate::point::Timestamp;
use crate::series::{SeriesDef, SeriesSet};
use crate::sst::{BlockEntry, IoCounters};
use crate::sync::atomic::Ordering;
use crate::version::pick::{Fragment, Output, Region, regions};
use crate::version::{FileIds, Rectangle, SstMeta};

/// What a block takes in the index of its file.
const INDEX_BYTES: u64 = 48;

/// Where SSTs are merged.
#[derive(Debug)]
pub(crate) struct SstMerges {
    dir: Dir,
    uuid: Uuid,
    ids: Arc<FileIds>,
    /// Not those of the queries: nobody asked for these reads.
    counters: Arc<IoCounters>,
    most_fragments: usize,
    /// What a merge may work with: a quarter for what outputs gather, a quarter for what inputs read ahead, a quarter for
    /// estimates of what lies where.
    memory: usize,
}

impl SstMerges {
    pub(crate) fn new(dir: Dir, uuid: Uuid, ids: Arc<FileIds>, memory: usize) -> Self {
        Self { dir, uuid, ids, counters: Arc::default(), most_fragments: most_fragments(memory), memory }
    }

    fn fragments(&self, job: &MergeJob, handles: &Handles) -> Result<Vec<Fragment>> {
        let mut fragments = Fragments::at_most(self.most_fragments);
        for meta in &job.plan.inputs {
            let mut page = 0;
            while let Some(entries) = handles.open(meta)?.page_entries(page)? {
                wanted(job)?;
                for entry in &entries {
                    fragments.push(fragment(entry));
                }
                page += 1;
            }
            fragments.next_source();
        }
        Ok(fragments.into_vec())
    }

    fn outputs(&self, job: &MergeJob) -> Outputs<'_> {
        let age = match job.plan.output {
            Output::InPlace { age, .. } => age,
            Output::Base | Output::Tier { .. } => job.age,
        };
        let oldest = job.plan.inputs.iter().map(|meta| meta.min_seq).min();
        // Every delete up to there has been carried out in what is written, or in the input before.
        let newest = job.flushed_seq;
        let seqs = oldest.unwrap_or(newest)..=newest;
        let (level, memory) = (job.plan.output.level(), self.memory / 4);
        Outputs { dir: &self.dir, uuid: self.uuid, ids: &self.ids, level, age, seqs, memory }
    }

    fn write(&self, job: &MergeJob) -> Result<Vec<SstMeta>> {
        let handles = Arc::new(Handles::new(self.dir.clone(), self.uuid, Arc::clone(&self.counters)));
        let regions = regions(&job.plan, &self.fragments(job, &handles)?);
        self.write_into(job, &handles, regions)
    }

    fn write_into(&self, job: &MergeJob, handles: &Arc<Handles>, regions: Vec<Region>) -> Result<Vec<SstMeta>> {
        let mut writer = RegionWriter::new(self.outputs(job), regions);
        let ahead = self.memory / 4 / job.plan.inputs.len().max(1);
        let open = |meta| Input::open(handles, meta, job, ahead);
        let mut inputs: Vec<Input> = job.plan.inputs.iter().map(open).collect::<Result<_>>()?;
        let mut timestamps = Vec::new();
        while let Some(id) = inputs.iter().filter_map(Input::series).min() {
            wanted(job)?;
            let mut holders: Vec<&mut Input> = inputs.iter_mut().filter(|input| input.series() == Some(id)).collect();
            let unknown = || holders.first().map_or(Error::UnknownSeries { id: id.get() }, |input| input.undefined());
            let def = job.series.get(id).ok_or_else(unknown)?;
            writer.begin_series(def)?;
            // Also where all of it is hidden: what comes after is not.
            let mut merge = merge(job, def, &holders);
            #[cfg(feature = "planted")]
            timestamps.clear();
            while merge.advance()? {
                wanted(job)?;
                timestamps.clear();
                timestamps.extend(merge.chunk().timestamps().iter().copied().map(Timestamp::as_nanos));
                writer.push(&timestamps, merge.chunk().values())?;
            }
            drop(merge);
            writer.end_series()?;
            // 5: a series of which nothing is left passes as the end.
            #[cfg(feature = "planted")]
            if timestamps.is_empty() && crate::planted::is("hidden_series_ends_the_merge") {
                break;
            }
            holders.iter_mut().try_for_each(|input| input.leave(id))?;
        }
        writer.finish()
    }
}

impl Merges for SstMerges {
    fn merge(&mut self, job: &MergeJob) -> Result<Made> {
        let began = self.dir.env().now();
        let ssts = self.write(job)?;
        Ok(Made { ssts, took: self.dir.env().now().saturating_sub(began) })
    }

    fn count(&mut self, job: &CensusJob) -> Result<SeriesSet> {
        let handles = Handles::new(self.dir.clone(), self.uuid, Arc::clone(&self.counters));
        Census::new(job).run(&handles)
    }
}

/// One series of the inputs that hold it, given oldest first.
fn merge(job: &MergeJob, def: &SeriesDef, holders: &[&mut Input]) -> Merge<u64> {
    let cutoff = job.cutoffs.hidden(def);
    let lanes = holders.iter().map(|input| (input.source(def), input.hidden(def.id, cutoff))).collect();
    Merge::new(TimeRange::ALL, lanes, def.duplicates)
}

/// Whether the outcome is still wanted.
fn wanted(job: &MergeJob) -> Result<()> {
    if job.cancel.load(Ordering::Acquire) == 0 { Ok(()) } else { Err(Error::Closed) }
}

fn fragment(entry: &BlockEntry) -> Fragment {
    let BlockEntry { series, first_time, last_time, count, len, .. } = *entry;
    let rectangle = Rectangle { first_series: series, last_series: series, first_time, last_time };
    Fragment { rectangle, points: u64::from(count), bytes: u64::from(len) + INDEX_BYTES }
}
