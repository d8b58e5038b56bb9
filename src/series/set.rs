//! A set of series as runs of ids: what a delete names, however many series that are.
//! Immutable once made; neighbours that were chosen together take eight bytes, not four each.

use std::ops::RangeInclusive;

use super::SeriesId;

/// Series ids, ascending, as disjoint runs that do not adjoin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SeriesSet {
    runs: Box<[(SeriesId, SeriesId)]>,
    /// How many ids they hold: counted once, since a delete of a hundred thousand series is weighed against every file.
    count: u64,
}

impl SeriesSet {
    /// The set of these ids, given in ascending order; repeated ones count once.
    pub(crate) fn from_sorted(ids: impl IntoIterator<Item = SeriesId>) -> Self {
        let mut runs = SeriesRuns::default();
        ids.into_iter().for_each(|id| runs.push(id));
        Self::of(runs.0.into())
    }

    /// The set of these runs, first and last id each, if they ascend without adjoining.
    pub(crate) fn from_runs(runs: Vec<(SeriesId, SeriesId)>) -> Option<Self> {
        let ordered = runs.iter().all(|(first, last)| first <= last);
        let apart = runs.windows(2).all(|pair| pair[0].1.get() < u32::MAX && pair[0].1.get() + 1 < pair[1].0.get());
        (ordered && apart).then(|| Self::of(runs.into()))
    }

    fn of(runs: Box<[(SeriesId, SeriesId)]>) -> Self {
        let count = runs.iter().map(|(first, last)| u64::from(last.get() - first.get()) + 1).sum();
        Self { runs, count }
    }

    /// This set with some ids more, and then some fewer.
    pub(crate) fn moved(&self, more: &Self, fewer: &Self) -> Self {
        let (mut own, mut more) = (self.iter().peekable(), more.iter().peekable());
        let both = std::iter::from_fn(|| match (own.peek(), more.peek()) {
            (Some(id), Some(other)) if other < id => more.next(),
            (Some(_), _) => own.next(),
            (None, _) => more.next(),
        });
        Self::from_sorted(both.filter(|id| !fewer.contains(*id)))
    }

    pub(crate) fn runs(&self) -> &[(SeriesId, SeriesId)] {
        &self.runs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// First and last id; `None` of no series.
    pub(crate) fn bounds(&self) -> Option<RangeInclusive<SeriesId>> {
        Some(self.runs.first()?.0..=self.runs.last()?.1)
    }

    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        self.meets(&(id..=id))
    }

    /// Whether any id between these two, both included, is in the set.
    pub(crate) fn meets(&self, ids: &RangeInclusive<SeriesId>) -> bool {
        let at = self.runs.partition_point(|(_, last)| last < ids.start());
        self.runs.get(at).is_some_and(|(first, _)| first <= ids.end())
    }

    /// Whether every id between these two, both included, is in the set.
    pub(crate) fn covers(&self, ids: &RangeInclusive<SeriesId>) -> bool {
        let at = self.runs.partition_point(|(_, last)| last < ids.start());
        self.runs.get(at).is_some_and(|(first, last)| first <= ids.start() && ids.end() <= last)
    }

    /// How many of the ids between these two, both included, are in the set.
    pub(crate) fn count_within(&self, ids: &RangeInclusive<SeriesId>) -> u64 {
        if self.bounds().is_some_and(|own| ids.start() <= own.start() && own.end() <= ids.end()) {
            return self.count;
        }
        let at = self.runs.partition_point(|(_, last)| last < ids.start());
        let meeting = self.runs[at..].iter().take_while(|(first, _)| first <= ids.end());
        let within = |(first, last): &(SeriesId, SeriesId)| {
            u64::from((*last).min(*ids.end()).get() - (*first).max(*ids.start()).get()) + 1
        };
        meeting.map(within).sum()
    }

    /// How many ids are in it.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.runs.iter().flat_map(|(first, last)| (first.get()..=last.get()).map(SeriesId::new))
    }

    /// What it takes in memory.
    pub(crate) fn byte_len(&self) -> usize {
        size_of_val::<[_]>(&self.runs)
    }
}

/// A set in the making, of ids that come in ascending order.
#[derive(Debug, Default)]
pub(crate) struct SeriesRuns(Vec<(SeriesId, SeriesId)>);

impl SeriesRuns {
    pub(crate) fn push(&mut self, id: SeriesId) {
        match self.0.last_mut() {
            Some((_, last)) if id.get() <= last.get().saturating_add(1) => *last = id.max(*last),
            _ => self.0.push((id, id)),
        }
    }

    /// The set as it is by now.
    pub(crate) fn to_set(&self) -> SeriesSet {
        SeriesSet::of(self.0.as_slice().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u32]) -> SeriesSet {
        SeriesSet::from_sorted(ids.iter().map(|id| SeriesId::new(*id)))
    }

    #[test]
    fn neighbours_share_a_run() {
        let some = set(&[0, 1, 1, 2, 7, 9, 10]);
        let runs: Vec<_> = some.runs().iter().map(|(first, last)| (first.get(), last.get())).collect();
        assert_eq!(runs, [(0, 2), (7, 7), (9, 10)]);
        assert_eq!(SeriesSet::from_runs(some.runs().to_vec()), Some(some.clone()));
        assert_eq!(some.iter().map(SeriesId::get).collect::<Vec<_>>(), [0, 1, 2, 7, 9, 10]);
        assert_eq!(
            SeriesSet::from_runs(vec![(SeriesId::new(1), SeriesId::new(2)), (SeriesId::new(3), SeriesId::new(3))]),
            None
        );
        let ends = set(&[u32::MAX - 1, u32::MAX]);
        assert!(ends.contains(SeriesId::new(u32::MAX)) && ends.iter().count() == 2);
    }

    #[test]
    fn moving_adds_and_then_takes() {
        let moved = set(&[1, 2, 3, 9]).moved(&set(&[0, 2, 4, 11]), &set(&[3, 11, 20]));
        assert_eq!(moved, set(&[0, 1, 2, 4, 9]));
        assert_eq!(set(&[]).moved(&set(&[7]), &set(&[])), set(&[7]));
    }

    #[test]
    fn meeting_and_covering_look_at_the_gaps() {
        let some = set(&[2, 3, 4, 8]);
        let ids = |first, last| SeriesId::new(first)..=SeriesId::new(last);
        assert!(some.meets(&ids(0, 2)) && some.meets(&ids(4, 7)) && some.meets(&ids(5, 9)));
        assert!(!some.meets(&ids(0, 1)) && !some.meets(&ids(5, 7)) && !some.meets(&ids(9, 20)));
        assert!(
            some.covers(&ids(2, 4)) && some.covers(&ids(3, 3)) && !some.covers(&ids(4, 8)) && !some.covers(&ids(1, 2))
        );
        assert!(!set(&[]).meets(&ids(0, u32::MAX)) && set(&[]).bounds().is_none());
    }
}
