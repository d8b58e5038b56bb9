//! What a mapper of rows says about them: notices, warnings, and the column that would distinguish rows.

use super::distinguish;
use super::mapper::RowMapper;
use super::plan::ValueSource;
use crate::Suggestion;

impl RowMapper {
    /// Returns what happened to rows without being refused.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        let counted = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 row {one}")),
            count => Some(format!("{count} rows {many}")),
        };
        notices.extend(counted(
            self.resolver.repeated,
            "lies in an hour that came twice: the order of the rows decided",
            "lie in an hour that came twice: the order of the rows decided",
        ));
        notices.extend(counted(
            self.resolver.missing,
            "has a time that does not exist in its zone",
            "have times that do not exist in their zone",
        ));
        if self.unique_tags.is_found && !self.plan.tags.is_empty() {
            let names: Vec<&str> = self.plan.tags.iter().map(|tag| tag.key.as_str()).collect();
            notices.push(format!(
                "the tags {} have nearly a value per row, {} in all: each makes series of its own",
                names.join(", "),
                self.groups.len()
            ));
        }
        notices.extend(self.named_without_value());
        notices.extend(counted(self.repeated_headers, "repeats the header", "repeat the header"));
        notices
    }

    /// Returns the notice about columns that an option names and that hold no value in any row.
    fn named_without_value(&self) -> Option<String> {
        let ValueSource::Wide(columns) = &self.plan.values else { return None };
        let empty = columns.iter().zip(&self.has_value).filter(|(column, has_value)| column.is_named && !**has_value);
        let names: Vec<&str> = empty.map(|(column, _)| column.name.as_str()).collect();
        let listed = super::join_limited(&names, 10);
        (!names.is_empty()).then(|| format!("no value was read from {listed}: the cells are empty or mean no value"))
    }

    /// Returns a warning about the rows to come, once.
    #[must_use]
    pub fn take_warning(&mut self) -> Option<String> {
        if self.plan.tags.is_empty() || !self.unique_tags.take_new() {
            return None;
        }
        let names: Vec<&str> = self.plan.tags.iter().map(|tag| tag.key.as_str()).collect();
        Some(format!(
            "the tags {} have nearly a value per row, {} so far: each makes series of its own; Ctrl-C ends the run",
            names.join(", "),
            self.groups.len()
        ))
    }

    /// Returns `true` for a column of values that no option names.
    pub(crate) fn is_unnamed_value(&self, at: usize) -> bool {
        match &self.plan.values {
            ValueSource::Wide(columns) => columns.iter().any(|column| column.at == at && !column.is_named),
            _ => false,
        }
    }

    /// Returns the columns that distinguish rows that share series and time, and the option that would do so.
    #[must_use]
    pub fn distinguishing(&self) -> Option<Suggestion> {
        let columns = self.comparisons.columns(&self.plan.candidates);
        let tags: Vec<String> = self
            .plan
            .tags
            .iter()
            .map(|tag| match self.plan.header[tag.at].as_str() {
                name if name == tag.key => name.to_owned(),
                name => format!("{name}={}", tag.key),
            })
            .collect();
        distinguish::suggestion(&columns, &tags, &self.plan.time.name)
    }
}
