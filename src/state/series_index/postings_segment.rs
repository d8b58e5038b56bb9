//! A postings segment: the series of each metric name, tag and tag value in a run of series.
//!
//! The ids of the run ascend.
//!
//! A segment is created when its run is full, and never changes, so that all versions share it. It copies no text: it
//! refers to the text in the key of the first series that has it. Positions count from the first series of the run and
//! fit in 16 bits.

use std::collections::HashMap;
use std::ops::Range;

use roaring::RoaringBitmap;

use crate::sync::Arc;
use crate::types::series::{IndexFilter, SeriesInfo, SeriesKey, SeriesSet, TextPredicate, ValueHint};

/// Maximum number of series of a segment, so that positions fit in 16 bits.
pub(super) const MAX_SEGMENT_SERIES: usize = 1 << 16;

/// Maximum number of positions that a list stores as an array.
///
/// A longer list is a bitmap, which is joined faster.
const MAX_ARRAY_LEN: usize = 64;

/// Postings of a run of series.
#[derive(Debug)]
pub(super) struct PostingsSegment {
    series: Box<[Arc<SeriesInfo>]>,
    /// Metric names, sorted.
    metrics: Box<[TextPostings]>,
    /// Tags, sorted by key.
    tags: Box<[TagPostings]>,
    /// Values of all tags, in the order of the tags and sorted within each tag.
    values: Box<[TextPostings]>,
}

/// Place of a text: position of a series that has it, and index of the tag in the key of the series.
///
/// The index is 0 for a metric name.
type TextRef = (u16, u8);

/// A text and the series that have it.
#[derive(Debug)]
struct TextPostings {
    text_ref: TextRef,
    list: PostingList,
}

/// A tag key, the series that have the tag, and the range of its values in the segment's `values`.
#[derive(Debug)]
struct TagPostings {
    text_ref: TextRef,
    values: Range<u32>,
    list: PostingList,
}

/// Ascending positions of series in the run. Most tag values belong to one series or to thousands.
#[derive(Debug)]
enum PostingList {
    One(u16),
    Few(Box<[u16]>),
    Many(Box<RoaringBitmap>),
}

impl PostingList {
    fn new(positions: &[u16]) -> Self {
        match positions {
            [position] => Self::One(*position),
            few if few.len() <= MAX_ARRAY_LEN => Self::Few(few.into()),
            many => {
                // They ascend, so that each is appended without a search.
                let positions = many.iter().map(|position| u32::from(*position));
                let list = RoaringBitmap::from_sorted_iter(positions.clone());
                Self::Many(Box::new(list.unwrap_or_else(|_| positions.collect())))
            }
        }
    }

    fn add_to(&self, found: &mut RoaringBitmap) {
        match self {
            Self::One(position) => _ = found.insert(u32::from(*position)),
            Self::Few(positions) => found.extend(positions.iter().map(|position| u32::from(*position))),
            Self::Many(positions) => *found |= &**positions,
        }
    }

    fn iter(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::One(position) => Box::new(std::iter::once(usize::from(*position))),
            Self::Few(positions) => Box::new(positions.iter().map(|position| usize::from(*position))),
            Self::Many(positions) => Box::new(positions.iter().map(|position| position as usize)),
        }
    }
}

/// Returns key and value of the tag at an index of a series key; empty texts if there is none.
fn tag_at(key: &SeriesKey, at: u8) -> (&str, &str) {
    key.tags().nth(usize::from(at)).unwrap_or_default()
}

impl PostingsSegment {
    /// Creates the segment of at most [`MAX_SEGMENT_SERIES`] series with ascending ids.
    pub(super) fn new(series: Box<[Arc<SeriesInfo>]>) -> Self {
        debug_assert!(series.len() <= MAX_SEGMENT_SERIES);
        let (metrics, tags, values) = build_postings(&series);
        Self { series, metrics, tags, values }
    }

    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Returns the number of ids of the set between the first and the last series.
    ///
    /// It is the number of series of the segment in the set, if the set has only ids of series in segments.
    pub(super) fn count_of(&self, ids: &SeriesSet) -> usize {
        let ends = self.series.first().zip(self.series.last());
        let count = ends.map_or(0, |(first, last)| ids.count_within(&(first.id..=last.id)));
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    pub(super) fn series(&self) -> &[Arc<SeriesInfo>] {
        &self.series
    }

    /// Returns the series that match the filter, by id in ascending order.
    pub(super) fn select(&self, filter: &IndexFilter<'_>) -> impl Iterator<Item = &Arc<SeriesInfo>> {
        self.positions(filter).into_iter().filter_map(|position| self.series.get(position as usize))
    }

    fn positions(&self, filter: &IndexFilter<'_>) -> RoaringBitmap {
        match filter {
            IndexFilter::Metric(name) => self.with_metric(name),
            IndexFilter::MetricMatches(predicate) => self.with_matching_metric(*predicate),
            IndexFilter::Tag(key, predicate) => self.with_tag(key, *predicate),
            IndexFilter::All(filters) => {
                let mut found = self.all();
                for filter in filters {
                    found &= self.positions(filter);
                    if found.is_empty() {
                        break;
                    }
                }
                found
            }
            IndexFilter::Any(filters) => {
                filters.iter().fold(RoaringBitmap::new(), |found, filter| found | self.positions(filter))
            }
            IndexFilter::Not(filter) => self.all() - self.positions(filter),
        }
    }

    fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        all
    }

    fn key(&self, position: u16) -> Option<&SeriesKey> {
        self.series.get(usize::from(position)).map(|def| &def.key)
    }

    fn metric_of(&self, posting: &TextPostings) -> &str {
        self.key(posting.text_ref.0).map_or("", SeriesKey::metric)
    }

    fn tag_of(&self, (position, at): TextRef) -> (&str, &str) {
        self.key(position).map_or(("", ""), |key| tag_at(key, at))
    }

    fn with_metric(&self, name: &str) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        self.add_metric(name, &mut found);
        found
    }

    /// Evaluates the predicate once per metric name of the segment, or looks up the names that it lists.
    fn with_matching_metric(&self, predicate: &dyn TextPredicate) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        let hint = predicate.value_hint();
        match hint {
            ValueHint::In(names) | ValueHint::NotIn(names) => {
                for name in names {
                    self.add_metric(name, &mut found);
                }
            }
            ValueHint::Scan => {
                for posting in self.metrics.iter().filter(|posting| predicate.matches(self.metric_of(posting))) {
                    posting.list.add_to(&mut found);
                }
            }
        }
        if matches!(hint, ValueHint::NotIn(_)) { self.all() - found } else { found }
    }

    fn add_metric(&self, name: &str, found: &mut RoaringBitmap) {
        if let Ok(at) = self.metrics.binary_search_by(|posting| self.metric_of(posting).cmp(name)) {
            self.metrics[at].list.add_to(found);
        }
    }

    fn find_tag(&self, key: &str) -> Option<&TagPostings> {
        let at = self.tags.binary_search_by(|tag| self.tag_of(tag.text_ref).0.cmp(key)).ok()?;
        self.tags.get(at)
    }

    fn values(&self, tag: &TagPostings) -> &[TextPostings] {
        self.values.get(tag.values.start as usize..tag.values.end as usize).unwrap_or_default()
    }

    fn with_tag(&self, key: &str, predicate: &dyn TextPredicate) -> RoaringBitmap {
        let missing_matches = predicate.matches("");
        let Some(tag) = self.find_tag(key) else {
            return if missing_matches { self.all() } else { RoaringBitmap::new() };
        };
        // The predicate gives the same result for all series without the tag. If it is `false`, the series that match
        // are collected; if it is `true`, those that do not match.
        let listed = match predicate.value_hint() {
            ValueHint::In(values) if !missing_matches => Some(values),
            ValueHint::NotIn(values) if missing_matches => Some(values),
            _ => None,
        };
        let mut found = RoaringBitmap::new();
        if let Some(values) = listed {
            for value in values {
                self.add_value(tag, value, &mut found);
            }
        } else {
            for posting in self.values(tag) {
                if predicate.matches(self.tag_of(posting.text_ref).1) != missing_matches {
                    posting.list.add_to(&mut found);
                }
            }
        }
        if missing_matches { self.all() - found } else { found }
    }

    fn add_value(&self, tag: &TagPostings, value: &str, found: &mut RoaringBitmap) {
        let values = self.values(tag);
        if let Ok(at) = values.binary_search_by(|posting| self.tag_of(posting.text_ref).1.cmp(value)) {
            values[at].list.add_to(found);
        }
    }

    /// Returns the metric names of the series for which `counts` returns `true`.
    pub(super) fn metrics(&self, counts: impl Fn(&SeriesInfo) -> bool) -> impl Iterator<Item = &str> {
        let counted = self.metrics.iter().filter(move |posting| self.any(&posting.list, &counts));
        counted.map(|posting| self.metric_of(posting))
    }

    /// Returns the tag keys of the series for which `counts` returns `true`.
    pub(super) fn tag_keys(&self, counts: impl Fn(&SeriesInfo) -> bool) -> impl Iterator<Item = &str> {
        let counted = self.tags.iter().filter(move |tag| self.any(&tag.list, &counts));
        counted.map(|tag| self.tag_of(tag.text_ref).0)
    }

    /// Returns the values of one tag in the series for which `counts` returns `true`.
    pub(super) fn tag_values(&self, key: &str, counts: impl Fn(&SeriesInfo) -> bool) -> impl Iterator<Item = &str> {
        let values = self.find_tag(key).map_or(&[][..], |tag| self.values(tag));
        let counted = values.iter().filter(move |posting| self.any(&posting.list, &counts));
        counted.map(|posting| self.tag_of(posting.text_ref).1)
    }

    fn any(&self, list: &PostingList, counts: impl Fn(&SeriesInfo) -> bool) -> bool {
        list.iter().any(|position| self.series.get(position).is_some_and(|def| counts(def)))
    }
}

/// Positions of one text while they are collected.
struct PostingsBuilder {
    text_ref: TextRef,
    positions: Vec<u16>,
}

impl PostingsBuilder {
    fn new(text_ref: TextRef) -> Self {
        Self { text_ref, positions: Vec::new() }
    }

    fn build(&self) -> TextPostings {
        TextPostings { text_ref: self.text_ref, list: PostingList::new(&self.positions) }
    }
}

fn sorted(builders: HashMap<&str, PostingsBuilder>) -> Vec<(&str, PostingsBuilder)> {
    let mut builders: Vec<(&str, PostingsBuilder)> = builders.into_iter().collect();
    builders.sort_unstable_by_key(|(text, _)| *text);
    builders
}

/// Metrics, tags and values of a segment.
type SegmentPostings = (Box<[TextPostings]>, Box<[TagPostings]>, Box<[TextPostings]>);

/// Builds the postings of a run.
///
/// Texts are collected by hash and sorted at the end, since they are far fewer than positions.
fn build_postings(series: &[Arc<SeriesInfo>]) -> SegmentPostings {
    let mut metrics: HashMap<&str, PostingsBuilder> = HashMap::new();
    let mut tags: HashMap<&str, (PostingsBuilder, HashMap<&str, PostingsBuilder>)> = HashMap::new();
    for (position, def) in (0..=u16::MAX).zip(series) {
        let metric = metrics.entry(def.key.metric()).or_insert_with(|| PostingsBuilder::new((position, 0)));
        metric.positions.push(position);
        for (at, (key, value)) in (0..=u8::MAX).zip(def.key.tags()) {
            let text_ref = (position, at);
            let (builder, values) = tags.entry(key).or_insert_with(|| (PostingsBuilder::new(text_ref), HashMap::new()));
            builder.positions.push(position);
            values.entry(value).or_insert_with(|| PostingsBuilder::new(text_ref)).positions.push(position);
        }
    }
    let metrics = sorted(metrics).iter().map(|(_, builder)| builder.build()).collect();
    let mut by_key: Vec<_> = tags.into_iter().collect();
    by_key.sort_unstable_by_key(|(key, _)| *key);
    let (mut tags, mut values) = (Vec::with_capacity(by_key.len()), Vec::new());
    for (_, (builder, own_values)) in by_key {
        let start = values.len();
        values.extend(sorted(own_values).iter().map(|(_, builder)| builder.build()));
        // At most 2^16 series with at most 64 tags each: far fewer than 2^32 values.
        let range = u32::try_from(start).unwrap_or(u32::MAX)..u32::try_from(values.len()).unwrap_or(u32::MAX);
        let list = PostingList::new(&builder.positions);
        tags.push(TagPostings { text_ref: builder.text_ref, values: range, list });
    }
    (metrics, tags.into(), values.into())
}
