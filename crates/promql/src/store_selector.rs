//! Selectors of the language as selectors of the store, for programs that read series without a query.

use timestrata::Selector;

use crate::ast::{Expression, LabelMatcher, MatchOperator, VectorSelector};
use crate::eval::QueryError;
use crate::options::ParserOptions;
use crate::parse::parse;
use crate::parse_error::ParseError;
use crate::pattern::Pattern;

/// Parses a selector of series without modifiers: what the parameter `match[]` of Prometheus' HTTP interface takes.
///
/// ```
/// use timestrata_promql::{ParserOptions, parse_selector, store_selector};
///
/// let selector = parse_selector(r#"up{job=~"a|b"}"#, &ParserOptions::default())?;
/// let selector = store_selector(&selector.conditions())?;
/// assert!(selector.matches(&timestrata::SeriesKey::new("up").tag("job", "b")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of [`parse`], and an expression that is no selector of series.
pub fn parse_selector(text: &str, options: &ParserOptions) -> Result<VectorSelector, ParseError> {
    let expression = parse(text, options)?;
    let span = expression.span();
    match expression {
        Expression::Vector(selector)
            if selector.offset.is_none() && selector.at.is_none() && selector.extension.is_none() =>
        {
            Ok(*selector)
        }
        _ => Err(ParseError::new(text, span, "a selector of series is expected, such as up{job=\"a\"}")),
    }
}

/// Returns the selector of the store with the same meaning: all matchers hold, and patterns have the syntax of Go.
///
/// # Errors
///
/// [`QueryError::Execution`] or [`QueryError::Storage`] for an invalid pattern.
pub fn store_selector(matchers: &[LabelMatcher]) -> Result<Selector, QueryError> {
    let selector = matchers.iter().try_fold(Selector::all(), |selector, matcher| {
        let LabelMatcher { label, operator, value, .. } = matcher;
        let pattern = || {
            let translated = Pattern::translate(value).map(|pattern| pattern.for_store());
            translated.map_err(|error| QueryError::execution(format!("invalid pattern {value:?}: {error}")))
        };
        Ok::<_, QueryError>(match operator {
            MatchOperator::Equal => selector.tag(label, value),
            MatchOperator::NotEqual => selector.tag_not(label, value),
            MatchOperator::Matches => selector.tag_matches(label, pattern()?),
            MatchOperator::NotMatches => selector.tag_not_matches(label, pattern()?),
        })
    })?;
    selector.validate()?;
    Ok(selector)
}

#[cfg(test)]
mod tests {
    use timestrata::SeriesKey;

    use super::*;

    fn selects(text: &str, key: &SeriesKey) -> bool {
        let selector = parse_selector(text, &ParserOptions::default()).unwrap();
        store_selector(&selector.conditions()).unwrap().matches(key)
    }

    #[test]
    fn selectors_have_the_meaning_of_queries() {
        let key = SeriesKey::new("up").tag("job", "a\nb");
        for (text, expected) in [
            ("up", true),
            (r#"{__name__=~"u.*",job=~"a.b"}"#, true),
            (r#"up{job!~"a.b"}"#, false),
            (r#"up{job=~"a"}"#, false),
            (r#"up{other=""}"#, true),
            (r#"{"up"}"#, true),
        ] {
            assert_eq!(selects(text, &key), expected, "{text}");
        }
    }

    #[test]
    fn other_expressions_are_no_selectors() {
        for text in ["up[5m]", "up offset 5m", "up @ 5", "rate(up[5m])", "1", "", "{}"] {
            assert!(parse_selector(text, &ParserOptions::default()).is_err(), "{text}");
        }
        let matcher = |value: &str| LabelMatcher {
            label: "a".to_owned(),
            operator: MatchOperator::Matches,
            value: value.to_owned(),
            span: crate::Span::default(),
        };
        for pattern in ["(", "(?x)a", "a**"] {
            assert!(store_selector(&[matcher(pattern)]).is_err(), "{pattern}");
        }
    }
}
