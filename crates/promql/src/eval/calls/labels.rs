//! `label_replace` and `label_join`.

use regex::Regex;

use super::super::error::QueryError;
use super::super::evaluator::Evaluator;
use super::super::labels::{Labels, METRIC_NAME};
use super::super::row::{Row, merge_same_labels};
use super::super::text::quoted_bytes;
use super::super::window::Steps;
use crate::ast::{Call, Expression};
use crate::pattern::Pattern;

impl Evaluator<'_> {
    pub(super) fn eval_label_replace(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let pattern = Self::text_argument(call, 4)?;
        let translated = Pattern::translate(&pattern).ok();
        let compiled = translated.and_then(|pattern| Some((Regex::new(&pattern.anchored()).ok()?, pattern)));
        let Some((regex, pattern)) = compiled else {
            let message = format!("invalid regular expression in label_replace(): {pattern}");
            return Err(QueryError::execution(message));
        };
        let target = Self::label_argument(call, 1, "destination")?;
        let (replacement, source) = (Self::text_argument(call, 2)?, Self::text_argument(call, 3)?);
        let replace = |labels: &Labels| {
            let captures = regex.captures(labels.get(&source))?;
            let mut value = String::new();
            pattern.expand(&captures, &replacement, &mut value);
            Some(value)
        };
        let references = replacement.matches('$').count();
        let max_bytes = |labels: &Labels| replacement.len() + references.saturating_mul(labels.get(&source).len());
        self.set_label(call, steps, &target, (max_bytes, replace))
    }

    pub(super) fn eval_label_join(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let sources = (3..call.arguments.len()).map(|index| Self::label_argument(call, index, "source"));
        let sources = sources.collect::<Result<Vec<String>, QueryError>>()?;
        let target = Self::label_argument(call, 1, "destination")?;
        let separator = Self::text_argument(call, 2)?;
        let join = |labels: &Labels| {
            let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
            Some(values.join(&separator))
        };
        let max_bytes = |labels: &Labels| {
            sources.iter().map(|source| labels.get(source).len().saturating_add(separator.len())).sum()
        };
        self.set_label(call, steps, &target, (max_bytes, join))
    }

    /// Returns an argument that is a label name.
    fn label_argument(call: &Call, index: usize, role: &str) -> Result<String, QueryError> {
        let Expression::String(string) = Self::argument(call, index)? else {
            return Err(QueryError::execution(format!("{} needs a string", call.function.name())));
        };
        match std::str::from_utf8(&string.value) {
            Ok(name) if !name.is_empty() => Ok(name.to_owned()),
            _ => {
                let quoted = quoted_bytes(&string.value);
                let name = quoted.trim_matches('"');
                let function = call.function.name();
                Err(QueryError::execution(format!("invalid {role} label name in {function}(): {name}")))
            }
        }
    }

    /// Sets a label of each row to the value that a function returns. Another function returns the bytes that the value may
    /// have at most: nested calls can double a value at each level, so its memory is counted before it is made.
    fn set_label(
        &mut self,
        call: &Call,
        steps: &Steps,
        target: &str,
        (max_bytes, value): (impl Fn(&Labels) -> usize, impl Fn(&Labels) -> Option<String>),
    ) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.rows_argument(call, 0, steps)?;
        for row in &mut rows {
            let labels = self.table.get(row.labels);
            self.reader.budget.add_bytes(max_bytes(labels))?;
            let Some(value) = value(labels) else { continue };
            let labels = labels.with(target, &value);
            row.labels = self.table.intern(labels);
            row.drops_name &= target != METRIC_NAME;
        }
        merge_same_labels(rows, self.reader.budget)
    }
}
