//! The series dictionary: which series a file holds, what its values are, and what the series is called: in level 0 by a
//! hash of its key, elsewhere by the whole key, so that a file speaks for itself.
//! Promises that every page can be decoded alone, that ids ascend within it, and that a page takes no more memory than a
//! small multiple of its bytes. Must not know where pages lie.

use std::collections::{BTreeMap, BTreeSet};

use super::seal::SEAL_LEN;
use super::top::{MOST_PAGE_BYTES, PAGE_BYTES, PageKey, Pages};
use crate::bytes::key::{put_kind, put_text, read_kind};
use crate::bytes::{Flaw, Reader, put_varint};
use crate::options::Duplicates;
use crate::point::ValueType;
use crate::series::{MAX_KEY_BYTES, MAX_TAGS, SeriesId, SeriesKey};
use crate::sync::Arc;
use crate::version::L0;

/// A series of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeriesEntry {
    pub(crate) id: SeriesId,
    pub(crate) ty: ValueType,
    pub(crate) name: SeriesName,
}

/// How a file names a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeriesName {
    /// See `key_hash`: in level 0, where whole keys would outweigh the points.
    Hash(u64),
    /// In every other level, with what becomes of several points at one time.
    Key(SeriesKey, Duplicates),
}

/// Whether files of a level carry whole keys.
pub(crate) const fn carries_keys(level: u8) -> bool {
    level != L0
}

/// Five bytes of id, eight of hash, one of type.
const HASHED_BYTES: usize = 14;

/// Five bytes of id, one of kind, one of the number of tags.
const KEYED_BYTES: usize = 7;

/// What stands before a text at most: that it is a new one, and its length; or which one it is.
const TEXT_BYTES: usize = 4;

// A page of one series has room for any key.
const _: () = assert!(KEYED_BYTES + MAX_KEY_BYTES + (1 + 2 * MAX_TAGS) * TEXT_BYTES + SEAL_LEN <= MOST_PAGE_BYTES);

#[derive(Debug, Default)]
pub(super) struct DictionaryWriter {
    pages: Pages,
    page: Vec<u8>,
    first: Option<SeriesId>,
    previous: u32,
    /// The texts of the page, numbered from 1 in the order in which they came: names, tags and values recur.
    texts: BTreeMap<Box<str>, u64>,
}

impl DictionaryWriter {
    pub(super) fn push(&mut self, entry: &SeriesEntry) {
        if self.page.len() + most_bytes(entry) + SEAL_LEN > PAGE_BYTES {
            self.end_page();
        }
        let SeriesEntry { id, ty, name } = entry;
        self.first.get_or_insert(*id);
        put_varint(&mut self.page, u64::from(id.get() - self.previous));
        self.previous = id.get();
        match name {
            SeriesName::Hash(hash) => {
                self.page.extend_from_slice(&hash.to_le_bytes());
                self.page.push(*ty as u8);
            }
            SeriesName::Key(key, duplicates) => {
                put_kind(&mut self.page, *ty, *duplicates);
                self.put_once(key.metric());
                put_varint(&mut self.page, key.tags().len() as u64);
                for text in key.tags().flat_map(|(key, value)| [key, value]) {
                    self.put_once(text);
                }
            }
        }
    }

    /// The text where it is new to the page, its number where it is not.
    fn put_once(&mut self, text: &str) {
        let number = self.texts.get(text).copied().unwrap_or(0);
        put_varint(&mut self.page, number);
        if number == 0 {
            put_text(&mut self.page, text);
            self.texts.insert(text.into(), self.texts.len() as u64 + 1);
        }
    }

    fn end_page(&mut self) {
        if let Some(series) = self.first.take() {
            self.pages.push(PageKey { series, time: 0 }, &self.page);
            self.page.clear();
            self.texts.clear();
            self.previous = 0;
        }
    }

    pub(super) fn finish(mut self) -> Pages {
        self.end_page();
        self.pages
    }
}

/// What an entry takes if all of its texts are new.
fn most_bytes(entry: &SeriesEntry) -> usize {
    match &entry.name {
        SeriesName::Hash(_) => HASHED_BYTES,
        SeriesName::Key(key, _) => KEYED_BYTES + key.byte_len() + (1 + 2 * key.tags().len()) * TEXT_BYTES,
    }
}

/// The entries of a page whose checksum was right, with hashes or with whole keys.
pub(super) fn decode_page(page: &[u8], with_keys: bool) -> Result<Vec<SeriesEntry>, Flaw> {
    let mut reader = Reader::new(page);
    let mut entries: Vec<SeriesEntry> = Vec::new();
    let mut texts = Texts::default();
    while !reader.is_empty() {
        let step = reader.varint_u32()?;
        let previous = entries.last().map_or(0, |entry| entry.id.get());
        let id = previous.checked_add(step).ok_or(Flaw("a series id overflows"))?;
        if step == 0 && !entries.is_empty() {
            return Err(Flaw("series ids do not ascend"));
        }
        let (ty, name) = if with_keys {
            let (ty, duplicates) = read_kind(&mut reader).map_err(|_| Flaw("a kind of series is unknown"))?;
            (ty, SeriesName::Key(texts.read_key(&mut reader)?, duplicates))
        } else {
            let hash = reader.u64()?;
            let ty = ValueType::from_code(reader.u8()?).ok_or(Flaw("a value type is unknown"))?;
            (ty, SeriesName::Hash(hash))
        };
        entries.push(SeriesEntry { id: SeriesId::new(id), ty, name });
    }
    Ok(entries)
}

/// The texts of a page as far as it was read; the keys share them.
#[derive(Debug, Default)]
struct Texts<'a> {
    numbered: Vec<Arc<str>>,
    known: BTreeSet<&'a str>,
}

impl<'a> Texts<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<Arc<str>, Flaw> {
        let number = reader.varint()?;
        if let Some(before) = number.checked_sub(1) {
            let known = usize::try_from(before).ok().and_then(|at| self.numbered.get(at));
            return known.cloned().ok_or(Flaw("a text's number is beyond those of its page"));
        }
        let len = reader.count(1)?;
        let text = std::str::from_utf8(reader.bytes(len)?).map_err(|_| Flaw("a text is not UTF-8"))?;
        // Else one page would have many encodings.
        if !self.known.insert(text) {
            return Err(Flaw("a text stands in its page twice"));
        }
        let text: Arc<str> = text.into();
        self.numbered.push(Arc::clone(&text));
        Ok(text)
    }

    /// A key, held to the rules that every write was held to.
    fn read_key(&mut self, reader: &mut Reader<'a>) -> Result<SeriesKey, Flaw> {
        let metric = self.read(reader)?;
        let tags = reader.count(2)?;
        if tags > MAX_TAGS {
            return Err(Flaw("a series has too many tags"));
        }
        let mut read_tag = || Ok((self.read(reader)?, self.read(reader)?));
        let tags: Vec<_> = (0..tags).map(|_| read_tag()).collect::<Result<_, Flaw>>()?;
        let key = SeriesKey::from_sorted(metric, tags).ok_or(Flaw("a series' tags do not ascend"))?;
        if key.check().is_ok() { Ok(key) } else { Err(Flaw("a series key breaks a rule")) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::seal::Seal;
    use super::*;
    use crate::version::FileId;

    fn entry(id: u32, key: SeriesKey) -> SeriesEntry {
        let name = SeriesName::Key(key, Duplicates::KeepLast);
        SeriesEntry { id: SeriesId::new(id), ty: ValueType::I64, name }
    }

    fn pages(entries: &[SeriesEntry]) -> Vec<Vec<u8>> {
        let mut writer = DictionaryWriter::default();
        for entry in entries {
            writer.push(entry);
        }
        let seal = Seal::new(uuid::Uuid::nil(), FileId::new(1));
        let pages = writer.finish();
        pages.sealed(&seal, 0).map(|page| page[..page.len() - SEAL_LEN].to_vec()).collect()
    }

    fn decoded(pages: &[Vec<u8>]) -> Vec<SeriesEntry> {
        pages.iter().flat_map(|page| decode_page(page, true).unwrap()).collect()
    }

    #[test]
    fn each_text_stands_once_in_a_page() {
        let key = |host: u32, core: u32| {
            SeriesKey::new("cpu_usage_seconds").tag("host", format!("h{host}")).tag("core", core.to_string())
        };
        let entries: Vec<_> = (0..1000).map(|id| entry(id, key(id / 10, id % 10))).collect();
        let pages = pages(&entries);
        assert_eq!(decoded(&pages), entries);
        // An id, a kind, a name, a number of tags and two of each: eight bytes a series, and a hundred hosts once.
        assert_eq!(pages.len(), 1);
        assert!(pages[0].len() < 1000 * 8 + 100 * 8, "{} bytes", pages[0].len());
        let cpu = b"cpu_usage_seconds";
        assert_eq!(pages[0].windows(cpu.len()).filter(|window| window == cpu).count(), 1);
    }

    #[test]
    fn keys_of_any_size_find_a_page() {
        let widest = (0..64).fold(SeriesKey::new("m"), |key, n| key.tag(format!("{n:02}"), "v".repeat(250)));
        let keys = [
            SeriesKey::new("a"),
            SeriesKey::new("m".repeat(MAX_KEY_BYTES)),
            SeriesKey::new("a").tag("größe", "").tag("höhe", "a"),
            widest,
            SeriesKey::new("n".repeat(9000)),
            SeriesKey::new("n".repeat(9001)),
        ];
        assert!(keys.iter().all(|key| key.check().is_ok()));
        let entries: Vec<_> = (0..).map(|n| n * 400).zip(keys).map(|(id, key)| entry(id, key)).collect();
        let pages = pages(&entries);
        assert_eq!(decoded(&pages), entries);
        assert!(pages.len() >= 5 && pages.iter().all(|page| page.len() + SEAL_LEN <= MOST_PAGE_BYTES));
    }

    #[test]
    fn what_no_writer_writes_is_refused() {
        let refused = |page: &[u8]| decode_page(page, true).unwrap_err().0;
        let kind = 0x12;
        assert!(decode_page(&[3, kind, 0, 1, b'm', 0], true).is_ok());
        assert_eq!(refused(&[3, 0x35, 0, 1, b'm', 0]), "a kind of series is unknown");
        assert_eq!(refused(&[3, kind, 1, 0]), "a text's number is beyond those of its page");
        assert_eq!(refused(&[3, kind, 0, 1, 0xff, 0]), "a text is not UTF-8");
        assert_eq!(refused(&[3, kind, 0, 0, 0]), "a series key breaks a rule");
        assert_eq!(refused(&[3, kind, 0, 1, b'm', 1, 0, 1, b'm', 0, 0]), "a text stands in its page twice");
        assert_eq!(refused(&[3, kind, 0, 1, b'm', 2, 0, 1, b'b', 1, 0, 1, b'a', 1]), "a series' tags do not ascend");
        assert_eq!(refused(&[3, kind, 0, 1, b'm', 2, 1, 1, 1, 1]), "a series' tags do not ascend");
        assert_eq!(refused(&[3, kind, 0, 1, b'm', 0, 0, kind, 1, 0]), "series ids do not ascend");
        for len in 1..6 {
            decode_page(&[3, kind, 0, 1, b'm', 0][..len], true).unwrap_err();
        }
    }
}
