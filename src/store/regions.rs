//! Sends points to the SSTs of the regions in which they lie: what a flush and a merge both end in.
//! Promises that a region without points makes no file, that no more files are open than regions meet a series, and that
//! after an error no file is left, not even those that were whole.
//! Must not know where points come from, nor why regions are cut as they are.

use std::ops::RangeInclusive;

use uuid::Uuid;

use crate::env::Dir;
use crate::error::{Error, Result};
use crate::series::{SeriesDef, SeriesId};
use crate::sst::{NamedSst, SeriesEntry, SeriesName, SstWriter, carries_keys, keep_all, key_hash};
use crate::version::pick::Region;
use crate::version::{FileIds, SstMeta};

/// What all outputs share.
#[derive(Debug)]
pub(super) struct Outputs<'a> {
    pub(super) dir: &'a Dir,
    pub(super) uuid: Uuid,
    pub(super) ids: &'a FileIds,
    pub(super) level: u8,
    pub(super) age: u64,
    pub(super) seqs: RangeInclusive<u64>,
    /// What all of them may gather before they write, together.
    pub(super) memory: usize,
}

/// Writes series after series, each into the files of the regions that it meets.
///
/// An open file takes what it may gather of the outputs' memory, a block at most beside, and its index; the one that is
/// written to what an encoder works with, and two blocks of points.
#[derive(Debug)]
pub(super) struct RegionWriter<'a> {
    outputs: Outputs<'a>,
    slots: Vec<Slot>,
    /// What a file may gather: all may be open at once.
    gathers: usize,
    /// Those that the current series meets, in the order of time, and the last series that meets these and no others.
    band: (Vec<usize>, Option<SeriesId>),
    current: Option<Current>,
}

#[derive(Debug)]
struct Slot {
    region: Region,
    file: File,
}

/// A region's file.
#[derive(Debug)]
enum File {
    /// No point has come.
    None,
    Open(Box<SstWriter>),
    Whole(NamedSst),
}

/// The series whose points are coming.
#[derive(Debug)]
struct Current {
    entry: SeriesEntry,
    /// Which of the band is being written, and whether its file knows the series.
    at: usize,
    begun: bool,
}

impl<'a> RegionWriter<'a> {
    /// The regions' areas tile the whole plane.
    pub(super) fn new(outputs: Outputs<'a>, regions: Vec<Region>) -> Self {
        let slots: Vec<_> = regions.into_iter().map(|region| Slot { region, file: File::None }).collect();
        let gathers = outputs.memory / slots.len().max(1);
        Self { outputs, slots, gathers, band: (Vec::new(), None), current: None }
    }

    /// Begins a series, whose id is above all before.
    pub(super) fn begin_series(&mut self, def: &SeriesDef) -> Result<()> {
        if self.band.1.is_none_or(|last| last < def.id) {
            self.move_to(def.id)?;
        }
        let name = if carries_keys(self.outputs.level) {
            SeriesName::Key(def.key.clone(), def.duplicates)
        } else {
            SeriesName::Hash(key_hash(&def.key))
        };
        let entry = SeriesEntry { id: def.id, ty: def.ty, name };
        self.current = Some(Current { entry, at: 0, begun: false });
        Ok(())
    }

    /// Finishes the files that no later series meets, and finds those that the next ones do.
    fn move_to(&mut self, id: SeriesId) -> Result<()> {
        for slot in self.slots.iter_mut().filter(|slot| slot.region.area.last_series < id) {
            slot.finish(&self.outputs)?;
        }
        let meets = |at: &usize| self.slots[*at].region.area.series().contains(&id);
        let mut band: Vec<usize> = (0..self.slots.len()).filter(meets).collect();
        band.sort_unstable_by_key(|at| self.slots[*at].region.area.first_time);
        let until = band.iter().map(|at| self.slots[*at].region.area.last_series).min();
        self.band = (band, until);
        Ok(())
    }

    /// Adds the next points of the series, in time order.
    pub(super) fn push(&mut self, mut timestamps: &[i64], mut bits: &[u64]) -> Result<()> {
        let Self { outputs, slots, gathers, band, current } = self;
        let Some(current) = current else { return Err(no_region("before any series")) };
        while let Some(&first) = timestamps.first() {
            let slot = band.0.get(current.at).and_then(|at| slots.get_mut(*at));
            let slot = slot.ok_or_else(|| no_region(&format!("time {first} of series {}", current.entry.id)))?;
            // Never between two points of one time: the border is a time itself.
            let last = slot.region.area.last_time;
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

    /// Ends the series; one without points leaves no trace.
    pub(super) fn end_series(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let slot = self.band.0.get(current.at).and_then(|at| self.slots.get_mut(*at));
        slot.map_or(Ok(()), |slot| slot.end_series(&mut current))
    }

    /// Makes every file durable under its name, and the names so all at once.
    pub(super) fn finish(mut self) -> Result<Vec<SstMeta>> {
        let mut spaces = Vec::new();
        let mut named = Vec::new();
        for slot in &mut self.slots {
            slot.finish(&self.outputs)?;
        }
        for Slot { region, file } in self.slots {
            if let File::Whole(file) = file {
                spaces.push(region.space);
                named.push(file);
            }
        }
        let kept = keep_all(self.outputs.dir, named)?;
        Ok(kept.into_iter().zip(spaces).map(|(meta, space)| SstMeta { space, ..meta }).collect())
    }
}

impl Slot {
    fn push(
        &mut self,
        (outputs, gathers): (&Outputs<'_>, usize),
        current: &mut Current,
        timestamps: &[i64],
        bits: &[u64],
    ) -> Result<()> {
        if let File::None = self.file {
            let writer = SstWriter::create(outputs.dir, outputs.uuid, outputs.ids.take(), outputs.level)?;
            self.file = File::Open(Box::new(writer.gathering(gathers)));
        }
        let File::Open(writer) = &mut self.file else { return Err(no_region("after its last series")) };
        if !current.begun {
            writer.begin_series(current.entry.clone());
            current.begun = true;
        }
        writer.push(timestamps, bits)
    }

    fn end_series(&mut self, current: &mut Current) -> Result<()> {
        match &mut self.file {
            File::Open(writer) if std::mem::take(&mut current.begun) => writer.end_series(),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, outputs: &Outputs<'_>) -> Result<()> {
        self.file = match std::mem::replace(&mut self.file, File::None) {
            File::Open(writer) => File::Whole(writer.finish(outputs.seqs.clone(), outputs.age)?),
            other => other,
        };
        Ok(())
    }
}

/// Regions that do not tile the plane: an error of this crate's, which must not lose a point.
fn no_region(what: &str) -> Error {
    Error::WriteFailed { reason: format!("no region holds a point: {what}") }
}

#[cfg(test)]
mod tests;
