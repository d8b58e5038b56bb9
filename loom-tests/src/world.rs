//! What surrounds the actors in a model: a disk of a few values, no timers, and ways to ask and to look.
//! The disk's lock is not loom's: no model here is about its interleavings with anything but the actors.

use std::collections::BTreeMap;
use std::sync::Mutex as Plain;
use std::time::Duration;

use crate::actor::{
    AppendError, Command, LogRecord, Settings, Storage, Tables, Timer, Timers, ToWriter, Work, Write, Writer,
};
use crate::error::Result;
use crate::latest::Latest;
use crate::memtable::Frozen;
use crate::options::Durability;
use crate::point::{Batch, Timestamp, ValueType};
use crate::series::{Series, SeriesDef, SeriesId, SeriesKey};
use crate::sync::{Answer, Arc, Receiver, Sender, channel, reply};
use crate::version::{Edit, FileId, Rectangle, SeriesIndex, SstMeta, Version};

/// Timestamp and value of a point, which is all that the models tell points by.
pub(crate) type Seen = (i64, u64);

/// Everything durable.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Points by the SST that holds them.
    ssts: BTreeMap<FileId, Vec<Seen>>,
    /// Seqs appended, with their segments, and how many of them are synced.
    pub(crate) log: Vec<(u64, FileId)>,
    pub(crate) synced: usize,
    next_file: u64,
    pub(crate) installed: Edit,
}

/// The disk as every actor holds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store(pub(crate) Arc<Plain<Disk>>);

impl Store {
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut Disk) -> R) -> R {
        look(&mut self.0.lock().expect("no model panics while it holds the disk"))
    }
}

impl Disk {
    fn take_id(&mut self) -> FileId {
        self.next_file += 1;
        FileId::new(self.next_file)
    }
}

impl Storage for Store {
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        self.look(|disk| {
            let segment = FileId::new(disk.next_file);
            disk.log.extend(group.iter().map(|record| (record.seq, segment)));
        });
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.look(|disk| disk.synced = disk.log.len());
        Ok(())
    }

    fn mark(&mut self) -> Result<()> {
        Ok(())
    }

    fn rotate(&mut self) -> Result<FileId, AppendError> {
        Ok(self.look(|disk| {
            disk.synced = disk.log.len();
            disk.take_id()
        }))
    }

    fn install(&mut self, edit: Edit, _definitions: &[Arc<SeriesDef>]) -> Result<()> {
        self.look(|disk| disk.installed = edit);
        Ok(())
    }

    fn drop_segments(&mut self) {}
}

impl Tables for Store {
    fn write(&mut self, frozen: &Frozen) -> Result<Vec<SstMeta>> {
        let mut points = Vec::new();
        for series in frozen.view.series() {
            frozen.view.read(series, &(i64::MIN..=i64::MAX), &mut points);
        }
        let points: Vec<Seen> = points.into_iter().map(|cell| (cell.timestamp, cell.bits)).collect();
        let id = self.look(|disk| {
            let id = disk.take_id();
            disk.ssts.insert(id, points.clone());
            id
        });
        let rectangle =
            Rectangle { first_series: SeriesId::new(0), last_series: SeriesId::new(0), first_time: 0, last_time: 9 };
        Ok(vec![SstMeta {
            id,
            len: 0,
            footer_crc: 0,
            rectangle,
            min_seq: frozen.min_seq,
            max_seq: frozen.max_seq,
            points: points.len() as u64,
            blocks: 1,
            series: 1,
            level: 0,
            age: frozen.generation,
        }])
    }
}

/// No timer falls due in a model unless the model says so.
#[derive(Debug)]
pub(crate) struct NoTimers;

impl Timers for NoTimers {
    fn arm(&mut self, _timer: Timer, _after: Duration) {}

    fn arm_no_later(&mut self, _timer: Timer, _after: Duration) {}
}

/// One series that exists from the start.
pub(crate) const SERIES: SeriesId = SeriesId::new(0);
const NONCE: u64 = 1;

/// The doors that a model's threads use.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) latest: Arc<Latest<Version>>,
    pub(crate) inbox: Sender<ToWriter>,
}

/// The actors, to be run on threads of the model.
#[derive(Debug)]
pub(crate) struct Actors {
    pub(crate) writer: Writer<Store, NoTimers>,
    pub(crate) commands: Receiver<ToWriter>,
    pub(crate) frozen: Receiver<crate::actor::Flush>,
}

impl World {
    pub(crate) fn new(flush_at_bytes: usize) -> (Self, Actors) {
        let mut series = SeriesIndex::default();
        series.find_or_make(&SeriesKey::new("m"), ValueType::U64, 0, 8).expect("an empty index takes a series");
        let store = Store::default();
        store.look(|disk| disk.next_file = 1);
        let latest = Arc::new(Latest::new(Arc::new(Version::opened(series, Vec::new(), 0))));
        let (inbox, commands) = channel();
        let (flusher, frozen) = channel();
        let settings = Settings {
            durability: Durability::Sync,
            flush_at_bytes,
            flush_age: Duration::from_hours(1),
            max_series: 8,
        };
        let writer = Writer::new(store.clone(), NoTimers, settings, flusher, Arc::clone(&latest), 0);
        (Self { store, latest, inbox }, Actors { writer, commands, frozen })
    }

    /// Sends a batch of points of the one series; each point's value is its timestamp, ten times.
    pub(crate) fn write(&self, timestamps: &[i64]) -> Answer<Result<crate::actor::Ack>> {
        let mut batch = Batch::new();
        for at in timestamps {
            batch.push(Series::<u64>::new(SERIES, NONCE), Timestamp::from_nanos(*at), value_of(*at));
        }
        let (reply, answer) = reply();
        self.send(Work::Write(Box::new(Write { batch, durability: Durability::Sync, reply })));
        answer
    }

    pub(crate) fn send(&self, work: Work) {
        self.inbox.send(ToWriter::Command(Command { work, permit: None }));
    }

    /// Every point that a version shows, from all its parts, in order of time.
    pub(crate) fn points(&self, version: &Version) -> Vec<Seen> {
        let mut cells = Vec::new();
        let all = i64::MIN..=i64::MAX;
        version.active.read(SERIES, &all, &mut cells);
        for frozen in &version.frozen {
            frozen.view.read(SERIES, &all, &mut cells);
        }
        let mut points: Vec<Seen> = cells.into_iter().map(|cell| (cell.timestamp, cell.bits)).collect();
        self.store.look(|disk| points.extend(version.ssts.iter().flat_map(|sst| disk.ssts[&sst.id].iter())));
        points.sort_unstable();
        points
    }
}

pub(crate) fn value_of(timestamp: i64) -> u64 {
    timestamp.unsigned_abs() * 10
}

/// The points of the first `seq` batches: what a version of that seq must show.
pub(crate) fn points_through(batches: &[&[i64]], seq: u64) -> Vec<Seen> {
    let prefix: Vec<i64> = (0..seq).zip(batches).flat_map(|(_, batch)| batch.iter().copied()).collect();
    points_of(&prefix)
}

/// The points that batches of these timestamps come to.
pub(crate) fn points_of(timestamps: &[i64]) -> Vec<Seen> {
    let mut points: Vec<Seen> = timestamps.iter().map(|at| (*at, value_of(*at))).collect();
    points.sort_unstable();
    points
}
