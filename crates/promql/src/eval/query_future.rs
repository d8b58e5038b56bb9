//! Future of a query, which runs on a thread of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use timestrata::RunningQuery;

use super::admission::Admission;
use super::budget::Budget;
use super::cancellation::Cancellation;
use super::error::QueryError;
use super::query::Query;
use super::result::QueryResult;

/// Stack of the thread of a query: that of the deepest expression in a build without optimisation, twice over.
const STACK_BYTES: usize = 8 << 20;

/// Result of a query that runs on a thread of its own, and the waker of the task that waits for it.
#[derive(Debug, Default)]
struct Shared {
    result: Option<Result<QueryResult, QueryError>>,
    waker: Option<Waker>,
}

/// What a query does next.
#[derive(Debug)]
enum State {
    /// It was not polled.
    New(Box<Query>),
    /// It waits for a slot of the runtime.
    Waiting(Box<Query>, Box<Admission>),
    /// Its thread runs, or has ended.
    Started,
}

/// Future of a running query; made by [`Query::run`]. The thread starts once the runtime has a slot.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct QueryFuture {
    state: State,
    shared: Arc<Mutex<Shared>>,
    cancellation: Arc<Cancellation>,
}

impl QueryFuture {
    pub(super) fn new(query: Query) -> Self {
        let cancellation = query.cancel_flag();
        Self { state: State::New(Box::new(query)), shared: Arc::default(), cancellation }
    }

    /// Starts the thread of a query.
    fn start(&self, query: Query, budget: Budget, running: RunningQuery) -> Result<(), QueryError> {
        let shared = Arc::clone(&self.shared);
        let work = move || {
            let run = std::panic::AssertUnwindSafe(|| query.run_admitted(budget, running));
            let result = std::panic::catch_unwind(run);
            let result = result.unwrap_or_else(|_| Err(QueryError::Thread { message: "it panicked".to_owned() }));
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            state.result = Some(result);
            let waker = state.waker.take();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        let thread = std::thread::Builder::new().name("promql".to_owned()).stack_size(STACK_BYTES);
        let spawned = thread.spawn(work);
        spawned.map(drop).map_err(|error| QueryError::Thread { message: error.to_string() })
    }

    /// Plans the query, waits for its slot, and starts its thread. Returns an error that ends it.
    fn advance(&mut self, context: &mut Context<'_>) -> Result<(), QueryError> {
        if let State::New(query) = &self.state {
            let admission = Box::new(query.admission()?);
            if let State::New(query) = std::mem::replace(&mut self.state, State::Started) {
                self.state = State::Waiting(query, admission);
            }
        }
        let State::Waiting(_, admission) = &mut self.state else { return Ok(()) };
        let Poll::Ready(running) = admission.poll(context) else { return Ok(()) };
        let running = running?;
        match std::mem::replace(&mut self.state, State::Started) {
            State::Waiting(query, admission) => self.start(*query, admission.budget, running),
            State::New(_) | State::Started => Ok(()),
        }
    }
}

impl Future for QueryFuture {
    type Output = Result<QueryResult, QueryError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A waker runs foreign code when it is cloned, dropped or woken: never while the lock is held.
        let waker = context.waker().clone();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = shared.result.take() {
            drop(shared);
            return Poll::Ready(result);
        }
        let replaced = shared.waker.replace(waker);
        drop(shared);
        drop(replaced);
        match self.advance(context) {
            Ok(()) => Poll::Pending,
            Err(error) => {
                self.state = State::Started;
                Poll::Ready(Err(error))
            }
        }
    }
}

impl Drop for QueryFuture {
    fn drop(&mut self) {
        self.cancellation.unregister();
        self.cancellation.cancel();
    }
}
