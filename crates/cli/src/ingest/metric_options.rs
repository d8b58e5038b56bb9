//! The options of an ingest that give metrics a kind, a unit or a description.

use std::collections::BTreeMap;

use timestrata::{Db, MetricKind, MetricMetadata};
use timestrata_ingest::{NamedValue, Understanding};

use crate::args::IngestArgs;
use crate::failure::{Failure, Result};

/// Parts of metadata that the options give, by metric.
#[derive(Debug, Default)]
pub(crate) struct MetricOptions(BTreeMap<String, GivenMetadata>);

#[derive(Debug, Default)]
struct GivenMetadata {
    kind: Option<MetricKind>,
    unit: Option<String>,
    description: Option<String>,
}

impl MetricOptions {
    /// Reads the options. Each names a value column by its header or metric, as `--types` does.
    pub(crate) fn read(plan: &Understanding, args: &IngestArgs) -> Result<Self> {
        let mut found = Self::default();
        for text in args.kinds.iter().flat_map(|list| &list.0) {
            let (metrics, kind) = split(plan, text, "--kinds")?;
            let kind = kind.parse::<MetricKind>()?;
            found.give(metrics, |given| given.kind = Some(kind));
        }
        for text in args.metric_units.iter().flat_map(|list| &list.0) {
            let (metrics, unit) = split(plan, text, "--metric-units")?;
            MetricMetadata::default().with_unit(unit).validate()?;
            found.give(metrics, |given| given.unit = Some(unit.to_owned()));
        }
        for text in &args.describe {
            let (metrics, description) = split(plan, text, "--describe")?;
            MetricMetadata::default().with_description(description).validate()?;
            found.give(metrics, |given| given.description = Some(description.to_owned()));
        }
        Ok(found)
    }

    fn give(&mut self, metrics: Vec<String>, set: impl Fn(&mut GivenMetadata)) {
        for metric in metrics {
            set(self.0.entry(metric).or_default());
        }
    }

    /// Stores what was given. What the database has for the other parts stays.
    pub(crate) fn store(&self, db: &Db) -> Result<()> {
        let snapshot = db.snapshot();
        for (metric, GivenMetadata { kind, unit, description }) in &self.0 {
            let mut metadata = snapshot.metric_metadata(metric).unwrap_or_default();
            metadata.kind = kind.unwrap_or(metadata.kind);
            metadata.unit = unit.clone().unwrap_or(metadata.unit);
            metadata.description = description.clone().unwrap_or(metadata.description);
            db.set_metric_metadata_blocking(metric.clone(), metadata)?;
        }
        Ok(())
    }
}

/// Splits `NAME=TEXT` at the equals sign behind the name of a value column. Returns its metrics and the text.
///
/// A format whose metrics are known only from the rows takes any name.
fn split<'a>(plan: &Understanding, text: &'a str, option: &str) -> Result<(Vec<String>, &'a str)> {
    for (at, _) in text.match_indices('=') {
        let name = text[..at].trim();
        let is_named =
            |value: &&NamedValue| value.column == name || value.metric == name || value.header_metric == name;
        let metrics: Vec<String> = plan.values.iter().filter(is_named).map(|value| value.metric.clone()).collect();
        if !metrics.is_empty() {
            return Ok((metrics, text[at + 1..].trim()));
        }
        if plan.values.is_empty() && !name.is_empty() {
            return Ok((vec![name.to_owned()], text[at + 1..].trim()));
        }
    }
    let names: Vec<&str> = plan.values.iter().map(|value| value.column.as_str()).collect();
    let names = crate::names::join_limited(&names, 20);
    Err(Failure::failed(format!("{option} {text}: write COLUMN=TEXT with a value column; these are {names}")))
}
