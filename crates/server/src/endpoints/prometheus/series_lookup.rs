//! Lookups of series, label names and label values by the parameters `match[]`, `start` and `end`.

use std::sync::Arc;

use timestrata::{Listing, Page, Selector, SeriesInfo, Snapshot};
use timestrata_promql::ast::{LabelMatcher, MatchOperator};
use timestrata_promql::{ParserOptions, parse_selector, store_selector};

use super::error::ApiError;
use super::labels::METRIC_NAME;
use super::parameters::invalid;
use crate::endpoints::parameters::Parameters;

/// Items of a page that no limit bounds. Series, and so names and values, are bounded by `max-series`.
pub(in crate::endpoints) const UNLIMITED: usize = usize::MAX / 2;
/// Selectors of one request.
const MAX_SELECTORS: usize = 1_000;
/// Regular expressions of one request: compiling one takes time, and memory while it is used.
pub(in crate::endpoints) const MAX_PATTERNS: usize = 200;

/// Series that any of the selectors of a request matches, with a block or memtable that overlaps its range of time.
pub(in crate::endpoints) struct SeriesLookup {
    listing: Listing,
}

impl SeriesLookup {
    /// Reads the parameters of a request. Without `match[]` all series are meant.
    ///
    /// # Errors
    ///
    /// For an invalid selector or time.
    pub(in crate::endpoints) fn new(snapshot: &Snapshot, parameters: &Parameters) -> Result<Self, ApiError> {
        let selector = selectors(parameters)?.into_iter().reduce(Selector::or).unwrap_or_else(Selector::all);
        let mut listing = snapshot.listing(selector).limit(UNLIMITED);
        if let Some(range) = parameters.bounds()? {
            listing = listing.approximate_range(range);
        }
        Ok(Self { listing })
    }

    /// Returns the series in the order of their keys.
    pub(in crate::endpoints) async fn series(&self, limit: Option<usize>) -> Result<Page<Arc<SeriesInfo>>, ApiError> {
        Ok(self.limited(limit).series(None).await?)
    }

    /// Returns the names of labels, sorted.
    pub(super) async fn label_names(&self, limit: Option<usize>) -> Result<Page<String>, ApiError> {
        let mut page = self.limited(limit).tag_keys(None).await?;
        let has_series = !page.items.is_empty() || !self.limited(Some(1)).metrics(None).await?.items.is_empty();
        if has_series {
            let at = page.items.partition_point(|name| name.as_str() < METRIC_NAME);
            page.items.insert(at, METRIC_NAME.to_owned());
        }
        let limit = limit.unwrap_or(UNLIMITED);
        page.has_more |= page.items.len() > limit;
        page.items.truncate(limit);
        Ok(page)
    }

    /// Returns the values of a label, sorted.
    pub(super) async fn label_values(&self, label: &str, limit: Option<usize>) -> Result<Page<String>, ApiError> {
        let listing = self.limited(limit);
        Ok(if label == METRIC_NAME { listing.metrics(None).await? } else { listing.tag_values(label, None).await? })
    }

    fn limited(&self, limit: Option<usize>) -> Listing {
        self.listing.clone().limit(limit.unwrap_or(UNLIMITED))
    }
}

/// Returns the selectors of `match[]`, one for each value.
///
/// # Errors
///
/// For a text that is no selector, and too many of them.
fn selectors(parameters: &Parameters) -> Result<Vec<Selector>, ApiError> {
    let (mut selectors, mut patterns) = (Vec::new(), 0);
    for text in parameters.all("match[]") {
        let parsed = parse_selector(text, &ParserOptions::default());
        let conditions = parsed.map_err(|error| invalid("match[]", &error.to_string()))?.conditions();
        patterns += pattern_count(&conditions);
        if selectors.len() >= MAX_SELECTORS || patterns > MAX_PATTERNS {
            let message = format!("there are more than {MAX_SELECTORS} selectors or more than {MAX_PATTERNS} patterns");
            return Err(invalid("match[]", &message));
        }
        selectors.push(store_selector(&conditions).map_err(|error| invalid("match[]", &error.to_string()))?);
    }
    Ok(selectors)
}

/// Returns the number of regular expressions of matchers.
pub(in crate::endpoints) fn pattern_count(matchers: &[LabelMatcher]) -> usize {
    let is_pattern =
        |matcher: &&LabelMatcher| matches!(matcher.operator, MatchOperator::Matches | MatchOperator::NotMatches);
    matchers.iter().filter(is_pattern).count()
}

/// Returns the selector of the series that any `match[]` selects; there must be one.
///
/// # Errors
///
/// As for [`selectors`], and without one.
pub(in crate::endpoints) fn required_selector(parameters: &Parameters) -> Result<Selector, ApiError> {
    selectors(parameters)?.into_iter().reduce(Selector::or).ok_or_else(missing_selector)
}

/// Returns the error of a request without `match[]`.
pub(super) fn missing_selector() -> ApiError {
    ApiError::bad_data("no match[] parameter provided")
}
