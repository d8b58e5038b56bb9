//! Series keys (metric name and tags, sorted by tag key) and their text form, as in Prometheus.
//!
//! Building a key never fails; `validate` checks the rules.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use super::key_buffer::{KeySpan, encoded_text, is_printable_ascii};
use super::key_text::{EncodedTags, put_number, put_text, split_number, split_text, texts_len};
use crate::types::error::{Error, Result, shortened};

/// Maximum number of bytes of a metric name and all tags together.
pub const MAX_SERIES_KEY_BYTES: usize = 16 << 10;
/// Maximum number of tags of a series.
pub const MAX_SERIES_TAGS: usize = 64;
/// Name by which a selector refers to the metric name, as in Prometheus. No tag has this key.
pub(crate) const METRIC_NAME_KEY: &str = "__name__";

/// Length of two encoded numbers below 4,096, in bytes: those of the lengths of a tag.
const MAX_SHORT_NUMBERS: usize = 4;

/// Estimated overhead of an allocation, in bytes: the allocator's header and rounding.
pub(crate) const ALLOCATION_OVERHEAD_BYTES: usize = 16;

/// Metric name and tags, which identify a series.
///
/// The order in which tags are added makes no difference. Building a key never fails; a call that uses the key checks
/// these rules, and so does [`validate`](Self::validate):
///
/// - the metric name and the tag keys are not empty;
/// - each tag key occurs once;
/// - no tag key is `__name__`, because a selector uses it for the metric name;
/// - no text has a control character;
/// - the texts have at most [`MAX_SERIES_KEY_BYTES`] together, and there are at most [`MAX_SERIES_TAGS`] tags.
///
/// The text form is that of Prometheus: `temp{station="JFK",roof="north"}`. A key takes one allocation, which its clones
/// share; keys that a database lists may share one with up to 1,023 other keys.
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
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Clone)]
pub struct SeriesKey {
    /// Text with the encoded key; see [`key_text`](super::key_text). Keys that were read together share one.
    ///
    /// The tags are sorted by key, so that repeated keys are adjacent and `validate` finds them.
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

    /// Returns the key with one more tag.
    #[must_use]
    pub fn tag(self, key: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let (key, value) = (key.as_ref(), value.as_ref());
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
        Self::encode(metric.as_ref(), self.encoded_tags())
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
    /// [`Error::InvalidName`] or [`Error::TooLarge`] for the first rule that is broken.
    pub fn validate(&self) -> Result<()> {
        Error::check_size("a series key, in bytes,", self.byte_len(), MAX_SERIES_KEY_BYTES)?;
        Error::check_size("a series key, in tags,", self.encoded_tags().len(), MAX_SERIES_TAGS)?;
        check_text("metric name", self.metric(), true)?;
        let mut before = None;
        for (key, value) in self.encoded_tags() {
            check_text("tag key", key, true)?;
            if *key == *METRIC_NAME_KEY {
                return Err(invalid_name_error("tag key", key, "it is reserved for the metric name"));
            }
            check_text("tag value", value, false)?;
            if before == Some(key) {
                return Err(invalid_name_error("tag key", key, "it occurs twice"));
            }
            before = Some(key);
        }
        Ok(())
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
        *self = Self::encode(self.metric(), all.iter().copied());
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

fn check_text(field: &'static str, text: &str, needed: bool) -> Result<()> {
    if !text.is_empty() && is_printable_ascii(text.as_bytes()) {
        return Ok(());
    }
    if needed && text.is_empty() {
        return Err(invalid_name_error(field, text, "it is empty"));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(invalid_name_error(field, text, &format!("it has the control character {c:?}"))),
        None => Ok(()),
    }
}

fn invalid_name_error(field: &'static str, text: &str, detail: &str) -> Error {
    Error::InvalidName { field, text: shortened(text), detail: detail.to_owned() }
}

/// Writes `metric{key="value",...}`, or `metric` without tags.
///
/// A backslash escapes quotes and backslashes in values.
impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric())?;
        for (at, (key, value)) in self.encoded_tags().enumerate() {
            f.write_str(if at == 0 { "{" } else { "," })?;
            write!(f, "{key}=\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))?;
        }
        if self.encoded_tags().len() == 0 { Ok(()) } else { f.write_str("}") }
    }
}

/// Parses `metric`, `metric{}` or `metric{key="value", ...}`, and checks the rules.
///
/// The error is [`Error::InvalidName`] or [`Error::TooLarge`].
impl FromStr for SeriesKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = |what: &str| invalid_name_error("series key", text, what);
        let Some((metric, rest)) = text.split_once('{') else {
            let key = Self::new(text.trim());
            return key.validate().map(|()| key);
        };
        let body = rest.trim_end().strip_suffix('}').ok_or_else(|| invalid("the closing brace is missing"))?;
        let mut key = Self::new(metric.trim());
        let mut rest = body.trim();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or_else(|| invalid("a tag is written key=\"value\""))?;
            let (value, after) =
                unquote(after.trim_start()).ok_or_else(|| invalid("the value of a tag must be in quotes"))?;
            key = key.tag(name.trim(), value);
            rest = after.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',').ok_or_else(|| invalid("tags are separated by commas"))?.trim_start();
            }
        }
        key.validate().map(|()| key)
    }
}

/// Returns the unescaped text between the quotes at the start, and the rest after the closing quote.
///
/// `\n` is a line feed; before any other character the backslash is removed. `None` if a quote is missing.
pub(crate) fn unquote(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &body[at + 1..])),
            '\\' => value.push(chars.next().map(|(_, escaped)| if escaped == 'n' { '\n' } else { escaped })?),
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

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
            SeriesKey::new("up").tag("path", r#"C:\a "b""#).tag("empty", ""),
            SeriesKey::new("höhe").tag("größe", "µ,{}="),
        ] {
            assert_eq!(key.to_string().parse::<SeriesKey>().unwrap(), key);
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let message = |key: SeriesKey| key.validate().unwrap_err().to_string();
        assert!(message(SeriesKey::new("")).starts_with("invalid metric name \"\": it is empty"));
        assert!(message(SeriesKey::new("m").tag("", "v")).contains("tag key"));
        assert!(message(SeriesKey::new("m").tag("k", "a\u{7}")).contains("control character"));
        assert!(message(SeriesKey::new("m").tag("k", "a").tag("k", "b")).contains("it occurs twice"));
        assert!(message(SeriesKey::new("m").tag("__name__", "m")).contains("reserved for the metric name"));
        assert!(message(SeriesKey::new("m".repeat(16_385))).contains("at most 16384"));
        let many = (0..65).fold(SeriesKey::new("m"), |key, n| key.tag(format!("k{n}"), "v"));
        assert!(message(many).contains("65, at most 64"));
        for text in ["up{", "up{a}", "up{a=b}", "up{a=\"b}", "up{a=\"b\" c=\"d\"}", "{a=\"b\"}"] {
            assert!(text.parse::<SeriesKey>().is_err(), "{text}");
        }
    }
}
