//! Label sets.
//!
//! A query of many series must not copy their texts. So the labels of a series are a reference to its definition, with or
//! without the labels that describe the metric; only labels that an operation makes are stored as texts of their own.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use timestrata::SeriesInfo;

/// Label of the metric name.
pub(crate) const METRIC_NAME: &str = "__name__";
/// Labels that describe the metric; operations that change the meaning of the values remove them.
const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// Returns `true` for the labels that describe the metric: its name, type and unit.
pub(crate) fn is_metadata(name: &str) -> bool {
    METADATA.contains(&name)
}

/// Name and value of a label.
type Pair = (Arc<str>, Arc<str>);

/// Labels of a series or of a row of a result, sorted by name; no value is empty.
///
/// The metric name is the label `__name__`. The order is that of the pairs.
#[derive(Clone)]
pub struct Labels(Source);

/// Where the texts of labels are.
#[derive(Clone)]
enum Source {
    /// Sorted by name, without empty values; `None` without labels.
    Own(Option<Arc<Vec<Pair>>>),
    /// All labels of a series.
    Series(Arc<SeriesInfo>),
    /// Labels of a series without those that describe the metric.
    SeriesWithoutMetadata(Arc<SeriesInfo>),
}

/// Labels of a series in the order of their names: its tags, and its metric name in its place.
struct SeriesPairs<'a, Tags> {
    tags: Tags,
    next_tag: Option<(&'a str, &'a str)>,
    /// Metric name that is not returned yet.
    metric: Option<&'a str>,
    skips_metadata: bool,
}

impl<'a, Tags: Iterator<Item = (&'a str, &'a str)>> SeriesPairs<'a, Tags> {
    fn new(tags: Tags, metric: &'a str, skips_metadata: bool) -> Self {
        let mut pairs = Self { tags, next_tag: None, metric: (!skips_metadata).then_some(metric), skips_metadata };
        pairs.advance();
        pairs
    }

    fn advance(&mut self) {
        let skips_metadata = self.skips_metadata;
        self.next_tag = self.tags.find(|(name, value)| !(value.is_empty() || skips_metadata && is_metadata(name)));
    }
}

impl<'a, Tags: Iterator<Item = (&'a str, &'a str)>> Iterator for SeriesPairs<'a, Tags> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.metric.is_some() && self.next_tag.is_none_or(|(name, _)| name >= METRIC_NAME) {
            return self.metric.take().map(|metric| (METRIC_NAME, metric));
        }
        let tag = self.next_tag?;
        self.advance();
        Some(tag)
    }
}

/// Labels from either source.
enum Pairs<Own, Series> {
    Own(Own),
    Series(Series),
}

impl<Item, Own: Iterator<Item = Item>, Series: Iterator<Item = Item>> Iterator for Pairs<Own, Series> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        match self {
            Self::Own(own) => own.next(),
            Self::Series(series) => series.next(),
        }
    }
}

/// Iterator that knows how many items are left.
struct Counted<Items> {
    items: Items,
    left: usize,
}

impl<Items: Iterator> Iterator for Counted<Items> {
    type Item = Items::Item;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.items.next();
        self.left = self.left.saturating_sub(usize::from(next.is_some()));
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<Items: Iterator> ExactSizeIterator for Counted<Items> {}

impl Default for Labels {
    fn default() -> Self {
        Self(Source::Own(None))
    }
}

/// Compares labels pair by pair.
pub(super) fn compare<'a, 'b>(
    mut one: impl Iterator<Item = (&'a str, &'a str)>,
    mut other: impl Iterator<Item = (&'b str, &'b str)>,
) -> Ordering {
    // Names and the values of neighbours are often the same text in memory.
    let text = |one: &str, other: &str| if std::ptr::eq(one, other) { Ordering::Equal } else { one.cmp(other) };
    loop {
        let order = match (one.next(), other.next()) {
            (Some(one), Some(other)) => text(one.0, other.0).then_with(|| text(one.1, other.1)),
            (None, None) => return Ordering::Equal,
            (one, other) => one.is_some().cmp(&other.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.pairs(), other.pairs())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_pairs(self.pairs(), state);
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.pairs()).finish()
    }
}

/// Returns `true` for the labels by which vectors match, or rows are grouped: those listed, or all except those and the
/// name.
pub(crate) fn is_in_signature(name: &str, names: &[String], is_listed: bool) -> bool {
    let is_named = names.iter().any(|other| other == name);
    if is_listed { is_named } else { name != METRIC_NAME && !is_named }
}

/// Hashes labels, however they are stored.
pub(super) fn hash_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>, state: &mut impl Hasher) {
    for (name, value) in pairs {
        name.hash(state);
        value.hash(state);
    }
}

impl Labels {
    /// Returns the labels of a series.
    pub(crate) fn of_series(series: &Arc<SeriesInfo>) -> Self {
        Self(Source::Series(Arc::clone(series)))
    }

    /// Makes labels of pairs that are sorted by name and have no empty value.
    fn of_sorted(pairs: Vec<Pair>) -> Self {
        Self(Source::Own((!pairs.is_empty()).then(|| Arc::new(pairs))))
    }

    fn of_texts<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self::of_sorted(pairs.map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// Returns the labels in ascending order of their names.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let (series, skips_metadata) = match &self.0 {
            Source::Own(own) => {
                let own = own.as_deref().map_or(&[][..], Vec::as_slice);
                return Pairs::Own(own.iter().map(|(name, value)| (&**name, &**value)));
            }
            Source::Series(series) => (series, false),
            Source::SeriesWithoutMetadata(series) => (series, true),
        };
        Pairs::Series(SeriesPairs::new(series.key.tags(), series.key.metric(), skips_metadata))
    }

    /// Returns the labels in ascending order of their names.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        Counted { items: self.pairs(), left: self.pairs().count() }
    }

    /// Returns the value of a label; the empty text if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        match &self.0 {
            Source::Own(None) => "",
            Source::Own(Some(own)) => own.binary_search_by(|(own, _)| (**own).cmp(name)).map_or("", |at| &*own[at].1),
            Source::SeriesWithoutMetadata(_) if is_metadata(name) => "",
            Source::Series(series) if name == METRIC_NAME => series.key.metric(),
            Source::Series(series) | Source::SeriesWithoutMetadata(series) => {
                series.key.tag_value(name).unwrap_or_default()
            }
        }
    }

    /// Returns `true` if there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs().next().is_none()
    }

    /// Returns the text of a series with these labels: `up{job="a"}`, `{job="a"}` without a metric name.
    ///
    /// A metric name that is no identifier stays a label.
    #[must_use]
    pub fn to_series_text(&self) -> String {
        let name = self.get(METRIC_NAME);
        let is_plain = !name.is_empty() && LabelName(name).to_string() == name;
        if !is_plain {
            return self.to_string();
        }
        let rest = self.filter(|label| label != METRIC_NAME);
        if rest.is_empty() { name.to_owned() } else { format!("{name}{rest}") }
    }

    /// Returns the labels whose name is kept.
    pub(crate) fn filter(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        match &self.0 {
            Source::Own(own) => {
                let own = own.as_deref().map_or(&[][..], Vec::as_slice);
                Self::of_sorted(own.iter().filter(|(name, _)| keep(name)).cloned().collect())
            }
            _ => Self::of_texts(self.pairs().filter(|(name, _)| keep(name))),
        }
    }

    /// Returns the labels without metric name, type and unit.
    pub(crate) fn without_metadata(&self) -> Self {
        match &self.0 {
            Source::Series(series) => Self(Source::SeriesWithoutMetadata(Arc::clone(series))),
            Source::Own(_) if self.pairs().any(|(name, _)| is_metadata(name)) => self.filter(|name| !is_metadata(name)),
            Source::SeriesWithoutMetadata(_) | Source::Own(_) => self.clone(),
        }
    }

    /// Returns the labels with another value of one label; an empty value removes it.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let kept = self.pairs().filter(|(own, _)| *own != name);
        let mut pairs: Vec<Pair> = kept.map(|(name, value)| (name.into(), value.into())).collect();
        if !value.is_empty() {
            let at = pairs.partition_point(|(own, _)| **own < *name);
            pairs.insert(at, (name.into(), value.into()));
        }
        Self::of_sorted(pairs)
    }

    /// Returns the labels by which vectors match, or rows are grouped; see [`is_in_signature`].
    pub(crate) fn signature(&self, names: &[String], is_listed: bool) -> Self {
        self.filter(|name| is_in_signature(name, names, is_listed))
    }

    /// Returns a 64-bit hash that depends on the labels alone (FNV-1a with a final mix).
    pub(crate) fn stable_hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let bytes = self.pairs().flat_map(|(name, value)| [name, value]).flat_map(|text| text.bytes().chain([0xff]));
        for byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash ^= hash >> 32;
        hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
        hash ^ (hash >> 32)
    }
}

impl<Name: AsRef<str>, Value: AsRef<str>> FromIterator<(Name, Value)> for Labels {
    fn from_iter<I: IntoIterator<Item = (Name, Value)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().filter(|(_, value)| !value.as_ref().is_empty());
        let mut pairs: Vec<Pair> = pairs.map(|(name, value)| (name.as_ref().into(), value.as_ref().into())).collect();
        pairs.sort();
        pairs.dedup_by(|one, other| one.0 == other.0);
        Self::of_sorted(pairs)
    }
}

/// Writes the form of error messages: `{__name__="up", job="a"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}={}", LabelName(name), Quoted(value))?;
        }
        f.write_str("}")
    }
}

/// Writes a label name, quoted unless it is an identifier.
struct LabelName<'a>(&'a str);

impl fmt::Display for LabelName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.0.chars();
        let is_start = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
        let is_plain =
            letters.next().is_some_and(is_start) && letters.all(|letter| is_start(letter) || letter.is_ascii_digit());
        if is_plain { f.write_str(self.0) } else { write!(f, "{}", Quoted(self.0)) }
    }
}

/// Writes a text in double quotes with the escapes of PromQL.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for letter in self.0.chars() {
            match letter {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                // All control characters are below U+0100. `\x` would name a byte, not a character.
                letter if letter.is_control() => write!(f, "\\u{:04x}", u32::from(letter))?,
                letter => write!(f, "{letter}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use timestrata::{Batch, Db, Selector, SeriesKey, Timestamp};

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn signatures_keep_the_listed_labels_or_drop_them() {
        let series = labels(&[("__name__", "up"), ("job", "a"), ("host", "b")]);
        let names = ["job".to_owned()];
        assert_eq!(series.signature(&names, true), labels(&[("job", "a")]));
        assert_eq!(series.signature(&names, false), labels(&[("host", "b")]));
        assert_eq!(series.with("job", "").with("x", "y").to_string(), r#"{__name__="up", host="b", x="y"}"#);
        assert_eq!(series.to_series_text(), r#"up{host="b", job="a"}"#);
        assert_eq!(labels(&[("__name__", "a b")]).to_series_text(), r#"{__name__="a b"}"#);
        assert_eq!(labels(&[("a b", "\"\n")]).to_string(), r#"{"a b"="\"\n"}"#);
        // A text that the parser of queries reads back.
        let controls = labels(&[("a\0", "\u{85}\u{7f}\r")]).to_string();
        assert_eq!(controls, r#"{"a\u0000"="\u0085\u007f\r"}"#);
        assert_eq!(crate::lexer::unquote(r#""\u0085\u007f\r""#), "\u{85}\u{7f}\r".as_bytes());
        assert_ne!(series.stable_hash(), names.iter().map(|name| (name, "a")).collect::<Labels>().stable_hash());
    }

    /// Returns the definition of a series with this key.
    fn series(key: &SeriesKey) -> Arc<SeriesInfo> {
        let db = Db::builder("labels").in_memory().open_blocking().unwrap();
        let mut batch = Batch::new();
        batch.push_key(key, Timestamp::from_secs(0), 1.0);
        db.write_blocking(batch).unwrap();
        let mut cursor = db.snapshot().scan_series(Selector::all()).cursor().unwrap();
        let chunk = cursor.next_chunk().unwrap().unwrap();
        Arc::clone(chunk.series)
    }

    #[test]
    fn labels_of_a_series_equal_those_of_their_texts() {
        let key = SeriesKey::new("up").tag("Zone", "x").tag("__type__", "gauge").tag("job", "a");
        let all = Labels::of_series(&series(&key));
        let texts = labels(&[("job", "a"), ("Zone", "x"), ("__name__", "up"), ("__type__", "gauge")]);
        assert_eq!(all.to_string(), r#"{Zone="x", __name__="up", __type__="gauge", job="a"}"#);
        let hash = |labels: &Labels| {
            let mut hasher = std::hash::DefaultHasher::new();
            labels.hash(&mut hasher);
            hasher.finish()
        };
        for (one, other) in [(&all, &texts), (&all.without_metadata(), &texts.without_metadata())] {
            assert_eq!((one, one.cmp(other), hash(one)), (other, Ordering::Equal, hash(other)));
            assert_eq!((one.iter().len(), one.stable_hash()), (other.iter().len(), other.stable_hash()));
            for name in ["job", "Zone", "__name__", "__type__", "none"] {
                assert_eq!(one.get(name), other.get(name), "{name}");
            }
            assert_eq!(one.with("job", "").with("a", "b"), other.with("job", "").with("a", "b"));
        }
        assert_eq!(all.without_metadata().to_string(), r#"{Zone="x", job="a"}"#);
        assert!(all.without_metadata() > all && all > labels(&[("Zone", "x")]));
        assert!(Labels::default().is_empty() && !all.is_empty());
    }

    #[test]
    fn a_tag_without_a_value_is_no_label() {
        let key = SeriesKey::new("up").tag("job", "a").tag("none", "");
        assert_eq!(Labels::of_series(&series(&key)).to_string(), r#"{__name__="up", job="a"}"#);
    }
}
