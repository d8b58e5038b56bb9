//! Series by the bytes of measurement and tags, and by the name of the field.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use timestrata::SeriesKey;

use super::key::{parse_field_name, parse_key};
use crate::Rows;
use crate::formats::row_error::RowError;
use crate::formats::series_interner::{SeriesOptions, TypedSeries};

/// Bytes after which the table is emptied. The series in [`Rows`] stay.
const MAX_TABLE_BYTES: usize = 256 << 20;
/// Estimated overhead of a key or a field.
const ENTRY_BYTES: usize = 96;
/// Name of the field whose series has no field tag.
const PLAIN_FIELD: &[u8] = b"value";
/// Tag that holds the names of other fields.
const FIELD_TAG: &str = "_field";

/// Measurement and tags as the input writes them.
struct KeyEntry {
    spelling: Box<[u8]>,
    key: SeriesKey,
    /// In the order of their first occurrence.
    fields: Vec<FieldEntry>,
}

struct FieldEntry {
    spelling: Box<[u8]>,
    series: TypedSeries,
}

/// Index of a key in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyIndex(usize);

/// See the head of this file. A lookup of the key of the row before, and of the field that followed the field before,
/// compares bytes and hashes nothing.
#[derive(Default)]
pub(super) struct SeriesTable {
    keys: Vec<KeyEntry>,
    by_spelling: HashTable<usize>,
    /// Index of a key, and of a field in it.
    by_field: HashTable<(usize, usize)>,
    hasher: DefaultHashBuilder,
    newest: Option<usize>,
    bytes: usize,
}

impl SeriesTable {
    /// Returns the key with this spelling, and parses it if it is new.
    pub(super) fn key(&mut self, spelling: &[u8], options: &SeriesOptions) -> Result<KeyIndex, RowError> {
        if let Some(newest) = self.newest.filter(|newest| *self.keys[*newest].spelling == *spelling) {
            return Ok(KeyIndex(newest));
        }
        let hash = self.hasher.hash_one(spelling);
        let found = self.by_spelling.find(hash, |at| *self.keys[*at].spelling == *spelling);
        let index = match found {
            Some(index) => *index,
            None => self.add_key(hash, spelling, options)?,
        };
        self.newest = Some(index);
        Ok(KeyIndex(index))
    }

    fn add_key(&mut self, hash: u64, spelling: &[u8], options: &SeriesOptions) -> Result<usize, RowError> {
        let key = parse_key(spelling, options)?;
        key.validate().map_err(|error| RowError::refused(error.to_string()))?;
        self.make_room(2 * spelling.len() + ENTRY_BYTES);
        let index = self.keys.len();
        self.keys.push(KeyEntry { spelling: spelling.into(), key, fields: Vec::new() });
        let Self { keys, hasher, by_spelling, .. } = self;
        by_spelling.insert_unique(hash, index, |at| hasher.hash_one(&*keys[*at].spelling));
        Ok(index)
    }

    /// Empties the table if it is full.
    fn make_room(&mut self, bytes: usize) {
        if self.bytes + bytes > MAX_TABLE_BYTES {
            self.keys.clear();
            self.by_spelling.clear();
            self.by_field.clear();
            (self.newest, self.bytes) = (None, 0);
        }
        self.bytes += bytes;
    }

    /// Returns the length of the name and the series of field number `at`, if `text` begins with its name and `=`.
    #[inline]
    pub(super) fn expected_field(
        &self,
        KeyIndex(key): KeyIndex,
        at: usize,
        text: &[u8],
    ) -> Option<(usize, TypedSeries)> {
        let field = self.keys[key].fields.get(at)?;
        let len = field.spelling.len();
        (text.get(len) == Some(&b'=') && text[..len] == *field.spelling).then_some((len, field.series))
    }

    /// Returns the series of a field and its number, and creates it if it is new.
    pub(super) fn field(
        &mut self,
        KeyIndex(key): KeyIndex,
        spelling: &[u8],
        options: &SeriesOptions,
        rows: &mut Rows,
    ) -> Result<(usize, TypedSeries), RowError> {
        let hash = self.hasher.hash_one((key, spelling));
        let found = self.by_field.find(hash, |(k, f)| *k == key && *self.keys[*k].fields[*f].spelling == *spelling);
        if let Some((_, at)) = found {
            return Ok((*at, self.keys[key].fields[*at].series));
        }
        let name = parse_field_name(spelling)?;
        let plain = self.keys[key].key.clone();
        let full = if spelling == PLAIN_FIELD { plain } else { plain.tag(FIELD_TAG, &name) };
        let series = options.intern(rows, &full, &name)?;
        let at = self.keys[key].fields.len();
        self.keys[key].fields.push(FieldEntry { spelling: spelling.into(), series });
        self.bytes += spelling.len() + ENTRY_BYTES;
        let Self { keys, hasher, by_field, .. } = self;
        by_field.insert_unique(hash, (key, at), |(k, f)| hasher.hash_one((*k, &*keys[*k].fields[*f].spelling)));
        Ok((at, series))
    }
}
