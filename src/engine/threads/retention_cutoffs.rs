//! Initial cutoffs of an opening, from the options and the manifest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::state::version::{Cutoffs, RetentionRule};
use crate::sync::Arc;
use crate::types::error::Result;
use crate::types::options::RetentionOptions;
use crate::types::selector::Selector;

/// Returns the cutoffs of an opening, and the maximum age of each rule.
///
/// `all` is the global cutoff of the manifest, `ruled` has its cutoffs of rules, by the text of their selectors. A rule
/// that the options no longer contain keeps its cutoff, which no longer moves, so that hidden points never become
/// visible again.
///
/// # Errors
/// `InvalidQuery` if the text of a selector in the manifest cannot be parsed.
pub(super) fn initial_cutoffs(
    retention: &RetentionOptions,
    all: Option<i64>,
    mut ruled: BTreeMap<String, i64>,
) -> Result<(Cutoffs, Vec<Option<Duration>>)> {
    let (mut in_force, mut kept_for) = (Vec::new(), Vec::new());
    for (select, matcher, age) in &retention.rules {
        let cutoff = ruled.remove(select);
        in_force.push(RetentionRule { selector: select.clone(), matcher: Arc::clone(matcher), cutoff });
        kept_for.push(Some(*age));
    }
    for (select, cutoff) in ruled {
        let matcher = Arc::new(select.parse::<Selector>()?);
        in_force.push(RetentionRule { selector: select, matcher, cutoff: Some(cutoff) });
        kept_for.push(None);
    }
    Ok((Cutoffs::new(all, in_force), kept_for))
}

/// Checks that the text of each rule's selector can be parsed.
///
/// Later openings read it from the manifest.
///
/// # Errors
/// `InvalidQuery` for a selector that cannot be parsed: a bad pattern, or nested too deep.
pub(super) fn check_rules(retention: &RetentionOptions) -> Result<()> {
    retention.rules.iter().try_for_each(|(select, ..)| select.parse::<Selector>().map(drop))
}
