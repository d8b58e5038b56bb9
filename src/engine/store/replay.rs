//! Replay: reads the WAL, and flushes its records above `flushed_seq` into new SSTs.
//!
//! Replay needs no more memory than normal operation: it flushes a full memtable. A record that it reads may exist only
//! in the page cache; it counts as durable only in the new SSTs.
//!
//! On a full disk the records stay in memory instead: in frozen memtables, which the writer flushes once there is room.
//! They take as much memory as before the opening. The segments stay, and the new segment seals the last one with a
//! record, which is rewritten in place first: the same bytes are written over themselves and synced, which takes no room.

use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::flush::SstFlusher;
use super::listing::TORN_TAIL_PREFIX;
use super::open::TornTail;
use crate::engine::actor::{CancelFlag, FlushExecutor, FlushJob};
use crate::format::manifest::remove_if_exists;
use crate::format::sst::sst_file_name;
use crate::format::wal::{Predecessor, SegmentBound, SegmentTail, read_segment, segment_name};
use crate::platform::env::{Dir, OpenMode, SyncStep};
use crate::state::file_id::FileId;
use crate::state::log_record::LogRecord;
use crate::state::memtable::{FrozenMemtable, Memtable};
use crate::state::metric_metadata::MetadataMap;
use crate::state::series_index::SeriesIndex;
use crate::state::tombstone::Tombstone;
use crate::state::version::{Cutoffs, RecoveryPlan, ReplayEnd, SegmentSummary, SstMeta};
use crate::types::error::{Error, Result};
use crate::types::series::SeriesInfo;

/// Number of bytes that are rewritten in place at once.
const REWRITE_BYTES: usize = 1 << 20;

/// Result of a replay.
#[derive(Debug)]
pub(super) struct ReplayOutcome {
    pub(super) series: SeriesIndex,
    /// Metadata of metrics after the newest record.
    pub(super) metadata: MetadataMap,
    /// Series definitions of the WAL that are not in the series log, in order of id.
    pub(super) definitions: Vec<Arc<SeriesInfo>>,
    pub(super) ssts: Vec<SstMeta>,
    /// Replayed deletes, in order.
    pub(super) tombstones: Vec<Arc<Tombstone>>,
    /// Seq of the newest replayed record; `flushed_seq` if there is none.
    pub(super) last_seq: u64,
    /// Generation of the last flush; without one, the greatest generation of an SST.
    pub(super) generation: u64,
    /// Number of replayed records.
    pub(super) records: u64,
    /// Number of points in the replayed records.
    pub(super) points: u64,
    pub(super) torn_tail: Option<TornTail>,
    /// Memtables that could not be flushed for a lack of space, oldest first; they end with `last_seq`. Empty
    /// otherwise.
    pub(super) frozen: Vec<FrozenMemtable>,
    /// Last segment that a new one can continue, and the length up to which its records count.
    ///
    /// The last segment is passed over if it has no record: its name may not be durable.
    pub(super) last_segment: Option<Predecessor>,
    /// `true` if a segment behind it was passed over, whose header seals it: it is durable up to that length.
    pub(super) is_last_sealed: bool,
}

/// Place of the replayed records after the opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplayTarget {
    Ssts,
    /// Frozen memtables, for a full disk.
    Memory,
}

/// Running replay of the WAL.
pub(super) struct WalReplay<'a> {
    flusher: SstFlusher,
    flush_at_bytes: usize,
    /// Newest timestamp in the SSTs that the manifest names.
    newest_flushed_time: Option<i64>,
    /// Seq of the newest record that was flushed so far.
    frozen_seq: u64,
    wal_floor: FileId,
    memtable: Memtable,
    target: ReplayTarget,
    outcome: ReplayOutcome,
    cancel: &'a CancelFlag,
}

impl<'a> WalReplay<'a> {
    pub(super) fn new(
        flusher: SstFlusher,
        flush_at_bytes: usize,
        series: SeriesIndex,
        recovery: &RecoveryPlan,
        target: ReplayTarget,
        cancel: &'a CancelFlag,
    ) -> Self {
        let flushed_seq = recovery.durable.flushed_seq;
        let outcome = ReplayOutcome {
            series,
            metadata: recovery.durable.metadata.clone(),
            definitions: Vec::new(),
            ssts: Vec::new(),
            tombstones: Vec::new(),
            last_seq: flushed_seq,
            generation: recovery.durable.ssts.iter().map(|sst| sst.generation).max().unwrap_or_default(),
            records: 0,
            points: 0,
            torn_tail: None,
            frozen: Vec::new(),
            last_segment: None,
            is_last_sealed: false,
        };
        let newest_flushed_time = recovery.durable.ssts.iter().map(|sst| sst.rectangle.times.last()).max();
        let memtable = Memtable::new();
        let (frozen_seq, wal_floor) = (flushed_seq, recovery.durable.wal_floor);
        Self { flusher, flush_at_bytes, newest_flushed_time, frozen_seq, wal_floor, memtable, target, outcome, cancel }
    }

    fn is_in_memory(&self) -> bool {
        self.target == ReplayTarget::Memory
    }

    /// Replays every segment of the plan, in order.
    ///
    /// After an error none of its SSTs is left, unless the removal fails, so that repeated openings of a damaged
    /// database do not fill the disk.
    pub(super) fn run(mut self, recovery: &RecoveryPlan) -> Result<ReplayOutcome> {
        match self.replay(recovery) {
            Ok(()) => Ok(self.outcome),
            Err(error) => {
                // A file that cannot be removed is garbage, which the next opening removes.
                self.outcome.ssts.iter().for_each(|sst| drop(self.flusher.dir.remove(&sst_file_name(sst.id))));
                Err(error)
            }
        }
    }

    fn replay(&mut self, recovery: &RecoveryPlan) -> Result<()> {
        for (segment, end) in segments_with_ends(recovery) {
            self.segment(recovery, segment, end)?;
        }
        // Before the last flush, and so before anything that the commit of the opening names.
        self.cancel.check()?;
        if self.is_in_memory() {
            // Also without points: the floor may pass the record of a created series only with a flush.
            if self.outcome.last_seq > self.frozen_seq {
                self.freeze();
            }
        } else {
            self.flush()?;
            let series = &self.outcome.series;
            self.outcome.series = series.after_flush(self.outcome.last_seq, Some(series));
        }
        self.outcome.series.seal_lazily();
        Ok(())
    }

    fn segment(&mut self, recovery: &RecoveryPlan, segment: &SegmentSummary, end: SegmentBound) -> Result<()> {
        let (dir, uuid) = (self.flusher.dir.clone(), self.flusher.uuid);
        let mut records = 0;
        let read = read_segment(&dir, uuid, segment.id, end, |record| {
            records += 1;
            self.record(recovery, segment.id, &record)
        })?;
        let sealed_len = match (read.tail, end) {
            (SegmentTail::Clean { offset } | SegmentTail::Torn { offset, .. }, _) => offset,
            (SegmentTail::Sealed, SegmentBound::Sealed { len, .. }) => len,
            (SegmentTail::Sealed, SegmentBound::Unsealed) => 0,
        };
        let is_empty = records == 0 && matches!(read.tail, SegmentTail::Clean { .. });
        if !is_empty || self.outcome.last_segment.is_none() {
            self.outcome.last_segment = Some(Predecessor { id: segment.id, sealed_len });
            self.outcome.is_last_sealed = matches!(end, SegmentBound::Sealed { .. });
        }
        if let SegmentTail::Torn { offset, end } = read.tail {
            self.outcome.torn_tail = Some(self.keep_torn_tail(segment.id, offset, end)?);
        }
        Ok(())
    }

    fn record(&mut self, recovery: &RecoveryPlan, segment: FileId, record: &LogRecord<'_>) -> Result<()> {
        self.cancel.check()?;
        let corrupt = |what: String| Error::corrupt(self.flusher.dir.file_path(&segment_name(segment)), 0, what);
        let must_replay = recovery.must_replay(record.seq);
        for def in record.definitions {
            // The series log has the definition of a flushed record, unless it was dropped. A definition that is read
            // twice must be equal.
            if !must_replay && self.outcome.series.get(def.id).is_none() {
                continue;
            }
            if self.outcome.series.restore((**def).clone()).map_err(corrupt)? {
                self.outcome.definitions.push(Arc::clone(def));
            }
        }
        if !must_replay {
            return Ok(());
        }
        if let Some(id) = record.points.series.iter().find(|id| self.outcome.series.get(**id).is_none()) {
            return Err(corrupt(format!("record {} has points of series {id}, which nothing defines", record.seq)));
        }
        let revived = self.outcome.series.revive(record.points.series, u32::MAX);
        revived.map_err(|error| corrupt(error.to_string()))?;
        if record.points.len() > 0 {
            self.memtable.insert(record.points);
        }
        if let Some(delete) = record.delete {
            let delete = Arc::new(delete.clone());
            if delete.series.bounds().is_some_and(|ids| ids.end().get() >= self.outcome.series.next_id()) {
                return Err(corrupt(format!("record {} deletes of a series that nothing defines", record.seq)));
            }
            self.outcome.series.apply_delete(&delete);
            self.memtable.delete(Arc::clone(&delete));
            self.outcome.tombstones.push(delete);
        }
        if let Some(change) = record.metadata {
            self.outcome.metadata.apply(change);
            self.memtable.add_log_bytes(change.byte_len());
        }
        self.outcome.last_seq = record.seq;
        self.outcome.records += 1;
        self.outcome.points += record.points.len() as u64;
        if self.memtable.bytes() < self.flush_at_bytes {
            return Ok(());
        }
        if self.is_in_memory() {
            self.freeze();
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        if self.memtable.is_empty() {
            return Ok(());
        }
        let frozen = self.frozen_memtable();
        let newest_flushed_time = self.outcome.ssts.iter().map(|sst| sst.rectangle.times.last()).max();
        let newest_flushed_time = newest_flushed_time.max(self.newest_flushed_time);
        let job = FlushJob { frozen: Arc::new(frozen), cutoffs: Cutoffs::default(), newest_flushed_time };
        let made = self.flusher.flush(&job)?;
        self.outcome.ssts.extend(made.ssts);
        Ok(())
    }

    fn freeze(&mut self) {
        let frozen = self.frozen_memtable();
        self.outcome.frozen.push(frozen);
    }

    fn frozen_memtable(&mut self) -> FrozenMemtable {
        self.outcome.generation += 1;
        let memtable = std::mem::replace(&mut self.memtable, Memtable::new());
        let frozen = FrozenMemtable {
            generation: self.outcome.generation,
            view: memtable.view(),
            series: self.outcome.series.clone(),
            metadata: self.outcome.metadata.clone(),
            min_seq: self.frozen_seq + 1,
            max_seq: self.outcome.last_seq,
            // The floor moves only once: when the opening commits, or when the last memtable is flushed.
            next_wal_segment: self.wal_floor,
        };
        self.frozen_seq = frozen.max_seq;
        frozen
    }

    /// Describes a torn tail, and copies it into a separate file, because its segment will be removed.
    ///
    /// In memory the segment stays for now, and a full disk has no room for a copy.
    fn keep_torn_tail(&self, segment: FileId, offset: u64, end: u64) -> Result<TornTail> {
        let file = self.flusher.dir.file_path(&segment_name(segment));
        let copy = if self.is_in_memory() { file.clone() } else { self.copy_torn_tail(segment, offset, end)? };
        Ok(TornTail { file, offset, bytes: end - offset, copy })
    }

    /// Copies a torn tail into a separate file, and returns its path. After an error there is no copy.
    fn copy_torn_tail(&self, segment: FileId, offset: u64, end: u64) -> Result<PathBuf> {
        let file = self.flusher.dir.open(&segment_name(segment), OpenMode::Read)?;
        let len = usize::try_from(end - offset).map_err(|_| file.corrupt(offset, "a tail too long to keep aside"))?;
        let mut bytes = vec![0; len];
        file.read_at(offset, &mut bytes)?;
        let copy_name = format!("{TORN_TAIL_PREFIX}{:016x}-{offset}.bytes", segment.get());
        // The copy may exist from an opening that did not finish.
        remove_if_exists(&self.flusher.dir, &copy_name)?;
        let copied = self.flusher.dir.open(&copy_name, OpenMode::Create).and_then(|copy| copy.write_at(0, &bytes));
        // A partial copy would stay: an opening keeps these files.
        copied.inspect_err(|_| drop(self.flusher.dir.remove(&copy_name)))?;
        Ok(self.flusher.dir.file_path(&copy_name))
    }
}

/// Writes the records of a segment over themselves and syncs them.
///
/// The records that were read may be in the page cache only. If their sync failed before the crash, another sync alone
/// would not write them.
pub(super) fn rewrite_in_place(dir: &Dir, segment: Predecessor) -> Result<()> {
    let file = dir.open(&segment_name(segment.id), OpenMode::Write)?;
    let mut buffer = vec![0; REWRITE_BYTES];
    let mut offset = 0;
    while offset < segment.sealed_len {
        let part = usize::try_from(segment.sealed_len - offset).unwrap_or(usize::MAX).min(buffer.len());
        file.read_at(offset, &mut buffer[..part])?;
        file.write_at(offset, &buffer[..part])?;
        offset += part as u64;
    }
    // Survives power loss after the next segment seals this one: without it recovery would find a hole in a sealed
    // segment.
    file.sync(SyncStep::WalSegmentEnd)
}

/// Returns the segments to replay, each with its end.
fn segments_with_ends(recovery: &RecoveryPlan) -> impl Iterator<Item = (&SegmentSummary, SegmentBound)> {
    let successors = recovery.replay.iter().skip(1).map(Some).chain([None]);
    recovery.replay.iter().zip(successors).map(|((segment, end), successor)| match (end, successor) {
        (ReplayEnd::Sealed(len), Some((next, _))) => {
            (segment, SegmentBound::Sealed { len: *len, last_seq: next.previous_seq })
        }
        _ => (segment, SegmentBound::Unsealed),
    })
}

/// Checks that all records of the segments to replay are valid. Changes nothing.
pub(super) fn check_replayable(dir: &Dir, uuid: Uuid, recovery: &RecoveryPlan, cancel: &CancelFlag) -> Result<()> {
    for (segment, end) in segments_with_ends(recovery) {
        read_segment(dir, uuid, segment.id, end, |_| cancel.check())?;
    }
    Ok(())
}
