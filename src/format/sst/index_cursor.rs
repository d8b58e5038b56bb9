//! Cursor over the index entries of one SST: moves forward only, so that it reads each index page once.
//!
//! A scan of many series walks the index from the front to the end. A target that is far ahead is found by a binary
//! search, first over the pages, then over the restarts of a page:
//!
//! ```text
//!  entries:  5:0  5:90  6:0  7:0  7:60 | 7:120  8:0  9:0 ... | ...
//!                  ^ next         ^ seek(7:100) decodes the entries up to the target, or jumps to a page and a restart
//! ```
//!
//! Invariant: entries come in the order of series and time, also across pages; otherwise the cursor fails.

use super::cache::PageBytes;
use super::index::{EntryPosition, IndexPage};
use super::index_entry::BlockEntry;
use super::reader::SstReader;
use super::top_page::PageKey;
use crate::format::bytes::DecodeError;
use crate::sync::Arc;
use crate::types::error::{Error, Result};

/// Number of entries that are decoded one by one before a binary search: decoding them takes about as long as one.
const LINEAR_ENTRIES: usize = 16;

/// Position among the index entries of an SST.
#[derive(Debug)]
pub(crate) struct IndexCursor {
    reader: Arc<SstReader>,
    /// Number and content of the current page; `None` before the first read, and at the end.
    page: Option<(usize, PageBytes)>,
    position: EntryPosition,
    next: Option<BlockEntry>,
    has_started: bool,
}

impl IndexCursor {
    /// Creates a cursor before the first entry. Nothing is read before the first [`seek`](Self::seek).
    pub(crate) fn new(reader: Arc<SstReader>) -> Self {
        Self { reader, page: None, position: EntryPosition::default(), next: None, has_started: false }
    }

    pub(crate) fn reader(&self) -> &Arc<SstReader> {
        &self.reader
    }

    /// Returns the next entry; `None` at the end, and before the first [`seek`](Self::seek).
    pub(crate) fn peek(&self) -> Option<&BlockEntry> {
        self.next.as_ref()
    }

    /// Moves to the first entry that does not precede `key`, unless the cursor is already behind it.
    ///
    /// An entry precedes the key if it belongs to a smaller series, or to the same series and ends before the time.
    ///
    /// # Errors
    /// Those of reading a page; the cursor must not be used again.
    pub(crate) fn seek(&mut self, key: PageKey) -> Result<()> {
        for _ in 0..LINEAR_ENTRIES {
            match &self.next {
                Some(entry) if precedes(entry, key) => self.advance()?,
                Some(_) => return Ok(()),
                None => break,
            }
        }
        if self.next.is_none() && self.has_started {
            return Ok(());
        }
        self.jump(key)?;
        while self.next.as_ref().is_some_and(|entry| precedes(entry, key)) {
            self.advance()?;
        }
        Ok(())
    }

    /// Moves to the last entry of a series that begins at or before the time of `key`, if the cursor is not behind it.
    ///
    /// Returns that entry; `None` if there is none. The next entry is then the one behind it.
    ///
    /// # Errors
    /// As for [`seek`](Self::seek).
    pub(crate) fn seek_last(&mut self, key: PageKey) -> Result<Option<BlockEntry>> {
        let mut last = None;
        if !self.has_started {
            self.jump(key)?;
        }
        for passed in 1.. {
            let Some(entry) = self.next.filter(|entry| entry.key() <= key) else { break };
            if entry.series == key.series {
                last = Some(entry);
            }
            self.advance()?;
            if passed == LINEAR_ENTRIES {
                self.jump(key)?;
            }
        }
        Ok(last)
    }

    /// Moves to the next entry.
    ///
    /// # Errors
    /// As for [`seek`](Self::seek).
    pub(crate) fn advance(&mut self) -> Result<()> {
        let before = self.next.take();
        let found = loop {
            let Some((number, page)) = &self.page else { break None };
            let mut entries = self.page_at(*number, page)?.entries_from(self.position);
            if let Some(entry) = entries.next() {
                self.position = entries.position();
                break Some(entry.map_err(|error| self.corrupt(*number, error))?);
            }
            let next = *number + 1;
            self.load(next)?;
        };
        if let (Some(before), Some(entry)) = (&before, &found)
            && (entry.series, entry.first_time) < (before.series, before.last_time)
        {
            return Err(self.reader.corrupt_block(entry, DecodeError("it does not follow the block before it")));
        }
        self.next = found;
        Ok(())
    }

    /// Moves forward to a restart at or before the first entry that does not precede `key`, if it lies ahead.
    fn jump(&mut self, key: PageKey) -> Result<()> {
        let current = match &self.page {
            Some((number, _)) => *number,
            None if self.has_started => return Ok(()),
            None => 0,
        };
        let target = self.reader.top.seek(key).max(current);
        let is_new_page = !self.has_started || target > current;
        if is_new_page {
            self.has_started = true;
            self.next = None;
            self.load(target)?;
        }
        let Some((number, page)) = &self.page else { return Ok(()) };
        let sought = self.page_at(*number, page)?.seek(key).map_err(|error| self.corrupt(*number, error))?.position();
        // `position` is behind the entry that is next.
        if is_new_page || sought.number >= self.position.number {
            self.position = sought;
            self.next = None;
            return self.advance();
        }
        Ok(())
    }

    fn load(&mut self, number: usize) -> Result<()> {
        self.position = EntryPosition::default();
        self.page = match self.reader.top.index.get(number) {
            Some(location) => Some((number, self.reader.cached_index_page(number, location)?)),
            None => None,
        };
        Ok(())
    }

    fn page_at<'a>(&self, number: usize, page: &'a PageBytes) -> Result<IndexPage<'a>> {
        IndexPage::new(page).map_err(|error| self.corrupt(number, error))
    }

    fn corrupt(&self, number: usize, error: DecodeError) -> Error {
        let offset = self.reader.top.index.get(number).map_or(0, |location| location.offset);
        self.reader.corrupt_part("index page", offset, error)
    }
}

/// Returns `true` if the entry comes before all entries that match the key.
fn precedes(entry: &BlockEntry, key: PageKey) -> bool {
    (entry.series, entry.last_time) < (key.series, key.time)
}
