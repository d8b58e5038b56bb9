//! Sliding aggregation: states of consecutive panes, merged into overlapping windows.
//!
//! A pane is a part of the time axis that lies in the same windows as a whole. Each pane is aggregated once, and each
//! window merges its panes. The two-stack queue keeps the merges of all suffixes of the older panes and the merge of
//! the newer panes, so that a window costs one merge and each pane about two more, whatever the number of panes in a
//! window (K. Tangwongsan, M. Hirzel, S. Schneider, DEBS 2017):
//!
//! ```text
//!            oldest                      newest
//! older:     abc  bc  c                             suffixes, the shortest at the bottom
//! newer:                 d  e  f      merge: def
//! window:    abc + def
//! ```

use std::collections::VecDeque;

use super::partial::PartialAggregate;
use crate::types::point::Timestamp;

/// State that the state of later points can be appended to.
pub(super) trait Append: Clone {
    fn append(&mut self, later: Self);

    /// Returns the approximate size in bytes, including the heap.
    fn byte_len(&self) -> usize;
}

/// Queue of states that yields the merge of all.
#[derive(Debug)]
pub(super) struct TwoStackQueue<S> {
    /// Each older pane with the merge from it to the end of the older panes; the oldest is last.
    older: Vec<(i128, S)>,
    /// Newer panes, the oldest first.
    newer: VecDeque<(i128, S)>,
    /// Merge of the newer panes.
    newer_merge: Option<S>,
    /// Bytes of the older and the newer states.
    bytes: usize,
}

impl<S: Append> TwoStackQueue<S> {
    pub(super) fn new() -> Self {
        Self { older: Vec::new(), newer: VecDeque::new(), newer_merge: None, bytes: 0 }
    }

    /// Adds the state at a greater place.
    pub(super) fn push(&mut self, place: i128, state: S) {
        match &mut self.newer_merge {
            Some(merge) => merge.append(state.clone()),
            None => self.newer_merge = Some(state.clone()),
        }
        self.bytes += state.byte_len();
        self.newer.push_back((place, state));
    }

    /// Returns the place of the oldest state.
    pub(super) fn oldest(&self) -> Option<i128> {
        self.older.last().or_else(|| self.newer.front()).map(|(place, _)| *place)
    }

    /// Removes the oldest state.
    pub(super) fn pop(&mut self) {
        if self.older.is_empty() {
            let mut suffix: Option<S> = None;
            self.bytes = 0;
            while let Some((place, mut state)) = self.newer.pop_back() {
                if let Some(later) = suffix {
                    state.append(later);
                }
                suffix = Some(state.clone());
                self.bytes += state.byte_len();
                self.older.push((place, state));
            }
            self.newer_merge = None;
        }
        if let Some((_, state)) = self.older.pop() {
            self.bytes = self.bytes.saturating_sub(state.byte_len());
        }
    }

    /// Returns the merge of all states, in order.
    pub(super) fn merged(&self) -> Option<S> {
        let mut merged = self.older.last().map(|(_, state)| state.clone());
        match (&mut merged, &self.newer_merge) {
            (Some(merged), Some(newer)) => merged.append(newer.clone()),
            (None, newer) => merged.clone_from(newer),
            (Some(_), None) => {}
        }
        merged
    }

    fn byte_len(&self) -> usize {
        self.bytes + self.newer_merge.as_ref().map_or(0, S::byte_len)
    }
}

/// Windows of equal length that start at equal distances; they overlap if the length exceeds the distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overlap {
    /// Nanoseconds from one start to the next, at least 1.
    pub(super) step: i64,
    /// Length of a window in nanoseconds, at least 1.
    pub(super) length: i64,
    /// A window starts at this time, from 0 to `step - 1`.
    pub(super) phase: i64,
}

impl Overlap {
    /// Returns the first start at or after a time.
    pub(super) fn start_from(self, at: i128) -> i128 {
        let (step, phase) = (i128::from(self.step), i128::from(self.phase));
        // Rounded up: the floor of the negated quotient, negated.
        phase - (phase - at).div_euclid(step) * step
    }

    /// Returns the start of the first window that ends after a time.
    pub(super) fn first_containing(self, at: i128) -> i128 {
        self.start_from(at - i128::from(self.length) + 1)
    }
}

/// Overlapping windows of one series, made of its panes.
#[derive(Debug)]
pub(super) struct SlidingWindows {
    overlap: Overlap,
    panes: TwoStackQueue<PartialAggregate>,
    /// Start of the next window.
    next: i128,
}

impl SlidingWindows {
    pub(super) fn new(overlap: Overlap) -> Self {
        // A window that would start before the first timestamp has no label.
        let next = overlap.start_from(i128::from(i64::MIN));
        Self { overlap, panes: TwoStackQueue::new(), next }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.panes.byte_len()
    }

    /// Adds the next pane that has points, by its start. `emit` takes the windows that end before it, and returns
    /// `false` to stop.
    pub(super) fn push(
        &mut self,
        start: Timestamp,
        state: PartialAggregate,
        emit: impl FnMut(Timestamp, PartialAggregate) -> bool,
    ) {
        self.emit_windows(i128::from(start.as_nanos()), emit);
        self.panes.push(start.as_nanos().into(), state);
    }

    /// Takes the windows that are left.
    pub(super) fn finish(&mut self, emit: impl FnMut(Timestamp, PartialAggregate) -> bool) {
        self.emit_windows(i128::MAX, emit);
    }

    /// Emits the windows that end at or before a time and have a pane.
    fn emit_windows(&mut self, until: i128, mut emit: impl FnMut(Timestamp, PartialAggregate) -> bool) {
        while let Some(oldest) = self.panes.oldest() {
            self.next = self.next.max(self.overlap.first_containing(oldest));
            if self.next > oldest {
                self.panes.pop();
                continue;
            }
            let Ok(start) = i64::try_from(self.next) else { return };
            if self.next + i128::from(self.overlap.length) > until {
                return;
            }
            let Some(window) = self.panes.merged() else { return };
            if !emit(Timestamp::from_nanos(start), window) {
                return;
            }
            self.next += i128::from(self.overlap.step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, to see the order of merges.
    impl Append for String {
        fn append(&mut self, later: Self) {
            self.push_str(&later);
        }

        fn byte_len(&self) -> usize {
            self.len()
        }
    }

    #[test]
    fn the_queue_merges_what_it_holds_in_order() {
        let mut queue = TwoStackQueue::new();
        let (mut held, mut seed) = (VecDeque::new(), 7_u32);
        for n in 0..500_i128 {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            if (seed >> 16).is_multiple_of(4) || held.len() > 20 {
                queue.pop();
                held.pop_front();
            } else {
                queue.push(n, format!("{n},"));
                held.push_back(n);
            }
            assert_eq!(queue.oldest(), held.front().copied());
            let expected = held.iter().fold(String::new(), |text, n| text + &format!("{n},"));
            assert_eq!(queue.merged().unwrap_or_default(), expected);
            assert!(queue.byte_len() >= expected.len());
        }
    }

    #[test]
    fn the_first_window_of_a_time_ends_after_it() {
        for (step, length, phase) in [(10, 25, 3), (10, 10, 0), (10, 4, 9), (1, 100, 0), (7, 1, 6)] {
            let overlap = Overlap { step, length, phase };
            for at in -60..60_i128 {
                let start = overlap.first_containing(at);
                assert_eq!((start - i128::from(phase)).rem_euclid(step.into()), 0);
                let ends_after = |start: i128| start + i128::from(length) > at;
                assert!(ends_after(start) && !ends_after(start - i128::from(step)), "{overlap:?} {at}");
            }
        }
    }
}
