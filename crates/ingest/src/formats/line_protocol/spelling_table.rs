//! Series by the bytes of measurement and tags, and by the name of the field, as one input writes them.
//!
//! A lookup of the key of the row before, and of the field that followed the field before, compares bytes and hashes
//! nothing. What an input writes for the first time is looked up in the [`SeriesTable`] of the options, if there is one: then
//! no key is built, and nothing is allocated but room in the tables.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use timestrata::{CachedSeries, SeriesKey};

use super::key::{parse_field_name, parse_key};
use crate::formats::row_error::RowError;
use crate::formats::series_interner::{SeriesOptions, TypedSeries};
use crate::{RefusalCode, Rows, SeriesTable};

/// Bytes after which the table is emptied. The series in [`Rows`] stay.
const MAX_TABLE_BYTES: usize = 256 << 20;
/// Estimated overhead of a key or a field.
const ENTRY_BYTES: usize = 96;
/// Name of the field whose series has no field tag.
const PLAIN_FIELD: &[u8] = b"value";
/// Tag that holds the names of other fields.
const FIELD_TAG: &str = "_field";
/// Fields of a key that are searched one after the other; further ones are found by a hash.
const LISTED_FIELDS: u32 = 8;
/// Start of a text in the table of known series. It distinguishes line protocol from protobuf, whose texts begin with the
/// number of a field or the length of a text, which this would be beyond the longest key.
const KNOWN_TEXT_START: &[u8] = b"\xFF\xFF\x01";

/// Measurement and tags as the input writes them.
struct KeyEntry {
    spelling: Range<u32>,
    /// `None` until a series of the key is built.
    key: Option<SeriesKey>,
    fields: u32,
    first: FieldIndex,
    last: FieldIndex,
}

struct FieldEntry {
    spelling: Range<u32>,
    series: TypedSeries,
    /// Field of the same key that came after this one for the first time.
    next: FieldIndex,
}

/// Index of a key in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyIndex(u32);

/// Index of a field in the table, or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldIndex(u32);

impl FieldIndex {
    const NONE: Self = Self(u32::MAX);
}

/// See the head of this file.
#[derive(Default)]
pub(super) struct SpellingTable {
    /// Spellings of keys and fields, one after the other.
    text: Vec<u8>,
    keys: Vec<KeyEntry>,
    fields: Vec<FieldEntry>,
    by_spelling: HashTable<KeyIndex>,
    /// Fields beyond the listed ones, by their key and spelling.
    by_field: HashTable<(KeyIndex, FieldIndex)>,
    hasher: DefaultHashBuilder,
    newest: Option<KeyIndex>,
    known: Option<Arc<SeriesTable>>,
    /// Text for the table of known series.
    known_text: Vec<u8>,
    bytes: usize,
}

fn at(index: u32) -> usize {
    index as usize
}

fn spelled<'a>(text: &'a [u8], spelling: &Range<u32>) -> &'a [u8] {
    &text[at(spelling.start)..at(spelling.end)]
}

impl SpellingTable {
    /// Creates an empty table; `known` are series that earlier inputs have named in the same way.
    pub(super) fn new(known: Option<Arc<SeriesTable>>) -> Self {
        Self { known, ..Self::default() }
    }

    /// Returns the key with this spelling.
    pub(super) fn key(&mut self, spelling: &[u8]) -> KeyIndex {
        if let Some(newest) = self.newest.filter(|newest| self.spelling(*newest) == spelling) {
            return newest;
        }
        self.make_room(2 * spelling.len() + ENTRY_BYTES);
        let hash = self.hasher.hash_one(spelling);
        let Self { text, keys, by_spelling, hasher, .. } = self;
        let entry = by_spelling.entry(
            hash,
            |key| spelled(text, &keys[at(key.0)].spelling) == spelling,
            |key| hasher.hash_one(spelled(text, &keys[at(key.0)].spelling)),
        );
        let key = match entry {
            Entry::Occupied(found) => {
                self.bytes -= 2 * spelling.len() + ENTRY_BYTES;
                *found.get()
            }
            Entry::Vacant(vacant) => {
                let key = KeyIndex(index(keys.len()));
                vacant.insert(key);
                let spelling = add_text(text, spelling);
                let (first, last) = (FieldIndex::NONE, FieldIndex::NONE);
                keys.push(KeyEntry { spelling, key: None, fields: 0, first, last });
                key
            }
        };
        self.newest = Some(key);
        key
    }

    fn spelling(&self, key: KeyIndex) -> &[u8] {
        spelled(&self.text, &self.keys[at(key.0)].spelling)
    }

    /// Empties the table if it is full.
    fn make_room(&mut self, bytes: usize) {
        if self.bytes + bytes > MAX_TABLE_BYTES {
            self.text.clear();
            self.keys.clear();
            self.fields.clear();
            self.by_spelling.clear();
            self.by_field.clear();
            (self.newest, self.bytes) = (None, 0);
        }
        self.bytes += bytes;
    }

    /// Returns the field that came first in rows of the key.
    #[inline]
    pub(super) fn first_field(&self, key: KeyIndex) -> FieldIndex {
        self.keys[at(key.0)].first
    }

    /// Returns the length of the name and the series of this field, and the field that follows it, if `text` begins with
    /// its name and `=`.
    #[inline]
    pub(super) fn expected_field(&self, field: FieldIndex, text: &[u8]) -> Option<(usize, TypedSeries, FieldIndex)> {
        let field = self.fields.get(at(field.0))?;
        let spelling = spelled(&self.text, &field.spelling);
        let len = spelling.len();
        (text.get(len) == Some(&b'=') && text[..len] == *spelling).then_some((len, field.series, field.next))
    }

    /// Returns the series of a field, and the field that follows it; creates the series if it is new.
    pub(super) fn field(
        &mut self,
        key: KeyIndex,
        spelling: &[u8],
        options: &SeriesOptions,
        rows: &mut Rows,
    ) -> Result<(TypedSeries, FieldIndex), RowError> {
        if let Some(found) = self.find_field(key, spelling) {
            let field = &self.fields[at(found.0)];
            return Ok((field.series, field.next));
        }
        let series = self.series(key, spelling, options, rows)?;
        self.add_field(key, spelling, series);
        Ok((series, FieldIndex::NONE))
    }

    fn find_field(&self, key: KeyIndex, spelling: &[u8]) -> Option<FieldIndex> {
        let is_same = |field: &FieldEntry| spelled(&self.text, &field.spelling) == spelling;
        let entry = &self.keys[at(key.0)];
        let mut listed = entry.first;
        for _ in 0..entry.fields.min(LISTED_FIELDS) {
            let field = &self.fields[at(listed.0)];
            if is_same(field) {
                return Some(listed);
            }
            listed = field.next;
        }
        if entry.fields <= LISTED_FIELDS {
            return None;
        }
        let hash = self.hasher.hash_one((key.0, spelling));
        let found = self.by_field.find(hash, |(k, field)| *k == key && is_same(&self.fields[at(field.0)]));
        found.map(|(_, field)| *field)
    }

    fn add_field(&mut self, key: KeyIndex, spelling: &[u8], series: TypedSeries) {
        self.bytes += spelling.len() + ENTRY_BYTES;
        let field = FieldIndex(index(self.fields.len()));
        let range = add_text(&mut self.text, spelling);
        self.fields.push(FieldEntry { spelling: range, series, next: FieldIndex::NONE });
        let entry = &mut self.keys[at(key.0)];
        if entry.last == FieldIndex::NONE {
            entry.first = field;
        } else {
            self.fields[at(entry.last.0)].next = field;
        }
        entry.last = field;
        entry.fields += 1;
        if entry.fields > LISTED_FIELDS {
            let hash = self.hasher.hash_one((key.0, spelling));
            let Self { text, fields, hasher, by_field, .. } = self;
            by_field.insert_unique(hash, (key, field), |(key, field)| {
                hasher.hash_one((key.0, spelled(text, &fields[at(field.0)].spelling)))
            });
        }
    }

    /// Returns the series of a field that the input names for the first time.
    fn series(
        &mut self,
        key: KeyIndex,
        field: &[u8],
        options: &SeriesOptions,
        rows: &mut Rows,
    ) -> Result<TypedSeries, RowError> {
        let Self { text, keys, known, known_text, .. } = self;
        let KeyEntry { spelling, key, .. } = &mut keys[at(key.0)];
        let spelling = spelled(text, spelling);
        let name = parse_field_name(field)?;
        let mut full_key = || -> Result<SeriesKey, RowError> {
            let plain = if let Some(key) = key {
                key.clone()
            } else {
                let parsed = parse_key(spelling, options)?;
                if let Some((code, reason)) = RefusalCode::of_key(&parsed) {
                    return Err(RowError::with_code(code, reason));
                }
                key.insert(parsed).clone()
            };
            Ok(if field == PLAIN_FIELD { plain } else { plain.tag(FIELD_TAG, &name) })
        };
        let Some(known) = known else { return options.intern(rows, &full_key()?, &name) };
        known_text.clear();
        known_text.extend_from_slice(KNOWN_TEXT_START);
        known_text.extend_from_slice(spelling);
        // A key has no space without a backslash before it, so key and field are distinct.
        known_text.push(b' ');
        known_text.extend_from_slice(field);
        let series = known.get_or_insert(known_text, || {
            let key = full_key()?;
            match RefusalCode::of_key(&key) {
                None => Ok(CachedSeries::new(key)),
                Some((code, reason)) => Err(RowError::with_code(code, reason)),
            }
        })?;
        options.add_known(rows, series)
    }
}

/// Returns an index; the table is emptied long before it has so many entries.
fn index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX - 1)
}

/// Appends a spelling, and returns its place.
fn add_text(text: &mut Vec<u8>, spelling: &[u8]) -> Range<u32> {
    let start = index(text.len());
    text.extend_from_slice(spelling);
    start..index(text.len())
}
