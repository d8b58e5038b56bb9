//! Admission of a query: it waits for a slot of the runtime.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use timestrata::{Error, RunningQuery};

use super::budget::Budget;
use super::error::QueryError;

/// How long a waiting thread is parked at most. It is woken for a slot, at its deadline and when the query is cancelled, but
/// for the deadline only if the runtime can start a thread.
const LONGEST_PARK: Duration = Duration::from_secs(1);

/// Future of a slot of the runtime.
pub(super) type SlotFuture = Pin<Box<dyn Future<Output = Result<RunningQuery, Error>> + Send>>;

/// Planned query that waits for a slot of the runtime.
pub(super) struct Admission {
    pub(super) budget: Budget,
    pub(super) slot: SlotFuture,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Admission {
    /// Returns the slot once there is one.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<RunningQuery, QueryError>> {
        poll_slot(&mut self.slot, &self.budget, context)
    }
}

fn poll_slot(
    slot: &mut SlotFuture,
    budget: &Budget,
    context: &mut Context<'_>,
) -> Poll<Result<RunningQuery, QueryError>> {
    let polled = match slot.as_mut().poll(context) {
        Poll::Ready(Ok(running)) => Poll::Ready(Ok(running)),
        Poll::Ready(Err(Error::DeadlineExceeded { .. })) => Poll::Ready(Err(budget.timed_out())),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
        Poll::Pending => {
            // First the waker, then the flag: a query that is cancelled in between is woken.
            budget.cancellation().register(context.waker());
            budget.check().map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending)
        }
    };
    if polled.is_ready() {
        budget.cancellation().unregister();
    }
    polled
}

/// Wakes a thread that is parked.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until there is a slot, or the query has ended.
///
/// # Errors
/// [`QueryError::Cancelled`], [`QueryError::Timeout`]; [`QueryError::Storage`] if too many queries wait.
pub(super) fn wait(slot: &mut SlotFuture, budget: &Budget) -> Result<RunningQuery, QueryError> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = poll_slot(slot, budget, &mut context) {
            return result;
        }
        std::thread::park_timeout(budget.time_left().unwrap_or(LONGEST_PARK).min(LONGEST_PARK));
    }
}
