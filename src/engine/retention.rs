//! Retention as the options ask for it and as the manifest remembers it, put together for a version.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Result;
use crate::options::Retention;
use crate::query::Select;
use crate::sync::Arc;
use crate::version::{Cutoffs, Rule};

/// The cutoffs that an opening begins with, and the age that each rule's series may reach.
///
/// `ruled` is what was hidden before, by the selectors' texts. A rule that is given no more hides what it hid and is kept
/// up no further: what is gone for readers never comes back.
pub(super) fn cutoffs(
    retention: &Retention,
    all: Option<i64>,
    mut ruled: BTreeMap<String, i64>,
) -> Result<(Cutoffs, Vec<Option<Duration>>)> {
    let (mut in_force, mut kept_for) = (Vec::new(), Vec::new());
    for (select, matcher, age) in &retention.rules {
        let cutoff = ruled.remove(select);
        in_force.push(Rule { select: select.clone(), matcher: Arc::clone(matcher), cutoff });
        kept_for.push(Some(*age));
    }
    for (select, cutoff) in ruled {
        let matcher = Arc::new(select.parse::<Select>()?);
        in_force.push(Rule { select, matcher, cutoff: Some(cutoff) });
        kept_for.push(None);
    }
    Ok((Cutoffs::new(all, in_force), kept_for))
}

/// Whoever opens the database without a rule later reads its selector from the manifest.
///
/// # Errors
/// `InvalidQuery` for one that cannot be read back: with a bad pattern, or nested too deep.
pub(super) fn check(retention: &Retention) -> Result<()> {
    retention.rules.iter().try_for_each(|(select, ..)| select.parse::<Select>().map(drop))
}
