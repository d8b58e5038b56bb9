//! One input of a merge: its blocks in order, read once from the first to the last, and what is hidden of them.
//! Promises that a file whose blocks are out of order, whatever its checksums say, is an error and never a disordered
//! output; and that no more files are open at once than a process may have.

use std::sync::Arc;
use std::vec::IntoIter;

use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use uuid::Uuid;

use crate::actor::MergeJob;
use crate::env::Dir;
use crate::error::{Error, Result};
use crate::merge::{BoxSource, Source};
use crate::point::{Timestamp, ValueType};
use crate::series::{SeriesDef, SeriesId};
use crate::sst::{BlockEntry, BlockScratch, IoCounters, PageCache, SstReader, SteadyHasher, file_name};
use crate::sync::Mutex;
use crate::version::{FileId, Hidden, SstMeta, Tombstone};

/// Inputs that are open at once. A plan has 64 at most, but one that is to bring everything into the base has as many as
/// there are.
const OPEN_INPUTS: usize = 256;
/// An input that could read ahead less than this reads just what it needs.
const LEAST_AHEAD: usize = 8 << 10;

/// The inputs that are open.
#[derive(Debug)]
pub(super) struct Handles {
    dir: Dir,
    uuid: Uuid,
    open: Cache<FileId, Arc<SstReader>, UnitWeighter, SteadyHasher>,
    pages: Arc<PageCache>,
}

impl Handles {
    pub(super) fn new(dir: Dir, uuid: Uuid, counters: Arc<IoCounters>) -> Self {
        let most = OPEN_INPUTS as u64;
        let open = Cache::with(OPEN_INPUTS, most, UnitWeighter, SteadyHasher::default(), DefaultLifecycle::default());
        // Every page is read once, and kept by who reads it.
        let pages = Arc::new(PageCache::new(0, counters));
        Self { dir, uuid, open, pages }
    }

    pub(super) fn open(&self, meta: &SstMeta) -> Result<Arc<SstReader>> {
        self.open.get_or_insert_with(&meta.id, || {
            SstReader::open(&self.dir, self.uuid, meta, Arc::clone(&self.pages)).map(Arc::new)
        })
    }
}

/// An input, and the deletes that are to be carried out in it.
#[derive(Debug)]
pub(super) struct Input {
    /// Shared with the source of the series that is being merged.
    cursor: Arc<Mutex<Cursor>>,
    tombstones: Vec<Arc<Tombstone>>,
    /// Of the block that comes next.
    series: Option<SeriesId>,
}

impl Input {
    /// `ahead`: bytes that it may read along.
    pub(super) fn open(handles: &Arc<Handles>, meta: &Arc<SstMeta>, job: &MergeJob, ahead: usize) -> Result<Self> {
        let cursor = Cursor::open(Arc::clone(handles), Arc::clone(meta), ahead)?;
        // An older one was carried out when the input was made; a newer one than `flushed_seq` a power loss may undo.
        let applies = |tombstone: &&Arc<Tombstone>| {
            tombstone.seq > meta.max_seq && tombstone.seq <= job.flushed_seq && tombstone.meets(&meta.rectangle)
        };
        let tombstones = job.tombstones.iter().filter(applies).cloned().collect();
        let series = cursor.series();
        Ok(Self { cursor: Arc::new(Mutex::new(cursor)), tombstones, series })
    }

    /// Whose blocks come next; `None` at the end.
    pub(super) fn series(&self) -> Option<SeriesId> {
        self.series
    }

    /// What is hidden here of a series, of which `cutoff` hides this everywhere.
    pub(super) fn hidden(&self, series: SeriesId, cutoff: Option<(i64, i64)>) -> Hidden {
        let deleted = self.tombstones.iter().filter_map(|tombstone| tombstone.hides(series));
        Hidden::new(deleted.chain(cutoff).collect())
    }

    /// The blocks of the series that comes next.
    pub(super) fn source(&self, def: &SeriesDef) -> BoxSource<u64> {
        Box::new(BlockSource { cursor: Arc::clone(&self.cursor), series: def.id, ty: def.ty })
    }

    /// Passes by what is left of a series, which nobody wants.
    pub(super) fn leave(&mut self, series: SeriesId) -> Result<()> {
        let mut cursor = self.cursor.lock();
        while cursor.series() == Some(series) {
            cursor.step()?;
        }
        self.series = cursor.series();
        Ok(())
    }

    /// The error that the series that comes next is not one of the database's.
    pub(super) fn undefined(&self) -> Error {
        let cursor = self.cursor.lock();
        cursor.next.as_ref().map_or(Error::Closed, |entry| cursor.damaged(entry, "nothing defines its series"))
    }
}

/// A place in a file.
#[derive(Debug)]
struct Cursor {
    handles: Arc<Handles>,
    meta: Arc<SstMeta>,
    /// Pages read so far, and what is left of the last one.
    pages: usize,
    entries: IntoIter<BlockEntry>,
    next: Option<BlockEntry>,
    scratch: BlockScratch,
}

impl Cursor {
    fn open(handles: Arc<Handles>, meta: Arc<SstMeta>, ahead: usize) -> Result<Self> {
        let scratch =
            if ahead < LEAST_AHEAD { BlockScratch::default() } else { BlockScratch::reading_ahead_at_most(ahead) };
        let mut cursor = Self { handles, meta, pages: 0, entries: Vec::new().into_iter(), next: None, scratch };
        cursor.step()?;
        Ok(cursor)
    }

    fn series(&self) -> Option<SeriesId> {
        self.next.as_ref().map(|entry| entry.series)
    }

    /// The block that comes next, if it is one of this series.
    fn of(&self, series: SeriesId) -> Option<&BlockEntry> {
        self.next.as_ref().filter(|entry| entry.series == series)
    }

    /// Goes on to the next block.
    fn step(&mut self) -> Result<()> {
        let before = self.next.take();
        while self.entries.as_slice().is_empty() {
            let Some(page) = self.handles.open(&self.meta)?.page_entries(self.pages)? else { return Ok(()) };
            self.pages += 1;
            self.entries = page.into_iter();
        }
        self.next = self.entries.next();
        match (&before, &self.next) {
            // Within a page the decoder has seen to it.
            (Some(before), Some(next)) if (next.series, next.first_time) < (before.series, before.last_time) => {
                Err(self.damaged(next, "it does not follow the one before it"))
            }
            _ => Ok(()),
        }
    }

    /// Appends the points of the block that comes next, and goes on.
    fn read(&mut self, ty: ValueType, timestamps: &mut Vec<Timestamp>, bits: &mut Vec<u64>) -> Result<()> {
        let Some(entry) = self.next else { return Ok(()) };
        if entry.ty != ty {
            return Err(self.damaged(&entry, "its values are not of its series' type"));
        }
        let reader = self.handles.open(&self.meta)?;
        reader.read_raw(&entry, &mut self.scratch, timestamps, bits)?;
        self.step()
    }

    fn damaged(&self, entry: &BlockEntry, what: &str) -> Error {
        let file = self.handles.dir.file_path(&file_name(self.meta.id));
        Error::corrupt(
            file,
            entry.offset,
            format!("block of {} points of series #{}: {what}", entry.count, entry.series),
        )
    }
}

/// The blocks of one series of an input, a block a run.
struct BlockSource {
    cursor: Arc<Mutex<Cursor>>,
    series: SeriesId,
    ty: ValueType,
}

impl Source<u64> for BlockSource {
    fn bound(&self) -> Option<i64> {
        self.cursor.lock().of(self.series).map(|entry| entry.first_time)
    }

    fn fill(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<u64>) -> Result<bool> {
        let mut cursor = self.cursor.lock();
        if cursor.of(self.series).is_none() {
            return Ok(false);
        }
        cursor.read(self.ty, timestamps, values)?;
        Ok(true)
    }

    fn end(&self) -> Option<i64> {
        let cursor = self.cursor.lock();
        cursor.of(self.series).map(|_| cursor.meta.rectangle.last_time)
    }

    fn pass_over(&mut self, hidden: &Hidden) -> Result<bool> {
        let mut cursor = self.cursor.lock();
        let mut passed = false;
        while cursor.of(self.series).is_some_and(|entry| hidden.covers(entry.first_time, entry.last_time)) {
            cursor.step()?;
            passed = true;
        }
        Ok(passed)
    }
}
