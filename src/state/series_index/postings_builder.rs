//! Builds the postings of a segment.
//!
//! Each text of the run gets a number at its first occurrence. Consecutive series share most of their texts, so that a
//! text is hashed only if the key before has another one at this place. The positions of all texts are then stored in
//! one array, in the order of the numbers.

use std::collections::HashMap;
use std::ops::Range;

use super::postings_segment::{PostingList, SegmentPostings, TagPostings, TextPostings, TextRef};
use crate::sync::Arc;
use crate::types::series::{IdentityBuild, SeriesInfo, SeriesKey, TextHasher};

/// Number of a text in a [`TextTable`].
type TextNumber = usize;

/// Kind of a text. Equal texts of two kinds have two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextKind {
    Metric,
    TagKey,
    /// Value of the tag whose key has this number.
    Value(TextNumber),
}

/// A text of the run.
#[derive(Debug)]
struct RunText<'a> {
    text: &'a str,
    kind: TextKind,
    /// Its first place.
    text_ref: TextRef,
    /// Number of series that have it.
    count: usize,
    /// Number of the previous text with the same hash.
    same_hash: Option<TextNumber>,
}

/// The distinct texts of a run.
#[derive(Debug, Default)]
struct TextTable<'a> {
    texts: Vec<RunText<'a>>,
    hasher: TextHasher,
    /// The last text of each hash.
    by_hash: HashMap<u64, TextNumber, IdentityBuild>,
}

impl<'a> TextTable<'a> {
    /// Returns the number of a text, which is added if the table does not have it.
    fn number(&mut self, kind: TextKind, text: &'a str, text_ref: TextRef) -> TextNumber {
        let of_kind = match kind {
            TextKind::Metric => 0,
            TextKind::TagKey => 1,
            TextKind::Value(key) => key as u64 + 2,
        };
        let hash = self.hasher.extend(of_kind, text);
        let last = self.by_hash.entry(hash).or_insert(usize::MAX);
        let mut found = self.texts.get(*last).map(|_| *last);
        let same_hash = found;
        while let Some((number, other)) = found.and_then(|number| Some((number, self.texts.get(number)?))) {
            if other.text == text && other.kind == kind {
                return number;
            }
            found = other.same_hash;
        }
        let number = self.texts.len();
        *last = number;
        self.texts.push(RunText { text, kind, text_ref, count: 0, same_hash });
        number
    }

    /// Counts the text for one more series.
    fn count(&mut self, number: TextNumber) {
        if let Some(text) = self.texts.get_mut(number) {
            text.count += 1;
        }
    }

    /// Returns the end of the positions of each text, if they are stored in the order of the numbers.
    fn ends(&self) -> Vec<usize> {
        let mut end = 0;
        let ends = self.texts.iter().map(|text| {
            end += text.count;
            end
        });
        ends.collect()
    }

    /// Returns the numbers of the texts: metrics, then keys of tags, then values by the key of their tag.
    ///
    /// Each part is sorted by text.
    fn sorted(&self) -> Vec<TextNumber> {
        let all = || self.texts.iter().enumerate();
        let mut keys: Vec<(&str, TextNumber)> =
            all().filter(|(_, text)| text.kind == TextKind::TagKey).map(|(number, text)| (text.text, number)).collect();
        keys.sort_unstable();
        let rank_of: HashMap<TextNumber, usize> = keys.iter().map(|(_, number)| *number).zip(2..).collect();
        let rank = |kind| match kind {
            TextKind::Metric => 0,
            TextKind::TagKey => 1,
            TextKind::Value(key) => rank_of.get(&key).copied().unwrap_or(usize::MAX),
        };
        let mut sorted: Vec<(usize, &str, TextNumber)> =
            all().map(|(number, text)| (rank(text.kind), text.text, number)).collect();
        sorted.sort_unstable();
        sorted.into_iter().map(|(.., number)| number).collect()
    }
}

/// Numbers of the texts of one key: those of the metric, and of key and value of each tag.
type KeyNumbers = (TextNumber, Vec<(TextNumber, TextNumber)>);

/// Replaces the numbers of the texts of one key by those of the next one.
///
/// Texts that both keys share have the same numbers.
fn number_texts<'a>(
    table: &mut TextTable<'a>,
    numbers: &mut KeyNumbers,
    position: u16,
    key: &'a SeriesKey,
    before: Option<&SeriesKey>,
) {
    if before.map(SeriesKey::metric) != Some(key.metric()) {
        numbers.0 = table.number(TextKind::Metric, key.metric(), (position, 0));
    }
    let tags = key.tags();
    numbers.1.resize(tags.len(), (0, 0));
    let before = before.into_iter().flat_map(SeriesKey::tags).map(Some).chain(std::iter::repeat(None));
    for (((at, (key, value)), before), numbers) in (0..=u8::MAX).zip(tags).zip(before).zip(&mut numbers.1) {
        let has_same_key = before.is_some_and(|(before, _)| before == key);
        if !has_same_key {
            numbers.0 = table.number(TextKind::TagKey, key, (position, at));
        }
        if !has_same_key || before.is_none_or(|(_, before)| before != value) {
            numbers.1 = table.number(TextKind::Value(numbers.0), value, (position, at));
        }
    }
}

/// Builds the postings of a run.
pub(super) fn build_postings(series: &[Arc<SeriesInfo>]) -> SegmentPostings {
    let mut table = TextTable::default();
    // The numbers of the texts of all keys, one after the other.
    let mut all: Vec<u32> = Vec::with_capacity(series.len() * 4);
    // The part of each series in them.
    let mut texts_of: Vec<(u16, Range<usize>)> = Vec::with_capacity(series.len());
    let (mut numbers, mut before): (KeyNumbers, _) = (KeyNumbers::default(), None);
    for (position, def) in (0..=u16::MAX).zip(series) {
        number_texts(&mut table, &mut numbers, position, &def.key, before);
        before = Some(&def.key);
        let start = all.len();
        let of_key = std::iter::once(numbers.0).chain(numbers.1.iter().flat_map(|(key, value)| [*key, *value]));
        for number in of_key {
            table.count(number);
            // At most 2^16 series with at most 513 texts each: far fewer than 2^32.
            all.push(u32::try_from(number).unwrap_or(u32::MAX));
        }
        texts_of.push((position, start..all.len()));
    }
    // From the last position to the first, so that the positions of each text ascend.
    let ends = table.ends();
    let (mut starts, mut positions) = (ends.clone(), vec![0; all.len()]);
    for (position, texts) in texts_of.into_iter().rev() {
        for number in all.get(texts).unwrap_or_default() {
            if let Some(start) = starts.get_mut(*number as usize) {
                *start = start.saturating_sub(1);
                if let Some(place) = positions.get_mut(*start) {
                    *place = position;
                }
            }
        }
    }
    let list_of = |number: TextNumber| {
        let range = starts.get(number).zip(ends.get(number)).map_or(0..0, |(start, end)| *start..*end);
        PostingList::new(positions.get(range).unwrap_or_default())
    };
    assemble(&table, list_of)
}

/// Builds the postings of a run from its texts.
fn assemble(table: &TextTable<'_>, list_of: impl Fn(TextNumber) -> PostingList) -> SegmentPostings {
    let (mut metrics, mut tags, mut values) = (Vec::new(), Vec::new(), Vec::new());
    // Index in `tags` by the number of the tag's key.
    let mut tag_at: HashMap<TextNumber, usize> = HashMap::new();
    for number in table.sorted() {
        let Some(text) = table.texts.get(number) else { continue };
        let postings = TextPostings { text_ref: text.text_ref, list: list_of(number) };
        match text.kind {
            TextKind::Metric => metrics.push(postings),
            TextKind::TagKey => {
                tag_at.insert(number, tags.len());
                tags.push(TagPostings { text_ref: text.text_ref, values: 0..0, list: postings.list });
            }
            TextKind::Value(key) => {
                let start = u32::try_from(values.len()).unwrap_or(u32::MAX);
                values.push(postings);
                if let Some(tag) = tag_at.get(&key).and_then(|at| tags.get_mut(*at)) {
                    extend(&mut tag.values, start);
                }
            }
        }
    }
    SegmentPostings { metrics: metrics.into(), tags: tags.into(), values: values.into() }
}

/// Adds the value at this index, which is the first one or follows the others, to the range of a tag.
fn extend(values: &mut Range<u32>, at: u32) {
    if values.start == values.end {
        values.start = at;
    }
    values.end = at + 1;
}
