//! Every operator of a query and the scan of many series, over every layout of the same points: in memory, in frozen
//! memtables that are held, in files, overlapping, merged, below deletes and below retention; under each duplicate policy,
//! with statistics on and off, on 1 and 2 threads, in 1 and 3 partitions.
//!
//! Each case is one history of a fixed seed. The results equal those of the oracle, and without statistics they have the
//! same bits in each layout and with each number of threads.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use timestrata::testing::{SeededRng, all_fills, all_window_functions};
use timestrata::{DuplicatePolicy, ValueType};

use crate::oracle::comparison::bits;
use crate::oracle::question::{operators, operators_by_statistics, questions};
use crate::oracle::scan::{ScanCase, check_scan};
use crate::oracle::windows::{self, ExpectedAnswer};
use crate::oracle::{POLICIES, Points, Question, SERIES, Step, TestDatabase, Then, check};
use Then::{Compact, Flush, Freeze, Nothing};

/// Histories; each takes some seconds.
const SEEDS: [u64; 2] = [1, 2];
/// Series without a point in any range, which take the place of many points in the choice of threads.
const OTHER_SERIES: usize = 350;
const STEPS: usize = 8;
/// Times of a delete of all series, which no later point has.
const DELETED: Range<i64> = 1_500..1_630;

/// What follows each step of the history; the sixth step moves the cutoff of retention.
const LAYOUTS: [(&str, [Then; STEPS]); 10] = [
    ("in memory", [Nothing; STEPS]),
    ("frozen at the end", [Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Freeze]),
    ("two frozen below deletes", [Nothing, Freeze, Nothing, Freeze, Nothing, Nothing, Nothing, Nothing]),
    ("file, frozen and memory", [Flush, Nothing, Nothing, Freeze, Nothing, Nothing, Nothing, Nothing]),
    ("one file", [Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Flush]),
    ("overlapping files", [Flush; STEPS]),
    ("files below deletes", [Flush, Flush, Nothing, Flush, Nothing, Nothing, Nothing, Nothing]),
    ("merged below deletes", [Flush, Compact, Nothing, Nothing, Nothing, Nothing, Nothing, Freeze]),
    ("merged below retention", [Flush, Flush, Flush, Flush, Compact, Nothing, Nothing, Nothing]),
    ("merged at the end", [Flush, Flush, Flush, Flush, Flush, Flush, Flush, Compact]),
];

/// Returns writes in order and late, duplicates, deletes, retention, and writes on both sides of its cutoff, in the parts
/// that a layout follows.
fn history(seed: u64, retains: bool) -> [Vec<Step>; STEPS] {
    let mut rng = SeededRng::new(seed);
    let mut below = |bound: u64| i64::try_from(rng.below(bound)).unwrap();
    let mut write = |series: Range<usize>, (from, spread): (i64, u64), step: i64, count: i64| -> Vec<Step> {
        let write = |series| Step::Write { series, from: from + below(spread), step, count, seed: below(1_000) };
        series.map(write).collect()
    };
    [
        write(0..SERIES, (0, 200), 3, 700),
        // Late points and duplicates. Retention hides those of one series, and the next step deletes those of another.
        [write(1..2, (450, 20), 2, 120), write(2..3, (705, 5), 2, 120), write(3..4, (500, 900), 2, 120)].concat(),
        vec![Step::Delete { series: Some(2), from: 700, length: 250 }],
        // Several points at one time.
        [write(0..3, (800, 400), 4, 150), write(3..4, (2_000, 100), 0, 3)].concat(),
        vec![Step::Delete { series: None, from: DELETED.start, length: DELETED.end - DELETED.start }],
        if retains { vec![Step::Retain { cutoff: 420 }] } else { Vec::new() },
        // Not the last series: the cutoff then lies in a block of it that nothing overlaps.
        write(0..3, (300, 200), 5, 100),
        // Points after all others.
        write(0..SERIES, (2_400, 50), 3, 150),
    ]
}

fn laid_out(case: &Case, then: [Then; STEPS]) -> TestDatabase {
    let mut database = TestDatabase::new(case.duplicates, case.value_type, OTHER_SERIES);
    for (steps, then) in history(case.seed, case.retains).iter().zip(then) {
        for step in steps {
            database.apply(step);
        }
        database.apply(&Step::Then(then));
    }
    database
}

/// History and options of the databases whose results must be equal.
#[derive(Debug, Clone, Copy)]
struct Case {
    seed: u64,
    duplicates: DuplicatePolicy,
    retains: bool,
    value_type: ValueType,
}

/// Returns the cases of a duplicate policy: with retention and without it, of doubles and of integers.
fn cases(duplicates: DuplicatePolicy) -> [Case; 2] {
    let turn = POLICIES.iter().position(|policy| *policy == duplicates).unwrap();
    SEEDS.map(|seed| {
        let retains = !(turn as u64 + seed).is_multiple_of(2);
        let is_integer = duplicates == DuplicatePolicy::KeepLast && retains;
        let value_type = if is_integer { ValueType::I64 } else { ValueType::F64 };
        Case { seed, duplicates, retains, value_type }
    })
}

/// Prints the case if the test fails in it.
struct Context(String);

impl Drop for Context {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed in {}", self.0);
        }
    }
}

/// Returns queries that together have every operator; functions, rules of filling and edges take turns. Two of them can be
/// answered by statistics.
fn questions_of(seed: u64) -> Vec<Question> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[u8::try_from(seed).unwrap(); 32]),
    );
    let (operators, by_statistics) = (operators(), operators_by_statistics());
    let (functions, fills) = (all_window_functions(), all_fills());
    let columns = operators.chunks(5).chain([&by_statistics[..3], &by_statistics[3..]]);
    let questions = columns.enumerate().map(|(nth, operators)| {
        let question = questions().new_tree(&mut runner).unwrap().current();
        let turn = nth + usize::try_from(seed).unwrap() * 3;
        let function = (nth % 4 != 3).then(|| functions[turn % functions.len()]);
        let (operators, fill) = (operators.to_vec(), fills[turn % fills.len()]);
        let mut question = Question { operators, function, fill, ..question };
        // Windows of a few points are those of the random histories.
        question.every = question.every.map(|every| every.max(40));
        if question.operators.iter().any(|operator| operator.needs_steps()) {
            // A lookback into the delete, and one beyond it.
            question.lookback = Some([40, 600][turn % 2]);
            question.range = Some((DELETED.end, 2_600));
        }
        if question.operators.iter().all(|operator| by_statistics.contains(operator)) {
            // Windows with whole blocks, of which all aggregates that are computed have statistics.
            (question.every, question.over, question.rank) = (Some(3_000), None, None);
            (question.origin, question.range) = (None, Some((-100, 3_000)));
        }
        question.without_invalid_steps()
    });
    questions.collect()
}

/// What the cases have reached together.
#[derive(Debug, Default)]
struct Witness {
    queries: usize,
    scans: usize,
    summaries: usize,
    blocks_by_statistics: u64,
    blocks_decoded: u64,
    blocks_hidden: u64,
    /// Layouts in which a query ran on two threads.
    on_two_threads: BTreeSet<&'static str>,
}

type Bits = Vec<(String, Vec<i64>, Vec<Option<String>>)>;

/// Runs a query with all options that must not change its result.
fn check_question(
    database: &TestDatabase,
    (question, expected): (&Question, &ExpectedAnswer),
    first_bits: &mut Option<Bits>,
    layout: &'static str,
    witness: &mut Witness,
) {
    for (statistics, threads) in [(true, 1), (true, 2), (false, 1), (false, 2)] {
        // Other series make a query over a range start a thread; without a range they would be in the result.
        let query = match (threads, question.range) {
            (1, _) => question.query(&database.snapshot()),
            (_, Some(_)) => question.query_beside_others(&database.snapshot()),
            (_, None) => continue,
        };
        let query = query.statistics(statistics).threads(threads);
        let (answer, report) = query.explain_blocking().unwrap();
        if let Err(text) = check(question, &answer, expected) {
            panic!("statistics {statistics}, {threads} threads: {text}, for {question:?}");
        }
        if !statistics {
            let same = first_bits.get_or_insert_with(|| bits(&answer)) == &bits(&answer);
            assert!(same, "other bits than in the first layout with {threads} threads, for {question:?}");
        }
        witness.queries += 1;
        witness.blocks_by_statistics += report.blocks_by_statistics;
        witness.blocks_decoded += report.blocks_decoded;
        witness.blocks_hidden += report.blocks_hidden;
        if report.threads == 2 {
            witness.on_two_threads.insert(layout);
        }
    }
}

fn check_case(case: &Case, witness: &mut Witness) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let questions = questions_of(case.seed);
    let mut seen: Option<[Points; SERIES]> = None;
    let mut answers: Vec<ExpectedAnswer> = Vec::new();
    let mut first_bits: Vec<Option<Bits>> = vec![None; questions.len()];
    for (layout, then) in LAYOUTS {
        let _context = Context(format!("{case:?}, layout {layout:?}"));
        let database = laid_out(case, then);
        let seen = seen.get_or_insert_with(|| database.seen());
        if answers.is_empty() {
            let answer = |question| windows::answer(question, seen, case.value_type);
            answers = questions.iter().map(answer).collect();
        }
        for ((question, expected), bits) in questions.iter().zip(&answers).zip(&mut first_bits) {
            check_question(&database, (question, expected), bits, layout, witness);
        }
        for scan in ScanCase::all() {
            let _context = Context(format!("{scan:?}"));
            witness.summaries += check_scan(&scan, &database.snapshot(), seen, &runtime);
            witness.scans += 1;
        }
    }
}

fn check_policy(duplicates: DuplicatePolicy) {
    let mut witness = Witness::default();
    for case in cases(duplicates) {
        check_case(&case, &mut witness);
    }
    println!("{witness:?}");
    assert_eq!(witness.on_two_threads.len(), LAYOUTS.len(), "layouts of two threads: {witness:?}");
    let counts = [witness.blocks_by_statistics, witness.blocks_decoded, witness.blocks_hidden];
    assert!(counts.iter().all(|count| *count > 50) && witness.summaries > 50, "{witness:?}");
}

#[test]
fn every_layout_agrees_if_all_duplicates_are_kept() {
    check_policy(DuplicatePolicy::KeepAll);
}

#[test]
fn every_layout_agrees_if_the_last_duplicate_is_kept() {
    check_policy(DuplicatePolicy::KeepLast);
}

#[test]
fn every_layout_agrees_if_the_first_duplicate_is_kept() {
    check_policy(DuplicatePolicy::KeepFirst);
}

/// The queries of the matrix have every window function and rule of filling beside every operator.
#[test]
fn the_queries_of_the_matrix_have_every_step() {
    let all: Vec<Question> = SEEDS.into_iter().flat_map(questions_of).collect();
    let has = |what: &dyn Fn(&Question) -> bool| all.iter().any(what);
    for operator in operators() {
        assert!(has(&|question| question.operators.contains(&operator)), "{operator:?}");
    }
    for function in all_window_functions() {
        assert!(has(&|question| question.function == Some(function)), "{function}");
    }
    for fill in all_fills() {
        assert!(has(&|question| question.fill == fill && question.every.is_some()), "{fill:?}");
    }
    assert!(has(&|question| question.over.is_some_and(|over| Some(over) < question.every)), "gaps");
    assert!(has(&|question| question.over.is_some_and(|over| Some(over) > question.every)), "overlaps");
    assert!(has(&|question| question.closed == timestrata::Edge::End && question.every.is_some()), "(start, end]");
    assert!(has(&|question| question.lookback.is_some() && question.range.is_some()), "lookback");
    assert!(has(&|question| question.range.is_none()) && has(&|question| question.every.is_none()), "open ends");
    assert!(has(&|question| question.rank.is_some()) && has(&|question| question.origin.is_some()), "rank, origin");
}
