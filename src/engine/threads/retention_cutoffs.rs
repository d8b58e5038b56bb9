//! Initial cutoffs and pending moves of an opening, from the options and the manifest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::actor::warn_of_pending_retention;
use crate::engine::store::PendingRetention;
use crate::state::version::{Cutoffs, Observation, RetentionProgress, RetentionRule, Version};
use crate::sync::Arc;
use crate::types::error::Result;
use crate::types::options::{RetentionOptions, RetentionPolicy};
use crate::types::selector::Selector;

/// Returns the cutoffs of an opening, and the maximum age of each rule.
///
/// `global` is the global cutoff of the manifest, `rule_cutoffs` has its cutoffs of rules, by the text of their selectors. A rule
/// that the options no longer contain keeps its cutoff, which no longer moves, so that hidden points never become
/// visible again.
///
/// # Errors
/// `InvalidQuery` if the text of a selector in the manifest cannot be parsed.
pub(super) fn initial_cutoffs(
    retention: &RetentionOptions,
    global: Option<i64>,
    mut rule_cutoffs: BTreeMap<String, i64>,
) -> Result<(Cutoffs, Vec<Option<Duration>>)> {
    let (mut rules, mut ages) = (Vec::new(), Vec::new());
    for (selector, predicate, age) in &retention.rules {
        let cutoff = rule_cutoffs.remove(selector);
        rules.push(RetentionRule { selector: selector.clone(), predicate: Arc::clone(predicate), cutoff });
        ages.push(Some(*age));
    }
    for (selector, cutoff) in rule_cutoffs {
        let predicate = Arc::new(selector.parse::<Selector>()?);
        rules.push(RetentionRule { selector, predicate, cutoff: Some(cutoff) });
        ages.push(None);
    }
    Ok((Cutoffs::new(global, rules), ages))
}

/// Observes the wall clock as an opening finds it, before the writer starts.
///
/// Returns the progress with a move that waits, and its description for the report. The manifest gets the progress with
/// the first edit of the writer.
pub(super) fn observe_at_opening(
    version: &Version,
    policy: &RetentionPolicy,
    wall_clock_nanos: i64,
) -> (RetentionProgress, Option<PendingRetention>) {
    let claimed_time = version.claimed_time(wall_clock_nanos);
    let seen = Observation { claimed_time, wall_clock_nanos, elapsed: Duration::ZERO, grace: policy.grace };
    let progress = version.retention.observed(&version.cutoffs.age_limits(policy), seen);
    if !progress.has_pending() {
        // What is explained, or has no grace, is applied by the writer.
        return ((*version.retention).clone(), None);
    }
    warn_of_pending_retention(&progress, claimed_time, policy.grace);
    let pending = PendingRetention::new(&progress, claimed_time, policy.grace);
    (progress, pending)
}

/// Checks that the text of each rule's selector can be parsed.
///
/// Later openings read it from the manifest.
///
/// # Errors
/// `InvalidQuery` for a selector that cannot be parsed: a bad pattern, or nested too deep.
pub(super) fn check_rules(retention: &RetentionOptions) -> Result<()> {
    retention.rules.iter().try_for_each(|(selector, ..)| selector.parse::<Selector>().map(drop))
}
