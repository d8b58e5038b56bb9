//! A query that would take too much memory or time fails and returns no partial result. The number of threads does not
//! change this.

use std::time::Duration;

use timestrata::{Aggregate, Error, ErrorKind, Fill, Query, Runtime, Selector};

use crate::common::{Home, at, batch, key};

fn filled(home: &Home, series: usize) -> Query {
    let runtime = Runtime::builder().threads(4).build().unwrap();
    let db = home.builder().runtime(&runtime).open_blocking().unwrap();
    for n in 0..series {
        let points = (0..10_000).map(|at| (at, f64::from(u16::try_from((at * 7 + 3) % 1_000).unwrap()) * 0.1));
        db.write_blocking(batch(&key("m", n), points)).unwrap();
    }
    db.flush_blocking().unwrap();
    db.snapshot().query(Selector::metric("m")).aggregate(Aggregate::Mean).every(Duration::from_nanos(2))
}

#[test]
fn memory_is_named_with_its_option() {
    let home = Home::new();
    let query = filled(&home, 3);
    // 5,000 windows of 24 bytes, three times.
    assert_eq!(query.clone().memory_limit(1 << 20).run_blocking().unwrap().len(), 15_000);
    for query in [query.clone().memory_limit(200_000), query.clone().group_all().memory_limit(200_000)] {
        let error = query.run_blocking().unwrap_err();
        assert!(matches!(error, Error::QueryTooLarge { limit: 200_000, .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
    let endless = query.range(at(0)..at(i64::MAX)).fill(Fill::Null).run_blocking();
    assert!(matches!(endless, Err(Error::QueryTooLarge { .. })), "filling is held to it, too");
}

#[tokio::test]
async fn a_deadline_that_passed_ends_it() {
    let home = Home::new();
    let query = filled(&home, 1);
    let error = query.clone().deadline(Duration::ZERO).run().await.unwrap_err();
    assert!(matches!(error, Error::DeadlineExceeded { deadline: Duration::ZERO, .. }), "{error}");
    assert!(query.deadline(Duration::from_hours(1)).run().await.is_ok());
}

#[test]
fn threads_change_nothing_but_the_time() {
    let home = Home::new();
    let query = filled(&home, 60).aggregate(Aggregate::StdDev);
    assert!(matches!(query.clone().threads(0).run_blocking(), Err(Error::InvalidQuery { .. })));
    for query in [query.clone(), query.group_all()] {
        let (one, explain) = query.clone().threads(1).explain_blocking().unwrap();
        assert_eq!(explain.threads, 1);
        let (four, explain) = query.clone().threads(4).explain_blocking().unwrap();
        assert_eq!(explain.threads, 4);
        assert_eq!(one, four);
    }
}
