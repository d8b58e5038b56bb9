//! The sealed segments of all series but the newest, which are looked through one by one: so that a new series costs no more
//! the more there are, and a version shares all but a few segments with the one before.

use im::Vector;

use super::segment::{MOST_SERIES, Segment};
use crate::series::{Filter, SeriesDef};
use crate::sync::Arc;

/// Sizes of segments, each an eighth of the one before.
const SIZES: [usize; 3] = [MOST_SERIES, MOST_SERIES >> 3, MOST_SERIES >> 6];

/// Segments, the larger ones first, of series from the first on without gaps. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(super) struct Postings {
    segments: Vector<Arc<Segment>>,
    /// How many series they hold.
    sealed: usize,
}

impl Postings {
    /// How many series are in segments.
    pub(super) fn sealed(&self) -> usize {
        self.sealed
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().map(|segment| &**segment)
    }

    /// Seals what makes a segment of those series that are in none, and joins segments that fill a larger one.
    pub(super) fn seal(&mut self, by_id: &Vector<Arc<SeriesDef>>) {
        let starts = |sealed: usize| move |size: &&usize| sealed % **size == 0 && by_id.len() - sealed >= **size;
        while let Some(size) = SIZES.iter().find(starts(self.sealed)) {
            let series = by_id.iter().skip(self.sealed).take(*size).cloned().collect();
            self.segments.push_back(Arc::new(Segment::new(series)));
            self.sealed += size;
            SIZES.iter().rev().for_each(|size| self.join(*size));
        }
    }

    /// Joins the last segments into one of this size, if they fill it.
    fn join(&mut self, size: usize) {
        if self.sealed % size != 0 || self.segments.last().is_none_or(|last| last.len() >= size) {
            return;
        }
        let (mut series, mut parts) = (Vec::with_capacity(size), Vec::new());
        while parts.iter().map(|part: &Arc<Segment>| part.len()).sum::<usize>() < size {
            let Some(part) = self.segments.pop_back() else { break };
            parts.push(part);
        }
        parts.iter().rev().for_each(|part| series.extend(part.series().iter().cloned()));
        self.segments.push_back(Arc::new(Segment::new(series.into())));
    }

    /// The series in segments that are meant, ascending.
    pub(super) fn select<'a>(&'a self, filter: &'a Filter<'a>) -> impl Iterator<Item = &'a Arc<SeriesDef>> {
        self.segments().flat_map(move |segment| segment.select(filter))
    }
}
