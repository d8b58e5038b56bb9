//! Tests of batches.

use super::*;

#[test]
fn a_batch_over_its_limit_is_rejected() {
    let key = SeriesKey::new("m");
    let mut batch = Batch::new();
    for nanos in 0..=1_000_000 {
        batch.push_key(&key, Timestamp::from_nanos(nanos), 1.0);
    }
    assert!(matches!(batch.validate(0), Err(Error::TooLarge { size: 1_000_001, limit: MAX_BATCH_POINTS, .. })));
    batch.clear();
    assert!(batch.validate(0).is_ok() && batch.is_empty());
}

#[test]
fn two_types_for_one_key_are_rejected() {
    let key = SeriesKey::new("m").tag("a", "b");
    let mut batch = Batch::new();
    batch.push_key(&key, Timestamp::MIN, 1.0);
    batch.push_key(&key, Timestamp::MIN, true);
    let Err(Error::TypeMismatch { series, expected, found, .. }) = batch.validate(0) else { panic!() };
    assert_eq!((series.as_str(), expected, found), ("m{a=\"b\"}", ValueType::F64, ValueType::Bool));
}

#[test]
fn columns_and_iterators_add_the_same_points_as_single_pushes() {
    let (one, other) = (Series::<f64>::new(SeriesId::new(3), 7), Series::<f64>::new(SeriesId::new(4), 7));
    let times = [1, 5, 3].map(Timestamp::from_nanos);
    let values = [0.5, -0.0, f64::NAN];
    let mut pushed = Batch::new();
    for series in [one, other] {
        times.iter().zip(values).for_each(|(timestamp, value)| pushed.push(series, *timestamp, value));
    }
    let mut columns = Batch::with_capacity(6);
    columns.push_columns(one, &times, &values);
    columns.push_columns(other, &times, &values);
    let points = [one, other].into_iter().flat_map(|series| (0..3).map(move |n| (series, times[n], values[n])));
    for batch in [columns, points.collect::<Batch>()] {
        assert!(batch.series_refs().eq(pushed.series_refs()));
        assert_eq!((batch.timestamps(), batch.bits()), (pushed.timestamps(), pushed.bits()));
        assert!(batch.validate(7).is_ok() && matches!(batch.validate(8), Err(Error::StaleSeries { id: 3, .. })));
    }
    let keyed: Batch =
        [(SeriesKey::new("m"), times[0], 1_u64), (SeriesKey::new("n"), times[1], 2)].into_iter().collect();
    assert_eq!((keyed.len(), keyed.series().len()), (2, 2));
}

#[test]
fn columns_of_different_lengths_are_rejected() {
    let series = Series::<i64>::new(SeriesId::new(0), 1);
    let mut batch = Batch::new();
    batch.push_columns(series, &[Timestamp::MIN], &[]);
    assert!(batch.is_empty());
    assert!(matches!(batch.validate(1), Err(Error::ColumnLengths { timestamps: 1, values: 0, .. })));
    batch.clear();
    assert!(batch.validate(1).is_ok());
}

#[test]
fn a_batch_taken_for_the_queue_can_be_restored() {
    let key = SeriesKey::new("m");
    let mut batch = Batch::new();
    batch.push_key(&key, Timestamp::MIN, 1.0);
    let (queued, key_index) = batch.take_for_queue();
    assert!(batch.is_empty() && queued.key_index.is_empty() && queued.len() == 1);
    batch.restore(queued, key_index);
    batch.push_key(&key, Timestamp::MAX, 2.0);
    assert_eq!((batch.len(), batch.series().len()), (2, 1), "the key is found in the restored index");
}

#[test]
fn cached_series_that_alternate_have_one_entry_each_and_type() {
    let series = ["a", "b"].map(|name| CachedSeries::new(SeriesKey::new(name)));
    let mut batch = Batch::new();
    for round in 0..100 {
        for series in &series {
            batch.push_cached(series, Timestamp::from_secs(round), 1.0);
            batch.push_cached(&series.clone(), Timestamp::from_secs(round), 1_i64);
        }
    }
    assert_eq!((batch.len(), batch.series().len()), (400, 4));
    let refs: Vec<_> = batch.series_refs().take(8).collect();
    assert_eq!(refs[..4], refs[4..]);
    batch.clear();
    batch.push_cached(&series[1], Timestamp::from_secs(0), 1.0);
    assert_eq!(batch.series().len(), 1);
}
