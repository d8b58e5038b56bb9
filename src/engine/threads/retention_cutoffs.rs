//! Initial cutoffs and pending moves of an opening, from the options and the manifest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::actor::warn_of_pending_retention;
use crate::engine::store::PendingRetention;
use crate::format::bytes::selector::{decode_selector, encode_selector};
use crate::state::version::{Cutoffs, EncodedSelector, RetentionProgress, RetentionRule, Version};
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::options::{RetentionOptions, RetentionPolicy};

/// Returns the version and the retention policy that an opening starts with, and the move of the cutoffs that waits.
///
/// `rule_cutoffs` has the cutoffs of rules in the manifest, by selector; the version has the global one.
///
/// # Errors
/// Those of [`initial_cutoffs`].
pub(super) fn start_retention(
    version: Version,
    options: &RetentionOptions,
    rule_cutoffs: BTreeMap<EncodedSelector, i64>,
    wall_clock_nanos: i64,
) -> Result<(Version, RetentionPolicy, Option<PendingRetention>)> {
    let (cutoffs, rules) = initial_cutoffs(options, version.cutoffs.global(), rule_cutoffs)?;
    let policy = RetentionPolicy { age: options.age, bytes: options.bytes, rules, grace: options.grace };
    let version = Version { cutoffs, ..version };
    let (progress, pending) = observe_at_opening(&version, &policy, wall_clock_nanos);
    Ok((Version { retention: Arc::new(progress), ..version }, policy, pending))
}

/// Returns the cutoffs of an opening, and the maximum age of each rule.
///
/// `global` is the global cutoff of the manifest, `rule_cutoffs` has its cutoffs of rules, by selector. A rule that the
/// options no longer contain keeps its cutoff, which no longer moves, so that hidden points never become visible again.
///
/// # Errors
/// Those of [`check_rules`]; `Internal` if a selector of the manifest cannot be decoded.
pub(super) fn initial_cutoffs(
    retention: &RetentionOptions,
    global: Option<i64>,
    mut rule_cutoffs: BTreeMap<EncodedSelector, i64>,
) -> Result<(Cutoffs, Vec<Option<Duration>>)> {
    let (mut rules, mut ages) = (Vec::new(), Vec::new());
    for (predicate, age) in &retention.rules {
        let selector = encode_selector(predicate)?;
        let cutoff = rule_cutoffs.remove(&selector);
        rules.push(RetentionRule { selector, predicate: Arc::new(predicate.clone()), cutoff });
        ages.push(Some(*age));
    }
    for (selector, cutoff) in rule_cutoffs {
        // The manifest is intact by its checksums, and rules are checked before they are written.
        let unreadable = |what| Error::internal(format!("a retention rule of the manifest is unreadable: {what}"));
        let predicate = Arc::new(decode_selector(&selector).map_err(unreadable)?);
        rules.push(RetentionRule { selector, predicate, cutoff: Some(cutoff) });
        ages.push(None);
    }
    Ok((Cutoffs::new(global, rules), ages))
}

/// Observes the wall clock as an opening finds it, before the writer starts.
///
/// Returns the progress with a move that waits, and its description for the report. The manifest gets the progress with
/// the first edit of the writer.
fn observe_at_opening(
    version: &Version,
    policy: &RetentionPolicy,
    wall_clock_nanos: i64,
) -> (RetentionProgress, Option<PendingRetention>) {
    let seen = version.observation(wall_clock_nanos, Duration::ZERO, policy.grace);
    let progress = version.retention.observed(&version.cutoffs.age_limits(policy), seen);
    if !progress.has_pending() {
        // What is explained, or has no grace, is applied by the writer.
        return ((*version.retention).clone(), None);
    }
    warn_of_pending_retention(&progress, seen.claimed_time, policy.grace);
    let pending = PendingRetention::new(&progress, seen.claimed_time, policy.grace);
    (progress, pending)
}

/// Checks that the selector of each rule can be stored.
///
/// # Errors
/// `InvalidQuery` for a bad pattern, and for a selector that is nested too deep.
pub(super) fn check_rules(retention: &RetentionOptions) -> Result<()> {
    retention.rules.iter().try_for_each(|(selector, _)| encode_selector(selector).map(drop))
}
