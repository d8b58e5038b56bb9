//! Random histories with random queries of overlapping windows, both edges, lookback, window functions and every
//! operator, compared with a computation from the definition: over memtables, held frozen ones, files, overlaps, deletes
//! and retention, under each duplicate policy, with statistics on and off.

use proptest::prelude::*;
use timestrata::{DuplicatePolicy, ValueType};

use crate::oracle::question::questions;
use crate::oracle::{POLICIES, Question, Step, TestDatabase, check, steps, windows};

/// Compares the results with statistics and without them with the points.
fn check_question(database: &TestDatabase, question: &Question) -> Result<(), TestCaseError> {
    let expected = windows::answer(question, &database.seen(), database.value_type);
    for statistics in [true, false] {
        let query = question.query(&database.snapshot()).statistics(statistics);
        let answer = query.run_blocking().map_err(|error| TestCaseError::fail(format!("{error} for {question:?}")))?;
        let same = check(question, &answer, &expected);
        same.map_err(|text| TestCaseError::fail(format!("statistics {statistics}: {text}, for {question:?}")))?;
    }
    Ok(())
}

pub(crate) fn check_history(history: &[Step], duplicates: DuplicatePolicy) -> Result<(), TestCaseError> {
    let mut database = TestDatabase::new(duplicates, ValueType::F64, 0);
    for step in history {
        match step {
            Step::Ask(question) => check_question(&database, question)?,
            step => database.apply(step),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn windows_and_operators_agree_with_their_points(
        history in prop::collection::vec(steps(questions()), 1..16),
        last in prop::collection::vec(questions(), 4),
        policy in 0..3_usize,
    ) {
        let history: Vec<Step> = history.into_iter().chain(last.into_iter().map(Step::Ask)).collect();
        check_history(&history, POLICIES[policy])?;
    }
}
