//! Which of some series have no visible point in a version: memory first, then the files, newest first, each read once and
//! only as long as anyone is left whom it may know.

use std::ops::RangeInclusive;

use super::Handles;
use crate::actor::CensusJob;
use crate::error::{Error, Result};
use crate::memtable::{Lane, View};
use crate::options::Duplicates;
use crate::series::{SeriesId, SeriesSet};
use crate::sst::{BlockEntry, BlockScratch, SstReader};
use crate::sync::atomic::Ordering;
use crate::version::{Hidden, SstMeta, Version};

const ALL: RangeInclusive<i64> = i64::MIN..=i64::MAX;

/// A census under way.
pub(super) struct Census<'a> {
    job: &'a CensusJob,
    /// Those without a visible point so far, ascending.
    left: Vec<SeriesId>,
    scratch: BlockScratch,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

impl<'a> Census<'a> {
    pub(super) fn new(job: &'a CensusJob) -> Self {
        let left = job.suspects.iter().collect();
        Self { job, left, scratch: BlockScratch::default(), timestamps: Vec::new(), bits: Vec::new() }
    }

    pub(super) fn run(mut self, handles: &Handles) -> Result<SeriesSet> {
        let version = &self.job.version;
        let mut left = Vec::with_capacity(self.left.len());
        for id in std::mem::take(&mut self.left) {
            // A series of a memtable with many deletes takes its time, and a close waits for all of them.
            self.check_wanted()?;
            if !in_memory(version, id) {
                left.push(id);
            }
        }
        self.left = left;
        for meta in version.ssts.iter().rev() {
            if self.is_wanted(meta.rectangle.series()) {
                self.look(&*handles.open(meta)?, meta)?;
            }
        }
        Ok(SeriesSet::from_sorted(self.left))
    }

    fn is_wanted(&self, series: RangeInclusive<SeriesId>) -> bool {
        let at = self.left.partition_point(|id| id < series.start());
        self.left.get(at).is_some_and(|id| id <= series.end())
    }

    fn look(&mut self, reader: &SstReader, meta: &SstMeta) -> Result<()> {
        let mut found: Vec<SeriesId> = Vec::new();
        // Of the series whose blocks are passing.
        let mut hidden: Option<(SeriesId, Hidden)> = None;
        let mut number = 0;
        while let Some(series) = reader.page_series(number) {
            self.check_wanted()?;
            let entries = if self.is_wanted(series) { reader.page_entries(number)? } else { None };
            for entry in entries.into_iter().flatten() {
                let id = entry.series;
                if found.last() == Some(&id) || self.left.binary_search(&id).is_err() {
                    continue;
                }
                let hidden = match &hidden {
                    Some((of, hidden)) if *of == id => hidden,
                    _ => &hidden.insert((id, self.hidden(id, meta.max_seq))).1,
                };
                if self.shows(reader, &entry, hidden)? {
                    found.push(id);
                }
            }
            number += 1;
        }
        self.left.retain(|id| found.binary_search(id).is_err());
        Ok(())
    }

    fn hidden(&self, id: SeriesId, max_seq: u64) -> Hidden {
        let version = &self.job.version;
        version.series.get(id).map_or_else(|| Hidden::new(Vec::new()), |def| version.hidden(def, max_seq))
    }

    /// Whether a block has a visible point. It is decoded only if some of its time is hidden and some not.
    fn shows(&mut self, reader: &SstReader, block: &BlockEntry, hidden: &Hidden) -> Result<bool> {
        if hidden.range_at(block.first_time).is_none() || hidden.range_at(block.last_time).is_none() {
            return Ok(true);
        }
        if hidden.covers(block.first_time, block.last_time) {
            return Ok(false);
        }
        self.timestamps.clear();
        self.bits.clear();
        reader.read_bits(block, &mut self.scratch, &mut self.timestamps, &mut self.bits)?;
        Ok(self.timestamps.iter().any(|at| hidden.range_at(*at).is_none()))
    }

    fn check_wanted(&self) -> Result<()> {
        if self.job.cancel.load(Ordering::Acquire) == 0 { Ok(()) } else { Err(Error::Closed) }
    }
}

/// Whether any memtable of a version shows a point of a series.
fn in_memory(version: &Version, id: SeriesId) -> bool {
    let Some(def) = version.series.get(id) else { return false };
    let shows = |view: &View, max_seq: u64| {
        let mut lanes = [Lane::Main, Lane::Late].into_iter().filter_map(|lane| view.lane(id, lane, &ALL));
        lanes.any(|lane| lane.last(&version.hidden(def, max_seq), Duplicates::KeepAll).is_some())
    };
    shows(&version.active, u64::MAX) || version.frozen.iter().any(|frozen| shows(&frozen.view, frozen.max_seq))
}
