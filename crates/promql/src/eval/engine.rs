//! Engine: options from which queries are made.

use std::time::Duration;

use timestrata::{Snapshot, Timestamp};

use super::error::QueryError;
use super::options::EngineOptions;
use super::query::{Query, QueryKind};
use super::window::Steps;
use crate::parse::parse;

/// Maker of queries with common options. It holds no data and is cheap to clone.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
/// use timestrata_promql::{Engine, QueryValue};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let mut batch = Batch::new();
/// for (host, load) in [("a", 0.5), ("b", 1.5)] {
///     batch.push_key(&SeriesKey::new("load").tag("host", host), Timestamp::from_secs(60), load);
/// }
/// db.write_blocking(batch)?;
///
/// let engine = Engine::default();
/// let result = engine.instant(&db.snapshot(), "sum(load)", Timestamp::from_secs(90))?.run_blocking()?;
/// let QueryValue::Vector(samples) = result.value else { unreachable!() };
/// assert_eq!((samples.len(), samples[0].value), (1, 2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Engine {
    options: EngineOptions,
}

impl Engine {
    /// Creates an engine.
    #[must_use]
    pub fn new(options: EngineOptions) -> Self {
        Self { options }
    }

    /// Returns the options.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Makes a query at one time.
    ///
    /// # Errors
    /// [`QueryError::Parse`].
    pub fn instant(&self, snapshot: &Snapshot, text: &str, time: Timestamp) -> Result<Query, QueryError> {
        let expression = parse(text, &self.options.parser)?;
        let steps = Steps::instant(time.as_nanos());
        Ok(Query::new(snapshot.clone(), self.options.clone(), text.to_owned(), expression, steps, QueryKind::Instant))
    }

    /// Makes a query at the times `start`, `start + step`, ... up to `end`.
    ///
    /// # Errors
    /// [`QueryError::Parse`]; [`QueryError::InvalidRange`] for a step of 0, an end before the start, or an expression that is
    /// neither a scalar nor an instant vector; [`QueryError::LimitExceeded`] for too many steps.
    pub fn range(
        &self,
        snapshot: &Snapshot,
        text: &str,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
    ) -> Result<Query, QueryError> {
        let expression = parse(text, &self.options.parser)?;
        let invalid = |message: &str| Err(QueryError::InvalidRange { message: message.to_owned() });
        let step = match i64::try_from(step.as_nanos()) {
            Ok(step) if step > 0 => step,
            Ok(_) => {
                return invalid(
                    "zero or negative query resolution step widths are not accepted. Try a positive integer",
                );
            }
            Err(_) => return invalid("the step is longer than 2^63 - 1 ns"),
        };
        if end < start {
            return invalid("end timestamp must not be before start time");
        }
        let value_type = expression.value_type();
        if !matches!(value_type, crate::ast::ValueType::Scalar | crate::ast::ValueType::Vector) {
            let found = value_type.documented_name();
            return Err(QueryError::InvalidRange {
                message: format!("invalid expression type {found:?} for range query, must be Scalar or instant Vector"),
            });
        }
        let more = end.as_nanos().abs_diff(start.as_nanos()) / step.unsigned_abs();
        let limit = self.options.max_steps;
        if more >= limit {
            return Err(QueryError::LimitExceeded { what: "steps", limit, option: "max_steps" });
        }
        let count = usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1);
        let steps = Steps { start: start.as_nanos(), step, count };
        let kind = QueryKind::Range { end: end.as_nanos() };
        Ok(Query::new(snapshot.clone(), self.options.clone(), text.to_owned(), expression, steps, kind))
    }
}
