//! Kind, unit and description of metrics that a request names.

use timestrata::{Db, MetricMetadata};
use tokio::task::JoinSet;

use crate::failure::Failure;

/// Writes at once whose syncs are shared.
const CONCURRENT_WRITES: usize = 256;

/// Writes the metadata that differs from what the database has.
///
/// Metadata that the engine refuses, such as a description above its limit, is logged and left out: the samples matter more.
pub(super) async fn store(db: &Db, metadata: &[(String, MetricMetadata)]) -> Result<(), Failure> {
    if metadata.is_empty() {
        return Ok(());
    }
    let snapshot = db.snapshot();
    let changed = metadata.iter().filter(|(metric, given)| snapshot.metric_metadata(metric).as_ref() != Some(given));
    let mut writes = JoinSet::new();
    for (metric, given) in changed {
        let (db, metric, given) = (db.clone(), metric.clone(), given.clone());
        writes.spawn(async move { db.set_metric_metadata(metric, given).await });
        if writes.len() >= CONCURRENT_WRITES {
            check(writes.join_next().await)?;
        }
    }
    while !writes.is_empty() {
        check(writes.join_next().await)?;
    }
    Ok(())
}

fn check(written: Option<Result<timestrata::Result<timestrata::Ack>, tokio::task::JoinError>>) -> Result<(), Failure> {
    match written {
        None | Some(Ok(Ok(_))) => Ok(()),
        Some(Err(panicked)) => Err(Failure::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            format!("the write of metadata ended unexpectedly: {panicked}"),
        )),
        Some(Ok(Err(error))) => {
            let failure = Failure::from(error);
            if failure.retry_after.is_some() {
                return Err(failure);
            }
            tracing::warn!(error = failure.message, "metadata of a metric was left out");
            Ok(())
        }
    }
}
