//! Work on a body, such as decompression and decoding: in place if it is short, else beside the threads of the runtime.

use crate::blocking;

/// Size of a body up to which it is worked on in place: a fraction of a millisecond, less than a change of threads may take
/// on a busy machine.
const IN_PLACE_BYTES: usize = 64 << 10;

/// Runs `work` on the blocking pool, or in place if `bytes` is at most 64 KiB.
///
/// The number of such threads is bounded by the runtime, and what they work on by the memory of all bodies.
pub(crate) async fn run<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes <= IN_PLACE_BYTES {
        return work();
    }
    blocking::run(work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_work_alone_leaves_the_thread() {
        let here = std::thread::current().id();
        assert_eq!(run(1_000, || std::thread::current().id()).await, here);
        assert_ne!(run(1 << 20, || std::thread::current().id()).await, here);
    }
}
