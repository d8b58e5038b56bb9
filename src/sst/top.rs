//! Pages, and the top page that tells where each begins and which series and time it begins with.
//! Promises that the pages of a decoded top page adjoin and fill their parts, and that none is larger than a page may be.
//! Must not know what a page holds.

use super::footer::Footer;
use super::seal::{SEAL_LEN, Seal};
use crate::bytes::{Extent, Flaw, Reader, put_varint, put_zigzag};
use crate::series::SeriesId;

/// A page with its checksum is at most so long: large enough that the top page stays a thousandth of the index, small
/// enough that one lookup reads no more than a disk gives in one go.
pub(crate) const PAGE_BYTES: usize = 16 << 10;

/// A page of one series whose key is among the longest may be a little longer.
pub(super) const MOST_PAGE_BYTES: usize = PAGE_BYTES + (1 << 10);

/// What a page begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PageKey {
    pub(super) series: SeriesId,
    pub(super) time: i64,
}

/// A page of an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRef {
    pub(super) first: PageKey,
    pub(super) offset: u64,
    /// With its checksum.
    pub(super) len: u32,
}

impl PageRef {
    pub(super) fn extent(&self) -> Extent {
        Extent { offset: self.offset, len: u64::from(self.len) }
    }
}

/// The pages of a file that is being written. They are sealed when their place in the file is known.
#[derive(Debug, Default)]
pub(super) struct Pages {
    bytes: Vec<u8>,
    /// What each page begins with, and where in `bytes` it ends.
    pages: Vec<(PageKey, usize)>,
}

impl Pages {
    pub(super) fn push(&mut self, first: PageKey, page: &[u8]) {
        assert!(!page.is_empty() && page.len() + SEAL_LEN <= MOST_PAGE_BYTES, "a page of {} bytes", page.len());
        self.bytes.extend_from_slice(page);
        self.pages.push((first, self.bytes.len()));
    }

    /// Each page sealed for its place, the first of them at `offset`.
    pub(super) fn sealed(&self, seal: &Seal, offset: u64) -> impl Iterator<Item = Vec<u8>> {
        let (mut offset, mut start) = (offset, 0);
        self.pages.iter().map(move |&(_, end)| {
            let mut page = self.bytes[start..end].to_vec();
            seal.close(offset, &mut page, 0);
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
            put_varint(out, (end - start + SEAL_LEN) as u64);
            (start, previous) = (end, first);
        }
    }
}

const ZERO: PageKey = PageKey { series: SeriesId::new(0), time: 0 };

/// Where every page of an open file lies. Its checksum is in the footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Top {
    /// In ascending order of what they begin with.
    pub(super) index: Vec<PageRef>,
    pub(super) dictionary: Vec<PageRef>,
}

impl Top {
    pub(super) fn encode(index: &Pages, dictionary: &Pages) -> Vec<u8> {
        let mut out = Vec::new();
        index.encode(true, &mut out);
        dictionary.encode(false, &mut out);
        out
    }

    pub(super) fn decode(bytes: &[u8], footer: &Footer) -> Result<Self, Flaw> {
        let mut reader = Reader::new(bytes);
        let index = decode_pages(&mut reader, footer.index, true)?;
        let dictionary = decode_pages(&mut reader, footer.dictionary, false)?;
        if reader.is_empty() { Ok(Self { index, dictionary }) } else { Err(Flaw("bytes trail the top page")) }
    }

    /// The first index page that may hold a block of the series that ends at or after the time.
    ///
    /// The page before the first one that begins at or after it: what lies before that page belongs to a smaller
    /// series or ends before its first block begins.
    pub(super) fn seek(&self, key: PageKey) -> usize {
        self.index.partition_point(|page| page.first < key).saturating_sub(1)
    }
}

fn decode_pages(reader: &mut Reader<'_>, part: Extent, with_time: bool) -> Result<Vec<PageRef>, Flaw> {
    let count = reader.varint()?;
    // A page takes two bytes here at least, so a count that is a lie cannot make us allocate more than we hold.
    let count = usize::try_from(count).ok().filter(|&count| count <= reader.remaining() / 2);
    let count = count.ok_or(Flaw("the top page names more pages than it holds"))?;
    let mut pages = Vec::with_capacity(count);
    let (mut offset, mut previous) = (part.offset, ZERO);
    for number in 0..count {
        let series = previous.series.get().checked_add(reader.varint_u32()?);
        let series = SeriesId::new(series.ok_or(Flaw("a series id in the top page overflows"))?);
        let time = if with_time { previous.time.wrapping_add(reader.zigzag()?) } else { 0 };
        let first = PageKey { series, time };
        let len = reader.varint_u32()?;
        let most = if with_time { PAGE_BYTES } else { MOST_PAGE_BYTES };
        if len as usize > most || len as usize <= SEAL_LEN {
            return Err(Flaw("a page's length is out of bounds"));
        }
        if number > 0 && first < previous {
            return Err(Flaw("the top page's entries do not ascend"));
        }
        pages.push(PageRef { first, offset, len });
        offset = offset.saturating_add(u64::from(len));
        previous = first;
    }
    if offset == part.end() { Ok(pages) } else { Err(Flaw("the top page's pages do not fill their part")) }
}
