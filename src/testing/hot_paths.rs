//! Hot paths of the engine that no public call reaches alone, for counts of their instructions and for timing.
//!
//! Each function prepares the input of a path and returns a closure; a call runs the path once.

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::format::sst::codec::{CodecScratch, decode_floats, decode_integers, encode_floats, encode_integers};
use crate::format::sst::{DictionaryEntry, DictionaryKey, SstWriter, persist_ssts};
use crate::format::wal::{SegmentBound, WalFiles, WalWriter, read_segment};
use crate::platform::env::{Dir, Env, MemoryEnv};
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::state::log_record::LogRecord;
use crate::state::memtable::{FrozenMemtable, Memtable};
use crate::state::rectangle::Rectangle;
use crate::state::series_index::SeriesIndex;
use crate::state::version::{Cutoffs, DurableState, DyadicBox, JobCounters, L0, SstMeta, Version};
use crate::types::point::{PointColumns, ValueType};
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// A hot path with its input. A call runs the path once and returns a number that depends on its result.
pub type HotPath = Box<dyn FnMut() -> u64>;

/// Database in whose name files are written.
const DATABASE: Uuid = Uuid::from_u128(14);

/// Columns of a batch: series ids, timestamps in nanoseconds, and the bits of doubles, in order of arrival.
#[derive(Debug, Clone, Default)]
pub struct RawBatch {
    series: Vec<SeriesId>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

impl RawBatch {
    /// Adds a point.
    pub fn push(&mut self, series: u32, timestamp: i64, value: f64) {
        self.series.push(SeriesId::new(series));
        self.timestamps.push(timestamp);
        self.bits.push(value.to_bits());
    }

    fn points(&self) -> PointColumns<'_> {
        PointColumns { series: &self.series, timestamps: &self.timestamps, bits: &self.bits }
    }
}

/// Decodes a column of doubles, at most 8,192, and sums them in eight lanes.
///
/// # Panics
/// The closure, if the column cannot be decoded.
#[must_use]
pub fn decode_doubles(values: &[f64]) -> HotPath {
    let (count, mut bytes, mut out) = (values.len(), Vec::new(), Vec::new());
    encode_floats(values, &mut CodecScratch::default(), &mut bytes);
    Box::new(move || {
        decode_floats(&bytes, count, &mut out).expect("the column was encoded by the engine");
        sum_in_lanes(&out).to_bits()
    })
}

/// Returns the sum of the values in eight lanes, since a single sum would wait for each addition.
#[must_use]
pub fn sum_in_lanes(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (rows, rest) = values.as_chunks::<8>();
    for row in rows {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane += value;
        }
    }
    lanes.iter().chain(rest).sum()
}

/// Encodes a column of doubles, at most 8,192.
#[must_use]
pub fn encode_doubles(values: Vec<f64>) -> HotPath {
    let (mut scratch, mut bytes) = (CodecScratch::default(), Vec::new());
    Box::new(move || {
        bytes.clear();
        encode_floats(&values, &mut scratch, &mut bytes);
        bytes.len() as u64
    })
}

/// Encodes a column of integers, at most 8,192.
#[must_use]
pub fn encode_whole_numbers(values: Vec<i64>) -> HotPath {
    let (mut scratch, mut bytes) = (CodecScratch::default(), Vec::new());
    Box::new(move || {
        bytes.clear();
        encode_integers(&values, &mut scratch, &mut bytes);
        bytes.len() as u64
    })
}

/// Decodes a column of integers, at most 8,192.
///
/// # Panics
/// The closure, if the column cannot be decoded.
#[must_use]
pub fn decode_whole_numbers(values: &[i64]) -> HotPath {
    let (count, mut bytes, mut out) = (values.len(), Vec::new(), Vec::new());
    encode_integers(values, &mut CodecScratch::default(), &mut bytes);
    Box::new(move || {
        decode_integers(&bytes, count, &mut out).expect("the column was encoded by the engine");
        out.last().copied().unwrap_or_default().cast_unsigned()
    })
}

/// Inserts batches into a new memtable.
#[must_use]
pub fn insert_into_memtable(batches: Vec<RawBatch>) -> HotPath {
    Box::new(move || {
        let mut memtable = Memtable::new();
        insert(&mut memtable, &batches);
        memtable.view().points()
    })
}

/// Reads a memtable of batches series by series in parts of at most `max_points` points, as a flush of few series does.
#[must_use]
pub fn read_in_parts(batches: &[RawBatch], max_points: usize) -> HotPath {
    let mut memtable = Memtable::new();
    insert(&mut memtable, batches);
    let (view, mut timestamps, mut bits) = (memtable.view(), Vec::new(), Vec::new());
    Box::new(move || {
        let mut count = 0;
        for (_, mut parts) in view.part_readers(max_points) {
            while parts.next(&mut timestamps, &mut bits) {
                count += bits.len() as u64;
                timestamps.clear();
                bits.clear();
            }
        }
        count
    })
}

/// Reads a memtable of batches series by series, as a flush does, and writes it as one SST in memory.
///
/// # Panics
/// The closure, if the file cannot be written.
#[must_use]
pub fn flush_memtable(batches: &[RawBatch]) -> HotPath {
    let mut memtable = Memtable::new();
    insert(&mut memtable, batches);
    let (view, dir, mut next_file) = (memtable.view(), memory_dir(), 1);
    Box::new(move || {
        let mut writer = SstWriter::create(&dir, DATABASE, FileId::new(next_file), L0).expect("memory has room");
        next_file += 1;
        let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
        for (id, mut parts) in view.part_readers(usize::MAX) {
            timestamps.clear();
            bits.clear();
            while parts.next(&mut timestamps, &mut bits) {}
            writer.begin_series(DictionaryEntry { id, ty: ValueType::F64, key: DictionaryKey::Hash(0) });
            writer.push(&timestamps, &bits).and_then(|()| writer.end_series()).expect("memory has room");
        }
        let finished =
            writer.finish(1..=1, 1).and_then(|file| persist_ssts(&dir, vec![file])).expect("memory has room");
        finished.iter().map(|meta| meta.points).sum()
    })
}

/// Appends batches to a WAL in memory, one record and one write each.
///
/// # Panics
/// If the WAL cannot be created; the closure, if it cannot be written.
#[must_use]
pub fn append_to_wal(batches: Vec<RawBatch>) -> HotPath {
    let mut wal = create_wal(memory_dir());
    let mut seq = 0;
    Box::new(move || {
        append(&mut wal, &mut seq, &batches);
        wal.replay_bytes()
    })
}

/// Reads a WAL segment of batches and inserts them into a new memtable.
///
/// # Panics
/// If the WAL cannot be created or written; the closure, if it cannot be read.
#[must_use]
pub fn replay_wal(batches: &[RawBatch]) -> HotPath {
    let dir = memory_dir();
    let mut wal = create_wal(dir.clone());
    append(&mut wal, &mut 0, batches);
    Box::new(move || {
        let mut memtable = Memtable::new();
        read_segment(&dir, DATABASE, wal.active_segment(), SegmentBound::Unsealed, |record| {
            memtable.insert(record.points);
            Ok(())
        })
        .expect("the segment was written by the engine");
        memtable.view().points()
    })
}

/// Installs a flush of one file in a version of `files` files: the next version, its edit, and the state of the manifest.
///
/// # Panics
/// The closure, if the flush cannot be installed.
#[must_use]
pub fn install_flush(files: u64) -> HotPath {
    let durable = DurableState { ssts: (1..=files).map(sst).collect(), flushed_seq: files, ..DurableState::default() };
    let version = Version::from_durable(SeriesIndex::default(), &durable, Cutoffs::default());
    let mut memtable = Memtable::new();
    memtable.insert(PointColumns { series: &[SeriesId::new(0)], timestamps: &[0], bits: &[0] });
    let next = files + 1;
    let version = version.after_freeze(Arc::new(FrozenMemtable {
        generation: next,
        view: memtable.view(),
        series: version.series.clone(),
        metadata: version.metadata.clone(),
        min_seq: next,
        max_seq: next,
        next_wal_segment: FileId::new(next),
    }));
    Box::new(move || {
        let installed = version.after_flush(next, vec![Arc::new(sst(next))], &JobCounters::default());
        let edit = version.edit_to(&installed.expect("the memtable is the oldest"));
        let mut state = durable.clone();
        state.apply(&edit).expect("the edit follows the state");
        state.flushed_seq
    })
}

/// Returns the entry of a file of one point, which overlaps no other.
fn sst(number: u64) -> SstMeta {
    let rectangle = Rectangle::of_series(SeriesId::new(0), TimeRange::at(number.cast_signed()));
    SstMeta {
        id: FileId::new(number),
        file_len: 100,
        footer_crc: 0,
        rectangle,
        min_seq: number,
        max_seq: number,
        points: 1,
        blocks: 1,
        series: 1,
        level: L0,
        generation: number,
        partition: DyadicBox::enclosing(&rectangle),
        origin: 0,
    }
}

fn insert(memtable: &mut Memtable, batches: &[RawBatch]) {
    for batch in batches {
        memtable.insert(batch.points());
    }
}

fn memory_dir() -> Dir {
    let env = MemoryEnv::default();
    env.create_dir(Path::new("memory")).expect("the path is new");
    Dir::new(Arc::new(env), "memory")
}

fn create_wal(dir: Dir) -> WalWriter {
    let ids = Arc::new(FileIdAllocator::new(FileId::new(1)));
    WalWriter::create(dir, DATABASE, ids, u64::MAX, 0, None, &WalFiles::default()).expect("memory has room")
}

fn append(wal: &mut WalWriter, seq: &mut u64, batches: &[RawBatch]) {
    for batch in batches {
        *seq += 1;
        let record = LogRecord { seq: *seq, definitions: &[], points: batch.points(), delete: None, metadata: None };
        assert!(wal.append(&[record]).is_ok(), "memory has room");
    }
}
