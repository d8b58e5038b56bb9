//! Retention: which time lies behind the cutoffs by now, and the files that go with it.
//! A cutoff goes by the data's own time as much as by the clock, so that neither a jump of the clock nor one point from the
//! future takes anything away.

use std::time::Duration;

use super::message::{Command, Delete, Work};
use super::storage::{Storage, Timer, Timers};
use super::writer::Writer;
use crate::series::SeriesSet;
use crate::sync::Arc;
use crate::version::{Cutoffs, Version};

/// The limits are looked at so many times within the shortest age, and within these bounds.
const LOOKS: u32 = 64;
const LOOK_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
/// A rule's cutoff moves by this part of its age before what it hides is deleted: each delete names all its series.
const DELETES: i64 = 8;

/// What the writer remembers of retention.
#[derive(Debug)]
pub(super) struct Retaining {
    /// By the rule's place: up to which time its series were deleted.
    deleted_to: Vec<Option<i64>>,
}

impl Retaining {
    pub(super) fn new(cutoffs: &Cutoffs) -> Self {
        Self { deleted_to: cutoffs.rules().iter().map(|_| None).collect() }
    }
}

impl<S: Storage, T: Timers> Writer<S, T> {
    /// Moves the cutoffs on and drops the files that are hidden whole, by them or by a delete.
    pub(super) fn retain(&mut self) {
        if self.read_only.is_some() || self.stop.has_begun() {
            return;
        }
        self.look_again();
        let next = self.retained();
        let (before, after) = (&self.version.cutoffs, &next.cutoffs);
        let moved = after.all() > before.all()
            || after.rules().iter().zip(before.rules()).any(|(after, before)| after.cutoff > before.cutoff);
        let dropped = self.version.ssts.len() - next.ssts.len();
        if !moved && dropped == 0 {
            return;
        }
        let cutoff = after.all();
        if self.advance(next) {
            if dropped > 0 {
                tracing::info!(dropped, ?cutoff, "files that retention or a delete hides whole are dropped");
            }
            self.suspect_expired(dropped > 0);
            self.delete_behind_rules();
        }
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
            // A file that is being merged stays until it is: what comes of it is looked at then.
            let oldest =
                next.ssts.iter().filter(|sst| !busy.contains(&sst.id)).map(|sst| sst.rectangle.last_time).min();
            let Some(cutoff) = oldest.and_then(|oldest| oldest.checked_add(1)) else { break };
            next = version.after_retention(next.cutoffs.moved_to(Some(cutoff), &[]), busy);
        }
        next
    }

    /// What a rule hides lies in files among what it does not: a delete lets compaction take it out.
    fn delete_behind_rules(&mut self) {
        let version = Arc::clone(&self.version);
        for (at, rule) in version.cutoffs.rules().iter().enumerate() {
            let age = self.settings.retention.rules.get(at).copied().flatten();
            let (Some(age), Some(cutoff)) = (age, rule.cutoff) else { continue };
            let step = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX) / DELETES;
            let due = self.retaining.deleted_to[at].is_none_or(|to| cutoff.saturating_sub(to) >= step);
            let Some(last) = cutoff.checked_sub(1).filter(|_| due) else { continue };
            self.retaining.deleted_to[at] = Some(cutoff);
            let matcher = Arc::clone(&rule.matcher);
            let delete =
                Delete { found: SeriesSet::default(), known: 0, matcher, times: (i64::MIN, last), reply: None };
            self.queue.push_back(Command { work: Work::Delete(Box::new(delete)), permit: None });
        }
    }
}
