//! SSTs built from a fuzzer's choices: any ends, any pages, any blocks, each within an otherwise right file.

use super::super::block::columns;
use super::super::codec::{MAX_POINTS, decode_floats, decode_integers};
use super::super::dictionary::{DictionaryWriter, SeriesEntry, SeriesName, carries_keys};
use super::super::footer::{FORMAT_VERSION, Footer, Header};
use super::super::index::{BlockEntry, IndexPage, IndexWriter, MAX_BLOCK_BYTES};
use super::super::seal::{SEAL_LEN, Seal};
use super::super::statistics::{MIN_POINTS_FOR_STATISTICS, Statistics};
use super::super::top::{PAGE_BYTES, PageKey, Pages, Top};
use super::series;
use crate::bytes::Extent;
use crate::options::Duplicates;
use crate::point::ValueType;
use crate::series::SeriesKey;
use crate::testing::decoders::input::Input;
use crate::version::{BASE, FileId, L0, Rectangle};

const UUID: uuid::Uuid = uuid::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
const ID: FileId = FileId::new(7);
/// Blocks of a built file, at most.
const MOST_BLOCKS: u64 = 64;

/// What a footer says of the points.
#[derive(Debug, Clone, Copy)]
struct Totals {
    rectangle: Rectangle,
    points: u64,
    blocks: u64,
    series: u64,
    seqs: [u64; 2],
}

/// A file of these parts. Checksums are for `mended` to make right.
fn assemble(blocks: &[u8], [dictionary, index]: [&[u8]; 2], top: &[u8], totals: Totals) -> Vec<u8> {
    let mut bytes = Header { version: FORMAT_VERSION, uuid: UUID, id: ID }.encode();
    let mut part = |content: &[u8]| {
        let offset = bytes.len() as u64;
        bytes.extend_from_slice(content);
        Extent { offset, len: content.len() as u64 }
    };
    let footer = Footer {
        blocks: part(blocks),
        dictionary: part(dictionary),
        index: part(index),
        top: part(top),
        rectangle: totals.rectangle,
        min_seq: totals.seqs[0],
        max_seq: totals.seqs[1],
        points: totals.points,
        block_count: totals.blocks,
        series: totals.series,
        header_crc: 0,
        top_crc: 0,
        level: level(totals.seqs[0]),
        uuid: UUID,
        id: ID,
    };
    bytes.extend_from_slice(&footer.encode());
    bytes
}

/// Files of odd seqs are of the base, and name their series whole.
fn level(min_seq: u64) -> u8 {
    if min_seq % 2 == 1 { BASE } else { L0 }
}

fn name(level: u8, choice: u64) -> SeriesName {
    if !carries_keys(level) {
        return SeriesName::Hash(choice);
    }
    let key = SeriesKey::new(format!("m{}", choice % 7)).tag("t", (choice / 7 % 100).to_string());
    SeriesName::Key(key, Duplicates::KeepAll)
}

fn totals(input: &mut Input<'_>) -> Totals {
    let [a, b, c, d] = std::array::from_fn(|_| input.number());
    let rectangle = Rectangle {
        first_series: series(a),
        last_series: series(a.saturating_add(b)),
        first_time: c.cast_signed(),
        last_time: c.cast_signed().wrapping_add(d.cast_signed()),
    };
    let [series, blocks, points] = std::array::from_fn(|_| input.number());
    let blocks = series.saturating_add(blocks);
    let seq = input.number();
    Totals { rectangle, series, blocks, points: blocks.saturating_add(points), seqs: [seq, seq.saturating_add(1)] }
}

/// Any header and footer around parts of any length.
pub(super) fn ends(input: &mut Input<'_>) -> Vec<u8> {
    let totals = totals(input);
    let parts: [&[u8]; 4] = std::array::from_fn(|_| {
        let len = usize::from(input.byte());
        input.bytes(len)
    });
    let [blocks, dictionary, index, top] = parts;
    let mut bytes = assemble(blocks, [dictionary, index], top, totals);
    let footer_at = bytes.len() - Footer::LEN;
    // What is left changes single bytes of either end.
    while !input.is_empty() {
        let at = usize::from(input.byte()) % (Header::LEN + Footer::LEN);
        let at = if at < Header::LEN { at } else { footer_at + at - Header::LEN };
        bytes[at] ^= input.byte();
    }
    bytes
}

/// Any pages, listed by a right top page or by any.
pub(super) fn pages(input: &mut Input<'_>) -> Vec<u8> {
    let [_, any_top] = input.flags();
    let totals = totals(input);
    let blocks = vec![0; input.short().max(1)];
    let top = if any_top { Some(input.run()) } else { None };
    let mut kinds = [Pages::default(), Pages::default()];
    let mut last = [PageKey { series: series(0), time: i64::MIN }; 2];
    while !input.is_empty() {
        let [is_index, any_key] = input.flags();
        let kind = usize::from(is_index);
        let page = input.run();
        let page = &page[..page.len().min(PAGE_BYTES - SEAL_LEN)];
        if page.is_empty() {
            continue;
        }
        let first = IndexPage::new(page).ok().and_then(|page| page.entries().next()?.ok()).map(|entry| entry.key());
        let any = PageKey { series: series(input.number()), time: 0 };
        let key = first.filter(|_| is_index && !any_key).unwrap_or(any).max(last[kind]);
        last[kind] = key;
        kinds[kind].push(key, page);
    }
    let [dictionary, index] = &kinds;
    let top = top.map_or_else(|| Top::encode(index, dictionary), <[u8]>::to_vec);
    let sealed = kinds.each_ref().map(|pages| pages.sealed(&Seal::new(UUID, ID), 0).flatten().collect::<Vec<u8>>());
    assemble(&blocks, sealed.each_ref().map(Vec::as_slice), &top, totals)
}

/// Any blocks behind an index that tells of them what they say themselves, or something else.
pub(super) fn blocks(input: &mut Input<'_>) -> Vec<u8> {
    let (mut bytes, mut index, mut dictionary) = (Vec::new(), IndexWriter::default(), DictionaryWriter::default());
    let mut totals: Option<Totals> = None;
    let seq = input.number();
    while !input.is_empty() && totals.is_none_or(|totals| totals.blocks < MOST_BLOCKS) {
        let [next_series, any_times, no_statistics, type_low, type_high] = input.flags();
        let ty = [[ValueType::F64, ValueType::I64], [ValueType::U64, ValueType::Bool]][usize::from(type_high)]
            [usize::from(type_low)];
        let count = input.short() % MAX_POINTS + 1;
        let block = input.run();
        let block = &block[..block.len().min(MAX_BLOCK_BYTES - SEAL_LEN)];
        if block.is_empty() {
            continue;
        }
        let so_far = totals.map(|totals| totals.rectangle.last_series.get());
        let id = so_far.map_or(0, |last| last + u32::from(next_series));
        if so_far != Some(id) {
            let name = name(level(seq), input.word());
            dictionary.push(&SeriesEntry { id: series(u64::from(id)), ty, name });
        }
        let (first_time, last_time) =
            if any_times { None } else { times(block, count) }.unwrap_or((0, input.number().cast_signed()));
        let statistics = if no_statistics { None } else { statistics(block, ty, count) };
        let entry = BlockEntry {
            series: series(u64::from(id)),
            ty,
            count: small(count),
            first_time,
            last_time,
            offset: (Header::LEN + bytes.len()) as u64,
            len: small(block.len() + SEAL_LEN),
            statistics,
        };
        bytes.extend_from_slice(block);
        bytes.extend_from_slice(&[0; SEAL_LEN]);
        index.push(&entry);
        totals = Some(added(totals, &entry, so_far != Some(id), seq));
    }
    let Some(totals) = totals else { return bytes };
    let (dictionary, index) = (dictionary.finish(), index.finish());
    let top = Top::encode(&index, &dictionary);
    let sealed =
        [&dictionary, &index].map(|pages| pages.sealed(&Seal::new(UUID, ID), 0).flatten().collect::<Vec<u8>>());
    assemble(&bytes, sealed.each_ref().map(Vec::as_slice), &top, totals)
}

fn added(so_far: Option<Totals>, entry: &BlockEntry, new_series: bool, seq: u64) -> Totals {
    let rectangle = Rectangle {
        first_series: entry.series,
        last_series: entry.series,
        first_time: entry.first_time,
        last_time: entry.last_time,
    };
    let none = Totals { rectangle, points: 0, blocks: 0, series: 0, seqs: [seq, seq] };
    let mut totals = so_far.unwrap_or(none);
    totals.rectangle.last_series = entry.series;
    totals.rectangle.first_time = totals.rectangle.first_time.min(entry.first_time);
    totals.rectangle.last_time = totals.rectangle.last_time.max(entry.last_time);
    totals.points += u64::from(entry.count);
    totals.blocks += 1;
    totals.series += u64::from(new_series);
    totals
}

/// The first and the last time of a block, if its column decodes.
fn times(block: &[u8], count: usize) -> Option<(i64, i64)> {
    let mut times = Vec::new();
    decode_integers(columns(block).ok()?.0, count, &mut times).ok()?;
    Some((*times.first()?, *times.last()?))
}

/// What the index would say of a block's values, if their column decodes.
fn statistics(block: &[u8], ty: ValueType, count: usize) -> Option<Statistics> {
    if count < MIN_POINTS_FOR_STATISTICS {
        return None;
    }
    let column = columns(block).ok()?.1;
    let bits: Vec<u64> = if ty == ValueType::F64 {
        let mut floats = Vec::new();
        decode_floats(column, count, &mut floats).ok()?;
        floats.into_iter().map(f64::to_bits).collect()
    } else {
        let mut integers = Vec::new();
        decode_integers(column, count, &mut integers).ok()?;
        integers.into_iter().map(i64::cast_unsigned).collect()
    };
    Some(Statistics::of(ty, &bits))
}

/// A count or length that is bounded far below 4 G.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
