//! A selection in a form that an index can answer: tests of names and tags, joined. It knows neither text forms nor patterns.

use super::SeriesKey;

/// Which keys are meant.
pub(crate) enum Filter<'a> {
    /// Those of this metric.
    Metric(&'a str),
    /// Those whose tag passes; one that a key lacks counts as the empty string.
    Tag(&'a str, &'a dyn ValueTest),
    /// Those that all of these mean; of none: every key.
    All(Vec<Filter<'a>>),
    /// Those that any of these means; of none: no key.
    Any(Vec<Filter<'a>>),
    /// Those that this does not mean.
    Not(Box<Filter<'a>>),
}

/// A test of a tag's value.
pub(crate) trait ValueTest {
    fn passes(&self, value: &str) -> bool;

    /// The only values that pass, or with `Named::AllBut` the only ones that do not, if they can be named.
    fn named(&self) -> Named<'_>;
}

/// Values that a test names.
pub(crate) enum Named<'a> {
    Only(&'a [String]),
    AllBut(&'a [String]),
    /// Each must be tried.
    Unknown,
}

impl Filter<'_> {
    pub(crate) fn matches(&self, key: &SeriesKey) -> bool {
        match self {
            Self::Metric(name) => key.metric() == *name,
            Self::Tag(tag, test) => test.passes(key.tag_value(tag).unwrap_or_default()),
            Self::All(filters) => filters.iter().all(|filter| filter.matches(key)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(key)),
            Self::Not(filter) => !filter.matches(key),
        }
    }
}
