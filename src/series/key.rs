//! A series' key: metric name and tags, sorted by tag key, with its text form.
//! It may hold text that breaks a rule until `check` is asked, so that building one never fails.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};

/// The most bytes in a metric name and all tags together.
pub const MAX_KEY_BYTES: usize = 16 << 10;
/// The most tags on a series.
pub const MAX_TAGS: usize = 64;

/// What an allocator takes beside what it was asked for, on average: its own word, and the round size.
pub(crate) const ALLOCATION_BYTES: usize = 16;

/// A metric name and tags, which together name one series.
///
/// The order in which tags are given makes no difference. A key is checked when it is used: a metric name is not
/// empty; a tag has a key that is not empty and stands once; no text holds control characters; the whole is at
/// most 16 KiB and 64 tags.
///
/// ```
/// use timestrata::SeriesKey;
///
/// let key = SeriesKey::new("temp").tag("station", "JFK").tag("roof", "north");
/// assert_eq!(key.to_string(), r#"temp{roof="north",station="JFK"}"#);
/// assert_eq!(r#"temp{station="JFK", roof="north"}"#.parse::<SeriesKey>()?, key);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    metric: Arc<str>,
    /// Sorted by key, stably, so that a doubled key can still be seen by `check`.
    tags: Vec<Tag>,
}

/// Key and value.
type Tag = (Arc<str>, Arc<str>);

impl SeriesKey {
    /// A key without tags.
    #[must_use]
    pub fn new(metric: impl AsRef<str>) -> Self {
        Self { metric: metric.as_ref().into(), tags: Vec::new() }
    }

    /// The same key with one tag more.
    #[must_use]
    pub fn tag(mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let key: Arc<str> = key.as_ref().into();
        let at = self.tags.partition_point(|(other, _)| *other <= key);
        self.tags.insert(at, (key, value.as_ref().into()));
        self
    }

    /// The key of these texts, which it shares; `None` if the tags' keys do not ascend.
    pub(crate) fn from_sorted(metric: Arc<str>, tags: Vec<Tag>) -> Option<Self> {
        tags.is_sorted_by(|(one, _), (other, _)| one < other).then_some(Self { metric, tags })
    }

    /// The metric name.
    #[must_use]
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// The tags, by key in ascending order.
    #[must_use]
    pub fn tags(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The value of a tag, if the key has it.
    #[must_use]
    pub fn tag_value(&self, key: &str) -> Option<&str> {
        let at = self.tags.binary_search_by(|(own, _)| (**own).cmp(key)).ok()?;
        Some(&self.tags[at].1)
    }

    /// The same key over the texts of another, where they are equal: neighbours often differ in a value alone.
    pub(crate) fn sharing(&self, other: &Self) -> Self {
        let share =
            |own: &Arc<str>, other: Option<&Arc<str>>| other.filter(|other| *other == own).unwrap_or(own).clone();
        let tag = |((key, value), other): (&Tag, Option<&Tag>)| {
            (share(key, other.map(|(key, _)| key)), share(value, other.map(|(_, value)| value)))
        };
        Self {
            metric: share(&self.metric, Some(&other.metric)),
            tags: self.tags_beside(Some(other)).map(tag).collect(),
        }
    }

    /// The tags, each with the one that another key has in its place.
    fn tags_beside<'a>(&'a self, other: Option<&'a Self>) -> impl Iterator<Item = (&'a Tag, Option<&'a Tag>)> {
        let others = other.into_iter().flat_map(|other| other.tags.iter().map(Some)).chain(std::iter::repeat(None));
        self.tags.iter().zip(others)
    }

    /// The bytes of all its text.
    pub(crate) fn byte_len(&self) -> usize {
        self.metric.len() + self.tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
    }

    /// About what it has allocated: each text behind its counters, and the list of tags.
    pub(crate) fn heap_len(&self) -> usize {
        self.heap_len_beside(None)
    }

    /// The same without the texts that it [shares](Self::sharing) with another.
    pub(crate) fn heap_len_beside(&self, other: Option<&Self>) -> usize {
        let text = |text: &Arc<str>, other: Option<&Arc<str>>| match other {
            Some(other) if Arc::ptr_eq(text, other) => 0,
            _ => text.len() + 2 * size_of::<usize>() + ALLOCATION_BYTES,
        };
        let tag = |((key, value), other): (&Tag, Option<&Tag>)| {
            text(key, other.map(|(key, _)| key)) + text(value, other.map(|(_, value)| value))
        };
        let tags = self.tags_beside(other).map(tag).sum::<usize>();
        let list = if self.tags.is_empty() { 0 } else { size_of_val(&*self.tags) + ALLOCATION_BYTES };
        text(&self.metric, other.map(|other| &other.metric)) + tags + list
    }

    /// Whether the key keeps the rules.
    ///
    /// # Errors
    /// [`Error::InvalidName`] or [`Error::TooLarge`] names the first rule broken.
    pub fn check(&self) -> Result<()> {
        Error::check_size("a series key, in bytes,", self.byte_len(), MAX_KEY_BYTES)?;
        Error::check_size("a series key, in tags,", self.tags.len(), MAX_TAGS)?;
        check_text("metric name", &self.metric, true)?;
        for (at, (key, value)) in self.tags.iter().enumerate() {
            check_text("tag key", key, true)?;
            check_text("tag value", value, false)?;
            if at > 0 && self.tags[at - 1].0 == *key {
                return Err(invalid("tag key", key, "it stands twice: name each tag once"));
            }
        }
        Ok(())
    }
}

fn check_text(field: &'static str, text: &str, needed: bool) -> Result<()> {
    if needed && text.is_empty() {
        return Err(invalid(field, text, "it is empty: give it at least one character"));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(invalid(field, text, &format!("it holds the control character {c:?}: remove it"))),
        None => Ok(()),
    }
}

fn invalid(field: &'static str, text: &str, what: &str) -> Error {
    Error::InvalidName { field, text: text.chars().take(64).collect(), what: what.to_owned() }
}

/// `metric{key="value",...}`; a quote or backslash inside a value is escaped with a backslash.
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

/// Reads `metric`, `metric{}` or `metric{key="value", ...}`, and checks the rules.
impl FromStr for SeriesKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: &str| invalid("series key", text, what);
        let Some((metric, rest)) = text.split_once('{') else {
            let key = Self::new(text.trim());
            return key.check().map(|()| key);
        };
        let body = rest.trim_end().strip_suffix('}').ok_or_else(|| wrong("it has no closing brace"))?;
        let mut key = Self::new(metric.trim());
        let mut rest = body.trim();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or_else(|| wrong("a tag is written key=\"value\""))?;
            let (value, after) = unquote(after.trim_start()).ok_or_else(|| wrong("a tag's value stands in quotes"))?;
            key = key.tag(name.trim(), value);
            rest = after.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',').ok_or_else(|| wrong("tags are separated by commas"))?.trim_start();
            }
        }
        key.check().map(|()| key)
    }
}

/// The text between the quotes at the start, unescaped, and what follows the closing one.
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
            assert_eq!(other.sharing(&one), other);
        }
        let shared = SeriesKey::new("m").tag("a", "x").tag("b", "z").sharing(&one);
        assert!(Arc::ptr_eq(&shared.metric, &one.metric) && Arc::ptr_eq(&shared.tags[0].1, &one.tags[0].1));
    }

    #[test]
    fn each_broken_rule_is_named() {
        let message = |key: SeriesKey| key.check().unwrap_err().to_string();
        assert!(message(SeriesKey::new("")).starts_with("invalid metric name \"\": it is empty"));
        assert!(message(SeriesKey::new("m").tag("", "v")).contains("tag key"));
        assert!(message(SeriesKey::new("m").tag("k", "a\u{7}")).contains("control character"));
        assert!(message(SeriesKey::new("m").tag("k", "a").tag("k", "b")).contains("it stands twice"));
        assert!(message(SeriesKey::new("m".repeat(16_385))).contains("at most 16384"));
        let many = (0..65).fold(SeriesKey::new("m"), |key, n| key.tag(format!("k{n}"), "v"));
        assert!(message(many).contains("65, at most 64"));
        for text in ["up{", "up{a}", "up{a=b}", "up{a=\"b}", "up{a=\"b\" c=\"d\"}", "{a=\"b\"}"] {
            assert!(text.parse::<SeriesKey>().is_err(), "{text}");
        }
    }
}
