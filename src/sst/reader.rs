//! An SST open for reading: finds the blocks that a query needs and decodes them.
//! Promises that opening reads footer and top page alone, that a lookup reads only the index pages it needs, and that
//! damage is named by file and offset, never returned as data.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::block::BlockScratch;
use super::cache::{Page, PageCache};
use super::dictionary::{self, SeriesEntry};
use super::footer::{FORMAT_VERSION, Footer, FooterError, Header, trailing_crc};
use super::index::{BlockEntry, IndexPage};
use super::seal::Seal;
use super::top::{PageKey, PageRef, Top};
use crate::bytes::{Extent, Flaw};
use crate::env::{Dir, DirFile, Open};
use crate::error::{Error, Result};
use crate::point::{Sample, Timestamp};
use crate::series::SeriesId;
use crate::sync::Arc;
use crate::version::SstMeta;

/// An open SST. Threads may share it.
#[derive(Debug)]
pub(crate) struct SstReader {
    pub(super) file: DirFile,
    pub(super) footer: Footer,
    pub(super) top: Top,
    pub(super) seal: Seal,
    meta: SstMeta,
    cache: Arc<PageCache>,
}

impl SstReader {
    /// Opens the file that the manifest names, and holds it against what the manifest says.
    ///
    /// # Errors
    /// [`Error::ForeignFile`] if the file is whole but not the one meant, [`Error::UnsupportedVersion`] if a newer
    /// release wrote it, [`Error::Corrupt`] if it is damaged.
    pub(crate) fn open(dir: &Dir, uuid: Uuid, meta: &SstMeta, cache: Arc<PageCache>) -> Result<Self> {
        let file = dir.open(&super::file_name(meta.id), Open::Read)?;
        cache.counters().file_opened();
        // A backup's files bear the name of the database that wrote them.
        let uuid = if meta.origin == 0 { uuid } else { Uuid::from_u128(meta.origin) };
        let (footer, footer_crc) = read_footer(&file, &cache, Some((uuid, meta)))?;
        let found = SstMeta { age: meta.age, space: meta.space, origin: meta.origin, ..footer.meta(footer_crc) };
        if footer.uuid != uuid || found != *meta {
            return Err(foreign(&file, (uuid, meta), &found, footer.uuid));
        }
        Self::with_footer(file, footer, found, cache)
    }

    /// Opens a file of which nothing is known but what it says of itself.
    pub(crate) fn open_alone(dir: &Dir, name: &str, cache: Arc<PageCache>) -> Result<Self> {
        let file = dir.open(name, Open::Read)?;
        cache.counters().file_opened();
        let (footer, footer_crc) = read_footer(&file, &cache, None)?;
        let meta = footer.meta(footer_crc);
        Self::with_footer(file, footer, meta, cache)
    }

    fn with_footer(file: DirFile, footer: Footer, meta: SstMeta, cache: Arc<PageCache>) -> Result<Self> {
        let seal = Seal::new(footer.uuid, footer.id);
        let bytes = read(&file, footer.top, &cache)?;
        let damaged = |Flaw(what)| file.corrupt(footer.top.offset, format!("the top page of the index: {what}"));
        if seal.crc(footer.top.offset, &bytes) != footer.top_crc {
            return Err(damaged(Flaw("its checksum is wrong")));
        }
        let top = Top::decode(&bytes, &footer).map_err(damaged)?;
        Ok(Self { file, footer, top, seal, meta, cache })
    }

    /// What the manifest says of this file.
    pub(crate) fn meta(&self) -> &SstMeta {
        &self.meta
    }

    /// What it holds in memory: above all its top page.
    pub(crate) fn byte_len(&self) -> usize {
        size_of::<Self>() + (self.top.index.capacity() + self.top.dictionary.capacity()) * size_of::<PageRef>()
    }

    /// The blocks of one series that hold points in a time range, both ends included, in time order.
    pub(crate) fn blocks(&self, series: SeriesId, times: RangeInclusive<i64>) -> Result<Vec<BlockEntry>> {
        let mut found = Vec::new();
        if times.is_empty() || !self.meta.rectangle.meets(series, &times) {
            return Ok(found);
        }
        let (from, until) = (PageKey { series, time: *times.start() }, PageKey { series, time: *times.end() });
        let first = self.top.seek(from);
        for (number, page) in self.top.index.iter().enumerate().skip(first) {
            if page.first > until {
                break;
            }
            let bytes = self.cached_index_page(number, page)?;
            let damaged = |flaw| self.damaged("index page", page.offset, flaw);
            for entry in IndexPage::new(&bytes).and_then(|page| page.seek(from)).map_err(damaged)? {
                let entry = entry.map_err(damaged)?;
                if entry.key() > until {
                    break;
                }
                if entry.series == series && entry.last_time >= from.time {
                    found.push(entry);
                }
            }
        }
        Ok(found)
    }

    /// Every block of the file, in order. Goes past the cache, which a scan over everything would only wash out.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<BlockEntry>> {
        self.top.index.iter().flat_map(|page| spread(self.index_entries(page)))
    }

    /// The blocks of one page of the index, counted from 0; `None` behind the last. Goes past the cache, too.
    pub(crate) fn page_entries(&self, number: usize) -> Result<Option<Vec<BlockEntry>>> {
        self.top.index.get(number).map(|page| self.index_entries(page)).transpose()
    }

    /// Which series page `number` of the index may hold, both ends included; `None` behind the last.
    pub(crate) fn page_series(&self, number: usize) -> Option<RangeInclusive<SeriesId>> {
        let first = self.top.index.get(number)?.first.series;
        let last = self.top.index.get(number + 1).map_or(self.meta.rectangle.last_series, |next| next.first.series);
        Some(first..=last)
    }

    /// Every series of the file, in ascending order of ids.
    pub(crate) fn series(&self) -> impl Iterator<Item = Result<SeriesEntry>> {
        self.top.dictionary.iter().flat_map(|page| spread(self.dictionary_entries(page)))
    }

    pub(super) fn index_entries(&self, page: &PageRef) -> Result<Vec<BlockEntry>> {
        self.cache.counters().index_page_read();
        let bytes = self.read_page("index page", page)?;
        let entries = IndexPage::new(&bytes).and_then(|page| page.entries().collect());
        entries.map_err(|flaw| self.damaged("index page", page.offset, flaw))
    }

    pub(super) fn dictionary_entries(&self, page: &PageRef) -> Result<Vec<SeriesEntry>> {
        let bytes = self.read_page("dictionary page", page)?;
        let with_keys = dictionary::carries_keys(self.meta.level);
        dictionary::decode_page(&bytes, with_keys).map_err(|flaw| self.damaged("dictionary page", page.offset, flaw))
    }

    fn cached_index_page(&self, number: usize, page: &PageRef) -> Result<Page> {
        self.cache.get(self.meta.id, number, || {
            self.cache.counters().index_page_read();
            Ok(self.read_page("index page", page)?.into())
        })
    }

    /// A page without its checksum, which was right.
    fn read_page(&self, what: &str, page: &PageRef) -> Result<Vec<u8>> {
        let mut bytes = read(&self.file, page.extent(), &self.cache)?;
        let len = self.seal.open(page.offset, &bytes).map_err(|flaw| self.damaged(what, page.offset, flaw))?.len();
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Appends all points of a block to the caller's buffers; after an error these are as they were.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the block is damaged or not what the entry says; [`Error::TypeMismatch`] if the caller
    /// took a series for one of another type, which is an error of this crate's.
    pub(crate) fn read_block<T: Sample>(
        &self,
        entry: &BlockEntry,
        scratch: &mut BlockScratch,
        times: &mut Vec<Timestamp>,
        values: &mut Vec<T>,
    ) -> Result<()> {
        self.check_type::<T>(entry)?;
        self.read_columns(entry, scratch, (times, Timestamp::from_nanos), (values, T::from_bits))
    }

    /// The same for a block of any type, its values as in `Sample::to_bits`: what a writer takes.
    pub(crate) fn read_bits(
        &self,
        entry: &BlockEntry,
        scratch: &mut BlockScratch,
        timestamps: &mut Vec<i64>,
        bits: &mut Vec<u64>,
    ) -> Result<()> {
        self.read_columns(entry, scratch, (timestamps, |nanos| nanos), (bits, |bits| bits))
    }

    /// The same with timestamps as they are merged.
    pub(crate) fn read_raw(
        &self,
        entry: &BlockEntry,
        scratch: &mut BlockScratch,
        times: &mut Vec<Timestamp>,
        bits: &mut Vec<u64>,
    ) -> Result<()> {
        self.read_columns(entry, scratch, (times, Timestamp::from_nanos), (bits, |bits| bits))
    }

    /// A block's columns, each value as its reader wants it.
    fn read_columns<Time, Value>(
        &self,
        entry: &BlockEntry,
        scratch: &mut BlockScratch,
        times: (&mut Vec<Time>, impl Fn(i64) -> Time),
        values: (&mut Vec<Value>, impl Fn(u64) -> Value),
    ) -> Result<()> {
        self.load_block(entry, scratch)?;
        scratch.decode(entry, times, values).map_err(|flaw| self.damaged_block(entry, flaw))
    }

    fn check_type<T: Sample>(&self, entry: &BlockEntry) -> Result<()> {
        if entry.ty == T::TYPE {
            return Ok(());
        }
        let series = format!("#{} of {}", entry.series, self.file.path().display());
        Err(Error::TypeMismatch { series, expected: entry.ty, found: T::TYPE })
    }

    /// Reads a block into the scratch, unless it is there already, and checks its checksum.
    fn load_block(&self, entry: &BlockEntry, scratch: &mut BlockScratch) -> Result<()> {
        let blocks = self.footer.blocks;
        if entry.offset < blocks.offset || entry.end() > blocks.end() {
            return Err(self.damaged_block(entry, Flaw("it lies outside the part of blocks")));
        }
        // An entry's length is bounded where entries are decoded.
        let file = (self.footer.uuid, self.footer.id);
        let read = scratch.load(file, entry, blocks.end(), |offset, raw| self.file.read_at(offset, raw))?;
        self.cache.counters().bytes_read(read);
        let checked = self.seal.open(entry.offset, scratch.sealed_block());
        checked.map_err(|flaw| self.damaged_block(entry, flaw))?;
        self.cache.counters().block_decoded();
        Ok(())
    }

    pub(super) fn damaged_block(&self, entry: &BlockEntry, Flaw(what): Flaw) -> Error {
        let BlockEntry { series, offset, count, .. } = entry;
        self.file.corrupt(*offset, format!("block of {count} points of series #{series}: {what}"))
    }

    fn damaged(&self, part: &str, offset: u64, Flaw(what): Flaw) -> Error {
        self.file.corrupt(offset, format!("{part}: {what}"))
    }
}

/// A page's entries one by one, or its error once.
fn spread<T>(page: Result<Vec<T>>) -> impl Iterator<Item = Result<T>> {
    let (entries, error) = match page {
        Ok(entries) => (entries, None),
        Err(error) => (Vec::new(), Some(Err(error))),
    };
    entries.into_iter().map(Ok).chain(error)
}

fn read(file: &DirFile, extent: Extent, cache: &PageCache) -> Result<Vec<u8>> {
    let len = usize::try_from(extent.len).map_err(|_| file.corrupt(extent.offset, "a part is too long to read"))?;
    let mut bytes = vec![0; len];
    file.read_at(extent.offset, &mut bytes)?;
    cache.counters().bytes_read(len);
    Ok(bytes)
}

/// Reads the footer and its CRC. Where it is damaged, the header may still know a better reason.
fn read_footer(file: &DirFile, cache: &PageCache, expected: Option<(Uuid, &SstMeta)>) -> Result<(Footer, u32)> {
    let len = file.len()?;
    let Some(offset) = len.checked_sub(Footer::LEN as u64).filter(|&offset| offset >= Header::LEN as u64) else {
        return Err(file.corrupt(0, format!("{len} bytes are too few for an SST")));
    };
    let bytes = read(file, Extent { offset, len: Footer::LEN as u64 }, cache)?;
    let flaw = match Footer::decode(&bytes, len) {
        Ok(footer) => return Ok((footer, trailing_crc(&bytes))),
        Err(FooterError::Newer(found)) => return Err(newer(file, found)),
        Err(FooterError::Damaged(Flaw(flaw))) => flaw,
    };
    // A later version's footer may be of another length, but its header is not.
    let header = Header::decode(&read(file, Extent { offset: 0, len: Header::LEN as u64 }, cache)?);
    match (header, expected) {
        (Ok(header), _) if header.version > FORMAT_VERSION => Err(newer(file, header.version)),
        (Ok(header), Some((uuid, meta))) if (header.uuid, header.id) != (uuid, meta.id) => Err(Error::ForeignFile {
            file: file.path().to_owned(),
            what: identities(uuid, meta, header.uuid, header.id.get()),
        }),
        (_, Some((_, meta))) if meta.len != len => {
            Err(file.corrupt(len.min(meta.len), format!("{} bytes expected, {len} found", meta.len)))
        }
        _ => Err(file.corrupt(offset, format!("the footer: {flaw}"))),
    }
}

fn newer(file: &DirFile, found: u32) -> Error {
    Error::UnsupportedVersion { file: file.path().to_owned(), found, newest: FORMAT_VERSION }
}

/// Names how a whole file differs from the one meant.
fn foreign(file: &DirFile, expected: (Uuid, &SstMeta), found: &SstMeta, uuid: Uuid) -> Error {
    let (own, meta) = expected;
    let what = if (uuid, found.id) == (own, meta.id) {
        format!(
            "it is another file of the same name: footer {:08x} expected, {:08x} found",
            meta.footer_crc, found.footer_crc
        )
    } else {
        identities(own, meta, uuid, found.id.get())
    };
    Error::ForeignFile { file: file.path().to_owned(), what }
}

fn identities(own: Uuid, meta: &SstMeta, uuid: Uuid, id: u64) -> String {
    format!("file {:016x} of database {own} expected, {id:016x} of {uuid} found", meta.id.get())
}
