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

/// Checks that the text of each rule's selector can be parsed.
///
/// Later openings read it from the manifest.
///
/// # Errors
/// `InvalidQuery` for a selector that cannot be parsed: a bad pattern, or nested too deep.
pub(super) fn check_rules(retention: &RetentionOptions) -> Result<()> {
    retention.rules.iter().try_for_each(|(selector, ..)| selector.parse::<Selector>().map(drop))
}
