//! What a request had refused, by reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use timestrata_ingest::Suggestion;

/// Refusals that a request keeps with their text; all are counted.
const KEPT: usize = 100;

/// Refused row or point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Line of the row, or number of the series in the body, from 1.
    pub(crate) line: Option<u64>,
    /// One sentence without a full stop.
    pub(crate) message: String,
    /// Options of the request that would keep such rows, best first.
    pub(crate) suggestions: Vec<Suggestion>,
}

impl Refusal {
    /// Creates a refusal that no option would change.
    pub(crate) fn new(line: Option<u64>, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), suggestions: Vec::new() }
    }
}

/// Refused rows and points of a request, counted by reason.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    counts: BTreeMap<&'static str, u64>,
    kept: Vec<Refusal>,
}

impl Refusals {
    /// Counts refusals whose texts are not kept.
    pub(crate) fn count(&mut self, reason: &'static str, count: u64) {
        *self.counts.entry(reason).or_default() += count;
    }

    /// Keeps the text of a refusal that is counted elsewhere.
    pub(crate) fn keep(&mut self, refusal: Refusal) {
        if self.kept.len() < KEPT {
            self.kept.push(refusal);
        }
    }

    /// Adds a refusal, whose text is made only if it is kept. `reason` is a short name that does not change, such as
    /// `type-mismatch`.
    pub(crate) fn add_with(&mut self, reason: &'static str, refusal: impl FnOnce() -> Refusal) {
        self.count(reason, 1);
        if self.kept.len() < KEPT {
            self.kept.push(refusal());
        }
    }

    /// Returns the number of refused rows and points.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Returns the reasons and their counts.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Adds the refusals of a later part of the same request.
    pub(crate) fn merge(&mut self, later: Self) {
        for (reason, count) in later.counts {
            *self.counts.entry(reason).or_default() += count;
        }
        let room = KEPT - self.kept.len();
        self.kept.extend(later.kept.into_iter().take(room));
    }

    /// Returns the first refusals.
    pub(crate) fn first(&self) -> &[Refusal] {
        &self.kept
    }

    /// Returns a text of the counts and the first refusals: `2 refused (type-mismatch 2): line 3: ...; line 9: ...`.
    pub(crate) fn text(&self) -> String {
        let counts: Vec<String> = self.counts().map(|(reason, count)| format!("{reason} {count}")).collect();
        let mut text = format!("{} refused ({})", self.total(), counts.join(", "));
        for (at, refusal) in self.kept.iter().take(5).enumerate() {
            text.push_str(if at == 0 { ": " } else { "; " });
            if let Some(line) = refusal.line {
                // A string takes any text.
                let _ = write!(text, "{line}: ");
            }
            text.push_str(&refusal.message);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_reason_and_the_first_are_named() {
        let mut refusals = Refusals::default();
        for line in 1..=1_000 {
            let reason = if line % 4 == 0 { "no-time" } else { "type-mismatch" };
            refusals.add_with(reason, || Refusal::new(Some(line), "bad"));
        }
        assert_eq!((refusals.total(), refusals.kept.len()), (1_000, KEPT));
        let text = refusals.text();
        assert_eq!(text, "1000 refused (no-time 250, type-mismatch 750): 1: bad; 2: bad; 3: bad; 4: bad; 5: bad");
        let mut all = Refusals::default();
        all.add_with("no-time", || Refusal::new(None, "bad"));
        all.merge(refusals);
        assert_eq!((all.total(), all.first().len()), (1_001, KEPT));
    }
}
