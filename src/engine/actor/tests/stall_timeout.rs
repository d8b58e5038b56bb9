//! Tests of writes that stall because flushes fail: they end after a time, and only then.

use super::*;
use crate::engine::actor::admission::MAX_MEMTABLE_DELETES;

/// Outcome of an answer that must have arrived; `None` if it has not.
fn outcome(answer: &mut Pin<Box<impl Future<Output = Option<Result<Ack>>>>>) -> Option<Result<Ack>> {
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer.expect("every request is answered")),
        Poll::Pending => None,
    }
}

macro_rules! write {
    ($world:expr, $may_wait:expr) => {
        write!($world, $may_wait, None)
    };
    ($world:expr, $may_wait:expr, $caller:expr) => {{
        let mut batch = Batch::new();
        batch.push_key(&SeriesKey::new("m"), Timestamp::from_nanos(1), 1.0);
        let (reply, answer) = reply_channel();
        let request = WriteRequest { batch, durability: Durability::Os, may_wait: $may_wait, reply };
        $world.send_from($caller, WriterCommand::Write(Box::new(request)));
        Box::pin(WriteAnswer(answer).recv())
    }};
}

fn set_time(world: &WriterHarness, now: Duration) {
    world.mock.look(|state| state.now = now);
}

fn on_flushed(world: &mut WriterHarness, generation: u64, outcome: Result<JobOutput>) {
    world.inbox.send(WriterMessage::Event(WriterEvent::Flushed { generation, outcome }));
    assert!(!world.go());
}

/// Returns a writer with two frozen memtables and a full active one; the flush of the first runs.
fn stalled_writer() -> WriterHarness {
    let mut world = WriterHarness::opened(&DurableState::default(), 1);
    for _ in 0..3 {
        drop(world.write(Durability::Os));
        assert!(!world.go());
    }
    assert_eq!(world.latest.load().frozen.len(), 2);
    world
}

#[test]
fn a_stalled_write_ends_a_while_after_the_first_failed_flush() {
    let mut world = stalled_writer();
    set_time(&world, Duration::from_secs(100));
    let mut first = write!(world, true);
    let mut second = write!(world, true);
    assert!(!world.go());
    on_flushed(&mut world, 1, Err(Error::Closed));
    assert_eq!(world.on_timer(Timer::StallTimeout), Some(Duration::from_secs(105)));
    // A second failure does not extend the time, and its error is the one that is named.
    set_time(&world, Duration::from_secs(103));
    on_flushed(&mut world, 1, Err(Error::QueueFull));
    assert!(world.mock.look(|state| matches!(state.failed_flush, Some(Error::QueueFull))));
    assert!(outcome(&mut first).is_none(), "five seconds have not passed");
    set_time(&world, Duration::from_secs(105));
    world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::StallTimeout)));
    assert!(!world.go());
    for answer in [&mut first, &mut second] {
        let error = outcome(answer).expect("it is answered").expect_err("it is not written");
        assert!(matches!(&error, Error::WriteStalled { cause } if matches!(**cause, Error::QueueFull)), "{error:?}");
        assert!(error.is_retryable());
    }
    // While flushes fail, a later write ends at once.
    assert!(outcome(&mut write!(world, true)).is_none());
    let mut third = write!(world, true);
    assert!(!world.go());
    assert!(outcome(&mut third).is_some_and(|answer| answer.is_err()));
    let seq = world.latest.load().seq;
    assert_eq!(seq, 3, "nothing of the rejected writes is there");
    // A successful flush lets writes in again, and a later stall has its own time.
    on_flushed(&mut world, 1, Ok(JobOutput::default()));
    assert!(world.mock.look(|state| state.failed_flush.is_none()));
    let mut fourth = write!(world, true);
    assert!(!world.go());
    assert_eq!(outcome(&mut fourth).expect("it is answered").expect("there is room").seq, 4);
}

#[test]
fn a_write_that_must_not_wait_ends_at_once_after_a_failed_flush() {
    let mut world = stalled_writer();
    on_flushed(&mut world, 1, Err(Error::QueueFull));
    let (mut waiting, mut trying) = (write!(world, true), write!(world, false));
    assert!(!world.go());
    assert!(outcome(&mut waiting).is_none());
    let error = outcome(&mut trying).expect("it is answered at once").expect_err("it is not written");
    assert!(matches!(error, Error::WriteStalled { .. }), "{error:?}");
}

/// It alone fills a memtable, so it waits for a frozen one, but only while flushes succeed.
#[test]
fn a_large_batch_waits_for_no_flush_that_fails() {
    let mut world = WriterHarness::opened(&DurableState::default(), 1);
    for _ in 0..2 {
        drop(world.write(Durability::Os));
        assert!(!world.go());
    }
    assert_eq!(world.latest.load().frozen.len(), 1);
    let mut batch = Batch::new();
    (0..400_000).for_each(|at| batch.push_key(&SeriesKey::new("m"), Timestamp::from_nanos(at), 1.0));
    let (reply, answer) = reply_channel();
    let request = WriteRequest { batch, durability: Durability::Os, may_wait: true, reply };
    world.send(WriterCommand::Write(Box::new(request)));
    let mut large = Box::pin(WriteAnswer(answer).recv());
    assert!(!world.go());
    assert!(outcome(&mut large).is_none(), "the flush ends");
    on_flushed(&mut world, 1, Err(Error::QueueFull));
    assert_eq!(outcome(&mut large).expect("it is answered").expect("the memtable has room").seq, 3);
}

#[test]
fn a_stall_without_a_failed_flush_never_times_out() {
    let mut world = stalled_writer();
    let (mut waiting, mut trying) = (write!(world, true), write!(world, false));
    assert!(!world.go());
    set_time(&world, Duration::from_hours(10));
    for timer in [Timer::StallTimeout, Timer::MemtableAge] {
        world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(timer)));
        assert!(!world.go());
    }
    assert!(outcome(&mut waiting).is_none() && outcome(&mut trying).is_none());
    assert_eq!(world.on_timer(Timer::StallTimeout), None);
    on_flushed(&mut world, 1, Ok(JobOutput::default()));
    assert!(outcome(&mut waiting).is_some_and(|answer| answer.is_ok()), "the flush ends the stall");
}

#[test]
fn a_creation_ends_like_a_write() {
    let mut world = stalled_writer();
    on_flushed(&mut world, 1, Err(Error::QueueFull));
    let (reply, created) = reply_channel();
    let keys = vec![(SeriesKey::new("n"), ValueType::F64)];
    world.send(WriterCommand::CreateSeries { keys, duplicates: None, reply });
    set_time(&world, STALL_TIMEOUT);
    assert!(!world.go());
    assert!(matches!(created.recv_blocking(), Some(Err(Error::WriteStalled { .. }))));
}

/// Sends a delete of all points of the first series, and returns its answer.
fn delete(world: &WriterHarness) -> ReplyReceiver<Result<Ack>> {
    delete_from(world, None)
}

fn delete_from(world: &WriterHarness, caller: Option<CallerId>) -> ReplyReceiver<Result<Ack>> {
    let (reply, answer) = reply_channel();
    let command = WriterCommand::Delete(Box::new(DeleteRequest {
        selected: SeriesSet::from_sorted([SeriesId::new(0)]),
        resolved_end: 1,
        predicate: Arc::new(EvenMetricPredicate::default()),
        range: TimeRange::ALL,
        reply: Some(reply),
    }));
    world.send_from(caller, command);
    answer
}

#[test]
fn a_delete_passes_stalled_commands_of_other_callers_but_none_of_its_own() {
    let [writing, deleting] = [1, 2].map(|id| Some(CallerId(id)));
    let mut world = stalled_writer();
    let first = delete_from(&world, deleting);
    assert!(!world.go());
    assert_eq!(world.latest.load().seq, 3, "a stall without a failed flush ends by itself");
    on_flushed(&mut world, 1, Err(Error::QueueFull));
    assert_eq!(first.recv_blocking().unwrap().unwrap().seq, 4, "nothing is queued before it");
    let mut write = write!(world, true, writing);
    let behind_own = delete_from(&world, writing);
    let passing = [deleting, None].map(|caller| delete_from(&world, caller));
    assert!(!world.go());
    assert!(outcome(&mut write).is_none());
    for (answer, seq) in passing.into_iter().zip(5..) {
        assert_eq!(answer.recv_blocking().unwrap().unwrap().seq, seq, "it passes the write of another caller");
    }
    assert_eq!(world.latest.load().seq, 6, "the other delete waits behind the write of its caller");
    set_time(&world, STALL_TIMEOUT);
    world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::StallTimeout)));
    assert!(!world.go());
    assert!(outcome(&mut write).is_some_and(|answer| answer.is_err()));
    assert_eq!(behind_own.recv_blocking().unwrap().unwrap().seq, 7);
    assert_eq!(world.latest.load().frozen.len(), 2);
}

#[test]
fn commands_that_a_delete_passed_keep_their_order() {
    let [writing, deleting] = [1, 2].map(|id| Some(CallerId(id)));
    let mut world = stalled_writer();
    on_flushed(&mut world, 1, Err(Error::QueueFull));
    let mut first = write!(world, true, writing);
    let behind_first = delete_from(&world, writing);
    let passing = delete_from(&world, deleting);
    let mut second = write!(world, true, deleting);
    let behind_second = delete_from(&world, deleting);
    assert!(!world.go());
    assert_eq!(passing.recv_blocking().unwrap().unwrap().seq, 4);
    on_flushed(&mut world, 1, Ok(JobOutput::default()));
    let seqs = [outcome(&mut first), behind_first.recv_blocking(), outcome(&mut second), behind_second.recv_blocking()];
    assert_eq!(seqs.map(|answer| answer.unwrap().unwrap().seq), [5, 6, 7, 8]);
}

#[test]
fn deletes_of_a_stalled_memtable_have_a_bound_of_their_own() {
    let mut world = stalled_writer();
    on_flushed(&mut world, 1, Err(Error::QueueFull));
    set_time(&world, STALL_TIMEOUT);
    let mut taken = 0;
    let refused = loop {
        let answer = delete(&world);
        assert!(!world.go());
        match answer.recv_blocking().unwrap() {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(taken, 2 * MAX_MEMTABLE_DELETES);
    assert!(matches!(refused, Error::WriteStalled { .. }), "{refused:?}");
}

/// Writes a batch and returns the answer.
fn written(world: &mut WriterHarness) -> Result<Ack> {
    let answer = world.write(Durability::Os);
    assert!(!world.go());
    answer.recv_blocking().expect("every request is answered")
}

#[test]
fn without_room_for_appends_writes_fail_at_once_and_deletes_go_on() {
    let mut world = WriterHarness::new();
    assert!(written(&mut world).is_ok());
    world.mock.look(|state| state.is_full = true);
    assert!(written(&mut world).is_err());
    let appends = world.mock.look(|state| state.appends);
    let error = written(&mut world).unwrap_err();
    assert!(matches!(&error, Error::WriteFailed { .. } if error.is_out_of_space()), "{error:?}");
    assert_eq!(world.mock.look(|state| state.appends), appends, "no append is tried");
    let deleted = delete(&world);
    assert!(!world.go());
    assert!(deleted.recv_blocking().unwrap().is_ok());
    for seconds in [1, 2, 4] {
        let due = world.mock.look(|state| state.due[Timer::ReserveRetry as usize].take());
        assert_eq!(due, Some(Duration::from_secs(seconds)));
        world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::ReserveRetry)));
        assert!(!world.go());
    }
    assert!(written(&mut world).is_err());
    assert_eq!(world.on_timer(Timer::ReserveRetry), Some(Duration::from_secs(1)), "a write waits for room");
    world.mock.look(|state| state.is_full = false);
    world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::ReserveRetry)));
    assert!(!world.go());
    assert!(written(&mut world).is_ok(), "there is room again");
}
