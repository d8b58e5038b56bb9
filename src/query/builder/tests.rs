//! Tests of queries over an in-memory catalog, with series of all four value types.

use super::*;
use crate::format::sst::Columns;
use crate::query::Window;
use crate::query::catalog::{CursorOptions, SeriesCursor, SeriesSources};
use crate::query::limits::QueryBudget;
use crate::query::test_cursor::{SourcesCursor, bits_sources};
use crate::state::hidden_ranges::HiddenRanges;
use crate::testing::merge::{VecSource, points};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Error;
use crate::types::point::{Value, ValueType};
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey};

/// In-memory catalog: the series in order of id, each with a constructor of its sources.
struct VecCatalog(Arc<[(Arc<SeriesInfo>, SourceFactory)]>);

type SourceFactory = fn() -> SeriesSources<u64>;

impl Catalog for VecCatalog {
    fn select(&self, select: &Selector) -> Vec<Arc<SeriesInfo>> {
        let all = self.0.iter().map(|(series, _)| series);
        all.filter(|series| select.matches(&series.key)).map(Arc::clone).collect()
    }

    fn cursor(&self, options: CursorOptions) -> Box<dyn SeriesCursor> {
        let all = Arc::clone(&self.0);
        Box::new(SourcesCursor::new(options.range, move |series: &SeriesInfo| all[series.id.index()].1()))
    }

    fn latest_points(
        &self,
        series: &[Arc<SeriesInfo>],
        range: TimeRange,
        _: &QueryBudget<'_>,
    ) -> Result<Vec<Option<(Timestamp, u64)>>> {
        let mut cursor = self.cursor(CursorOptions { range, columns: Columns::Both, counters: None });
        let mut latest = |info: &Arc<SeriesInfo>| {
            cursor.start(info)?;
            let mut last = None;
            while cursor.next_chunk()? {
                last = cursor.timestamps().last().copied().zip(cursor.value_bits().last().copied());
            }
            Ok(last)
        };
        series.iter().map(&mut latest).collect()
    }
}

fn query(select: &str) -> Query {
    let series = |id, key: &str, value_type| {
        Arc::new(SeriesInfo {
            id: SeriesId::new(id),
            key: key.parse().unwrap(),
            value_type,
            duplicates: DuplicatePolicy::KeepAll,
            seq: 1,
        })
    };
    let catalog: Vec<(Arc<SeriesInfo>, SourceFactory)> = vec![
        (series(0, "count{a=\"1\"}", ValueType::U64), || {
            bits_sources(SeriesSources::without_hidden_ranges(vec![
                VecSource::new(vec![points(&[(1, 7_u64), (12, 8)])]).boxed(),
            ]))
        }),
        (series(1, "count{a=\"2\"}", ValueType::I64), || {
            bits_sources::<i64>(SeriesSources::without_hidden_ranges(vec![]))
        }),
        (series(2, "temp", ValueType::F64), || {
            let newer = VecSource::new(vec![points(&[(-1, 2.5), (5, 4.0)])]);
            bits_sources(SeriesSources::without_hidden_ranges(vec![
                VecSource::new(vec![points(&[(5, 1.5), (15, 0.5)])]).boxed(),
                newer.boxed(),
            ]))
        }),
        (series(3, "torn", ValueType::F64), || {
            bits_sources(SeriesSources::without_hidden_ranges(vec![
                VecSource::new(vec![points(&[(5, 1.5)])]).failing_at(0).boxed(),
            ]))
        }),
        (series(4, "up", ValueType::Bool), || {
            bits_sources(SeriesSources::without_hidden_ranges(vec![
                VecSource::new(vec![points(&[(3, true), (4, false)])]).boxed(),
            ]))
        }),
        (series(5, "counts{of=\"hidden and twice\"}", ValueType::I64), || {
            let older = VecSource::new(vec![points(&[(1, 1_i64), (2, 20), (3, 300)])]).boxed();
            let newer = VecSource::new(vec![points(&[(2, 2_000), (3, 30_000)])]).boxed();
            let hidden = HiddenRanges::new(vec![TimeRange::at(3)]);
            let lanes = vec![(older, HiddenRanges::NONE), (newer, hidden)];
            bits_sources(SeriesSources { inputs: lanes, duplicates: DuplicatePolicy::KeepLast })
        }),
    ];
    Query::new(Arc::new(VecCatalog(catalog.into())), select.parse().unwrap())
}

fn rows(answer: &Windows) -> Vec<(String, i64, Value)> {
    let rows = answer.series.iter().flat_map(|series| {
        let row = |window: Window| (series.key.to_string(), window.start.as_nanos(), window.value.unwrap());
        series.windows().map(row)
    });
    rows.collect()
}

#[test]
fn windows_come_series_by_series_and_only_where_points_are() {
    let query = query("{a!=\"2\",__x=\"\"}").aggregate(Aggregate::Last).every(Duration::from_nanos(10));
    let at = Timestamp::from_nanos;
    let failed = query.clone().run_blocking();
    assert!(matches!(failed, Err(Error::EnginePanicked)), "one torn series fails the whole: {failed:?}");

    let answer = self::query("{a=~\"1|2\"}").aggregate(Aggregate::Last).every(Duration::from_nanos(10));
    let key = r#"count{a="1"}"#.to_owned();
    let expected = [(key.clone(), 0, Value::U64(7)), (key, 10, Value::U64(8))];
    assert_eq!(rows(&answer.run_blocking().unwrap()), expected);

    let answer = self::query("temp").range(at(-5)..at(15)).aggregate(Aggregate::Sum);
    let temp = |start, value| ("temp".to_owned(), start, Value::F64(value));
    assert_eq!(rows(&answer.clone().run_blocking().unwrap()), [temp(-5, 8.0)]);
    let windows = answer.every(Duration::from_nanos(10)).run_blocking().unwrap();
    assert_eq!(rows(&windows), [temp(-10, 2.5), temp(0, 5.5)]);
    let open = self::query("temp").range(..at(15)).aggregate(Aggregate::Count).run_blocking().unwrap();
    assert_eq!(rows(&open), [("temp".to_owned(), -1, Value::U64(3))]);
    let reversed = (Bound::Included(at(15)), Bound::Included(at(-5)));
    assert!(self::query("temp").range(reversed).aggregate(Aggregate::Count).run_blocking().unwrap().is_empty());
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_an_error() {
    let bad_pattern = Selector::all().tag_matches("a", "(");
    let bad = [
        query("temp"),
        query("temp").aggregate(Aggregate::Min).every(Duration::ZERO),
        query("temp").aggregate(Aggregate::Min).every(Duration::MAX),
        Query { selector: bad_pattern.clone(), ..query("temp").aggregate(Aggregate::Min) },
    ];
    for query in bad {
        assert!(matches!(query.clone().run().await, Err(Error::InvalidQuery { .. })), "{query:?}");
    }
    let mut scan = Query { selector: bad_pattern, ..query("temp") }.points();
    assert!(matches!(scan.next(), Some(Err(Error::InvalidQuery { .. }))));
    assert!(scan.next().is_none());
}

#[test]
fn a_scan_of_many_series_goes_through_them_in_key_order() {
    let items: Vec<_> = query("{}").points().collect();
    let texts: Vec<_> = items
        .iter()
        .map(|item| match item {
            Ok((series, point)) => format!("{series} {} {}", point.timestamp.as_nanos(), point.value),
            Err(error) => error.to_string(),
        })
        .collect();
    let torn = Error::EnginePanicked.to_string();
    assert_eq!(
        texts,
        [
            "count{a=\"1\"} 1 7",
            "count{a=\"1\"} 12 8",
            "counts{of=\"hidden and twice\"} 1 1",
            "counts{of=\"hidden and twice\"} 2 2000",
            "counts{of=\"hidden and twice\"} 3 300",
            "temp -1 2.5",
            "temp 5 1.5",
            "temp 5 4",
            "temp 15 0.5",
            &torn
        ]
    );
    let cut = query("{}").offset(1).limit(2).points().map(|item| item.map(|(_, point)| point.value).ok());
    let cut: Vec<_> = cut.take(3).collect();
    assert_eq!(cut, [Some(Value::U64(8)), Some(Value::I64(2_000)), Some(Value::I64(300))]);
    let flags: Vec<_> =
        query("up").range(Timestamp::from_nanos(4)..).points().map(|item| item.unwrap().1.value).collect();
    assert_eq!(flags, [Value::Bool(false)]);
    assert_eq!(query("up").selector, Selector::metric(SeriesKey::new("up").metric()));
}

#[test]
fn windows_and_scans_see_what_is_not_hidden_and_not_superseded() {
    let select = "counts";
    for (aggregate, value) in [(Aggregate::Count, Value::U64(3)), (Aggregate::Sum, Value::I64(2_301))] {
        let answer = query(select).aggregate(aggregate).run_blocking().unwrap();
        assert_eq!(answer.series[0].values, [[Some(value)]]);
    }
    let values: Vec<_> = query(select).points().map(|item| item.unwrap().1.value).collect();
    assert_eq!(values, [Value::I64(1), Value::I64(2_000), Value::I64(300)]);
}
