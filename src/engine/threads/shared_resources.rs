//! What an opening shares with other openings of the process.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::drive::waker_of_this_thread;
use crate::engine::actor::{
    CancelFlag, CompactionExecutor, CompactionJob, EmptySeriesFound, EmptySeriesJob, JobOutput,
};
use crate::format::sst::IndexPages;
use crate::sync::{Permit, Permits};
use crate::types::error::Result;

/// Time between two looks at the cancellation of a compaction that waits for a slot.
const CANCEL_CHECK: Duration = Duration::from_millis(20);

/// Caches, memory and slots of an opening that belong to a group of openings.
#[derive(Debug, Default)]
pub(crate) struct SharedResources {
    /// Cache of index pages; `None` if the opening has a cache of its own.
    pub(crate) index_pages: Option<Arc<IndexPages>>,
    /// Share of the memory, returned when the opening ends; `None` without a bound.
    pub(crate) memory: Option<Permit>,
    /// Slots of compactions that run at once; `None` without a bound.
    pub(crate) compaction_slots: Option<Arc<Permits>>,
}

/// Compactor that waits for a slot before each compaction.
pub(super) struct SlottedCompactor<M> {
    pub(super) executor: M,
    pub(super) slots: Option<Arc<Permits>>,
}

impl<M: CompactionExecutor> CompactionExecutor for SlottedCompactor<M> {
    fn compact(&mut self, job: &CompactionJob) -> Result<JobOutput> {
        let _slot = self.slots.as_ref().map(|slots| wait_for_slot(slots, &job.cancel)).transpose()?;
        self.executor.compact(job)
    }

    fn find_empty_series(&mut self, job: &EmptySeriesJob) -> Result<EmptySeriesFound> {
        self.executor.find_empty_series(job)
    }
}

/// Waits for a slot in order of arrival.
///
/// # Errors
/// `Closed` if the job is cancelled.
fn wait_for_slot(slots: &Permits, cancel: &CancelFlag) -> Result<Permit> {
    let waker = waker_of_this_thread();
    let mut context = Context::from_waker(&waker);
    let mut slot = pin!(slots.acquire(1));
    loop {
        if let Poll::Ready(slot) = slot.as_mut().poll(&mut context) {
            return Ok(slot);
        }
        cancel.check()?;
        std::thread::park_timeout(CANCEL_CHECK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::error::Error;

    #[test]
    fn a_cancelled_job_stops_waiting_and_leaves_its_place() {
        let slots = Permits::new(1);
        let taken = slots.try_acquire(1).unwrap();
        let cancel = CancelFlag::new();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait_for_slot(&slots, &cancel).map(drop));
            std::thread::park_timeout(CANCEL_CHECK);
            assert!(!waiting.is_finished());
            cancel.set();
            assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
        });
        drop(taken);
        assert!(slots.try_acquire(1).is_some());
    }

    #[test]
    fn a_job_gets_the_slot_that_is_returned() {
        let slots = Permits::new(1);
        let taken = slots.try_acquire(1).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait_for_slot(&slots, &CancelFlag::new()).map(drop));
            drop(taken);
            assert!(waiting.join().unwrap().is_ok());
        });
    }
}
