//! Every written file is read by an opening that has only the directory as its input: each type, and each shape of
//! values that a codec is designed for, bit for bit.

use timestrata::{Db, Scalar, SeriesKey, Value};

use crate::common::{Home, all, batch, key};
use timestrata::testing::SeededRng;

const POINTS: i64 = 9_000;

fn bits<T: Scalar>(db: &Db, key: &SeriesKey) -> Vec<(i64, u64)> {
    let bits = |value: T| match value.into() {
        Value::F64(value) => value.to_bits(),
        Value::I64(value) => value.cast_unsigned(),
        Value::U64(value) => value,
        other => u64::from(other == Value::Bool(true)),
    };
    all::<T>(&db.snapshot(), key).into_iter().map(|(time, value)| (time, bits(value))).collect()
}

/// Writes a series, and checks that memory, SST, replay, and both files after a reopening return the same bits.
fn round_trip<T: Scalar>(name: &str, time: impl Fn(i64) -> i64, value: impl Fn(i64) -> T) {
    for closed in [true, false] {
        let home = Home::new();
        let own = key(name, 0);
        let db = home.open();
        db.write_blocking(batch(&own, (0..POINTS).map(|n| (time(n), value(n))))).unwrap();
        let expected = bits::<T>(&db, &own);
        assert_eq!(expected.len() as u64, POINTS.cast_unsigned());
        if closed {
            db.close_blocking().unwrap();
        } else {
            drop(db);
        }
        let db = home.open();
        assert_eq!((db.stats().files, db.open_report().replayed_points > 0), (1, !closed));
        assert!(bits::<T>(&db, &own) == expected, "{name}, closed: {closed}");
    }
}

#[test]
fn written_points_are_read_back_after_reopening() {
    let every = |n: i64| n * 10_000_000_000;
    let noise = |n: i64| SeededRng::new(n.cast_unsigned()).next_u64();
    round_trip("constant", every, |_| 21.5);
    round_trip("cents", every, |n| f64::from(i32::try_from(noise(n) % 10_000).unwrap()) / 100.0);
    round_trip("random doubles", every, |n| f64::from_bits(noise(n)));
    round_trip("zeros and nothing", every, |n| {
        [0.0, -0.0, f64::NAN, f64::NEG_INFINITY][usize::try_from(n % 4).unwrap()]
    });
    round_trip("counter", every, |n| n.cast_unsigned() * 17 + noise(n) % 5);
    round_trip("great integers", every, |n| u64::MAX - noise(n) % 1000);
    round_trip("random integers", every, |n| noise(n).cast_signed());
    round_trip("ends", every, |n| if n % 2 == 0 { i64::MIN } else { i64::MAX });
    round_trip("switch", every, |n| n % 3 == 0);
    // Times with jitter, ties, bursts, the whole range, and late points.
    round_trip("jitter", |n| every(n) + noise(n).cast_signed() % 5_000_000, |n| n);
    round_trip("ties", |n| n / 100, |n| n);
    round_trip("bursts", |n| (n / 1000) * 3_600_000_000_000 + n % 1000, |n| n);
    round_trip("the whole range", |n| noise(n).cast_signed(), |n| n);
    round_trip("backwards", |n| -n, |n| n);
    round_trip("both ends", |n| if n % 2 == 0 { i64::MIN + n } else { i64::MAX - n }, |n| n);
}
