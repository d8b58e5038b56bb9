//! Random histories of writes, late points, deletes, retention, frozen memtables, flushes and merges, under each duplicate
//! policy, with random queries after each step: windows, aggregates, groups, fill and rank are compared with a
//! computation from the points.

use proptest::prelude::*;

use crate::oracle::question::tiled_questions;
use crate::oracle::{POLICIES, Step, steps};
use crate::windows_and_operators_agree_with_their_points::check_history;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_query_agrees_with_its_points(
        history in prop::collection::vec(steps(tiled_questions()), 1..24),
        last in prop::collection::vec(tiled_questions(), 3),
        policy in 0..3_usize,
    ) {
        let history: Vec<Step> = history.into_iter().chain(last.into_iter().map(Step::Ask)).collect();
        check_history(&history, POLICIES[policy])?;
    }
}
