//! SSTs built from fuzzer input: arbitrary ends, pages or blocks in an otherwise valid file.

use super::series;
use crate::format::bytes::Extent;
use crate::format::sst::block::split_columns;
use crate::format::sst::checksum::{CHECKSUM_BYTES, PartChecksum};
use crate::format::sst::codec::short::fill_even_times;
use crate::format::sst::codec::{MAX_BLOCK_POINTS, decode_floats, decode_integers};
use crate::format::sst::dictionary::{DictionaryEntry, DictionaryKey, DictionaryWriter, stores_full_keys};
use crate::format::sst::header_footer::{SST_FORMAT_VERSION, SstFooter, SstHeader};
use crate::format::sst::index::{IndexPage, IndexWriter};
use crate::format::sst::index_entry::{BlockEntry, MAX_BLOCK_BYTES, PackedExtent};
use crate::format::sst::packed_block::{MAX_PACKED_BLOCK_BYTES, MAX_RUN_POINTS};
use crate::format::sst::statistics::{BlockStatistics, BlockTimes, MIN_POINTS_FOR_STATISTICS};
use crate::format::sst::top_page::{MAX_PAGE_BYTES, PageBuilder, PageKey, TopPage};
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::version::{BASE, L0};
use crate::testing::fuzzing::fuzz_input::FuzzInput;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::ValueType;
use crate::types::series::SeriesKey;
use crate::types::time_range::TimeRange;

const UUID: uuid::Uuid = uuid::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
const ID: FileId = FileId::new(7);
/// Maximum number of blocks of a built file.
const MAX_BUILT_BLOCKS: u64 = 64;

/// Totals of the points in a footer.
#[derive(Debug, Clone, Copy)]
struct FooterTotals {
    rectangle: Rectangle,
    points: u64,
    blocks: u64,
    series: u64,
    seqs: [u64; 2],
}

/// Returns a file of these parts. `fix_checksums` corrects the checksums.
fn assemble(blocks: &[u8], [dictionary, index]: [&[u8]; 2], top: &[u8], totals: FooterTotals) -> Vec<u8> {
    let mut bytes = SstHeader { version: SST_FORMAT_VERSION, uuid: UUID, id: ID }.encode();
    let mut part = |content: &[u8]| {
        let offset = bytes.len() as u64;
        bytes.extend_from_slice(content);
        Extent { offset, len: content.len() as u64 }
    };
    let footer = SstFooter {
        blocks: part(blocks),
        dictionary: part(dictionary),
        index: part(index),
        top_page: part(top),
        rectangle: totals.rectangle,
        min_seq: totals.seqs[0],
        max_seq: totals.seqs[1],
        point_count: totals.points,
        block_count: totals.blocks,
        series_count: totals.series,
        header_crc: 0,
        top_page_crc: 0,
        level: level(totals.seqs[0]),
        uuid: UUID,
        id: ID,
    };
    bytes.extend_from_slice(&footer.encode());
    bytes
}

/// Returns the level of a file: the base, whose files contain whole keys, if the minimum seq is odd.
fn level(min_seq: u64) -> u8 {
    if min_seq % 2 == 1 { BASE } else { L0 }
}

/// Returns the key of a series, of the kind that the level stores.
fn dictionary_key(level: u8, choice: u64) -> DictionaryKey {
    if !stores_full_keys(level) {
        let [low, high, ..] = choice.to_le_bytes();
        return DictionaryKey::Hash(u16::from_le_bytes([low, high]));
    }
    let key = SeriesKey::new(format!("m{}", choice % 7)).tag("t", (choice / 7 % 100).to_string());
    DictionaryKey::Key(key, DuplicatePolicy::KeepAll)
}

/// Reads arbitrary totals.
fn totals(input: &mut FuzzInput<'_>) -> FooterTotals {
    let [a, b, c, d] = std::array::from_fn(|_| input.number());
    let rectangle = Rectangle {
        first_series: series(a),
        last_series: series(a.saturating_add(b)),
        times: TimeRange::new(c.cast_signed(), c.cast_signed().wrapping_add(d.cast_signed())),
    };
    let [series, blocks, points] = std::array::from_fn(|_| input.number());
    let blocks = series.saturating_add(blocks);
    let seq = input.number();
    FooterTotals {
        rectangle,
        series,
        blocks,
        points: blocks.saturating_add(points),
        seqs: [seq, seq.saturating_add(1)],
    }
}

/// Builds a file with an arbitrary header and footer around parts of arbitrary lengths.
pub(super) fn sst_with_any_ends(input: &mut FuzzInput<'_>) -> Vec<u8> {
    let totals = totals(input);
    let parts: [&[u8]; 4] = std::array::from_fn(|_| {
        let len = usize::from(input.byte());
        input.bytes(len)
    });
    let [blocks, dictionary, index, top] = parts;
    let mut bytes = assemble(blocks, [dictionary, index], top, totals);
    let footer_at = bytes.len() - SstFooter::LEN;
    // The rest of the input changes single bytes of header and footer.
    while !input.is_empty() {
        let at = usize::from(input.byte()) % (SstHeader::LEN + SstFooter::LEN);
        let at = if at < SstHeader::LEN { at } else { footer_at + at - SstHeader::LEN };
        bytes[at] ^= input.byte();
    }
    bytes
}

/// Builds a file with arbitrary pages, and a matching or arbitrary top page.
pub(super) fn sst_with_any_pages(input: &mut FuzzInput<'_>) -> Vec<u8> {
    let [_, any_top] = input.flags();
    let totals = totals(input);
    let blocks = vec![0; input.short().max(1)];
    let top = if any_top { Some(input.byte_run()) } else { None };
    let mut kinds = [PageBuilder::default(), PageBuilder::default()];
    let mut last = [PageKey { series: series(0), time: i64::MIN }; 2];
    while !input.is_empty() {
        let [is_index, any_key] = input.flags();
        let kind = usize::from(is_index);
        let page = input.byte_run();
        let page = &page[..page.len().min(MAX_PAGE_BYTES - CHECKSUM_BYTES)];
        if page.is_empty() {
            continue;
        }
        let first = IndexPage::new(page).ok().and_then(|page| page.all_blocks().next()?.ok()).map(|entry| entry.key());
        let any = PageKey { series: series(input.number()), time: 0 };
        let key = first.filter(|_| is_index && !any_key).unwrap_or(any).max(last[kind]);
        last[kind] = key;
        kinds[kind].push(key, page);
    }
    let [dictionary, index] = &kinds;
    let top = top.map_or_else(|| TopPage::encode(index, dictionary), <[u8]>::to_vec);
    let page_bytes = kinds
        .each_ref()
        .map(|pages| pages.with_checksums(&PartChecksum::new(UUID, ID), 0).flatten().collect::<Vec<u8>>());
    assemble(&blocks, page_bytes.each_ref().map(Vec::as_slice), &top, totals)
}

/// Builds a file with arbitrary blocks, and an index that matches or contradicts them.
pub(super) fn sst_with_any_blocks(input: &mut FuzzInput<'_>) -> Vec<u8> {
    let (mut bytes, mut index, mut dictionary) = (Vec::new(), IndexWriter::default(), DictionaryWriter::default());
    let mut totals: Option<FooterTotals> = None;
    let seq = input.number();
    while !input.is_empty() && totals.is_none_or(|totals| totals.blocks < MAX_BUILT_BLOCKS) {
        let [next_series, any_times, no_statistics, type_low, type_high, is_packed] = input.flags();
        let ty = [[ValueType::F64, ValueType::I64], [ValueType::U64, ValueType::Bool]][usize::from(type_high)]
            [usize::from(type_low)];
        let (max_count, max_bytes) =
            if is_packed { (MAX_RUN_POINTS, MAX_PACKED_BLOCK_BYTES) } else { (MAX_BLOCK_POINTS, MAX_BLOCK_BYTES) };
        let count = input.short() % max_count + 1;
        let block = input.byte_run();
        let block = &block[..block.len().min(max_bytes - CHECKSUM_BYTES)];
        // The header of a packed block and its only run take one byte at least.
        if block.len() <= usize::from(is_packed) {
            continue;
        }
        let header = if is_packed { input.short() % (block.len() - 1) + 1 } else { 0 };
        let so_far = totals.map(|totals| totals.rectangle.last_series.get());
        let id = so_far.map_or(0, |last| last + u32::from(next_series));
        if so_far != Some(id) {
            let key = dictionary_key(level(seq), input.word());
            dictionary.push(&DictionaryEntry { id: series(u64::from(id)), ty, key });
        }
        let (first_time, last_time) = if any_times || is_packed { None } else { first_and_last_time(block, count) }
            .unwrap_or((0, input.number().cast_signed()));
        let statistics =
            if no_statistics || is_packed { None } else { statistics(block, ty, (first_time, last_time), count) };
        let offset = (SstHeader::LEN + bytes.len()) as u64;
        let len = small(block.len() + CHECKSUM_BYTES);
        let entry = BlockEntry {
            series: series(u64::from(id)),
            ty,
            count: small(count),
            first_time,
            last_time,
            offset: offset + header as u64,
            len: if is_packed { small(block.len() - header) } else { len },
            packed: is_packed.then_some(PackedExtent { offset, len }),
            statistics,
        };
        bytes.extend_from_slice(block);
        bytes.extend_from_slice(&[0; CHECKSUM_BYTES]);
        index.push(&entry);
        totals = Some(with_block(totals, &entry, so_far != Some(id), seq));
    }
    let Some(totals) = totals else { return bytes };
    let (dictionary, index) = (dictionary.finish(), index.finish());
    let top = TopPage::encode(&index, &dictionary);
    let page_bytes = [&dictionary, &index]
        .map(|pages| pages.with_checksums(&PartChecksum::new(UUID, ID), 0).flatten().collect::<Vec<u8>>());
    assemble(&bytes, page_bytes.each_ref().map(Vec::as_slice), &top, totals)
}

/// Returns the totals with one more block.
fn with_block(so_far: Option<FooterTotals>, entry: &BlockEntry, new_series: bool, seq: u64) -> FooterTotals {
    let rectangle = Rectangle::of_series(entry.series, entry.times());
    let none = FooterTotals { rectangle, points: 0, blocks: 0, series: 0, seqs: [seq, seq] };
    let mut totals = so_far.unwrap_or(none);
    totals.rectangle.last_series = entry.series;
    totals.rectangle.times = totals.rectangle.times.union(entry.times());
    totals.points += u64::from(entry.count);
    totals.blocks += 1;
    totals.series += u64::from(new_series);
    totals
}

/// Returns the first and the last time of a block if its column of timestamps is valid.
///
/// They may be reversed, so they are not a `TimeRange`.
fn first_and_last_time(block: &[u8], count: usize) -> Option<(i64, i64)> {
    let mut times = Vec::new();
    decode_integers(split_columns(block).ok()?.0, count, &mut times).ok()?;
    Some((*times.first()?, *times.last()?))
}

/// Returns the statistics of a block if it needs them and its columns are valid; right if it has no neighbours of its times.
fn statistics(block: &[u8], ty: ValueType, (first, last): (i64, i64), count: usize) -> Option<BlockStatistics> {
    if count < MIN_POINTS_FOR_STATISTICS {
        return None;
    }
    let (times, column) = split_columns(block).ok()?;
    let mut timestamps = vec![0; count];
    if times.is_empty() {
        fill_even_times(first, last, &mut timestamps).ok()?;
    } else {
        decode_integers(times, count, &mut timestamps).ok()?;
    }
    let bits: Vec<u64> = if ty == ValueType::F64 {
        let mut floats = Vec::new();
        decode_floats(column, count, &mut floats).ok()?;
        floats.into_iter().map(f64::to_bits).collect()
    } else {
        let mut integers = Vec::new();
        decode_integers(column, count, &mut integers).ok()?;
        integers.into_iter().map(i64::cast_unsigned).collect()
    };
    let times = BlockTimes { before: None, timestamps: &timestamps, after: None };
    Some(BlockStatistics::of(ty, times, &bits))
}

/// Converts a count or length that is far below 2^32.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
