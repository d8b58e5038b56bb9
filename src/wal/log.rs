//! The writing end of the log: one current segment, groups appended to it, and the step to the next one.
//! It promises that after a failed sync it never writes again, and that a group called absent is never read; when to
//! sync, mark or rotate is the writer's business, except that a full segment rotates by itself.

use std::collections::VecDeque;
use std::fmt;

use uuid::Uuid;

use super::header::{Predecessor, RECORDS_AT, Seal, SegmentHeader};
use super::record::{COMMIT, DELETE, MARK, put_commit};
use super::spares::{Spare, Spares};
use super::{AppendError, LogRecord, WalFiles, segment_name};
use crate::bytes::Salt;
use crate::bytes::frame::{self, HEAD_BYTES, Head};
use crate::bytes::tombstone::put_tombstone;
use crate::env::{Dir, DirFile, Open, SyncStep};
use crate::error::{Error, Result};
use crate::point::MAX_BATCH_POINTS;
use crate::sync::Arc;
use crate::version::{FileId, FileIds};

/// Zeros written behind every group, overwritten by the next: they end the log where a recycled file's former life
/// would follow.
const END: [u8; HEAD_BYTES] = [0; HEAD_BYTES];

/// The buffer for one group is kept up to this size: four times a group's usual bound.
const KEEP_BUFFER_BYTES: usize = 4 << 20;

/// The log as its writer holds it.
#[derive(Debug)]
pub(crate) struct Wal {
    dir: Dir,
    uuid: Uuid,
    ids: Arc<FileIds>,
    segment_bytes: u64,
    current: Segment,
    last_seq: u64,
    spares: Spares,
    /// Segments that are not current any more, with their lengths, from the floor on.
    sealed: VecDeque<(FileId, u64)>,
    /// Reused by every group.
    buffer: Vec<u8>,
    /// Why nothing may be written any more.
    dead: Option<String>,
}

/// The segment that takes records.
#[derive(Debug)]
struct Segment {
    file: DirFile,
    id: FileId,
    salt: Salt,
    /// Behind the last good record: where the next group goes, and what a successor's seal names.
    tail: u64,
    /// Known synced: everything below it.
    synced_to: u64,
    /// Whether a commit stands behind the last mark, so that no `synced_to` vouches for it.
    unmarked: bool,
}

/// Why there is no next segment.
enum NotOpened {
    /// No file bears the next segment's name: the current one goes on.
    Absent(Error),
    /// A file may bear it, now or after a crash: appending to the current one could go beyond its seal.
    Unknown(Error),
}

impl Wal {
    /// Begins the log of an opening with a segment of its own: no opening appends to another's.
    ///
    /// `last_seq` is the last seq that recovery believes; `found` are the directory's older WAL files, given up as
    /// the floor passes them.
    pub(crate) fn create(
        dir: Dir,
        uuid: Uuid,
        ids: Arc<FileIds>,
        segment_bytes: u64,
        last_seq: u64,
        found: WalFiles,
    ) -> Result<Self> {
        let mut spares = Spares::new(dir.clone(), Arc::clone(&ids), found);
        let seal = Seal { last_seq, predecessor: None };
        let current = Self::open_segment(&dir, uuid, ids.take(), seal, &mut spares).map_err(|why| match why {
            NotOpened::Absent(error) | NotOpened::Unknown(error) => error,
        })?;
        Ok(Self {
            dir,
            uuid,
            ids,
            segment_bytes,
            current,
            last_seq,
            spares,
            sealed: VecDeque::new(),
            buffer: Vec::new(),
            dead: None,
        })
    }

    /// The segment that takes the next record, if no rotation comes before it.
    pub(crate) fn current(&self) -> FileId {
        self.current.id
    }

    #[cfg(test)]
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// What a reopening would read, headers included.
    pub(crate) fn bytes(&self) -> u64 {
        self.current.tail + self.sealed.iter().map(|(_, len)| len).sum::<u64>()
    }

    /// Whether anything waits for a sync.
    pub(crate) fn is_synced(&self) -> bool {
        self.current.synced_to == self.current.tail
    }

    /// Writes a group behind all before it, with one write; not yet durable.
    ///
    /// # Errors
    /// `Absent`: nothing of the group will ever be read, and the log goes on. `Unknown`: it is dead.
    pub(crate) fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        self.check_alive().map_err(AppendError::Unknown)?;
        let Some(last) = group.last() else { return Ok(()) };
        if self.current.tail >= self.segment_bytes.max(RECORDS_AT + 1) {
            self.rotate()?;
        }
        self.encode(group).map_err(AppendError::Absent)?;
        self.write()?;
        self.last_seq = last.seq;
        self.current.unmarked = true;
        Ok(())
    }

    /// Makes every record appended so far durable.
    ///
    /// # Errors
    /// `OutcomeUnknown`: the log is dead.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.check_alive()?;
        // Survives power loss after the acknowledgement of anything in the group.
        self.sync_current(SyncStep::WalGroup)
    }

    /// Leaves a durable word that everything so far was synced. Nothing to do when one stands there already.
    ///
    /// # Errors
    /// `OutcomeUnknown`: the log is dead.
    pub(crate) fn mark(&mut self) -> Result<()> {
        self.sync()?;
        if !self.current.unmarked {
            return Ok(());
        }
        let base = self.current.tail;
        self.buffer.clear();
        let head = Head::new(MARK, self.last_seq, self.current.synced_to);
        frame::put(&mut self.buffer, self.current.salt, base, head, |_| {})?;
        match self.write() {
            Ok(()) => self.current.unmarked = false,
            // The segment was sealed before the mark: its successor's header vouches for more than the mark would.
            Err(AppendError::Absent(_)) => return Ok(()),
            Err(AppendError::Unknown(error)) => return Err(error),
        }
        #[cfg(feature = "planted")]
        if crate::planted::is("mark_is_not_synced") {
            return Ok(());
        }
        // Survives any damage to what the mark vouches for: with the mark durable it cannot pass as a torn tail.
        self.sync_current(SyncStep::WalGroup)
    }

    /// Begins a new segment, its predecessor synced and sealed, and names it.
    ///
    /// # Errors
    /// `Absent`: the old segment goes on, nothing changed. `Unknown`: the log is dead.
    pub(crate) fn rotate(&mut self) -> Result<FileId, AppendError> {
        self.check_alive().map_err(AppendError::Unknown)?;
        // Survives power loss that keeps the new segment and tears the old one: recovery would meet a hole below an
        // acknowledged record. Hence in every durability, before the seal exists anywhere.
        self.sync_current(SyncStep::WalPredecessor).map_err(AppendError::Unknown)?;
        let predecessor = Predecessor { id: self.current.id, len: self.current.tail };
        let seal = Seal { last_seq: self.last_seq, predecessor: Some(predecessor) };
        match Self::open_segment(&self.dir, self.uuid, self.ids.take(), seal, &mut self.spares) {
            Ok(segment) => {
                let old = std::mem::replace(&mut self.current, segment);
                self.sealed.push_back((old.id, old.tail));
                self.spares.retire(old.id);
                Ok(self.current.id)
            }
            Err(NotOpened::Absent(error)) => Err(AppendError::Absent(error)),
            Err(NotOpened::Unknown(error)) => Err(AppendError::Unknown(self.die(&error))),
        }
    }

    /// Gives up the segments below the floor, which the manifest durably names: what fails is tried again next time.
    pub(crate) fn drop_below(&mut self, floor: FileId) {
        debug_assert!(floor <= self.current.id, "the floor is a segment that exists");
        while self.sealed.pop_front_if(|(id, _)| *id < floor).is_some() {}
        self.spares.drop_below(floor);
    }

    /// Fills the buffer with the group, as it will stand at the tail.
    fn encode(&mut self, group: &[LogRecord<'_>]) -> Result<()> {
        self.buffer.clear();
        let Segment { salt, tail, synced_to, .. } = self.current;
        #[cfg(feature = "planted")]
        let synced_to = match synced_to {
            _ if crate::planted::is("record_vouches_for_too_much") => tail,
            _ if crate::planted::is("record_vouches_for_nothing") => 0,
            synced_to => synced_to,
        };
        for (record, seq) in group.iter().zip(self.last_seq + 1..) {
            assert_eq!(record.seq, seq, "seqs rise by one: a gap is damage to every later opening");
            let points = record.points.len();
            if points > MAX_BATCH_POINTS {
                // A reader refuses such a record, so it must never be written.
                return Err(Error::TooLarge { what: "a batch, in points,", found: points, most: MAX_BATCH_POINTS });
            }
            let head = Head::new(if record.delete.is_some() { DELETE } else { COMMIT }, seq, synced_to);
            frame::put(&mut self.buffer, salt, tail, head, |out| match record.delete {
                Some(delete) => put_tombstone(out, delete),
                None => put_commit(out, record),
            })?;
        }
        Ok(())
    }

    /// Writes the buffer at the tail and moves the tail behind it; if that fails, seals the segment before it.
    fn write(&mut self) -> Result<(), AppendError> {
        let len = self.buffer.len() as u64;
        self.buffer.extend_from_slice(&END);
        let written = self.current.file.write_at(self.current.tail, &self.buffer);
        if self.buffer.capacity() > KEEP_BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        let Err(error) = written else {
            self.current.tail += len;
            return Ok(());
        };
        #[cfg(feature = "planted")]
        if crate::planted::is("failed_write_moves_the_seal") {
            self.current.tail += len;
        }
        // The tail did not move: the successor's seal leaves the bad bytes out, whatever part of them is on disk.
        match self.rotate() {
            Ok(_) => Err(AppendError::Absent(Error::WriteFailed { reason: error.to_string() })),
            Err(AppendError::Absent(second) | AppendError::Unknown(second)) => {
                let both = format!("{error}; then its segment could not be sealed before it: {second}");
                Err(AppendError::Unknown(self.die(&both)))
            }
        }
    }

    /// Syncs the current segment if anything in it waits for that.
    fn sync_current(&mut self, step: SyncStep) -> Result<()> {
        if self.is_synced() {
            return Ok(());
        }
        match self.current.file.sync(step) {
            Ok(()) => {
                self.current.synced_to = self.current.tail;
                Ok(())
            }
            #[cfg(feature = "planted")]
            Err(_) if crate::planted::is("failed_sync_is_tried_again") && self.current.file.sync(step).is_ok() => {
                self.current.synced_to = self.current.tail;
                Ok(())
            }
            // Never a second try: the kernel may have dropped the pages and would call the next sync a success.
            Err(error) => Err(self.die(&error)),
        }
    }

    /// Makes a file the segment `id`. Its header is durable before the name, and the name before the first record.
    fn open_segment(
        dir: &Dir,
        uuid: Uuid,
        id: FileId,
        seal: Seal,
        spares: &mut Spares,
    ) -> std::result::Result<Segment, NotOpened> {
        let spare = spares.take().map_err(NotOpened::Absent)?;
        let header = SegmentHeader { uuid, id, seal, stale_to: spare.len };
        let name = segment_name(id);
        if let Err(error) = write_header(&spare, &header) {
            // It may hold the next segment's header, but under a spare's name nobody reads it.
            spares.discard(&spare.name);
            return Err(NotOpened::Absent(error));
        }
        if let Err(error) = dir.rename(&spare.name, &name) {
            return Err(match dir.open(&name, Open::Read) {
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                    spares.discard(&spare.name);
                    NotOpened::Absent(error)
                }
                _ => NotOpened::Unknown(error),
            });
        }
        // Survives power loss after the first record: without it the segment, and acknowledged records in it, may
        // vanish with its name.
        dir.sync(SyncStep::WalDirectory).map_err(NotOpened::Unknown)?;
        let file = spare.file.renamed(dir.file_path(&name));
        Ok(Segment { file, id, salt: header.salt(), tail: RECORDS_AT, synced_to: RECORDS_AT, unmarked: false })
    }

    fn check_alive(&self) -> Result<()> {
        match &self.dead {
            None => Ok(()),
            Some(reason) => Err(Error::ReadOnly { reason: reason.clone() }),
        }
    }

    /// Ends the log: from here on every call fails and no file is touched.
    fn die(&mut self, reason: &impl fmt::Display) -> Error {
        let reason = reason.to_string();
        self.dead = Some(reason.clone());
        Error::OutcomeUnknown { reason }
    }
}

fn write_header(spare: &Spare, header: &SegmentHeader) -> Result<()> {
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(&END);
    spare.file.write_at(0, &bytes)?;
    // Survives power loss between the rename and the first record's sync: under a segment's name a header is never
    // torn, so a bad one is always damage.
    spare.file.sync(SyncStep::WalHeader)
}
