//! Durations of the test language.

const UNITS: [(&str, i64); 7] = [
    ("ms", 1_000_000),
    ("y", 365 * 86_400_000_000_000),
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// Parses a duration to nanoseconds: `1h30m`, `-5s`, `0`, or a number of seconds.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    if let Some(rest) = text.strip_prefix('-') {
        return parse_duration(rest).map(|nanos| -nanos);
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(seconds) = text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "the suite has small numbers")]
        return seconds.is_finite().then_some((seconds * 1e9).round() as i64);
    }
    let (mut rest, mut nanos) = (text, 0_i64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let (unit, factor) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit))?;
        nanos = nanos.checked_add(number.parse::<i64>().ok()?.checked_mul(*factor)?)?;
        rest = &tail[unit.len()..];
    }
    (!text.is_empty()).then_some(nanos)
}

#[test]
fn durations_have_units_or_are_seconds() {
    assert_eq!(parse_duration("1h30m"), Some(5_400_000_000_000));
    assert_eq!(parse_duration("59999ms"), Some(59_999_000_000));
    assert_eq!(parse_duration("-1m"), Some(-60_000_000_000));
    assert_eq!(parse_duration("0"), Some(0));
    assert_eq!(parse_duration("1.5"), Some(1_500_000_000));
    assert_eq!(parse_duration("5x"), None);
    assert_eq!(parse_duration(""), None);
}
