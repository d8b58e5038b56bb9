//! Reader of one SST: finds the blocks that a query needs, and decodes them.
//!
//! ```text
//!  open:    footer, top page
//!  lookup:  top page --(binary search)--> index page (cached) --(binary search)--> index entries
//!  read:    index entry -> block -> checksum -> columns
//! ```
//!
//! Invariants:
//! - Opening a file reads only its footer and its top page (and the header, if the footer is invalid).
//! - A lookup reads only the index pages that may contain matching blocks and are not cached. It reads no block.
//! - Damage is an error with file and offset. Bytes whose checksum is wrong are never decoded.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::block::{BlockPart, BlockScratch, Columns};
use super::cache::{PageBytes, PageCache};
use super::checksum::PartChecksum;
use super::dictionary::{self, DictionaryEntry};
use super::header_footer::{FooterError, SST_FORMAT_VERSION, SstFooter, SstHeader, is_other_version, trailing_crc};
use super::index::IndexPage;
use super::index_entry::BlockEntry;
use super::top_page::{PageKey, PageLocation, TopPage};
use crate::format::bytes::{DecodeError, Extent};
use crate::platform::env::{Dir, OpenFile, OpenMode};
use crate::state::version::SstMeta;
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::point::{Scalar, Timestamp};
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Reader of an open SST. Threads may share it.
#[derive(Debug)]
pub(crate) struct SstReader {
    pub(super) file: Arc<OpenFile>,
    pub(crate) footer: SstFooter,
    pub(crate) top: TopPage,
    pub(super) checksum: PartChecksum,
    /// Manifest entry of this file. For a file that was opened without a manifest, it is derived from the footer.
    meta: SstMeta,
    cache: Arc<PageCache>,
}

impl SstReader {
    /// Opens an SST that the manifest names, and checks that it is the file that the manifest describes.
    ///
    /// # Errors
    /// [`Error::ForeignFile`] if it is another file than the manifest describes, [`Error::UnsupportedVersion`] if
    /// another release wrote it, [`Error::Corrupt`] if it is damaged, [`Error::Io`] if it is missing or cannot be read.
    pub(crate) fn open(dir: &Dir, uuid: Uuid, meta: &SstMeta, cache: Arc<PageCache>) -> Result<Self> {
        let file = dir.open(&super::sst_file_name(meta.id), OpenMode::Read)?;
        Self::with_file(Arc::new(file), uuid, meta, cache)
    }

    /// Creates the reader of an SST whose file is already open. Checks and errors are those of [`open`](Self::open).
    pub(crate) fn with_file(file: Arc<OpenFile>, uuid: Uuid, meta: &SstMeta, cache: Arc<PageCache>) -> Result<Self> {
        cache.counters().file_opened();
        // SSTs that came with a backup contain the uuid of the database that wrote them.
        let uuid = if meta.origin == 0 { uuid } else { Uuid::from_u128(meta.origin) };
        let (footer, footer_crc) = read_footer(&file, &cache, Some((uuid, meta)))?;
        let found = SstMeta {
            generation: meta.generation,
            partition: meta.partition,
            origin: meta.origin,
            ..footer.meta(footer_crc)
        };
        if footer.uuid != uuid || found != *meta {
            return Err(foreign_file(&file, (uuid, meta), &found, footer.uuid));
        }
        Self::with_footer(file, footer, found, cache)
    }

    /// Opens an SST without a manifest entry. Its metadata is derived from its footer.
    pub(crate) fn open_standalone(dir: &Dir, name: &str, cache: Arc<PageCache>) -> Result<Self> {
        let file = Arc::new(dir.open(name, OpenMode::Read)?);
        cache.counters().file_opened();
        let (footer, footer_crc) = read_footer(&file, &cache, None)?;
        let meta = footer.meta(footer_crc);
        Self::with_footer(file, footer, meta, cache)
    }

    /// Reads and checks the top page, and creates the reader.
    fn with_footer(file: Arc<OpenFile>, footer: SstFooter, meta: SstMeta, cache: Arc<PageCache>) -> Result<Self> {
        let checksum = PartChecksum::new(footer.uuid, footer.id);
        let bytes = read(&file, footer.top_page, &cache)?;
        let corrupt =
            |DecodeError(what)| file.corrupt(footer.top_page.offset, format!("the top page of the index: {what}"));
        if checksum.compute(footer.top_page.offset, &bytes) != footer.top_page_crc {
            return Err(corrupt(DecodeError("its checksum is wrong")));
        }
        let top = TopPage::decode(&bytes, &footer).map_err(corrupt)?;
        Ok(Self { file, footer, top, checksum, meta, cache })
    }

    /// Returns the manifest entry of this file, or the one derived from its footer.
    pub(crate) fn meta(&self) -> &SstMeta {
        &self.meta
    }

    /// Returns the memory in use in bytes, most of which is the top page.
    pub(crate) fn byte_len(&self) -> usize {
        size_of::<Self>() + (self.top.index.capacity() + self.top.dictionary.capacity()) * size_of::<PageLocation>()
    }

    /// Returns the entries of the blocks of a series whose times overlap a range, in time order.
    pub(crate) fn blocks_in_range(&self, series: SeriesId, times: TimeRange) -> Result<Vec<BlockEntry>> {
        let mut found = Vec::new();
        if times.is_empty() || !self.meta.rectangle.contains_any(series, times) {
            return Ok(found);
        }
        let (from, until) = (PageKey { series, time: times.first() }, PageKey { series, time: times.last() });
        let first = self.top.seek(from);
        for (number, page) in self.top.index.iter().enumerate().skip(first) {
            if page.first > until {
                break;
            }
            let bytes = self.cached_index_page(number, page)?;
            let corrupt = |error| self.corrupt_part("index page", page.offset, error);
            for entry in IndexPage::new(&bytes).and_then(|page| page.seek(from)).map_err(corrupt)? {
                let entry = entry.map_err(corrupt)?;
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

    /// Yields the entries of all blocks of the file, in order.
    ///
    /// For a damaged page, yields an error instead of its entries. Bypasses the cache, from which a full scan would
    /// evict useful pages.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn all_blocks(&self) -> impl Iterator<Item = Result<BlockEntry>> {
        self.top.index.iter().flat_map(|page| flatten_page(self.index_entries(page)))
    }

    /// Returns the entries of index page `number`, from 0; `None` behind the last page. Bypasses the cache.
    pub(crate) fn blocks_of_page(&self, number: usize) -> Result<Option<Vec<BlockEntry>>> {
        self.top.index.get(number).map(|page| self.index_entries(page)).transpose()
    }

    /// Returns the range of the series that index page `number` may contain; `None` behind the last page.
    pub(crate) fn series_of_page(&self, number: usize) -> Option<RangeInclusive<SeriesId>> {
        let first = self.top.index.get(number)?.first.series;
        let last = self.top.index.get(number + 1).map_or(self.meta.rectangle.last_series, |next| next.first.series);
        Some(first..=last)
    }

    /// Yields all series of the file, ascending by id. For a damaged page, yields an error instead of its series.
    pub(crate) fn series(&self) -> impl Iterator<Item = Result<DictionaryEntry>> {
        self.top.dictionary.iter().flat_map(|page| flatten_page(self.dictionary_entries(page)))
    }

    /// Reads and decodes an index page. Bypasses the cache.
    pub(crate) fn index_entries(&self, page: &PageLocation) -> Result<Vec<BlockEntry>> {
        self.cache.counters().index_page_read();
        let bytes = self.read_page("index page", page)?;
        let entries = IndexPage::new(&bytes).and_then(|page| page.all_blocks().collect());
        entries.map_err(|error| self.corrupt_part("index page", page.offset, error))
    }

    /// Reads an index page, and returns the entries and the defects that readers do not notice.
    pub(super) fn verified_index_entries(&self, page: &PageLocation) -> Result<(Vec<BlockEntry>, Vec<&'static str>)> {
        let bytes = self.read_page("index page", page)?;
        let corrupt = |error| self.corrupt_part("index page", page.offset, error);
        let page = IndexPage::new(&bytes).map_err(corrupt)?;
        let entries: Vec<BlockEntry> = page.all_blocks().collect::<Result<_, _>>().map_err(corrupt)?;
        let is_base = |first: &BlockEntry| page.base_times() == (first.first_time, first.last_time);
        let defects = [
            (!entries.first().is_some_and(is_base), "the base of an index page differs from its first entry"),
            (!page.has_restarts_of(entries.len()), "the number of restarts of an index page differs from its entries"),
        ];
        Ok((entries, defects.into_iter().filter_map(|(is_found, what)| is_found.then_some(what)).collect()))
    }

    /// Reads and decodes a dictionary page.
    pub(super) fn dictionary_entries(&self, page: &PageLocation) -> Result<Vec<DictionaryEntry>> {
        let bytes = self.read_page("dictionary page", page)?;
        let with_keys = dictionary::stores_full_keys(self.meta.level);
        dictionary::decode_page(&bytes, with_keys)
            .map_err(|error| self.corrupt_part("dictionary page", page.offset, error))
    }

    /// Returns index page `number` without its checksum, from the cache if it is there.
    pub(super) fn cached_index_page(&self, number: usize, page: &PageLocation) -> Result<PageBytes> {
        self.cache.get(self.meta.id, number, || {
            self.cache.counters().index_page_read();
            Ok(self.read_page("index page", page)?.into())
        })
    }

    /// Reads a page, checks its checksum, and returns the page without the checksum.
    fn read_page(&self, what: &str, page: &PageLocation) -> Result<Vec<u8>> {
        let mut bytes = read(&self.file, page.extent(), &self.cache)?;
        let len = self
            .checksum
            .check(page.offset, &bytes)
            .map_err(|error| self.corrupt_part(what, page.offset, error))?
            .len();
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Appends the points of a block in a range to the caller's buffers, which an error leaves unchanged.
    ///
    /// Whole vectors are decoded, so that points outside the range may be appended, too.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the block is damaged or contradicts its entry; [`Error::Io`] if it cannot be read;
    /// [`Error::TypeMismatch`] if `T` is not the value type of the block, which is a bug of the caller.
    pub(crate) fn read_block<T: Scalar>(
        &self,
        entry: &BlockEntry,
        range: TimeRange,
        scratch: &mut BlockScratch,
        times: &mut Vec<Timestamp>,
        values: &mut Vec<T>,
    ) -> Result<()> {
        self.check_type::<T>(entry)?;
        let part = BlockPart { range, columns: Columns::Both };
        self.read_columns(entry, part, scratch, (times, Timestamp::from_nanos), (values, T::from_bits))
    }

    /// Appends all points of a block of any value type, in the form that is the input of
    /// [`SstWriter::push`](super::SstWriter::push).
    ///
    /// Timestamps are in nanoseconds, and values are encoded as in `Scalar::to_bits`. Errors are those of
    /// [`read_block`](Self::read_block).
    pub(crate) fn read_block_raw(
        &self,
        entry: &BlockEntry,
        scratch: &mut BlockScratch,
        timestamps: &mut Vec<i64>,
        bits: &mut Vec<u64>,
    ) -> Result<()> {
        let whole = BlockPart::WHOLE;
        self.read_columns(entry, whole, scratch, (timestamps, |nanos| nanos), (bits, |bits| bits))
    }

    /// Appends a part of a block of any value type, in the form that is the input of the merge.
    ///
    /// See [`BlockScratch::decode`] for the points outside the range of the part. Errors are those of
    /// [`read_block`](Self::read_block).
    pub(crate) fn read_block_value_bits(
        &self,
        entry: &BlockEntry,
        part: BlockPart,
        scratch: &mut BlockScratch,
        times: &mut Vec<Timestamp>,
        bits: &mut Vec<u64>,
    ) -> Result<()> {
        self.read_columns(entry, part, scratch, (times, Timestamp::from_nanos), (bits, |bits| bits))
    }

    /// Reads a block. Each buffer is paired with the function that converts a stored number to an element.
    fn read_columns<Time, Value: Clone>(
        &self,
        entry: &BlockEntry,
        part: BlockPart,
        scratch: &mut BlockScratch,
        times: (&mut Vec<Time>, impl Fn(i64) -> Time),
        values: (&mut Vec<Value>, impl Fn(u64) -> Value),
    ) -> Result<()> {
        self.load_block(entry, scratch)?;
        let vectors = scratch.decode(entry, part, times, values).map_err(|error| self.corrupt_block(entry, error))?;
        self.cache.counters().vectors_decoded(vectors);
        Ok(())
    }

    fn check_type<T: Scalar>(&self, entry: &BlockEntry) -> Result<()> {
        if entry.ty == T::TYPE {
            return Ok(());
        }
        let series = format!("#{} of {}", entry.series, self.file.path().display());
        Err(Error::TypeMismatch { series, expected: entry.ty, found: T::TYPE })
    }

    /// Loads a block, or the packed block of a run, into `scratch`, unless the previous read covers it, and checks its
    /// checksum, unless it is the packed block that was checked last.
    fn load_block(&self, entry: &BlockEntry, scratch: &mut BlockScratch) -> Result<()> {
        let (blocks, extent) = (self.footer.blocks, entry.checked_extent());
        if extent.offset < blocks.offset || extent.end() > blocks.end() {
            return Err(self.corrupt_block(entry, DecodeError("it lies outside the blocks of the file")));
        }
        // The buffer is bounded: the length of the block was checked when the entry was decoded.
        let file = (self.footer.uuid, self.footer.id);
        let read = scratch.load(file, entry, blocks.end(), |offset, raw| self.file.read_at(offset, raw))?;
        self.cache.counters().bytes_read(read);
        if !scratch.is_checked(entry) {
            let checked = self.checksum.check(extent.offset, scratch.checksummed_block()).map(drop);
            let checked = checked.and_then(|()| scratch.set_checked(entry));
            checked.map_err(|error| match entry.packed {
                Some(packed) => self.corrupt_part("packed block", packed.offset, error),
                None => self.corrupt_block(entry, error),
            })?;
        }
        self.cache.counters().block_decoded();
        Ok(())
    }

    pub(crate) fn corrupt_block(&self, entry: &BlockEntry, DecodeError(what): DecodeError) -> Error {
        let BlockEntry { series, offset, count, .. } = entry;
        self.file.corrupt(*offset, format!("block of {count} points of series #{series}: {what}"))
    }

    pub(super) fn corrupt_part(&self, part: &str, offset: u64, DecodeError(what): DecodeError) -> Error {
        self.file.corrupt(offset, format!("{part}: {what}"))
    }
}

/// Yields the entries of a page, or only the error.
fn flatten_page<T>(page: Result<Vec<T>>) -> impl Iterator<Item = Result<T>> {
    let (entries, error) = match page {
        Ok(entries) => (entries, None),
        Err(error) => (Vec::new(), Some(Err(error))),
    };
    entries.into_iter().map(Ok).chain(error)
}

/// Reads a range of a file, and adds its length to the counters of the cache.
fn read(file: &OpenFile, extent: Extent, cache: &PageCache) -> Result<Vec<u8>> {
    let len = usize::try_from(extent.len).map_err(|_| file.corrupt(extent.offset, "a part is too long to be read"))?;
    let mut bytes = vec![0; len];
    file.read_at(extent.offset, &mut bytes)?;
    cache.counters().bytes_read(len);
    Ok(bytes)
}

/// Reads the footer, and returns it with its CRC.
///
/// If the footer is invalid, the header and the length of the file may give a better reason for the error: a newer
/// version, another file, or a truncated file.
fn read_footer(file: &OpenFile, cache: &PageCache, expected: Option<(Uuid, &SstMeta)>) -> Result<(SstFooter, u32)> {
    let len = file.len()?;
    let Some(offset) = len.checked_sub(SstFooter::LEN as u64).filter(|&offset| offset >= SstHeader::LEN as u64) else {
        return Err(file.corrupt(0, format!("{len} bytes are too few for an SST")));
    };
    let bytes = read(file, Extent { offset, len: SstFooter::LEN as u64 }, cache)?;
    let error = match SstFooter::decode(&bytes, len) {
        Ok(footer) => return Ok((footer, trailing_crc(&bytes))),
        Err(FooterError::UnsupportedVersion(found)) => return Err(unsupported_version(file, found)),
        Err(FooterError::Corrupt(DecodeError(error))) => error,
    };
    // The footer of another version may have another length. The header has the same form in every version.
    let header = SstHeader::decode(&read(file, Extent { offset: 0, len: SstHeader::LEN as u64 }, cache)?);
    match (header, expected) {
        (Ok(header), _) if is_other_version(header.version) => Err(unsupported_version(file, header.version)),
        (Ok(header), Some((uuid, meta))) if (header.uuid, header.id) != (uuid, meta.id) => Err(Error::ForeignFile {
            file: file.path().to_owned(),
            detail: describe_mismatch(uuid, meta, header.uuid, header.id.get()),
        }),
        (_, Some((_, meta))) if meta.file_len != len => {
            Err(file.corrupt(len.min(meta.file_len), format!("{} bytes expected, {len} found", meta.file_len)))
        }
        _ => Err(file.corrupt(offset, format!("the footer: {error}"))),
    }
}

fn unsupported_version(file: &OpenFile, found: u32) -> Error {
    Error::UnsupportedVersion { file: file.path().to_owned(), found, newest: SST_FORMAT_VERSION }
}

/// Returns the error for a file whose valid footer is not the one that the manifest describes.
fn foreign_file(file: &OpenFile, expected: (Uuid, &SstMeta), found: &SstMeta, uuid: Uuid) -> Error {
    let (expected_uuid, meta) = expected;
    let what = if (uuid, found.id) == (expected_uuid, meta.id) {
        format!(
            "it is another file of the same name: footer CRC {:08x} expected, {:08x} found",
            meta.footer_crc, found.footer_crc
        )
    } else {
        describe_mismatch(expected_uuid, meta, uuid, found.id.get())
    };
    Error::ForeignFile { file: file.path().to_owned(), detail: what }
}

/// Returns the description of a file that has another database or file id than the manifest.
fn describe_mismatch(expected_uuid: Uuid, meta: &SstMeta, uuid: Uuid, id: u64) -> String {
    format!("file {:016x} of database {expected_uuid} expected, {id:016x} of {uuid} found", meta.id.get())
}
