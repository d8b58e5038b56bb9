//! Sorted names of the listed series: metric names, tag keys, and values of one tag.
//!
//! Each postings segment yields its names in order, and only those with a series that counts; the names of all segments
//! are merged. A page therefore costs as many postings as it has names, times the segments, and not one step per
//! series.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::iter::Peekable;

use roaring::RoaringBitmap;

use super::SeriesIndex;
use super::postings_segment::PostingsSegment;
use crate::types::series::{IndexFilter, SeriesInfo, SeriesKey};

/// Names to list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NameKind<'a> {
    Metric,
    TagKey,
    /// Values of the tag with this key.
    TagValue(&'a str),
}

impl<'a> NameKind<'a> {
    /// Returns the names that a series key has.
    pub(crate) fn names<'k>(self, key: &'k SeriesKey) -> impl Iterator<Item = &'k str> + use<'a, 'k> {
        let metric = matches!(self, Self::Metric).then(|| key.metric());
        let value = if let Self::TagValue(tag) = self { key.present_value(tag) } else { None };
        let keys = matches!(self, Self::TagKey).then(|| key.present_tags().map(|(key, _)| key));
        metric.into_iter().chain(value).chain(keys.into_iter().flatten())
    }
}

/// Page of names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamePage<'a> {
    /// Names in ascending order, each once.
    pub(crate) names: Vec<&'a str>,
    /// `true` if more names follow.
    pub(crate) has_more: bool,
    /// Number of names that segments were asked for, a measure of the work.
    pub(crate) visited: usize,
}

/// Which series of a segment count.
pub(super) struct CountedSeries<'a> {
    pub(super) index: &'a SeriesIndex,
    /// Positions that match the filter; `None` if all do.
    pub(super) positions: Option<RoaringBitmap>,
}

impl CountedSeries<'_> {
    pub(super) fn counts(&self, def: &SeriesInfo) -> bool {
        self.index.is_listed(def)
    }
}

impl SeriesIndex {
    /// Returns the first `limit` names after `after` of the listed series that match the filter, or of all listed ones.
    pub(crate) fn names(
        &self,
        filter: Option<&IndexFilter<'_>>,
        kind: NameKind<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> NamePage<'_> {
        let newest = self.newest_listed().filter(|def| filter.is_none_or(|filter| filter.matches(&def.key)));
        let newest: BTreeSet<&str> = newest.flat_map(|def| kind.names(&def.key)).collect();
        let newest = newest.into_iter().filter(|name| after.is_none_or(|after| *name > after));
        let visited = Cell::new(0);
        let segments = self.postings.segments().map(|segment| {
            let names = self.segment_names(segment, filter, kind, after).inspect(|_| visited.set(visited.get() + 1));
            Box::new(names.map(|name| (name, 1_u64))) as Box<dyn Iterator<Item = _>>
        });
        let newest = Box::new(newest.map(|name| (name, 1_u64))) as Box<dyn Iterator<Item = _>>;
        let mut merged = MergedNames::new(segments.chain([newest]));
        let names = merged.by_ref().take(limit).map(|(name, _)| name).collect();
        let has_more = merged.next().is_some();
        NamePage { names, has_more, visited: visited.get() }
    }

    /// Returns the names of the counted series of a segment, ascending.
    fn segment_names<'a>(
        &'a self,
        segment: &'a PostingsSegment,
        filter: Option<&IndexFilter<'_>>,
        kind: NameKind<'_>,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        let counted = CountedSeries { index: self, positions: filter.map(|filter| segment.positions(filter)) };
        let is_empty = counted.positions.as_ref().is_some_and(RoaringBitmap::is_empty);
        let names = (!is_empty).then(|| segment.names(kind, after));
        names.into_iter().flatten().filter(move |name| segment.any(name, &counted)).map(|name| segment.text(name))
    }

    /// Returns the metric names of all series that are not empty.
    #[cfg(test)]
    pub(crate) fn metrics(&self) -> Vec<&str> {
        self.names(None, NameKind::Metric, None, usize::MAX).names
    }
}

/// Merge of ascending names from several iterators; a name that several have is returned once, with the sum of the counts.
pub(super) struct MergedNames<'a, I: Iterator<Item = (&'a str, u64)>> {
    sources: Vec<Peekable<I>>,
    /// Next name of each source that has one, and its count.
    next: BinaryHeap<Reverse<(&'a str, usize, u64)>>,
}

impl<'a, I: Iterator<Item = (&'a str, u64)>> MergedNames<'a, I> {
    pub(super) fn new(sources: impl Iterator<Item = I>) -> Self {
        let mut sources: Vec<_> = sources.map(Iterator::peekable).collect();
        let firsts = sources.iter_mut().enumerate().filter_map(|(at, source)| {
            let (name, count) = *source.peek()?;
            Some(Reverse((name, at, count)))
        });
        let next = firsts.collect();
        Self { sources, next }
    }
}

impl<'a, I: Iterator<Item = (&'a str, u64)>> Iterator for MergedNames<'a, I> {
    type Item = (&'a str, u64);

    fn next(&mut self) -> Option<(&'a str, u64)> {
        let Reverse((name, ..)) = *self.next.peek()?;
        let mut sum = 0;
        while let Some(mut top) = self.next.peek_mut().filter(|top| top.0.0 == name) {
            let Reverse((_, at, count)) = *top;
            sum += count;
            let source = self.sources.get_mut(at)?;
            source.next();
            match source.peek() {
                Some((following, count)) => *top = Reverse((following, at, *count)),
                None => _ = PeekMut::pop(top),
            }
        }
        Some((name, sum))
    }
}
