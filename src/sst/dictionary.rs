//! The series dictionary: which series a file holds, the hash of each one's key, and its values' type.
//! Promises that every page can be decoded alone, and that ids ascend within it.

use super::seal::SEAL_LEN;
use super::top::{PAGE_BYTES, PageKey, Pages};
use crate::bytes::{Flaw, Reader, put_varint};
use crate::point::ValueType;
use crate::series::SeriesId;

/// A series of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesEntry {
    pub(crate) id: SeriesId,
    /// See `key_hash`.
    pub(crate) key_hash: u64,
    pub(crate) ty: ValueType,
}

/// Five bytes of id, eight of hash, one of type.
const MAX_ENTRY_BYTES: usize = 14;

#[derive(Debug, Default)]
pub(super) struct DictionaryWriter {
    pages: Pages,
    page: Vec<u8>,
    first: Option<SeriesId>,
    previous: u32,
}

impl DictionaryWriter {
    pub(super) fn push(&mut self, entry: SeriesEntry) {
        if self.page.len() + MAX_ENTRY_BYTES + SEAL_LEN > PAGE_BYTES {
            self.end_page();
        }
        self.first.get_or_insert(entry.id);
        put_varint(&mut self.page, u64::from(entry.id.get() - self.previous));
        self.page.extend_from_slice(&entry.key_hash.to_le_bytes());
        self.page.push(entry.ty as u8);
        self.previous = entry.id.get();
    }

    fn end_page(&mut self) {
        if let Some(series) = self.first.take() {
            self.pages.push(PageKey { series, time: 0 }, &self.page);
            self.page.clear();
            self.previous = 0;
        }
    }

    pub(super) fn finish(mut self) -> Pages {
        self.end_page();
        self.pages
    }
}

/// The entries of a page whose checksum was right.
pub(super) fn decode_page(page: &[u8]) -> Result<Vec<SeriesEntry>, Flaw> {
    let mut reader = Reader::new(page);
    let mut entries: Vec<SeriesEntry> = Vec::new();
    while !reader.is_empty() {
        let step = reader.varint_u32()?;
        let previous = entries.last().map_or(0, |entry| entry.id.get());
        let id = previous.checked_add(step).ok_or(Flaw("a series id overflows"))?;
        if step == 0 && !entries.is_empty() {
            return Err(Flaw("series ids do not ascend"));
        }
        let key_hash = reader.u64()?;
        let ty = ValueType::from_code(reader.u8()?).ok_or(Flaw("a value type is unknown"))?;
        entries.push(SeriesEntry { id: SeriesId::new(id), key_hash, ty });
    }
    Ok(entries)
}
