//! Statistics of a query, in the form of Prometheus.

use std::time::Duration;

use serde_json::{Value, json};
use timestrata_promql::QueryStatistics;

/// Returns the member `stats` of an answer.
///
/// The engine evaluates all steps at once: there are no samples of a step, and what it read is the bound of what it held
/// at once. The time of the evaluation contains the wait for a slot and the sorting.
pub(super) fn statistics(statistics: &QueryStatistics, prepared: Duration, total: Duration) -> Value {
    let evaluated = total.saturating_sub(prepared).as_secs_f64();
    json!({
        "timings": {
            "evalTotalTime": evaluated,
            "resultSortTime": 0.0,
            "queryPreparationTime": prepared.as_secs_f64(),
            "innerEvalTime": evaluated,
            "execQueueTime": 0.0,
            "execTotalTime": total.as_secs_f64(),
        },
        "samples": {
            "totalQueryableSamples": statistics.samples,
            "peakSamples": statistics.samples,
        },
        "series": statistics.series,
        "summarizedBlocks": statistics.summaries,
        "selectorReads": statistics.reads,
    })
}
