//! Disk of a model: WAL segments, manifest and SSTs as values that change in the same steps as on a real disk. Written
//! and durable data are separate, so a crash can lose the data that was not synced.

use std::collections::BTreeMap;
use std::sync::Mutex as Plain;

use super::{ModelSetup, SERIES, hidden_ranges, model_points};
use crate::engine::actor::{
    CompactionExecutor, CompactionJob, EmptySeriesFound, EmptySeriesJob, FlushExecutor, FlushJob, JobOutput,
    WriterStorage,
};
use crate::state::file_id::FileId;
use crate::state::log_record::{AppendError, LogRecord};
use crate::state::memtable::{MemtableView, RawPoint};
use crate::state::metric_metadata::MetadataChange;
use crate::state::rectangle::Rectangle;
use crate::state::tombstone::Tombstone;
use crate::state::version::pick::CompactionTarget;
use crate::state::version::{DurableState, DyadicBox, L0, SstMeta, Version, VersionEdit};
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::series::{SeriesId, SeriesInfo, SeriesSet};
use crate::types::time_range::TimeRange;

/// Timestamp and value of a point; the models identify points by both.
pub(crate) type ModelPoint = (i64, u64);

/// One record of the WAL.
#[derive(Debug, Clone)]
pub(super) struct ModelRecord {
    pub(super) seq: u64,
    pub(super) points: Vec<ModelPoint>,
    pub(super) delete: Option<Tombstone>,
    pub(super) metadata: Option<MetadataChange>,
}

/// A WAL segment. The name and the header of a segment are durable once it exists; lengths are numbers of records.
#[derive(Debug, Clone, Default)]
pub(super) struct ModelSegment {
    /// Seq of the last record before the segment.
    pub(super) last_seq: u64,
    /// Id and length of the segment before this one, if any.
    pub(super) predecessor: Option<(FileId, u64)>,
    pub(super) records: Vec<ModelRecord>,
    /// Number of durable records.
    pub(super) synced: usize,
    /// Number of records that a sync mark or a later record states to be synced.
    pub(super) marked: usize,
}

/// Content of the disk.
#[derive(Debug, Clone)]
pub(crate) struct ModelDisk {
    pub(super) segments: BTreeMap<FileId, ModelSegment>,
    /// Removed segments. After a crash they may exist again.
    pub(super) removed: BTreeMap<FileId, ModelSegment>,
    /// SSTs with durable names, so that edits may name them.
    pub(super) ssts: BTreeMap<FileId, Vec<ModelPoint>>,
    /// Unfinished SSTs under temporary names.
    pub(super) unfinished_ssts: Vec<FileId>,
    /// State of the manifest after all durable edits.
    pub(crate) durable: DurableState,
    /// Edit that is appended to the manifest but not synced: a crash may keep or lose it.
    pub(super) pending: Option<VersionEdit>,
    /// Greatest file id that was given out.
    last_file: u64,
    /// Number of SSTs that were begun, including those that were discarded or removed later.
    begun_ssts: usize,
    /// Number of the next attempts to begin an SST that fail.
    failing_flushes: usize,
}

/// Shared handle of the disk. Every actor has a clone.
#[derive(Debug, Clone)]
pub(crate) struct ModelStorage {
    disk: Arc<Plain<ModelDisk>>,
    /// Lock that each step takes if the model examines the state between steps; `None` in the other models. The lock of
    /// the disk itself is not a loom lock, since that would multiply the interleavings of the other models.
    steps: Option<Arc<loom::sync::Mutex<()>>>,
    /// `true` once the directory was moved; `None` in the models that do not move it, since a check of it would multiply
    /// their interleavings. A lock, not an atomic: loom lets even a `SeqCst` load return an old value.
    moved: Option<Arc<loom::sync::Mutex<bool>>>,
}

impl ModelStorage {
    /// Creates the disk of a database that was just opened: one empty segment, and one SST per batch of `flushed`. If
    /// `watched` is `true`, the threads of the model can interleave between any two steps.
    pub(super) fn new(setup: &ModelSetup) -> Self {
        let ModelSetup { watched, moves, failing_flushes, flushed, .. } = *setup;
        let first = FileId::new(1);
        let flushed_seq = flushed.len() as u64;
        let points = flushed.iter().map(|batch| model_points(batch));
        let named: Vec<(SstMeta, Vec<ModelPoint>)> = (1..)
            .zip(points)
            .map(|(seq, points)| (meta(FileId::new(first.get() + seq), &points, (seq, seq), (L0, seq)), points))
            .collect();
        let durable = DurableState {
            ssts: named.iter().map(|(meta, _)| meta.clone()).collect(),
            flushed_seq,
            wal_floor: first,
            next_file_id: FileId::new(first.get() + flushed_seq).next(),
            ..DurableState::default()
        };
        let disk = ModelDisk {
            segments: BTreeMap::from([(first, ModelSegment { last_seq: flushed_seq, ..ModelSegment::default() })]),
            removed: BTreeMap::new(),
            ssts: named.into_iter().map(|(meta, points)| (meta.id, points)).collect(),
            unfinished_ssts: Vec::new(),
            durable,
            pending: None,
            last_file: first.get() + flushed_seq,
            begun_ssts: 0,
            failing_flushes,
        };
        let steps = watched.then(|| Arc::new(loom::sync::Mutex::new(())));
        let moved = moves.then(|| Arc::new(loom::sync::Mutex::new(false)));
        Self { disk: Arc::new(Plain::new(disk)), steps, moved }
    }

    /// Moves the directory. Returns what its content was at some moment after the move.
    pub(crate) fn move_directory(&self) -> ModelDisk {
        let moved = self.moved.as_ref().expect("the setup allows a move");
        *moved.lock().expect("no step panics") = true;
        self.copy()
    }

    /// Returns `DirectoryMoved` once the directory was moved.
    fn check_place(&self) -> Result<()> {
        match &self.moved {
            Some(moved) if *moved.lock().expect("no step panics") => Err(Error::DirectoryMoved { dir: "model".into() }),
            _ => Ok(()),
        }
    }

    /// Sets the cutoff of retention that the opening finds.
    pub(super) fn retain(&self, cutoff: i64) {
        let mut disk = self.disk.lock().expect("no step panics");
        disk.durable.cutoff = Some(cutoff);
        disk.durable.retention.trusted_time = Some(cutoff + 2);
        disk.durable.retention.age.applied = 2;
    }

    /// Runs one step. A crash falls before or after a step, never inside it.
    fn step<R>(&self, step: impl FnOnce(&mut ModelDisk) -> R) -> R {
        let _turn = self.steps.as_ref().map(|turn| turn.lock().expect("no step panics"));
        step(&mut self.disk.lock().expect("no step panics"))
    }

    /// Returns a copy of the disk at this moment, with written and durable data. The copy is one step.
    pub(crate) fn copy(&self) -> ModelDisk {
        self.step(|disk| disk.clone())
    }

    /// Reads the disk outside of the protocol. This is no step.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&ModelDisk) -> R) -> R {
        look(&self.disk.lock().expect("no look panics"))
    }
}

impl ModelDisk {
    fn take_id(&mut self) -> FileId {
        self.last_file += 1;
        FileId::new(self.last_file)
    }

    /// Returns the id and the content of the active segment.
    pub(super) fn newest_visible_index(&mut self) -> (FileId, &mut ModelSegment) {
        let newest = self.segments.iter_mut().next_back().expect("there is always a segment");
        (*newest.0, newest.1)
    }

    fn append(&mut self, group: &[LogRecord<'_>]) {
        let record = |record: &LogRecord<'_>| {
            let points = record.points.iter().map(|(_, timestamp, bits)| (timestamp, bits)).collect();
            let (delete, metadata) = (record.delete.cloned(), record.metadata.cloned());
            ModelRecord { seq: record.seq, points, delete, metadata }
        };
        let newest = self.newest_visible_index().1;
        newest.marked = newest.synced;
        newest.records.extend(group.iter().map(record));
    }

    fn sync(&mut self) {
        let newest = self.newest_visible_index().1;
        newest.synced = newest.records.len();
    }

    fn mark_synced(&mut self) {
        let newest = self.newest_visible_index().1;
        newest.marked = newest.synced;
    }

    fn begin_segment(&mut self) -> FileId {
        let id = self.take_id();
        let (old, segment) = self.newest_visible_index();
        assert_eq!(segment.synced, segment.records.len(), "a segment is sealed when it is synced");
        let last_seq = segment.records.last().map_or(segment.last_seq, |record| record.seq);
        let predecessor = Some((old, segment.records.len() as u64));
        self.segments.insert(id, ModelSegment { last_seq, predecessor, ..ModelSegment::default() });
        id
    }

    fn append_edit(&mut self, mut edit: VersionEdit) {
        edit.next_file_id = FileId::new(self.last_file).next();
        self.pending = Some(edit);
    }

    fn sync_edit(&mut self) {
        if let Some(edit) = self.pending.take() {
            self.durable.apply(&edit).expect("no edit breaks the manifest's rules");
        }
    }

    fn drop_segments(&mut self) {
        let kept = self.segments.split_off(&self.durable.wal_floor);
        let dropped = std::mem::replace(&mut self.segments, kept);
        self.removed.extend(dropped);
    }

    fn begin_sst(&mut self) -> Result<FileId> {
        if self.failing_flushes > 0 {
            self.failing_flushes -= 1;
            return Err(Error::write_failed(Error::io("write", "wal", std::io::ErrorKind::StorageFull.into())));
        }
        let id = self.take_id();
        self.begun_ssts += 1;
        self.unfinished_ssts.push(id);
        Ok(id)
    }

    fn finish_sst(&mut self, id: FileId, points: Vec<ModelPoint>) {
        self.unfinished_ssts.retain(|unfinished| *unfinished != id);
        self.ssts.insert(id, points);
    }

    /// Returns the points of an SST. Panics if the SST does not exist: no file may be removed while a reader uses it.
    pub(super) fn model_points(&self, id: FileId) -> &[ModelPoint] {
        self.ssts.get(&id).expect("a file is on the disk while someone reads it")
    }

    /// Returns `true` if the SST exists under its final name.
    pub(crate) fn holds(&self, id: FileId) -> bool {
        self.ssts.contains_key(&id)
    }

    /// Returns the ids of all SSTs with a durable name.
    pub(crate) fn ssts(&self) -> Vec<FileId> {
        self.ssts.keys().copied().collect()
    }

    /// Returns the points of the inputs of a compaction that no tombstone of the job hides, in time order.
    fn merged(&self, job: &CompactionJob) -> Vec<ModelPoint> {
        let inputs = job.plan.inputs.iter();
        let stays = |max_seq: u64, at: i64| {
            let newer = job.tombstones.iter().filter(|tombstone| tombstone.seq > max_seq);
            newer
                .filter(|tombstone| tombstone.range_for(SERIES).is_some())
                .all(|tombstone| !tombstone.range.contains(at))
        };
        let mut points: Vec<ModelPoint> = inputs
            .flat_map(|input| self.model_points(input.id).iter().filter(|(at, _)| stays(input.max_seq, *at)))
            .copied()
            .collect();
        points.sort_unstable();
        points
    }

    /// Returns the greatest seq of a durable record: synced in a segment, or flushed.
    pub(crate) fn durable_seq(&self) -> u64 {
        let synced = self.segments.values().flat_map(|segment| &segment.records[..segment.synced]);
        synced.map(|record| record.seq).max().unwrap_or_default().max(self.durable.flushed_seq)
    }

    /// Returns the greatest seq of a record that was written, durable or not, or is flushed.
    pub(crate) fn written_seq(&self) -> u64 {
        let written = self.segments.values().flat_map(|segment| &segment.records);
        written.map(|record| record.seq).max().unwrap_or_default().max(self.durable.flushed_seq)
    }

    /// Returns the number of SSTs that were begun.
    pub(crate) fn started_ssts(&self) -> usize {
        self.begun_ssts
    }

    /// Returns the number of SSTs that the manifest names.
    pub(crate) fn named_ssts(&self) -> usize {
        self.durable.ssts.len()
    }

    /// Returns `true` if a flush is between two of its last steps: its SST is complete but not named by the manifest,
    /// an edit is not synced, or segments below the floor still exist. Valid only without compactions.
    pub(crate) fn is_mid_flush(&self) -> bool {
        let unnamed = self.durable.ssts.len() < self.ssts.len();
        let uncut = self.segments.keys().next().is_some_and(|oldest| *oldest < self.durable.wal_floor);
        unnamed || uncut || self.pending.is_some()
    }
}

impl WriterStorage for ModelStorage {
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        self.check_place().map_err(AppendError::ReadOnly)?;
        self.step(|disk| disk.append(group));
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        // The directory can be moved between the append and the sync: the lock lets the other thread in.
        drop(self.check_place());
        self.step(ModelDisk::sync);
        self.check_place().map_err(Error::outcome_unknown)
    }

    fn write_sync_mark(&mut self) -> Result<(), AppendError> {
        self.sync().map_err(AppendError::OutcomeUnknown)?;
        self.step(ModelDisk::mark_synced);
        Ok(())
    }

    fn rotate_wal(&mut self) -> Result<FileId, AppendError> {
        self.check_place().map_err(AppendError::ReadOnly)?;
        self.step(ModelDisk::sync);
        Ok(self.step(ModelDisk::begin_segment))
    }

    fn commit_edit(&mut self, edit: VersionEdit, _definitions: &[Arc<SeriesInfo>]) -> Result<(), AppendError> {
        self.check_place().map_err(|error| AppendError::ReadOnly(Error::read_only(error)))?;
        self.step(|disk| disk.append_edit(edit));
        self.step(ModelDisk::sync_edit);
        Ok(())
    }

    fn prepare_series_log(&mut self, _definitions: &[Arc<SeriesInfo>]) -> Result<()> {
        Ok(())
    }

    fn no_space(&self) -> Option<&Error> {
        None
    }

    fn restore_reserves(&mut self) {}

    fn give_up_spares(&mut self) {}

    fn remove_unused_wal_space(&mut self) {}

    fn drop_wal_segments(&mut self) {
        self.step(ModelDisk::drop_segments);
    }

    fn remove_ssts(&mut self, ids: &[FileId]) {
        self.step(|disk| disk.ssts.retain(|id, _| !ids.contains(id)));
    }

    fn report_pins(&mut self, _pinned: crate::engine::actor::PinStats) {}

    fn report_read_only(&mut self, _cause: &crate::types::error::Error, _wall_clock_nanos: i64) {}

    fn report_failed_flush(&mut self, _error: Option<&Error>, _wall_clock_nanos: i64) {}
}

/// Appends all points of a series, as a flush reads them.
pub(crate) fn read_series(view: &MemtableView, series: SeriesId, out: &mut Vec<RawPoint>) {
    let found = view.part_readers(usize::MAX).find(|(id, _)| *id == series);
    let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
    if let Some((_, mut parts)) = found {
        while parts.next(&mut timestamps, &mut bits) {}
    }
    out.extend(timestamps.into_iter().zip(bits).map(|(timestamp, bits)| RawPoint { timestamp, bits }));
}

impl FlushExecutor for ModelStorage {
    fn flush(&mut self, job: &FlushJob) -> Result<JobOutput> {
        let frozen = &job.frozen;
        let mut cells = Vec::new();
        for series in frozen.view.series() {
            read_series(&frozen.view, series, &mut cells);
        }
        let points: Vec<ModelPoint> = cells.into_iter().map(|cell| (cell.timestamp, cell.bits)).collect();
        let id = self.step(ModelDisk::begin_sst)?;
        Ok(self.finish(id, points, (frozen.min_seq, frozen.max_seq), (L0, frozen.generation)))
    }
}

impl ModelStorage {
    /// Returns all points that a version shows, from all its sources, in time order.
    pub(crate) fn points(&self, version: &Version) -> Vec<ModelPoint> {
        let mut cells = Vec::new();
        read_series(&version.active, SERIES, &mut cells);
        // The active memtable applies its deletes itself: only a cutoff hides its points.
        let hidden = hidden_ranges(version, u64::MAX);
        cells.retain(|cell| hidden.range_containing(cell.timestamp).is_none());
        for frozen in &version.frozen {
            let (hidden, before) = (hidden_ranges(version, frozen.max_seq), cells.len());
            read_series(&frozen.view, SERIES, &mut cells);
            let shown =
                cells.split_off(before).into_iter().filter(|cell| hidden.range_containing(cell.timestamp).is_none());
            cells.extend(shown);
        }
        let mut points: Vec<ModelPoint> = cells.into_iter().map(|cell| (cell.timestamp, cell.bits)).collect();
        for sst in version.ssts.iter() {
            let hidden = hidden_ranges(version, sst.max_seq);
            let shown = |(at, _): &&ModelPoint| hidden.range_containing(*at).is_none();
            self.look(|disk| points.extend(disk.model_points(sst.id).iter().filter(shown)));
        }
        points.sort_unstable();
        points
    }
}

/// Follows the rules of compaction: applies every durable delete up to `flushed_seq` and does not change the inputs.
impl CompactionExecutor for ModelStorage {
    fn compact(&mut self, job: &CompactionJob) -> Result<JobOutput> {
        let points = self.look(|disk| disk.merged(job));
        let id = self.step(ModelDisk::begin_sst)?;
        let age = match job.plan.output {
            CompactionTarget::InPlace { generation, .. } => generation,
            _ => job.output_generation,
        };
        let oldest = job.plan.inputs.iter().map(|input| input.min_seq).min().unwrap_or_default();
        Ok(self.finish(id, points, (oldest, job.flushed_seq), (job.plan.output.level(), age)))
    }

    fn find_empty_series(&mut self, job: &EmptySeriesJob) -> Result<EmptySeriesFound> {
        let is_empty = self.points(&job.version).is_empty();
        // An SST of the models has points of one series only.
        let is_unnamed = job.version.ssts.iter().next().is_none();
        Ok(EmptySeriesFound {
            empty: SeriesSet::from_sorted(job.series.candidates.iter().filter(|_| is_empty)),
            unnamed: SeriesSet::from_sorted(job.series.droppable.iter().filter(|_| is_unnamed)),
            named_by: job.version.ssts.iter().map(|sst| sst.id).collect(),
        })
    }
}

impl ModelStorage {
    /// Gives an SST its final name, or discards it if it has no points. Returns the output of the job.
    fn finish(&self, id: FileId, points: Vec<ModelPoint>, seqs: (u64, u64), place: (u8, u64)) -> JobOutput {
        if points.is_empty() {
            self.step(|disk| disk.unfinished_ssts.retain(|unfinished| *unfinished != id));
            return JobOutput::default();
        }
        let meta = meta(id, &points, seqs, place);
        self.step(|disk| disk.finish_sst(id, points));
        JobOutput { ssts: vec![meta], ..JobOutput::default() }
    }
}

/// Returns the metadata of an SST. `seqs`: min and max seq; `place`: level and generation.
fn meta(id: FileId, points: &[ModelPoint], seqs: (u64, u64), place: (u8, u64)) -> SstMeta {
    let times = || points.iter().map(|(at, _)| *at);
    SstMeta {
        id,
        file_len: points.len() as u64,
        footer_crc: 0,
        rectangle: Rectangle::of_series(
            SERIES,
            TimeRange::new(times().min().unwrap_or_default(), times().max().unwrap_or_default()),
        ),
        min_seq: seqs.0,
        max_seq: seqs.1,
        points: points.len() as u64,
        blocks: 1,
        series: 1,
        level: place.0,
        generation: place.1,
        partition: DyadicBox::ALL,
        origin: 0,
    }
}
