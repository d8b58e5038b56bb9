//! Finds the columns that options name.

use super::header::metric_of;
use super::plan::TagColumn;
use crate::IngestError;
use timestrata::SeriesKey;

/// Names listed in a message, at most.
const MAX_LISTED: usize = 20;

/// Names of the columns of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ColumnNames<'a>(pub(crate) &'a [String]);

impl ColumnNames<'_> {
    /// Returns the name of a column for messages; `column 3` if it has none.
    pub(crate) fn name(&self, at: usize) -> String {
        match self.0[at].as_str() {
            "" => format!("column {}", at + 1),
            name => name.to_owned(),
        }
    }

    /// Returns the names for a message, limited.
    pub(crate) fn listed(&self) -> String {
        let names: Vec<String> = (0..self.0.len()).map(|at| self.name(at)).collect();
        join_limited(&names, MAX_LISTED)
    }

    /// Returns the column of this name.
    pub(crate) fn find(&self, name: &str, option: &'static str) -> Result<usize, IngestError> {
        self.get(name).ok_or_else(|| self.no_column(name, option))
    }

    fn get(&self, name: &str) -> Option<usize> {
        let is_same = |header: &String| header == name;
        let trimmed = name.trim();
        let unquoted = trimmed.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        self.0
            .iter()
            .position(is_same)
            .or_else(|| self.0.iter().position(|header| header == trimmed || Some(header.as_str()) == unquoted))
            .or_else(|| {
                let number: usize = trimmed.strip_prefix("column ")?.parse().ok()?;
                number.checked_sub(1).filter(|at| *at < self.0.len())
            })
    }

    /// Returns the error of an option that names a column which does not exist.
    pub(crate) fn no_column(&self, name: &str, option: &'static str) -> IngestError {
        let lower = name.to_lowercase();
        let like = self.0.iter().find(|header| {
            let header = header.to_lowercase();
            !header.is_empty() && (is_near(&lower, &header) || (lower.len() >= 3 && header.contains(&lower)))
        });
        let hint = match like {
            Some(like) => format!("did you mean {like}?"),
            None => format!("the columns are {}", self.listed()),
        };
        let error = IngestError::new(format!("{option} names column {name:?}, which the input does not have: {hint}"));
        match like {
            Some(like) => error.suggest(option, like.clone()),
            None => error,
        }
    }

    /// Returns the columns with this header or, for headers with tags, this metric; and the new name behind `=`.
    pub(crate) fn renamed(
        &self,
        text: &str,
        option: &'static str,
    ) -> Result<(Vec<usize>, Option<String>), IngestError> {
        let direct = self.of_name(text);
        if !direct.is_empty() {
            return Ok((direct, None));
        }
        for (at, _) in text.rmatch_indices('=') {
            let found = self.of_name(text[..at].trim());
            if !found.is_empty() {
                return Ok((found, Some(text[at + 1..].trim().to_owned())));
            }
        }
        Err(self.no_column(text.split('=').next().unwrap_or(text), option))
    }

    /// Returns the columns with this header or, for headers with tags, this metric.
    pub(crate) fn of_name(&self, name: &str) -> Vec<usize> {
        let is_same = |header: &String| header == name || metric_of(header) == Some(name);
        let found: Vec<usize> = (0..self.0.len()).filter(|at| is_same(&self.0[*at])).collect();
        if found.is_empty() { self.get(name).into_iter().collect() } else { found }
    }

    /// Returns the tag columns that the options name.
    pub(crate) fn tags(&self, tags: &[String]) -> Result<Vec<TagColumn>, IngestError> {
        let mut found: Vec<TagColumn> = Vec::new();
        for text in tags {
            let tag = match text.rsplit_once('=') {
                // A text that is itself a header with an equals sign is the name of a column.
                Some((name, key)) if !self.0.contains(text) => {
                    TagColumn { at: self.find(name.trim(), "tags")?, key: key.trim().to_owned() }
                }
                _ => {
                    let at = self.find(text, "tags")?;
                    TagColumn { at, key: self.name(at) }
                }
            };
            SeriesKey::new("any")
                .tag(&tag.key, "any")
                .validate()
                .map_err(|error| IngestError::new(error.to_string()))?;
            if found.iter().any(|other| other.key == tag.key) {
                return Err(IngestError::new(format!("the tag {} is given twice: name each tag once", tag.key)));
            }
            found.push(tag);
        }
        Ok(found)
    }
}

/// Joins at most `most` names with commas, and appends the number of the others.
pub(crate) fn join_limited<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let text = names.iter().take(most).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Returns `true` if few letters differ: a third of the longer word, by the distance of Damerau and Levenshtein
/// without repeated changes.
fn is_near(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().take(64).collect(), other.chars().take(64).collect());
    let longest = one.len().max(other.len());
    let mut rows = vec![vec![0_usize; other.len() + 1]; one.len() + 1];
    for at in 0..=one.len() {
        for to in 0..=other.len() {
            rows[at][to] = if at == 0 || to == 0 {
                at + to
            } else {
                let is_same = one[at - 1] == other[to - 1];
                let mut least =
                    (rows[at - 1][to - 1] + usize::from(!is_same)).min(rows[at - 1][to] + 1).min(rows[at][to - 1] + 1);
                if at > 1 && to > 1 && one[at - 1] == other[to - 2] && one[at - 2] == other[to - 1] {
                    least = least.min(rows[at - 2][to - 2] + 1);
                }
                least
            };
        }
    }
    rows[one.len()][other.len()] * 3 <= longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_header_metric_and_position() {
        let header: Vec<String> = ["t", "P{W}", "up{job=\"a\"}", "", "a=b"].map(str::to_owned).into();
        let names = ColumnNames(&header);
        assert_eq!(names.renamed("P{W}=power", "values").unwrap(), (vec![1], Some("power".to_owned())));
        assert_eq!(names.renamed("up", "values").unwrap(), (vec![2], None));
        assert_eq!(names.renamed("a=b", "values").unwrap(), (vec![4], None));
        assert_eq!(names.find("column 4", "time").unwrap(), 3);
        let error = ColumnNames(&["temp".to_owned()]).find("tmep", "values").unwrap_err();
        assert!(error.message.contains("did you mean temp?"), "{error}");
    }
}
