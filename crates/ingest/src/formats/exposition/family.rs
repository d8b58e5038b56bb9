//! Kind, unit and description of a metric family, from the comment lines before its samples.

use timestrata::{MetricKind, MetricMetadata};

use super::dialect::Dialect;
use super::series::{is_metric_name, parse_quoted, unescape};
use crate::Rows;
use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::SeriesOptions;

/// Collects the metadata of a family until the next family or sample begins.
#[derive(Debug, Default)]
pub(super) struct FamilyMetadata {
    name: String,
    metadata: MetricMetadata,
    /// Metadata that the database would refuse, for example a description above its limit.
    pub(super) refused: u64,
}

/// What a comment line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comment {
    Metadata,
    EndMark,
    Other,
}

impl FamilyMetadata {
    /// Reads a line that begins with `#`.
    pub(super) fn comment(
        &mut self,
        line: &str,
        dialect: Dialect,
        options: &SeriesOptions,
        rows: &mut Rows,
    ) -> Result<Comment, RowError> {
        let body = line[1..].trim_ascii_start();
        if body.trim_ascii_end() == "EOF" {
            return Ok(Comment::EndMark);
        }
        let (keyword, rest) = body.split_once([' ', '\t']).unwrap_or((body, ""));
        let is_unit = keyword == "UNIT" && dialect == Dialect::OpenMetrics;
        if !is_unit && !matches!(keyword, "TYPE" | "HELP") {
            return Ok(Comment::Other);
        }
        let (name, text) = split_name(rest.trim_ascii_start())
            .ok_or_else(|| RowError::refused(format!("a metric name is expected after {keyword}")))?;
        if name != self.name {
            self.flush(dialect, options, rows);
            self.name = name;
        }
        match keyword {
            "TYPE" => self.metadata.kind = parse_kind(text.trim_ascii())?,
            "UNIT" => text.trim_ascii().clone_into(&mut self.metadata.unit),
            _ => self.metadata.description = unescape(text).into_owned(),
        }
        Ok(Comment::Metadata)
    }

    /// Passes the metadata on, if there is any.
    pub(super) fn flush(&mut self, dialect: Dialect, options: &SeriesOptions, rows: &mut Rows) {
        if self.name.is_empty() {
            return;
        }
        let metadata = std::mem::take(&mut self.metadata);
        let mut name = std::mem::take(&mut self.name);
        let suffix = match metadata.kind {
            MetricKind::Counter => "_total",
            MetricKind::Info => "_info",
            _ => "",
        };
        if dialect == Dialect::OpenMetrics && !name.ends_with(suffix) {
            name.push_str(suffix);
        }
        if metadata.validate().is_err() {
            self.refused += 1;
        } else if !metadata.is_empty() {
            rows.describe(options.metric(&name), metadata);
        }
    }
}

/// Returns the name at the start of a text, and what follows the blank after it.
fn split_name(text: &str) -> Option<(String, &str)> {
    if let Some((name, rest)) = parse_quoted(text) {
        return Some((name.into_owned(), rest.strip_prefix([' ', '\t']).unwrap_or(rest)));
    }
    let (name, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    is_metric_name(name).then(|| (name.to_owned(), rest))
}

fn parse_kind(text: &str) -> Result<MetricKind, RowError> {
    if text == "untyped" {
        return Ok(MetricKind::Unknown);
    }
    text.parse().map_err(|_| RowError::refused(format!("{} is not a metric type", shown(text.as_bytes()))))
}
