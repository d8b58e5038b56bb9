//! Fuzz entry points of SSTs.
//!
//! Files with arbitrary bytes and correct checksums are opened, verified and read in every way. A file is refused, or
//! has findings, or is valid. In a valid file, lookups return what a scan of all blocks returns, and writing its points
//! again gives a file with the same points.

pub use crate::testing::codec::{alp, bitpack, floats, grid, integers, patch, scheme, varint};

mod build_sst;
mod fix_checksums;

use std::fmt;

use crate::format::bytes::DecodeError;
use crate::format::sst::dictionary::{DictionaryWriter, decode_page};
use crate::format::sst::header_footer::SstFooter;
use crate::format::sst::index::{IndexPage, IndexWriter};
use crate::format::sst::index_entry::BlockEntry;
use crate::format::sst::top_page::PageBuilder;
use crate::format::sst::verify::disabled_cache;
use crate::format::sst::{
    BlockScratch, DictionaryEntry, IoCounters, PageCache, SST_HEADER_MAGIC, SstReader, SstWriter, describe_sst,
    persist_ssts, read_identity, sst_file_name, verify_sst,
};
use crate::platform::env::Dir;
use crate::state::file_id::FileId;
use crate::state::version::SstMeta;
use crate::sync::Arc;
use crate::testing::fuzzing::fuzz_input::FuzzInput;
use crate::testing::fuzzing::memory_env::{with_directory, with_file};
use crate::types::error::Result;
use crate::types::point::{Scalar, Timestamp, ValueType};
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Maximum number of points of a file that is written again.
///
/// A constant block takes a few bytes, so a small input may encode millions of points.
const MAX_REWRITE_POINTS: u64 = 1 << 15;

/// Number of entries per file around which lookups are made.
const LOOKUPS: usize = 8;

/// Header and footer of a real file, or arbitrary ones.
///
/// # Panics
/// If an invariant of the format is violated.
pub fn sst_footer(data: &[u8]) {
    check(&fix_checksums::with_fixed_checksums(
        as_real_file(data).unwrap_or_else(|| build_sst::sst_with_any_ends(&mut FuzzInput::new(data))),
    ));
}

/// Top page, index pages and dictionary pages.
///
/// The pages are those of a real file, or arbitrary pages between a valid header and footer.
///
/// # Panics
/// If an invariant of the format is violated.
pub fn sst_index(data: &[u8]) {
    let [raw] = FuzzInput::new(data).flags();
    if raw {
        page_alone(&data[1..]);
    }
    check(&fix_checksums::with_fixed_checksums(
        as_real_file(data).unwrap_or_else(|| build_sst::sst_with_any_pages(&mut FuzzInput::new(data))),
    ));
}

/// Blocks of a real file, or arbitrary blocks with an index.
///
/// # Panics
/// If an invariant of the format is violated.
pub fn sst_block(data: &[u8]) {
    check(&fix_checksums::with_fixed_checksums(
        as_real_file(data).unwrap_or_else(|| build_sst::sst_with_any_blocks(&mut FuzzInput::new(data))),
    ));
}

/// Returns the input as a file if it begins like an SST.
fn as_real_file(data: &[u8]) -> Option<Vec<u8>> {
    data.starts_with(&SST_HEADER_MAGIC).then(|| data.to_vec())
}

/// Decodes arbitrary bytes as an index page and as a dictionary page.
fn page_alone(bytes: &[u8]) {
    if let Ok(page) = IndexPage::new(bytes) {
        let entries: Vec<_> = page.all_blocks().collect();
        let valid: Vec<BlockEntry> = entries.iter().filter_map(|entry| entry.ok()).collect();
        for entry in valid.iter().take(LOOKUPS) {
            if let Ok(found) = page.seek(entry.key()) {
                found.for_each(drop);
            }
        }
        if entries.iter().all(std::result::Result::is_ok) {
            check_entries_round_trip(&valid);
        }
    }
    for with_keys in [false, true] {
        if let Ok(entries) = decode_page(bytes, with_keys) {
            assert!(entries.is_sorted_by(|a, b| a.id < b.id), "series ids ascend within a page");
            check_series_round_trip(&entries, with_keys);
        }
    }
}

/// Encodes and decodes the entries of a dictionary page.
fn check_series_round_trip(entries: &[DictionaryEntry], with_keys: bool) {
    let mut writer = DictionaryWriter::default();
    for entry in entries {
        writer.push(entry);
    }
    check_pages_round_trip("series", &writer.finish(), entries, |page| decode_page(page, with_keys));
}

/// Encodes and decodes the entries of an index page.
fn check_entries_round_trip(entries: &[BlockEntry]) {
    let mut writer = IndexWriter::default();
    for entry in entries {
        writer.push(entry);
    }
    let decode = |page: &[u8]| IndexPage::new(page).and_then(|page| page.all_blocks().collect());
    check_pages_round_trip("index entries", &writer.finish(), entries, decode);
}

/// Adds the checksums of pages, checks them, and decodes the pages.
fn check_pages_round_trip<T: PartialEq + fmt::Debug>(
    what: &str,
    pages: &PageBuilder,
    entries: &[T],
    decode: impl Fn(&[u8]) -> Result<Vec<T>, DecodeError>,
) {
    let checksum = crate::format::sst::checksum::PartChecksum::new(uuid::Uuid::nil(), FileId::new(1));
    let mut back = Vec::new();
    let mut offset = 0;
    for page in pages.with_checksums(&checksum, 0) {
        let decoded = checksum.check(offset, &page).and_then(&decode);
        assert!(decoded.is_ok(), "a written page is refused: {decoded:?}");
        back.extend(decoded.unwrap_or_default());
        offset += page.len() as u64;
    }
    assert!(back == entries, "{what} changed");
}

/// Reads a file in every way, under the name that belongs to the id in its footer.
fn check(bytes: &[u8]) {
    let footer = bytes.len().checked_sub(SstFooter::LEN).map_or(bytes, |at| &bytes[at..]);
    let id = footer.get(160..).and_then(<[u8]>::first_chunk).map_or(7, |id| u64::from_le_bytes(*id));
    let name = sst_file_name(FileId::new(id));
    with_file(&name, bytes, |dir| {
        drop(read_identity(dir, &name));
        let described = describe_sst(dir, &name);
        let reader = match SstReader::open_standalone(dir, &name, disabled_cache()) {
            Ok(reader) => reader,
            Err(error) => {
                return assert!(
                    described.is_err(),
                    "describe_sst opens the file, but open_standalone does not: {error}"
                );
            }
        };
        assert!(reader.footer.encode() == footer, "a footer has one encoding");
        let (meta, uuid) = (reader.meta().clone(), reader.footer.uuid);
        let findings = match (verify_sst(dir, uuid, &meta), described) {
            (Ok(found), Ok(described)) => {
                assert_eq!(found, described.findings);
                found
            }
            (found, described) => panic!("an I/O error in memory: {found:?}, {described:?}"),
        };
        for page in &reader.top.index {
            if let Ok(entries) = reader.index_entries(page) {
                check_entries_round_trip(&entries);
            }
        }
        let cache = Arc::new(PageCache::new(1 << 16, Arc::new(IoCounters::default())));
        let opened = SstReader::open(dir, uuid, &meta, cache);
        let Ok(opened) = opened else { panic!("a file does not open by its own meta: {opened:?}") };
        let entries: Vec<BlockEntry> = opened.all_blocks().map_while(Result::ok).collect();
        check_lookups(&opened, &entries, findings.is_empty());
        if findings.is_empty() && meta.points <= MAX_REWRITE_POINTS {
            let again = with_directory(|dir| check_points_round_trip(dir, &opened, &entries));
            assert!(again.is_ok(), "a valid file cannot be read or written again: {again:?}");
        }
    });
}

/// Makes lookups around some entries. In a valid file, they return what a scan of all entries returns.
fn check_lookups(reader: &SstReader, entries: &[BlockEntry], is_valid: bool) {
    for entry in entries.iter().step_by(entries.len() / LOOKUPS + 1) {
        let (first, last) = (entry.first_time, entry.last_time);
        let from_last = TimeRange::new(last, i64::MAX);
        for times in [entry.times(), TimeRange::until(first), from_last, TimeRange::ALL] {
            let found = reader.blocks_in_range(entry.series, times);
            if is_valid {
                let overlaps = |other: &&BlockEntry| other.series == entry.series && other.times().overlaps(times);
                let expected: Vec<BlockEntry> = entries.iter().filter(overlaps).copied().collect();
                assert!(found.is_ok_and(|found| found == expected), "a lookup of {times:?} returns wrong blocks");
            }
        }
    }
}

/// A series of a file, with all of its points.
#[derive(Debug, PartialEq)]
struct SeriesData {
    entry: DictionaryEntry,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

/// Writes the points of a file to a new file, and compares.
fn check_points_round_trip(dir: &Dir, reader: &SstReader, entries: &[BlockEntry]) -> Result<()> {
    let all = points(reader)?;
    let mut writer = SstWriter::create(dir, reader.footer.uuid, FileId::new(1), reader.footer.level)?;
    for SeriesData { entry, timestamps, bits } in &all {
        writer.begin_series(entry.clone());
        writer.push(timestamps, bits)?;
        writer.end_series()?;
    }
    let pending = writer.finish(reader.footer.min_seq..=reader.footer.max_seq, 0)?;
    let Some(meta) = persist_ssts(dir, vec![pending])?.pop() else { panic!("one file is one meta") };
    let old = reader.meta();
    let summary = |meta: &SstMeta| (meta.rectangle, meta.points, meta.series, meta.min_seq, meta.max_seq, meta.level);
    assert_eq!(summary(&meta), summary(old), "the metadata of the same points differs");
    let again = SstReader::open(dir, reader.footer.uuid, &meta, disabled_cache())?;
    assert!(points(&again)? == all, "points changed");
    entries.iter().take(LOOKUPS).try_for_each(|entry| check_typed_reads(reader, entry))
}

fn points(reader: &SstReader) -> Result<Vec<SeriesData>> {
    let blank = |entry| SeriesData { entry, timestamps: Vec::new(), bits: Vec::new() };
    let mut all = reader.series().map(|series| series.map(blank)).collect::<Result<Vec<SeriesData>>>()?;
    let mut scratch = BlockScratch::with_read_ahead();
    for entry in reader.all_blocks() {
        let entry = entry?;
        let Some(series) = all.iter_mut().find(|series| series.entry.id == entry.series) else {
            panic!("a block of a series outside the dictionary has no finding: {entry:?}");
        };
        reader.read_block_raw(&entry, &mut scratch, &mut series.timestamps, &mut series.bits)?;
    }
    Ok(all)
}

/// Checks that a typed read of a block gives the same bits as a raw read.
fn check_typed_reads(reader: &SstReader, entry: &BlockEntry) -> Result<()> {
    let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
    reader.read_block_raw(entry, &mut BlockScratch::default(), &mut timestamps, &mut bits)?;
    let same = match entry.ty {
        ValueType::F64 => typed_bits::<f64>(reader, entry)?,
        ValueType::I64 => typed_bits::<i64>(reader, entry)?,
        ValueType::U64 => typed_bits::<u64>(reader, entry)?,
        ValueType::Bool => typed_bits::<bool>(reader, entry)?,
    };
    assert!(same == (timestamps, bits), "typed and raw reads of a block differ");
    Ok(())
}

fn typed_bits<T: Scalar>(reader: &SstReader, entry: &BlockEntry) -> Result<(Vec<i64>, Vec<u64>)> {
    let (mut times, mut values): (Vec<Timestamp>, Vec<T>) = (Vec::new(), Vec::new());
    reader.read_block(entry, TimeRange::ALL, &mut BlockScratch::default(), &mut times, &mut values)?;
    let times = times.into_iter().map(Timestamp::as_nanos).collect();
    Ok((times, values.into_iter().map(Scalar::to_bits).collect()))
}

/// Converts a number to a series id, saturating.
fn series(number: u64) -> SeriesId {
    SeriesId::new(u32::try_from(number).unwrap_or(u32::MAX))
}
