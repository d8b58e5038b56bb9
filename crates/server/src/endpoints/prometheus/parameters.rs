//! Parameters of the Prometheus API: limits, times and durations, and their errors.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use timestrata::Timestamp;

use super::error::ApiError;
use crate::app::SharedState;
use crate::endpoints::parameters::Parameters;

impl FromRequest<SharedState> for Parameters {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &SharedState) -> Result<Self, ApiError> {
        let (parts, content) = request.into_parts();
        Ok(Self::read(app, &parts.method, parts.uri.query(), &parts.headers, content).await?)
    }
}

/// Values of the types that the API has.
impl Parameters {
    /// Returns the greatest number of items of an answer; `None` for no limit: without the parameter, or by 0.
    ///
    /// # Errors
    ///
    /// 400 `bad_data` for a text that is not a whole number.
    pub(crate) fn limit(&self, name: &'static str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let limit: usize =
            text.parse().map_err(|_| invalid(name, &format!("{text:?} is not a number of items, from 0 on")))?;
        Ok((limit > 0).then_some(limit))
    }

    /// Returns a bound of a lookup. A time outside of the store's range becomes its first or last time.
    ///
    /// # Errors
    ///
    /// 400 `bad_data` for a text that is no time.
    pub(crate) fn bound(&self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        let parse = |text: &str| {
            parse_bound(text).ok_or_else(|| invalid(name, &format!("cannot parse {text:?} to a valid timestamp")))
        };
        self.get(name).map(parse).transpose()
    }

    /// Returns the times from `start` to `end`, both inclusive; `None` if neither is given.
    ///
    /// # Errors
    ///
    /// 400 `bad_data` for a text that is no time.
    pub(crate) fn bounds(&self) -> Result<Option<RangeInclusive<Timestamp>>, ApiError> {
        let (start, end) = (self.bound("start")?, self.bound("end")?);
        let is_bounded =
            start.is_some_and(|start| start > Timestamp::MIN) || end.is_some_and(|end| end < Timestamp::MAX);
        Ok(is_bounded.then(|| start.unwrap_or(Timestamp::MIN)..=end.unwrap_or(Timestamp::MAX)))
    }

    /// Returns a time, in seconds with decimals or in RFC 3339. Decimals beyond nine are cut.
    ///
    /// # Errors
    ///
    /// 400 `bad_data` for a text that is no time.
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        let parse = |text: &str| {
            parse_time(text).ok_or_else(|| invalid(name, &format!("cannot parse {text:?} to a valid timestamp")))
        };
        self.get(name).map(parse).transpose()
    }

    /// Returns a time that must be present.
    ///
    /// # Errors
    ///
    /// 400 `bad_data` for a text that is no time, and without the parameter.
    pub(crate) fn required_time(&self, name: &'static str) -> Result<Timestamp, ApiError> {
        self.time(name)?.ok_or_else(|| invalid(name, "cannot parse \"\" to a valid timestamp"))
    }

    /// Returns a duration, in seconds with decimals or as in PromQL. Decimals beyond nine are cut.
    ///
    /// # Errors
    ///
    /// 400 `bad_data` for a text that is no duration, or negative.
    pub(crate) fn duration(&self, name: &'static str) -> Result<Option<Duration>, ApiError> {
        let parse = |text: &str| {
            parse_duration(text).ok_or_else(|| invalid(name, &format!("cannot parse {text:?} to a valid duration")))
        };
        self.get(name).map(parse).transpose()
    }
}

/// Returns the error of a parameter, in the words of Prometheus.
pub(crate) fn invalid(name: &str, what: &str) -> ApiError {
    ApiError::bad_data(format!("invalid parameter {name:?}: {what}"))
}

/// Texts that clients of Prometheus write for the first and the last time of its range.
const UNBOUNDED: [&str; 2] = ["-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z"];

fn parse_bound(text: &str) -> Option<Timestamp> {
    let clamped = |seconds: &f64| if *seconds < 0.0 { Timestamp::MIN } else { Timestamp::MAX };
    match text {
        first if first == UNBOUNDED[0] => Some(Timestamp::MIN),
        last if last == UNBOUNDED[1] => Some(Timestamp::MAX),
        _ => parse_time(text)
            .or_else(|| text.parse().ok().filter(|seconds: &f64| !seconds.is_nan()).as_ref().map(clamped)),
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    if let Some(nanos) = seconds_to_nanos(text) {
        return Some(Timestamp::from_nanos(nanos));
    }
    text.parse().ok()
}

/// Returns nanoseconds of a decimal number of seconds, exactly; an exponent is read as a double.
fn seconds_to_nanos(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1_i128, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_decimal(whole) || !is_decimal(fraction) {
        let seconds: f64 = text.parse().ok().filter(|seconds: &f64| seconds.abs() < 9.2e9)?;
        #[expect(clippy::cast_possible_truncation, reason = "the bound above")]
        return Some((seconds * 1e9).round() as i64);
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits beyond nanoseconds are cut.
    let nanos: i128 = format!("{:0<9}", &fraction[..fraction.len().min(9)]).parse().ok()?;
    i64::try_from(sign * whole.checked_mul(1_000_000_000)?.checked_add(nanos)?).ok()
}

fn parse_duration(text: &str) -> Option<Duration> {
    if let Some(nanos) = seconds_to_nanos(text) {
        return u64::try_from(nanos).ok().map(Duration::from_nanos);
    }
    timestrata_promql::parse_duration(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_seconds_or_rfc_3339() {
        let nanos = |text: &str| parse_time(text).map(Timestamp::as_nanos);
        assert_eq!(nanos("1435781451.781"), Some(1_435_781_451_781_000_000));
        assert_eq!(nanos("-1.5"), Some(-1_500_000_000));
        assert_eq!(nanos("1e3"), Some(1_000_000_000_000));
        assert_eq!(nanos("2015-07-01T20:10:51.781Z"), Some(1_435_781_451_781_000_000));
        // One whose nanoseconds do not fit into 128 bits, too.
        let large = "170141183460469231731687303715.999999999";
        for bad in ["", "abc", "1.2.3", "NaN", "inf", "1e300", "99999999999999", large] {
            assert_eq!(nanos(bad), None, "{bad}");
        }
    }

    #[test]
    fn bounds_beyond_the_times_of_the_store_are_clamped() {
        assert_eq!(parse_bound("99999999999999"), Some(Timestamp::MAX));
        assert_eq!(parse_bound("-1e300"), Some(Timestamp::MIN));
        assert_eq!(parse_bound(UNBOUNDED[0]), Some(Timestamp::MIN));
        assert_eq!(parse_bound("5"), Some(Timestamp::from_secs(5)));
        assert_eq!(parse_bound("NaN"), None);
        assert_eq!(parse_bound("x"), None);
    }

    #[test]
    fn durations_are_seconds_or_those_of_promql() {
        assert_eq!(parse_duration("15"), Some(Duration::from_secs(15)));
        assert_eq!(parse_duration("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_mins(90)));
        assert_eq!(parse_duration("-5"), None);
        assert_eq!(parse_duration("five"), None);
    }
}
