//! Postings of a run of series with neighbouring ids: which of them bear a metric name, a tag, a tag's value.
//! Sealed when the run is full and never changed, so that every version shares it. It copies no text: a posting's own is that
//! of the first series that bears it. Ids in it count from the run's first, so that they fit in 16 bits.

use std::collections::HashMap;
use std::ops::Range;

use roaring::RoaringBitmap;

use crate::series::{Filter, Named, SeriesDef, SeriesKey, ValueTest};
use crate::sync::Arc;

/// The most series of a segment: their places fit in 16 bits.
pub(super) const MOST_SERIES: usize = 1 << 16;

/// A sealed run.
#[derive(Debug)]
pub(super) struct Segment {
    series: Box<[Arc<SeriesDef>]>,
    /// By name.
    metrics: Box<[Posting]>,
    /// By tag key.
    tags: Box<[Tag]>,
    /// Of each tag in its order, by value.
    values: Box<[Posting]>,
}

/// Who bears a text.
#[derive(Debug)]
struct Posting {
    /// A series that does, and which of its tags it is.
    bearer: (u16, u8),
    places: Places,
}

/// Places of series in the run, ascending. Most values of a tag are borne by one series, or by thousands.
#[derive(Debug)]
enum Places {
    One(u16),
    Few(Box<[u16]>),
    Many(Box<RoaringBitmap>),
}

/// Where a list is smaller than a bitmap with all that belongs to it.
const FEW: usize = 64;

/// A tag's key, and where the postings of its values lie.
#[derive(Debug)]
struct Tag {
    bearer: (u16, u8),
    values: Range<u32>,
    /// Whoever has the tag.
    places: Places,
}

impl Places {
    fn new(places: &[u16]) -> Self {
        match places {
            [place] => Self::One(*place),
            few if few.len() <= FEW => Self::Few(few.into()),
            many => Self::Many(Box::new(many.iter().map(|place| u32::from(*place)).collect())),
        }
    }

    fn add_to(&self, found: &mut RoaringBitmap) {
        match self {
            Self::One(place) => _ = found.insert(u32::from(*place)),
            Self::Few(places) => found.extend(places.iter().map(|place| u32::from(*place))),
            Self::Many(places) => *found |= &**places,
        }
    }

    fn iter(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::One(place) => Box::new(std::iter::once(usize::from(*place))),
            Self::Few(places) => Box::new(places.iter().map(|place| usize::from(*place))),
            Self::Many(places) => Box::new(places.iter().map(|place| place as usize)),
        }
    }
}

/// A key's tag by its place among them, of at most 64.
fn tag_at(key: &SeriesKey, at: u8) -> (&str, &str) {
    key.tags().nth(usize::from(at)).unwrap_or_default()
}

impl Segment {
    /// Of at most [`MOST_SERIES`].
    pub(super) fn new(series: Box<[Arc<SeriesDef>]>) -> Self {
        debug_assert!(series.len() <= MOST_SERIES);
        let (metrics, tags, values) = postings(&series);
        Self { series, metrics, tags, values }
    }

    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    pub(super) fn series(&self) -> &[Arc<SeriesDef>] {
        &self.series
    }

    /// The series that are meant, ascending.
    pub(super) fn select(&self, filter: &Filter<'_>) -> impl Iterator<Item = &Arc<SeriesDef>> {
        self.places(filter).into_iter().filter_map(|place| self.series.get(place as usize))
    }

    fn places(&self, filter: &Filter<'_>) -> RoaringBitmap {
        match filter {
            Filter::Metric(name) => self.of_metric(name),
            Filter::Tag(key, test) => self.of_tag(key, *test),
            Filter::All(filters) => {
                let mut found = self.all();
                for filter in filters {
                    found &= self.places(filter);
                    if found.is_empty() {
                        break;
                    }
                }
                found
            }
            Filter::Any(filters) => {
                filters.iter().fold(RoaringBitmap::new(), |found, filter| found | self.places(filter))
            }
            Filter::Not(filter) => self.all() - self.places(filter),
        }
    }

    fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        all
    }

    fn key(&self, place: u16) -> Option<&SeriesKey> {
        self.series.get(usize::from(place)).map(|def| &def.key)
    }

    fn metric_of(&self, posting: &Posting) -> &str {
        self.key(posting.bearer.0).map_or("", SeriesKey::metric)
    }

    fn tag_of(&self, (place, at): (u16, u8)) -> (&str, &str) {
        self.key(place).map_or(("", ""), |key| tag_at(key, at))
    }

    fn of_metric(&self, name: &str) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        if let Ok(at) = self.metrics.binary_search_by(|posting| self.metric_of(posting).cmp(name)) {
            self.metrics[at].places.add_to(&mut found);
        }
        found
    }

    fn find_tag(&self, key: &str) -> Option<&Tag> {
        let at = self.tags.binary_search_by(|tag| self.tag_of(tag.bearer).0.cmp(key)).ok()?;
        self.tags.get(at)
    }

    fn values(&self, tag: &Tag) -> &[Posting] {
        self.values.get(tag.values.start as usize..tag.values.end as usize).unwrap_or_default()
    }

    fn of_tag(&self, key: &str, test: &dyn ValueTest) -> RoaringBitmap {
        let lacking_pass = test.passes("");
        let Some(tag) = self.find_tag(key) else {
            return if lacking_pass { self.all() } else { RoaringBitmap::new() };
        };
        // Who lacks the tag passes or not as one: so either those that pass are gathered, or those that do not.
        let mut found = RoaringBitmap::new();
        match test.named() {
            Named::Only(values) if !lacking_pass => values.iter().for_each(|value| self.add(tag, value, &mut found)),
            Named::AllBut(values) if lacking_pass => values.iter().for_each(|value| self.add(tag, value, &mut found)),
            _ => {
                for posting in self.values(tag) {
                    if test.passes(self.tag_of(posting.bearer).1) != lacking_pass {
                        posting.places.add_to(&mut found);
                    }
                }
            }
        }
        if lacking_pass { self.all() - found } else { found }
    }

    fn add(&self, tag: &Tag, value: &str, found: &mut RoaringBitmap) {
        let values = self.values(tag);
        if let Ok(at) = values.binary_search_by(|posting| self.tag_of(posting.bearer).1.cmp(value)) {
            values[at].places.add_to(found);
        }
    }

    /// The metric names of those series that count.
    pub(super) fn metrics(&self, counts: impl Fn(&SeriesDef) -> bool) -> impl Iterator<Item = &str> {
        let counted = self.metrics.iter().filter(move |posting| self.any(&posting.places, &counts));
        counted.map(|posting| self.metric_of(posting))
    }

    /// The tag keys of those series that count.
    pub(super) fn tag_names(&self, counts: impl Fn(&SeriesDef) -> bool) -> impl Iterator<Item = &str> {
        let counted = self.tags.iter().filter(move |tag| self.any(&tag.places, &counts));
        counted.map(|tag| self.tag_of(tag.bearer).0)
    }

    /// The values of a tag of those series that count.
    pub(super) fn tag_values(&self, key: &str, counts: impl Fn(&SeriesDef) -> bool) -> impl Iterator<Item = &str> {
        let values = self.find_tag(key).map_or(&[][..], |tag| self.values(tag));
        let counted = values.iter().filter(move |posting| self.any(&posting.places, &counts));
        counted.map(|posting| self.tag_of(posting.bearer).1)
    }

    fn any(&self, places: &Places, counts: impl Fn(&SeriesDef) -> bool) -> bool {
        places.iter().any(|place| self.series.get(place).is_some_and(|def| counts(def)))
    }
}

/// Who bears what, while it is gathered.
struct Bearers {
    first: (u16, u8),
    places: Vec<u16>,
}

impl Bearers {
    fn new(first: (u16, u8)) -> Self {
        Self { first, places: Vec::new() }
    }

    fn posting(&self) -> Posting {
        Posting { bearer: self.first, places: Places::new(&self.places) }
    }
}

fn sorted(bearers: HashMap<&str, Bearers>) -> Vec<(&str, Bearers)> {
    let mut bearers: Vec<(&str, Bearers)> = bearers.into_iter().collect();
    bearers.sort_unstable_by_key(|(text, _)| *text);
    bearers
}

type Postings = (Box<[Posting]>, Box<[Tag]>, Box<[Posting]>);

/// Gathered by hash, and only then sorted: texts are far fewer than bearers.
fn postings(series: &[Arc<SeriesDef>]) -> Postings {
    let mut metrics: HashMap<&str, Bearers> = HashMap::new();
    let mut tags: HashMap<&str, (Bearers, HashMap<&str, Bearers>)> = HashMap::new();
    for (place, def) in (0..=u16::MAX).zip(series) {
        metrics.entry(def.key.metric()).or_insert_with(|| Bearers::new((place, 0))).places.push(place);
        for (at, (key, value)) in (0..=u8::MAX).zip(def.key.tags()) {
            let (bearers, values) = tags.entry(key).or_insert_with(|| (Bearers::new((place, at)), HashMap::new()));
            bearers.places.push(place);
            values.entry(value).or_insert_with(|| Bearers::new((place, at))).places.push(place);
        }
    }
    let metrics = sorted(metrics).iter().map(|(_, bearers)| bearers.posting()).collect();
    let mut by_key: Vec<_> = tags.into_iter().collect();
    by_key.sort_unstable_by_key(|(key, _)| *key);
    let (mut tags, mut values) = (Vec::with_capacity(by_key.len()), Vec::new());
    for (_, (bearers, own)) in by_key {
        let start = values.len();
        values.extend(sorted(own).iter().map(|(_, bearers)| bearers.posting()));
        // A segment's series have at most 64 tags each: far fewer than 2^32 values together.
        let range = u32::try_from(start).unwrap_or(u32::MAX)..u32::try_from(values.len()).unwrap_or(u32::MAX);
        tags.push(Tag { bearer: bearers.first, values: range, places: Places::new(&bearers.places) });
    }
    (metrics, tags.into(), values.into())
}
