//! Series keys (metric name and tags, sorted by tag key) and their text form, as in Prometheus.
//!
//! Building a key never fails; `validate` checks the rules.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use super::key_buffer::{KeySpan, encoded_text};
use super::key_text::{EncodedTags, put_number, put_text, split_number, split_text, texts_len};
use crate::types::error::{Error, Result, shortened};
use crate::types::quoted_text::{INVALID_ESCAPE, NameText, QuotedText, UnquoteError, needs_no_quotes, unquote};

/// Maximum number of bytes of a metric name and all tags together. A page of an SST has room for any key.
pub const MAX_SERIES_KEY_BYTES: usize = 16 << 10;
/// Maximum number of tags of a series; a database allows 64, or what [`DbBuilder::max_tags`](crate::DbBuilder::max_tags) sets.
pub const MAX_SERIES_TAGS: usize = 256;
/// Name by which a selector refers to the metric name, as in Prometheus. No tag has this key.
pub(crate) const METRIC_NAME_KEY: &str = "__name__";

/// Length of two encoded numbers below 4,096, in bytes: those of the lengths of a tag.
const MAX_SHORT_NUMBERS: usize = 4;

/// Number of tags that an error shows of a key at most.
const SHORTENED_TAGS: usize = 4;

/// Estimated overhead of an allocation, in bytes: the allocator's header and rounding.
pub(crate) const ALLOCATION_OVERHEAD_BYTES: usize = 16;

/// Metric name and tags, which identify a series.
///
/// The order in which tags are added makes no difference. A tag with an empty value is no tag, as in Prometheus: adding
/// one changes nothing, so `cpu{host=""}` and `cpu` are one series. Building a key never fails; a call that uses the key
/// checks these rules, and so does [`validate`](Self::validate):
///
/// - the metric name and the tag keys are not empty;
/// - each tag key occurs once;
/// - no tag key is `__name__`, because a selector uses it for the metric name;
/// - the texts have at most [`MAX_SERIES_KEY_BYTES`] together, and there are at most [`MAX_SERIES_TAGS`] tags.
///
/// A database may allow fewer tags; see [`DbBuilder::max_tags`](crate::DbBuilder::max_tags). Within these rules, metric
/// names, tag keys and tag values are any UTF-8, control characters and line breaks included.
///
/// The text form is that of Prometheus: `temp{station="JFK",roof="north"}`. It is one line and names exactly one key: a
/// metric name or tag key with special characters is quoted, and a quoted metric name is written inside the braces, as
/// in `{"indoor temp","floor no"="3"}`. Quoted texts have the escapes `\"`, `\\`, `\n`, `\r`, `\t` and `\u` with four
/// hexadecimal digits. A [`Selector`](crate::Selector) reads the text form, too.
///
/// A key takes one allocation, which its clones share; keys that a database lists may share one with up to 1,023 other
/// keys.
///
/// ```
/// use timestrata::SeriesKey;
///
/// let key = SeriesKey::new("temp").tag("station", "JFK").tag("roof", "north");
/// assert_eq!(key.to_string(), r#"temp{roof="north",station="JFK"}"#);
/// assert_eq!(r#"temp{station="JFK", roof="north"}"#.parse::<SeriesKey>()?, key);
///
/// let tags = [("station", "JFK"), ("roof", "north")];
/// assert_eq!(tags.into_iter().collect::<SeriesKey>().with_metric("temp"), key);
/// assert_eq!(key.clone().tag("floor", ""), key);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Clone)]
pub struct SeriesKey {
    /// Text with the encoded key; see [`key_text`](super::key_text). Keys that were read together share one.
    ///
    /// The tags are sorted by key, so that repeated keys are adjacent and `validate` finds them. Only a key that was read
    /// from a file of an earlier release has a tag with an empty value.
    buffer: Arc<str>,
    /// Place of the key in the buffer.
    span: KeySpan,
}

impl SeriesKey {
    /// Creates a key without tags.
    #[must_use]
    pub fn new(metric: impl AsRef<str>) -> Self {
        Self::encode(metric.as_ref(), [].into_iter())
    }

    /// Creates a key of these texts, and of the tags whose values are not empty.
    fn encode_present<'t>(metric: &str, tags: impl Iterator<Item = (&'t str, &'t str)>) -> Self {
        let present: Vec<_> = tags.filter(|(_, value)| is_present(value)).collect();
        Self::encode(metric, present.into_iter())
    }

    /// Creates the key that a file holds, with all of its tags.
    ///
    /// Releases before the rule stored tags with empty values. Such a key stays distinct from the one without the tag:
    /// both may have a series in the file.
    pub(crate) fn from_stored<'t>(metric: &str, tags: impl Iterator<Item = (&'t str, &'t str)>) -> Self {
        let mut tags: Vec<_> = tags.collect();
        tags.sort_by_key(|(key, _)| *key);
        Self::encode(metric, tags.into_iter())
    }

    /// Returns the key without the tags whose values are empty; `None` if it has none of them.
    pub(crate) fn without_empty_tags(&self) -> Option<Self> {
        // The length of an empty value is a zero byte.
        let has_zero = self.encoded().as_bytes().contains(&0);
        let has_empty = has_zero && self.encoded_tags().any(|(_, value)| !is_present(value));
        has_empty.then(|| Self::encode_present(self.metric(), self.encoded_tags()))
    }

    /// Creates a key of these texts.
    fn encode<'t>(metric: &str, tags: impl ExactSizeIterator<Item = (&'t str, &'t str)> + Clone) -> Self {
        let texts: usize = tags.clone().map(|(key, value)| key.len() + value.len()).sum();
        let mut encoded = Vec::with_capacity(metric.len() + texts + (tags.len() + 1) * MAX_SHORT_NUMBERS);
        put_text(&mut encoded, metric.as_bytes());
        put_number(&mut encoded, tags.len());
        for (key, value) in tags {
            put_text(&mut encoded, key.as_bytes());
            put_text(&mut encoded, value.as_bytes());
        }
        Self::in_buffer(encoded_text(encoded), KeySpan::WHOLE)
    }

    /// Creates a key that is encoded at a place of a buffer.
    pub(super) fn in_buffer(buffer: Arc<str>, span: KeySpan) -> Self {
        Self { buffer, span }
    }

    /// Returns the key with a buffer of its own, so that it does not keep a buffer of many keys alive.
    pub(crate) fn detached(&self) -> Self {
        match self.span {
            KeySpan::WHOLE => self.clone(),
            _ => Self::in_buffer(self.encoded().into(), KeySpan::WHOLE),
        }
    }

    /// Returns the encoding; see [`key_text`](super::key_text).
    pub(super) fn encoded(&self) -> &str {
        match self.span {
            KeySpan::WHOLE => &self.buffer,
            span => self.buffer.get(span.range()).unwrap_or_default(),
        }
    }

    /// Returns the key with one more tag; the same key if the value is empty.
    #[must_use]
    pub fn tag(self, key: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let (key, value) = (key.as_ref(), value.as_ref());
        if !is_present(value) {
            return self;
        }
        let mut tags = self.encoded_tags();
        let (all, count) = (tags.rest, tags.len());
        // Encoding of the tags behind the new one.
        let mut behind = all;
        while tags.next().is_some_and(|(other, _)| other <= key) {
            behind = tags.rest;
        }
        let (before, behind) = all.as_bytes().split_at(all.len() - behind.len());
        let mut encoded = Vec::with_capacity(self.encoded().len() + key.len() + value.len() + MAX_SHORT_NUMBERS);
        put_text(&mut encoded, self.metric().as_bytes());
        put_number(&mut encoded, count + 1);
        encoded.extend_from_slice(before);
        put_text(&mut encoded, key.as_bytes());
        put_text(&mut encoded, value.as_bytes());
        encoded.extend_from_slice(behind);
        Self::in_buffer(encoded_text(encoded), KeySpan::WHOLE)
    }

    /// Returns the key with another metric name. A key that was collected from tags needs this call.
    #[must_use]
    pub fn with_metric(self, metric: impl AsRef<str>) -> Self {
        Self::encode_present(metric.as_ref(), self.encoded_tags())
    }

    /// Returns the metric name.
    #[must_use]
    pub fn metric(&self) -> &str {
        split_text(self.encoded()).0
    }

    fn encoded_tags(&self) -> EncodedTags<'_> {
        let (_, rest) = split_text(self.encoded());
        let (left, rest) = split_number(rest);
        EncodedTags { rest, left }
    }

    /// Returns the tags as pairs of key and value, sorted by key.
    #[must_use]
    pub fn tags(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.encoded_tags()
    }

    /// Returns the value of a tag; `None` if the key lacks the tag.
    #[must_use]
    pub fn tag_value(&self, key: &str) -> Option<&str> {
        self.encoded_tags().find(|(own, _)| *own == key).map(|(_, value)| value)
    }

    /// Returns the tags without those of an earlier release whose values are empty.
    pub(crate) fn present_tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.encoded_tags().filter(|(_, value)| is_present(value))
    }

    /// Returns the value of a tag; `None` if the key lacks the tag or the value is empty.
    pub(crate) fn present_value(&self, key: &str) -> Option<&str> {
        self.tag_value(key).filter(|value| is_present(value))
    }

    /// Returns metric, and name and value of each tag, in the order in which keys are compared.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.metric()).chain(self.encoded_tags().flat_map(|(key, value)| [key, value]))
    }

    /// Returns the length of all texts together, in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        texts_len(self.encoded())
    }

    /// Returns the estimated memory of the encoded key with a buffer of its own, in bytes.
    ///
    /// A part of a buffer that keys share takes less.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.encoded().len() + 2 * size_of::<usize>() + ALLOCATION_OVERHEAD_BYTES
    }

    /// Checks the rules for keys; see [`SeriesKey`].
    ///
    /// # Errors
    /// [`Error::KeyTooLong`], [`Error::TooManyTags`] or [`Error::InvalidName`] for the first rule that is broken.
    pub fn validate(&self) -> Result<()> {
        let bytes = self.byte_len();
        if bytes > MAX_SERIES_KEY_BYTES {
            return Err(Error::KeyTooLong { series: self.shortened_text(), bytes, limit: MAX_SERIES_KEY_BYTES });
        }
        self.check_tag_count(MAX_SERIES_TAGS)?;
        if self.metric().is_empty() {
            return Err(invalid_name_error("metric name", "", "it is empty"));
        }
        let mut before = None;
        for (key, _) in self.encoded_tags() {
            if key.is_empty() {
                return Err(invalid_name_error("tag key", key, "it is empty"));
            }
            if *key == *METRIC_NAME_KEY {
                return Err(invalid_name_error("tag key", key, "it is reserved for the metric name"));
            }
            if before == Some(key) {
                return Err(invalid_name_error("tag key", key, "it occurs twice"));
            }
            before = Some(key);
        }
        Ok(())
    }

    /// Checks that the key has at most `limit` tags.
    ///
    /// # Errors
    /// [`Error::TooManyTags`].
    pub(crate) fn check_tag_count(&self, limit: usize) -> Result<()> {
        let tags = self.encoded_tags().len();
        if tags <= limit {
            return Ok(());
        }
        Err(Error::TooManyTags { series: self.shortened_text(), tags, limit })
    }

    /// Returns the beginning of the text form, for an error.
    fn shortened_text(&self) -> String {
        let first_tags =
            self.encoded_tags().take(SHORTENED_TAGS).map(|(key, value)| (shortened(key), shortened(value)));
        let key = Self::new(shortened(self.metric()));
        shortened(&first_tags.fold(key, |key, (tag, value)| key.tag(tag, value)).to_string())
    }
}

impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        self.encoded() == other.encoded()
    }
}

impl Eq for SeriesKey {}

impl PartialOrd for SeriesKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares the metric names, and then the tags one by one.
impl Ord for SeriesKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.metric().cmp(other.metric()).then_with(|| self.encoded_tags().cmp(other.encoded_tags()))
    }
}

impl Hash for SeriesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.encoded().hash(state);
    }
}

impl fmt::Debug for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags: Vec<(&str, &str)> = self.encoded_tags().collect();
        f.debug_struct("SeriesKey").field("metric", &self.metric()).field("tags", &tags).finish()
    }
}

/// Adds tags and sorts once; a repeated tag key makes the series key invalid.
impl<K: AsRef<str>, V: AsRef<str>> Extend<(K, V)> for SeriesKey {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, tags: I) {
        let added: Vec<(K, V)> = tags.into_iter().collect();
        let mut all: Vec<(&str, &str)> = self.encoded_tags().collect();
        all.extend(added.iter().map(|(key, value)| (key.as_ref(), value.as_ref())));
        all.sort_by_key(|(key, _)| *key);
        *self = Self::encode_present(self.metric(), all.iter().copied());
    }
}

/// Collects tags into a key without a metric name; [`SeriesKey::with_metric`] sets the name.
impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for SeriesKey {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(tags: I) -> Self {
        let mut key = Self::new("");
        key.extend(tags);
        key
    }
}

/// Returns `true` if a tag with this value is part of its key.
///
/// The rule that an empty value is no tag has this one owner: every key that is built passes it.
fn is_present(value: &str) -> bool {
    !value.is_empty()
}

fn invalid_name_error(field: &'static str, text: &str, detail: &str) -> Error {
    Error::InvalidName { field, text: shortened(text), detail: detail.to_owned() }
}

/// Writes `metric{key="value",...}`, or `metric` without tags; names with special characters are quoted.
///
/// Parsing the text returns the key.
impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "{";
        if needs_no_quotes(self.metric()) {
            f.write_str(self.metric())?;
        } else {
            write!(f, "{{{}", QuotedText(self.metric()))?;
            separator = ",";
        }
        for (key, value) in self.encoded_tags() {
            write!(f, "{separator}{}={}", NameText(key), QuotedText(value))?;
            separator = ",";
        }
        if separator == "," { f.write_str("}") } else { Ok(()) }
    }
}

/// Parses `metric`, `metric{}`, `metric{key="value", ...}` or `{"metric", key="value", ...}`, and checks the rules.
///
/// The error is that of [`SeriesKey::validate`], or [`Error::InvalidName`].
impl FromStr for SeriesKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = |what: &str| invalid_name_error("series key", text, what);
        let Some((metric, rest)) = text.split_once('{') else {
            let key = Self::new(text.trim());
            return key.validate().map(|()| key);
        };
        let body = rest.trim_end().strip_suffix('}').ok_or_else(|| invalid("the closing brace is missing"))?;
        let mut metric = metric.trim().to_owned();
        let (mut tags, mut rest) = (Vec::new(), body.trim());
        while !rest.is_empty() {
            let (name, after) = if rest.starts_with('"') {
                unquote(rest).map_err(|error| invalid(unquote_error_text(error)))?
            } else {
                let (name, _) = rest.split_once('=').ok_or_else(|| invalid("a tag is written key=\"value\""))?;
                (name.trim().to_owned(), &rest[name.len()..])
            };
            let after = after.trim_start();
            if let Some(value) = after.strip_prefix('=') {
                let (value, after) = unquote(value.trim_start()).map_err(|error| invalid(unquote_error_text(error)))?;
                tags.push((name, value));
                rest = after.trim_start();
            } else if metric.is_empty() {
                (metric, rest) = (name, after);
            } else {
                return Err(invalid("a tag is written key=\"value\", and the metric is named once"));
            }
            if !rest.is_empty() {
                rest = rest.strip_prefix(',').ok_or_else(|| invalid("tags are separated by commas"))?.trim_start();
            }
        }
        let key = tags.into_iter().collect::<Self>().with_metric(metric);
        key.validate().map(|()| key)
    }
}

fn unquote_error_text(error: UnquoteError) -> &'static str {
    match error {
        UnquoteError::NoQuote => "the value of a tag must be in quotes",
        UnquoteError::Unclosed => "a quote is never closed",
        UnquoteError::InvalidEscape(_) => INVALID_ESCAPE,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]{1,2}", "[ -~]{1,9}", "\\PC{1,5}", "[\u{0}-\u{20}\u{7f}-\u{a0}{}\"\\\\=,é]{1,6}"]
    }

    fn empty_or_text() -> impl Strategy<Value = String> {
        prop_oneof![4 => text(), 1 => Just(String::new())]
    }

    proptest! {
        #[test]
        fn the_text_of_any_key_is_one_line_and_names_it(
            metric in text(), tags in prop::collection::btree_map(text(), empty_or_text(), 0..4),
        ) {
            let key = tags.iter().collect::<SeriesKey>().with_metric(&metric);
            prop_assume!(key.validate().is_ok());
            let text = key.to_string();
            prop_assert!(!text.contains(char::is_control), "{text}");
            prop_assert_eq!(text.parse::<SeriesKey>().ok(), Some(key.clone()), "{}", text);
            let selector: crate::types::selector::Selector = text.parse().unwrap();
            prop_assert!(selector.matches(&key), "{}", text);
        }

        #[test]
        fn an_empty_value_is_no_tag_however_the_key_is_built(
            metric in text(), tags in prop::collection::btree_map(text(), empty_or_text(), 0..5),
        ) {
            let present = || tags.iter().filter(|(_, value)| !value.is_empty());
            let expected = present().fold(SeriesKey::new(&metric), |key, (tag, value)| key.tag(tag, value));
            let one_by_one = tags.iter().fold(SeriesKey::new(&metric), |key, (tag, value)| key.tag(tag, value));
            prop_assert_eq!(&one_by_one, &expected);
            prop_assert_eq!(&tags.iter().collect::<SeriesKey>().with_metric(&metric), &expected);
            let stored = tags.iter().map(|(tag, value)| (tag.as_str(), value.as_str()));
            let stored = SeriesKey::from_stored(&metric, stored);
            prop_assert_eq!(stored.tags().len(), tags.len());
            prop_assert_eq!(stored.without_empty_tags().is_some(), stored != expected);
            prop_assert_eq!(stored.without_empty_tags().unwrap_or(stored), expected);
        }
    }

    #[test]
    fn collected_tags_are_sorted_and_repeated_keys_are_invalid() {
        let key: SeriesKey = [("b", "2"), ("a", "1")].into_iter().collect();
        assert!(key.validate().is_err(), "a key without a metric name");
        assert_eq!(key.clone().with_metric("m"), SeriesKey::new("m").tag("a", "1").tag("b", "2"));
        let mut key = key.with_metric("m");
        key.extend([("a".to_owned(), "3".to_owned())]);
        assert!(matches!(key.validate(), Err(Error::InvalidName { field: "tag key", .. })));
    }

    #[test]
    fn text_round_trips_with_quotes_and_backslashes() {
        for key in [
            SeriesKey::new("up"),
            SeriesKey::new("up").tag("path", r#"C:\a "b""#).tag("lines", "a\nb\r\tc\0\u{85}"),
            SeriesKey::new("höhe").tag("größe", "µ,{}="),
            SeriesKey::new("a{b=\"c\"}").tag("=\n", "}"),
            SeriesKey::new(" a\0").tag(" ", "\""),
        ] {
            assert_eq!(key.to_string().parse::<SeriesKey>().unwrap(), key);
        }
    }

    #[test]
    fn names_with_special_characters_are_quoted_and_those_without_need_no_quotes() {
        for (text, key) in [
            ("{\"indoor temp\",\"floor no\"=\"3\"}", SeriesKey::new("indoor temp").tag("floor no", "3")),
            ("{\"a\\u0000\"}", SeriesKey::new("a\0")),
            ("up{a=\"\\n\"}", SeriesKey::new("up").tag("a", "\n")),
            ("{\"or\"}", SeriesKey::new("or")),
        ] {
            assert_eq!(key.to_string(), text);
        }
        // Texts of earlier releases, which quoted no names.
        for (text, key) in [
            ("indoor temp{floor no=\"3\"}", SeriesKey::new("indoor temp").tag("floor no", "3")),
            ("up{a=\"\", b=\"c\",}", SeriesKey::new("up").tag("b", "c")),
            ("up{a=\"\"}", SeriesKey::new("up")),
        ] {
            assert_eq!(text.parse::<SeriesKey>().unwrap(), key);
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let message = |key: SeriesKey| key.validate().unwrap_err().to_string();
        assert!(message(SeriesKey::new("")).starts_with("invalid metric name \"\": it is empty"));
        assert!(message(SeriesKey::new("m").tag("", "v")).contains("tag key"));
        assert!(message(SeriesKey::new("m").tag("k", "a").tag("k", "b")).contains("it occurs twice"));
        assert!(message(SeriesKey::new("m").tag("__name__", "m")).contains("reserved for the metric name"));
        assert!(message(SeriesKey::new("m".repeat(16_385))).contains("16385 bytes, at most 16384"));
        let many = (0..257).fold(SeriesKey::new("m"), |key, n| key.tag(format!("k{n}"), "v"));
        assert!(message(many).contains("257 tags, at most 256"));
        let broken = ["{\"a\"", "{\"a\",\"b\"}", "a{\"b\"}", "up{a=\"\\d\"}", "{\"a}", "up{a=\"b\",a=\"c\"}"];
        for text in
            broken.into_iter().chain(["up{", "up{a}", "up{a=b}", "up{a=\"b}", "up{a=\"b\" c=\"d\"}", "{a=\"b\"}"])
        {
            assert!(text.parse::<SeriesKey>().is_err(), "{text}");
        }
    }
}
