//! A parsed query over a snapshot: its runs, cancellation, explanation.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use timestrata::{RunningQuery, Snapshot, Timestamp};

use super::admission::{self, Admission};
use super::budget::Budget;
use super::calls::extended_samples;
use super::cancellation::Cancellation;
use super::error::QueryError;
use super::evaluator::{Evaluator, Value};
use super::labels::METRIC_NAME;
use super::leaf::Conditions;
use super::options::EngineOptions;
use super::query_future::QueryFuture;
use super::result::{QueryResult, QueryStatistics, QueryValue, RangeSeries, VectorSample};
use super::row::Row;
use super::scan::Reader;
use super::window::Steps;
use crate::ast::{DurationContext, Expression, MatrixSelector, RangeExtension, Subquery};

/// Bytes of a point of an answer.
const POINT_BYTES: usize = size_of::<(Timestamp, f64)>();

/// Whether a query has one time or a range of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryKind {
    Instant,
    /// `end` in nanoseconds, which may be no step.
    Range {
        end: i64,
    },
}

/// Query over a snapshot; made by [`Engine::instant`](crate::Engine::instant) and [`Engine::range`](crate::Engine::range).
///
/// Nothing is read before it runs.
#[derive(Debug)]
#[must_use = "a query reads nothing until it runs"]
pub struct Query {
    snapshot: Snapshot,
    options: EngineOptions,
    text: String,
    expression: Expression,
    steps: Steps,
    kind: QueryKind,
    cancellation: Arc<Cancellation>,
}

/// Handle that ends a query; made by [`Query::cancellation`].
#[derive(Debug, Clone)]
pub struct QueryCancellation(Arc<Cancellation>);

impl QueryCancellation {
    /// Makes the query fail with [`QueryError::Cancelled`] before its next block or expression, or within a long column.
    ///
    /// A query that waits for a slot of the runtime is woken.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

impl Query {
    pub(crate) fn new(
        snapshot: Snapshot,
        options: EngineOptions,
        text: String,
        expression: Expression,
        steps: Steps,
        kind: QueryKind,
    ) -> Self {
        Self { snapshot, options, text, expression, steps, kind, cancellation: Arc::default() }
    }

    /// Returns the syntax tree.
    #[must_use]
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Returns a handle that ends the query from another thread.
    #[must_use]
    pub fn cancellation(&self) -> QueryCancellation {
        QueryCancellation(Arc::clone(&self.cancellation))
    }

    /// Runs the query on this thread and on those that it starts, once the [`Runtime`](timestrata::Runtime) of the
    /// database has a slot for it.
    ///
    /// # Errors
    /// Any [`QueryError`] except [`Parse`](QueryError::Parse).
    pub fn run_blocking(self) -> Result<QueryResult, QueryError> {
        let mut admission = self.admission()?;
        let running = admission::wait(&mut admission.slot, &admission.budget)?;
        self.run_admitted(admission.budget, running)
    }

    /// Runs the query on a thread of its own, once the [`Runtime`](timestrata::Runtime) of the database has a slot for it.
    /// Dropping the future cancels the query.
    ///
    /// No async runtime is needed. The first poll plans the query, which reads no file; while it waits for a slot it takes
    /// no thread.
    pub fn run(self) -> QueryFuture {
        QueryFuture::new(self)
    }

    /// Plans the query, and requests a slot of the runtime.
    pub(super) fn admission(&self) -> Result<Admission, QueryError> {
        let budget = Budget::new(self.options.clone(), Arc::clone(&self.cancellation));
        let mut evaluator = self.evaluator(&budget);
        self.plan(&mut evaluator)?;
        let mut expected = 0_u64;
        for (leaf, _) in evaluator.planned_leaves() {
            let series = self.snapshot.count_series(&leaf.conditions.to_selector(&budget)?);
            let (from, to) = leaf.times(self.options.lookback_nanos());
            let range = Timestamp::from_nanos(from)..=Timestamp::from_nanos(to);
            expected = expected.saturating_add(self.snapshot.expected_points(series, range));
        }
        drop(evaluator);
        let (runtime, timeout) = (self.snapshot.runtime().clone(), budget.time_left());
        let slot = Box::pin(async move { runtime.begin_query(expected, timeout).await });
        Ok(Admission { budget, slot })
    }

    /// Runs the query with a slot of the runtime.
    pub(super) fn run_admitted(self, mut budget: Budget, running: RunningQuery) -> Result<QueryResult, QueryError> {
        budget.run_as(running);
        let mut evaluator = self.evaluator(&budget);
        self.plan(&mut evaluator)?;
        let leaves = evaluator.planned_leaves().count() as u64;
        let value = self.evaluate(&mut evaluator)?;
        let statistics = QueryStatistics {
            samples: budget.samples(),
            series: budget.series(),
            summaries: budget.summaries(),
            reads: evaluator.reads as u64,
            leaves,
            shared_parts: evaluator.shared_parts as u64,
        };
        Ok(QueryResult { value, annotations: evaluator.annotations.into_list(), statistics })
    }

    /// Returns the flag that ends the query.
    pub(super) fn cancel_flag(&self) -> Arc<Cancellation> {
        Arc::clone(&self.cancellation)
    }

    /// Returns the plan of the query: its steps and leaves, one per line, without reading a sample.
    ///
    /// # Errors
    /// As for [`run_blocking`](Self::run_blocking).
    pub fn explain(&self) -> Result<String, QueryError> {
        let budget = Budget::new(self.options.clone(), Arc::clone(&self.cancellation));
        let mut evaluator = self.evaluator(&budget);
        self.plan(&mut evaluator)?;
        let Steps { start, step, count } = self.steps;
        let start = Timestamp::from_nanos(start);
        let step = Duration::from_nanos(step.unsigned_abs());
        let mut text = match self.kind {
            QueryKind::Instant => format!("instant query at {start}\n"),
            QueryKind::Range { .. } => format!("range query from {start}, {count} steps of {step:?}\n"),
        };
        let mut lines: Vec<String> = Vec::new();
        for (leaf, uses) in evaluator.planned_leaves() {
            let selector = leaf.conditions.to_selector(&budget)?;
            // Reports a pattern that does not compile.
            self.snapshot.scan_series(selector.clone()).partitions(1)?;
            let series = self.snapshot.count_series(&selector);
            let (from, to) = leaf.times(self.options.lookback_nanos());
            let (from, to) = (Timestamp::from_nanos(from), Timestamp::from_nanos(to));
            let (steps, kind) = (leaf.steps.count, leaf.kind.name());
            lines
                .push(format!("read {selector}: {series} series, {from} to {to}: {kind}, {steps} steps, used {uses}x"));
        }
        lines.sort();
        for line in lines {
            // A string takes any text.
            let _ = writeln!(text, "  {line}");
        }
        Ok(text)
    }

    fn evaluator<'a>(&'a self, budget: &'a Budget) -> Evaluator<'a> {
        let threads = self.options.threads.unwrap_or_else(|| self.snapshot.runtime().threads());
        let lookback = self.options.lookback_nanos();
        let reader = Reader { snapshot: &self.snapshot, budget, lookback, threads };
        let durations = match self.kind {
            QueryKind::Instant => DurationContext::default(),
            QueryKind::Range { end } => DurationContext {
                step: Duration::from_nanos(self.steps.step.unsigned_abs()),
                range: Duration::from_nanos(end.abs_diff(self.steps.start)),
            },
        };
        Evaluator::new(reader, &self.options, &self.text, self.steps, self.query_end(), durations)
    }

    /// Returns the end of the query's range, in nanoseconds.
    fn query_end(&self) -> i64 {
        match self.kind {
            QueryKind::Instant => self.steps.start,
            QueryKind::Range { end } => end,
        }
    }

    /// Finds the leaves. Annotations and counts of this pass, which sees no data, do not count.
    fn plan(&self, evaluator: &mut Evaluator<'_>) -> Result<(), QueryError> {
        evaluator.is_planning = true;
        let planned = match self.expression.without_parentheses() {
            Expression::Matrix(_) => Ok(()),
            Expression::Subquery(subquery) => evaluator.eval_subquery(subquery, &self.steps).map(drop),
            _ => evaluator.eval(&self.expression, &self.steps).map(drop),
        };
        evaluator.is_planning = false;
        evaluator.annotations = super::annotation::Annotations::new(&self.text);
        evaluator.reader.budget.reset();
        match planned {
            // An error of a subquery itself; the others are handled where they come from.
            Err(QueryError::Execution { .. }) => Ok(()),
            planned => planned,
        }
    }

    fn evaluate(&self, evaluator: &mut Evaluator<'_>) -> Result<QueryValue, QueryError> {
        match self.expression.without_parentheses() {
            Expression::Matrix(matrix) => return self.raw_samples(evaluator, matrix),
            Expression::Subquery(subquery) => return self.subquery_samples(evaluator, subquery),
            _ => {}
        }
        let time = Timestamp::from_nanos(self.steps.start);
        Ok(match (evaluator.eval(&self.expression, &self.steps)?, self.kind) {
            (Value::Scalar(values), QueryKind::Instant) => {
                QueryValue::Scalar { time, value: values.first().copied().unwrap_or(f64::NAN) }
            }
            (Value::Scalar(values), QueryKind::Range { .. }) => {
                QueryValue::Matrix(self.matrix(evaluator, vec![Row::without_labels(values)])?)
            }
            (Value::Text(text), _) => QueryValue::String { time, value: text.text().into_owned() },
            (Value::Rows(rows), kind) => {
                let rows = evaluator.finish(rows)?;
                if kind == QueryKind::Instant {
                    let sample = |row: Row| VectorSample {
                        labels: evaluator.table.get(row.labels).clone(),
                        time,
                        value: row.at(0),
                    };
                    return Ok(QueryValue::Vector(rows.into_iter().map(sample).collect()));
                }
                QueryValue::Matrix(self.matrix(evaluator, rows)?)
            }
        })
    }

    fn matrix(&self, evaluator: &Evaluator<'_>, rows: Vec<Row>) -> Result<Vec<RangeSeries>, QueryError> {
        let points: usize = rows.iter().map(|row| row.column.count()).sum();
        evaluator.reader.budget.add_bytes(points.saturating_mul(POINT_BYTES))?;
        let series = |row: Row| {
            let mut points = Vec::with_capacity(row.column.count());
            let present = row.column.present();
            points.extend(present.map(|(step, value)| (Timestamp::from_nanos(self.steps.at(step)), value)));
            RangeSeries { labels: evaluator.table.get(row.labels).clone(), points }
        };
        let mut series: Vec<RangeSeries> = rows.into_iter().map(series).collect();
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(series)
    }

    /// Returns the samples that a range selector selects.
    fn raw_samples(&self, evaluator: &mut Evaluator<'_>, matrix: &MatrixSelector) -> Result<QueryValue, QueryError> {
        let selector = &matrix.selector;
        let extent = evaluator.extent(matrix)?;
        let anchor = evaluator.anchor(selector.at.as_ref(), selector.offset.as_ref())?;
        let end = anchor.time(self.steps.start);
        let start = end.saturating_sub(extent.range);
        let from = start.saturating_sub(extent.before).saturating_add(1);
        let to = end.saturating_add(extent.after);
        let found =
            evaluator.reader.samples(&Conditions::of(selector).to_selector(evaluator.reader.budget)?, from, to)?;
        let mut list = Vec::with_capacity(found.len());
        for mut series in found {
            if series.is_rounded {
                evaluator.annotations.rounded_integers(series.labels.get(METRIC_NAME), matrix.span);
            }
            series.samples.remove_stale();
            evaluator.reader.budget.add_bytes(series.samples.len().saturating_mul(POINT_BYTES))?;
            let samples = match selector.extension {
                None => series.samples,
                Some(extension) => extended_samples(&series.samples, start, end, extension == RangeExtension::Smoothed),
            };
            let times = samples.times.iter().map(|time| Timestamp::from_nanos(*time));
            let points: Vec<_> = times.zip(samples.values.iter().copied()).collect();
            if !points.is_empty() {
                list.push(RangeSeries { labels: series.labels, points });
            }
        }
        Ok(QueryValue::Matrix(list))
    }

    fn subquery_samples(&self, evaluator: &mut Evaluator<'_>, subquery: &Subquery) -> Result<QueryValue, QueryError> {
        let (series, _, _) = evaluator.eval_subquery(subquery, &self.steps)?;
        let mut list = Vec::with_capacity(series.len());
        for (mut row, samples) in series {
            evaluator.reader.budget.add_bytes(samples.len().saturating_mul(POINT_BYTES))?;
            if row.drops_name {
                row.labels = evaluator.table.without_metadata(row.labels);
            }
            let times = samples.times.iter().map(|time| Timestamp::from_nanos(*time));
            let points: Vec<_> = times.zip(samples.values.iter().copied()).collect();
            if !points.is_empty() {
                list.push(RangeSeries { labels: evaluator.table.get(row.labels).clone(), points });
            }
        }
        list.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(QueryValue::Matrix(list))
    }
}
