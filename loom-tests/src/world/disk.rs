//! The disk of a model: WAL segments, manifest and SSTs as a few values that change in the steps in which a real disk
//! does. What is written and what is durable are told apart, so that a crash can lose the one and not the other.

use std::collections::BTreeMap;
use std::sync::Mutex as Plain;

use crate::actor::{AppendError, FlushJob, LogRecord, Made, Storage, Tables};
use crate::error::{Error, Result};
use crate::series::{SeriesDef, SeriesId};
use crate::sync::Arc;
use crate::version::{Durable, Edit, FileId, Rectangle, SstMeta};

/// Timestamp and value of a point, which is all that the models tell points by.
pub(crate) type Seen = (i64, u64);

/// One record of the WAL.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) seq: u64,
    pub(super) points: Vec<Seen>,
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
    /// A database that was just made: one empty segment. `watched`: the model's threads meet between any two steps.
    pub(super) fn new(watched: bool, failing_flushes: usize) -> Self {
        let first = FileId::new(1);
        let durable = Durable { floor: first, next_file: first.next(), ..Durable::default() };
        let disk = Disk {
            segments: BTreeMap::from([(first, Segment::default())]),
            removed: BTreeMap::new(),
            ssts: BTreeMap::new(),
            unfinished_ssts: Vec::new(),
            durable,
            pending: None,
            last_file: first.get(),
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
            Record { seq: record.seq, points }
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
        self.unfinished_ssts.push(id);
        Ok(id)
    }

    fn finish_sst(&mut self, id: FileId, points: Vec<Seen>) {
        self.unfinished_ssts.retain(|unfinished| *unfinished != id);
        self.ssts.insert(id, points);
    }

    /// The points of the SSTs that a version or the manifest names.
    pub(super) fn points_of<'a>(&'a self, ssts: impl Iterator<Item = FileId> + 'a) -> impl Iterator<Item = Seen> + 'a {
        ssts.flat_map(|id| self.ssts[&id].iter().copied())
    }

    /// The seqs that a crash cannot lose, however little of the rest it keeps.
    pub(crate) fn durable_seq(&self) -> u64 {
        let synced = self.segments.values().flat_map(|segment| &segment.records[..segment.synced]);
        synced.map(|record| record.seq).max().unwrap_or_default().max(self.durable.flushed_seq)
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

    fn note_retired(&mut self, _files: usize, _bytes: u64, _oldest: Option<std::time::Duration>) {}
}

impl Tables for Store {
    fn write(&mut self, job: &FlushJob) -> Result<Made> {
        let frozen = &job.frozen;
        let mut cells = Vec::new();
        for series in frozen.view.series() {
            frozen.view.read(series, &(i64::MIN..=i64::MAX), &mut cells);
        }
        let points: Vec<Seen> = cells.into_iter().map(|cell| (cell.timestamp, cell.bits)).collect();
        let meta = |id, points: usize| SstMeta {
            id,
            len: points as u64,
            footer_crc: 0,
            rectangle: Rectangle {
                first_series: SeriesId::new(0),
                last_series: SeriesId::new(0),
                first_time: 0,
                last_time: 9,
            },
            min_seq: frozen.min_seq,
            max_seq: frozen.max_seq,
            points: points as u64,
            blocks: 1,
            series: 1,
            level: 0,
            age: frozen.generation,
            space: crate::version::DyadicBox::ALL,
            origin: 0,
        };
        let id = self.step(Disk::begin_sst)?;
        let meta = meta(id, points.len());
        self.step(|disk| disk.finish_sst(id, points));
        Ok(Made { ssts: vec![meta], ..Made::default() })
    }
}
