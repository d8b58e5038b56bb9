//! Makes SSTs of frozen memtables: the flusher's half of the storage.
//! What deletes, the cutoff and the series' policy for duplicates leave of a memtable is cut into regions, as a merge's
//! outputs are, and each becomes a file.

use std::sync::Arc;

use uuid::Uuid;

use super::fragments::{Apart, Fragments, in_memory, most_fragments, pieces};
use super::regions::{Outputs, RegionWriter};
use crate::actor::{FlushJob, Made, Tables};
use crate::env::Dir;
use crate::error::{Error, Result};
use crate::memtable::Cell;
use crate::options::Duplicates;
use crate::series::{SeriesDef, SeriesId};
use crate::sst::MAX_POINTS;
use crate::version::pick::{Fragment, flush_regions};
use crate::version::{FileIds, L0, Rectangle};

/// Time between two points of a series that sets them apart, as a part of what the memtable spans: one cut through a gap
/// must be worth a file.
const GAP_PART: u64 = 16;

/// What a point takes while its series is read, once as a cell and once in columns, in vectors that may be half empty.
const POINT_MEMORY: usize = 64;

/// Where SSTs are made.
#[derive(Debug)]
pub(crate) struct SstTables {
    pub(super) dir: Dir,
    pub(super) uuid: Uuid,
    pub(super) ids: Arc<FileIds>,
    /// What a flush may work with, a quarter of it for each: the points of a series that are read at once, estimates of
    /// what lies where, and the files that are open.
    pub(super) memory: usize,
}

impl SstTables {
    /// Points of a series that are read at once: two of the largest blocks at least, which the file holds back anyway.
    fn part_points(&self) -> usize {
        (self.memory / 4 / POINT_MEMORY).max(2 * MAX_POINTS)
    }
}

impl Tables for SstTables {
    fn write(&mut self, job: &FlushJob) -> Result<Made> {
        let began = self.dir.env().now();
        let part_points = self.part_points();
        let fragments = fragments(job, part_points, most_fragments(self.memory))?;
        let ssts = if fragments.is_empty() {
            Vec::new()
        } else {
            let frozen = &job.frozen;
            let outputs = Outputs {
                dir: &self.dir,
                uuid: self.uuid,
                ids: &self.ids,
                level: L0,
                age: frozen.generation,
                seqs: frozen.min_seq..=frozen.max_seq,
                memory: self.memory / 2,
            };
            let regions = flush_regions(&fragments, job.newest_flushed_time);
            let mut writer = RegionWriter::new(outputs, regions);
            let mut current = None;
            each_part(job, part_points, |def, timestamps, bits| {
                if current.replace(def.id) != Some(def.id) {
                    writer.end_series()?;
                    writer.begin_series(def)?;
                }
                writer.push(timestamps, bits)
            })?;
            writer.end_series()?;
            writer.finish()?
        };
        Ok(Made { ssts, took: self.dir.env().now().saturating_sub(began) })
    }
}

/// Where the points to be flushed lie. They are read once for this and once more to be written: nobody could hold them
/// between, and reading is a tenth of the work.
fn fragments(job: &FlushJob, part_points: usize, most: usize) -> Result<Vec<Fragment>> {
    let span = job.frozen.view.times().map_or(0, |(first, last)| first.abs_diff(last));
    let apart = Apart { border: job.newest_flushed_time, gap: (span / GAP_PART).max(1) };
    let mut fragments = Fragments::at_most(most);
    each_part(job, part_points, |def, timestamps, _| {
        for piece in pieces(timestamps, apart) {
            let (first_time, last_time) = (timestamps[piece.start], timestamps[piece.end - 1]);
            let rectangle = Rectangle { first_series: def.id, last_series: def.id, first_time, last_time };
            fragments.push(in_memory(rectangle, piece.len()));
        }
        Ok(())
    })?;
    Ok(fragments.into_vec())
}

/// Every series with the points that are to be flushed, in time order and in parts: one series alone may fill a memtable.
fn each_part(
    job: &FlushJob,
    part_points: usize,
    mut act: impl FnMut(&SeriesDef, &[i64], &[u64]) -> Result<()>,
) -> Result<()> {
    let frozen = &job.frozen;
    let (mut cells, mut timestamps, mut bits) = (Vec::new(), Vec::new(), Vec::new());
    for id in frozen.view.series() {
        // Points are inserted only after their series was found in the index.
        let def = frozen.series.get(id).ok_or_else(|| unknown(id))?;
        for range in frozen.view.parts(id, part_points) {
            cells.clear();
            frozen.view.read(id, &range, &mut cells);
            timestamps.clear();
            bits.clear();
            for cell in kept(&cells, job.cutoffs.of(def), def.duplicates) {
                timestamps.push(cell.timestamp);
                bits.push(cell.bits);
            }
            act(def, &timestamps, &bits)?;
        }
    }
    Ok(())
}

fn unknown(id: SeriesId) -> Error {
    Error::UnknownSeries { id: id.get() }
}

/// What the cutoff and then the policy for duplicates leave of points in time order, equal times in order of arrival.
fn kept(cells: &[Cell], cutoff: Option<i64>, duplicates: Duplicates) -> impl Iterator<Item = &Cell> {
    let visible = cutoff.map_or(0, |cutoff| cells.partition_point(|cell| cell.timestamp < cutoff));
    let cells = &cells[visible..];
    let twins = |one: Option<&Cell>, other: &Cell| one.is_some_and(|one| one.timestamp == other.timestamp);
    cells.iter().enumerate().filter_map(move |(at, cell)| {
        let is_kept = match duplicates {
            Duplicates::KeepAll => true,
            Duplicates::KeepLast => !twins(cells.get(at + 1), cell),
            Duplicates::KeepFirst => !twins(at.checked_sub(1).and_then(|before| cells.get(before)), cell),
        };
        is_kept.then_some(cell)
    })
}

#[cfg(test)]
mod tests;
