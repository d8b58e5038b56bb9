//! Work that may block, beside the threads of the runtime.

/// Runs work on the blocking pool, and returns its result. A panic of the work is one of the caller.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
