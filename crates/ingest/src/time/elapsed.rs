//! Elapsed times: a number of units, a clock that may pass 24 hours, or `0 days 00:00:01`.

use super::epoch;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Parses an elapsed time to nanoseconds; a bare number counts units of `10^power` nanoseconds.
///
/// It is rounded to the nearest nanosecond: elapsed times are mostly floats, such as 0.7999999999999999.
pub(crate) fn parse(text: &str, power: i32) -> Result<i64, String> {
    let wrong = || {
        format!("{text:?} is neither a number of {} nor an elapsed time such as 0 days 00:00:01", {
            epoch::unit_name(power)
        })
    };
    if !text.contains(':') && !text.contains("day") {
        return epoch::parse_rounded(text, power).map_err(|_| wrong());
    }
    let (is_negative, rest) = match text.strip_prefix('-') {
        // pandas writes -1 day +23:59:59 for one second before: the days are negative, and the clock is not.
        Some(rest) if !rest.contains("day") => (true, rest),
        _ => (false, text),
    };
    let (days, clock) = match rest.split_once("day") {
        Some((days, clock)) => {
            let clock = clock.strip_prefix('s').unwrap_or(clock).trim_start_matches([',', ' ', '+']);
            (days.trim().parse::<i32>().map_err(|_| wrong())?, clock)
        }
        None => (0, rest),
    };
    let nanos = if clock.is_empty() { 0 } else { clock_nanos(clock).ok_or_else(wrong)? };
    let total = i128::from(days) * 86_400 * NANOS_PER_SECOND + nanos;
    i64::try_from(if is_negative { -total } else { total }).map_err(|_| epoch::out_of_range(text))
}

/// Parses `H:MM`, `H:MM:SS` or `H:MM:SS.fraction`.
fn clock_nanos(clock: &str) -> Option<i128> {
    let mut parts = clock.trim().split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let is_digits = |text: &str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !is_digits(hours) || !is_digits(minutes) {
        return None;
    }
    let (hours, minutes): (i128, i128) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = i128::from(epoch::parse_rounded(seconds, 9).ok()?);
    let is_valid = minutes < 60 && (0..60 * NANOS_PER_SECOND).contains(&seconds);
    is_valid.then_some((hours * 3_600 + minutes * 60) * NANOS_PER_SECOND + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_times_have_three_forms() {
        let seconds = |text| parse(text, 9).map(|nanos| nanos / 1_000_000);
        assert_eq!(seconds("2.5"), Ok(2_500));
        assert_eq!(seconds("0 days 00:00:01"), Ok(1_000));
        assert_eq!(seconds("1 day, 0:00:00.250000"), Ok(86_400_250));
        assert_eq!(seconds("-1 days +23:59:59"), Ok(-1_000));
        assert_eq!(seconds("100:00:00"), Ok(360_000_000));
        assert_eq!(seconds("2 days"), Ok(172_800_000));
        assert_eq!((seconds("0.7999999999999999"), seconds("0:00:02.9999999999999996")), (Ok(800), Ok(3_000)));
        for text in ["", "a:b", "1:2:3:4", "0:60", "0:00:60", "x days", "-"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
