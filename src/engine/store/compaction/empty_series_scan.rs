//! Scan for empty series: finds the candidates that have no visible point in a version, the droppable series that no
//! SST names, and the SSTs that name others of them.
//!
//! It reads the memtables first, then the SSTs from the newest to the oldest, each once. An SST is opened only if it
//! may contain a remaining series. An index entry is enough to know that an SST names a series.

use std::ops::RangeInclusive;

use super::InputFileCache;
use crate::engine::actor::{EmptySeriesFound, EmptySeriesJob};
use crate::format::sst::{BlockEntry, BlockScratch, SstReader};
use crate::state::file_id::FileId;
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::memtable::{ChunkList, MemtableView};
use crate::state::series_index::SeriesBitmap;
use crate::state::version::{SstMeta, Version};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::series::{SeriesId, SeriesSet};
use crate::types::time_range::TimeRange;

/// Running scan of one version for empty series.
pub(super) struct EmptySeriesScan<'a> {
    job: &'a EmptySeriesJob,
    /// Candidates without a visible point so far, ascending.
    remaining: Vec<SeriesId>,
    /// Droppable series, ascending.
    droppable: Vec<SeriesId>,
    /// Those that an SST names.
    named: SeriesBitmap,
    /// SSTs that name one.
    named_by: Vec<FileId>,
    scratch: BlockScratch,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

impl<'a> EmptySeriesScan<'a> {
    pub(super) fn new(job: &'a EmptySeriesJob) -> Self {
        Self {
            job,
            remaining: job.series.candidates.iter().collect(),
            droppable: job.series.droppable.iter().collect(),
            named: SeriesBitmap::default(),
            named_by: Vec::new(),
            scratch: BlockScratch::default(),
            timestamps: Vec::new(),
            bits: Vec::new(),
        }
    }

    /// Returns the candidates without a visible point, the droppable series that no SST names, and the SSTs that name
    /// the others.
    ///
    /// # Errors
    /// `Closed` if the job was cancelled; any read error.
    pub(super) fn run(mut self, handles: &InputFileCache) -> Result<EmptySeriesFound> {
        let version = &self.job.version;
        let mut left = Vec::with_capacity(self.remaining.len());
        for id in std::mem::take(&mut self.remaining) {
            // The test of a memtable with many deletes takes long, and a close waits for the scan.
            self.job.cancel.check()?;
            if !memtables_have_visible_point(version, id) {
                left.push(id);
            }
        }
        self.remaining = left;
        for meta in version.ssts.iter().rev() {
            if self.has_series_in(meta.rectangle.series()) {
                self.scan_sst(&*handles.open(meta)?, meta)?;
            }
        }
        Ok(EmptySeriesFound {
            empty: SeriesSet::from_sorted(self.remaining),
            unnamed: SeriesBitmap::default().insert_all_except(&self.job.series.droppable, &self.named),
            named_by: self.named_by,
        })
    }

    fn has_series_in(&self, series: RangeInclusive<SeriesId>) -> bool {
        [&self.remaining, &self.droppable].into_iter().any(|ids| {
            let at = ids.partition_point(|id| id < series.start());
            ids.get(at).is_some_and(|id| id <= series.end())
        })
    }

    /// Removes the series with a visible point in the SST from the remaining candidates, and records the droppable
    /// series that it names.
    fn scan_sst(&mut self, reader: &SstReader, meta: &SstMeta) -> Result<()> {
        let mut found: Vec<SeriesId> = Vec::new();
        let mut named: Option<SeriesId> = None;
        // Hidden ranges of the series of the last entry that was tested.
        let mut hidden: Option<(SeriesId, HiddenRanges)> = None;
        let mut number = 0;
        while let Some(series) = reader.series_of_page(number) {
            self.job.cancel.check()?;
            let entries = if self.has_series_in(series) { reader.blocks_of_page(number)? } else { None };
            for entry in entries.into_iter().flatten() {
                let id = entry.series;
                if named != Some(id) && self.droppable.binary_search(&id).is_ok() {
                    named = Some(id);
                    self.named.insert(id);
                }
                if found.last() == Some(&id) || self.remaining.binary_search(&id).is_err() {
                    continue;
                }
                let hidden = match &hidden {
                    Some((of, hidden)) if *of == id => hidden,
                    _ => &hidden.insert((id, self.hidden(id, meta.max_seq))).1,
                };
                if self.block_has_visible_point(reader, &entry, hidden)? {
                    found.push(id);
                }
            }
            number += 1;
        }
        self.remaining.retain(|id| found.binary_search(id).is_err());
        self.named_by.extend(named.map(|_| meta.id));
        Ok(())
    }

    fn hidden(&self, id: SeriesId, max_seq: u64) -> HiddenRanges {
        let version = &self.job.version;
        version.series.get(id).map_or_else(|| HiddenRanges::new(Vec::new()), |def| version.hidden_ranges(def, max_seq))
    }

    /// Returns `true` if a block has a visible point.
    ///
    /// Decodes the block only if both of its ends are hidden and the range between them is not hidden whole.
    fn block_has_visible_point(
        &mut self,
        reader: &SstReader,
        block: &BlockEntry,
        hidden: &HiddenRanges,
    ) -> Result<bool> {
        if hidden.range_containing(block.first_time).is_none() || hidden.range_containing(block.last_time).is_none() {
            return Ok(true);
        }
        if hidden.covers(block.times()) {
            return Ok(false);
        }
        self.timestamps.clear();
        self.bits.clear();
        reader.read_block_raw(block, &mut self.scratch, &mut self.timestamps, &mut self.bits)?;
        Ok(self.timestamps.iter().any(|at| hidden.range_containing(*at).is_none()))
    }
}

/// Returns `true` if a memtable of the version has a visible point of the series.
fn memtables_have_visible_point(version: &Version, id: SeriesId) -> bool {
    let Some(def) = version.series.get(id) else { return false };
    let shows = |view: &MemtableView, max_seq: u64| {
        let mut lanes = [ChunkList::InOrder, ChunkList::Late]
            .into_iter()
            .filter_map(|lane| view.list_reader(id, lane, TimeRange::ALL));
        lanes.any(|lane| lane.newest_visible(&version.hidden_ranges(def, max_seq), DuplicatePolicy::KeepAll).is_some())
    };
    shows(&version.active, u64::MAX) || version.frozen.iter().any(|frozen| shows(&frozen.view, frozen.max_seq))
}
