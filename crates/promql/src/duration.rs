//! Durations as parameters of the HTTP interface have them.

use std::time::Duration;

/// Parses a duration such as `1h30m` or `250ms`: whole numbers with the units `y`, `w`, `d`, `h`, `m`, `s`, `ms`, each once, from
/// the longest to the shortest.
///
/// # Errors
///
/// The text of Prometheus' error, if the text is no duration or one of more than 292 years.
///
/// ```
/// use std::time::Duration;
/// use timestrata_promql::parse_duration;
///
/// assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5_400)));
/// assert!(parse_duration("30m1h").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(crate::lexer::parse_duration(text)?).map_err(|error| error.to_string())
}
