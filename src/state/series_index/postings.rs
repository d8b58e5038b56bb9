//! The sealed postings segments of all series except the newest ones, which have no postings.
//!
//! Segments have three sizes, and eight of one size merge into one of the next. So each series is indexed at most three
//! times however many series there are, and a version shares all but a few segments with its predecessor.

use im::Vector;

use super::postings_segment::{MAX_SEGMENT_SERIES, PostingsSegment};
use crate::sync::Arc;
use crate::types::series::{IndexFilter, SeriesDef};

/// Sizes of segments in number of series, each an eighth of the size before.
const SEGMENT_SIZES: [usize; 3] = [MAX_SEGMENT_SERIES, MAX_SEGMENT_SERIES >> 3, MAX_SEGMENT_SERIES >> 6];

/// Segments of all sealed series, in the order of ids, larger segments first. Cloning them is O(1).
#[derive(Debug, Clone, Default)]
pub(super) struct Postings {
    segments: Vector<Arc<PostingsSegment>>,
    /// Number of series in all segments.
    sealed: usize,
}

impl Postings {
    /// Returns the number of series in all segments, which are the first ones by id.
    pub(super) fn sealed(&self) -> usize {
        self.sealed
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &PostingsSegment> {
        self.segments.iter().map(|segment| &**segment)
    }

    /// Seals series that fill a segment, and merges segments that fill a larger one.
    pub(super) fn seal(&mut self, by_id: &Vector<Arc<SeriesDef>>) {
        self.seal_in(by_id, &SEGMENT_SIZES);
    }

    fn seal_in(&mut self, by_id: &Vector<Arc<SeriesDef>>, sizes: &[usize]) {
        let starts =
            |sealed: usize| move |size: &&usize| sealed.is_multiple_of(**size) && by_id.len() - sealed >= **size;
        while let Some(size) = sizes.iter().find(starts(self.sealed)) {
            // By position: skipping through an iterator would visit all series before it.
            let positions = self.sealed..self.sealed + size;
            let series = positions.filter_map(|at| by_id.get(at).cloned()).collect();
            self.segments.push_back(Arc::new(PostingsSegment::new(series)));
            self.sealed += size;
            sizes.iter().rev().for_each(|size| self.merge_last(*size));
        }
    }

    /// Merges the last segments into one of this size, if they fill it exactly.
    fn merge_last(&mut self, size: usize) {
        if !self.sealed.is_multiple_of(size) || self.segments.last().is_none_or(|last| last.len() >= size) {
            return;
        }
        let (mut series, mut merged) = (Vec::with_capacity(size), Vec::new());
        while merged.iter().map(|segment: &Arc<PostingsSegment>| segment.len()).sum::<usize>() < size {
            let Some(segment) = self.segments.pop_back() else { break };
            merged.push(segment);
        }
        merged.iter().rev().for_each(|segment| series.extend(segment.series().iter().cloned()));
        self.segments.push_back(Arc::new(PostingsSegment::new(series.into())));
    }

    /// Returns the series in segments that match the filter, by id in ascending order.
    pub(super) fn select<'a>(&'a self, filter: &'a IndexFilter<'a>) -> impl Iterator<Item = &'a Arc<SeriesDef>> {
        self.segments().flat_map(move |segment| segment.select(filter))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::point::ValueType;
    use crate::types::series::{SeriesId, SeriesKey, TagValuePredicate, ValueHint};

    /// A predicate that may name its values; if it does not, the index must test each value.
    #[derive(Debug, Clone)]
    struct AnyOf {
        values: Vec<String>,
        negated: bool,
        named: bool,
    }

    impl TagValuePredicate for AnyOf {
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
        Tag(String, AnyOf),
        All(Vec<FilterTree>),
        Any(Vec<FilterTree>),
        Not(Box<FilterTree>),
    }

    impl FilterTree {
        fn filter(&self) -> IndexFilter<'_> {
            match self {
                Self::Metric(name) => IndexFilter::Metric(name),
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
        let test = (prop::collection::vec(text(), 0..3), any::<bool>(), any::<bool>())
            .prop_map(|(values, negated, named)| AnyOf { values, negated, named });
        let leaf = prop_oneof![
            text().prop_map(FilterTree::Metric),
            (text(), test).prop_map(|(key, test)| FilterTree::Tag(key, test))
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

    fn def(id: usize, (metric, tags): &(String, Vec<(String, String)>)) -> Arc<SeriesDef> {
        let mut key = SeriesKey::new(metric);
        let mut names: Vec<&str> = Vec::new();
        for (name, value) in tags {
            if !names.contains(&name.as_str()) {
                names.push(name);
                key = key.tag(name, value);
            }
        }
        let (ty, duplicates) = (ValueType::F64, DuplicatePolicy::KeepAll);
        Arc::new(SeriesDef { id: SeriesId::new(u32::try_from(id).unwrap()), key, ty, duplicates, seq: 1 })
    }

    proptest! {
        #[test]
        fn the_index_selects_exactly_the_series_that_match_the_filter(
            keys in prop::collection::vec((text(), prop::collection::vec((text(), text()), 0..4)), 0..150),
            trees in prop::collection::vec(tree(), 1..6),
            read_back in any::<bool>(),
        ) {
            let (mut by_id, mut postings) = (Vector::new(), Postings::default());
            for (id, key) in keys.iter().enumerate() {
                by_id.push_back(def(id, key));
                if !read_back {
                    postings.seal_in(&by_id, &[64, 8, 2]);
                }
            }
            postings.seal_in(&by_id, &[64, 8, 2]);
            let sizes: Vec<usize> = postings.segments().map(PostingsSegment::len).collect();
            prop_assert!(sizes.iter().rev().is_sorted(), "{:?}", sizes);
            prop_assert_eq!(postings.sealed(), keys.len() / 2 * 2);
            prop_assert!(sizes.len() <= keys.len() / 64 + 7 + 3, "{:?}", sizes);
            for tree in &trees {
                let filter = tree.filter();
                let found: Vec<u32> = postings.select(&filter).map(|def| def.id.get()).collect();
                let sealed = by_id.iter().take(postings.sealed()).filter(|def| filter.matches(&def.key));
                let expected: Vec<u32> = sealed.map(|def| def.id.get()).collect();
                prop_assert_eq!(found, expected, "{:?}", tree);
            }
        }
    }
}
