//! Progress of retention by age: the trusted time, the age of each limit, and moves that wait for their grace.
//!
//! Ages are measured from the newest timestamp of the data or the wall clock, whichever is older: the *claimed* time.
//! A wrong clock together with points that are stamped by it claims a time that has not come. So retention never counts
//! from a time after the *trusted* time, which advances only as fast as the monotonic clock.
//!
//! ```text
//!   trusted time  ──── advances with the monotonic clock ────▶
//!   claimed time  ──── at most a tolerance ahead ────────────▶ retention counts from the older of both
//!        │
//!        └─ further ahead ──▶ pending ──▶ claimed during the whole grace ──▶ it becomes the trusted time
//!                                └──────▶ no longer claimed ──▶ forgotten, or lowered to what is still claimed
//! ```
//!
//! A limit whose age becomes much shorter waits in the same way: points that the last age kept stay for the grace.
//!
//! The trusted time can be wrong, too: a wrong clock was claimed during a whole grace, or a caller has applied it. It is
//! taken back once the wall clock contradicts it for [`CLOCK_BEHIND_WAIT`]. A cutoff that is later than what the trusted
//! time explains is taken back, too.
//!
//! Invariants:
//! - What becomes trusted at the end of a grace was claimed at every observation of the grace. Beyond that the
//!   monotonic clock may have gone on, while the wall clock went with it.
//! - A grace counts open time only, by the monotonic clock, summed over openings. Time that a crash loses lengthens it.
//! - Without a trusted time, and for a limit that was never applied, the whole first move waits.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cutoffs::EncodedSelector;

/// Age of a limit that keeps everything, in nanoseconds.
pub(crate) const UNLIMITED_AGE: i64 = i64::MAX;
/// Time for which the wall clock must contradict the trusted time before the trusted time is taken back.
pub(crate) const CLOCK_BEHIND_WAIT: Duration = Duration::from_mins(10);
/// The same, if the wall clock is further behind than [`CLOCK_RESET_BEHIND`].
///
/// Such a clock was probably reset: a computer without a battery starts in 1970 until it knows the time.
const CLOCK_RESET_WAIT: Duration = Duration::from_hours(24);
const CLOCK_RESET_BEHIND: Duration = Duration::from_hours(365 * 24);
/// How far the cutoff by size may be ahead of the wall clock, which is set back by small steps.
const SIZE_CUTOFF_TOLERANCE: Duration = Duration::from_mins(1);
/// An age is much shorter than the last one if it is shorter by more than this fraction of the last one.
const SHORTER_BY: i64 = 8;

/// A claimed time that waits to be trusted, and the grace that it has served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingTime {
    /// Earliest time that was claimed since the wait began, in nanoseconds since the Unix epoch.
    pub(crate) claimed: i64,
    /// Open time since `claimed` was claimed, as far as the wall clock agrees.
    pub(crate) advance: Duration,
    /// Open time since the wait began.
    pub(crate) served: Duration,
}

/// A much shorter age that waits to be applied, and the grace that it has served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingAge {
    /// Age in nanoseconds.
    pub(crate) age: i64,
    /// Open time since the wait began.
    pub(crate) served: Duration,
}

/// Age of one limit: the one that is applied, and a much shorter one that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgeProgress {
    /// Age in nanoseconds; [`UNLIMITED_AGE`] if the limit was never applied.
    pub(crate) applied: i64,
    pub(crate) pending: Option<PendingAge>,
}

impl Default for AgeProgress {
    fn default() -> Self {
        Self { applied: UNLIMITED_AGE, pending: None }
    }
}

/// Progress of retention by age. Parts of it that the manifest does not have yet are lost in a crash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RetentionProgress {
    /// Time that has come for certain, in nanoseconds since the Unix epoch; `None` before the first limit was applied.
    pub(crate) trusted_time: Option<i64>,
    /// Latest global cutoff that retention by size asked for.
    pub(crate) size_cutoff: Option<i64>,
    /// Claimed time that waits to be trusted.
    pub(crate) pending_time: Option<PendingTime>,
    /// Later claimed time, which waits behind `pending_time` with a grace of its own.
    ///
    /// Without it each grace could end at the time of an old point: a database whose points come rarely would always
    /// have something pending.
    pub(crate) next_time: Option<PendingTime>,
    /// Age of all series.
    pub(crate) age: AgeProgress,
    /// Ages of rules, by their selectors.
    pub(crate) rule_ages: BTreeMap<EncodedSelector, AgeProgress>,
}

/// What an observation finds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    /// The newest timestamp or the wall clock, whichever is older; `None` without points.
    pub(crate) claimed_time: Option<i64>,
    /// Wall clock in nanoseconds since the Unix epoch.
    pub(crate) wall_clock_nanos: i64,
    /// Monotonic time since the last observation of this opening; zero for the first one.
    pub(crate) elapsed: Duration,
    /// Grace of the opening's options; `None` for the default.
    pub(crate) grace: Option<Duration>,
}

/// A limit by age of this opening.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgeLimit<'a> {
    /// Selector of the rule; `None` for the limit of all series.
    pub(crate) rule: Option<&'a [u8]>,
    /// Age in nanoseconds.
    pub(crate) age: i64,
}

impl RetentionProgress {
    /// Returns the progress of a limit.
    pub(crate) fn age_of(&self, rule: Option<&[u8]>) -> AgeProgress {
        rule.map_or(self.age, |rule| self.rule_ages.get(rule).copied().unwrap_or_default())
    }

    /// Returns `true` if a move waits.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending_time.is_some() || self.ages().any(|age| age.pending.is_some())
    }

    /// Returns the time that is trusted once the pending time has served its grace; `None` if none waits.
    pub(crate) fn trusted_after_grace(&self) -> Option<i64> {
        self.pending_time.map(PendingTime::time)
    }

    /// Returns the time that ages are counted from now.
    pub(crate) fn reference(&self, claimed_time: Option<i64>) -> Option<i64> {
        Some(claimed_time?.min(self.trusted_time?))
    }

    /// Returns the progress after an observation under these limits.
    ///
    /// Without limits nothing changes: an opening by another program, such as the command-line tool, neither serves nor
    /// ends a grace.
    pub(crate) fn observed(&self, limits: &[AgeLimit<'_>], seen: Observation) -> Self {
        let mut next = self.clone();
        let Some(shortest) = shortest_age(limits) else { return next };
        next.forget_other_limits(limits);
        for limit in limits {
            let progress = self.age_of(limit.rule).observed(limit.age, seen);
            next.set_age(limit.rule, progress);
        }
        // Without a grace nothing waits, so no difference is tolerated either.
        let tolerance = tolerance(shortest).min(seen.grace.unwrap_or(Duration::MAX));
        next.observe_time(tolerance, seen);
        next
    }

    /// Returns the progress if every move is applied at once, whatever grace it has served.
    pub(crate) fn applied_now(&self, limits: &[AgeLimit<'_>], seen: Observation) -> Self {
        // A new wait begins with the claimed time, and its grace is over at once.
        let next = Self { pending_time: None, next_time: None, ..self.clone() };
        next.observed(limits, Observation { elapsed: Duration::ZERO, grace: Some(Duration::ZERO), ..seen })
    }

    /// Returns the open time until every pending move is applied, if nothing changes; `None` if none waits.
    pub(crate) fn grace_left(&self, grace: Option<Duration>) -> Option<Duration> {
        let left = |served, age| grace_for(grace, age).saturating_sub(served);
        let time = self.pending_time.map(|pending| left(pending.served, self.longest_age()));
        let ages = self.ages().filter_map(|age| {
            let PendingAge { age: pending, served } = age.pending?;
            Some(left(served, age.longest_with(pending)))
        });
        time.into_iter().chain(ages).max()
    }

    /// Returns the cutoff of all series once every pending move is applied; `None` if it hides nothing.
    pub(crate) fn pending_cutoff(&self, claimed_time: Option<i64>) -> Option<i64> {
        let trusted = self.trusted_after_grace().max(self.trusted_time);
        let age = self.age.pending.map_or(self.age.applied, |pending| pending.age);
        cutoff_at(claimed_time?.min(trusted?), age)
    }

    /// Returns the cutoff that a limit asks for now; `None` if it hides nothing.
    pub(crate) fn cutoff(&self, limit: AgeLimit<'_>, claimed_time: Option<i64>) -> Option<i64> {
        cutoff_at(self.reference(claimed_time)?, self.age_of(limit.rule).applied)
    }

    /// Returns the latest cutoff that a limit explains, by the trusted time; `None` if none hides anything.
    ///
    /// A later cutoff was asked for by a wrong clock or by a shorter age. For the limit of all series the result includes
    /// retention by size.
    pub(crate) fn latest_cutoff(&self, limit: AgeLimit<'_>) -> Option<i64> {
        let by_size = if limit.rule.is_none() { self.size_cutoff } else { None };
        self.trusted_time.and_then(|time| cutoff_at(time, self.age_of(limit.rule).applied)).max(by_size)
    }

    /// Returns the cutoff that remains of a cutoff of a limit once it is taken back as far as nothing explains it.
    ///
    /// A cutoff stays if no limit of this opening moves it. `stored` is the progress when the cutoff was last moved.
    pub(crate) fn explained_cutoff(
        &self,
        stored: &Self,
        limits: &[AgeLimit<'_>],
        rule: Option<&[u8]>,
        cutoff: Option<i64>,
    ) -> Option<i64> {
        let limit = limits.iter().find(|limit| limit.rule == rule);
        let (Some(limit), Some(_)) = (limit, self.trusted_time) else {
            // Only a cutoff that retention by size moved is taken back by it.
            let moved_by_size = rule.is_none() && cutoff == stored.size_cutoff;
            return if moved_by_size { cutoff.min(self.size_cutoff) } else { cutoff };
        };
        let latest = self.latest_cutoff(*limit);
        let is_explained = cutoff <= latest.map(|latest| later(latest, tolerance(limit.age)));
        if is_explained { cutoff } else { latest }
    }

    /// Returns how long the wall clock must say that the trusted time, or the cutoff by size, has not come before that
    /// is believed.
    ///
    /// `None` if the wall clock does not say so.
    pub(crate) fn contradiction_wait(&self, limits: &[AgeLimit<'_>], wall_clock_nanos: i64) -> Option<Duration> {
        let is_ahead = |time: &i64, tolerance| later(wall_clock_nanos, tolerance) < *time;
        let shortest = shortest_age(limits);
        let trusted = self.trusted_time.zip(shortest).filter(|(time, age)| is_ahead(time, tolerance(*age)));
        // Retention by size never moves its cutoff beyond the wall clock.
        let by_size = self.size_cutoff.filter(|time| is_ahead(time, SIZE_CUTOFF_TOLERANCE));
        let time = trusted.map(|(time, _)| time).max(by_size)?;
        Some(if is_ahead(&time, CLOCK_RESET_BEHIND) { CLOCK_RESET_WAIT } else { CLOCK_BEHIND_WAIT })
    }

    /// Takes the trusted time and the cutoff by size back to the wall clock.
    pub(crate) fn believe(&mut self, wall_clock_nanos: i64) {
        self.trusted_time = self.trusted_time.map(|time| time.min(wall_clock_nanos));
        self.size_cutoff = self.size_cutoff.map(|cutoff| cutoff.min(wall_clock_nanos));
    }

    /// Returns `true` if a reader of `stored` would act differently, apart from the progress of time and graces.
    pub(crate) fn differs_in_kind(&self, stored: &Self) -> bool {
        let kind = |progress: &Self| {
            let age = |age: &AgeProgress| (age.applied, age.pending.map(|pending| pending.age));
            let rules: Vec<_> = progress.rule_ages.values().map(age).collect();
            (progress.pending_time.is_some(), progress.trusted_time.is_some(), age(&progress.age), rules)
        };
        kind(self) != kind(stored) || self.size_cutoff != stored.size_cutoff || self.trusted_time < stored.trusted_time
    }

    /// Drops the pending ages of limits that this opening does not have.
    fn forget_other_limits(&mut self, limits: &[AgeLimit<'_>]) {
        if !limits.iter().any(|limit| limit.rule.is_none()) {
            self.age.pending = None;
        }
        for (rule, progress) in &mut self.rule_ages {
            if !limits.iter().any(|limit| limit.rule == Some(rule)) {
                progress.pending = None;
            }
        }
    }

    fn set_age(&mut self, rule: Option<&[u8]>, progress: AgeProgress) {
        match rule {
            None => self.age = progress,
            Some(rule) => drop(self.rule_ages.insert(rule.to_owned(), progress)),
        }
    }

    fn observe_time(&mut self, tolerance: Duration, seen: Observation) {
        self.trusted_time = self.trusted_time.map(|time| later(time, seen.elapsed));
        let (pending, next) = (self.pending_time.take(), self.next_time.take());
        let Some(claimed) = seen.claimed_time else { return };
        let is_ahead = |time, trusted: Option<i64>| trusted.is_none_or(|trusted| time > later(trusted, tolerance));
        let pending = pending.map(|pending| pending.observed(claimed, seen));
        // The newest point falls behind while no newer one is written; the time that waits goes on.
        if !is_ahead(pending.map_or(claimed, |pending| pending.time().max(claimed)), self.trusted_time) {
            return;
        }
        let pending = pending.unwrap_or(PendingTime::new(claimed));
        let next = next.map(|next| next.observed(claimed, seen));
        let latest = next.map_or(pending.time(), PendingTime::time);
        let next = if claimed > latest { Some(PendingTime::new(claimed)) } else { next };
        if pending.served < grace_for(seen.grace, self.longest_age()) {
            (self.pending_time, self.next_time) = (Some(pending), next);
            return;
        }
        self.trusted_time = self.trusted_time.max(Some(pending.time()));
        // A time that is claimed beyond that goes on waiting for a grace of its own.
        let next = next.unwrap_or(PendingTime::new(claimed));
        self.pending_time = is_ahead(next.time().max(claimed), self.trusted_time).then_some(next);
    }

    /// Returns the longest age that is applied or waits, of those that hide anything.
    fn longest_age(&self) -> i64 {
        let pending = |age: AgeProgress| age.pending.map(|pending| pending.age);
        let ages = self.ages().flat_map(|age| [Some(age.applied), pending(age)]).flatten();
        ages.filter(|age| *age < UNLIMITED_AGE).max().unwrap_or(UNLIMITED_AGE)
    }

    fn ages(&self) -> impl Iterator<Item = AgeProgress> + '_ {
        self.rule_ages.values().chain([&self.age]).copied()
    }
}

impl PendingTime {
    fn new(claimed: i64) -> Self {
        Self { claimed, advance: Duration::ZERO, served: Duration::ZERO }
    }

    /// Returns the time that becomes trusted if the grace ends now.
    fn time(self) -> i64 {
        later(self.claimed, self.advance)
    }

    fn observed(self, claimed: i64, seen: Observation) -> Self {
        let served = self.served.saturating_add(seen.elapsed);
        // Only what was claimed during the whole grace may become trusted.
        if claimed < self.claimed {
            return Self { claimed, advance: Duration::ZERO, served };
        }
        // The clock goes on, also while no newer point is written. A clock that was set back in the meantime does not
        // count as going on: the wait would end at a time that no clock ever showed.
        let shown = Duration::from_nanos(seen.wall_clock_nanos.abs_diff(self.claimed));
        let advance = self.advance.saturating_add(seen.elapsed).min(shown);
        Self { claimed: self.claimed, advance, served }
    }
}

impl AgeProgress {
    fn observed(self, age: i64, seen: Observation) -> Self {
        if age >= self.applied - self.applied / SHORTER_BY {
            return Self { applied: age, pending: None };
        }
        let served = match self.pending {
            // An age that is shorter still starts a new grace.
            Some(pending) if age >= pending.age => pending.served.saturating_add(seen.elapsed),
            _ => Duration::ZERO,
        };
        if served >= grace_for(seen.grace, self.longest_with(age)) {
            return Self { applied: age, pending: None };
        }
        Self { pending: Some(PendingAge { age, served }), ..self }
    }

    /// Returns the longer of the applied age and another one; an unlimited age does not count.
    fn longest_with(self, age: i64) -> i64 {
        if self.applied < UNLIMITED_AGE { self.applied.max(age) } else { age }
    }
}

/// Returns the shortest age of the limits, in nanoseconds; `None` without limits.
pub(crate) fn shortest_age(limits: &[AgeLimit<'_>]) -> Option<i64> {
    limits.iter().map(|limit| limit.age).min()
}

/// Returns an age in nanoseconds.
///
/// An age that is longer than the range of timestamps before or after 1970, about 292 years, is [`UNLIMITED_AGE`].
pub(crate) fn age_nanos(age: Duration) -> i64 {
    i64::try_from(age.as_nanos()).unwrap_or(UNLIMITED_AGE)
}

/// Returns the cutoff of an age at a time; `None` if it hides nothing.
fn cutoff_at(time: i64, age: i64) -> Option<i64> {
    if age == UNLIMITED_AGE { None } else { time.checked_sub(age) }
}

/// Returns the grace of a move under a limit of this age.
fn grace_for(grace: Option<Duration>, age: i64) -> Duration {
    let (shortest, longest) = (Duration::from_hours(24), Duration::from_hours(7 * 24));
    let eighth = Duration::from_nanos(age.unsigned_abs() / 8);
    grace.unwrap_or_else(|| eighth.clamp(shortest, longest))
}

/// Returns how far the claimed time may be ahead of the trusted time before the difference is a pending move.
///
/// Limits are applied only so many times within an age, so a smaller difference delays nothing that was exact before.
fn tolerance(age: i64) -> Duration {
    Duration::from_nanos(age.unsigned_abs() / 64).min(Duration::from_hours(1))
}

fn later(time: i64, by: Duration) -> i64 {
    time.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;
    const DAY: i64 = 24 * HOUR;
    const LIMIT: AgeLimit<'_> = AgeLimit { rule: None, age: 30 * DAY };

    fn hours(hours: u64) -> Duration {
        Duration::from_hours(hours)
    }

    fn trusted(time: i64, applied: i64) -> RetentionProgress {
        let age = AgeProgress { applied, pending: None };
        RetentionProgress { trusted_time: Some(time), age, ..RetentionProgress::default() }
    }

    fn pending(claimed: i64, advance: u64, served: u64) -> PendingTime {
        PendingTime { claimed, advance: hours(advance), served: hours(served) }
    }

    /// Returns an observation of a wall clock that agrees with the claimed time, after some hours.
    fn at(claimed_time: Option<i64>, elapsed: u64) -> Observation {
        let wall_clock_nanos = claimed_time.unwrap_or_default();
        Observation { claimed_time, wall_clock_nanos, elapsed: hours(elapsed), grace: None }
    }

    /// The default grace of 30 days is an eighth, 90 hours.
    #[test]
    fn a_claimed_time_is_trusted_as_far_as_monotonic_time_explains_it_or_after_its_grace() {
        /// Claimed time, elapsed hours, expected trusted time, expected pending time, hours of its advance and served.
        type Row = (Option<i64>, u64, i64, Option<PendingTime>);
        let table: [Row; 13] = [
            (Some(0), 0, 0, None),
            // Explained, and within the tolerance of an hour.
            (Some(2 * HOUR), 1, HOUR, None),
            // A jump of 40 days waits.
            (Some(40 * DAY), 1, 2 * HOUR, Some(pending(40 * DAY, 0, 0))),
            (Some(40 * DAY + 2 * HOUR), 2, 4 * HOUR, Some(pending(40 * DAY, 2, 2))),
            // A further jump does not move it.
            (Some(90 * DAY), 1, 5 * HOUR, Some(pending(40 * DAY, 3, 3))),
            // The clock is almost right again: only what was claimed all the time waits.
            (Some(40 * DAY + HOUR), 1, 6 * HOUR, Some(pending(40 * DAY, 1, 4))),
            (Some(10 * DAY), 1, 7 * HOUR, Some(pending(10 * DAY, 0, 5))),
            // The clock is right again.
            (Some(8 * HOUR), 1, 8 * HOUR, None),
            (Some(9 * DAY), 1, 9 * HOUR, Some(pending(9 * DAY, 0, 0))),
            (Some(9 * DAY + 89 * HOUR), 89, 98 * HOUR, Some(pending(9 * DAY, 89, 89))),
            // The grace is over. What is claimed beyond it and its grace waits for a grace of its own.
            (Some(20 * DAY), 1, 9 * DAY + 90 * HOUR, Some(pending(20 * DAY, 0, 0))),
            // Without points nothing is claimed.
            (None, 1, 9 * DAY + 91 * HOUR, None),
            (Some(i64::MAX), 1, 9 * DAY + 92 * HOUR, Some(pending(i64::MAX, 0, 0))),
        ];
        let mut progress = trusted(0, LIMIT.age);
        for (row, (claimed_time, elapsed, time, expected)) in table.into_iter().enumerate() {
            progress = progress.observed(&[LIMIT], at(claimed_time, elapsed));
            assert_eq!((progress.trusted_time, progress.pending_time), (Some(time), expected), "row {row}");
        }
        let now = progress.applied_now(&[LIMIT], at(Some(50 * DAY), 0));
        assert_eq!((now.trusted_time, now.has_pending()), (Some(50 * DAY), false));
    }

    /// A point a day, after a vacation: the second grace ends at the present, so nothing goes on waiting.
    #[test]
    fn rare_points_do_not_keep_a_move_pending_for_ever() {
        let mut progress = trusted(0, LIMIT.age);
        let start = 100 * DAY;
        for hour in 0..240_u64 {
            let now = start + HOUR * i64::try_from(hour).unwrap();
            let newest = start + (now - start) / DAY * DAY;
            let seen = Observation { wall_clock_nanos: now, ..at(Some(newest), u64::from(hour > 0)) };
            progress = progress.observed(&[LIMIT], seen);
            let (lag, waits) = (now - progress.trusted_time.unwrap(), progress.has_pending());
            match hour {
                // The first grace begins with a point that is as old as the present.
                0..90 => assert!(waits && lag >= start, "{hour}: {progress:?}"),
                _ => assert!(!waits && lag == 0, "{hour}: {progress:?}"),
            }
        }
        // The newest point is ten hours old as the wait begins: the first grace ends behind the present, the second
        // one does not.
        let mut progress = trusted(0, LIMIT.age);
        for hour in 10..240_u64 {
            let now = start + HOUR * i64::try_from(hour).unwrap();
            let newest = start + (now - start) / DAY * DAY;
            let seen = Observation { wall_clock_nanos: now, ..at(Some(newest), u64::from(hour > 10)) };
            progress = progress.observed(&[LIMIT], seen);
            let lag = now - progress.trusted_time.unwrap();
            match hour {
                10..100 => assert!(lag >= start, "{hour}: {progress:?}"),
                100..114 => assert_eq!((lag, progress.has_pending()), (10 * HOUR, true), "{hour}: {progress:?}"),
                _ => assert_eq!((lag, progress.has_pending()), (0, false), "{hour}: {progress:?}"),
            }
        }
    }

    #[test]
    fn a_much_shorter_age_waits_and_an_age_that_is_shorter_still_waits_longer() {
        /// Age in days, elapsed hours, expected applied age in days, expected pending age in days and hours served.
        type Row = (i64, u64, i64, Option<(i64, u64)>);
        let table: [Row; 9] = [
            (30, 1, 30, None),
            // Within an eighth, or longer: at once.
            (27, 1, 27, None),
            (80, 1, 80, None),
            // The grace of 80 days is 7 days, 168 hours.
            (10, 1, 80, Some((10, 0))),
            (10, 100, 80, Some((10, 100))),
            (20, 10, 80, Some((20, 110))),
            (2, 50, 80, Some((2, 0))),
            (2, 167, 80, Some((2, 167))),
            (2, 1, 2, None),
        ];
        let mut progress = trusted(0, 30 * DAY);
        for (days, elapsed, applied, waits) in table {
            let limit = AgeLimit { rule: None, age: days * DAY };
            progress = progress.observed(&[limit], at(Some(0), elapsed));
            let pending = waits.map(|(days, served)| PendingAge { age: days * DAY, served: hours(served) });
            let expected = AgeProgress { applied: applied * DAY, pending };
            assert_eq!(progress.age, expected, "{days} days after {elapsed} hours");
        }
    }

    #[test]
    fn the_first_move_of_a_database_or_of_a_limit_waits_and_an_endless_age_hides_nothing() {
        let seen = at(Some(50 * DAY), 0);
        let rule = AgeLimit { rule: Some(b"a"), age: DAY };
        let first = RetentionProgress::default().observed(&[LIMIT, rule], seen);
        assert_eq!((first.trusted_time, first.pending_time), (None, Some(pending(50 * DAY, 0, 0))));
        assert_eq!([LIMIT, rule].map(|limit| first.cutoff(limit, Some(50 * DAY))), [None, None]);
        assert_eq!(first.pending_cutoff(Some(50 * DAY)), Some(20 * DAY));
        assert_eq!(first.grace_left(None), Some(hours(90)));
        let after = first.observed(&[LIMIT, rule], Observation { elapsed: hours(90), ..seen });
        assert_eq!([LIMIT, rule].map(|limit| after.cutoff(limit, Some(50 * DAY))), [Some(20 * DAY), Some(49 * DAY)]);
        assert!(!after.has_pending());
        let endless = AgeLimit { rule: None, age: age_nanos(Duration::from_hours(400 * 365 * 24)) };
        let now = after.applied_now(&[endless], seen);
        assert_eq!(now.cutoff(endless, Some(50 * DAY)), None);
        assert_eq!(trusted(i64::MIN, DAY).cutoff(LIMIT, Some(0)), None, "before the first timestamp");
        // An opening without limits changes nothing; one without the rule forgets what waits for it.
        assert_eq!(first.observed(&[], Observation { elapsed: hours(90), ..seen }), first);
        assert_eq!(first.observed(&[LIMIT], seen).age_of(Some(b"a")), AgeProgress::default());
    }
}
