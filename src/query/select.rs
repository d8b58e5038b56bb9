//! Which series are meant: a metric name and rules on tags, joined at will, in code or in a text form like that of Prometheus.
//! A key is tested in one pass over the rules; an index answers the same from its postings. It does not know what series exist.

mod display;
mod parse;
mod test;

use self::test::{Pattern, Test};
use crate::error::Result;
use crate::series::{Filter, Matcher, SeriesKey};

/// Which series are meant: those whose key keeps every rule.
///
/// A tag that a key lacks counts as the empty string, so `tag("roof", "")` means series without a roof, too. Regular
/// expressions are those of the crate `regex` and must match the whole value, as if between `^` and `$`.
///
/// Selectors are joined by [`and`](Self::and), [`or`](Self::or) and `!`; further rules narrow the whole of what they are
/// called on.
///
/// The text form is that of Prometheus: `temp{station="JFK",host=~"web-.*",zone!="eu",rack!~"a|b"}`; without a metric
/// name, `{station="JFK"}`; `{}` for all series; `{station=("JFK","LGA")}` for any of some values. Quoted text knows `\"`,
/// `\\`, `\n` and `\t`, so a backslash in a pattern is written twice. A name or tag key with special characters is quoted
/// too, the name inside the braces: `{"indoor temp","floor no"="3"}`. Several are joined by the words `and`, `or` and `not`,
/// `not` binding closest and `or` loosest, or between parentheses: `not temp and {station="JFK"}`.
///
/// ```
/// use timestrata::{Select, SeriesKey};
///
/// let select = Select::metric("temp").tag_matches("station", "J.*").tag_not("roof", "north");
/// assert!(select.matches(&SeriesKey::new("temp").tag("station", "JFK")));
/// assert!(!select.matches(&SeriesKey::new("temp").tag("station", "LGA")));
/// assert_eq!(select.to_string(), r#"temp{station=~"J.*",roof!="north"}"#);
/// assert_eq!(select.to_string().parse::<Select>()?, select);
///
/// let either = (Select::metric("temp").or(Select::metric("rain"))).tag_any_of("station", ["JFK", "LGA"]);
/// assert!(either.matches(&SeriesKey::new("rain").tag("station", "LGA")));
/// assert_eq!(either.to_string(), r#"(temp or rain) and {station=("JFK","LGA")}"#);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    node: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Plain(Plain),
    /// At least two, none of them an `And`.
    And(Vec<Node>),
    /// At least two, none of them an `Or`.
    Or(Vec<Node>),
    /// Not of a `Not`.
    Not(Box<Node>),
}

/// A metric name and rules, all of which must hold.
#[derive(Debug, Clone, PartialEq, Default)]
struct Plain {
    metric: Option<String>,
    rules: Vec<Rule>,
}

/// What one tag must be.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    key: String,
    test: Test,
}

impl Select {
    /// All series.
    #[must_use]
    pub fn all() -> Self {
        Self::plain(Plain::default())
    }

    /// All series of a metric.
    #[must_use]
    pub fn metric(name: impl Into<String>) -> Self {
        Self::plain(Plain { metric: Some(name.into()), rules: Vec::new() })
    }

    fn plain(plain: Plain) -> Self {
        Self { node: Node::Plain(plain) }
    }

    /// Of these, the series whose tag is this value.
    #[must_use]
    pub fn tag(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.rule(key, Test::Is(value.into()))
    }

    /// Of these, the series whose tag is another value, or that lack it (unless the value is empty).
    #[must_use]
    pub fn tag_not(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.rule(key, Test::IsNot(value.into()))
    }

    /// Of these, the series whose tag is one of these values; of no values: no series.
    #[must_use]
    pub fn tag_any_of(self, key: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rule(key, Test::AnyOf(values.into_iter().map(Into::into).collect()))
    }

    /// Of these, the series that have the tag, with a value that is not empty.
    #[must_use]
    pub fn has_tag(self, key: impl Into<String>) -> Self {
        self.tag_not(key, "")
    }

    /// Of these, the series that lack the tag, or whose value of it is empty.
    #[must_use]
    pub fn lacks_tag(self, key: impl Into<String>) -> Self {
        self.tag(key, "")
    }

    /// Of these, the series whose tag's whole value matches a regular expression.
    ///
    /// A bad pattern matches no series; [`check`](Self::check) and running a query tell what is wrong with it.
    #[must_use]
    pub fn tag_matches(self, key: impl Into<String>, regex: impl Into<String>) -> Self {
        self.rule(key, Test::Matches(Pattern::new(regex.into())))
    }

    /// Of these, the series whose tag's whole value does not match a regular expression.
    ///
    /// A bad pattern matches no series here either.
    #[must_use]
    pub fn tag_not_matches(self, key: impl Into<String>, regex: impl Into<String>) -> Self {
        self.rule(key, Test::MatchesNot(Pattern::new(regex.into())))
    }

    fn rule(mut self, key: impl Into<String>, test: Test) -> Self {
        let rule = Rule { key: key.into(), test };
        if let Node::Plain(plain) = &mut self.node {
            plain.rules.push(rule);
            return self;
        }
        self.and(Self::plain(Plain { metric: None, rules: vec![rule] }))
    }

    /// The series that both mean.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let parts = |node| match node {
            Node::And(parts) => parts,
            node => vec![node],
        };
        Self { node: Node::And(parts(self.node).into_iter().chain(parts(other.node)).collect()) }
    }

    /// The series that one of the two means, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let parts = |node| match node {
            Node::Or(parts) => parts,
            node => vec![node],
        };
        Self { node: Node::Or(parts(self.node).into_iter().chain(parts(other.node)).collect()) }
    }

    /// Whether the series of this key is meant.
    #[must_use]
    pub fn matches(&self, key: &SeriesKey) -> bool {
        self.filter().matches(key)
    }

    /// Whether every pattern is a regular expression.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`](crate::Error::InvalidQuery) names the first that is none, and where it breaks.
    pub fn check(&self) -> Result<()> {
        self.node.check()
    }

    /// The same for an index.
    pub(crate) fn filter(&self) -> Filter<'_> {
        // Under `not` a bad pattern would mean every series.
        if self.check().is_ok() { self.node.filter() } else { Filter::Any(Vec::new()) }
    }
}

/// The series that it does not mean.
impl std::ops::Not for Select {
    type Output = Self;

    fn not(self) -> Self {
        Self {
            node: match self.node {
                Node::Not(node) => *node,
                node => Node::Not(Box::new(node)),
            },
        }
    }
}

impl Node {
    fn check(&self) -> Result<()> {
        match self {
            Self::Plain(plain) => plain.rules.iter().try_for_each(|rule| rule.test.check()),
            Self::And(parts) | Self::Or(parts) => parts.iter().try_for_each(Self::check),
            Self::Not(node) => node.check(),
        }
    }

    fn filter(&self) -> Filter<'_> {
        match self {
            Self::Plain(Plain { metric, rules }) => {
                let metric = metric.iter().map(|name| Filter::Metric(name));
                Filter::All(metric.chain(rules.iter().map(|rule| Filter::Tag(&rule.key, &rule.test))).collect())
            }
            Self::And(parts) => Filter::All(parts.iter().map(Self::filter).collect()),
            Self::Or(parts) => Filter::Any(parts.iter().map(Self::filter).collect()),
            Self::Not(node) => Filter::Not(Box::new(node.filter())),
        }
    }
}

impl Matcher for Select {
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
    fn each_rule_tells_series_apart() {
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
            // A tag that is absent counts as the empty string.
            (r#"temp{roof=""}"#, jfk, true),
            (r#"temp{roof!=""}"#, jfk, false),
            (r#"temp{roof!="north"}"#, jfk, true),
            (r#"temp{roof=~".*"}"#, jfk, true),
            (r#"temp{roof=~".+"}"#, jfk, false),
            (r#"temp{roof!~".+"}"#, jfk, true),
            (r#"temp{station=""}"#, jfk, false),
        ];
        for (select, series, expected) in table {
            assert_eq!(select.parse::<Select>().unwrap().matches(&key(series)), expected, "{select}");
        }
        assert!(!Select::metric("").matches(&key(jfk)));
        assert!(!Select::all().tag_matches("station", "a\nb").matches(&key(jfk)));
    }

    #[test]
    fn a_pattern_may_end_in_a_comment() {
        let select = Select::all().tag_matches("station", "(?x) J.*  # airports");
        assert!(select.check().is_ok() && select.matches(&key(r#"temp{station="JFK"}"#)));
        assert!(!select.matches(&key(r#"temp{station="LGA"}"#)));
    }

    #[test]
    fn a_bad_pattern_matches_nothing_and_is_told() {
        let jfk = key(r#"temp{station="JFK"}"#);
        for bad in ["J(", "a)|(?:.*", "*", "(((x{99}){99}){99}){99}"] {
            let selects = [Select::all().tag_matches("station", bad), Select::all().tag_not_matches("station", bad)];
            for select in selects {
                assert!(!select.matches(&jfk), "{bad}");
                let message = select.check().unwrap_err().to_string();
                assert!(message.starts_with("invalid query: regular expression \""), "{message}");
            }
        }
        assert!(Select::metric("temp").tag("a", "J(").check().is_ok(), "plain text is no pattern");
    }

    #[test]
    fn selectors_are_joined() {
        let (temp, rain) = (Select::metric("temp"), Select::metric("rain"));
        let jfk = || Select::all().tag("station", "JFK");
        let keys = [r#"temp{station="JFK"}"#, r#"temp{station="LGA"}"#, r#"rain{station="JFK"}"#, "wind"].map(key);
        let table = [
            (temp.clone().or(rain.clone()), [true, true, true, false]),
            (temp.clone().or(rain.clone()).and(jfk()), [true, false, true, false]),
            (temp.clone().or(rain.clone()).tag("station", "JFK"), [true, false, true, false]),
            (!temp.clone(), [false, false, true, true]),
            (!(temp.clone().or(jfk())), [false, false, false, true]),
            (!!temp.clone(), [true, true, false, false]),
            (!Select::all(), [false; 4]),
            (Select::all().tag_any_of("station", ["LGA", "EWR"]), [false, true, false, false]),
            (Select::all().tag_any_of("station", ["LGA", ""]), [false, true, false, true]),
            (Select::all().tag_any_of("station", [""; 0]), [false; 4]),
            (Select::all().has_tag("station"), [true, true, true, false]),
            (Select::all().lacks_tag("station"), [false, false, false, true]),
            (temp.and(rain), [false; 4]),
        ];
        for (select, expected) in table {
            assert_eq!(keys.each_ref().map(|key| select.matches(key)), expected, "{select}");
            assert_eq!(select.to_string().parse::<Select>().unwrap(), select, "{select}");
        }
        let bad = !Select::all().tag_matches("station", "(");
        assert!(bad.check().is_err() && !bad.matches(&keys[3]), "nothing is meant by what is not understood");
    }

    fn plain() -> impl Strategy<Value = Select> {
        let metric = prop::option::of(prop_oneof![
            any::<String>(),
            prop::sample::select(vec!["or", "and", "not", "a"]).prop_map(str::to_owned)
        ]);
        let rules = prop::collection::vec((".{0,6}", any::<String>(), 0..5_u8), 0..4);
        (metric, rules).prop_map(|(metric, rules)| {
            let start = metric.map_or_else(Select::all, Select::metric);
            rules.into_iter().fold(start, |select, (key, text, test)| match test {
                0 => select.tag(key, text),
                1 => select.tag_not(key, text),
                2 => select.tag_matches(key, regex::escape(&text)),
                3 => select.tag_any_of(key, [text.as_str(), "b"].iter().take(text.len() % 3).copied()),
                _ => select.tag_not_matches(key, regex::escape(&text)),
            })
        })
    }

    fn joined() -> impl Strategy<Value = Select> {
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
        fn every_selector_is_read_back_from_its_text(select in joined()) {
            prop_assert_eq!(select.to_string().parse::<Select>().unwrap(), select);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in r#"([a{}",=!~\\ \n()]|or|and|not){0,12}|.*"#) {
            if let Ok(select) = text.parse::<Select>() {
                prop_assert_eq!(select.to_string().parse::<Select>().unwrap(), select);
            }
        }
    }
}
