//! The sealed postings segments of all series except the newest ones, which have no postings.
//!
//! Segments have four sizes, and eight of one size merge into one of the next. So each series is indexed at most four
//! times however many series there are, and a version shares all but a few segments with its predecessor. A dropped
//! series stays in its segment, and is left out of every result, until the segment is rebuilt without it; such a
//! segment has any size.

use im::Vector;

use super::postings_segment::{MAX_SEGMENT_SERIES, PostingsSegment};
use crate::state::series_map::SeriesMap;
use crate::sync::Arc;
use crate::types::series::{IndexFilter, SeriesId, SeriesInfo, SeriesSet};

/// Sizes of segments in number of series, each an eighth of the size before.
///
/// Series that fill no segment are filtered one by one: fewer than 128, in a few microseconds.
const SEGMENT_SIZES: [usize; 4] =
    [MAX_SEGMENT_SERIES, MAX_SEGMENT_SERIES >> 3, MAX_SEGMENT_SERIES >> 6, MAX_SEGMENT_SERIES >> 9];

/// A segment is rebuilt once more than this share of its series was dropped, so that it keeps few dropped definitions.
const MAX_DROPPED_SHARE: usize = 8;
/// A segment that is rebuilt joins the one before it if both have at most this number of series.
const MAX_JOINED_SERIES: usize = MAX_SEGMENT_SERIES >> 3;

/// Segments of all sealed series, in the order of ids. Cloning them is O(1).
#[derive(Debug, Clone, Default)]
pub(super) struct Postings {
    segments: Vector<SealedPostings>,
    /// Exclusive end of the ids of the sealed series.
    sealed_end: u32,
    /// Number of the sealed series that were not dropped.
    live: usize,
}

/// A segment, and the number of its series that were dropped since it was built.
#[derive(Debug, Clone)]
struct SealedPostings {
    segment: Arc<PostingsSegment>,
    dropped: usize,
}

impl SealedPostings {
    fn new(series: Vec<Arc<SeriesInfo>>) -> Self {
        Self { segment: Arc::new(PostingsSegment::new(series.into())), dropped: 0 }
    }

    fn len(&self) -> usize {
        self.segment.len()
    }
}

impl Postings {
    /// Returns the exclusive end of the ids of the series in segments. Later series are in none.
    pub(super) fn sealed_end(&self) -> u32 {
        self.sealed_end
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &PostingsSegment> {
        self.segments.iter().map(|sealed| &*sealed.segment)
    }

    /// Seals the new series that fill a segment, alone or with smaller segments, which they then replace.
    ///
    /// Passes each new segment to `created`, which may build its postings.
    pub(super) fn seal(&mut self, by_id: &SeriesMap<Arc<SeriesInfo>>, created: impl Fn(&PostingsSegment)) {
        self.seal_in(by_id, &SEGMENT_SIZES, created);
    }

    fn seal_in(&mut self, by_id: &SeriesMap<Arc<SeriesInfo>>, sizes: &[usize], created: impl Fn(&PostingsSegment)) {
        // Counted, because a range of the map takes time: most calls find too few new series.
        let mut unsealed = by_id.len().saturating_sub(self.live);
        // The largest segment that the new series fill, alone or with the smaller segments at the end.
        while unsealed > 0
            && let Some((size, merged, own)) = sizes.iter().find_map(|size| {
                let (merged, own) = self.smaller_at_end(*size);
                (own + unsealed >= *size).then_some((*size, merged, own))
            })
        {
            let merged = self.segments.split_off(self.segments.len() - merged);
            let mut series = Vec::with_capacity(size);
            series.extend(merged.iter().flat_map(|sealed| sealed.segment.series()).cloned());
            let newest = by_id.range_from(SeriesId::new(self.sealed_end)).map(|(_, def)| def);
            series.extend(newest.take(size - own).cloned());
            let new = series.len() - own;
            if new == 0 {
                self.segments.append(merged);
                break;
            }
            self.sealed_end = series.last().map_or(self.sealed_end, |last| last.id.get() + 1);
            unsealed = unsealed.saturating_sub(new);
            self.live += new;
            let dropped = merged.iter().map(|sealed| sealed.dropped).sum();
            let sealed = SealedPostings { dropped, ..SealedPostings::new(series) };
            created(&sealed.segment);
            self.segments.push_back(sealed);
        }
    }

    /// Returns how many of the last segments have fewer series than `size`, each and together, and their series.
    fn smaller_at_end(&self, size: usize) -> (usize, usize) {
        let (mut count, mut series) = (0, 0);
        for sealed in self.segments.iter().rev() {
            if series + sealed.len() >= size {
                break;
            }
            (count, series) = (count + 1, series + sealed.len());
        }
        (count, series)
    }

    /// Records that these series were dropped, and rebuilds the segments of which too many were.
    ///
    /// `is_defined` returns `true` for the series that stay.
    pub(super) fn remove(&mut self, dropped: &SeriesSet, is_defined: impl Fn(SeriesId) -> bool) {
        let mut next: Vec<SealedPostings> = Vec::with_capacity(self.segments.len());
        // `true` if the last segment in `next` was rebuilt.
        let mut may_join = false;
        for mut sealed in std::mem::take(&mut self.segments) {
            sealed.dropped += sealed.segment.count_of(dropped);
            let left = sealed.len() - sealed.dropped.min(sealed.len());
            if sealed.dropped * MAX_DROPPED_SHARE <= sealed.len() {
                may_join = false;
                next.push(sealed);
                continue;
            }
            let before = next.last().map_or(0, SealedPostings::len);
            let joins =
                before > 0 && (before + left <= MAX_JOINED_SERIES || may_join && before + left <= MAX_SEGMENT_SERIES);
            let joined = if joins { next.pop() } else { None };
            let sources = joined.iter().map(|sealed| &sealed.segment).chain([&sealed.segment]);
            let live = sources.flat_map(|segment| segment.series()).filter(|def| is_defined(def.id));
            let series: Vec<Arc<SeriesInfo>> = live.cloned().collect();
            may_join = true;
            if !series.is_empty() {
                let rebuilt = SealedPostings::new(series);
                rebuilt.segment.build();
                next.push(rebuilt);
            }
        }
        self.live = next.iter().map(|sealed| sealed.len() - sealed.dropped).sum();
        self.segments = next.into();
    }

    /// Returns the series in segments that match the filter, by id in ascending order.
    pub(super) fn select<'a>(&'a self, filter: &'a IndexFilter<'a>) -> impl Iterator<Item = &'a Arc<SeriesInfo>> {
        self.segments().flat_map(move |segment| segment.select(filter))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::point::ValueType;
    use crate::types::series::{SeriesId, SeriesKey, TextPredicate, ValueHint};

    /// A predicate that may name its values; if it does not, the index must test each value.
    #[derive(Debug, Clone)]
    struct AnyOf {
        values: Vec<String>,
        negated: bool,
        named: bool,
    }

    impl TextPredicate for AnyOf {
        fn matches(&self, value: &str) -> bool {
            self.values.iter().any(|own| own == value) != self.negated
        }

        fn value_hint(&self) -> ValueHint<'_> {
            match (self.named, self.negated) {
                (false, _) => ValueHint::Scan,
                (true, false) => ValueHint::In(&self.values),
                (true, true) => ValueHint::NotIn(&self.values),
            }
        }
    }

    #[derive(Debug, Clone)]
    enum FilterTree {
        Metric(String),
        MetricMatches(AnyOf),
        Tag(String, AnyOf),
        All(Vec<FilterTree>),
        Any(Vec<FilterTree>),
        Not(Box<FilterTree>),
    }

    impl FilterTree {
        fn filter(&self) -> IndexFilter<'_> {
            match self {
                Self::Metric(name) => IndexFilter::Metric(name),
                Self::MetricMatches(test) => IndexFilter::MetricMatches(test),
                Self::Tag(key, test) => IndexFilter::Tag(key, test),
                Self::All(trees) => IndexFilter::All(trees.iter().map(Self::filter).collect()),
                Self::Any(trees) => IndexFilter::Any(trees.iter().map(Self::filter).collect()),
                Self::Not(tree) => IndexFilter::Not(Box::new(tree.filter())),
            }
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["", "a", "b", "c", "d"]).prop_map(str::to_owned)
    }

    fn tree() -> impl Strategy<Value = FilterTree> {
        let test = || {
            (prop::collection::vec(text(), 0..3), any::<bool>(), any::<bool>())
                .prop_map(|(values, negated, named)| AnyOf { values, negated, named })
        };
        let leaf = prop_oneof![
            text().prop_map(FilterTree::Metric),
            test().prop_map(FilterTree::MetricMatches),
            (text(), test()).prop_map(|(key, test)| FilterTree::Tag(key, test))
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let some = prop::collection::vec(inner.clone(), 0..3);
            prop_oneof![
                some.clone().prop_map(FilterTree::All),
                some.prop_map(FilterTree::Any),
                inner.prop_map(|tree| FilterTree::Not(Box::new(tree))),
            ]
        })
    }

    fn def(id: usize, (metric, tags): &(String, Vec<(String, String)>)) -> Arc<SeriesInfo> {
        let mut key = SeriesKey::new(metric);
        let mut names: Vec<&str> = Vec::new();
        for (name, value) in tags {
            if !names.contains(&name.as_str()) {
                names.push(name);
                key = key.tag(name, value);
            }
        }
        let (ty, duplicates) = (ValueType::F64, DuplicatePolicy::KeepAll);
        Arc::new(SeriesInfo { id: SeriesId::new(u32::try_from(id).unwrap()), key, value_type: ty, duplicates, seq: 1 })
    }

    proptest! {
        #[test]
        fn the_index_selects_exactly_the_series_that_match_the_filter(
            keys in prop::collection::vec((text(), prop::collection::vec((text(), text()), 0..4)), 0..150),
            trees in prop::collection::vec(tree(), 1..6),
            read_back in any::<bool>(),
            drops in prop::collection::vec(prop::collection::btree_set(0..220_u32, 0..200), 0..4),
        ) {
            let (mut by_id, mut postings) = (SeriesMap::default(), Postings::default());
            for (id, key) in keys.iter().enumerate() {
                let def = def(id, key);
                by_id.insert(def.id, def);
                if !read_back {
                    postings.seal_in(&by_id, &[64, 8, 2], PostingsSegment::build);
                }
            }
            postings.seal_in(&by_id, &[64, 8, 2], |_| ());
            let sizes: Vec<usize> = postings.segments().map(PostingsSegment::len).collect();
            prop_assert!(sizes.iter().rev().is_sorted(), "{:?}", sizes);
            prop_assert_eq!(postings.sealed_end() as usize, keys.len() / 2 * 2);
            prop_assert!(sizes.len() <= keys.len() / 64 + 7 + 3, "{:?}", sizes);
            for tree in &trees {
                let filter = tree.filter();
                let found: Vec<u32> = postings.select(&filter).map(|def| def.id.get()).collect();
                let sealed = by_id.iter().map(|(_, def)| def).filter(|def| def.id.get() < postings.sealed_end());
                let expected: Vec<u32> = sealed.filter(|def| filter.matches(&def.key)).map(|def| def.id.get()).collect();
                prop_assert_eq!(found, expected, "{:?}", tree);
            }
            let mut next = keys.len();
            for round in drops {
                let ids = round.into_iter().map(SeriesId::new).filter(|id| by_id.contains(*id));
                let dropped = SeriesSet::from_sorted(ids.collect::<Vec<_>>());
                dropped.iter().for_each(|id| _ = by_id.remove(id));
                postings.remove(&dropped, |id| by_id.contains(id));
                for key in keys.iter().take(20) {
                    by_id.insert(SeriesId::new(u32::try_from(next).unwrap()), def(next, key));
                    next += 1;
                }
                postings.seal_in(&by_id, &[64, 8, 2], PostingsSegment::build);
                for tree in &trees {
                    let filter = tree.filter();
                    let found = postings.select(&filter).filter(|def| by_id.contains(def.id));
                    let found: Vec<u32> = found.map(|def| def.id.get()).collect();
                    let sealed = by_id.iter().map(|(_, def)| def).filter(|def| def.id.get() < postings.sealed_end());
                    let matching = sealed.filter(|def| filter.matches(&def.key));
                    prop_assert_eq!(found, matching.map(|def| def.id.get()).collect::<Vec<_>>(), "{:?}", tree);
                }
                let stored: usize = postings.segments().map(PostingsSegment::len).sum();
                prop_assert!(stored * 7 <= by_id.len() * 8, "{stored} of {}", by_id.len());
            }
        }
    }
}
