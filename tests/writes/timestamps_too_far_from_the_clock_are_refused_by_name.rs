//! A bound refuses a batch that contains a point too far from the clock. The error names each rejected point, nothing
//! is written, and the bounds move with the clock. Without a bound every timestamp is accepted.

use std::time::Duration;

use timestrata::testing::{Executor, SimDisk};
use timestrata::{Ack, Batch, Db, DbBuilder, Error, RejectReason, Result, SeriesKey, Timestamp};

use crate::common::{Home, all, at, batch, key};

const DAY: Duration = Duration::from_hours(24);
const DAY_NANOS: i64 = 86_400_000_000_000;

/// Database with a clock that the test sets.
struct World {
    disk: SimDisk,
    executor: Executor,
    db: Db,
}

impl World {
    fn new(change: impl FnOnce(DbBuilder) -> DbBuilder) -> Self {
        let disk = SimDisk::new(1);
        let mut executor = Executor::new(&disk, 1);
        let db = executor.open(change(Db::builder("/db"))).unwrap();
        Self { disk, executor, db }
    }

    fn write(&mut self, batch: Batch) -> Result<Ack> {
        let db = self.db.clone();
        self.executor.block_on(async move { db.write(batch).await }).unwrap()
    }
}

/// Both bounds are one day wide, and the clock is at 0.
fn guarded() -> World {
    let world = World::new(|builder| builder.reject_ahead_of_clock(DAY).reject_behind_clock(DAY));
    world.disk.set_wall(0);
    world
}

fn one(nanos: i64) -> Batch {
    batch(&key("m", 0), [(nanos, 1.0)])
}

#[test]
fn the_last_moment_that_passes_is_exact_on_both_sides() {
    let mut world = guarded();
    for nanos in [-DAY_NANOS, -1, 0, DAY_NANOS] {
        world.write(one(nanos)).unwrap();
    }
    for (nanos, reason) in [
        (DAY_NANOS + 1, RejectReason::AheadOfClock { latest: at(DAY_NANOS) }),
        (i64::MAX, RejectReason::AheadOfClock { latest: at(DAY_NANOS) }),
        (-DAY_NANOS - 1, RejectReason::BehindClock { earliest: at(-DAY_NANOS) }),
        (i64::MIN, RejectReason::BehindClock { earliest: at(-DAY_NANOS) }),
    ] {
        let Err(Error::RejectedPoints { points, .. }) = world.write(one(nanos)) else { panic!("{nanos} is taken") };
        assert_eq!((points[0].reason, points[0].timestamp, points.len()), (reason, at(nanos), 1));
    }
    assert_eq!(world.db.stats().points, 4);
}

#[test]
fn what_is_too_far_moves_with_the_clock_forwards_and_back() {
    let mut world = guarded();
    let late = 10 * DAY_NANOS;
    assert!(world.write(one(late)).is_err());
    world.disk.set_wall(late);
    world.write(one(late)).unwrap();
    assert!(world.write(one(0)).is_err());
    world.disk.set_wall(0);
    assert!(world.write(one(late)).is_err());
    world.write(one(0)).unwrap();
    for wall in [i64::MIN, i64::MAX] {
        world.disk.set_wall(wall);
        world.write(one(wall)).unwrap();
        assert!(world.write(one(0)).is_err(), "{wall}");
    }
}

#[test]
fn every_refused_point_is_named_and_nothing_of_the_batch_is_written() {
    let mut world = guarded();
    let db = world.db.clone();
    let series = world.executor.block_on(async move { db.create_series(SeriesKey::new("by_id").tag("n", "7")).await });
    let series = series.unwrap().unwrap();
    let seq = world.db.stats().seq;

    let mut batch = Batch::new();
    for (place, nanos) in [0, DAY_NANOS + 1, 1, -DAY_NANOS - 1, i64::MAX, i64::MIN].into_iter().enumerate() {
        match place % 2 {
            0 => batch.push(series, at(nanos), 1.0),
            _ => batch.push_key(&SeriesKey::new("new"), at(nanos), 1.0),
        }
    }
    let error = world.write(batch).unwrap_err();
    let Error::RejectedPoints { points, .. } = &error else { panic!("{error}") };
    let named: Vec<_> = points.iter().map(|point| (point.index, &*point.series, point.timestamp.as_nanos())).collect();
    let by_id = "by_id{n=\"7\"}";
    assert_eq!(
        named,
        [(1, "new", DAY_NANOS + 1), (3, "new", -DAY_NANOS - 1), (4, by_id, i64::MAX), (5, "new", i64::MIN)]
    );
    assert_eq!(
        error.to_string(),
        "4 timestamps are too far from the clock: \
         point 1 of new at 1970-01-02T00:00:00.000000001Z is later than 1970-01-02T00:00:00Z, \
         point 3 of new at 1969-12-30T23:59:59.999999999Z is older than 1969-12-31T00:00:00Z, \
         point 4 of by_id{n=\"7\"} at 2262-04-11T23:47:16.854775807Z is later than 1970-01-02T00:00:00Z \
         and 1 more; leave these points out, or widen `reject_ahead_of_clock` or `reject_behind_clock`"
    );
    let stats = world.db.stats();
    assert_eq!((stats.seq, stats.points, stats.series), (seq, 0, 1), "no point, no series, no record");
}

#[test]
fn try_write_leaves_a_rejected_batch_unchanged() {
    let home = Home::new();
    let db = home.builder().reject_ahead_of_clock(DAY).open_blocking().unwrap();
    let mut whole = batch(&key("m", 0), [(0, 1.0)]);
    whole.push_key(&key("m", 0), Timestamp::MAX, 2.0);
    let rejected = db.try_write_blocking(&mut whole).unwrap_err();
    assert!(matches!(&rejected, Error::RejectedPoints { points, .. } if points[0].index == 1));
    assert_eq!(whole.len(), 2);
    assert!(matches!(db.write_blocking(one(i64::MAX)), Err(Error::RejectedPoints { .. })));
    // Only one bound is set, and the clock is the system clock.
    db.write_blocking(one(i64::MIN)).unwrap();
    db.write_blocking(one(Timestamp::now().as_nanos())).unwrap();
    assert_eq!(all::<f64>(&db.snapshot(), &key("m", 0)).len(), 2);
}

#[test]
fn without_a_guard_every_timestamp_is_taken() {
    let mut world = World::new(|builder| builder);
    world.write(batch(&key("m", 0), [(i64::MIN, 1.0), (i64::MAX, 2.0)])).unwrap();
    let mut widest =
        World::new(|builder| builder.reject_ahead_of_clock(Duration::MAX).reject_behind_clock(Duration::MAX));
    widest.write(batch(&key("m", 0), [(i64::MIN, 1.0), (i64::MAX, 2.0)])).unwrap();
    assert_eq!((world.db.stats().points, widest.db.stats().points), (2, 2));
}
