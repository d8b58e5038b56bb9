//! Selectors in the form that an index evaluates: a tree of conditions on metric names and tags.

use super::SeriesKey;

/// Condition on series keys.
pub(crate) enum IndexFilter<'a> {
    /// The metric has this name.
    Metric(&'a str),
    /// The name of the metric matches.
    MetricMatches(&'a dyn TextPredicate),
    /// The value of this tag matches; a missing tag counts as the empty value.
    Tag(&'a str, &'a dyn TextPredicate),
    /// All of these conditions hold. An empty list matches every key.
    All(Vec<IndexFilter<'a>>),
    /// At least one of these conditions holds. An empty list matches no key.
    Any(Vec<IndexFilter<'a>>),
    /// This condition does not hold.
    Not(Box<IndexFilter<'a>>),
}

/// Predicate on the value of a tag, or on a metric name.
pub(crate) trait TextPredicate {
    fn matches(&self, value: &str) -> bool;

    /// Returns the texts that match, or those that do not match, if they can be listed.
    fn value_hint(&self) -> ValueHint<'_>;
}

/// Texts that a predicate lists, so that an index need not try every value of a tag, or every metric name.
pub(crate) enum ValueHint<'a> {
    /// These texts match, and no others.
    In(&'a [String]),
    /// All texts match except these.
    NotIn(&'a [String]),
    /// Every text must be tried.
    Scan,
}

impl IndexFilter<'_> {
    /// Returns `true` if the key fulfils the condition.
    pub(crate) fn matches(&self, key: &SeriesKey) -> bool {
        match self {
            Self::Metric(name) => key.metric() == *name,
            Self::MetricMatches(predicate) => predicate.matches(key.metric()),
            Self::Tag(tag, predicate) => predicate.matches(key.tag_value(tag).unwrap_or_default()),
            Self::All(filters) => filters.iter().all(|filter| filter.matches(key)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(key)),
            Self::Not(filter) => !filter.matches(key),
        }
    }
}
