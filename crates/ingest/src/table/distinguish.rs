//! Finds the column that distinguishes rows of one series and time.
//!
//! Such rows merge in silence if a column that identifies them is not a tag. Whenever a row has the time of an earlier
//! row of its series, or goes back in time, the columns whose cells differ between the two are counted.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::Suggestion;

/// Rows that are compared, at most.
const MAX_EVENTS: usize = 1_024;
/// Rows of one time that are kept for comparison, at most.
pub(crate) const MAX_COMPARED_ROWS: usize = 32;
/// Columns that are compared, at most.
pub(crate) const MAX_CANDIDATES: usize = 16;

/// Column that is neither time nor tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) at: usize,
    pub(crate) name: String,
    /// Order of preference: text columns first, then names that sound like an id, then few distinct values.
    pub(crate) rank: (bool, bool, usize),
    /// `true` if the cells complete the time: clocks, or hours.
    pub(crate) is_clock: bool,
    /// `true` for a column that is a value, and would be none as a tag.
    pub(crate) is_value: bool,
    /// `true` if most cells differ from one another, as those of a measurement.
    pub(crate) is_spread: bool,
}

/// Hashes of the candidates' cells in the last row of a series.
pub(crate) type RowPrint = [u32; MAX_CANDIDATES];

/// Comparisons of rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowComparisons {
    /// Number of comparisons by the set of columns that differed, one bit each.
    differing: HashMap<u16, u32, BuildHasherDefault<DefaultHasher>>,
    events: usize,
    /// Number of columns that are values.
    values: usize,
}

impl RowComparisons {
    /// Creates comparisons of rows with this number of value columns.
    pub(crate) fn new(values: usize) -> Self {
        Self { values, ..Self::default() }
    }

    /// Returns `true` if more comparisons are needed.
    pub(crate) fn wants_more(&self) -> bool {
        self.events < MAX_EVENTS
    }

    /// Returns the hash of a cell.
    pub(crate) fn print_of(text: &str) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "a part of the hash")]
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(text) as u32;
        hash
    }

    /// Compares a row with an earlier one of its series that it shares a time with, or that it goes back from.
    pub(crate) fn compare(&mut self, earlier: &RowPrint, row: &RowPrint) {
        self.events += 1;
        let bits = (0..MAX_CANDIDATES).filter(|at| earlier[*at] != row[*at]).fold(0, |bits, at| bits | 1 << at);
        *self.differing.entry(bits).or_default() += 1;
    }

    /// Returns the columns that distinguish the compared rows: the fewest, the likeliest first.
    pub(crate) fn columns<'a>(&self, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
        let mut chosen: Vec<usize> = Vec::new();
        let mut open: Vec<(u16, u32)> = self.differing.iter().map(|(bits, count)| (*bits, *count)).collect();
        while chosen.len() < 3 {
            let covered = |at: usize| -> u32 {
                open.iter().filter(|(bits, _)| bits & (1 << at) != 0).map(|(_, count)| *count).sum()
            };
            // Numbers that are no ids differ by chance, too: they must differ wherever rows are to be distinguished.
            let is_number = |at: usize| candidates[at].rank.0 && candidates[at].rank.1;
            let all: u32 = open.iter().map(|(_, count)| *count).sum();
            let free = (0..candidates.len().min(MAX_CANDIDATES))
                .filter(|at| !chosen.contains(at) && (!is_number(*at) || covered(*at) == all));
            let better = |at: &usize| (is_number(*at), u32::MAX - covered(*at), candidates[*at].rank, *at);
            let Some(best) = free.filter(|at| covered(*at) > 0).min_by_key(better) else { break };
            chosen.push(best);
            open.retain(|(bits, _)| bits & (1 << best) == 0);
        }
        // A measurement may differ between all rows, where two columns identify them.
        let is_doubtful = match chosen[..] {
            [] => true,
            [only] => candidates[only].is_spread && candidates[only].rank.0 && candidates[only].rank.1,
            _ => false,
        };
        if is_doubtful && let Some(pair) = self.pair(candidates) {
            chosen = pair.to_vec();
        }
        chosen.into_iter().map(|at| &candidates[at]).collect()
    }

    /// Returns two columns of numbers, none of a measurement, that together distinguish all compared rows. A value must
    /// be left beside them.
    fn pair(&self, candidates: &[Candidate]) -> Option<[usize; 2]> {
        let count = candidates.len().min(MAX_CANDIDATES);
        let differ = |bits: u16, at: usize| bits & (1 << at) != 0;
        let covers =
            |one: usize, other: usize| self.differing.keys().all(|bits| differ(*bits, one) || differ(*bits, other));
        let is_needed = |at: usize| self.differing.keys().any(|bits| differ(*bits, at));
        let is_open = |at: &usize| !candidates[*at].is_spread && !candidates[*at].is_clock && is_needed(*at);
        let pairs = || {
            (0..count)
                .filter(is_open)
                .flat_map(move |one| (one + 1..count).filter(is_open).map(move |other| [one, other]))
        };
        let order = |[one, other]: &[usize; 2]| (candidates[*one].rank.max(candidates[*other].rank), *one, *other);
        let found = pairs().filter(|[one, other]| covers(*one, *other)).min_by_key(order)?;
        let left = self.values_beside(candidates, &found);
        left.then_some(found)
    }

    /// Returns `true` if a value is no part of a choice of columns.
    fn values_beside(&self, candidates: &[Candidate], chosen: &[usize]) -> bool {
        let as_tags = chosen.iter().filter(|at| candidates[**at].is_value).count();
        self.values > as_tags
    }
}

/// Returns the option that would distinguish the rows.
pub(crate) fn suggestion(columns: &[&Candidate], tags: &[String], time: &str) -> Option<Suggestion> {
    let first = columns.first()?;
    if first.is_clock {
        return Some(Suggestion::new("time", format!("{time},{}", first.name)));
    }
    let names: Vec<&str> =
        tags.iter().map(String::as_str).chain(columns.iter().map(|column| column.name.as_str())).collect();
    Some(Suggestion::new("tags", names.join(",")))
}

/// Returns `true` if a name sounds like that of a column which identifies something.
pub(crate) fn sounds_like_id(name: &str) -> bool {
    const WORDS: [&str; 34] = [
        "id",
        "ids",
        "nr",
        "no",
        "num",
        "number",
        "name",
        "host",
        "hostname",
        "sensor",
        "station",
        "meter",
        "building",
        "device",
        "unit",
        "channel",
        "node",
        "site",
        "location",
        "type",
        "kind",
        "key",
        "code",
        "city",
        "country",
        "region",
        "cpu",
        "core",
        "disk",
        "interface",
        "instance",
        "symbol",
        "zone",
        "point",
    ];
    let name = name.to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|word| WORDS.contains(&word)) || name.ends_with("id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(at: usize, name: &str, is_number: bool, distinct: usize) -> Candidate {
        let rank = (is_number, !sounds_like_id(name), distinct);
        Candidate { at, name: name.to_owned(), rank, is_clock: false, is_value: false, is_spread: false }
    }

    fn print(cells: [u32; 3]) -> RowPrint {
        let mut print = [0; MAX_CANDIDATES];
        print[..3].copy_from_slice(&cells);
        print
    }

    #[test]
    fn the_column_that_differs_is_named_and_a_constant_is_not() {
        let candidates =
            [candidate(1, "meter", true, 1), candidate(2, "building_id", true, 2), candidate(3, "v", true, 2)];
        let mut seen = RowComparisons::default();
        seen.compare(&print([0, 1, 7]), &print([0, 2, 8]));
        seen.compare(&print([0, 1, 7]), &print([0, 2, 9]));
        assert_eq!(seen.columns(&candidates), [&candidates[1]]);
    }

    #[test]
    fn several_columns_are_named_if_one_does_not_suffice() {
        let candidates = [candidate(1, "host", false, 2), candidate(2, "cpu", false, 2)];
        let mut seen = RowComparisons::default();
        seen.compare(&print([1, 1, 0]), &print([2, 1, 0]));
        seen.compare(&print([1, 1, 0]), &print([1, 2, 0]));
        assert_eq!(seen.columns(&candidates).len(), 2);
        assert_eq!(suggestion(&seen.columns(&candidates), &[], "t"), Some(Suggestion::new("tags", "host,cpu")));
    }
}
