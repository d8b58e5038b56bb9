//! Writer of the WAL: appends groups of records to the active segment and rotates to the next one.
//!
//! Invariants:
//! - After a failed sync the writer never writes or syncs again. The kernel may have dropped the unsynced pages and
//!   would report the next sync as a success.
//! - A group that was reported as not written is never read by a later opening: its segment is sealed or cut before it.
//! - A segment is sealed only after it was synced up to the sealed length, whatever the durability option says.
//! - A segment has a durable header before it has its name, and a durable name before its first record.
//! - After a lack of space nothing is appended until a reserve exists again, except deletes into blocks that exist.
//!
//! The caller decides when to sync, to write a sync mark and to rotate. In addition, an append rotates a full segment.

mod full_disk;
mod segment_end;

use std::collections::VecDeque;

use uuid::Uuid;

use super::record::{KIND_COMMIT, KIND_DELETE, KIND_METADATA, KIND_SYNC_MARK, put_commit};
use super::segment_header::{FIRST_RECORD_OFFSET, Predecessor, SegmentHeader, SegmentLink};
use super::spare_segments::{SpareFile, SpareSegments};
use super::{
    AppendError, LogRecord, OPENING_RESERVE, OPENING_RESERVE_TMP, RESERVE, RESERVE_TMP, WalFiles, segment_name,
};
use crate::format::bytes::frame::{FRAME_HEADER_BYTES, FrameHeader, put_frame};
use crate::format::bytes::metric_metadata::put_metadata_change;
use crate::format::bytes::tombstone::put_tombstone;
use crate::format::bytes::{FailureLatch, Reserve, SaltedCrc};
use crate::platform::env::{Dir, OpenFile, SyncStep};
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::point::MAX_BATCH_POINTS;

/// Zeros behind the header and behind every group; the next group overwrites them.
///
/// They mark the end of the records in a recycled file, where stale bytes follow.
const END_MARKER: [u8; FRAME_HEADER_BYTES] = [0; FRAME_HEADER_BYTES];

/// Maximum capacity that the buffer keeps between groups, in bytes: four times `MAX_GROUP_BYTES`.
const MAX_RETAINED_BUFFER_BYTES: usize = 4 << 20;

/// Writer of the WAL of one open database.
#[derive(Debug)]
pub(crate) struct WalWriter {
    dir: Dir,
    uuid: Uuid,
    ids: Arc<FileIdAllocator>,
    /// Length at which a segment is full.
    segment_bytes: u64,
    active: ActiveSegment,
    /// Seq of the last record that was written.
    last_seq: u64,
    spares: SpareSegments,
    /// File that becomes the next segment if a failed append must be sealed on a full disk.
    reserve: Reserve,
    /// File that becomes the first segment of the next opening if the disk is full then.
    opening_reserve: Reserve,
    /// Lack of space because of which there is no reserve; `None` while appends are allowed.
    no_space: Option<Error>,
    /// Segment that could not be extended: the attempt takes all free space for a moment, so it is not repeated.
    not_extensible: Option<FileId>,
    /// Ids and lengths of the sealed segments at or above the WAL floor, oldest first.
    sealed_segments: VecDeque<(FileId, u64)>,
    /// Encoding buffer, reused by every group.
    buffer: Vec<u8>,
    /// Failure after which nothing may be written.
    failure: FailureLatch,
}

/// Segment that takes records.
#[derive(Debug)]
struct ActiveSegment {
    file: OpenFile,
    id: FileId,
    crc: SaltedCrc,
    /// Length of the recycled file or reserve: bytes below it can be overwritten on a full disk.
    allocated_len: u64,
    /// End of the last good record: the offset of the next group, and the sealed length if sealed now.
    append_offset: u64,
    /// Length of the file in bytes; a recycled file keeps the length that it had.
    file_len: u64,
    /// All bytes below this offset are synced.
    synced_to: u64,
    /// `true` if a commit or delete follows the last sync mark, so that no `synced_to` may cover it.
    needs_sync_mark: bool,
}

/// Reason why the next segment could not be opened.
enum OpenSegmentError {
    /// No file has the next segment's name. Records can still be appended to the active segment.
    NotCreated(Error),
    /// A file may have the name, now or after a crash.
    ///
    /// Its header seals the active segment, to which nothing may be appended.
    OutcomeUnknown(Error),
}

impl WalWriter {
    /// Starts the WAL of an opening with a new segment.
    ///
    /// `last_seq` is the last seq that recovery accepted. A `predecessor` is sealed: an opening on a full disk goes on
    /// with the segments that it found, and has synced the last one. `found` lists the WAL files of earlier openings;
    /// they are recycled or removed when the WAL floor passes them.
    pub(crate) fn create(
        dir: Dir,
        uuid: Uuid,
        ids: Arc<FileIdAllocator>,
        segment_bytes: u64,
        last_seq: u64,
        predecessor: Option<Predecessor>,
        found: &WalFiles,
    ) -> Result<Self> {
        let mut spares = SpareSegments::new(dir.clone(), Arc::clone(&ids), found);
        let mut reserve = Reserve::find(dir.clone(), RESERVE, RESERVE_TMP);
        let mut opening_reserve = Reserve::find(dir.clone(), OPENING_RESERVE, OPENING_RESERVE_TMP);
        let link = SegmentLink { previous_seq: last_seq, predecessor };
        let first_reserve = if opening_reserve.len() > 0 { &mut opening_reserve } else { &mut reserve };
        let opened = Self::open_segment(&dir, uuid, ids.allocate(), link, &mut spares, Some(first_reserve));
        let active = opened.map_err(|why| match why {
            OpenSegmentError::NotCreated(error) | OpenSegmentError::OutcomeUnknown(error) => error,
        })?;
        let mut wal = Self {
            dir,
            uuid,
            ids,
            segment_bytes,
            active,
            last_seq,
            spares,
            reserve,
            opening_reserve,
            no_space: None,
            not_extensible: None,
            sealed_segments: predecessor.map(|before| (before.id, before.sealed_len)).into_iter().collect(),
            buffer: Vec::new(),
            failure: FailureLatch::default(),
        };
        wal.restore_reserve();
        Ok(wal)
    }

    /// Returns the id of the segment that takes the next record, unless a rotation comes first.
    pub(crate) fn active_segment(&self) -> FileId {
        self.active.id
    }

    #[cfg(test)]
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Returns the number of bytes that the next opening would read, headers included.
    pub(crate) fn replay_bytes(&self) -> u64 {
        self.active.append_offset + self.sealed_segments.iter().map(|(_, len)| len).sum::<u64>()
    }

    /// Returns the total length of the spare segments, in bytes.
    pub(crate) fn spare_bytes(&self) -> u64 {
        self.spares.bytes()
    }

    /// Returns `true` if every appended record is synced.
    pub(crate) fn is_synced(&self) -> bool {
        self.active.synced_to == self.active.append_offset
    }

    /// Appends a group of records with one write, without syncing it.
    ///
    /// Rotates before if the active segment is full; without room for another file the segment is continued. A group of
    /// deletes that fails for a lack of space is written into the blocks of the former reserve, if it fits.
    ///
    /// # Errors
    /// `NotWritten`: the group will never be read, and the writer stays usable. `OutcomeUnknown`: the writer has
    /// failed. `ReadOnly`: it had failed before, or the directory was moved; nothing of the group was written.
    pub(crate) fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        self.check_usable()?;
        let Some(last) = group.last() else { return Ok(()) };
        if self.no_space.is_some() {
            self.append_to_allocated(group)?;
        } else {
            if self.active.append_offset >= self.segment_bytes.max(FIRST_RECORD_OFFSET + 1) {
                match self.rotate() {
                    // The reserve is for an append that fails: it seals this segment, however long it is.
                    Err(AppendError::NotWritten(error)) if error.is_out_of_space() => {}
                    rotated => drop(rotated?),
                }
            }
            self.encode(group).map_err(AppendError::NotWritten)?;
            match self.write_buffer() {
                Err(AppendError::NotWritten(_)) if self.no_space.is_some() => self.append_to_allocated(group)?,
                written => written?,
            }
        }
        self.last_seq = last.seq;
        self.active.needs_sync_mark = true;
        Ok(())
    }

    /// Makes every record appended so far durable.
    ///
    /// # Errors
    /// `OutcomeUnknown`: the writer has failed, or the directory was moved. `ReadOnly`: the writer had failed before.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.failure.check()?;
        // Survives power loss after the acknowledgement of any write in the group.
        self.sync_active(SyncStep::WalGroup)?;
        // The directory may have been moved after the append: the path would not lead to what was acknowledged.
        self.dir.check_place().map_err(|error| self.failure.fail(error))
    }

    /// Syncs, then writes a durable sync mark: a record which states that everything before it was synced.
    ///
    /// Writes no mark if no commit or delete follows the last mark. A seal is as good as a mark.
    ///
    /// # Errors
    /// `NotWritten`: everything is synced, but nothing in the log states it for the last records. `OutcomeUnknown`: the
    /// writer has failed. `ReadOnly`: it had failed before.
    pub(crate) fn write_sync_mark(&mut self) -> Result<(), AppendError> {
        self.failure.check().map_err(AppendError::ReadOnly)?;
        self.sync().map_err(AppendError::OutcomeUnknown)?;
        if !self.active.needs_sync_mark {
            return Ok(());
        }
        let base = self.active.append_offset;
        self.buffer.clear();
        let header = FrameHeader::new(KIND_SYNC_MARK, self.last_seq, self.active.synced_to);
        put_frame(&mut self.buffer, self.active.crc, base, header, |_| {}).map_err(AppendError::NotWritten)?;
        // On a full disk each delete has left room for its mark in the blocks that exist.
        self.check_allocated(0)?;
        match self.write_buffer() {
            Ok(()) => self.active.needs_sync_mark = false,
            // The segment was sealed before the mark, and the header of its successor makes the mark unnecessary.
            Err(AppendError::NotWritten(_)) if !self.active.needs_sync_mark => return Ok(()),
            // It was cut there.
            not_written => return not_written,
        }
        // Survives any damage to the bytes below the mark: once the mark is durable, a bad record there cannot pass as
        // a torn tail.
        self.sync_active(SyncStep::WalGroup).map_err(AppendError::OutcomeUnknown)
    }

    /// Syncs and seals the active segment, opens the next one and returns its id.
    ///
    /// # Errors
    /// `NotWritten`: the active segment was synced and stays in use. `OutcomeUnknown`: the writer has failed.
    /// `ReadOnly`: it had failed before, or the directory was moved; nothing was changed.
    pub(crate) fn rotate(&mut self) -> Result<FileId, AppendError> {
        self.check_usable()?;
        if self.no_space.is_some() {
            self.restore_reserve();
        }
        // A segment without allocated blocks would take no delete.
        if let Some(error) = &self.no_space {
            return Err(AppendError::NotWritten(error.clone()));
        }
        self.open_next_segment(false)
    }

    /// Syncs and seals the active segment, opens the next one and returns its id.
    ///
    /// With `may_use_reserve` the next segment is made of the reserve if there is no room for another file.
    fn open_next_segment(&mut self, may_use_reserve: bool) -> Result<FileId, AppendError> {
        // Survives power loss that keeps the new segment and tears the old one: recovery would find a hole below an
        // acknowledged record. Hence a sync under every durability option, before the seal exists anywhere.
        self.sync_active(SyncStep::WalSegmentEnd).map_err(AppendError::OutcomeUnknown)?;
        let predecessor = Predecessor { id: self.active.id, sealed_len: self.active.append_offset };
        let link = SegmentLink { previous_seq: self.last_seq, predecessor: Some(predecessor) };
        let (id, reserve) = (self.ids.allocate(), may_use_reserve.then_some(&mut self.reserve));
        match Self::open_segment(&self.dir, self.uuid, id, link, &mut self.spares, reserve) {
            Ok(segment) => {
                let old = std::mem::replace(&mut self.active, segment);
                self.sealed_segments.push_back((old.id, old.append_offset));
                self.spares.retire(old.id, old.file_len);
                Ok(self.active.id)
            }
            Err(OpenSegmentError::NotCreated(error)) => Err(AppendError::NotWritten(error)),
            Err(OpenSegmentError::OutcomeUnknown(error)) => Err(AppendError::OutcomeUnknown(self.failure.fail(error))),
        }
    }

    /// Recycles or removes the segments below the WAL floor that the durable manifest names.
    ///
    /// The next call tries again to recycle or remove a file if this one fails.
    pub(crate) fn release_below(&mut self, floor: FileId) {
        debug_assert!(floor <= self.active.id, "the WAL floor is an existing segment");
        while self.sealed_segments.pop_front_if(|(id, _)| *id < floor).is_some() {}
        self.spares.release_below(floor);
    }

    /// Encodes the group into the buffer, for the append offset.
    fn encode(&mut self, group: &[LogRecord<'_>]) -> Result<()> {
        self.buffer.clear();
        let ActiveSegment { crc, append_offset, synced_to, .. } = self.active;
        for (record, seq) in group.iter().zip(self.last_seq + 1..) {
            assert_eq!(record.seq, seq, "seqs rise by one: every later opening would report a gap as damage");
            let points = record.points.len();
            if points > MAX_BATCH_POINTS {
                // A reader refuses such a record, so it must never be written.
                return Err(Error::TooLarge { item: "a batch, in points,", size: points, limit: MAX_BATCH_POINTS });
            }
            let kind = match (record.delete, record.metadata) {
                (Some(_), _) => KIND_DELETE,
                (None, Some(_)) => KIND_METADATA,
                (None, None) => KIND_COMMIT,
            };
            let header = FrameHeader::new(kind, seq, synced_to);
            put_frame(&mut self.buffer, crc, append_offset, header, |out| match (record.delete, record.metadata) {
                (Some(delete), _) => put_tombstone(out, delete),
                (None, Some(change)) => put_metadata_change(out, change),
                (None, None) => put_commit(out, record),
            })?;
        }
        Ok(())
    }

    /// Writes the buffer at the append offset and advances the offset.
    ///
    /// If the write fails, seals the segment at the append offset and returns `NotWritten`. Without a descriptor for the
    /// next segment, the segment is cut there instead, and stays in use.
    fn write_buffer(&mut self) -> Result<(), AppendError> {
        let len = self.buffer.len() as u64;
        self.buffer.extend_from_slice(&END_MARKER);
        let written = self.active.file.write_at(self.active.append_offset, &self.buffer);
        if self.buffer.capacity() > MAX_RETAINED_BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        let Err(error) = written else {
            self.active.append_offset += len;
            self.active.file_len = self.active.file_len.max(self.active.append_offset + END_MARKER.len() as u64);
            self.extend_ahead(len);
            return Ok(());
        };
        // The append offset did not change, so the sealed length excludes whatever part of the buffer is on disk.
        let sealed = match self.check_usable().and_then(|()| self.open_next_segment(true)) {
            Ok(_) => {
                if self.reserve.len() == 0 {
                    self.no_space = Some(error.clone()).filter(Error::is_out_of_space);
                    self.restore_reserve();
                }
                Ok(())
            }
            Err(AppendError::NotWritten(Error::OutOfResources { .. })) => self.cut_at_append_offset(),
            Err(
                AppendError::NotWritten(second) | AppendError::OutcomeUnknown(second) | AppendError::ReadOnly(second),
            ) => Err(second),
        };
        match sealed {
            Ok(()) => Err(AppendError::NotWritten(Error::write_failed(error))),
            Err(second) => {
                tracing::warn!(%error, %second, "a WAL write failed, and its segment could not be sealed before it");
                Err(AppendError::OutcomeUnknown(self.failure.fail(error)))
            }
        }
    }

    /// Syncs the active segment if it has unsynced records.
    fn sync_active(&mut self, step: SyncStep) -> Result<()> {
        if self.is_synced() {
            return Ok(());
        }
        match self.active.file.sync(step) {
            Ok(()) => {
                self.active.synced_to = self.active.append_offset;
                Ok(())
            }
            // No retry: the kernel may have dropped the pages and would report the next sync as a success.
            Err(error) => Err(self.failure.fail(error)),
        }
    }

    /// Opens segment `id` in a spare or a new file, or else in the reserve, if it is given.
    fn open_segment(
        dir: &Dir,
        uuid: Uuid,
        id: FileId,
        link: SegmentLink,
        spares: &mut SpareSegments,
        reserve: Option<&mut Reserve>,
    ) -> std::result::Result<ActiveSegment, OpenSegmentError> {
        let spare = spares.take().map_err(OpenSegmentError::NotCreated);
        let opened = spare.and_then(|spare| Self::open_segment_in(spare, dir, uuid, id, link, spares));
        let Err(OpenSegmentError::NotCreated(error)) = opened else { return opened };
        // A reserve needs a descriptor like any other file.
        let is_useful = |reserve: &&mut Reserve| reserve.len() > 0 && !matches!(error, Error::OutOfResources { .. });
        let Some(reserve) = reserve.filter(is_useful) else {
            return Err(OpenSegmentError::NotCreated(error));
        };
        let (name, len) = (reserve.name().to_owned(), reserve.len());
        let file = reserve.take().map_err(OpenSegmentError::NotCreated)?;
        Self::open_segment_in(SpareFile { file, name, len }, dir, uuid, id, link, spares)
    }

    /// Turns a file into segment `id`: first its header becomes durable, then its name.
    fn open_segment_in(
        spare: SpareFile,
        dir: &Dir,
        uuid: Uuid,
        id: FileId,
        link: SegmentLink,
        spares: &SpareSegments,
    ) -> std::result::Result<ActiveSegment, OpenSegmentError> {
        let header = SegmentHeader { uuid, id, link, recycled_len: spare.len };
        let name = segment_name(id);
        if let Err(error) = write_header(&spare, &header) {
            // The file may hold the next segment's header, but a file with a spare's name is never read.
            spares.discard(&spare.name);
            return Err(OpenSegmentError::NotCreated(error));
        }
        let failed_syncs = dir.failed_syncs();
        if let Err(error) = dir.rename(&spare.name, &name) {
            return Err(match dir.exists(&name) {
                Ok(false) => {
                    spares.discard(&spare.name);
                    OpenSegmentError::NotCreated(error)
                }
                _ => OpenSegmentError::OutcomeUnknown(error),
            });
        }
        // Survives power loss after the first record: without it the segment, and acknowledged records in it, may
        // vanish with its name.
        dir.sync_names(SyncStep::WalDirectory, failed_syncs).map_err(OpenSegmentError::OutcomeUnknown)?;
        let file = spare.file.with_path(dir.file_path(&name));
        Ok(ActiveSegment {
            file,
            id,
            crc: header.crc(),
            allocated_len: spare.len,
            append_offset: FIRST_RECORD_OFFSET,
            file_len: spare.len.max(FIRST_RECORD_OFFSET + END_MARKER.len() as u64),
            synced_to: FIRST_RECORD_OFFSET,
            needs_sync_mark: false,
        })
    }

    /// Checks that the writer has not failed and that the directory was not moved, which makes the writer fail.
    fn check_usable(&mut self) -> Result<(), AppendError> {
        self.failure.check().map_err(AppendError::ReadOnly)?;
        self.dir.check_place().map_err(|error| {
            self.failure.record(&error);
            AppendError::ReadOnly(Error::read_only(error))
        })
    }
}

/// Writes and syncs the header of a segment, and the end marker behind it.
fn write_header(spare: &SpareFile, header: &SegmentHeader) -> Result<()> {
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(&END_MARKER);
    spare.file.write_at(0, &bytes)?;
    // Survives power loss between the rename and the first record's sync: the header of a file with a segment's name is
    // never torn, so an invalid one is always damage.
    spare.file.sync(SyncStep::WalHeader)
}
