//! Retention: which time lies behind the cutoffs by now, and the files that go with it.
//! A cutoff goes by the data's own time as much as by the clock, so that neither a jump of the clock nor one point from the
//! future takes anything away.

use std::time::Duration;

use super::message::{Command, Delete, Work};
use super::storage::{Storage, Timer, Timers};
use super::writer::Writer;
use crate::series::{Matcher, SeriesRuns};
use crate::sync::Arc;
use crate::version::{Cutoffs, SeriesIndex, Version};

/// The limits are looked at so many times within the shortest age, and within these bounds.
const LOOKS: u32 = 64;
const LOOK_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
/// A rule's cutoff moves by this part of its age before what it hides is deleted: each delete names all its series.
const DELETES: i64 = 8;
/// Series that selectors are tried on in one turn, of all rules together: what waits to be written waits for them no
/// longer than for a sync.
pub(super) const TRIED_A_TURN: usize = 1 << 14;
/// How soon the next ones are tried, while a delete waits for them.
const TRY_AFTER: Duration = Duration::from_millis(10);

/// What the writer remembers of retention.
#[derive(Debug)]
pub(super) struct Retaining {
    /// By the rule's place.
    rules: Vec<Ruled>,
    /// Series that may still be tried in this turn.
    tries_left: usize,
}

/// What the writer knows of a rule.
#[derive(Debug, Default)]
struct Ruled {
    /// Of the first `known` series those that it names.
    found: SeriesRuns,
    known: usize,
    /// Up to which time they were deleted.
    deleted_to: Option<i64>,
    /// The cutoff has gone far enough beyond that.
    is_due: bool,
}

impl Retaining {
    pub(super) fn new(cutoffs: &Cutoffs) -> Self {
        Self { rules: cutoffs.rules().iter().map(|_| Ruled::default()).collect(), tries_left: TRIED_A_TURN }
    }

    pub(super) fn begin_turn(&mut self) {
        self.tries_left = TRIED_A_TURN;
    }
}

impl Ruled {
    /// Tries the rule on the series that it was not tried on yet, as far as this turn goes; whether it knows all now.
    fn try_on(&mut self, series: &SeriesIndex, matcher: &dyn Matcher, tries_left: &mut usize) -> bool {
        for def in series.since(self.known).take(*tries_left) {
            if matcher.matches(&def.key) {
                self.found.push(def.id);
            }
            self.known += 1;
            *tries_left -= 1;
        }
        self.known == series.len()
    }
}

impl<S: Storage, T: Timers> Writer<S, T> {
    /// Moves the cutoffs on, drops the files that are hidden whole, by them or by a delete, and deletes behind rules.
    pub(super) fn retain(&mut self) {
        if self.read_only.is_some() || self.stop.has_begun() {
            return;
        }
        let _span = tracing::debug_span!("retention").entered();
        self.look_again();
        self.move_cutoffs();
        self.delete_behind_rules();
    }

    fn move_cutoffs(&mut self) {
        let next = self.retained();
        let (before, after) = (&self.version.cutoffs, &next.cutoffs);
        let ruled = after.rules().iter().zip(before.rules()).any(|(after, before)| after.cutoff > before.cutoff);
        let moved = ruled || after.all() > before.all();
        let dropped = self.version.ssts.len() - next.ssts.len();
        if !moved && dropped == 0 {
            return;
        }
        let cutoff = after.all();
        #[cfg(feature = "planted")]
        if self.shows_at_once(dropped, &next) {
            return;
        }
        if !self.advance(next) {
            return;
        }
        tracing::debug!(?cutoff, "cutoffs moved");
        if dropped > 0 {
            tracing::info!(dropped, ?cutoff, "files that retention or a delete hides whole are dropped");
        }
        self.suspect_expired(dropped > 0);
        self.note_due();
    }

    fn look_again(&mut self) {
        let limits = &self.settings.retention;
        let ages = limits.rules.iter().flatten().chain(&limits.age);
        if let Some(shortest) = ages.min() {
            let wait = (*shortest / LOOKS).clamp(LOOK_AFTER.0, LOOK_AFTER.1);
            self.timers.arm_no_later(Timer::Retain, wait);
        }
    }

    /// The version as the limits want it now.
    fn retained(&self) -> Version {
        let (version, limits) = (&self.version, &self.settings.retention);
        let now = version.newest_time().map(|newest| newest.min(self.timers.wall()));
        let cutoff = |age: &Option<Duration>| {
            let age = i64::try_from((*age)?.as_nanos()).unwrap_or(i64::MAX);
            now.map(|now| now.saturating_sub(age))
        };
        let rules: Vec<Option<i64>> = limits.rules.iter().map(cutoff).collect();
        let busy = self.compacting.inputs();
        let mut next = version.after_retention(version.cutoffs.moved_to(cutoff(&limits.age), &rules), busy);
        let Some(most) = limits.bytes else { return next };
        while next.ssts.iter().map(|sst| sst.len).sum::<u64>() > most {
            let Some(oldest) = next.ssts.iter().min_by_key(|sst| sst.rectangle.last_time) else { break };
            // A file that is being merged stays until it is: what comes of it is looked at then. A cutoff behind a newer
            // file would hide it all the same, and everything beside it.
            // And what ends with the newest time of all stays, however small the limit: else everything would go.
            if busy.contains(&oldest.id) || Some(oldest.rectangle.last_time) == version.newest_flushed_time() {
                break;
            }
            let Some(cutoff) = oldest.rectangle.last_time.checked_add(1) else { break };
            next = version.after_retention(next.cutoffs.moved_to(Some(cutoff), &[]), busy);
        }
        next
    }

    /// Notes whose cutoff has moved far enough for another delete.
    fn note_due(&mut self) {
        let kept_for = self.settings.retention.rules.iter().copied();
        let rules = self.version.cutoffs.rules().iter().zip(&mut self.retaining.rules);
        for ((rule, ruled), age) in rules.zip(kept_for.chain(std::iter::repeat(None))) {
            let (Some(age), Some(cutoff)) = (age, rule.cutoff) else { continue };
            let step = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX) / DELETES;
            ruled.is_due |= ruled.deleted_to.is_none_or(|to| cutoff.saturating_sub(to) >= step);
        }
    }

    /// What a rule hides lies in files among what it does not: a delete lets compaction take it out. It names the series
    /// that the rule is known to mean, and waits until that is known of all.
    fn delete_behind_rules(&mut self) {
        if self.read_only.is_some() {
            return;
        }
        let Retaining { rules, tries_left } = &mut self.retaining;
        let series = &self.version.series;
        for (rule, ruled) in self.version.cutoffs.rules().iter().zip(rules).filter(|(_, ruled)| ruled.is_due) {
            let Some(last) = rule.cutoff.and_then(|cutoff| cutoff.checked_sub(1)) else { continue };
            if !ruled.try_on(series, &*rule.matcher, tries_left) {
                self.timers.arm_no_later(Timer::Retain, TRY_AFTER);
                continue;
            }
            (ruled.is_due, ruled.deleted_to) = (false, rule.cutoff);
            let matcher = Arc::clone(&rule.matcher);
            let (found, known) = (ruled.found.to_set(), ruled.known);
            let delete = Delete { found, known, matcher, times: (i64::MIN, last), reply: None };
            self.queue.push_back(Command { work: Work::Delete(Box::new(delete)), permit: None });
        }
    }
}
