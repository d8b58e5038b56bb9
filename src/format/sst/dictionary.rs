//! Series dictionary of an SST: id, value type and key of each series in the file.
//!
//! Files of level 0 contain a 16-bit hash of each key, since whole keys would take more space than the points. The hash
//! shows that a file belongs to other definitions than those of the series log; of one wrong definition it misses one in
//! 65,536. Files of all other levels contain the whole keys and the duplicate policies, so that their series can be
//! identified without the series log.
//!
//! ```text
//!  page (level 0):        [id delta and type, hash] [id delta and type, hash] ...
//!  page (other levels):   [id delta, kind, metric, tag count, (tag key, tag value) ...] ...
//! ```
//!
//! A kind is a value type and a duplicate policy. In pages with whole keys, texts (metrics, tag keys and tag values)
//! are interned: a text is stored where it first occurs in the page, and each later occurrence is stored as the number
//! of the text, from 1 in the order of first occurrence.
//!
//! Invariants:
//! - Each page can be decoded alone; ids ascend within it.
//! - A decoded key satisfies all rules that writes check.
//! - The memory of a decoded page is bounded: the length of a page bounds its entries, and a key has at most
//!   [`MAX_SERIES_KEY_BYTES`]. A text that all entries of a page share is stored once and decoded for each of them: a page
//!   of 16 KiB with one text of 4 KiB takes some megabytes.

use std::collections::{BTreeMap, BTreeSet};

use super::checksum::CHECKSUM_BYTES;
use super::top_page::{MAX_DICTIONARY_PAGE_BYTES, MAX_PAGE_BYTES, PageBuilder, PageKey};
use crate::format::bytes::series_key::{put_series_kind, read_series_kind};
use crate::format::bytes::{ByteReader, DecodeError, put_text, put_varint};
use crate::state::version::L0;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::ValueType;
use crate::types::series::{MAX_SERIES_KEY_BYTES, MAX_SERIES_TAGS, SeriesId, SeriesKey};

/// A series of a file: id, value type and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DictionaryEntry {
    pub(crate) id: SeriesId,
    pub(crate) ty: ValueType,
    pub(crate) key: DictionaryKey,
}

/// Identification of a series in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DictionaryKey {
    /// Hash of the key, in level 0: see [`key_hash`](super::key_hash).
    Hash(u16),
    /// Whole key and duplicate policy, in all other levels.
    Key(SeriesKey, DuplicatePolicy),
}

/// Returns `true` if files of the level contain whole keys.
pub(crate) const fn stores_full_keys(level: u8) -> bool {
    level != L0
}

/// Maximum length of an entry with a hash, in bytes: id and type 5, hash 2.
const MAX_HASH_ENTRY_BYTES: usize = 7;

/// Number of value types. In an entry with a hash, the type is the remainder of its first number.
const TYPES: u64 = 4;

/// Maximum bytes of an entry with a key, apart from its texts: id 5, kind 1, number of tags 2.
const MAX_KEY_ENTRY_OVERHEAD: usize = 8;

/// Maximum bytes before a text: the marker of a new text and its length. The number of a known text is not longer.
const MAX_TEXT_PREFIX_BYTES: usize = 4;

// A page with a single entry can hold any key.
const _: () = assert!(
    MAX_KEY_ENTRY_OVERHEAD + MAX_SERIES_KEY_BYTES + (1 + 2 * MAX_SERIES_TAGS) * MAX_TEXT_PREFIX_BYTES + CHECKSUM_BYTES
        <= MAX_DICTIONARY_PAGE_BYTES
);

/// Builder of the dictionary pages from entries in ascending order of ids.
#[derive(Debug, Default)]
pub(crate) struct DictionaryWriter {
    pages: PageBuilder,
    /// Encoded entries of the current page.
    page: Vec<u8>,
    /// First series of the current page; `None` if the page is empty.
    first: Option<SeriesId>,
    /// Id of the previous entry in the page, or 0.
    previous: u32,
    /// Numbers of the texts of the current page, from 1 in the order of first occurrence.
    texts: BTreeMap<Box<str>, u64>,
}

impl DictionaryWriter {
    /// Adds the next entry, in a new page if the current page could otherwise exceed [`MAX_PAGE_BYTES`].
    pub(crate) fn push(&mut self, entry: &DictionaryEntry) {
        if self.page.len() + max_encoded_len(entry) + CHECKSUM_BYTES > MAX_PAGE_BYTES {
            self.end_page();
        }
        let DictionaryEntry { id, ty, key } = entry;
        self.first.get_or_insert(*id);
        let step = u64::from(id.get() - self.previous);
        self.previous = id.get();
        match key {
            DictionaryKey::Hash(hash) => {
                put_varint(&mut self.page, step * TYPES + u64::from(*ty as u8 - 1));
                self.page.extend_from_slice(&hash.to_le_bytes());
            }
            DictionaryKey::Key(key, duplicates) => {
                put_varint(&mut self.page, step);
                put_series_kind(&mut self.page, *ty, *duplicates);
                self.put_interned(key.metric());
                put_varint(&mut self.page, key.tags().len() as u64);
                for text in key.tags().flat_map(|(key, value)| [key, value]) {
                    self.put_interned(text);
                }
            }
        }
    }

    /// Appends 0 and the text if the text is new to the page, else its number.
    fn put_interned(&mut self, text: &str) {
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

    /// Ends the current page and returns all pages.
    pub(crate) fn finish(mut self) -> PageBuilder {
        self.end_page();
        self.pages
    }
}

/// Returns an upper bound of the length of an entry in bytes. It is valid even if all texts of the entry are new.
fn max_encoded_len(entry: &DictionaryEntry) -> usize {
    match &entry.key {
        DictionaryKey::Hash(_) => MAX_HASH_ENTRY_BYTES,
        DictionaryKey::Key(key, _) => {
            MAX_KEY_ENTRY_OVERHEAD + key.byte_len() + (1 + 2 * key.tags().len()) * MAX_TEXT_PREFIX_BYTES
        }
    }
}

/// Decodes a page without its checksum, which the caller has checked.
///
/// If `with_keys` is `true`, the entries have whole keys, otherwise hashes.
pub(crate) fn decode_page(page: &[u8], with_keys: bool) -> Result<Vec<DictionaryEntry>, DecodeError> {
    let mut reader = ByteReader::new(page);
    let mut entries: Vec<DictionaryEntry> = Vec::new();
    let mut texts = TextTable::default();
    while !reader.is_empty() {
        let (step, ty) = if with_keys { (reader.varint_u32()?, None) } else { read_step_and_type(&mut reader)? };
        let previous = entries.last().map_or(0, |entry| entry.id.get());
        let id = previous.checked_add(step).ok_or(DecodeError("a series id overflows"))?;
        if step == 0 && !entries.is_empty() {
            return Err(DecodeError("series ids do not ascend"));
        }
        let (ty, key) = if let Some(ty) = ty {
            (ty, DictionaryKey::Hash(u16::from_le_bytes(reader.array()?)))
        } else {
            let (ty, duplicates) =
                read_series_kind(&mut reader).map_err(|_| DecodeError("a series kind is unknown"))?;
            (ty, DictionaryKey::Key(texts.read_key(&mut reader)?, duplicates))
        };
        entries.push(DictionaryEntry { id: SeriesId::new(id), ty, key });
    }
    Ok(entries)
}

/// Reads the first number of an entry with a hash: the difference of the ids, and the value type.
fn read_step_and_type(reader: &mut ByteReader<'_>) -> Result<(u32, Option<ValueType>), DecodeError> {
    let number = reader.varint_u64()?;
    let step = u32::try_from(number / TYPES).map_err(|_| DecodeError("a series id overflows"))?;
    let code = u8::try_from(number % TYPES + 1).ok().and_then(ValueType::from_code);
    Ok((step, Some(code.ok_or(DecodeError("a value type is unknown"))?)))
}

/// Texts of a page that were decoded so far.
#[derive(Debug, Default)]
struct TextTable<'a> {
    /// Text `n` is at index `n - 1`.
    by_number: Vec<&'a str>,
    seen: BTreeSet<&'a str>,
}

impl<'a> TextTable<'a> {
    /// Reads a new text or the number of an earlier one, and returns the text.
    fn read(&mut self, reader: &mut ByteReader<'a>) -> Result<&'a str, DecodeError> {
        let number = reader.varint_u64()?;
        if let Some(before) = number.checked_sub(1) {
            let earlier = usize::try_from(before).ok().and_then(|at| self.by_number.get(at));
            return earlier.copied().ok_or(DecodeError("the number of a text is out of range"));
        }
        let len = reader.count(1)?;
        let text = std::str::from_utf8(reader.bytes(len)?).map_err(|_| DecodeError("a text is not UTF-8"))?;
        // Otherwise a page would have several encodings.
        if !self.seen.insert(text) {
            return Err(DecodeError("a text occurs twice in its page"));
        }
        self.by_number.push(text);
        Ok(text)
    }

    /// Reads a key, and checks the rules for keys that every write checks.
    fn read_key(&mut self, reader: &mut ByteReader<'a>) -> Result<SeriesKey, DecodeError> {
        let metric = self.read(reader)?;
        let tags = reader.count(2)?;
        if tags > MAX_SERIES_TAGS {
            return Err(DecodeError("a series has too many tags"));
        }
        let mut read_tag = || Ok((self.read(reader)?, self.read(reader)?));
        let tags: Vec<_> = (0..tags).map(|_| read_tag()).collect::<Result<_, DecodeError>>()?;
        if !tags.is_sorted_by(|(one, _), (other, _)| one < other) {
            return Err(DecodeError("the tags of a series do not ascend"));
        }
        let key = SeriesKey::from_stored(metric, tags.into_iter());
        if key.validate().is_ok() { Ok(key) } else { Err(DecodeError("a series key breaks a rule")) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checksum::PartChecksum;
    use super::*;
    use crate::state::file_id::FileId;

    fn entry(id: u32, key: SeriesKey) -> DictionaryEntry {
        let key = DictionaryKey::Key(key, DuplicatePolicy::KeepLast);
        DictionaryEntry { id: SeriesId::new(id), ty: ValueType::I64, key }
    }

    fn pages(entries: &[DictionaryEntry]) -> Vec<Vec<u8>> {
        let mut writer = DictionaryWriter::default();
        for entry in entries {
            writer.push(entry);
        }
        let checksum = PartChecksum::new(uuid::Uuid::nil(), FileId::new(1));
        let pages = writer.finish();
        pages.with_checksums(&checksum, 0).map(|page| page[..page.len() - CHECKSUM_BYTES].to_vec()).collect()
    }

    fn decoded(pages: &[Vec<u8>]) -> Vec<DictionaryEntry> {
        pages.iter().flat_map(|page| decode_page(page, true).unwrap()).collect()
    }

    #[test]
    fn each_text_is_stored_once_per_page() {
        let key = |host: u32, core: u32| {
            SeriesKey::new("cpu_usage_seconds").tag("host", format!("h{host}")).tag("core", core.to_string())
        };
        let entries: Vec<_> = (0..1000).map(|id| entry(id, key(id / 10, id % 10))).collect();
        let pages = pages(&entries);
        assert_eq!(decoded(&pages), entries);
        // Id, kind, metric, number of tags, two tag keys and two tag values: eight bytes per series, and 100 hosts
        // once.
        assert_eq!(pages.len(), 1);
        assert!(pages[0].len() < 1000 * 8 + 100 * 8, "{} bytes", pages[0].len());
        let cpu = b"cpu_usage_seconds";
        assert_eq!(pages[0].windows(cpu.len()).filter(|window| window == cpu).count(), 1);
    }

    #[test]
    fn keys_of_any_size_fit_a_page() {
        let widest = |tags: usize, len| {
            (0..tags).fold(SeriesKey::new("m"), |key, n| key.tag(format!("{n:03}"), "v".repeat(len)))
        };
        let keys = [
            SeriesKey::new("a"),
            SeriesKey::new("m".repeat(MAX_SERIES_KEY_BYTES)),
            SeriesKey::from_stored("a", [("größe", ""), ("höhe", "a")].into_iter()),
            widest(64, 250),
            widest(MAX_SERIES_TAGS, 60),
            SeriesKey::new("a\nb\0").tag("\t", "\u{85}\r"),
            SeriesKey::new("n".repeat(9000)),
            SeriesKey::new("n".repeat(9001)),
        ];
        assert!(keys.iter().all(|key| key.validate().is_ok()));
        let entries: Vec<_> = (0..).map(|n| n * 400).zip(keys).map(|(id, key)| entry(id, key)).collect();
        let pages = pages(&entries);
        assert_eq!(decoded(&pages), entries);
        assert!(pages.len() >= 5 && pages.iter().all(|page| page.len() + CHECKSUM_BYTES <= MAX_DICTIONARY_PAGE_BYTES));
    }

    #[test]
    fn pages_that_no_writer_produces_are_refused() {
        let refused = |page: &[u8]| decode_page(page, true).unwrap_err().0;
        let kind = 0x12;
        assert!(decode_page(&[3, kind, 0, 1, b'm', 0], true).is_ok());
        assert_eq!(refused(&[3, 0x35, 0, 1, b'm', 0]), "a series kind is unknown");
        assert_eq!(refused(&[3, kind, 1, 0]), "the number of a text is out of range");
        assert_eq!(refused(&[3, kind, 0, 1, 0xff, 0]), "a text is not UTF-8");
        assert_eq!(refused(&[3, kind, 0, 0, 0]), "a series key breaks a rule");
        assert_eq!(refused(&[3, kind, 0, 1, b'm', 1, 0, 1, b'm', 0, 0]), "a text occurs twice in its page");
        assert_eq!(
            refused(&[3, kind, 0, 1, b'm', 2, 0, 1, b'b', 1, 0, 1, b'a', 1]),
            "the tags of a series do not ascend"
        );
        assert_eq!(refused(&[3, kind, 0, 1, b'm', 2, 1, 1, 1, 1]), "the tags of a series do not ascend");
        assert_eq!(refused(&[3, kind, 0, 1, b'm', 0, 0, kind, 1, 0]), "series ids do not ascend");
        for len in 1..6 {
            decode_page(&[3, kind, 0, 1, b'm', 0][..len], true).unwrap_err();
        }
    }
}
