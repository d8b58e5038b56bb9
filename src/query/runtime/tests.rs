use super::*;

fn unlimited() -> Deadline {
    Deadline::new(None, std::time::Instant::now())
}

#[test]
fn a_full_queue_of_futures_that_nobody_polls_leaves_a_free_slot_to_the_next_query() {
    let runtime = Runtime::builder().threads(1).max_queued(1).build().unwrap();
    let slot = runtime.try_admit(u64::MAX).unwrap();
    let mut left_alone = Box::pin(runtime.admit(u64::MAX, unlimited()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(left_alone.as_mut().poll(&mut context).is_pending());
    assert!(runtime.admit_blocking(u64::MAX, unlimited()).is_err());
    drop(slot);
    // Once the turn of the waiter has ended.
    let give_up_at = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while runtime.admit_blocking(u64::MAX, unlimited()).is_err() {
        assert!(std::time::Instant::now() < give_up_at, "the slot stays with a future that nobody polls");
        std::thread::yield_now();
    }
    assert!(runtime.stats().queued == 1 && runtime.stats().rejected >= 1);
}

#[test]
fn a_lane_admits_as_many_queries_as_it_has_slots_and_queues_the_others() {
    let runtime = Runtime::builder().threads(1).max_queued(1).build().unwrap();
    let large = runtime.try_admit(u64::MAX).unwrap();
    assert!(runtime.try_admit(u64::MAX).is_none());
    // Small queries have slots of their own.
    let small: Vec<_> = (0..SMALL_SLOTS_PER_THREAD).map(|_| runtime.try_admit(1).unwrap()).collect();
    assert!(runtime.try_admit(1).is_none());
    drop(small);

    let waits = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| runtime.admit_blocking(u64::MAX, unlimited()).map(drop));
        while runtime.stats().queued == 0 {
            std::thread::yield_now();
        }
        let rejected = runtime.admit_blocking(u64::MAX, unlimited());
        assert!(matches!(rejected, Err(Error::QueryRuntimeBusy { .. })));
        drop(large);
        waiting.join().unwrap()
    });
    assert!(waits.is_ok());
    let stats = runtime.stats();
    assert_eq!((stats.running, stats.queued, stats.waited, stats.rejected), (0, 0, 1, 1), "{stats:?}");
    assert_eq!(stats.finished, 2 + SMALL_SLOTS_PER_THREAD as u64);
}

#[test]
fn a_waiting_query_that_is_dropped_leaves_the_queue() {
    let runtime = Runtime::builder().threads(1).build().unwrap();
    let slot = runtime.try_admit(u64::MAX).unwrap();
    let mut waiting = Box::pin(runtime.admit(u64::MAX, unlimited()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    assert_eq!(runtime.stats().queued, 1);
    drop(waiting);
    assert_eq!(runtime.stats().queued, 0);
    drop(slot);
    assert!(runtime.try_admit(u64::MAX).is_some());
}

#[test]
fn the_memory_of_all_queries_has_a_bound() {
    let runtime = Runtime::builder().memory_bytes(100).build().unwrap();
    assert!(runtime.track_bytes(0, 60).is_ok() && runtime.track_bytes(0, 40).is_ok());
    assert!(matches!(runtime.track_bytes(40, 41), Err(Error::QueryRuntimeBusy { .. })));
    assert!(runtime.track_bytes(101, 0).is_ok());
    assert_eq!(runtime.stats().memory_bytes, 0);
    assert!(Runtime::builder().threads(0).build().is_err() && Runtime::builder().memory_bytes(0).build().is_err());
}
