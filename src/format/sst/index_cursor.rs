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

/// Maximum number of entries that are decoded together: one after the other they would take twice as long.
const DECODED_ENTRIES: usize = 8;

/// Position among the index entries of an SST.
#[derive(Debug)]
pub(crate) struct IndexCursor {
    reader: Arc<SstReader>,
    /// Number and content of the current page; `None` before the first read, and at the end.
    page: Option<(usize, PageBytes)>,
    /// Position behind the decoded entries.
    position: EntryPosition,
    /// Decoded entries of the current page.
    decoded: Vec<BlockEntry>,
    /// Index of the next entry among the decoded ones; their number if no entry is next.
    at: usize,
    /// Error of the entry behind the decoded ones.
    failed: Option<Error>,
    has_started: bool,
}

impl IndexCursor {
    /// Creates a cursor before the first entry. Nothing is read before the first [`seek`](Self::seek).
    pub(crate) fn new(reader: Arc<SstReader>) -> Self {
        let position = EntryPosition::default();
        Self { reader, page: None, position, decoded: Vec::new(), at: 0, failed: None, has_started: false }
    }

    pub(crate) fn reader(&self) -> &Arc<SstReader> {
        &self.reader
    }

    /// Returns the next entry; `None` at the end, and before the first [`seek`](Self::seek).
    pub(crate) fn peek(&self) -> Option<&BlockEntry> {
        self.decoded.get(self.at)
    }

    /// Moves to the first entry that does not precede `key`, unless the cursor is already behind it.
    ///
    /// An entry precedes the key if it belongs to a smaller series, or to the same series and ends before the time.
    ///
    /// # Errors
    /// Those of reading a page; the cursor must not be used again.
    pub(crate) fn seek(&mut self, key: PageKey) -> Result<()> {
        for _ in 0..LINEAR_ENTRIES {
            match self.peek() {
                Some(entry) if precedes(entry, key) => self.advance()?,
                Some(_) => return Ok(()),
                None => break,
            }
        }
        if self.peek().is_none() && self.has_started {
            return Ok(());
        }
        self.jump(key)?;
        while self.peek().is_some_and(|entry| precedes(entry, key)) {
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
            let Some(entry) = self.peek().filter(|entry| entry.key() <= key) else { break };
            if entry.series == key.series {
                last = Some(*entry);
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
        if self.at + 1 < self.decoded.len() {
            self.at += 1;
            return Ok(());
        }
        self.decode()
    }

    /// Decodes the entries behind the decoded ones, and moves to the first of them.
    ///
    /// An invalid entry behind others is an error only once it would be the next one.
    fn decode(&mut self) -> Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let before = self.decoded.last().map(|entry| (entry.series, entry.last_time));
        self.forget_decoded();
        while let Some((number, page)) = &self.page {
            let number = *number;
            let mut entries = self.page_at(number, page)?.entries_from(self.position);
            let mut failed = None;
            while self.decoded.len() < DECODED_ENTRIES {
                match entries.next() {
                    Some(Ok(entry)) => self.decoded.push(entry),
                    Some(Err(error)) => {
                        failed = Some(error);
                        break;
                    }
                    None => break,
                }
            }
            self.position = entries.position();
            self.failed = failed.map(|error| self.corrupt(number, error));
            if self.decoded.is_empty()
                && let Some(error) = self.failed.take()
            {
                return Err(error);
            }
            if let Some(first) = self.decoded.first() {
                if before.is_some_and(|before| (first.series, first.first_time) < before) {
                    let error = DecodeError("it does not follow the block before it");
                    return Err(self.reader.corrupt_block(first, error));
                }
                return Ok(());
            }
            self.load(number + 1)?;
        }
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
            self.forget_decoded();
            self.load(target)?;
        }
        let Some((number, page)) = &self.page else { return Ok(()) };
        let sought = self.page_at(*number, page)?.seek(key).map_err(|error| self.corrupt(*number, error))?.position();
        // All decoded entries are of this page.
        debug_assert!(
            self.decoded.len() <= self.position.number,
            "more entries are decoded than lie before the position"
        );
        let next_number = self.position.number - (self.decoded.len() - self.at);
        if is_new_page || sought.number > next_number {
            self.position = sought;
            self.forget_decoded();
            return self.decode();
        }
        Ok(())
    }

    /// Drops the decoded entries, and the error of the entry behind them.
    fn forget_decoded(&mut self) {
        self.decoded.clear();
        (self.at, self.failed) = (0, None);
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
