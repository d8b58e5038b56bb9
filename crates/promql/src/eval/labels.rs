//! Label sets, and their ids within one query.
//!
//! A query compares and groups label sets often, and changes them seldom. So each set is stored once and the rows of a
//! result hold a 4-byte id.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use timestrata::SeriesKey;

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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Labels(Arc<[Pair]>);

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        // Names and the values of neighbours are often the same text in memory.
        let text = |one: &Arc<str>, other: &Arc<str>| {
            if Arc::ptr_eq(one, other) { Ordering::Equal } else { one.cmp(other) }
        };
        let pairs = self.0.iter().zip(&*other.0);
        let mut orders = pairs.map(|(one, other)| text(&one.0, &other.0).then_with(|| text(&one.1, &other.1)));
        orders.find(|order| order.is_ne()).unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Texts of labels that many series have, each once in memory: names, and metric names.
#[derive(Debug, Default)]
pub(crate) struct CommonTexts(Vec<Arc<str>>);

impl CommonTexts {
    /// Number of texts that are kept; more would take longer to find than to make.
    const MAX: usize = 32;

    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| ***known == *text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        if self.0.len() < Self::MAX {
            self.0.push(Arc::clone(&text));
        }
        text
    }
}

impl Labels {
    /// Returns the labels of a series.
    pub(crate) fn of_series(key: &SeriesKey, texts: &mut CommonTexts) -> Self {
        let tags = key.tags().filter(|(_, value)| !value.is_empty());
        let mut pairs: Vec<Pair> = Vec::with_capacity(8);
        pairs.extend(tags.map(|(name, value)| (texts.get(name), value.into())));
        let at = pairs.partition_point(|(name, _)| **name < *METRIC_NAME);
        pairs.insert(at, (texts.get(METRIC_NAME), texts.get(key.metric())));
        Self(pairs.into())
    }

    /// Returns the labels in ascending order of their names.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns the value of a label; the empty text if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        match self.0.binary_search_by(|(own, _)| (**own).cmp(name)) {
            Ok(at) => &self.0[at].1,
            Err(_) => "",
        }
    }

    /// Returns `true` if there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// Returns the labels without metric name, type and unit.
    pub(crate) fn without_metadata(&self) -> Self {
        if self.0.iter().any(|(name, _)| is_metadata(name)) {
            self.filter(|name| !is_metadata(name))
        } else {
            self.clone()
        }
    }

    /// Returns the labels with another value of one label; an empty value removes it.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs = self.0.to_vec();
        match (pairs.binary_search_by(|(own, _)| (**own).cmp(name)), value.is_empty()) {
            (Ok(at), true) => drop(pairs.remove(at)),
            (Ok(at), false) => pairs[at].1 = value.into(),
            (Err(_), true) => {}
            (Err(at), false) => pairs.insert(at, (name.into(), value.into())),
        }
        Self(pairs.into())
    }

    /// Returns the labels by which vectors match, or rows are grouped: those listed, or all except those and the name.
    pub(crate) fn signature(&self, names: &[String], is_listed: bool) -> Self {
        if is_listed {
            return self.filter(|name| names.iter().any(|other| other == name));
        }
        self.filter(|name| name != METRIC_NAME && !names.iter().any(|other| other == name))
    }

    /// Returns a 64-bit hash that depends on the labels alone (FNV-1a with a final mix).
    pub(crate) fn stable_hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let bytes = self.0.iter().flat_map(|(name, value)| [name, value]).flat_map(|text| text.bytes().chain([0xff]));
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
        Self(pairs.into())
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
                letter if letter.is_control() => write!(f, "\\x{:02x}", u32::from(letter))?,
                letter => write!(f, "{letter}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Hashing of label sets with a random key: eight bytes at a time, by multiplication and rotation.
#[derive(Debug, Clone)]
struct TextHashing(u64);

impl TextHashing {
    fn new() -> Self {
        Self(RandomState::new().hash_one(0_u64))
    }
}

impl BuildHasher for TextHashing {
    type Hasher = TextHasher;

    fn build_hasher(&self) -> TextHasher {
        TextHasher { key: self.0 | 1, state: self.0 }
    }
}

struct TextHasher {
    key: u64,
    state: u64,
}

impl TextHasher {
    #[inline]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.key ^ 0x9e37_79b9_7f4a_7c15);
        let [low, high] = [product & u128::from(u64::MAX), product >> 64].map(|half| u64::try_from(half).unwrap_or(0));
        self.state = low ^ high.rotate_left(23) ^ self.key;
    }
}

impl Hasher for TextHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.mix(u64::from_le_bytes(last) ^ ((bytes.len() as u64) << 56));
    }

    fn write_u8(&mut self, _: u8) {
        // The end of a text: its length is mixed in already.
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

/// Id of a label set within one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LabelId(u32);

impl LabelId {
    /// Id of the empty label set.
    pub(crate) const EMPTY: Self = Self(0);
}

/// Label sets of a query, each stored once.
#[derive(Debug)]
pub(crate) struct LabelTable {
    sets: Vec<Labels>,
    ids: HashMap<Labels, LabelId, TextHashing>,
    /// Id without metric name, type and unit, by id; `None` until asked for.
    without_metadata: Vec<Option<LabelId>>,
}

impl Default for LabelTable {
    fn default() -> Self {
        let mut table =
            Self { sets: Vec::new(), ids: HashMap::with_hasher(TextHashing::new()), without_metadata: Vec::new() };
        table.intern(Labels::default());
        table
    }
}

impl LabelTable {
    /// Returns the id of a label set.
    ///
    /// Beyond 2^32 sets the id of the last one is returned; a query reaches its limit on series long before.
    pub(crate) fn intern(&mut self, labels: Labels) -> LabelId {
        if let Some(id) = self.ids.get(&labels) {
            return *id;
        }
        let id = LabelId(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        self.sets.push(labels.clone());
        self.without_metadata.push(None);
        self.ids.insert(labels, id);
        id
    }

    /// Returns the labels of an id.
    pub(crate) fn get(&self, id: LabelId) -> &Labels {
        static EMPTY: std::sync::OnceLock<Labels> = std::sync::OnceLock::new();
        self.sets.get(id.0 as usize).unwrap_or_else(|| EMPTY.get_or_init(Labels::default))
    }

    /// Returns the id of the labels without metric name, type and unit.
    pub(crate) fn without_metadata(&mut self, id: LabelId) -> LabelId {
        if let Some(Some(known)) = self.without_metadata.get(id.0 as usize) {
            return *known;
        }
        let labels = self.get(id).without_metadata();
        let without = self.intern(labels);
        if let Some(known) = self.without_metadata.get_mut(id.0 as usize) {
            *known = Some(without);
        }
        without
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn label_sets_are_stored_once() {
        let mut table = LabelTable::default();
        let up = table.intern(labels(&[("job", "a"), ("__name__", "up")]));
        assert_eq!(table.intern(labels(&[("__name__", "up"), ("job", "a"), ("empty", "")])), up);
        let without = table.without_metadata(up);
        assert_eq!(table.get(without).to_string(), r#"{job="a"}"#);
        assert_eq!((table.without_metadata(up), table.without_metadata(without)), (without, without));
        assert_eq!(table.intern(Labels::default()), LabelId::EMPTY);
        assert_eq!(table.sets.len(), 3);
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
        assert_ne!(series.stable_hash(), names.iter().map(|name| (name, "a")).collect::<Labels>().stable_hash());
    }

    #[test]
    fn the_labels_of_a_series_have_its_name_and_no_empty_value() {
        let key = SeriesKey::new("up").tag("Zone", "x").tag("job", "a").tag("none", "");
        assert_eq!(
            Labels::of_series(&key, &mut CommonTexts::default()).to_string(),
            r#"{Zone="x", __name__="up", job="a"}"#
        );
    }
}
