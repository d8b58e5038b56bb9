//! Prometheus text and OpenMetrics: `http_requests_total{code="200"} 5 1704067200000`.
//!
//! Both are read by one parser; a [`Dialect`](dialect::Dialect) holds what differs.
//!
//! | input | Prometheus text | OpenMetrics |
//! |---|---|---|
//! | time of a sample | milliseconds, or the unit of the options | seconds with decimals |
//! | sample without a time | the default time, or the row is refused | likewise |
//! | value | `f64` | `f64` |
//! | end of the input | anywhere | `# EOF`, and nothing after it |
//! | exemplar | refuses the row | dropped and counted |
//! | `# TYPE`, `# HELP` | kind and description of the family | likewise, and `# UNIT` |
//! | kind of a counter `x` | of the metric `x` | of the metric `x_total` |
//!
//! A label with an empty value is no label. Samples of the name `.._created` are stored as they are. Native histograms
//! are refused.

mod decoder;
mod dialect;
mod family;
mod series;

use decoder::ExpositionParser;
use dialect::Dialect;

use super::line_decoder::{LineDecoder, ReadyPlanner, trial_options, trial_run};
use crate::{Format, IngestError, IngestOptions, Planner, Precision, Sniff};

/// Prometheus text exposition format, version 0.0.4, with the quoted names of 1.0.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrometheusText;

/// OpenMetrics text, version 1.0.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenMetrics;

impl Format for PrometheusText {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn file_endings(&self) -> &[&str] {
        &["prom", "metrics"]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        sniff(head, Dialect::Prometheus)
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(planner(options, Dialect::Prometheus))
    }
}

impl Format for OpenMetrics {
    fn name(&self) -> &'static str {
        "openmetrics"
    }

    fn media_types(&self) -> &[&str] {
        &["application/openmetrics-text"]
    }

    fn file_endings(&self) -> &[&str] {
        &["om", "openmetrics"]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        sniff(head, Dialect::OpenMetrics)
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(planner(options, Dialect::OpenMetrics))
    }
}

fn planner(options: &IngestOptions, dialect: Dialect) -> Box<dyn Planner> {
    ReadyPlanner::boxed(LineDecoder::new(ExpositionParser::new(options, dialect), options.limits))
}

fn sniff(head: &[u8], dialect: Dialect) -> Sniff {
    let evidence = dialect::evidence(head);
    // Times of any unit: a wrong one is refused with the option that reads it.
    let precision = (dialect == Dialect::Prometheus).then_some(Precision::Milliseconds);
    let options = IngestOptions { precision, ..trial_options() };
    let parser = ExpositionParser::new(&options, dialect).without_end_mark();
    let run = trial_run(LineDecoder::new(parser, options.limits), head);
    let fits = run.is_clean() || (evidence.has_metadata && run.refused == 0 && !run.has_failed);
    let is_of_dialect = if evidence.is_openmetrics {
        dialect == Dialect::OpenMetrics
    } else {
        // Prometheus text with times in seconds is refused with the option that reads it.
        dialect == Dialect::Prometheus || evidence.has_seconds
    };
    match (fits, is_of_dialect) {
        (true, true) if evidence.has_metadata || evidence.has_labels => Sniff::Certain,
        (true, true) => Sniff::Possible,
        _ => Sniff::No,
    }
}

#[cfg(test)]
mod tests;
