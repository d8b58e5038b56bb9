//! Compares sources over files and memtables with a sort of their points, and counts reads.
//!
//! Hidden ranges and the duplicate policy vary. The counts show which files are opened and which blocks are decoded.

use crate::{Point, SeriesKey};
use proptest::prelude::*;

use super::*;
use crate::testing::merge::{VecSource, policies, visible_points};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::time_range::TimeRange;
use crate::{Batch, Db};

/// Points per timestamp; blocks of a file of 20,000 points end between points of one timestamp.
const TWINS: i64 = 3;

struct FilledDb {
    _dir: tempfile::TempDir,
    db: Db,
    series: Series<i64>,
}

/// Creates a database with two flushes of several blocks each and a memtable with late points.
/// Some timestamps occur in both flushes and in the memtable.
fn filled() -> FilledDb {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_blocking(dir.path().join("db")).unwrap();
    let series: Series<i64> = db.create_series(SeriesKey::new("count")).value_type().blocking().unwrap();
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
    FilledDb { _dir: dir, db, series }
}

impl FilledDb {
    /// Returns the sources of the series in a new snapshot, without hidden ranges.
    fn sources(&self, range: TimeRange) -> SeriesSources<i64> {
        self.db.snapshot().inner.typed_sources(self.series, range).unwrap()
    }

    /// Returns the result of `read`, and the numbers of files opened and blocks decoded by it.
    fn read<R>(&self, read: impl FnOnce() -> R) -> (R, (u64, u64)) {
        let before = self.db.stats();
        let read = read();
        let after = self.db.stats();
        (read, (after.files_opened - before.files_opened, after.blocks_decoded - before.blocks_decoded))
    }
}

fn all(mut merge: crate::state::merge::MergeIterator<i64>) -> Vec<Point<i64>> {
    std::iter::from_fn(|| merge.next()).map(Result::unwrap).collect()
}

fn span() -> impl Strategy<Value = TimeRange> {
    prop_oneof![
        4 => (0..10_000_i64, 0..4_000_i64).prop_map(|(first, len)| TimeRange::new(first, first + len)),
        2 => (0..10_000_i64, 0..3_i64).prop_map(|(first, len)| TimeRange::new(first, first + len)),
        1 => (0..10_000_i64).prop_map(TimeRange::until),
        1 => (0..10_000_i64).prop_map(|first| TimeRange::new(first, i64::MAX)),
    ]
}

#[test]
fn files_and_memtables_show_what_is_not_hidden() {
    let filled = filled();
    let plain = filled.sources(TimeRange::ALL);
    // Three files, because the second flush was split at the newest time of the first, and two lists of the memtable.
    assert_eq!(plain.inputs.len(), 5);
    let points =
        |lane| all(crate::state::merge::MergeIterator::new(TimeRange::ALL, vec![lane], DuplicatePolicy::KeepAll));
    let runs: Vec<VecSource<i64>> = plain.inputs.into_iter().map(|lane| VecSource::new(vec![points(lane)])).collect();
    let hiddens = prop::collection::vec(prop::collection::vec(span(), 0..4).prop_map(HiddenRanges::new), 5);
    let cases = (hiddens, span(), any::<bool>(), policies());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let tested = runner.run(&cases, |(hiddens, range, whole, duplicates)| {
        let range = if whole { TimeRange::ALL } else { range };
        let sources = || {
            let mut sources = filled.sources(TimeRange::ALL);
            sources.inputs.iter_mut().zip(&hiddens).for_each(|((_, own), hidden)| own.clone_from(hidden));
            sources.duplicates = duplicates;
            sources
        };
        let lanes: Vec<_> = runs.iter().cloned().zip(hiddens.iter().cloned()).collect();
        let expected = visible_points(&lanes, range, duplicates);
        prop_assert_eq!(all(sources().merge(range)), expected);
        let expected = visible_points(&lanes, TimeRange::ALL, duplicates).last().copied();
        prop_assert_eq!(sources().newest_point().unwrap(), expected);
        Ok(())
    });
    tested.unwrap();
}

/// Returns the first file as the only source, with one hidden range.
fn first_file(
    filled: &FilledDb,
    range: TimeRange,
    hidden: (i64, i64),
    duplicates: DuplicatePolicy,
) -> SeriesSources<i64> {
    let mut lanes = filled.sources(range).inputs;
    lanes.truncate(1);
    lanes[0].1 = HiddenRanges::new(vec![TimeRange::new(hidden.0, hidden.1)]);
    SeriesSources { inputs: lanes, duplicates }
}

#[test]
fn a_file_that_is_hidden_whole_is_not_opened_and_a_hidden_block_is_not_decoded() {
    let filled = filled();
    let of = |hidden, duplicates| first_file(&filled, TimeRange::ALL, hidden, duplicates);
    let keep_all = DuplicatePolicy::KeepAll;
    let count = |sources: SeriesSources<i64>| all(sources.merge(TimeRange::ALL)).len();
    let (read, cost) =
        filled.read(|| (count(of((0, 6_666), keep_all)), of((0, 9_999), keep_all).newest_point().unwrap()));
    assert_eq!(read, (0, None));
    assert_eq!(cost, (0, 0));

    let (all_points, whole) = filled.read(|| count(of((-1, -1), keep_all)));
    assert!(all_points == 20_000 && whole == (1, 3), "{whole:?}");
    // Every timestamp but the last is hidden: every block but the last is skipped.
    let (left, cost) = filled.read(|| count(of((0, 6_665), keep_all)));
    assert_eq!((left, cost.1), (2, 1));
    let (left, cost) = filled.read(|| count(of((1, i64::MAX), keep_all)));
    assert_eq!((left, cost.1), (3, 1), "nor is what lies behind the last visible point");
    let between = (100, 6_600);
    let (left, cost) = filled.read(|| count(of(between, keep_all)));
    assert_eq!((left, cost.1), (300 + 20_000 - 6_601 * 3, 2), "nor what lies between");
}

#[test]
fn the_latest_point_is_decoded_only_where_the_index_lacks_it() {
    let filled = filled();
    let latest = |hidden, duplicates| {
        let (point, cost) =
            filled.read(|| first_file(&filled, TimeRange::ALL, hidden, duplicates).newest_point().unwrap());
        (point.map(|point| (point.timestamp.as_nanos(), point.value)), cost.1)
    };
    let value = |n: i64| n * 10 + 1;
    assert_eq!(latest((-1, -1), DuplicatePolicy::KeepLast), (Some((6_666, value(19_999))), 0));
    assert_eq!(
        latest((0, 6_000), DuplicatePolicy::KeepAll),
        (Some((6_666, value(19_999))), 0),
        "not what is hidden before"
    );
    assert_eq!(latest((-1, -1), DuplicatePolicy::KeepFirst), (Some((6_666, value(19_998))), 1));
    assert_eq!(latest((6_500, 7_000), DuplicatePolicy::KeepLast), (Some((6_499, value(19_499))), 1));
    assert_eq!(latest((6_500, 7_000), DuplicatePolicy::KeepFirst), (Some((6_499, value(19_497))), 1));
    // The first block ends with two of the three points at one timestamp; the next block begins with the third.
    assert_eq!(latest((2_731, i64::MAX), DuplicatePolicy::KeepFirst), (Some((2_730, value(8_190))), 2));
    assert_eq!(latest((2_731, i64::MAX), DuplicatePolicy::KeepLast), (Some((2_730, value(8_192))), 1));
    // Every timestamp but the first is hidden.
    assert_eq!(
        latest((1, i64::MAX), DuplicatePolicy::KeepFirst),
        (Some((0, value(0))), 1),
        "hidden blocks are passed over"
    );
}
