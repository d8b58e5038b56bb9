//! Selectors: predicates over series keys, in code and as text.
//!
//! A selector is a tree of conjunctions, joined by and, or and not. A conjunction is a metric name and conditions on
//! tags. A selector is evaluated as an [`IndexFilter`], for one key or in an index.

mod display;
mod parse;
mod tag_condition;

use self::tag_condition::Pattern;
pub(crate) use self::tag_condition::ValueCondition;
use crate::types::error::Result;
use crate::types::series::{IndexFilter, METRIC_NAME_KEY, SeriesKey, SeriesPredicate};

/// Predicate over series keys: metric names and conditions on tags.
///
/// Selectors are joined by [`and`](Self::and), [`or`](Self::or) and `!`. A call that adds a condition narrows the whole
/// selector. A missing tag counts as the empty value, so `tag("roof", "")` also selects series without the tag `roof`.
/// Regular expressions have the syntax of the crate `regex` and must match the whole value, as if between `^(?s:` and
/// `)$`: a dot matches a line feed, too.
///
/// # Text form
/// [`Display`](std::fmt::Display) and [`FromStr`](std::str::FromStr) use the syntax of Prometheus, with extensions:
///
/// | text | selects |
/// |---|---|
/// | `temp` | series of the metric `temp` |
/// | `temp{station="JFK",zone!="eu"}` | of these, those whose tag has a value, or does not have it |
/// | `temp{host=~"web-.*",rack!~"a\|b"}` | those whose value matches a pattern, or does not match it |
/// | `{station=("JFK","LGA")}` | series of any metric whose tag has one of the values |
/// | `{__name__=~"cpu_.*"}` | series whose metric name matches a pattern; `=`, `!=`, `!~` and a list work, too |
/// | `{}` | all series |
/// | `not temp and {station="JFK"} or rain` | combined; `not` binds closest, `or` loosest; parentheses are allowed |
///
/// Quoted text has the escapes `\"`, `\\`, `\n`, `\r`, `\t` and `\u` with four hexadecimal digits, so a backslash in a
/// pattern is written twice. A metric name or tag key with special characters is quoted, too; a quoted metric name is
/// written inside the braces: `{"indoor temp","floor no"="3"}`.
///
/// ```
/// use timestrata::{Selector, SeriesKey};
///
/// let selector = Selector::metric("temp").tag_matches("station", "J.*").tag_not("roof", "north");
/// assert!(selector.matches(&SeriesKey::new("temp").tag("station", "JFK")));
/// assert!(!selector.matches(&SeriesKey::new("temp").tag("station", "LGA")));
/// assert_eq!(selector.to_string(), r#"temp{station=~"J.*",roof!="north"}"#);
/// assert_eq!(selector.to_string().parse::<Selector>()?, selector);
///
/// let either = (Selector::metric("temp").or(Selector::metric("rain"))).tag_in("station", ["JFK", "LGA"]);
/// assert!(either.matches(&SeriesKey::new("rain").tag("station", "LGA")));
/// assert_eq!(either.to_string(), r#"(temp or rain) and {station=("JFK","LGA")}"#);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    node: SelectorNode,
}

/// Node of the tree of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SelectorNode {
    Match(Conjunction),
    /// All of these match: at least two nodes, none of them an `And`.
    And(Vec<SelectorNode>),
    /// At least one of these matches: at least two nodes, none of them an `Or`.
    Or(Vec<SelectorNode>),
    /// The node does not match; it is never a `Not`.
    Not(Box<SelectorNode>),
}

/// Metric name and tag conditions, all of which must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Conjunction {
    pub(crate) metric: Option<String>,
    pub(crate) conditions: Vec<TagCondition>,
}

/// Condition on the value of one tag; on the metric name if the key is [`METRIC_NAME_KEY`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagCondition {
    pub(crate) key: String,
    pub(crate) value: ValueCondition,
}

impl Selector {
    /// Selects all series.
    #[must_use]
    pub fn all() -> Self {
        Self::from_conjunction(Conjunction::default())
    }

    /// Selects all series of a metric.
    #[must_use]
    pub fn metric(name: impl Into<String>) -> Self {
        Self::from_conjunction(Conjunction { metric: Some(name.into()), conditions: Vec::new() })
    }

    /// Selects all series whose whole metric name matches a regular expression.
    ///
    /// The text form is `{__name__=~"..."}`. The index tries the pattern once per metric name, not once per series. As
    /// for [`tag_matches`](Self::tag_matches), a selector with an invalid pattern matches no series. `__name__` is also a
    /// key for the methods that take a tag key: `tag_in("__name__", ["temp", "rain"])`.
    ///
    /// ```
    /// use timestrata::{Selector, SeriesKey};
    ///
    /// let selector = Selector::metric_matches("cpu_.*").tag("host", "web-1");
    /// assert!(selector.matches(&SeriesKey::new("cpu_user").tag("host", "web-1")));
    /// assert!(!selector.matches(&SeriesKey::new("my_cpu_user").tag("host", "web-1")));
    /// assert_eq!(selector.to_string(), r#"{__name__=~"cpu_.*",host="web-1"}"#);
    /// ```
    #[must_use]
    pub fn metric_matches(regex: impl Into<String>) -> Self {
        Self::all().tag_matches(METRIC_NAME_KEY, regex)
    }

    /// Selects all series whose whole metric name does not match a regular expression.
    ///
    /// As for [`metric_matches`](Self::metric_matches), a selector with an invalid pattern matches no series.
    #[must_use]
    pub fn metric_not_matches(regex: impl Into<String>) -> Self {
        Self::all().tag_not_matches(METRIC_NAME_KEY, regex)
    }

    fn from_conjunction(conjunction: Conjunction) -> Self {
        Self { node: SelectorNode::Match(conjunction) }
    }

    /// Keeps the series whose tag has this value; the empty value also selects series without the tag.
    #[must_use]
    pub fn tag(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with_condition(key, ValueCondition::Equals(value.into()))
    }

    /// Keeps the series whose tag has another value, or is missing (unless `value` is empty).
    #[must_use]
    pub fn tag_not(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with_condition(key, ValueCondition::NotEquals(value.into()))
    }

    /// Keeps the series whose tag has one of these values; without values no series is left.
    #[must_use]
    pub fn tag_in(self, key: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with_condition(key, ValueCondition::In(values.into_iter().map(Into::into).collect()))
    }

    /// Keeps the series that have the tag with a value that is not empty.
    #[must_use]
    pub fn with_tag(self, key: impl Into<String>) -> Self {
        self.tag_not(key, "")
    }

    /// Keeps the series without the tag.
    #[must_use]
    pub fn without_tag(self, key: impl Into<String>) -> Self {
        self.tag(key, "")
    }

    /// Keeps the series for which the whole value of the tag matches a regular expression.
    ///
    /// A selector with an invalid pattern matches no series; [`validate`](Self::validate) and calls that use the
    /// selector return the error.
    #[must_use]
    pub fn tag_matches(self, key: impl Into<String>, regex: impl Into<String>) -> Self {
        self.with_condition(key, ValueCondition::Matches(Pattern::new(regex.into())))
    }

    /// Keeps the series for which the whole value of the tag does not match a regular expression.
    ///
    /// As for [`tag_matches`](Self::tag_matches), a selector with an invalid pattern matches no series.
    #[must_use]
    pub fn tag_not_matches(self, key: impl Into<String>, regex: impl Into<String>) -> Self {
        self.with_condition(key, ValueCondition::NotMatches(Pattern::new(regex.into())))
    }

    fn with_condition(mut self, key: impl Into<String>, value: ValueCondition) -> Self {
        let condition = TagCondition { key: key.into(), value };
        if let SelectorNode::Match(conjunction) = &mut self.node {
            conjunction.conditions.push(condition);
            return self;
        }
        self.and(Self::from_conjunction(Conjunction { metric: None, conditions: vec![condition] }))
    }

    /// Selects the series that both selectors match.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let parts = |node| match node {
            SelectorNode::And(parts) => parts,
            node => vec![node],
        };
        Self { node: SelectorNode::And(parts(self.node).into_iter().chain(parts(other.node)).collect()) }
    }

    /// Selects the series that at least one of the selectors matches.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let parts = |node| match node {
            SelectorNode::Or(parts) => parts,
            node => vec![node],
        };
        Self { node: SelectorNode::Or(parts(self.node).into_iter().chain(parts(other.node)).collect()) }
    }

    /// Returns `true` if the series with this key is selected.
    #[must_use]
    pub fn matches(&self, key: &SeriesKey) -> bool {
        self.to_index_filter().matches(key)
    }

    /// Checks that every pattern is a valid regular expression.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`](crate::Error::InvalidQuery) for the first invalid pattern.
    pub fn validate(&self) -> Result<()> {
        self.node.validate()
    }

    /// Returns the tree of the selector.
    pub(crate) fn node(&self) -> &SelectorNode {
        &self.node
    }

    /// Returns the selector in the form that an index evaluates.
    pub(crate) fn to_index_filter(&self) -> IndexFilter<'_> {
        // An invalid pattern matches no value, so a `Not` around it would match every series.
        if self.validate().is_ok() { self.node.to_index_filter() } else { IndexFilter::Any(Vec::new()) }
    }
}

/// Selects the series that the selector does not match.
impl std::ops::Not for Selector {
    type Output = Self;

    fn not(self) -> Self {
        Self {
            node: match self.node {
                SelectorNode::Not(node) => *node,
                node => SelectorNode::Not(Box::new(node)),
            },
        }
    }
}

impl SelectorNode {
    fn validate(&self) -> Result<()> {
        match self {
            Self::Match(conjunction) => {
                conjunction.conditions.iter().try_for_each(|condition| condition.value.validate())
            }
            Self::And(parts) | Self::Or(parts) => parts.iter().try_for_each(Self::validate),
            Self::Not(node) => node.validate(),
        }
    }

    fn to_index_filter(&self) -> IndexFilter<'_> {
        match self {
            Self::Match(Conjunction { metric, conditions }) => {
                let metric = metric.iter().map(|name| IndexFilter::Metric(name));
                IndexFilter::All(metric.chain(conditions.iter().map(TagCondition::to_index_filter)).collect())
            }
            Self::And(parts) => IndexFilter::All(parts.iter().map(Self::to_index_filter).collect()),
            Self::Or(parts) => IndexFilter::Any(parts.iter().map(Self::to_index_filter).collect()),
            Self::Not(node) => IndexFilter::Not(Box::new(node.to_index_filter())),
        }
    }
}

impl TagCondition {
    fn to_index_filter(&self) -> IndexFilter<'_> {
        if self.key == METRIC_NAME_KEY {
            IndexFilter::MetricMatches(&self.value)
        } else {
            IndexFilter::Tag(&self.key, &self.value)
        }
    }
}

impl SeriesPredicate for Selector {
    fn matches(&self, key: &SeriesKey) -> bool {
        Self::matches(self, key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> SeriesKey {
        text.parse().unwrap()
    }

    #[test]
    fn each_condition_selects_its_series() {
        let jfk = r#"temp{station="JFK",host="web-1"}"#;
        let table = [
            ("{}", jfk, true),
            ("temp", jfk, true),
            ("tem", jfk, false),
            ("temp{}", jfk, true),
            (r#"{station="JFK"}"#, jfk, true),
            (r#"humidity{station="JFK"}"#, jfk, false),
            (r#"temp{station="JF"}"#, jfk, false),
            (r#"temp{station!="JFK"}"#, jfk, false),
            (r#"temp{station!="LGA"}"#, jfk, true),
            (r#"temp{station="JFK",host="web-2"}"#, jfk, false),
            (r#"temp{station=~"J.*",host=~"web-\\d"}"#, jfk, true),
            (r#"temp{station=~"J"}"#, jfk, false),
            (r#"temp{station=~"F"}"#, jfk, false),
            (r#"temp{station=~"J|LGA|JFK"}"#, jfk, true),
            (r#"temp{station=~"JFK|J"}"#, jfk, true),
            (r#"temp{station=~"J|X"}"#, jfk, false),
            (r#"temp{station=~"X|FK"}"#, jfk, false),
            (r#"temp{station!~"J"}"#, jfk, true),
            (r#"temp{station!~"J.."}"#, jfk, false),
            (r#"temp{station=~"(?i)jfk"}"#, jfk, true),
            // A missing tag counts as the empty value.
            (r#"temp{roof=""}"#, jfk, true),
            (r#"temp{roof!=""}"#, jfk, false),
            (r#"temp{roof!="north"}"#, jfk, true),
            (r#"temp{roof=~".*"}"#, jfk, true),
            (r#"temp{roof=~".+"}"#, jfk, false),
            (r#"temp{roof!~".+"}"#, jfk, true),
            (r#"temp{station=""}"#, jfk, false),
            // `__name__` is the metric name, and a pattern must match all of it.
            (r#"{__name__=~"te.*"}"#, jfk, true),
            (r#"{__name__=~"te|emp"}"#, jfk, false),
            (r#"{__name__=~"em"}"#, jfk, false),
            (r#"{__name__!~"te.*"}"#, jfk, false),
            (r#"{__name__!~"rain",station="JFK"}"#, jfk, true),
            (r#"{__name__="temp",station=~"L.*"}"#, jfk, false),
            (r#"{__name__="temp"}"#, jfk, true),
            (r#"{__name__!="temp"}"#, jfk, false),
            (r#"{__name__=("rain","temp")}"#, jfk, true),
            (r#"{__name__=("rain",)}"#, jfk, false),
            (r#"temp{__name__=~"t.*"}"#, jfk, true),
            (r#"rain{__name__=~"t.*"}"#, jfk, false),
            (r#"{__name__=""}"#, jfk, false),
            (r#"{__name__=~".*"}"#, jfk, true),
        ];
        for (selector, series, expected) in table {
            assert_eq!(selector.parse::<Selector>().unwrap().matches(&key(series)), expected, "{selector}");
        }
        assert!(!Selector::metric("").matches(&key(jfk)));
        assert!(!Selector::all().tag_matches("station", "a\nb").matches(&key(jfk)));
    }

    #[test]
    fn a_dot_matches_a_line_feed_as_in_prometheus() {
        let lines = SeriesKey::new("up").tag("path", "a\nb");
        for (pattern, expected) in [("a.b", true), (".*", true), ("a", false), ("(?-s:a.b)", false), ("a\nb", true)] {
            assert_eq!(Selector::all().tag_matches("path", pattern).matches(&lines), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_may_end_in_a_comment() {
        let selector = Selector::all().tag_matches("station", "(?x) J.*  # airports");
        assert!(selector.validate().is_ok() && selector.matches(&key(r#"temp{station="JFK"}"#)));
        assert!(!selector.matches(&key(r#"temp{station="LGA"}"#)));
    }

    #[test]
    fn an_invalid_pattern_matches_nothing_and_is_an_error() {
        let jfk = key(r#"temp{station="JFK"}"#);
        for bad in ["J(", "a)|(?:.*", "*", "(((x{99}){99}){99}){99}"] {
            let selectors = [
                Selector::all().tag_matches("station", bad),
                Selector::all().tag_not_matches("station", bad),
                Selector::metric_matches(bad),
                Selector::metric_not_matches(bad),
            ];
            for selector in selectors {
                assert!(!selector.matches(&jfk), "{bad}");
                let message = selector.validate().unwrap_err().to_string();
                assert!(message.starts_with("invalid query: regular expression \""), "{message}");
            }
        }
        assert!(Selector::metric("temp").tag("a", "J(").validate().is_ok(), "plain text is no pattern");
    }

    #[test]
    fn selectors_are_joined() {
        let (temp, rain) = (Selector::metric("temp"), Selector::metric("rain"));
        let jfk = || Selector::all().tag("station", "JFK");
        let keys = [r#"temp{station="JFK"}"#, r#"temp{station="LGA"}"#, r#"rain{station="JFK"}"#, "wind"].map(key);
        let table = [
            (temp.clone().or(rain.clone()), [true, true, true, false]),
            (temp.clone().or(rain.clone()).and(jfk()), [true, false, true, false]),
            (temp.clone().or(rain.clone()).tag("station", "JFK"), [true, false, true, false]),
            (!temp.clone(), [false, false, true, true]),
            (!(temp.clone().or(jfk())), [false, false, false, true]),
            (!!temp.clone(), [true, true, false, false]),
            (!Selector::all(), [false; 4]),
            (Selector::metric_matches("t.*|wi.*"), [true, true, false, true]),
            (Selector::metric_not_matches("t.*|wi.*"), [false, false, true, false]),
            (!Selector::metric_matches("t.*").tag("station", "JFK"), [false, true, true, true]),
            (Selector::all().tag_in("station", ["LGA", "EWR"]), [false, true, false, false]),
            (Selector::all().tag_in("station", ["LGA", ""]), [false, true, false, true]),
            (Selector::all().tag_in("station", [""; 0]), [false; 4]),
            (Selector::all().with_tag("station"), [true, true, true, false]),
            (Selector::all().without_tag("station"), [false, false, false, true]),
            (temp.and(rain), [false; 4]),
        ];
        for (selector, expected) in table {
            assert_eq!(keys.each_ref().map(|key| selector.matches(key)), expected, "{selector}");
            assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector, "{selector}");
        }
        let bad = !Selector::all().tag_matches("station", "(");
        assert!(bad.validate().is_err() && !bad.matches(&keys[3]), "an invalid selector matches nothing");
    }

    fn plain() -> impl Strategy<Value = Selector> {
        let metric = prop::option::of(prop_oneof![
            any::<String>(),
            prop::sample::select(vec!["or", "and", "not", "a"]).prop_map(str::to_owned)
        ]);
        let key = prop_oneof![4 => ".{0,6}", 1 => Just(METRIC_NAME_KEY.to_owned())];
        let rules = prop::collection::vec((key, any::<String>(), 0..5_u8), 0..4);
        (metric, rules).prop_map(|(metric, rules)| {
            let start = metric.map_or_else(Selector::all, Selector::metric);
            rules.into_iter().fold(start, |selector, (key, text, test)| match test {
                0 => selector.tag(key, text),
                1 => selector.tag_not(key, text),
                2 => selector.tag_matches(key, regex::escape(&text)),
                3 => selector.tag_in(key, [text.as_str(), "b"].iter().take(text.len() % 3).copied()),
                _ => selector.tag_not_matches(key, regex::escape(&text)),
            })
        })
    }

    fn joined() -> impl Strategy<Value = Selector> {
        plain().prop_recursive(3, 8, 2, |inner| {
            (inner.clone(), inner, 0..3_u8).prop_map(|(one, other, how)| match how {
                0 => one.and(other),
                1 => one.or(other),
                _ => !one,
            })
        })
    }

    proptest! {
        #[test]
        fn every_selector_is_read_back_from_its_text(selector in joined()) {
            prop_assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in r#"([a{}",=!~\\ \n()]|or|and|not){0,12}|.*"#) {
            if let Ok(selector) = text.parse::<Selector>() {
                prop_assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector);
            }
        }
    }
}
