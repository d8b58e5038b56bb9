//! Time before which retention hides everything: for all series, and for those that a rule names.
//! A cutoff never goes back: what was hidden once stays so, whatever the clock or the options say later.

use std::collections::BTreeMap;
use std::fmt;

use super::hidden::Hidden;
use crate::series::{Matcher, SeriesDef};
use crate::sync::Arc;

/// Every cutoff in force. Cloning it is cheap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cutoffs {
    all: Option<i64>,
    rules: Arc<[Rule]>,
}

/// A cutoff for some series.
#[derive(Clone)]
pub(crate) struct Rule {
    /// The selector's text, by which the manifest knows it.
    pub(crate) select: String,
    pub(crate) matcher: Arc<dyn Matcher>,
    pub(crate) cutoff: Option<i64>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("select", &self.select).field("cutoff", &self.cutoff).finish_non_exhaustive()
    }
}

impl Cutoffs {
    pub(crate) fn new(all: Option<i64>, rules: Vec<Rule>) -> Self {
        Self { all, rules: rules.into() }
    }

    /// The one for all series.
    pub(crate) fn all(&self) -> Option<i64> {
        self.all
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The time before which a series' points are hidden.
    pub(crate) fn of(&self, def: &SeriesDef) -> Option<i64> {
        let ruled = self.rules.iter().filter(|rule| rule.cutoff > self.all && rule.matcher.matches(&def.key));
        ruled.map(|rule| rule.cutoff).max().unwrap_or(self.all)
    }

    /// Those of rules that hide anything, by their selectors' texts: as the manifest has them.
    pub(crate) fn by_text(&self) -> BTreeMap<String, i64> {
        self.rules.iter().filter_map(|rule| Some((rule.select.clone(), rule.cutoff?))).collect()
    }

    /// The range of time that they hide of a series.
    pub(crate) fn hidden(&self, def: &SeriesDef) -> Option<(i64, i64)> {
        let last = self.of(def)?.checked_sub(1)?;
        Some((i64::MIN, last))
    }

    /// The same as [`Hidden`].
    pub(crate) fn as_hidden(&self, def: &SeriesDef) -> Hidden {
        self.hidden(def).map_or(Hidden::NONE, |range| Hidden::new(vec![range]))
    }

    /// These, moved on: `all` and each rule's, by its place, where one is named that is later than before.
    pub(crate) fn moved_to(&self, all: Option<i64>, rules: &[Option<i64>]) -> Self {
        let to = rules.iter().copied().chain(std::iter::repeat(None));
        let moved = self.rules.iter().zip(to).map(|(rule, to)| Rule { cutoff: rule.cutoff.max(to), ..rule.clone() });
        Self { all: self.all.max(all), rules: moved.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Duplicates;
    use crate::point::ValueType;
    use crate::series::{SeriesId, SeriesKey};

    #[derive(Debug)]
    struct Metric(&'static str);

    impl Matcher for Metric {
        fn matches(&self, key: &SeriesKey) -> bool {
            key.metric() == self.0
        }
    }

    fn def(metric: &str) -> SeriesDef {
        let (ty, duplicates) = (ValueType::F64, Duplicates::KeepAll);
        SeriesDef { id: SeriesId::new(0), key: SeriesKey::new(metric), ty, duplicates, seq: 1 }
    }

    #[test]
    fn the_latest_cutoff_that_names_a_series_counts_and_none_goes_back() {
        let rule = |metric: &'static str, cutoff| Rule {
            select: metric.to_owned(),
            matcher: Arc::new(Metric(metric)),
            cutoff,
        };
        let cutoffs = Cutoffs::new(Some(10), vec![rule("a", Some(30)), rule("b", Some(5)), rule("a", None)]);
        let of = |cutoffs: &Cutoffs| ["a", "b", "c"].map(|metric| cutoffs.of(&def(metric)));
        assert_eq!(of(&cutoffs), [Some(30), Some(10), Some(10)]);
        let moved = cutoffs.moved_to(Some(7), &[Some(20), Some(40), None]);
        assert_eq!(of(&moved), [Some(30), Some(40), Some(10)]);
        assert_eq!(moved.hidden(&def("c")), Some((i64::MIN, 9)));
        assert_eq!(Cutoffs::new(Some(i64::MIN), vec![]).hidden(&def("c")), None);
        assert!(Cutoffs::default().as_hidden(&def("c")).is_empty());
    }
}
