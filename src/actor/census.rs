//! The census: which series have no point left, so that they leave listings and the cap.
//! A delete of all time says so by itself, in its place in the order. Everything else only makes suspects of the series that
//! it concerns; the compactor looks at them when it has nothing to merge, and what it found counts unless they were
//! written since.

use std::time::Duration;

use super::message::ToCompactor;
use super::storage::{CensusJob, Storage, Timer, Timers};
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::series::{SeriesId, SeriesSet};
use crate::sync::Arc;
use crate::version::{IdBits, Tombstone, Version};

/// The least time from the end of one census to the next, unless someone waits for it: each may read the index of every
/// file.
const CENSUS_AFTER: Duration = Duration::from_secs(10);
/// How long after that merges go before it.
const CENSUS_AT_LAST: Duration = Duration::from_mins(1);
/// How often all series are suspects while retention's cutoff moves by its age.
const LOOKS_AN_AGE: i64 = 8;

/// What the writer knows of the census, beside the suspects that the version names.
#[derive(Debug, Default)]
pub(super) struct Census {
    running: bool,
    /// The number of the last one.
    begun: u64,
    /// Written since the one under way began.
    written: IdBits,
    /// Deleted from since then: they are suspects again.
    deleted: IdBits,
    /// None begins before.
    not_before: Duration,
    /// The cutoff when all series became suspects last.
    cutoff: Option<i64>,
}

impl Census {
    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// The number of the first one that begins from now on.
    pub(super) fn next(&self) -> u64 {
        self.begun + 1
    }

    /// The number of the last one that has ended.
    pub(super) fn ended(&self) -> u64 {
        self.begun - u64::from(self.running)
    }

    /// Points of these, or a delete, are about to be made visible.
    pub(super) fn note(&mut self, series: &[SeriesId], delete: Option<&Tombstone>) {
        if !self.running {
            return;
        }
        #[cfg(feature = "mutant_census_ignores_what_came_since")]
        let series = &series[series.len()..];
        for id in series {
            self.written.insert(*id);
        }
        if let Some(tombstone) = delete {
            self.deleted.insert_all(&tombstone.series, &IdBits::default());
        }
    }

    /// Whether a cutoff that was moved may have been the end of any series: with files that were dropped, and else as
    /// often as is worth a look.
    pub(super) fn is_due(&self, cutoff: Option<i64>, dropped: bool, age: Option<Duration>) -> bool {
        let Some(cutoff) = cutoff.filter(|cutoff| Some(*cutoff) > self.cutoff) else { return false };
        let step = age.map(|age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX) / LOOKS_AN_AGE);
        let far = |last: i64| step.is_some_and(|step| cutoff.saturating_sub(last) >= step);
        dropped || self.cutoff.is_none_or(far)
    }
}

impl<S: Storage, T: Timers> Writer<S, T> {
    /// With every series that is listed as a suspect; `None` if there is none.
    fn suspecting_all(&self) -> Option<Version> {
        let mut next = (*self.version).clone();
        next.series.suspect(&SeriesSet::from_sorted(next.series.iter().map(|def| def.id)));
        (!next.series.gone().suspects().is_empty()).then_some(next)
    }

    /// The cutoff was moved, or files were dropped with it.
    pub(super) fn suspect_expired(&mut self, dropped: bool) {
        let cutoff = self.version.cutoffs.all();
        if !self.census.is_due(cutoff, dropped, self.settings.retention.age) {
            return;
        }
        self.census.cutoff = cutoff;
        if let Some(next) = self.suspecting_all() {
            self.publish(next);
        }
    }

    /// Whether suspects have waited so long that more merges must wait for them: who is gone takes a place under the cap.
    pub(super) fn census_is_overdue(&self) -> bool {
        let waits = !self.version.series.gone().suspects().is_empty() && !self.census.running;
        waits && self.timers.now() > self.census.not_before + CENSUS_AT_LAST
    }

    /// Sends the suspects to the compactor, if there are any and it has nothing else to do.
    pub(super) fn census_next(&mut self, asked: bool) {
        let idle = !self.compacting.is_running() && !self.census.running;
        let suspects = self.version.series.gone().suspects();
        if suspects.is_empty() || !idle || self.read_only.is_some() || self.stop.is_asked() {
            return;
        }
        let wait = self.census.not_before.saturating_sub(self.timers.now());
        if !asked && wait > Duration::ZERO {
            return self.timers.arm_no_later(Timer::Census, wait);
        }
        let suspects = suspects.to_set();
        tracing::debug!(series = suspects.count(), "census begins");
        self.census.running = true;
        self.census.begun += 1;
        (self.census.written, self.census.deleted) = (IdBits::default(), IdBits::default());
        let job = CensusJob { version: Arc::clone(&self.version), suspects, cancel: self.compacting.cancelled() };
        self.compacting.compactor.send(ToCompactor::Count(job));
    }

    /// The compactor's report on the suspects of the version of `seq`.
    pub(super) fn counted(&mut self, seq: u64, suspects: &SeriesSet, outcome: Result<SeriesSet>) {
        self.census.running = false;
        self.census.not_before = self.timers.now() + CENSUS_AFTER;
        if self.read_only.is_some() {
            return;
        }
        match outcome {
            Ok(gone) => self.note_gone(seq, suspects, &gone),
            Err(Error::Closed) => {}
            Err(error) => {
                tracing::warn!(%error, "census failed; trying again");
                self.compacting.refuse_waiters(&error);
            }
        }
        self.compact_next();
    }

    fn note_gone(&mut self, seq: u64, suspects: &SeriesSet, gone: &SeriesSet) {
        let (written, deleted) = (std::mem::take(&mut self.census.written), std::mem::take(&mut self.census.deleted));
        let but = |ids: &SeriesSet, others: &IdBits| IdBits::default().insert_all(ids, others);
        let next = self.version.after_census(seq, &but(suspects, &deleted), &but(gone, &written));
        tracing::debug!(looked_at = suspects.count(), gone = next.series.gone().len(), "census ended");
        // Where a flush must come first, its edit tells the manifest, too.
        if self.version.series.gone().step_to(next.series.gone()).is_empty() {
            self.publish(next);
        } else {
            self.advance(next);
        }
    }
}
