//! Series keys (metric name and tags, sorted by tag key) and their text form, as in Prometheus.
//!
//! Building a key never fails; `validate` checks the rules.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use crate::types::error::{Error, Result, shortened};

/// Maximum number of bytes of a metric name and all tags together.
pub const MAX_SERIES_KEY_BYTES: usize = 16 << 10;
/// Maximum number of tags of a series.
pub const MAX_SERIES_TAGS: usize = 64;
/// Name by which a selector refers to the metric name, as in Prometheus. No tag has this key.
pub(crate) const METRIC_NAME_KEY: &str = "__name__";

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
/// The text form is that of Prometheus: `temp{station="JFK",roof="north"}`.
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    metric: Arc<str>,
    /// Sorted by tag key, so that repeated keys are adjacent and `validate` finds them.
    tags: TagList,
}

/// Key and value of a tag.
pub(crate) type KeyTag = (Arc<str>, Arc<str>);

/// Tags of a key: a list of its own, or one that its clones share.
///
/// A batch and the definitions that its write creates share lists.
#[derive(Debug, Clone)]
enum TagList {
    Own(Vec<KeyTag>),
    Shared(Arc<[KeyTag]>),
}

impl TagList {
    /// Returns the list, copied into one of this key if it was shared.
    fn to_mut(&mut self) -> &mut Vec<KeyTag> {
        loop {
            match self {
                Self::Own(own) => return own,
                Self::Shared(shared) => *self = Self::Own(shared.to_vec()),
            }
        }
    }
}

impl Default for TagList {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Deref for TagList {
    type Target = [KeyTag];

    fn deref(&self) -> &[KeyTag] {
        match self {
            Self::Own(own) => own,
            Self::Shared(shared) => shared,
        }
    }
}

impl PartialEq for TagList {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TagList {}

impl PartialOrd for TagList {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TagList {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for TagList {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl SeriesKey {
    /// Creates a key without tags.
    #[must_use]
    pub fn new(metric: impl AsRef<str>) -> Self {
        Self { metric: metric.as_ref().into(), tags: TagList::default() }
    }

    /// Returns the key with one more tag.
    #[must_use]
    pub fn tag(mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let key: Arc<str> = key.as_ref().into();
        let at = self.tags.partition_point(|(other, _)| *other <= key);
        self.tags.to_mut().insert(at, (key, value.as_ref().into()));
        self
    }

    /// Returns the key with another metric name. A key that was collected from tags needs this call.
    #[must_use]
    pub fn with_metric(mut self, metric: impl AsRef<str>) -> Self {
        self.metric = metric.as_ref().into();
        self
    }

    /// Creates a key from shared texts; `None` if the tag keys do not ascend.
    pub(crate) fn from_sorted(metric: Arc<str>, tags: Vec<KeyTag>) -> Option<Self> {
        tags.is_sorted_by(|(one, _), (other, _)| one < other).then_some(Self { metric, tags: TagList::Own(tags) })
    }

    /// Returns the metric name.
    #[must_use]
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Returns the tags as pairs of key and value, sorted by key.
    #[must_use]
    pub fn tags(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Returns the value of a tag; `None` if the key lacks the tag.
    #[must_use]
    pub fn tag_value(&self, key: &str) -> Option<&str> {
        let at = self.tags.binary_search_by(|(own, _)| (**own).cmp(key)).ok()?;
        Some(&self.tags[at].1)
    }

    /// Returns an equal key that shares with `other` the texts that are equal at the same position.
    ///
    /// Consecutive keys often differ in one value only.
    pub(crate) fn interned_with(&self, other: &Self) -> Self {
        let tags = self.interned_tags(other).collect();
        Self { metric: share(&self.metric, Some(&other.metric)), tags: TagList::Own(tags) }
    }

    /// Returns [`interned_with`](Self::interned_with) as a key whose clones share one list of tags.
    pub(crate) fn shared_and_interned_with(&self, other: &Self) -> Self {
        let tags = self.interned_tags(other).collect();
        Self { metric: share(&self.metric, Some(&other.metric)), tags: TagList::Shared(tags) }
    }

    fn interned_tags<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = KeyTag> + 'a {
        let tag = |((key, value), other): (&KeyTag, Option<&KeyTag>)| {
            (share(key, other.map(|(key, _)| key)), share(value, other.map(|(_, value)| value)))
        };
        self.zip_tags(Some(other)).map(tag)
    }

    /// Returns `true` if clones of this key share one list of tags.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.tags, TagList::Shared(_))
    }

    /// Returns the tags, each with the tag of another key at the same index.
    fn zip_tags<'a>(&'a self, other: Option<&'a Self>) -> impl Iterator<Item = (&'a KeyTag, Option<&'a KeyTag>)> {
        self.tags.iter().enumerate().map(move |(at, tag)| (tag, other.and_then(|other| other.tags.get(at))))
    }

    /// Returns the metric name and the tags as shared texts: consecutive keys often have the same ones.
    pub(crate) fn shared_texts(&self) -> (&Arc<str>, &[KeyTag]) {
        (&self.metric, &self.tags)
    }

    /// Returns metric, and name and value of each tag, in the order in which keys are compared.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.metric).chain(self.tags.iter().flat_map(|(key, value)| [&**key, &**value]))
    }

    /// Returns the length of all texts together, in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        self.metric.len() + self.tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
    }

    /// Returns the estimated size of all allocations, in bytes.
    ///
    /// These are the texts with their reference counts, and the list of tags.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.heap_bytes_shared_with(None)
    }

    /// Returns [`heap_bytes`](Self::heap_bytes) without the texts that are shared with `other`.
    pub(crate) fn heap_bytes_shared_with(&self, other: Option<&Self>) -> usize {
        let text = |text: &Arc<str>, other: Option<&Arc<str>>| match other {
            Some(other) if Arc::ptr_eq(text, other) => 0,
            _ => text.len() + 2 * size_of::<usize>() + ALLOCATION_OVERHEAD_BYTES,
        };
        let tag = |((key, value), other): (&KeyTag, Option<&KeyTag>)| {
            text(key, other.map(|(key, _)| key)) + text(value, other.map(|(_, value)| value))
        };
        let tags = self.zip_tags(other).map(tag).sum::<usize>();
        let counters = if self.is_shared() { 2 * size_of::<usize>() } else { 0 };
        let list =
            if self.tags.is_empty() { 0 } else { size_of_val(&*self.tags) + counters + ALLOCATION_OVERHEAD_BYTES };
        text(&self.metric, other.map(|other| &other.metric)) + tags + list
    }

    /// Checks the rules for keys; see [`SeriesKey`].
    ///
    /// # Errors
    /// [`Error::InvalidName`] or [`Error::TooLarge`] for the first rule that is broken.
    pub fn validate(&self) -> Result<()> {
        self.validate_after(None)
    }

    /// Checks the rules except for the texts that are shared with another key, which was checked.
    pub(crate) fn validate_after(&self, checked: Option<&Self>) -> Result<()> {
        let is_checked =
            |text: &Arc<str>, other: Option<&Arc<str>>| other.is_some_and(|other| Arc::ptr_eq(text, other));
        Error::check_size("a series key, in bytes,", self.byte_len(), MAX_SERIES_KEY_BYTES)?;
        Error::check_size("a series key, in tags,", self.tags.len(), MAX_SERIES_TAGS)?;
        if !is_checked(&self.metric, checked.map(|checked| &checked.metric)) {
            check_text("metric name", &self.metric, true)?;
        }
        for (at, ((key, value), checked)) in self.zip_tags(checked).enumerate() {
            if !is_checked(key, checked.map(|(key, _)| key)) {
                check_text("tag key", key, true)?;
                if **key == *METRIC_NAME_KEY {
                    return Err(invalid_name_error("tag key", key, "it is reserved for the metric name"));
                }
            }
            if !is_checked(value, checked.map(|(_, value)| value)) {
                check_text("tag value", value, false)?;
            }
            if at > 0 && self.tags[at - 1].0 == *key {
                return Err(invalid_name_error("tag key", key, "it occurs twice"));
            }
        }
        Ok(())
    }
}

/// Adds tags and sorts once; a repeated tag key makes the series key invalid.
impl<K: AsRef<str>, V: AsRef<str>> Extend<(K, V)> for SeriesKey {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, tags: I) {
        let own = self.tags.to_mut();
        own.extend(tags.into_iter().map(|(key, value)| (key.as_ref().into(), value.as_ref().into())));
        own.sort_by(|(one, _), (other, _)| one.cmp(other));
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

/// Returns the other text if it is equal, so that both share it.
fn share(own: &Arc<str>, other: Option<&Arc<str>>) -> Arc<str> {
    other.filter(|other| *other == own).unwrap_or(own).clone()
}

fn check_text(field: &'static str, text: &str, needed: bool) -> Result<()> {
    // Control characters are the ASCII ones, and those that UTF-8 encodes with 0xC2 as first byte.
    let may_be_control = |byte: &u8| *byte < b' ' || *byte == 0x7F || *byte == 0xC2;
    if !text.is_empty() && !text.as_bytes().iter().any(may_be_control) {
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
        f.write_str(&self.metric)?;
        for (at, (key, value)) in self.tags.iter().enumerate() {
            f.write_str(if at == 0 { "{" } else { "," })?;
            write!(f, "{key}=\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))?;
        }
        if self.tags.is_empty() { Ok(()) } else { f.write_str("}") }
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
    fn equal_texts_are_shared_and_others_kept() {
        let one = SeriesKey::new("m").tag("a", "x").tag("b", "y");
        for other in [
            SeriesKey::new("m").tag("a", "x").tag("b", "z"),
            SeriesKey::new("n").tag("b", "y"),
            SeriesKey::new("m"),
            SeriesKey::new("m").tag("a", "x").tag("b", "y").tag("c", "z"),
        ] {
            assert_eq!(other.interned_with(&one), other);
        }
        let shared = SeriesKey::new("m").tag("a", "x").tag("b", "z").interned_with(&one);
        assert!(Arc::ptr_eq(&shared.metric, &one.metric) && Arc::ptr_eq(&shared.tags[0].1, &one.tags[0].1));
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
