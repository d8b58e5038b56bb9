//! Verification of an SST: reads every byte that can be located, and compares the parts of the file with each other.
//!
//! Compared are:
//! - header and footer: database, file id, CRC of the header;
//! - the format version in the header with that of this release;
//! - top page and pages: the key of the first entry of each page;
//! - successive index entries: order of series and times, adjacency of the blocks, value type of a series;
//! - index entries and blocks: count, first and last time, statistics (computed again from the points);
//! - base, restarts and entries of an index page;
//! - header and runs of a packed block: the first run is directly behind the header, each mode has a run, and shared times
//!   are those of a run;
//! - timestamps of a block: order;
//! - dictionary and index entries: series and value types;
//! - footer and dictionary: number of series;
//! - footer and index entries: rectangle, numbers of points, blocks and series, end of the blocks.
//!
//! Verification continues after damage. A comparison that needs all pages is omitted if a page is unreadable, and
//! dictionary and index entries are compared only if there is no other finding: these comparisons would mostly report
//! the same damage again. The file is not changed.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::block::{BlockScratch, split_columns};
use super::checksum::CHECKSUM_BYTES;
use super::codec::codec_name;
use super::counters::IoCounters;
use super::header_footer::{SstHeader, trailing_crc};
use super::index_entry::BlockEntry;
use super::statistics::{BlockStatistics, BlockTimes, MIN_POINTS_FOR_STATISTICS};
use super::top_page::PageLocation;
use super::verify_packed::PackedBlockCheck;
use super::{PageCache, SstReader};
use crate::format::finding::Finding;
use crate::platform::env::Dir;
use crate::state::rectangle::Rectangle;
use crate::state::version::SstMeta;
use crate::sync::Arc;
use crate::types::error::Result;
use crate::types::point::ValueType;
use crate::types::series::SeriesId;

/// Usage of one codec for one kind of column: numbers of blocks, points and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CodecUsage {
    pub(crate) blocks: u64,
    pub(crate) points: u64,
    /// Total length of the columns.
    pub(crate) bytes: u64,
}

/// Codec and length of a column of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ColumnEncoding {
    /// Name of the codec.
    pub(crate) codec: &'static str,
    pub(crate) bytes: u32,
}

/// Usage of the codecs by name.
pub(crate) type CodecUsageByName = BTreeMap<&'static str, CodecUsage>;

/// Index entry of a block, and the encodings of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockDetail {
    pub(crate) entry: BlockEntry,
    /// Encodings of timestamps and values; `None` if the block is damaged.
    pub(crate) columns: Option<[ColumnEncoding; 2]>,
}

/// Verifies an SST that the manifest names, and returns the findings: none if the file is valid.
///
/// If footer or top page is damaged, or the file is not the one that the manifest describes, this is the only finding.
///
/// # Errors
/// If the file is missing, cannot be read, or was written by a newer release. All other defects are findings.
pub(crate) fn verify_sst(dir: &Dir, uuid: Uuid, meta: &SstMeta) -> Result<Vec<Finding>> {
    let reader = match SstReader::open(dir, uuid, meta, disabled_cache()) {
        Ok(reader) => reader,
        Err(error) => return Ok(vec![Finding::from_error(error)?]),
    };
    Ok(SstVerifier::run(&reader, None)?.findings)
}

/// Returns a cache of capacity 0, for readers that read whole files and so bypass the cache.
pub(crate) fn disabled_cache() -> Arc<PageCache> {
    Arc::new(PageCache::new(0, Arc::new(IoCounters::default())))
}

/// State and results of the verification of one SST.
#[derive(Debug)]
pub(crate) struct SstVerifier<'a> {
    reader: &'a SstReader,
    pub(crate) findings: Vec<Finding>,
    pub(crate) timestamp_codecs: CodecUsageByName,
    pub(crate) value_codecs: CodecUsageByName,
    /// Details of all blocks; `None` if they were not requested.
    pub(crate) collected_blocks: Option<Vec<BlockDetail>>,
    scratch: BlockScratch,
    times: Vec<i64>,
    bits: Vec<u64>,
    packed: PackedBlockCheck,
    /// Previous index entry; `None` at the beginning and behind an unreadable page.
    previous: Option<BlockEntry>,
    /// Union of the rectangles of all entries. Like `points`, `blocks` and the length of `series`, it is compared with
    /// the footer.
    rectangle: Option<Rectangle>,
    /// Series and their value types, in the order of the index entries.
    series: Vec<(SeriesId, ValueType)>,
    points: u64,
    blocks: u64,
}

impl<'a> SstVerifier<'a> {
    /// Verifies the file of an open reader.
    ///
    /// The details of its blocks are added to `collected_blocks` unless that is `None`.
    ///
    /// # Errors
    /// If the file cannot be read. Defects of its content are findings.
    pub(crate) fn run(reader: &'a SstReader, collected_blocks: Option<Vec<BlockDetail>>) -> Result<Self> {
        let mut verifier = Self {
            reader,
            collected_blocks,
            findings: Vec::new(),
            timestamp_codecs: CodecUsageByName::new(),
            value_codecs: CodecUsageByName::new(),
            scratch: BlockScratch::with_read_ahead(),
            times: Vec::new(),
            bits: Vec::new(),
            packed: PackedBlockCheck::default(),
            previous: None,
            rectangle: None,
            series: Vec::new(),
            points: 0,
            blocks: 0,
        };
        verifier.check_header()?;
        let complete = verifier.check_index()? & verifier.check_dictionary()?;
        // After an unreadable page the totals are too small; to compare them would report the same damage again.
        if complete {
            verifier.check_totals();
        }
        Ok(verifier)
    }

    fn add_finding(&mut self, offset: u64, what: impl Into<String>) {
        self.findings.push(Finding::new(self.reader.file.path(), offset, what));
    }

    /// Returns the value of a result, or adds its error as a finding and returns `None`.
    fn value_or_finding<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                let finding = Finding::from_error(error)?;
                // All runs of a damaged packed block have the same error.
                if self.findings.last() != Some(&finding) {
                    self.findings.push(finding);
                }
                Ok(None)
            }
        }
    }

    fn check_header(&mut self) -> Result<()> {
        let mut bytes = [0; SstHeader::LEN];
        self.reader.file.read_at(0, &mut bytes)?;
        let footer = &self.reader.footer;
        let (uuid, id, header_crc) = (footer.uuid, footer.id, footer.header_crc);
        match SstHeader::decode(&bytes) {
            Err(error) => self.add_finding(0, format!("the header: {}", error.0)),
            Ok(header) if (header.uuid, header.id) != (uuid, id) => {
                self.add_finding(
                    0,
                    format!("the header is of file {:016x} of database {}", header.id.get(), header.uuid),
                );
            }
            Ok(header) if header.version != super::SST_FORMAT_VERSION => {
                self.add_finding(0, format!("the header's version is {}", header.version));
            }
            Ok(_) if trailing_crc(&bytes) != header_crc => {
                self.add_finding(0, "the CRC of the header differs from the footer");
            }
            Ok(_) => {}
        }
        Ok(())
    }

    /// Checks all index pages, and the blocks of all readable ones. Returns `true` if all index pages are readable.
    fn check_index(&mut self) -> Result<bool> {
        let reader = self.reader;
        let mut complete = true;
        for (number, page) in reader.top.index.iter().enumerate() {
            let entries = reader.verified_index_entries(page);
            let Some((entries, defects)) = self.value_or_finding(entries)? else {
                (complete, self.previous) = (false, None);
                self.packed.omit();
                continue;
            };
            for defect in defects {
                self.add_finding(page.offset, defect);
            }
            if entries.first().is_some_and(|entry| entry.key() != page.first) {
                self.add_finding(page.offset, "the first entry of an index page differs from the top page");
            }
            let next_page = reader.top.index.get(number + 1).map(|page| (page.first.series, page.first.time));
            for (at, entry) in entries.iter().enumerate() {
                self.check_adjacency(page, entry, complete);
                let next = entries.get(at + 1).map(|next| (next.series, next.first_time)).or(next_page);
                let after = next.filter(|(series, _)| *series == entry.series).map(|(_, time)| time);
                let columns = self.check_block(entry, after, complete)?;
                if let Some(collected) = &mut self.collected_blocks {
                    collected.push(BlockDetail { entry: *entry, columns });
                }
                self.accumulate(entry);
            }
        }
        self.finish_packed_block();
        let end = self.previous.filter(BlockEntry::ends_extent).map(|entry| entry.checked_extent().end());
        if complete && end != Some(reader.footer.blocks.end()) {
            self.add_finding(reader.footer.blocks.end(), "the blocks do not fill their part");
        }
        Ok(complete)
    }

    /// Compares an entry with the previous one: the blocks adjoin in the file, the entries ascend by series and time,
    /// and a series keeps its value type.
    fn check_adjacency(&mut self, page: &PageLocation, entry: &BlockEntry, complete: bool) {
        let start = self.reader.footer.blocks.offset;
        let adjoins = match &self.previous {
            Some(previous) => entry.place().adjoins(previous.place()),
            // Behind an unreadable page, the expected offset of the next block is unknown.
            None => !complete || entry.checked_extent().offset == start,
        };
        if !adjoins {
            self.add_finding(page.offset, format!("a block at {} does not adjoin the block before it", entry.offset));
        }
        if let Some(previous) = self.previous {
            if (previous.series, previous.last_time) > (entry.series, entry.first_time) {
                self.add_finding(page.offset, format!("a block of series #{} does not ascend", entry.series));
            }
            if previous.series == entry.series && previous.ty != entry.ty {
                self.add_finding(page.offset, format!("series #{} has two value types", entry.series));
            }
        }
    }

    /// Reads a block, compares its statistics with the entry, and counts the codecs of its columns.
    ///
    /// `after` is the time of the next point of the series. Behind an unreadable page, the point before is unknown.
    ///
    /// Returns the encodings of the columns; `None` if the block is damaged.
    fn check_block(
        &mut self,
        entry: &BlockEntry,
        after: Option<i64>,
        complete: bool,
    ) -> Result<Option<[ColumnEncoding; 2]>> {
        if !self.packed.is_of(entry) {
            self.finish_packed_block();
        }
        self.times.clear();
        self.bits.clear();
        let read = self.reader.read_block_raw(entry, &mut self.scratch, &mut self.times, &mut self.bits);
        if self.value_or_finding(read)?.is_none() {
            self.packed.omit();
            return Ok(None);
        }
        self.check_start_of_packed_block(entry, complete);
        self.add_to_packed_block(entry);
        let previous = self.previous.filter(|previous| previous.series == entry.series);
        let before = previous.map(|previous| previous.last_time);
        let times = BlockTimes { before, timestamps: &self.times, after };
        let mut expected =
            (self.bits.len() >= MIN_POINTS_FOR_STATISTICS).then(|| BlockStatistics::of(entry.ty, times, &self.bits));
        let is_known = complete || self.previous.is_some();
        if let (false, Some(expected), Some(found)) = (is_known, &mut expected, &entry.statistics) {
            expected.has_distinct_times &= found.has_distinct_times;
        }
        if entry.statistics != expected {
            let series = entry.series;
            self.add_finding(
                entry.offset,
                format!("the statistics of a block of series #{series} differ from its index entry"),
            );
        }
        let Some(encodings) = self.encodings(entry) else { return Ok(None) };
        for (usage, encoding) in [&mut self.timestamp_codecs, &mut self.value_codecs].into_iter().zip(encodings) {
            let used = usage.entry(encoding.codec).or_default();
            used.blocks += 1;
            used.points += u64::from(entry.count);
            used.bytes += u64::from(encoding.bytes);
        }
        Ok(Some(encodings))
    }

    /// Checks that the first run of a packed block, which was just decoded, is directly behind the header.
    fn check_start_of_packed_block(&mut self, entry: &BlockEntry, complete: bool) {
        let Some(packed) = entry.packed else { return };
        // Behind an unreadable page, the run before may be one of the same block.
        let is_first = self.previous.map_or(complete, |previous| previous.packed != Some(packed));
        if is_first && entry.offset != packed.offset + self.scratch.packed_header_len() as u64 {
            self.add_finding(packed.offset, "the runs of a packed block do not begin behind its header");
        }
    }

    /// Adds a run, which was just decoded, to the check of its packed block.
    fn add_to_packed_block(&mut self, entry: &BlockEntry) {
        let Some(packed) = entry.packed else { return };
        let header_len = self.scratch.packed_header_len();
        // Behind an unreadable page or run, the first runs of the block may be unknown.
        if !self.packed.is_of(entry) && entry.offset == packed.offset + header_len as u64 {
            self.packed.begin(packed, header_len, self.scratch.packed_mode_count());
        }
        if self.packed.is_of(entry)
            && let Ok(run) = self.scratch.run_columns(entry)
        {
            self.packed.add(entry, &run);
        }
    }

    /// Adds the defects of the packed block as a whole to the findings.
    fn finish_packed_block(&mut self) {
        let Some((offset, defects)) = self.packed.finish() else { return };
        for defect in defects {
            self.add_finding(offset, defect);
        }
    }

    /// Returns the encodings of the columns of the block or run that was just decoded and is still in the scratch.
    fn encodings(&self, entry: &BlockEntry) -> Option<[ColumnEncoding; 2]> {
        // A column is shorter than its block, whose length fits 32 bits.
        let encoding = |(codec, len)| ColumnEncoding { codec, bytes: u32::try_from(len).unwrap_or(entry.len) };
        if entry.packed.is_some() {
            return Some(self.scratch.run_columns(entry).ok()?.encodings().map(encoding));
        }
        let block = self.scratch.checksummed_block();
        let (timestamps, values) = split_columns(&block[..block.len() - CHECKSUM_BYTES]).ok()?;
        let name = |column: &[u8]| if column.is_empty() { "even" } else { codec_name(column) };
        Some([timestamps, values].map(|column| encoding((name(column), column.len()))))
    }

    /// Adds an entry to the totals, and makes it the previous entry.
    fn accumulate(&mut self, entry: &BlockEntry) {
        let added = Rectangle::of_series(entry.series, entry.times());
        self.rectangle = Some(self.rectangle.map_or(added, |so_far| so_far.union(&added)));
        if self.series.last() != Some(&(entry.series, entry.ty)) {
            self.series.push((entry.series, entry.ty));
        }
        self.points += u64::from(entry.count);
        self.blocks += 1;
        self.previous = Some(*entry);
    }

    /// Checks all dictionary pages. Returns `true` if all of them are readable.
    ///
    /// Compares the number of series with the footer and, if there is no other finding, the series with the index
    /// entries.
    fn check_dictionary(&mut self) -> Result<bool> {
        let reader = self.reader;
        let mut complete = true;
        let mut named: Vec<(SeriesId, ValueType)> = Vec::new();
        for page in &reader.top.dictionary {
            let entries = reader.dictionary_entries(page);
            let Some(entries) = self.value_or_finding(entries)? else {
                complete = false;
                continue;
            };
            let first = entries.first().map(|entry| entry.id);
            if first != Some(page.first.series) || named.last().map(|(id, _)| *id) >= first {
                self.add_finding(page.offset, "the first series of a dictionary page differs from the top page");
            }
            named.extend(entries.into_iter().map(|entry| (entry.id, entry.ty)));
        }
        if complete && reader.footer.series_count != named.len() as u64 {
            self.add_finding(
                reader.footer.dictionary.offset,
                "the number of series in the dictionary differs from the footer",
            );
        }
        // After other findings, either list of series may be incomplete.
        let is_valid = self.findings.is_empty();
        if is_valid && named != self.series {
            self.add_finding(
                reader.footer.dictionary.offset,
                "the series or types in the dictionary differ from those of the blocks",
            );
        }
        Ok(complete)
    }

    /// Compares the totals of the index entries with the footer.
    fn check_totals(&mut self) {
        let footer = &self.reader.footer;
        let offset = footer.top_page.end();
        let wrong = [
            ("rectangle", self.rectangle != Some(footer.rectangle)),
            ("number of points", self.points != footer.point_count),
            ("number of blocks", self.blocks != footer.block_count),
            ("number of series", self.series.len() as u64 != footer.series_count),
        ];
        for (what, wrong) in wrong {
            if wrong {
                self.add_finding(offset, format!("the footer's {what} differs from the blocks"));
            }
        }
    }
}
