//! The sealed segments of all series but the newest, which are looked through one by one: so that a new series costs no more
//! the more there are, and a version shares all but a few segments with the one before.

use im::Vector;

use super::segment::{MOST_SERIES, Segment};
use crate::series::{Filter, SeriesDef};
use crate::sync::Arc;

/// Sizes of segments, each an eighth of the one before.
const SIZES: [usize; 3] = [MOST_SERIES, MOST_SERIES >> 3, MOST_SERIES >> 6];

/// Segments, the larger ones first, of series from the first on without gaps. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(super) struct Postings {
    segments: Vector<Arc<Segment>>,
    /// How many series they hold.
    sealed: usize,
}

impl Postings {
    /// How many series are in segments.
    pub(super) fn sealed(&self) -> usize {
        self.sealed
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().map(|segment| &**segment)
    }

    /// Seals what makes a segment of those series that are in none, and joins segments that fill a larger one.
    pub(super) fn seal(&mut self, by_id: &Vector<Arc<SeriesDef>>) {
        self.seal_in(by_id, &SIZES);
    }

    fn seal_in(&mut self, by_id: &Vector<Arc<SeriesDef>>, sizes: &[usize]) {
        let starts =
            |sealed: usize| move |size: &&usize| sealed.is_multiple_of(**size) && by_id.len() - sealed >= **size;
        while let Some(size) = sizes.iter().find(starts(self.sealed)) {
            // By place: to skip through an iterator would cost the millionth series what the first million took.
            let places = self.sealed..self.sealed + size;
            let series = places.filter_map(|at| by_id.get(at).cloned()).collect();
            self.segments.push_back(Arc::new(Segment::new(series)));
            self.sealed += size;
            sizes.iter().rev().for_each(|size| self.join(*size));
        }
    }

    /// Joins the last segments into one of this size, if they fill it.
    fn join(&mut self, size: usize) {
        if !self.sealed.is_multiple_of(size) || self.segments.last().is_none_or(|last| last.len() >= size) {
            return;
        }
        let (mut series, mut parts) = (Vec::with_capacity(size), Vec::new());
        while parts.iter().map(|part: &Arc<Segment>| part.len()).sum::<usize>() < size {
            let Some(part) = self.segments.pop_back() else { break };
            parts.push(part);
        }
        parts.iter().rev().for_each(|part| series.extend(part.series().iter().cloned()));
        self.segments.push_back(Arc::new(Segment::new(series.into())));
    }

    /// The series in segments that are meant, ascending.
    pub(super) fn select<'a>(&'a self, filter: &'a Filter<'a>) -> impl Iterator<Item = &'a Arc<SeriesDef>> {
        self.segments().flat_map(move |segment| segment.select(filter))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::options::Duplicates;
    use crate::point::ValueType;
    use crate::series::{Named, SeriesId, SeriesKey, ValueTest};

    /// A test that names its values, or makes the index try each.
    #[derive(Debug, Clone)]
    struct AnyOf {
        values: Vec<String>,
        negated: bool,
        named: bool,
    }

    impl ValueTest for AnyOf {
        fn passes(&self, value: &str) -> bool {
            self.values.iter().any(|own| own == value) != self.negated
        }

        fn named(&self) -> Named<'_> {
            match (self.named, self.negated) {
                (false, _) => Named::Unknown,
                (true, false) => Named::Only(&self.values),
                (true, true) => Named::AllBut(&self.values),
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Tree {
        Metric(String),
        Tag(String, AnyOf),
        All(Vec<Tree>),
        Any(Vec<Tree>),
        Not(Box<Tree>),
    }

    impl Tree {
        fn filter(&self) -> Filter<'_> {
            match self {
                Self::Metric(name) => Filter::Metric(name),
                Self::Tag(key, test) => Filter::Tag(key, test),
                Self::All(trees) => Filter::All(trees.iter().map(Self::filter).collect()),
                Self::Any(trees) => Filter::Any(trees.iter().map(Self::filter).collect()),
                Self::Not(tree) => Filter::Not(Box::new(tree.filter())),
            }
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["", "a", "b", "c", "d"]).prop_map(str::to_owned)
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let test = (prop::collection::vec(text(), 0..3), any::<bool>(), any::<bool>())
            .prop_map(|(values, negated, named)| AnyOf { values, negated, named });
        let leaf =
            prop_oneof![text().prop_map(Tree::Metric), (text(), test).prop_map(|(key, test)| Tree::Tag(key, test))];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let some = prop::collection::vec(inner.clone(), 0..3);
            prop_oneof![
                some.clone().prop_map(Tree::All),
                some.prop_map(Tree::Any),
                inner.prop_map(|tree| Tree::Not(Box::new(tree))),
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
        let (ty, duplicates) = (ValueType::F64, Duplicates::KeepAll);
        Arc::new(SeriesDef { id: SeriesId::new(u32::try_from(id).unwrap()), key, ty, duplicates, seq: 1 })
    }

    proptest! {
        #[test]
        fn the_index_means_whom_the_filter_means(
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
            let sizes: Vec<usize> = postings.segments().map(Segment::len).collect();
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
