//! A postings segment: the series of each metric name, tag and tag value in a run of series.
//!
//! The ids of the run ascend.
//!
//! A segment is created when its run is full, and its series never change, so that all versions share it. Its postings
//! follow from the series, and are built later if the series are restored by an opening. They copy no text: they refer to
//! the text in the key of the first series that has it. Positions count from the first series of the run and
//! fit in 16 bits.

use std::ops::Range;

use roaring::RoaringBitmap;

use super::names::{CountedSeries, NameKind};
use super::postings_builder::build_postings;
use crate::sync::{Arc, SetOnce};
use crate::types::series::{IndexFilter, MAX_SERIES_TAGS, SeriesInfo, SeriesKey, SeriesSet, TextPredicate, ValueHint};

/// Maximum number of series of a segment, so that positions fit in 16 bits.
pub(super) const MAX_SEGMENT_SERIES: usize = 1 << 16;

/// Maximum number of positions that a list stores as an array.
///
/// A longer list is a bitmap, which is joined faster.
const MAX_ARRAY_LEN: usize = 64;

/// A run of series with its postings.
#[derive(Debug)]
pub(super) struct PostingsSegment {
    series: Box<[Arc<SeriesInfo>]>,
    /// Built when they are first needed, or before: they follow from the series.
    postings: SetOnce<SegmentPostings>,
}

/// Postings of a run of series.
#[derive(Debug)]
pub(super) struct SegmentPostings {
    /// Metric names, sorted.
    pub(super) metrics: Box<[TextPostings]>,
    /// Tags, sorted by key.
    pub(super) tags: Box<[TagPostings]>,
    /// Values of all tags, in the order of the tags and sorted within each tag.
    pub(super) values: Box<[TextPostings]>,
}

// The index of a tag fits in 8 bits.
const _: () = assert!(MAX_SERIES_TAGS <= 1 << 8);

/// Place of a text: position of a series that has it, and index of the tag in the key of the series.
///
/// The index is 0 for a metric name.
pub(super) type TextRef = (u16, u8);

/// A text and the series that have it.
#[derive(Debug)]
pub(super) struct TextPostings {
    pub(super) text_ref: TextRef,
    pub(super) list: PostingList,
}

/// A tag key, the series that have the tag, and the range of its values in the segment's `values`.
#[derive(Debug)]
pub(super) struct TagPostings {
    pub(super) text_ref: TextRef,
    pub(super) values: Range<u32>,
    pub(super) list: PostingList,
}

/// Ascending positions of series in the run. Most tag values belong to one series or to thousands.
#[derive(Debug)]
pub(super) enum PostingList {
    One(u16),
    Few(Box<[u16]>),
    Many(Box<RoaringBitmap>),
}

/// Name in a segment, and the series that have it.
#[derive(Debug, Clone, Copy)]
pub(super) enum SegmentName<'a> {
    Metric(&'a TextPostings),
    TagKey(&'a TagPostings),
    TagValue(&'a TextPostings),
}

impl SegmentName<'_> {
    /// Returns the number of series that have the name, except those at some positions.
    pub(super) fn count_except(self, except: &RoaringBitmap) -> u64 {
        let list = match self {
            Self::Metric(posting) | Self::TagValue(posting) => &posting.list,
            Self::TagKey(tag) => &tag.list,
        };
        match list {
            PostingList::Many(positions) => positions.difference_len(except),
            few => few.iter().filter(|at| u32::try_from(*at).is_ok_and(|at| !except.contains(at))).count() as u64,
        }
    }
}

impl PostingList {
    /// Creates the list of these positions, which must ascend.
    pub(super) fn new(positions: &[u16]) -> Self {
        match positions {
            [position] => Self::One(*position),
            few if few.len() <= MAX_ARRAY_LEN => Self::Few(few.into()),
            // All positions from the first to the last: a tag key that each series has, a metric of consecutive series.
            [first, .., last] if usize::from(last - first) == positions.len() - 1 => {
                let mut run = RoaringBitmap::new();
                run.insert_range(u32::from(*first)..=u32::from(*last));
                Self::Many(Box::new(run))
            }
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
        Self { series, postings: SetOnce::new() }
    }

    /// Returns `true` if the segment has its postings.
    pub(super) fn is_built(&self) -> bool {
        self.postings.get().is_some()
    }

    /// Builds the postings, unless the segment has them.
    pub(super) fn build(&self) {
        self.postings();
    }

    /// Returns the postings. Builds them at the first call.
    fn postings(&self) -> &SegmentPostings {
        self.postings.get_or_init(|| build_postings(&self.series))
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

    /// Returns the positions of the series that match the filter.
    pub(super) fn positions(&self, filter: &IndexFilter<'_>) -> RoaringBitmap {
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
                for posting in
                    self.postings().metrics.iter().filter(|posting| predicate.matches(self.metric_of(posting)))
                {
                    posting.list.add_to(&mut found);
                }
            }
        }
        if matches!(hint, ValueHint::NotIn(_)) { self.all() - found } else { found }
    }

    fn add_metric(&self, name: &str, found: &mut RoaringBitmap) {
        let metrics = &self.postings().metrics;
        if let Ok(at) = metrics.binary_search_by(|posting| self.metric_of(posting).cmp(name)) {
            metrics[at].list.add_to(found);
        }
    }

    fn find_tag(&self, key: &str) -> Option<&TagPostings> {
        let tags = &self.postings().tags;
        let at = tags.binary_search_by(|tag| self.tag_of(tag.text_ref).0.cmp(key)).ok()?;
        tags.get(at)
    }

    fn values(&self, tag: &TagPostings) -> &[TextPostings] {
        self.postings().values.get(tag.values.start as usize..tag.values.end as usize).unwrap_or_default()
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

    /// Returns the names of a kind after `after`, ascending, also of series that do not count.
    pub(super) fn names<'a>(
        &'a self,
        kind: NameKind<'_>,
        after: Option<&str>,
    ) -> impl Iterator<Item = SegmentName<'a>> + use<'a> {
        let postings = self.postings();
        let (metrics, tags, values) = match kind {
            NameKind::Metric => (&postings.metrics[..], &[][..], &[][..]),
            NameKind::TagKey => (&[][..], &postings.tags[..], &[][..]),
            NameKind::TagValue(key) => (&[][..], &[][..], self.find_tag(key).map_or(&[][..], |tag| self.values(tag))),
        };
        let is_before = |text: &str| after.is_some_and(|after| text <= after);
        let metrics = &metrics[metrics.partition_point(|posting| is_before(self.metric_of(posting)))..];
        let tags = &tags[tags.partition_point(|tag| is_before(self.tag_of(tag.text_ref).0))..];
        // An empty value, which only earlier releases stored, is no value. It comes first.
        let is_skipped = |posting: &TextPostings| {
            let value = self.tag_of(posting.text_ref).1;
            value.is_empty() || is_before(value)
        };
        let values = &values[values.partition_point(is_skipped)..];
        let metrics = metrics.iter().map(SegmentName::Metric);
        metrics.chain(tags.iter().map(SegmentName::TagKey)).chain(values.iter().map(SegmentName::TagValue))
    }

    /// Returns the text of a name.
    pub(super) fn text(&self, name: SegmentName<'_>) -> &str {
        match name {
            SegmentName::Metric(posting) => self.metric_of(posting),
            SegmentName::TagKey(tag) => self.tag_of(tag.text_ref).0,
            SegmentName::TagValue(posting) => self.tag_of(posting.text_ref).1,
        }
    }

    /// Returns the positions of the series for which `is_wanted` returns `true`.
    pub(super) fn positions_where(&self, is_wanted: impl Fn(&SeriesInfo) -> bool) -> RoaringBitmap {
        let wanted = (0_u32..).zip(&self.series).filter(|(_, def)| is_wanted(def)).map(|(position, _)| position);
        wanted.collect()
    }

    /// Returns `true` if a series that counts has the name.
    pub(super) fn any(&self, name: &SegmentName<'_>, counted: &CountedSeries<'_>) -> bool {
        match name {
            SegmentName::Metric(posting) | SegmentName::TagValue(posting) => self.any_in(&posting.list, counted),
            SegmentName::TagKey(tag) => match self.values(tag) {
                // A tag with an empty value is no tag.
                [first, others @ ..] if self.tag_of(first.text_ref).1.is_empty() => {
                    others.iter().any(|value| self.any_in(&value.list, counted))
                }
                _ => self.any_in(&tag.list, counted),
            },
        }
    }

    fn any_in(&self, list: &PostingList, counted: &CountedSeries<'_>) -> bool {
        let counts = |position: usize| self.series.get(position).is_some_and(|def| counted.counts(def));
        match (list, &counted.positions) {
            (list, None) => list.iter().any(counts),
            (PostingList::Many(list), Some(positions)) => {
                !list.is_disjoint(positions) && (&**list & positions).iter().any(|position| counts(position as usize))
            }
            (list, Some(positions)) => {
                let is_selected = |position: &usize| u32::try_from(*position).is_ok_and(|at| positions.contains(at));
                list.iter().filter(is_selected).any(counts)
            }
        }
    }
}
