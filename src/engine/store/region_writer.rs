//! Writer of points to the SSTs of their regions: the last step of flushes and compactions.
//!
//! - A region without points gets no file.
//! - At most as many files are open as regions contain the current series.
//! - After an error no file is left, not even a complete one, unless its removal fails.

use std::ops::RangeInclusive;

use uuid::Uuid;

use crate::format::sst::{
    DictionaryEntry, DictionaryKey, PendingSst, SstWriter, key_hash, persist_ssts, stores_full_keys,
};
use crate::platform::env::Dir;
use crate::state::file_id::FileIdAllocator;
use crate::state::version::SstMeta;
use crate::state::version::pick::OutputRegion;
use crate::types::error::{Error, Result};
use crate::types::series::{SeriesId, SeriesInfo};

/// Settings of all output files.
#[derive(Debug)]
pub(super) struct OutputSettings<'a> {
    pub(super) dir: &'a Dir,
    pub(super) uuid: Uuid,
    pub(super) ids: &'a FileIdAllocator,
    pub(super) level: u8,
    pub(super) generation: u64,
    pub(super) seqs: RangeInclusive<u64>,
    /// Total bytes that all outputs may buffer.
    pub(super) buffer_bytes: usize,
}

/// Writer that adds series after series to the files of their regions.
///
/// An open file takes its share of the buffer memory, at most one more block, its index and its dictionary. The current
/// file also takes the memory of an encoder and two blocks of points.
#[derive(Debug)]
pub(super) struct RegionWriter<'a> {
    outputs: OutputSettings<'a>,
    slots: Vec<RegionOutput>,
    /// Write buffer per file, in bytes: all files may be open at once.
    buffer_bytes: usize,
    /// Regions of the current series in time order, as indexes into `slots`.
    ///
    /// The second value is the last series that has exactly these regions.
    active: (Vec<usize>, Option<SeriesId>),
    current: Option<CurrentSeries>,
}

/// A region and its file.
#[derive(Debug)]
struct RegionOutput {
    region: OutputRegion,
    file: RegionFile,
}

/// State of a region's file.
#[derive(Debug)]
enum RegionFile {
    /// No point was written yet, so there is no file.
    Empty,
    Open(Box<SstWriter>),
    Finished(PendingSst),
}

/// Write position in the current series.
#[derive(Debug)]
struct CurrentSeries {
    entry: DictionaryEntry,
    /// Index of the current region in `active`.
    at: usize,
    /// `true` if the series was begun in the file of this region.
    begun: bool,
}

impl<'a> RegionWriter<'a> {
    /// Creates a writer. The bounds of the regions must tile the whole plane of series and time.
    pub(super) fn new(outputs: OutputSettings<'a>, regions: Vec<OutputRegion>) -> Self {
        let slots: Vec<_> =
            regions.into_iter().map(|region| RegionOutput { region, file: RegionFile::Empty }).collect();
        let gathers = outputs.buffer_bytes / slots.len().max(1);
        Self { outputs, slots, buffer_bytes: gathers, active: (Vec::new(), None), current: None }
    }

    /// Begins a series. Ids must increase.
    pub(super) fn begin_series(&mut self, def: &SeriesInfo) -> Result<()> {
        if self.active.1.is_none_or(|last| last < def.id) {
            self.move_to(def.id)?;
        }
        let name = if stores_full_keys(self.outputs.level) {
            DictionaryKey::Key(def.key.clone(), def.duplicates)
        } else {
            DictionaryKey::Hash(key_hash(&def.key))
        };
        let entry = DictionaryEntry { id: def.id, ty: def.value_type, key: name };
        self.current = Some(CurrentSeries { entry, at: 0, begun: false });
        Ok(())
    }

    /// Finishes the files that no later series needs, and finds the regions of the next series.
    fn move_to(&mut self, id: SeriesId) -> Result<()> {
        for slot in self.slots.iter_mut().filter(|slot| slot.region.bounds.last_series < id) {
            slot.finish(&self.outputs)?;
        }
        let meets = |at: &usize| self.slots[*at].region.bounds.series().contains(&id);
        let mut band: Vec<usize> = (0..self.slots.len()).filter(meets).collect();
        band.sort_unstable_by_key(|at| self.slots[*at].region.bounds.times.first());
        let until = band.iter().map(|at| self.slots[*at].region.bounds.last_series).min();
        self.active = (band, until);
        Ok(())
    }

    /// Adds the next points of the series, in time order.
    pub(super) fn push(&mut self, mut timestamps: &[i64], mut bits: &[u64]) -> Result<()> {
        let Self { outputs, slots, buffer_bytes: gathers, active: band, current } = self;
        let Some(current) = current else { return Err(no_region("before any series")) };
        while let Some(&first) = timestamps.first() {
            let slot = band.0.get(current.at).and_then(|at| slots.get_mut(*at));
            let slot = slot.ok_or_else(|| no_region(&format!("time {first} of series {}", current.entry.id)))?;
            // The points at one time stay together, since the bounds of regions lie between times.
            let last = slot.region.bounds.times.last();
            let count = match timestamps.last() {
                Some(newest) if *newest <= last => timestamps.len(),
                _ => timestamps.partition_point(|time| *time <= last),
            };
            if count > 0 {
                let (timestamps, bits) = (&timestamps[..count], &bits[..count]);
                slot.push((outputs, *gathers), current, timestamps, bits)?;
            }
            (timestamps, bits) = (&timestamps[count..], &bits[count..]);
            if !timestamps.is_empty() {
                slot.end_series(current)?;
                current.at += 1;
            }
        }
        Ok(())
    }

    /// Ends the current series. A series without points is not written.
    pub(super) fn end_series(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let slot = self.active.0.get(current.at).and_then(|at| self.slots.get_mut(*at));
        slot.map_or(Ok(()), |slot| slot.end_series(&mut current))
    }

    /// Finishes all files, and makes their names durable with one sync of the directory.
    ///
    /// Returns their entries.
    pub(super) fn finish(mut self) -> Result<Vec<SstMeta>> {
        let mut partitions = Vec::new();
        let mut named = Vec::new();
        for slot in &mut self.slots {
            slot.finish(&self.outputs)?;
        }
        for RegionOutput { region, file } in self.slots {
            if let RegionFile::Finished(file) = file {
                partitions.push(region.partition);
                named.push(file);
            }
        }
        let kept = persist_ssts(self.outputs.dir, named)?;
        Ok(kept.into_iter().zip(partitions).map(|(meta, partition)| SstMeta { partition, ..meta }).collect())
    }
}

impl RegionOutput {
    fn push(
        &mut self,
        (outputs, gathers): (&OutputSettings<'_>, usize),
        current: &mut CurrentSeries,
        timestamps: &[i64],
        bits: &[u64],
    ) -> Result<()> {
        if let RegionFile::Empty = self.file {
            let writer = SstWriter::create(outputs.dir, outputs.uuid, outputs.ids.allocate(), outputs.level)?;
            self.file = RegionFile::Open(Box::new(writer.with_buffer_bytes(gathers)));
        }
        let RegionFile::Open(writer) = &mut self.file else { return Err(no_region("after its last series")) };
        if !current.begun {
            writer.begin_series(current.entry.clone());
            current.begun = true;
        }
        writer.push(timestamps, bits)
    }

    fn end_series(&mut self, current: &mut CurrentSeries) -> Result<()> {
        match &mut self.file {
            RegionFile::Open(writer) if std::mem::take(&mut current.begun) => writer.end_series(),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, outputs: &OutputSettings<'_>) -> Result<()> {
        self.file = match std::mem::replace(&mut self.file, RegionFile::Empty) {
            RegionFile::Open(writer) => RegionFile::Finished(writer.finish(outputs.seqs.clone(), outputs.generation)?),
            other => other,
        };
        Ok(())
    }
}

/// Returns the error for a point without a region.
///
/// The regions do not tile the plane then. This is a bug, and an error, since no point may be lost.
fn no_region(what: &str) -> Error {
    Error::internal(format!("no region holds a point: {what}"))
}

#[cfg(test)]
mod tests;
