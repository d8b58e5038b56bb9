//! Reads every byte of an SST and holds every statement in it against what it speaks of.
//! Promises to go on past damage wherever the rest can still be judged, and to change nothing.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::block::{BlockScratch, columns};
use super::codec::codec_name;
use super::counters::IoCounters;
use super::footer::{Header, trailing_crc};
use super::index::BlockEntry;
use super::seal::SEAL_LEN;
use super::statistics::{MIN_POINTS_FOR_STATISTICS, Statistics};
use super::top::PageRef;
use super::{PageCache, SstReader};
use crate::env::Dir;
use crate::error::Result;
use crate::finding::Finding;
use crate::point::ValueType;
use crate::series::SeriesId;
use crate::sync::Arc;
use crate::version::{Rectangle, SstMeta};

/// How much one codec was used for one kind of column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CodecUse {
    pub(crate) blocks: u64,
    pub(crate) points: u64,
    pub(crate) bytes: u64,
}

/// How a column of a block is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ColumnForm {
    /// The codec's name.
    pub(crate) codec: &'static str,
    pub(crate) bytes: u32,
}

/// By the codec's name.
pub(crate) type CodecUses = BTreeMap<&'static str, CodecUse>;

/// A block and its columns.
pub(crate) type BlockForm = (BlockEntry, Option<[ColumnForm; 2]>);

/// What is wrong with the file that the manifest names so; nothing, if it is sound.
///
/// # Errors
/// If the file cannot be read at all, or a newer release wrote it: whatever else its bytes are is a finding.
pub(crate) fn verify(dir: &Dir, uuid: Uuid, meta: &SstMeta) -> Result<Vec<Finding>> {
    let reader = match SstReader::open(dir, uuid, meta, no_cache()) {
        Ok(reader) => reader,
        Err(error) => return Ok(vec![Finding::of(error)?]),
    };
    Ok(Verifier::run(&reader, None)?.findings)
}

/// For a reader that looks up nothing: walking over all entries goes past the cache.
pub(super) fn no_cache() -> Arc<PageCache> {
    Arc::new(PageCache::new(0, Arc::new(IoCounters::default())))
}

/// A verification under way.
#[derive(Debug)]
pub(super) struct Verifier<'a> {
    reader: &'a SstReader,
    pub(super) findings: Vec<Finding>,
    pub(super) timestamps: CodecUses,
    pub(super) values: CodecUses,
    /// A block and its columns, timestamps first, if it can be read: of every one, where they are asked for.
    pub(super) blocks_told: Option<Vec<BlockForm>>,
    scratch: BlockScratch,
    times: Vec<i64>,
    bits: Vec<u64>,
    /// The entry before, unless it is unknown.
    previous: Option<BlockEntry>,
    /// What the entries add up to.
    rectangle: Option<Rectangle>,
    /// With their types, in the order of the blocks.
    series: Vec<(SeriesId, ValueType)>,
    points: u64,
    blocks: u64,
}

impl<'a> Verifier<'a> {
    pub(super) fn run(reader: &'a SstReader, blocks_told: Option<Vec<BlockForm>>) -> Result<Self> {
        let mut verifier = Self {
            reader,
            blocks_told,
            findings: Vec::new(),
            timestamps: CodecUses::new(),
            values: CodecUses::new(),
            scratch: BlockScratch::reading_ahead(),
            times: Vec::new(),
            bits: Vec::new(),
            previous: None,
            rectangle: None,
            series: Vec::new(),
            points: 0,
            blocks: 0,
        };
        verifier.header()?;
        let whole = verifier.index()? & verifier.dictionary()?;
        // Damage already named would only be named again as a sum that is too small.
        if whole {
            verifier.totals();
        }
        Ok(verifier)
    }

    fn find(&mut self, offset: u64, what: impl Into<String>) {
        self.findings.push(Finding::new(self.reader.file.path(), offset, what));
    }

    /// The value, or `None` and a finding.
    fn accept<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.findings.push(Finding::of(error)?);
                Ok(None)
            }
        }
    }

    fn header(&mut self) -> Result<()> {
        let mut bytes = [0; Header::LEN];
        self.reader.file.read_at(0, &mut bytes)?;
        let footer = &self.reader.footer;
        let (uuid, id, header_crc) = (footer.uuid, footer.id, footer.header_crc);
        match Header::decode(&bytes) {
            Err(flaw) => self.find(0, format!("the header: {}", flaw.0)),
            Ok(header) if (header.uuid, header.id) != (uuid, id) => {
                self.find(0, format!("the header is of file {:016x} of database {}", header.id.get(), header.uuid));
            }
            Ok(header) if header.version != super::FORMAT_VERSION => {
                self.find(0, format!("the header's version is {}", header.version));
            }
            Ok(_) if trailing_crc(&bytes) != header_crc => self.find(0, "the header is not the one the footer knows"),
            Ok(_) => {}
        }
        Ok(())
    }

    /// Every page and every block; whether all pages could be read.
    fn index(&mut self) -> Result<bool> {
        let reader = self.reader;
        let mut whole = true;
        for page in &reader.top.index {
            let entries = reader.index_entries(page);
            let Some(entries) = self.accept(entries)? else {
                (whole, self.previous) = (false, None);
                continue;
            };
            if entries.first().is_some_and(|entry| entry.key() != page.first) {
                self.find(page.offset, "an index page begins otherwise than the top page says");
            }
            for entry in &entries {
                self.place(page, entry, whole);
                let columns = self.block(entry)?;
                if let Some(told) = &mut self.blocks_told {
                    told.push((*entry, columns));
                }
                self.add(entry);
            }
        }
        let end = self.previous.map(|entry| entry.end());
        if whole && end != Some(reader.footer.blocks.end()) {
            self.find(reader.footer.blocks.end(), "the blocks do not fill their part");
        }
        Ok(whole)
    }

    /// Whether an entry goes on where the one before it ended.
    fn place(&mut self, page: &PageRef, entry: &BlockEntry, whole: bool) {
        let start = self.reader.footer.blocks.offset;
        // After a page that could not be read nothing is known of where the next one's first block belongs.
        let expected = self.previous.map(|previous| previous.end()).or(whole.then_some(start));
        if expected.is_some_and(|expected| expected != entry.offset) {
            self.find(page.offset, format!("a block at {} does not adjoin the one before it", entry.offset));
        }
        if let Some(previous) = self.previous {
            if (previous.series, previous.last_time) > (entry.series, entry.first_time) {
                self.find(page.offset, format!("a block of series #{} does not ascend", entry.series));
            }
            if previous.series == entry.series && previous.ty != entry.ty {
                self.find(page.offset, format!("series #{} has two value types", entry.series));
            }
        }
    }

    fn block(&mut self, entry: &BlockEntry) -> Result<Option<[ColumnForm; 2]>> {
        self.times.clear();
        self.bits.clear();
        let read = self.reader.read_bits(entry, &mut self.scratch, &mut self.times, &mut self.bits);
        if self.accept(read)?.is_none() {
            return Ok(None);
        }
        let expected = (self.bits.len() >= MIN_POINTS_FOR_STATISTICS).then(|| Statistics::of(entry.ty, &self.bits));
        if entry.statistics != expected {
            let series = entry.series;
            self.find(
                entry.offset,
                format!("a block of series #{series} has other statistics than its index entry says"),
            );
        }
        // The scratch still holds the block that was just decoded.
        let block = self.scratch.sealed_block();
        let Ok((timestamps, values)) = columns(&block[..block.len() - SEAL_LEN]) else { return Ok(None) };
        // A column is shorter than its block, whose length is 32 bits.
        let form = |column: &[u8]| ColumnForm {
            codec: codec_name(column),
            bytes: u32::try_from(column.len()).unwrap_or(entry.len),
        };
        let forms = [form(timestamps), form(values)];
        for (uses, form) in [&mut self.timestamps, &mut self.values].into_iter().zip(forms) {
            let used = uses.entry(form.codec).or_default();
            used.blocks += 1;
            used.points += u64::from(entry.count);
            used.bytes += u64::from(form.bytes);
        }
        Ok(Some(forms))
    }

    fn add(&mut self, entry: &BlockEntry) {
        let so_far = self.rectangle.unwrap_or(Rectangle {
            first_series: entry.series,
            last_series: entry.series,
            first_time: entry.first_time,
            last_time: entry.last_time,
        });
        self.rectangle = Some(Rectangle {
            first_series: so_far.first_series.min(entry.series),
            last_series: so_far.last_series.max(entry.series),
            first_time: so_far.first_time.min(entry.first_time),
            last_time: so_far.last_time.max(entry.last_time),
        });
        if self.series.last() != Some(&(entry.series, entry.ty)) {
            self.series.push((entry.series, entry.ty));
        }
        self.points += u64::from(entry.count);
        self.blocks += 1;
        self.previous = Some(*entry);
    }

    /// Every page; whether all could be read. Then the dictionary must name the series that the blocks have.
    fn dictionary(&mut self) -> Result<bool> {
        let reader = self.reader;
        let mut whole = true;
        let mut named: Vec<(SeriesId, ValueType)> = Vec::new();
        for page in &reader.top.dictionary {
            let entries = reader.dictionary_entries(page);
            let Some(entries) = self.accept(entries)? else {
                whole = false;
                continue;
            };
            let first = entries.first().map(|entry| entry.id);
            if first != Some(page.first.series) || named.last().map(|(id, _)| *id) >= first {
                self.find(page.offset, "a dictionary page begins otherwise than the top page says");
            }
            named.extend(entries.into_iter().map(|entry| (entry.id, entry.ty)));
        }
        if whole && reader.footer.series != named.len() as u64 {
            self.find(
                reader.footer.dictionary.offset,
                "the dictionary holds another number of series than the footer says",
            );
        }
        // Where something was found, the list of the blocks' series may lack some.
        let sound = self.findings.is_empty();
        if sound && named != self.series {
            self.find(reader.footer.dictionary.offset, "the dictionary names other series than the blocks have");
        }
        Ok(whole)
    }

    /// What the entries add up to must be what the footer says.
    fn totals(&mut self) {
        let footer = &self.reader.footer;
        let offset = footer.top.end();
        let wrong = [
            ("rectangle", self.rectangle != Some(footer.rectangle)),
            ("number of points", self.points != footer.points),
            ("number of blocks", self.blocks != footer.block_count),
            ("number of series", self.series.len() as u64 != footer.series),
        ];
        for (what, wrong) in wrong {
            if wrong {
                self.find(offset, format!("the footer's {what} is not that of the blocks"));
            }
        }
    }
}
