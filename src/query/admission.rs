//! Admission of a query: it is prepared, waits for a slot of the runtime, and is executed.

use super::limits::Deadline;
use super::offload::{CancelToken, run_offloaded, run_on_thread};
use super::runtime::{QuerySlot, Runtime};
use crate::types::error::Result;

/// Query whose series are selected, so that its cost is known.
pub(super) trait PreparedWork: Send + 'static {
    type Output: Send + 'static;

    fn runtime(&self) -> Runtime;

    /// Returns an estimate of the cost, in points that are read.
    fn expected_points(&self) -> u64;

    /// Returns the time limit, which also ends the wait for a slot.
    fn deadline(&self) -> Deadline;

    /// Executes the query and gives up the slot.
    ///
    /// Once the token is cancelled, returns early with an incomplete result, which is discarded.
    fn execute(self, slot: QuerySlot, cancel: &CancelToken) -> Result<Self::Output>;
}

/// Result of the first step of an asynchronous query.
enum Step<W: PreparedWork> {
    Finished(W::Output),
    /// No slot was free.
    Queued(W),
}

/// Runs a query on this thread and on those that it starts, once the runtime has a slot for it.
pub(super) fn run_blocking<W: PreparedWork>(work: W) -> Result<W::Output> {
    let slot = work.runtime().admit_blocking(work.expected_points(), work.deadline())?;
    work.execute(slot, &CancelToken::NEVER)
}

/// Prepares and runs a query on tokio's blocking pool. While it waits for a slot it takes no thread.
///
/// A query that waited is executed on a thread of its own: all threads of the pool may be blocked by queries that wait for
/// its slot. The slots bound the number of these threads.
pub(super) async fn run<W: PreparedWork>(prepare: impl FnOnce() -> Result<W> + Send + 'static) -> Result<W::Output> {
    let step = run_offloaded(move |cancel| {
        let work = prepare()?;
        match work.runtime().try_admit(work.expected_points()) {
            Some(slot) => work.execute(slot, cancel).map(Step::Finished),
            None => Ok(Step::Queued(work)),
        }
    });
    match step.await? {
        Step::Finished(output) => Ok(output),
        Step::Queued(work) => {
            let slot = work.runtime().admit(work.expected_points(), work.deadline()).await?;
            run_on_thread(move |cancel| work.execute(slot, cancel)).await
        }
    }
}
