//! Doors to the SST's decoders for a fuzzer: files of any bytes with every checksum made right, read in every way.
//! A file is refused, or its damage is named, or it is sound: then lookups find what a walk over all blocks finds, and
//! the points are the same in a file that is written anew.

pub use super::codec::testing::{alp, bitpack, floats, grid, integers, patch, scheme, varint};

mod build;
mod mend;

use std::fmt;

use super::dictionary::{DictionaryWriter, decode_page};
use super::footer::Footer;
use super::index::{BlockEntry, IndexPage, IndexWriter};
use super::top::Pages;
use super::verify::no_cache;
use super::{
    BlockScratch, HEADER_MAGIC, IoCounters, PageCache, SeriesEntry, SstReader, SstWriter, describe, file_name,
    keep_all, owner, verify,
};
use crate::bytes::Flaw;
use crate::env::Dir;
use crate::error::Result;
use crate::point::{Sample, Timestamp, ValueType};
use crate::series::SeriesId;
use crate::sync::Arc;
use crate::testing::decoders::input::Input;
use crate::testing::decoders::memory::{with_directory, with_file};
use crate::version::{FileId, SstMeta};

/// Points read of a file for writing them again: a constant block takes a few bytes, so that a small input may stand for
/// millions.
const KEPT_POINTS: u64 = 1 << 15;

/// Entries whose neighbourhood is looked up, of however many.
const LOOKUPS: usize = 8;

/// Header and footer: a real file's, mended, or any.
///
/// # Panics
/// If a promise of the format's is broken.
pub fn sst_footer(data: &[u8]) {
    check(&mend::mended(real(data).unwrap_or_else(|| build::ends(&mut Input::new(data)))));
}

/// Top page, index pages and dictionary pages: a real file's, mended, or any between a right header and footer.
///
/// # Panics
/// If a promise of the format's is broken.
pub fn sst_index(data: &[u8]) {
    let [raw] = Input::new(data).flags();
    if raw {
        page_alone(&data[1..]);
    }
    check(&mend::mended(real(data).unwrap_or_else(|| build::pages(&mut Input::new(data)))));
}

/// Blocks: a real file's, mended, or any behind a right index.
///
/// # Panics
/// If a promise of the format's is broken.
pub fn sst_block(data: &[u8]) {
    check(&mend::mended(real(data).unwrap_or_else(|| build::blocks(&mut Input::new(data)))));
}

fn real(data: &[u8]) -> Option<Vec<u8>> {
    data.starts_with(&HEADER_MAGIC).then(|| data.to_vec())
}

/// Any bytes as a page of either kind.
fn page_alone(bytes: &[u8]) {
    if let Ok(page) = IndexPage::new(bytes) {
        let entries: Vec<_> = page.entries().collect();
        let sound: Vec<BlockEntry> = entries.iter().filter_map(|entry| entry.ok()).collect();
        for entry in sound.iter().take(LOOKUPS) {
            if let Ok(found) = page.seek(entry.key()) {
                found.for_each(drop);
            }
        }
        if entries.iter().all(std::result::Result::is_ok) {
            entries_come_back(&sound);
        }
    }
    for with_keys in [false, true] {
        if let Ok(entries) = decode_page(bytes, with_keys) {
            assert!(entries.is_sorted_by(|a, b| a.id < b.id), "series ids ascend within a page");
            series_come_back(&entries, with_keys);
        }
    }
}

/// Encodes a page's series again.
fn series_come_back(entries: &[SeriesEntry], with_keys: bool) {
    let mut writer = DictionaryWriter::default();
    for entry in entries {
        writer.push(entry);
    }
    pages_come_back("series", &writer.finish(), entries, |page| decode_page(page, with_keys));
}

/// Encodes a page's entries again.
fn entries_come_back(entries: &[BlockEntry]) {
    let mut writer = IndexWriter::default();
    for entry in entries {
        writer.push(entry);
    }
    let decode = |page: &[u8]| IndexPage::new(page).and_then(|page| page.entries().collect());
    pages_come_back("index entries", &writer.finish(), entries, decode);
}

/// Seals pages and reads them again.
fn pages_come_back<T: PartialEq + fmt::Debug>(
    what: &str,
    pages: &Pages,
    entries: &[T],
    decode: impl Fn(&[u8]) -> Result<Vec<T>, Flaw>,
) {
    let seal = super::seal::Seal::new(uuid::Uuid::nil(), FileId::new(1));
    let mut back = Vec::new();
    let mut offset = 0;
    for page in pages.sealed(&seal, 0) {
        let decoded = seal.open(offset, &page).and_then(&decode);
        assert!(decoded.is_ok(), "a page that was written is refused: {decoded:?}");
        back.extend(decoded.unwrap_or_default());
        offset += page.len() as u64;
    }
    assert!(back == entries, "{what} changed");
}

/// Reads a file in every way, under the name that its footer claims.
fn check(bytes: &[u8]) {
    let footer = bytes.len().checked_sub(Footer::LEN).map_or(bytes, |at| &bytes[at..]);
    let id = footer.get(160..).and_then(<[u8]>::first_chunk).map_or(7, |id| u64::from_le_bytes(*id));
    let name = file_name(FileId::new(id));
    with_file(&name, bytes.to_vec(), |dir| {
        drop(owner(dir, &name));
        let described = describe(dir, &name);
        let reader = match SstReader::open_alone(dir, &name, no_cache()) {
            Ok(reader) => reader,
            Err(error) => return assert!(described.is_err(), "inspection alone opens it: {error}"),
        };
        assert!(reader.footer.encode() == footer, "a footer has one encoding");
        let (meta, uuid) = (reader.meta().clone(), reader.footer.uuid);
        let findings = match (verify(dir, uuid, &meta), described) {
            (Ok(found), Ok(described)) => {
                assert_eq!(found, described.findings);
                found
            }
            (found, described) => panic!("memory does not fail: {found:?}, {described:?}"),
        };
        for page in &reader.top.index {
            if let Ok(entries) = reader.index_entries(page) {
                entries_come_back(&entries);
            }
        }
        let cache = Arc::new(PageCache::new(1 << 16, Arc::new(IoCounters::default())));
        let opened = SstReader::open(dir, uuid, &meta, cache);
        let Ok(opened) = opened else { panic!("it opens alone, and not by its own meta: {opened:?}") };
        let entries: Vec<BlockEntry> = opened.entries().map_while(Result::ok).collect();
        look_up(&opened, &entries, findings.is_empty());
        if findings.is_empty() && meta.points <= KEPT_POINTS {
            let again = with_directory(|dir| points_come_back(dir, &opened, &entries));
            assert!(again.is_ok(), "a sound file cannot be read or written again: {again:?}");
        }
    });
}

/// Looks up what surrounds some entries. In a sound file that finds what a look at every entry finds.
fn look_up(reader: &SstReader, entries: &[BlockEntry], sound: bool) {
    for entry in entries.iter().step_by(entries.len() / LOOKUPS + 1) {
        let (first, last) = (entry.first_time, entry.last_time);
        for times in [first..=last, i64::MIN..=first, last..=i64::MAX, i64::MIN..=i64::MAX] {
            let found = reader.blocks(entry.series, times.clone());
            if sound {
                let meant = |other: &&BlockEntry| {
                    other.series == entry.series
                        && other.last_time >= *times.start()
                        && other.first_time <= *times.end()
                };
                let expected: Vec<BlockEntry> = entries.iter().filter(meant).copied().collect();
                assert!(found.is_ok_and(|found| found == expected), "a lookup of {times:?} finds other blocks");
            }
        }
    }
}

/// A series of a file with all its points.
#[derive(Debug, PartialEq)]
struct Points {
    entry: SeriesEntry,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

fn points_come_back(dir: &Dir, reader: &SstReader, entries: &[BlockEntry]) -> Result<()> {
    let all = points(reader)?;
    let mut writer = SstWriter::create(dir, reader.footer.uuid, FileId::new(1), reader.footer.level)?;
    for Points { entry, timestamps, bits } in &all {
        writer.begin_series(entry.clone());
        writer.push(timestamps, bits)?;
        writer.end_series()?;
    }
    let named = writer.finish(reader.footer.min_seq..=reader.footer.max_seq, 0)?;
    let Some(meta) = keep_all(dir, vec![named])?.pop() else { panic!("one file is one meta") };
    let old = reader.meta();
    let told = |meta: &SstMeta| (meta.rectangle, meta.points, meta.series, meta.min_seq, meta.max_seq, meta.level);
    assert_eq!(told(&meta), told(old), "the same points are told otherwise");
    let again = SstReader::open(dir, reader.footer.uuid, &meta, no_cache())?;
    assert!(points(&again)? == all, "points changed");
    entries.iter().take(LOOKUPS).try_for_each(|entry| typed(reader, entry))
}

fn points(reader: &SstReader) -> Result<Vec<Points>> {
    let blank = |entry| Points { entry, timestamps: Vec::new(), bits: Vec::new() };
    let mut all = reader.series().map(|series| series.map(blank)).collect::<Result<Vec<Points>>>()?;
    let mut scratch = BlockScratch::reading_ahead();
    for entry in reader.entries() {
        let entry = entry?;
        let Some(series) = all.iter_mut().find(|series| series.entry.id == entry.series) else {
            panic!("a series that no dictionary names, and no finding says so: {entry:?}");
        };
        reader.read_bits(&entry, &mut scratch, &mut series.timestamps, &mut series.bits)?;
    }
    Ok(all)
}

/// A block read as its own type holds the same bits; read as another it is refused, and the buffers stay as they were.
fn typed(reader: &SstReader, entry: &BlockEntry) -> Result<()> {
    let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
    reader.read_bits(entry, &mut BlockScratch::default(), &mut timestamps, &mut bits)?;
    let same = match entry.ty {
        ValueType::F64 => typed_bits::<f64>(reader, entry)?,
        ValueType::I64 => typed_bits::<i64>(reader, entry)?,
        ValueType::U64 => typed_bits::<u64>(reader, entry)?,
        ValueType::Bool => typed_bits::<bool>(reader, entry)?,
    };
    assert!(same == (timestamps, bits), "a block's values depend on how they are read");
    Ok(())
}

fn typed_bits<T: Sample>(reader: &SstReader, entry: &BlockEntry) -> Result<(Vec<i64>, Vec<u64>)> {
    let (mut times, mut values): (Vec<Timestamp>, Vec<T>) = (Vec::new(), Vec::new());
    reader.read_block(entry, &mut BlockScratch::default(), &mut times, &mut values)?;
    let times = times.into_iter().map(Timestamp::as_nanos).collect();
    Ok((times, values.into_iter().map(Sample::to_bits).collect()))
}

/// The series that an entry of a page begins with, or any.
fn series(number: u64) -> SeriesId {
    SeriesId::new(u32::try_from(number).unwrap_or(u32::MAX))
}
