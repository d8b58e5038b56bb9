//! Sources over real files and memtables, with ranges hidden and a policy, against a sort of all their points; and what
//! of the files is touched for it.

use proptest::prelude::*;

use super::*;
use crate::merge::testing::{Runs, policies, visible_points};
use crate::options::Duplicates;
use crate::{Batch, Db};

/// Points a time: blocks of 20,000 points end in the middle of one.
const TWINS: i64 = 3;

struct Filled {
    _dir: tempfile::TempDir,
    db: Db,
    series: Series<i64>,
}

/// Two files of several blocks each, a memtable with late points, and times that all of them share.
fn filled() -> Filled {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_blocking(dir.path().join("db")).unwrap();
    let series: Series<i64> = db.series_as_blocking(SeriesKey::new("count")).unwrap();
    let write = |times: &mut dyn Iterator<Item = i64>, tag: i64| {
        let mut batch = Batch::new();
        times.zip(0..).for_each(|(at, n)| batch.push(series, Timestamp::from_nanos(at), n * 10 + tag));
        db.write_blocking(batch).unwrap();
    };
    write(&mut (0..20_000).map(|n| n / TWINS), 1);
    db.flush_blocking().unwrap();
    write(&mut (9_000..29_000).map(|n| n / TWINS), 2);
    db.flush_blocking().unwrap();
    write(&mut (28_000..30_000).map(|n| n / TWINS), 3);
    write(&mut (0..500).map(|n| n * 20), 4);
    Filled { _dir: dir, db, series }
}

impl Filled {
    /// The sources of the series, none with anything hidden, of a snapshot with nothing open.
    fn sources(&self, range: TimeRange) -> Sources<i64> {
        self.db.snapshot().inner.typed_sources(self.series, range).unwrap()
    }

    /// What the reading gives, and how many files were opened and blocks decoded for it.
    fn read<R>(&self, read: impl FnOnce() -> R) -> (R, (u64, u64)) {
        let before = self.db.stats();
        let read = read();
        let after = self.db.stats();
        (read, (after.files_opened - before.files_opened, after.blocks_decoded - before.blocks_decoded))
    }
}

fn all(mut merge: crate::merge::Merge<i64>) -> Vec<Point<i64>> {
    std::iter::from_fn(|| merge.next()).map(Result::unwrap).collect()
}

fn span() -> impl Strategy<Value = (i64, i64)> {
    prop_oneof![
        4 => (0..10_000_i64, 0..4_000_i64).prop_map(|(first, len)| (first, first + len)),
        2 => (0..10_000_i64, 0..3_i64).prop_map(|(first, len)| (first, first + len)),
        1 => (0..10_000_i64).prop_map(|last| (i64::MIN, last)),
        1 => (0..10_000_i64).prop_map(|first| (first, i64::MAX)),
    ]
}

#[test]
fn files_and_memtables_show_what_is_not_hidden() {
    let filled = filled();
    let plain = filled.sources(TimeRange::ALL);
    // Three files, since the second flush was cut where the first had ended, and both lanes of the memtable.
    assert_eq!(plain.lanes.len(), 5);
    let points = |lane| all(crate::merge::Merge::new(TimeRange::ALL, vec![lane], Duplicates::KeepAll));
    let runs: Vec<Runs<i64>> = plain.lanes.into_iter().map(|lane| Runs::new(vec![points(lane)])).collect();
    let hiddens = prop::collection::vec(prop::collection::vec(span(), 0..4).prop_map(Hidden::new), 5);
    let cases = (hiddens, span(), any::<bool>(), policies());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let tested = runner.run(&cases, |(hiddens, (first, last), whole, duplicates)| {
        let ends = Timestamp::from_nanos(first)..=Timestamp::from_nanos(last);
        let range = if whole { TimeRange::ALL } else { TimeRange::new(&ends) };
        let sources = || {
            let mut sources = filled.sources(TimeRange::ALL);
            sources.lanes.iter_mut().zip(&hiddens).for_each(|((_, own), hidden)| own.clone_from(hidden));
            sources.duplicates = duplicates;
            sources
        };
        let lanes: Vec<_> = runs.iter().cloned().zip(hiddens.iter().cloned()).collect();
        let expected = visible_points(&lanes, range, duplicates);
        prop_assert_eq!(all(sources().merge(range)), expected);
        let expected = visible_points(&lanes, TimeRange::ALL, duplicates).last().copied();
        prop_assert_eq!(sources().latest().unwrap(), expected);
        Ok(())
    });
    tested.unwrap();
}

/// The first of the two files, alone, with a range of times hidden.
fn first_file(filled: &Filled, range: TimeRange, hidden: (i64, i64), duplicates: Duplicates) -> Sources<i64> {
    let mut lanes = filled.sources(range).lanes;
    lanes.truncate(1);
    lanes[0].1 = Hidden::new(vec![hidden]);
    Sources { lanes, duplicates }
}

#[test]
fn a_file_that_is_hidden_whole_is_not_opened_and_a_hidden_block_is_not_decoded() {
    let filled = filled();
    let of = |hidden, duplicates| first_file(&filled, TimeRange::ALL, hidden, duplicates);
    let keep_all = Duplicates::KeepAll;
    let count = |sources: Sources<i64>| all(sources.merge(TimeRange::ALL)).len();
    let (read, cost) = filled.read(|| (count(of((0, 6_666), keep_all)), of((0, 9_999), keep_all).latest().unwrap()));
    assert_eq!(read, (0, None));
    assert_eq!(cost, (0, 0));

    let (all_points, whole) = filled.read(|| count(of((-1, -1), keep_all)));
    assert!(all_points == 20_000 && whole == (1, 3), "{whole:?}");
    // All but the last point of time: every block but the last is passed over.
    let (left, cost) = filled.read(|| count(of((0, 6_665), keep_all)));
    assert_eq!((left, cost.1), (2, 1));
    let (left, cost) = filled.read(|| count(of((1, i64::MAX), keep_all)));
    assert_eq!((left, cost.1), (3, 1), "nor is what lies behind the last visible point");
    let between = (100, 6_600);
    let (left, cost) = filled.read(|| count(of(between, keep_all)));
    assert_eq!((left, cost.1), (300 + 20_000 - 6_601 * 3, 2), "nor what lies between");
}

#[test]
fn the_latest_point_is_decoded_only_where_the_index_cannot_tell() {
    let filled = filled();
    let latest = |hidden, duplicates| {
        let (point, cost) = filled.read(|| first_file(&filled, TimeRange::ALL, hidden, duplicates).latest().unwrap());
        (point.map(|point| (point.timestamp.as_nanos(), point.value)), cost.1)
    };
    let value = |n: i64| n * 10 + 1;
    assert_eq!(latest((-1, -1), Duplicates::KeepLast), (Some((6_666, value(19_999))), 0));
    assert_eq!(latest((0, 6_000), Duplicates::KeepAll), (Some((6_666, value(19_999))), 0), "not what is hidden before");
    assert_eq!(latest((-1, -1), Duplicates::KeepFirst), (Some((6_666, value(19_998))), 1));
    assert_eq!(latest((6_500, 7_000), Duplicates::KeepLast), (Some((6_499, value(19_499))), 1));
    assert_eq!(latest((6_500, 7_000), Duplicates::KeepFirst), (Some((6_499, value(19_497))), 1));
    // The first block ends with two of three twins, the next one begins with the other.
    assert_eq!(latest((2_731, i64::MAX), Duplicates::KeepFirst), (Some((2_730, value(8_190))), 2));
    assert_eq!(latest((2_731, i64::MAX), Duplicates::KeepLast), (Some((2_730, value(8_192))), 1));
    // What lies behind the first time of all.
    assert_eq!(latest((1, i64::MAX), Duplicates::KeepFirst), (Some((0, value(0))), 1), "hidden blocks are passed over");
}
