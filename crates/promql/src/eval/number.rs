//! Conversions between integers, times and `f64`, in one place because each may round.

/// Nanoseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;

/// Returns a number of items as `f64`; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 items")]
pub(crate) fn count(items: usize) -> f64 {
    items as f64
}

/// Returns a number of points as `f64`; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 points")]
pub(crate) fn whole_count(points: u64) -> f64 {
    points as f64
}

/// Returns nanoseconds as seconds.
///
/// Whole milliseconds give the nearest `f64`, as in the reference, which counts milliseconds.
#[expect(clippy::cast_precision_loss, reason = "the nearest f64 is the documented result")]
pub(crate) fn seconds(nanos: i64) -> f64 {
    if nanos % MILLI == 0 {
        return (nanos / MILLI) as f64 / 1000.0;
    }
    nanos.div_euclid(SECOND) as f64 + nanos.rem_euclid(SECOND) as f64 / 1e9
}

/// Returns seconds as nanoseconds, rounded to the nearest and clamped to the range of times.
#[expect(clippy::cast_possible_truncation, reason = "`as` clamps; NaN becomes 0")]
pub(crate) fn nanos(seconds: f64) -> i64 {
    let millis = seconds * 1000.0;
    if millis.fract() == 0.0 && millis.abs() < 9e15 {
        return (millis as i64).saturating_mul(MILLI);
    }
    (seconds * 1e9).round() as i64
}

/// Returns the whole part of a number, clamped to the range of `i64`; 0 for NaN.
#[expect(clippy::cast_possible_truncation, reason = "`as` clamps")]
pub(crate) fn whole(number: f64) -> i64 {
    number as i64
}

/// Returns a number from 0 as an index, clamped to the range of `usize`; 0 for NaN and negative numbers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` clamps")]
pub(crate) fn index(number: f64) -> usize {
    number as usize
}

/// Returns `lo + hi` of a 64-bit hash as a fraction of 2^64.
#[expect(clippy::cast_precision_loss, reason = "a position between 0 and 1")]
pub(crate) fn fraction(hash: u64) -> f64 {
    hash as f64 / u64::MAX as f64
}

/// Writes a number as Go's `%g` does, and PromQL's annotations.
pub(crate) fn general(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    if number == 0.0 {
        return if number.is_sign_negative() { "-0".to_owned() } else { "0".to_owned() };
    }
    let text = format!("{number:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..21).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Writes a number without an exponent, as a label value.
pub(crate) fn plain(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    format!("{number}")
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::*;

    #[test]
    fn times_convert_to_the_nearest_number_of_seconds() {
        for millis in [0_i64, 1, -1, 1_357_000_000_123, 1_700_000_000_007, -62_135_596_800_001 / 8] {
            assert_eq!(seconds(millis * MILLI).to_bits(), (count(0) + millis as f64 / 1000.0).to_bits());
            assert_eq!(nanos(seconds(millis * MILLI)), millis * MILLI);
        }
        assert_eq!(seconds(1_500_000_001), 1.500_000_001);
        assert_eq!((nanos(1e30), nanos(-1e30), nanos(f64::NAN)), (i64::MAX, i64::MIN, 0));
    }

    #[test]
    fn numbers_are_written_as_in_go() {
        let table = [
            (1.1, "1.1"),
            (-1.5, "-1.5"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (f64::INFINITY, "+Inf"),
            (-0.0, "-0"),
        ];
        for (number, text) in table {
            assert_eq!(general(number), text);
        }
        assert_eq!(
            (general(f64::NAN), plain(f64::NEG_INFINITY), plain(1e22)),
            ("NaN".into(), "-Inf".into(), "10000000000000000000000".into())
        );
    }
}
