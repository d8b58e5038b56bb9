//! Options of the evaluation.

use std::time::Duration;

use crate::options::ParserOptions;

/// Options of an [`Engine`](crate::Engine). The defaults are those of Prometheus 3.14.
///
/// ```
/// use timestrata_promql::EngineOptions;
///
/// let options = EngineOptions { max_samples: 1_000_000, ..EngineOptions::default() };
/// assert_eq!(options.lookback.as_secs(), 300);
/// ```
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Experimental parts of the grammar.
    pub parser: ParserOptions,
    /// How old the newest sample of a series may be for an instant selector.
    pub lookback: Duration,
    /// Step of a subquery that names none.
    pub subquery_step: Duration,
    /// `true` if metric names are removed at the end of the query instead of by each function.
    pub delayed_name_removal: bool,
    /// `true` if the labels `__type__` and `__unit__` describe metrics.
    pub type_and_unit_labels: bool,
    /// Samples that a query may read and compute.
    pub max_samples: u64,
    /// Series that the selectors of a query may match.
    pub max_series: u64,
    /// Steps of a range query. Those of a subquery count as samples.
    pub max_steps: u64,
    /// Bytes of the columns that a query holds, and of those that it copies, of the samples of its subqueries and of the
    /// points of its answer.
    pub max_memory_bytes: u64,
    /// How long a query may run; `None` for no limit.
    pub timeout: Option<Duration>,
    /// Threads that read a selector; `None` for those of the database's [`Runtime`](timestrata::Runtime), which bounds them in
    /// any case.
    pub threads: Option<usize>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            parser: ParserOptions::default(),
            lookback: Duration::from_mins(5),
            subquery_step: Duration::from_mins(1),
            delayed_name_removal: false,
            type_and_unit_labels: false,
            max_samples: 50_000_000,
            max_series: 1_000_000,
            max_steps: 11_000,
            max_memory_bytes: 1 << 30,
            timeout: Some(Duration::from_mins(2)),
            threads: None,
        }
    }
}

impl EngineOptions {
    /// Returns the lookback in nanoseconds.
    pub(crate) fn lookback_nanos(&self) -> i64 {
        i64::try_from(self.lookback.as_nanos()).unwrap_or(i64::MAX)
    }
}
