//! Replay: the WAL's records beyond what was flushed, brought into new SSTs while they are read.
//! It needs no more memory than running does, and signs nothing that only the page cache may hold.

use std::sync::Arc;

use uuid::Uuid;

use super::directory::KEPT_TAIL;
use super::open::ForgivenTail;
use super::tables::SstTables;
use crate::actor::{FlushJob, LogRecord, Tables};
use crate::env::{Dir, Open};
use crate::error::{Error, Result};
use crate::manifest::remove_leftover;
use crate::memtable::{Frozen, Memtable};
use crate::series::SeriesDef;
use crate::sst::file_name;
use crate::version::{Cutoffs, FileId, FoundSegment, Recovery, ReplayEnd, SeriesIndex, SstMeta, Tombstone};
use crate::wal::{SegmentEnd, Tail, read_segment, segment_name};

/// What replay made of the WAL.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) series: SeriesIndex,
    /// Made by the WAL and not in the series log.
    pub(super) definitions: Vec<Arc<SeriesDef>>,
    pub(super) ssts: Vec<SstMeta>,
    /// The deletes of the WAL, in order.
    pub(super) tombstones: Vec<Arc<Tombstone>>,
    /// The newest record believed.
    pub(super) last_seq: u64,
    pub(super) generation: u64,
    pub(super) records: u64,
    pub(super) points: u64,
    pub(super) forgiven: Option<ForgivenTail>,
}

pub(super) struct Replay<'a> {
    pub(super) dir: &'a Dir,
    pub(super) tables: SstTables,
    pub(super) flush_at_bytes: usize,
    /// Of the SSTs that there were.
    newest_flushed_time: Option<i64>,
    /// The newest record of the frozen memtables so far.
    frozen_seq: u64,
    memtable: Memtable,
    done: Replayed,
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        dir: &'a Dir,
        tables: SstTables,
        flush_at_bytes: usize,
        series: SeriesIndex,
        recovery: &Recovery,
    ) -> Self {
        let flushed_seq = recovery.durable.flushed_seq;
        let done = Replayed {
            series,
            definitions: Vec::new(),
            ssts: Vec::new(),
            tombstones: Vec::new(),
            last_seq: flushed_seq,
            generation: recovery.durable.ssts.iter().map(|sst| sst.age).max().unwrap_or_default(),
            records: 0,
            points: 0,
            forgiven: None,
        };
        let newest_flushed_time = recovery.durable.ssts.iter().map(|sst| sst.rectangle.last_time).max();
        let memtable = Memtable::new();
        Self { dir, tables, flush_at_bytes, newest_flushed_time, frozen_seq: flushed_seq, memtable, done }
    }

    /// Replays every segment of the recovery, in order. After an error no file is left of it: the opening that meets
    /// damage changes nothing, however often it is tried.
    pub(super) fn run(mut self, recovery: &Recovery) -> Result<Replayed> {
        match self.replay(recovery) {
            Ok(()) => Ok(self.done),
            Err(error) => {
                // What cannot be removed is garbage to the next opening.
                self.done.ssts.iter().for_each(|sst| drop(self.dir.remove(&file_name(sst.id))));
                Err(error)
            }
        }
    }

    fn replay(&mut self, recovery: &Recovery) -> Result<()> {
        for (segment, end) in ends(recovery) {
            self.segment(recovery, segment, end)?;
        }
        self.flush()?;
        self.done.series = self.done.series.settled(self.done.last_seq);
        self.done.series.seal();
        Ok(())
    }

    fn segment(&mut self, recovery: &Recovery, segment: &FoundSegment, end: SegmentEnd) -> Result<()> {
        let (dir, uuid) = (self.dir, self.tables.uuid);
        let read = read_segment(dir, uuid, segment.id, end, |record| self.record(recovery, segment.id, &record))?;
        if let Tail::Torn { offset, end } = read.tail {
            self.done.forgiven = Some(self.keep_aside(segment.id, offset, end)?);
        }
        Ok(())
    }

    fn record(&mut self, recovery: &Recovery, segment: FileId, record: &LogRecord<'_>) -> Result<()> {
        let corrupt = |what: String| Error::corrupt(self.dir.file_path(&segment_name(segment)), 0, what);
        for def in record.definitions {
            // Also of records that are flushed: what is defined twice must be equal.
            if self.done.series.restore((**def).clone()).map_err(corrupt)? {
                self.done.definitions.push(Arc::clone(def));
            }
        }
        if !recovery.counts(record.seq) {
            return Ok(());
        }
        if let Some(id) = record.points.series.iter().find(|id| self.done.series.get(**id).is_none()) {
            return Err(corrupt(format!("record {} has points of series {id}, which nothing defines", record.seq)));
        }
        let back = self.done.series.come_back(record.points.series, u32::MAX);
        back.map_err(|error| corrupt(error.to_string()))?;
        if record.points.len() > 0 {
            self.memtable.insert(record.points);
        }
        if let Some(delete) = record.delete {
            let delete = Arc::new(delete.clone());
            if delete.series.bounds().is_some_and(|ids| self.done.series.get(*ids.end()).is_none()) {
                return Err(corrupt(format!("record {} deletes of a series that nothing defines", record.seq)));
            }
            self.done.series.deleted(&delete);
            self.memtable.delete(Arc::clone(&delete));
            self.done.tombstones.push(delete);
        }
        self.done.last_seq = record.seq;
        self.done.records += 1;
        self.done.points += record.points.len() as u64;
        if self.memtable.bytes() >= self.flush_at_bytes { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.memtable.is_empty() {
            return Ok(());
        }
        self.done.generation += 1;
        let memtable = std::mem::replace(&mut self.memtable, Memtable::new());
        let frozen = Frozen {
            generation: self.done.generation,
            view: memtable.view(),
            series: self.done.series.clone(),
            min_seq: self.frozen_seq + 1,
            max_seq: self.done.last_seq,
            // The floor moves once, when the whole opening counts.
            next_segment: FileId::default(),
        };
        self.frozen_seq = frozen.max_seq;
        let newest_flushed_time = self.done.ssts.iter().map(|sst| sst.rectangle.last_time).max();
        let newest_flushed_time = newest_flushed_time.max(self.newest_flushed_time);
        let job = FlushJob { frozen: Arc::new(frozen), cutoffs: Cutoffs::default(), newest_flushed_time };
        let made = self.tables.write(&job)?;
        self.done.ssts.extend(made.ssts);
        Ok(())
    }

    /// Copies a torn tail into a file of its own, for whoever wants to look: the segment is about to go.
    fn keep_aside(&self, segment: FileId, offset: u64, end: u64) -> Result<ForgivenTail> {
        let name = segment_name(segment);
        let file = self.dir.open(&name, Open::Read)?;
        let len = usize::try_from(end - offset).map_err(|_| file.corrupt(offset, "a tail too long to keep aside"))?;
        let mut bytes = vec![0; len];
        file.read_at(offset, &mut bytes)?;
        let kept = format!("{KEPT_TAIL}{:016x}-{offset}.bytes", segment.get());
        // It may stand there from an opening that did not finish.
        remove_leftover(self.dir, &kept)?;
        self.dir.open(&kept, Open::Create)?.write_at(0, &bytes)?;
        Ok(ForgivenTail { file: file.path().to_owned(), offset, bytes: end - offset, kept: self.dir.file_path(&kept) })
    }
}

/// The segments to replay, each with where it ends.
fn ends(recovery: &Recovery) -> impl Iterator<Item = (&FoundSegment, SegmentEnd)> {
    let successors = recovery.replay.iter().skip(1).map(Some).chain([None]);
    recovery.replay.iter().zip(successors).map(|((segment, end), successor)| match (end, successor) {
        (ReplayEnd::Sealed(len), Some((next, _))) => {
            (segment, SegmentEnd::Sealed { len: *len, last_seq: next.last_seq })
        }
        _ => (segment, SegmentEnd::Last),
    })
}

/// Whether every record that replay will want is sound. Changes nothing.
pub(super) fn check_replayable(dir: &Dir, uuid: Uuid, recovery: &Recovery) -> Result<()> {
    for (segment, end) in ends(recovery) {
        read_segment(dir, uuid, segment.id, end, |_| Ok(()))?;
    }
    Ok(())
}
