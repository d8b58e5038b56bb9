//! The disk of a model: WAL segments, manifest and SSTs as a few values that change in the steps in which a real disk
//! does. What is written and what is durable are told apart, so that a crash can lose the one and not the other.

use std::collections::BTreeMap;
use std::sync::Mutex as Plain;

use super::{SERIES, hidden_of, points_of};
use crate::actor::{AppendError, CensusJob, FlushJob, LogRecord, Made, MergeJob, Merges, Storage, Tables};
use crate::error::{Error, Result};
use crate::series::{SeriesDef, SeriesSet};
use crate::sync::Arc;
use crate::version::pick::Output;
use crate::version::{Durable, DyadicBox, Edit, FileId, L0, Rectangle, SstMeta, Tombstone, Version};

/// Timestamp and value of a point, which is all that the models tell points by.
pub(crate) type Seen = (i64, u64);

/// One record of the WAL.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) seq: u64,
    pub(super) points: Vec<Seen>,
    pub(super) delete: Option<Tombstone>,
}

/// A WAL segment. Its name and header are durable as soon as it is there; its length is the number of its records.
#[derive(Debug, Clone, Default)]
pub(super) struct Segment {
    /// The seq of the last record before it.
    pub(super) last_seq: u64,
    pub(super) predecessor: Option<(FileId, u64)>,
    pub(super) records: Vec<Record>,
    /// How many of the records are durable.
    pub(super) synced: usize,
}

/// Everything on the disk.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(super) segments: BTreeMap<FileId, Segment>,
    /// Given up; a crash may bring their names back.
    pub(super) removed: BTreeMap<FileId, Segment>,
    /// Durable under their names, by which edits may name them.
    pub(super) ssts: BTreeMap<FileId, Vec<Seen>>,
    /// SSTs in the making, under temporary names.
    pub(super) unfinished_ssts: Vec<FileId>,
    /// The sum of the durable edits.
    pub(crate) durable: Durable,
    /// Appended to the manifest and not yet synced: a crash keeps it or not.
    pub(super) pending: Option<Edit>,
    last_file: u64,
    /// How many SSTs were begun, those included that came to nothing once they were there.
    begun_ssts: usize,
    /// How many of the next flushes fail.
    failing_flushes: usize,
}

/// The disk as every actor holds it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    disk: Arc<Plain<Disk>>,
    /// Taken at each step, if the model is about what falls between them. The disk's own lock is not loom's: it would
    /// double the interleavings of models that are not.
    steps: Option<Arc<loom::sync::Mutex<()>>>,
}

impl Store {
    /// A database that was just opened: one empty segment, and an SST for each batch that was flushed before.
    /// `watched`: the model's threads meet between any two steps.
    pub(super) fn new(watched: bool, failing_flushes: usize, flushed: &[&[i64]]) -> Self {
        let first = FileId::new(1);
        let flushed_seq = flushed.len() as u64;
        let points = flushed.iter().map(|batch| points_of(batch));
        let named: Vec<(SstMeta, Vec<Seen>)> = (1..)
            .zip(points)
            .map(|(seq, points)| (meta(FileId::new(first.get() + seq), &points, (seq, seq), (L0, seq)), points))
            .collect();
        let durable = Durable {
            ssts: named.iter().map(|(meta, _)| meta.clone()).collect(),
            flushed_seq,
            floor: first,
            next_file: FileId::new(first.get() + flushed_seq).next(),
            ..Durable::default()
        };
        let disk = Disk {
            segments: BTreeMap::from([(first, Segment { last_seq: flushed_seq, ..Segment::default() })]),
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
        Self { disk: Arc::new(Plain::new(disk)), steps }
    }

    /// One step: a crash falls before or after it, never inside.
    fn step<R>(&self, step: impl FnOnce(&mut Disk) -> R) -> R {
        let _turn = self.steps.as_ref().map(|turn| turn.lock().expect("no step panics"));
        step(&mut self.disk.lock().expect("no step panics"))
    }

    /// The disk as a crash at this moment would meet it.
    pub(crate) fn copy(&self) -> Disk {
        self.step(|disk| disk.clone())
    }

    /// A look that is no part of the protocol, and no step.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Disk) -> R) -> R {
        look(&self.disk.lock().expect("no look panics"))
    }
}

impl Disk {
    fn take_id(&mut self) -> FileId {
        self.last_file += 1;
        FileId::new(self.last_file)
    }

    /// The segment that is written to.
    pub(super) fn newest(&mut self) -> (FileId, &mut Segment) {
        let newest = self.segments.iter_mut().next_back().expect("there is always a segment");
        (*newest.0, newest.1)
    }

    fn append(&mut self, group: &[LogRecord<'_>]) {
        let record = |record: &LogRecord<'_>| {
            let points = record.points.iter().map(|(_, timestamp, bits)| (timestamp, bits)).collect();
            Record { seq: record.seq, points, delete: record.delete.cloned() }
        };
        self.newest().1.records.extend(group.iter().map(record));
    }

    fn sync(&mut self) {
        let newest = self.newest().1;
        newest.synced = newest.records.len();
    }

    fn begin_segment(&mut self) -> FileId {
        let id = self.take_id();
        let (old, segment) = self.newest();
        assert_eq!(segment.synced, segment.records.len(), "a segment is sealed when it is synced");
        let last_seq = segment.records.last().map_or(segment.last_seq, |record| record.seq);
        let predecessor = Some((old, segment.records.len() as u64));
        self.segments.insert(id, Segment { last_seq, predecessor, ..Segment::default() });
        id
    }

    fn append_edit(&mut self, mut edit: Edit) {
        edit.next_file = FileId::new(self.last_file).next();
        self.pending = Some(edit);
    }

    fn sync_edit(&mut self) {
        if let Some(edit) = self.pending.take() {
            self.durable.apply(&edit).expect("no edit breaks the manifest's rules");
        }
    }

    fn drop_segments(&mut self) {
        let kept = self.segments.split_off(&self.durable.floor);
        let dropped = std::mem::replace(&mut self.segments, kept);
        self.removed.extend(dropped);
    }

    fn begin_sst(&mut self) -> Result<FileId> {
        if self.failing_flushes > 0 {
            self.failing_flushes -= 1;
            return Err(Error::WriteFailed { reason: "the disk is full".to_owned() });
        }
        let id = self.take_id();
        self.begun_ssts += 1;
        self.unfinished_ssts.push(id);
        Ok(id)
    }

    fn finish_sst(&mut self, id: FileId, points: Vec<Seen>) {
        self.unfinished_ssts.retain(|unfinished| *unfinished != id);
        self.ssts.insert(id, points);
    }

    /// The points of an SST that somebody may read.
    pub(super) fn points_of(&self, id: FileId) -> &[Seen] {
        self.ssts.get(&id).expect("a file is on the disk while someone reads it")
    }

    pub(crate) fn holds(&self, id: FileId) -> bool {
        self.ssts.contains_key(&id)
    }

    /// Every SST that is there under its name.
    pub(crate) fn ssts(&self) -> Vec<FileId> {
        self.ssts.keys().copied().collect()
    }

    /// What the inputs of a merge hold and no delete of the job hides.
    fn merged(&self, job: &MergeJob) -> Vec<Seen> {
        let inputs = job.plan.inputs.iter();
        let stays = |max_seq: u64, at: i64| {
            let newer = job.tombstones.iter().filter(|tombstone| tombstone.seq > max_seq);
            newer
                .filter(|tombstone| tombstone.hides(SERIES).is_some())
                .all(|tombstone| !(tombstone.first_time..=tombstone.last_time).contains(&at))
        };
        let mut points: Vec<Seen> = inputs
            .flat_map(|input| self.points_of(input.id).iter().filter(|(at, _)| stays(input.max_seq, *at)))
            .copied()
            .collect();
        points.sort_unstable();
        points
    }

    /// The seqs that a crash cannot lose, however little of the rest it keeps.
    pub(crate) fn durable_seq(&self) -> u64 {
        let synced = self.segments.values().flat_map(|segment| &segment.records[..segment.synced]);
        synced.map(|record| record.seq).max().unwrap_or_default().max(self.durable.flushed_seq)
    }

    pub(crate) fn begun_ssts(&self) -> usize {
        self.begun_ssts
    }

    /// How many SSTs the manifest names.
    pub(crate) fn named_ssts(&self) -> usize {
        self.durable.ssts.len()
    }

    /// Whether the newest flush is somewhere between its SST's first byte and the cut of the WAL.
    pub(crate) fn is_mid_flush(&self) -> bool {
        let unnamed = self.durable.ssts.len() < self.ssts.len();
        let uncut = self.segments.keys().next().is_some_and(|oldest| *oldest < self.durable.floor);
        unnamed || uncut || self.pending.is_some()
    }
}

impl Storage for Store {
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        self.step(|disk| disk.append(group));
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.step(Disk::sync);
        Ok(())
    }

    fn mark(&mut self) -> Result<()> {
        self.sync()
    }

    fn rotate(&mut self) -> Result<FileId, AppendError> {
        self.step(Disk::sync);
        Ok(self.step(Disk::begin_segment))
    }

    fn install(&mut self, edit: Edit, _definitions: &[Arc<SeriesDef>]) -> Result<()> {
        self.step(|disk| disk.append_edit(edit));
        self.step(Disk::sync_edit);
        Ok(())
    }

    fn drop_segments(&mut self) {
        self.step(Disk::drop_segments);
    }

    fn remove(&mut self, ids: &[FileId]) {
        self.step(|disk| disk.ssts.retain(|id, _| !ids.contains(id)));
    }

    fn note_retired(&mut self, _pinned: crate::actor::Pinned) {}
}

impl Tables for Store {
    fn write(&mut self, job: &FlushJob) -> Result<Made> {
        let frozen = &job.frozen;
        let mut cells = Vec::new();
        for series in frozen.view.series() {
            frozen.view.read(series, &(i64::MIN..=i64::MAX), &mut cells);
        }
        let points: Vec<Seen> = cells.into_iter().map(|cell| (cell.timestamp, cell.bits)).collect();
        let id = self.step(Disk::begin_sst)?;
        Ok(self.finish(id, points, (frozen.min_seq, frozen.max_seq), (L0, frozen.generation)))
    }
}

impl Store {
    /// Every point that a version shows, from all its parts, in order of time.
    pub(crate) fn points(&self, version: &Version) -> Vec<Seen> {
        let mut cells = Vec::new();
        let all = i64::MIN..=i64::MAX;
        version.active.read(SERIES, &all, &mut cells);
        for frozen in &version.frozen {
            let (hidden, before) = (hidden_of(version, frozen.max_seq), cells.len());
            frozen.view.read(SERIES, &all, &mut cells);
            let shown = cells.split_off(before).into_iter().filter(|cell| hidden.range_at(cell.timestamp).is_none());
            cells.extend(shown);
        }
        let mut points: Vec<Seen> = cells.into_iter().map(|cell| (cell.timestamp, cell.bits)).collect();
        for sst in version.ssts.iter() {
            let hidden = hidden_of(version, sst.max_seq);
            let shown = |(at, _): &&Seen| hidden.range_at(*at).is_none();
            self.look(|disk| points.extend(disk.points_of(sst.id).iter().filter(shown)));
        }
        points.sort_unstable();
        points
    }
}

/// As the rules ask: everything up to `flushed_seq` is carried out, and the inputs are not touched.
impl Merges for Store {
    fn merge(&mut self, job: &MergeJob) -> Result<Made> {
        let points = self.look(|disk| disk.merged(job));
        let id = self.step(Disk::begin_sst)?;
        let age = match job.plan.output {
            Output::InPlace { age, .. } => age,
            _ => job.age,
        };
        let oldest = job.plan.inputs.iter().map(|input| input.min_seq).min().unwrap_or_default();
        Ok(self.finish(id, points, (oldest, job.flushed_seq), (job.plan.output.level(), age)))
    }

    fn count(&mut self, job: &CensusJob) -> Result<SeriesSet> {
        let is_gone = self.points(&job.version).is_empty();
        Ok(SeriesSet::from_sorted(job.suspects.iter().filter(|_| is_gone)))
    }
}

impl Store {
    /// Gives an SST its name, if there is anything in it.
    fn finish(&self, id: FileId, points: Vec<Seen>, seqs: (u64, u64), place: (u8, u64)) -> Made {
        if points.is_empty() {
            self.step(|disk| disk.unfinished_ssts.retain(|unfinished| *unfinished != id));
            return Made::default();
        }
        let meta = meta(id, &points, seqs, place);
        self.step(|disk| disk.finish_sst(id, points));
        Made { ssts: vec![meta], ..Made::default() }
    }
}

/// The entry of an SST: `seqs` the oldest and newest record, `place` level and age.
fn meta(id: FileId, points: &[Seen], seqs: (u64, u64), place: (u8, u64)) -> SstMeta {
    let times = || points.iter().map(|(at, _)| *at);
    SstMeta {
        id,
        len: points.len() as u64,
        footer_crc: 0,
        rectangle: Rectangle {
            first_series: SERIES,
            last_series: SERIES,
            first_time: times().min().unwrap_or_default(),
            last_time: times().max().unwrap_or_default(),
        },
        min_seq: seqs.0,
        max_seq: seqs.1,
        points: points.len() as u64,
        blocks: 1,
        series: 1,
        level: place.0,
        age: place.1,
        space: DyadicBox::ALL,
        origin: 0,
    }
}
