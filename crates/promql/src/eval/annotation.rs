//! Warnings and infos beside the result of a query.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::labels::Quoted;
use super::number::general;
use crate::ast::{BinaryOperator, Span};
use crate::position::Position;

/// Weight of an [`Annotation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnotationKind {
    /// The result may be wrong.
    Warning,
    /// The query may not be what was meant.
    Info,
}

/// Remark beside the result of a query, at a place of its text.
///
/// Its text is that of Prometheus: `PromQL info: metric might not be a counter, ...: "x" (1:6)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Annotation {
    /// Weight.
    pub kind: AnnotationKind,
    /// Text without the position.
    pub message: String,
    /// Place in the query.
    pub position: Position,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            AnnotationKind::Warning => "warning",
            AnnotationKind::Info => "info",
        };
        write!(f, "PromQL {kind}: {} ({})", self.message, self.position)
    }
}

/// Annotations of one weight that a query keeps.
const MAX_KEPT: usize = 1000;

/// Annotation whose place is a span of the query.
#[derive(Debug, Clone)]
pub(crate) struct Remark {
    kind: AnnotationKind,
    message: String,
    span: Span,
}

impl Remark {
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.kind, self.span.start, &self.message).hash(&mut hasher);
        hasher.finish()
    }
}

/// Remarks, each once, in the order in which they were added. The first ones are kept, the others counted.
#[derive(Debug, Default)]
struct Remarks {
    kept: Vec<Remark>,
    /// Hashes of all remarks.
    known: HashSet<u64>,
    warnings: usize,
    infos: usize,
}

impl Remarks {
    fn add(&mut self, remark: Remark) {
        if !self.known.insert(remark.hash()) {
            return;
        }
        let count = match remark.kind {
            AnnotationKind::Warning => &mut self.warnings,
            AnnotationKind::Info => &mut self.infos,
        };
        *count += 1;
        if *count <= MAX_KEPT {
            self.kept.push(remark);
        }
    }
}

/// Annotations of a query, each once, in the order in which they were added.
///
/// Of each weight the first [`MAX_KEPT`] are kept; how many more there are is an annotation of its own.
#[derive(Debug)]
pub(crate) struct Annotations {
    text: String,
    all: Remarks,
    /// Remarks since each record that is not ended was begun.
    records: Vec<Remarks>,
}

impl Annotations {
    /// Creates an empty list for a query with this text.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), all: Remarks::default(), records: Vec::new() }
    }

    /// Returns the annotations.
    pub(crate) fn into_list(self) -> Vec<Annotation> {
        let Self { text, all: Remarks { kept, warnings, infos, .. }, .. } = self;
        let mut positions: HashMap<usize, Position> = HashMap::new();
        let mut position = |start| *positions.entry(start).or_insert_with(|| Position::of(&text, start));
        let mut list: Vec<Annotation> = Vec::with_capacity(kept.len());
        for Remark { kind, message, span } in kept {
            list.push(Annotation { kind, message, position: position(span.start) });
        }
        for (kind, count, name) in
            [(AnnotationKind::Warning, warnings, "warning"), (AnnotationKind::Info, infos, "info")]
        {
            if let Some(omitted) = count.checked_sub(MAX_KEPT).filter(|omitted| *omitted > 0) {
                let message = format!("{omitted} more {name} annotations omitted");
                list.push(Annotation { kind, message, position: position(0) });
            }
        }
        list
    }

    /// Returns the text of a part of the query.
    pub(crate) fn source(&self, span: Span) -> Option<&str> {
        self.text.get(span.start..span.end)
    }

    /// Begins to record remarks.
    pub(crate) fn begin_record(&mut self) {
        self.records.push(Remarks::default());
    }

    /// Returns the remarks since the last call of [`begin_record`](Self::begin_record).
    pub(crate) fn end_record(&mut self) -> Vec<Remark> {
        let remarks = self.records.pop().unwrap_or_default().kept;
        if let Some(outer) = self.records.last_mut() {
            for remark in &remarks {
                outer.add(remark.clone());
            }
        }
        remarks
    }

    /// Adds the remarks on a part of the query for the same part elsewhere; both by their starts.
    pub(crate) fn repeat(&mut self, remarks: &[Remark], from: usize, to: usize) {
        for Remark { kind, message, span } in remarks {
            let moved = |at: usize| at.saturating_sub(from).saturating_add(to);
            self.add(*kind, Span { start: moved(span.start), end: moved(span.end) }, message.clone());
        }
    }

    fn add(&mut self, kind: AnnotationKind, span: Span, message: String) {
        let remark = Remark { kind, message, span };
        if let Some(record) = self.records.last_mut() {
            record.add(remark.clone());
        }
        self.all.add(remark);
    }

    fn warn(&mut self, span: Span, message: String) {
        self.add(AnnotationKind::Warning, span, message);
    }

    fn info(&mut self, span: Span, message: String) {
        self.add(AnnotationKind::Info, span, message);
    }

    /// Warns of a quantile level outside 0 to 1.
    pub(crate) fn quantile_level(&mut self, level: f64, span: Span) {
        if !(0.0..=1.0).contains(&level) {
            self.warn(span, format!("quantile value should be between 0 and 1, got {}", general(level)));
        }
    }

    /// Warns of a ratio outside -1 to 1.
    pub(crate) fn ratio(&mut self, ratio: f64, capped: f64, span: Span) {
        let (ratio, capped) = (general(ratio), general(capped));
        self.warn(span, format!("ratio value should be between -1 and 1, got {ratio}, capping to {capped}"));
    }

    /// Warns of a bucket whose bound is no number.
    pub(crate) fn bucket_label(&mut self, bound: &str, metric: &str, span: Span) {
        let message = format!("bucket label \"le\" is missing or has a malformed value of {}", Quoted(bound));
        self.warn(span, with_metric(message, metric));
    }

    /// Warns of a sort in a range query.
    pub(crate) fn ineffective_sort(&mut self, span: Span) {
        let message = "sort is ineffective for range queries since results are always ordered by labels";
        self.warn(span, message.to_owned());
    }

    /// Adds the info that a rate is computed of a metric whose name is not that of a counter.
    pub(crate) fn possible_non_counter(&mut self, metric: &str, span: Span) {
        let message = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
        self.info(span, format!("{message} {}", Quoted(metric)));
    }

    /// Adds the info that a rate is computed of a metric whose type is not counter.
    pub(crate) fn possible_non_counter_type(&mut self, metric: &str, metric_type: &str, span: Span) {
        let message = "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\"";
        self.info(span, format!("{message}, got {}: {}", Quoted(metric_type), Quoted(metric)));
    }

    /// Adds the info that bucket counts decrease while their upper bounds increase.
    pub(crate) fn forced_monotonicity(&mut self, metric: &str, span: Span) {
        let message = "input to histogram_quantile needed to be fixed for monotonicity (see \
                       https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
        self.info(span, with_metric(message.to_owned(), metric));
    }

    /// Adds the info that an operator of native histograms has dropped floats.
    pub(crate) fn dropped_floats(&mut self, operator: BinaryOperator, span: Span) {
        let symbol = operator.symbol();
        let message = format!("incompatible sample types encountered for binary operator {}", Quoted(symbol));
        self.info(span, format!("{message}: float {symbol} float"));
    }

    /// Adds the info that integers of a metric exceed 2^53 and are rounded.
    pub(crate) fn rounded_integers(&mut self, metric: &str, span: Span) {
        self.info(span, format!("integers beyond 2^53 are rounded to floats for metric name {}", Quoted(metric)));
    }
}

fn with_metric(message: String, metric: &str) -> String {
    if metric.is_empty() { message } else { format!("{message} for metric name {}", Quoted(metric)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_listed_once_with_their_position() {
        let mut annotations = Annotations::new("rate(\n x[5m])");
        let span = Span { start: 7, end: 12 };
        annotations.possible_non_counter("x", span);
        annotations.possible_non_counter("x", span);
        annotations.quantile_level(f64::NAN, span);
        annotations.quantile_level(0.5, span);
        annotations.ratio(1.1, 1.0, span);
        let texts: Vec<String> = annotations.into_list().iter().map(ToString::to_string).collect();
        let counter = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"x\"";
        let expected = [
            format!("PromQL info: {counter} (2:2)"),
            "PromQL warning: quantile value should be between 0 and 1, got NaN (2:2)".to_owned(),
            "PromQL warning: ratio value should be between -1 and 1, got 1.1, capping to 1 (2:2)".to_owned(),
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn of_many_annotations_the_first_are_kept_and_the_others_counted() {
        let mut annotations = Annotations::new("x");
        for number in (0..MAX_KEPT + 7).chain(0..10) {
            annotations.rounded_integers(&number.to_string(), Span { start: 0, end: 1 });
        }
        let list = annotations.into_list();
        assert_eq!(list.len(), MAX_KEPT + 1);
        assert_eq!(list[MAX_KEPT].to_string(), "PromQL info: 7 more info annotations omitted (1:1)");
    }
}
