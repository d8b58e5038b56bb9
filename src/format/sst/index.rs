//! Block index: one entry per block or run, in pages that can be decoded one by one and searched.
//!
//! Entries are delta-coded against the entry before. Every 32nd entry, from the first one on, is a restart (LevelDB's
//! term): it is coded against the base of the page, and a table at the end of the page has its offset. The base is the
//! times of the first entry; the last number of the page is the number of restarts. A search bisects the restarts, and
//! then decodes at most 32 entries that it does not need:
//!
//! ```text
//!  page:  ┌────────────────┬─────────┬─────────┬─────┬──────────┬─────┬───────────────────┬───────────┐
//!         │ base (2 x i64) │ entry 0 │ entry 1 │ ... │ entry 32 │ ... │ restarts (u16 ..) │ count u16 │
//!         └────────────────┴─────────┴─────────┴─────┴──────────┴─────┴───────────────────┴───────────┘
//!                            restart                   restart         offsets of entries 0, 32, ...
//! ```
//!
//! Invariants of a page whose entries were all decoded:
//! - Series ids never decrease, and each block of a series begins no earlier than the block before it ends. (The two
//!   times may be equal.)
//! - In the file, each block begins where the block before it ends, also at restarts, which store the offset. So do the
//!   runs of a packed block, from its header to its checksum.
//! - The table has the offsets of the entries 0, 32, 64, ...

use super::checksum::CHECKSUM_BYTES;
use super::index_entry::{BlockEntry, EntryDeltaBase, MAX_ENTRY_BYTES, decode_entry, encode_entry};
use super::top_page::{MAX_PAGE_BYTES, PageBuilder, PageKey};
use crate::format::bytes::{ByteReader, DecodeError};

/// Number of entries from one restart to the next. At 32, restarts cost less than half a byte per run, and a search decodes
/// about two dozen entries instead of some thousand.
const RESTART_INTERVAL: usize = 32;

/// Length of the base of a page in bytes: first and last time of its first entry.
const BASE_BYTES: usize = 2 * size_of::<i64>();

/// Builder of the index pages from entries in ascending order.
#[derive(Debug, Default)]
pub(crate) struct IndexWriter {
    pages: PageBuilder,
    /// Encoded entries of the current page.
    page: Vec<u8>,
    /// Key of the first entry of the current page; `None` if the page is empty.
    first: Option<PageKey>,
    /// Base of the restarts of the current page.
    base: EntryDeltaBase,
    /// Encoded offsets of the restarts of the current page.
    restarts: Vec<u8>,
    /// Number of entries in the current page.
    entry_count: usize,
    previous: EntryDeltaBase,
}

impl IndexWriter {
    /// Adds the next entry, in a new page if the current page could otherwise exceed [`MAX_PAGE_BYTES`].
    pub(crate) fn push(&mut self, entry: &BlockEntry) {
        let page_len = BASE_BYTES + self.page.len() + self.restarts.len() + size_of::<u16>() + CHECKSUM_BYTES;
        if page_len + MAX_ENTRY_BYTES + size_of::<u16>() > MAX_PAGE_BYTES {
            self.end_page();
        }
        if self.first.is_none() {
            self.first = Some(entry.key());
            self.base = EntryDeltaBase::of_page(entry.first_time, entry.last_time);
        }
        let at_restart = self.entry_count.is_multiple_of(RESTART_INTERVAL);
        if at_restart {
            self.restarts.extend_from_slice(&page_offset_u16(self.page.len()).to_le_bytes());
            self.previous = self.base;
        }
        encode_entry(entry, self.previous, &mut self.page);
        self.previous = EntryDeltaBase::of(entry);
        self.entry_count += 1;
    }

    fn end_page(&mut self) {
        if let Some(first) = self.first.take() {
            let restarts = page_offset_u16(self.restarts.len() / size_of::<u16>());
            let mut page = Vec::with_capacity(BASE_BYTES + self.page.len() + self.restarts.len() + size_of::<u16>());
            page.extend_from_slice(&self.base.first_time.to_le_bytes());
            page.extend_from_slice(&self.base.last_time.to_le_bytes());
            page.append(&mut self.page);
            page.append(&mut self.restarts);
            page.extend_from_slice(&restarts.to_le_bytes());
            self.pages.push(first, &page);
            self.entry_count = 0;
        }
    }

    /// Ends the current page and returns all pages.
    pub(crate) fn finish(mut self) -> PageBuilder {
        self.end_page();
        self.pages
    }
}

/// Converts a number, which must be at most [`MAX_PAGE_BYTES`].
#[expect(clippy::cast_possible_truncation, reason = "asserted at compile time")]
fn page_offset_u16(number: usize) -> u16 {
    const { assert!(MAX_PAGE_BYTES <= u16::MAX as usize) };
    number as u16
}

/// An index page without its checksum, which the caller has checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexPage<'a> {
    base: EntryDeltaBase,
    entries: &'a [u8],
    restarts: &'a [[u8; 2]],
}

impl<'a> IndexPage<'a> {
    /// Splits a page into its base, entries and restarts. Decodes no entry.
    ///
    /// # Errors
    /// If the page has no restart, or is too short for its number of restarts.
    pub(crate) fn new(page: &'a [u8]) -> Result<Self, DecodeError> {
        let error = DecodeError("an index page is too short for its restarts");
        let (first_time, page) = page.split_first_chunk().ok_or(error)?;
        let (last_time, page) = page.split_first_chunk().ok_or(error)?;
        let base = EntryDeltaBase::of_page(i64::from_le_bytes(*first_time), i64::from_le_bytes(*last_time));
        let (body, count) = page.split_last_chunk().ok_or(error)?;
        let table = usize::from(u16::from_le_bytes(*count)) * size_of::<u16>();
        let at = body.len().checked_sub(table).ok_or(error)?;
        let (entries, table) = body.split_at(at);
        if table.is_empty() { Err(error) } else { Ok(Self { base, entries, restarts: table.as_chunks().0 }) }
    }

    /// Returns the first and the last time of the base.
    pub(super) fn base_times(self) -> (i64, i64) {
        (self.base.first_time, self.base.last_time)
    }

    /// Returns `true` if the page has as many restarts as a page of so many entries needs.
    pub(super) fn has_restarts_of(self, entry_count: usize) -> bool {
        self.restarts.len() == entry_count.div_ceil(RESTART_INTERVAL)
    }

    /// Yields all entries.
    pub(crate) fn all_blocks(self) -> IndexEntryIter<'a> {
        self.entries_from_restart(0)
    }

    /// Yields the entries from the last restart whose key is less than `key` on.
    ///
    /// Begins with the first restart if no restart has a smaller key. The restart is found by binary search. The caller
    /// skips the entries that it does not need: see [`TopPage::seek`](super::top_page::TopPage::seek).
    ///
    /// # Errors
    /// If the entry at a restart is invalid or missing.
    pub(crate) fn seek(self, key: PageKey) -> Result<IndexEntryIter<'a>, DecodeError> {
        let (mut low, mut high) = (0, self.restarts.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.entries_from_restart(middle).next() {
                Some(Ok(entry)) if entry.key() < key => low = middle + 1,
                Some(Ok(_)) => high = middle,
                Some(Err(error)) => return Err(error),
                None => return Err(DecodeError("a restart of an index page lies behind the entries")),
            }
        }
        Ok(self.entries_from_restart(low.saturating_sub(1)))
    }

    fn entries_from_restart(self, restart: usize) -> IndexEntryIter<'a> {
        let offset = self.restarts.get(restart).map_or(0, |at| usize::from(u16::from_le_bytes(*at)));
        let number = restart * RESTART_INTERVAL;
        self.entries_from(EntryPosition { offset, number, previous: EntryDeltaBase::default() })
    }

    /// Yields the entries from a position of this page on.
    pub(super) fn entries_from(self, position: EntryPosition) -> IndexEntryIter<'a> {
        let reader = ByteReader::new(self.entries.get(position.offset..).unwrap_or_default());
        IndexEntryIter { page: self, reader, number: position.number, previous: position.previous }
    }
}

/// Position in a page: the entry that is decoded next.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EntryPosition {
    /// Offset of the entry in the page.
    offset: usize,
    /// Number of the entry in the page, from 0.
    pub(super) number: usize,
    previous: EntryDeltaBase,
}

/// Iterator over the entries of a page. It ends after the first error.
#[derive(Debug)]
pub(crate) struct IndexEntryIter<'a> {
    page: IndexPage<'a>,
    reader: ByteReader<'a>,
    /// Number of the next entry in the page, from 0.
    number: usize,
    previous: EntryDeltaBase,
}

impl IndexEntryIter<'_> {
    /// Returns the position of the next entry.
    pub(super) fn position(&self) -> EntryPosition {
        let offset = self.page.entries.len() - self.reader.remaining();
        EntryPosition { offset, number: self.number, previous: self.previous }
    }

    fn decode(&mut self) -> Result<BlockEntry, DecodeError> {
        let at_restart = self.number.is_multiple_of(RESTART_INTERVAL);
        let before = self.previous;
        if at_restart {
            let at = self.page.entries.len() - self.reader.remaining();
            let restart = self.page.restarts.get(self.number / RESTART_INTERVAL);
            if restart.map(|at| usize::from(u16::from_le_bytes(*at))) != Some(at) {
                return Err(DecodeError("a restart of an index page is not at its entry"));
            }
            self.previous = self.page.base;
        }
        let entry = decode_entry(&mut self.reader, self.previous)?;
        let follows = (before.series, before.last_time) <= (entry.series.get(), entry.first_time);
        if before.place.is_some_and(|place| !follows || !entry.place().adjoins(place)) {
            return Err(DecodeError("a block does not follow the block before it"));
        }
        self.previous = EntryDeltaBase::of(&entry);
        self.number += 1;
        Ok(entry)
    }
}

impl Iterator for IndexEntryIter<'_> {
    type Item = Result<BlockEntry, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let entry = self.decode();
        if entry.is_err() {
            self.reader = ByteReader::new(&[]);
        }
        Some(entry)
    }
}
