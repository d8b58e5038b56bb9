//! The WAL from the floor on, as a reader without a lock has read it: one memtable per segment.
//!
//! ```text
//!   floor
//!   [ sealed | sealed | ... ]   [ active: durable records only ]   found by the listing: does its header name the active?
//!     frozen   frozen             memtable that grows
//! ```

use std::sync::Arc;

use uuid::Uuid;

use super::RefreshReport;
use super::segment_listing::SegmentListing;
use super::segment_memtable::{RecordEffects, SegmentMemtable};
use crate::format::wal::{SegmentBound, SegmentCursor, SegmentHeader, segment_name};
use crate::platform::env::Dir;
use crate::state::file_id::FileId;
use crate::state::log_record::LogRecord;
use crate::state::memtable::{FrozenMemtable, MemtableView};
use crate::state::metric_metadata::MetadataMap;
use crate::state::series_index::SeriesIndex;
use crate::state::tombstone::Tombstone;
use crate::state::version::DurableState;
use crate::types::error::{Error, Result};

/// Records that are not in SSTs, and the position in the WAL up to which they were read.
#[derive(Debug, Default)]
pub(super) struct LogTail {
    /// Segments before the active one, oldest first.
    sealed: Vec<ReadSegment>,
    /// Segment that was read last; `None` if none at or above the floor was read.
    active: Option<LastSegment>,
    listing: SegmentListing,
}

#[derive(Debug)]
struct ReadSegment {
    id: FileId,
    /// Sealed length, in bytes.
    len: u64,
    /// `None` if the segment has no record that is not in SSTs.
    frozen: Option<Arc<FrozenMemtable>>,
    effects: RecordEffects,
}

#[derive(Debug)]
struct LastSegment {
    cursor: SegmentCursor,
    records: SegmentMemtable,
}

/// What a record is checked and applied with.
struct RecordContext<'a> {
    dir: &'a Dir,
    segment: FileId,
    flushed_seq: u64,
    series: &'a mut SeriesIndex,
    /// Memory of the sealed segments, and the limit of all, in bytes.
    sealed_bytes: usize,
    max_bytes: usize,
}

impl LogTail {
    /// Drops what is below the floor or in SSTs.
    ///
    /// A memtable of which only a part is in SSTs cannot be divided: then the log is read again.
    pub(super) fn release(&mut self, floor: FileId, flushed_seq: u64) {
        let is_divided = |effects: &RecordEffects| effects.min_seq <= flushed_seq && flushed_seq < effects.max_seq;
        self.sealed.retain(|segment| segment.id >= floor && segment.effects.max_seq > flushed_seq);
        self.active.take_if(|active| active.cursor.header().id < floor);
        let mut effects = self.effects();
        if effects.any(|effects| effects.max_seq > 0 && is_divided(effects)) {
            drop(effects);
            *self = Self::default();
            return;
        }
        drop(effects);
        if let Some(active) = self.active.as_mut().filter(|active| active.records.effects().max_seq <= flushed_seq) {
            active.records = SegmentMemtable::default();
        }
    }

    /// Reads the durable records that are new, from the floor on.
    ///
    /// After the error `UnflushedLogTooLarge` the next call goes on with the record that had no room; after any other
    /// error the log must be discarded.
    pub(super) fn advance(
        &mut self,
        dir: &Dir,
        uuid: Uuid,
        durable: &DurableState,
        series: &mut SeriesIndex,
        max_bytes: usize,
        report: &mut RefreshReport,
    ) -> Result<()> {
        if durable.wal_floor == FileId::default() {
            // No opening of the database has finished yet.
            return Ok(());
        }
        // Before the segments are read: one that is listed later only has later records.
        let ids = self.listing.ids(dir)?;
        if self.active.is_none() {
            self.active = Some(open_first_segment(dir, uuid, durable)?);
            report.segments_opened += 1;
        }
        while let Some(active) = self.active.as_mut() {
            let next = find_successor(dir, uuid, &ids, active.cursor.header())?;
            let bound = next.as_ref().and_then(|next| active.cursor.header().bound(Some(next.header())));
            let sealed_bytes =
                self.sealed.iter().filter_map(|segment| Some(segment.frozen.as_ref()?.view.bytes())).sum();
            let segment = active.cursor.header().id;
            let context =
                RecordContext { dir, segment, flushed_seq: durable.flushed_seq, series, sealed_bytes, max_bytes };
            active.advance(bound.unwrap_or(SegmentBound::Unsealed), context, report)?;
            let Some(next) = next else { break };
            report.segments_opened += 1;
            let next = LastSegment { cursor: next, records: SegmentMemtable::default() };
            self.seal(next, series);
        }
        series.seal();
        Ok(())
    }

    /// Freezes the active segment; `next` becomes the active one.
    fn seal(&mut self, next: LastSegment, series: &SeriesIndex) {
        let next_id = next.cursor.header().id;
        let Some(LastSegment { cursor, records }) = self.active.replace(next) else { return };
        let RecordEffects { min_seq, max_seq, .. } = *records.effects();
        let id = cursor.header().id;
        let frozen = (max_seq > 0).then(|| {
            Arc::new(FrozenMemtable {
                generation: id.get(),
                view: records.view(),
                series: series.clone(),
                // Read by a flush alone, and a reader flushes nothing.
                metadata: MetadataMap::default(),
                min_seq,
                max_seq,
                next_wal_segment: next_id,
            })
        });
        if frozen.is_some() {
            self.sealed.push(ReadSegment { id, len: cursor.offset(), frozen, effects: records.into_effects() });
        }
    }

    fn effects(&self) -> impl Iterator<Item = &RecordEffects> {
        let active = self.active.iter().map(|active| active.records.effects());
        self.sealed.iter().map(|segment| &segment.effects).chain(active)
    }

    /// Applies the records again to the sets of empty series, which were read from a newer manifest.
    pub(super) fn reapply_to(&self, series: &mut SeriesIndex) -> Result<()> {
        self.effects().try_for_each(|effects| effects.reapply_to(series))
    }

    /// Returns the seq of the last record that was read; 0 if no segment was read.
    pub(super) fn last_seq(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.cursor.last_seq())
    }

    /// Returns the length of the segments up to the last record that was read, in bytes.
    pub(super) fn byte_len(&self) -> u64 {
        let active = self.active.as_ref().map_or(0, |active| active.cursor.offset());
        self.sealed.iter().map(|segment| segment.len).sum::<u64>() + active
    }

    pub(super) fn frozen(&self) -> impl Iterator<Item = &Arc<FrozenMemtable>> {
        self.sealed.iter().filter_map(|segment| segment.frozen.as_ref())
    }

    pub(super) fn active_view(&self) -> MemtableView {
        self.active.as_ref().map_or_else(MemtableView::empty, |active| active.records.view())
    }

    /// Returns the metadata of metrics after the newest record; `metadata` are those of the manifest.
    pub(super) fn metadata_after(&self, mut metadata: MetadataMap) -> MetadataMap {
        self.effects().flat_map(|effects| &effects.metadata).for_each(|change| metadata.apply(change));
        metadata
    }

    /// Returns the deletes that are not in the manifest, in order.
    pub(super) fn deletes(&self) -> impl Iterator<Item = &Arc<Tombstone>> {
        self.effects().flat_map(RecordEffects::deletes)
    }
}

impl LastSegment {
    /// Reads and applies the new durable records.
    fn advance(
        &mut self,
        bound: SegmentBound,
        mut context: RecordContext<'_>,
        report: &mut RefreshReport,
    ) -> Result<()> {
        let (before, searched_before) = (self.cursor.offset(), self.cursor.searched_bytes());
        let records = &mut self.records;
        let mut count = 0;
        let advanced = self.cursor.advance(bound, |record| {
            count += 1;
            context.apply(&record, records)
        });
        report.log_records += count;
        report.log_bytes += self.cursor.offset() - before;
        report.searched_log_bytes += self.cursor.searched_bytes() - searched_before;
        advanced
    }
}

impl RecordContext<'_> {
    fn apply(&mut self, record: &LogRecord<'_>, records: &mut SegmentMemtable) -> Result<()> {
        let needed = self.sealed_bytes + records.bytes();
        let is_flushed = record.seq <= self.flushed_seq;
        if !is_flushed && needed > self.max_bytes {
            // Nothing was applied yet.
            return Err(Error::UnflushedLogTooLarge { needed, limit: self.max_bytes });
        }
        for def in record.definitions {
            // The series log has the definition of a flushed record, unless it was dropped. A definition that is read
            // twice must be equal.
            if is_flushed && self.series.get(def.id).is_none() {
                continue;
            }
            let restored = self.series.restore((**def).clone());
            restored.map_err(|what| self.corrupt(what))?;
        }
        if is_flushed {
            return Ok(());
        }
        if let Some(id) = record.points.series.iter().find(|id| self.series.get(**id).is_none()) {
            return Err(self.corrupt(format!("record {} has points of series {id}, which nothing defines", record.seq)));
        }
        let last = record.delete.and_then(|delete| delete.series.bounds()).map(|ids| *ids.end());
        if last.is_some_and(|id| id.get() >= self.series.next_id()) {
            return Err(self.corrupt(format!("record {} deletes of a series that nothing defines", record.seq)));
        }
        records.apply(record, self.series)
    }

    fn corrupt(&self, what: String) -> Error {
        Error::corrupt(self.dir.file_path(&segment_name(self.segment)), 0, what)
    }
}

/// Opens the segment at the floor.
fn open_first_segment(dir: &Dir, uuid: Uuid, durable: &DurableState) -> Result<LastSegment> {
    let cursor = SegmentCursor::open(dir, uuid, durable.wal_floor)?;
    if cursor.header().link.previous_seq > durable.flushed_seq {
        let what = "it starts after the newest flushed record: the records between them are missing";
        return Err(Error::corrupt(dir.file_path(&segment_name(durable.wal_floor)), 0, what));
    }
    Ok(LastSegment { cursor, records: SegmentMemtable::default() })
}

/// Opens the segment that continues `segment`; `None` if that is the last one.
///
/// Its header seals `segment`, or has the link of `segment`, which was then passed over as empty.
///
/// # Errors
/// `Corrupt` if a later segment names another predecessor.
fn find_successor(dir: &Dir, uuid: Uuid, ids: &[FileId], segment: &SegmentHeader) -> Result<Option<SegmentCursor>> {
    for later in ids.iter().filter(|later| **later > segment.id) {
        let cursor = SegmentCursor::open(dir, uuid, *later)?;
        let link = cursor.header().link;
        match link.predecessor {
            // The segment of an opening that has not finished: it has no record yet.
            None => {}
            Some(before) if before.id == segment.id || link == segment.link => return Ok(Some(cursor)),
            Some(before) => {
                let (before, id) = (before.id.get(), segment.id.get());
                let what = format!("it names segment {before} as its predecessor, not {id}");
                return Err(Error::corrupt(dir.file_path(&segment_name(*later)), 0, what));
            }
        }
    }
    Ok(None)
}
