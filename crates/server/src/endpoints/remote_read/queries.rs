//! The queries of a request: the series of each, in the order of their labels.

use std::ops::RangeInclusive;
use std::sync::Arc;

use timestrata::{SeriesInfo, Snapshot, Timestamp};
use timestrata_promql::ast::{LabelMatcher, MatchOperator};
use timestrata_promql::{Span, store_selector};

use super::messages::{self, Label, ReadRequest};
use super::millis::range_of_millis;
use crate::app::AppState;
use crate::endpoints::prometheus::{MAX_PATTERNS, UNLIMITED, pattern_count, series_labels};
use crate::failure::Failure;
use crate::memory::MemoryPermit;

/// Queries of one request.
const MAX_QUERIES: usize = 100;

/// Series that a query reads.
pub(super) struct QuerySeries {
    /// In the order of their labels. One may have no point in the range.
    pub(super) series: Vec<Arc<SeriesInfo>>,
    pub(super) range: RangeInclusive<Timestamp>,
}

/// Finds the series of all queries, and admits the memory of their list.
///
/// # Errors
///
/// 400 for an invalid matcher and too many queries; 503 if the memory of answers is in use; those of the engine.
pub(super) async fn find(
    app: &AppState,
    snapshot: &Snapshot,
    request: &ReadRequest,
) -> Result<(Vec<QuerySeries>, MemoryPermit), Failure> {
    if request.queries.len() > MAX_QUERIES {
        return Err(Failure::bad_request(format!("the request has more than {MAX_QUERIES} queries")));
    }
    let mut permit = app.answers.admit(0)?;
    let mut found = Vec::with_capacity(request.queries.len());
    let mut patterns = 0;
    for query in &request.queries {
        let matchers = matchers(&query.matchers)?;
        patterns += pattern_count(&matchers);
        if patterns > MAX_PATTERNS {
            return Err(Failure::bad_request(format!("the request has more than {MAX_PATTERNS} patterns")));
        }
        let selector = store_selector(&matchers).map_err(|error| Failure::bad_request(error.to_string()))?;
        let range = range_of_millis(query.start_timestamp_ms, query.end_timestamp_ms);
        let listing = snapshot.listing(selector).approximate_range(range.clone()).limit(UNLIMITED);
        let mut series = listing.series(None).await?.items;
        permit.grow(series.len() * size_of::<Arc<SeriesInfo>>())?;
        series.sort_by(|one, other| series_labels(&one.key).cmp(series_labels(&other.key)));
        found.push(QuerySeries { series, range });
    }
    Ok((found, permit))
}

fn matchers(matchers: &[messages::LabelMatcher]) -> Result<Vec<LabelMatcher>, Failure> {
    let matcher = |matcher: &messages::LabelMatcher| {
        let operator = match matcher.kind {
            0 => MatchOperator::Equal,
            1 => MatchOperator::NotEqual,
            2 => MatchOperator::Matches,
            3 => MatchOperator::NotMatches,
            other => {
                return Err(Failure::bad_request(format!("a matcher has the type {other}, which is none of 0 to 3")));
            }
        };
        let (label, value) = (matcher.name.clone(), matcher.value.clone());
        Ok(LabelMatcher { label, operator, value, span: Span::default() })
    };
    matchers.iter().map(matcher).collect()
}

/// Returns the labels of a series as messages, sorted by name.
pub(super) fn label_messages(info: &SeriesInfo) -> Vec<Label> {
    let label = |(name, value): (&str, &str)| Label { name: name.to_owned(), value: value.to_owned() };
    series_labels(&info.key).map(label).collect()
}
