//! Cutoffs of retention: the global one for all series, and one per rule for the series that match.
//!
//! A cutoff is a time; retention hides all points before it. A cutoff is taken back only once a delete hides what it
//! hid: points that were hidden once stay hidden, even if the clock is set back or the options change.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::retention_progress::{AgeLimit, age_nanos};
use crate::sync::Arc;
use crate::types::options::RetentionPolicy;
use crate::types::series::{SeriesInfo, SeriesPredicate};
use crate::types::time_range::TimeRange;

/// The global cutoff and those of the rules, in nanoseconds since the Unix epoch.
///
/// Cloning them is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct Cutoffs {
    global: Option<i64>,
    rules: Arc<[RetentionRule]>,
}

/// A selector in the form in which the manifest stores it. It identifies a rule; only `format` reads it.
pub(crate) type EncodedSelector = Vec<u8>;

/// Selector of a retention rule and its current cutoff. The age of the rule is not stored here.
#[derive(Clone)]
pub(crate) struct RetentionRule {
    pub(crate) selector: EncodedSelector,
    /// The selector, as a predicate over series keys.
    pub(crate) predicate: Arc<dyn SeriesPredicate>,
    /// Time before which the rule hides the points of its series; `None` if it hides nothing.
    pub(crate) cutoff: Option<i64>,
}

impl fmt::Debug for RetentionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rule = f.debug_struct("RetentionRule");
        rule.field("predicate", &self.predicate).field("cutoff", &self.cutoff).finish_non_exhaustive()
    }
}

impl Cutoffs {
    pub(crate) fn new(global: Option<i64>, rules: Vec<RetentionRule>) -> Self {
        Self { global, rules: rules.into() }
    }

    /// Returns the cutoff of all series; `None` hides nothing.
    pub(crate) fn global(&self) -> Option<i64> {
        self.global
    }

    pub(crate) fn rules(&self) -> &[RetentionRule] {
        &self.rules
    }

    /// Returns the latest cutoff that applies to a series: its points before this time are hidden.
    pub(crate) fn for_series(&self, def: &SeriesInfo) -> Option<i64> {
        let matching = self.rules.iter().filter(|rule| rule.cutoff > self.global && rule.predicate.matches(&def.key));
        matching.map(|rule| rule.cutoff).max().unwrap_or(self.global)
    }

    /// Returns the cutoffs of the rules that have one, by selector, as in the manifest.
    pub(crate) fn rule_cutoffs(&self) -> BTreeMap<EncodedSelector, i64> {
        self.rules.iter().filter_map(|rule| Some((rule.selector.clone(), rule.cutoff?))).collect()
    }

    /// Returns the latest of all cutoffs: no point at or after it is hidden.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.rules.iter().map(|rule| rule.cutoff).max().flatten().max(self.global)
    }

    /// Returns the limits by age of a policy, whose rules have the indices of these rules.
    pub(crate) fn age_limits(&self, policy: &RetentionPolicy) -> Vec<AgeLimit<'_>> {
        let limit = |rule, age: Option<Duration>| Some(AgeLimit { rule, age: age_nanos(age?) });
        let of_rules = self.rules.iter().zip(&policy.rules).map(|(rule, age)| limit(Some(&*rule.selector), *age));
        std::iter::once(limit(None, policy.age)).chain(of_rules).flatten().collect()
    }

    /// Returns the later cutoff of each pair. Both have the same rules.
    pub(crate) fn later_of_each(&self, other: &Self) -> Self {
        let rules: Vec<Option<i64>> = other.rules.iter().map(|rule| rule.cutoff).collect();
        self.advanced_to(other.global, &rules)
    }

    /// Returns the cutoffs, set to `global` and, at the indices of the rules, to `rules`. Shorter `rules` leave the rest.
    pub(crate) fn set_to(&self, global: Option<i64>, rules: &[Option<i64>]) -> Self {
        let mut next: Vec<RetentionRule> = self.rules.to_vec();
        for (rule, cutoff) in next.iter_mut().zip(rules) {
            rule.cutoff = *cutoff;
        }
        Self { global, rules: next.into() }
    }

    /// Returns the times before the cutoff that applies to a series; `None` if there are none.
    pub(crate) fn hidden_range(&self, def: &SeriesInfo) -> Option<TimeRange> {
        self.for_series(def)?.checked_sub(1).map(TimeRange::until)
    }

    /// Returns the cutoffs, moved forward to `global` and to the target of each rule.
    ///
    /// `rules` has the targets at the indices of the rules. A cutoff stays if its target is missing, `None` or earlier.
    pub(crate) fn advanced_to(&self, global: Option<i64>, rules: &[Option<i64>]) -> Self {
        let targets = rules.iter().copied().chain(std::iter::repeat(None));
        let advance =
            |(rule, to): (&RetentionRule, Option<i64>)| RetentionRule { cutoff: rule.cutoff.max(to), ..rule.clone() };
        Self { global: self.global.max(global), rules: self.rules.iter().zip(targets).map(advance).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::point::ValueType;
    use crate::types::series::{SeriesId, SeriesKey};

    #[derive(Debug)]
    struct MetricPredicate(&'static str);

    impl SeriesPredicate for MetricPredicate {
        fn matches(&self, key: &SeriesKey) -> bool {
            key.metric() == self.0
        }
    }

    fn def(metric: &str) -> SeriesInfo {
        let (ty, duplicates) = (ValueType::F64, DuplicatePolicy::KeepAll);
        SeriesInfo { id: SeriesId::new(0), key: SeriesKey::new(metric), value_type: ty, duplicates, seq: 1 }
    }

    #[test]
    fn the_latest_cutoff_that_applies_to_a_series_counts_and_none_moves_back() {
        let rule = |metric: &'static str, cutoff| RetentionRule {
            selector: metric.as_bytes().to_vec(),
            predicate: Arc::new(MetricPredicate(metric)),
            cutoff,
        };
        let cutoffs = Cutoffs::new(Some(10), vec![rule("a", Some(30)), rule("b", Some(5)), rule("a", None)]);
        let of = |cutoffs: &Cutoffs| ["a", "b", "c"].map(|metric| cutoffs.for_series(&def(metric)));
        assert_eq!(of(&cutoffs), [Some(30), Some(10), Some(10)]);
        let moved = cutoffs.advanced_to(Some(7), &[Some(20), Some(40), None]);
        assert_eq!(of(&moved), [Some(30), Some(40), Some(10)]);
        assert_eq!(moved.hidden_range(&def("c")), Some(TimeRange::until(9)));
        assert_eq!(Cutoffs::new(Some(i64::MIN), vec![]).hidden_range(&def("c")), None);
        assert_eq!(Cutoffs::default().hidden_range(&def("c")), None);
    }
}
