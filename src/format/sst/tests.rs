//! Tests of whole SSTs: a newly opened reader returns the written points, and damage is detected.

mod damage;
mod failure;
mod golden;
mod lookup;
mod mutation;
mod round_trip;
mod streaming;

use std::path::Path;

use uuid::Uuid;

use super::*;
use crate::platform::env::{Dir, OsEnv};
use crate::state::version::{BASE, L0, SstMeta};
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::{Scalar, Timestamp, ValueType};
use crate::types::series::{SeriesId, SeriesKey};
use crate::types::time_range::TimeRange;

const DATABASE: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

/// Id, type and points of a series, as input of a writer.
#[derive(Debug, Clone)]
struct TestSeries {
    id: u32,
    ty: ValueType,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

impl TestSeries {
    fn new<T: Scalar>(id: u32, timestamps: impl IntoIterator<Item = i64>, value: impl Fn(usize) -> T) -> Self {
        let timestamps: Vec<i64> = timestamps.into_iter().collect();
        let bits = (0..timestamps.len()).map(|at| value(at).to_bits()).collect();
        Self { id, ty: T::TYPE, timestamps, bits }
    }

    /// Returns the dictionary entry in a file of the level.
    fn entry(&self, level: u8) -> DictionaryEntry {
        let policies = [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];
        let key = if stores_full_keys(level) {
            let key = SeriesKey::new("metric").tag("id", self.id.to_string()).tag("even", (self.id % 2).to_string());
            DictionaryKey::Key(key, policies[self.id as usize % 3])
        } else {
            DictionaryKey::Hash(u16::try_from(u64::from(self.id) * 7 % 65_521).unwrap())
        };
        DictionaryEntry { id: SeriesId::new(self.id), ty: self.ty, key }
    }
}

/// Returns incompressible bits, the same on every machine.
/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
fn noise(at: usize) -> u64 {
    let mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn dir(path: &Path) -> Dir {
    Dir::new(Arc::new(OsEnv), path)
}

fn write(dir: &Dir, id: u64, series: &[TestSeries]) -> SstMeta {
    write_at(L0, dir, id, series)
}

fn write_at(level: u8, dir: &Dir, id: u64, series: &[TestSeries]) -> SstMeta {
    let mut writer = SstWriter::create(dir, DATABASE, FileId::new(id), level).unwrap();
    for series in series {
        writer.begin_series(series.entry(level));
        writer.push(&series.timestamps, &series.bits).unwrap();
        writer.end_series().unwrap();
    }
    persist_ssts(dir, vec![writer.finish(10..=20, 3).unwrap()]).unwrap().remove(0)
}

fn cache(bytes: usize) -> Arc<PageCache> {
    Arc::new(PageCache::new(bytes, Arc::default()))
}

fn open(dir: &Dir, meta: &SstMeta) -> SstReader {
    SstReader::open(dir, DATABASE, meta, cache(1 << 20)).unwrap()
}

/// Reads all points of a file by lookups of its series.
fn read_all(reader: &SstReader) -> crate::Result<Vec<(u32, ValueType, i64, u64)>> {
    let mut scratch = BlockScratch::default();
    let mut points = Vec::new();
    for series in reader.series().collect::<crate::Result<Vec<_>>>()? {
        let (mut times, mut bits) = (Vec::new(), Vec::new());
        for entry in reader.blocks_in_range(series.id, TimeRange::ALL)? {
            reader.read_block_raw(&entry, &mut scratch, &mut times, &mut bits)?;
        }
        points.extend(times.into_iter().zip(bits).map(|(time, bits)| (series.id.get(), series.ty, time, bits)));
    }
    Ok(points)
}

fn points_of(series: &[TestSeries]) -> Vec<(u32, ValueType, i64, u64)> {
    let points = |series: &TestSeries| {
        let (id, ty) = (series.id, series.ty);
        let pairs: Vec<_> = series.timestamps.iter().copied().zip(series.bits.iter().copied()).collect();
        pairs.into_iter().map(move |(time, bits)| (id, ty, time, bits))
    };
    series.iter().flat_map(points).collect()
}
