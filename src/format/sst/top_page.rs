//! Top page: location of each dictionary page and index page, and the key of its first entry.
//!
//! The dictionary and the index are sequences of pages. The top page is read when the file is opened. Index pages are
//! read when a lookup needs them:
//!
//! ```text
//!  top page:     (series 1, time 0)   (series 7, time 500)   (series 9, time 20)
//!                        │                     │                     │
//!                        v                     v                     v
//!  index pages:  [1:0 1:300 4:0 ...]  [7:500 8:0 8:90 ...]  [9:20 9:80 ...]     entries of blocks, series:time
//! ```
//!
//! Invariants:
//! - The keys of the pages never decrease. Equal keys are allowed: many blocks of a series may begin at one timestamp.
//! - The pages of a decoded top page adjoin and fill their part of the file.
//! - No page is longer than its maximum, so the memory of a lookup is bounded.

use super::checksum::{CHECKSUM_BYTES, PartChecksum};
use super::header_footer::SstFooter;
use crate::format::bytes::{ByteReader, DecodeError, Extent, put_varint, put_zigzag};
use crate::types::series::SeriesId;

/// Maximum length of a page in bytes, with its checksum. It is large enough that the top page is about a thousandth of
/// the index, and small enough that a disk reads a page in one request.
pub(crate) const MAX_PAGE_BYTES: usize = 16 << 10;

/// Maximum length of a dictionary page in bytes. Only the page of a single series with a very long key exceeds
/// [`MAX_PAGE_BYTES`].
pub(crate) const MAX_DICTIONARY_PAGE_BYTES: usize = MAX_PAGE_BYTES + (3 << 10);

/// Series and first time of the first entry of a page; the time is 0 for dictionary pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PageKey {
    pub(crate) series: SeriesId,
    pub(crate) time: i64,
}

/// Location of a page in a file, and the key of its first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageLocation {
    pub(crate) first: PageKey,
    pub(crate) offset: u64,
    /// Length in bytes, with the checksum.
    pub(crate) len: u32,
}

impl PageLocation {
    pub(crate) fn extent(&self) -> Extent {
        Extent { offset: self.offset, len: u64::from(self.len) }
    }
}

/// Pages of a file that is being written. Their checksums are added when their offsets in the file are known.
#[derive(Debug, Default)]
pub(crate) struct PageBuilder {
    bytes: Vec<u8>,
    /// For each page, the key of its first entry and the end of the page in `bytes`.
    pages: Vec<(PageKey, usize)>,
}

impl PageBuilder {
    /// Adds a page without its checksum. Panics if the page is empty or too long.
    pub(crate) fn push(&mut self, first: PageKey, page: &[u8]) {
        assert!(
            !page.is_empty() && page.len() + CHECKSUM_BYTES <= MAX_DICTIONARY_PAGE_BYTES,
            "a page of {} bytes is out of bounds",
            page.len()
        );
        self.bytes.extend_from_slice(page);
        self.pages.push((first, self.bytes.len()));
    }

    /// Yields each page with its checksum. The first page will be at `offset` of the file.
    pub(crate) fn with_checksums(&self, checksum: &PartChecksum, offset: u64) -> impl Iterator<Item = Vec<u8>> {
        let (mut offset, mut start) = (offset, 0);
        self.pages.iter().map(move |&(_, end)| {
            let mut page = self.bytes[start..end].to_vec();
            checksum.append(offset, &mut page, 0);
            offset += page.len() as u64;
            start = end;
            page
        })
    }

    fn encode(&self, with_time: bool, out: &mut Vec<u8>) {
        put_varint(out, self.pages.len() as u64);
        let (mut start, mut previous) = (0, ZERO);
        for &(first, end) in &self.pages {
            put_varint(out, u64::from(first.series.get() - previous.series.get()));
            if with_time {
                put_zigzag(out, first.time.wrapping_sub(previous.time));
            }
            put_varint(out, (end - start + CHECKSUM_BYTES) as u64);
            (start, previous) = (end, first);
        }
    }
}

/// Key against which the first page of a sequence is delta-coded.
const ZERO: PageKey = PageKey { series: SeriesId::new(0), time: 0 };

/// Decoded top page: locations of all index pages and dictionary pages of a file. The footer has its checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopPage {
    /// Ascending by first key, as is `dictionary`.
    pub(crate) index: Vec<PageLocation>,
    pub(crate) dictionary: Vec<PageLocation>,
}

impl TopPage {
    pub(crate) fn encode(index: &PageBuilder, dictionary: &PageBuilder) -> Vec<u8> {
        let mut out = Vec::new();
        index.encode(true, &mut out);
        dictionary.encode(false, &mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8], footer: &SstFooter) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let index = decode_page_locations(&mut reader, footer.index, true)?;
        let dictionary = decode_page_locations(&mut reader, footer.dictionary, false)?;
        if reader.is_empty() {
            Ok(Self { index, dictionary })
        } else {
            Err(DecodeError("the top page has extra bytes"))
        }
    }

    /// Returns the number of the first index page that may contain a matching block.
    ///
    /// A block matches if it has the series of `key` and ends at or after the time of `key`.
    ///
    /// This is the page before the first page whose key is not less than `key` (page 0 if no page precedes that one).
    /// Earlier pages contain only blocks of smaller series, and blocks that end before the time of `key`: they end no
    /// later than the first block of the returned page begins.
    pub(crate) fn seek(&self, key: PageKey) -> usize {
        self.index.partition_point(|page| page.first < key).saturating_sub(1)
    }
}

fn decode_page_locations(
    reader: &mut ByteReader<'_>,
    part: Extent,
    with_time: bool,
) -> Result<Vec<PageLocation>, DecodeError> {
    let count = reader.varint_u64()?;
    // The entry of a page takes at least two bytes. So a wrong count cannot cause an allocation larger than the input
    // justifies.
    let count = usize::try_from(count).ok().filter(|&count| count <= reader.remaining() / 2);
    let count = count.ok_or(DecodeError("the top page is too short for its number of pages"))?;
    let mut pages = Vec::with_capacity(count);
    let (mut offset, mut previous) = (part.offset, ZERO);
    for number in 0..count {
        let series = previous.series.get().checked_add(reader.varint_u32()?);
        let series = SeriesId::new(series.ok_or(DecodeError("a series id in the top page overflows"))?);
        let time = if with_time { previous.time.wrapping_add(reader.zigzag_i64()?) } else { 0 };
        let first = PageKey { series, time };
        let len = reader.varint_u32()?;
        let max_len = if with_time { MAX_PAGE_BYTES } else { MAX_DICTIONARY_PAGE_BYTES };
        if len as usize > max_len || len as usize <= CHECKSUM_BYTES {
            return Err(DecodeError("a page's length is out of bounds"));
        }
        if number > 0 && first < previous {
            return Err(DecodeError("the top page's entries do not ascend"));
        }
        pages.push(PageLocation { first, offset, len });
        offset = offset.saturating_add(u64::from(len));
        previous = first;
    }
    if offset == part.end() { Ok(pages) } else { Err(DecodeError("the pages do not fill their part of the file")) }
}
