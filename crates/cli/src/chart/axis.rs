//! Ticks of an axis and their labels: times at round local times of a zone, values at round numbers.
//! Draws nothing.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use timestrata::Timestamp;

use crate::time::to_zoned;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A time and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AxisTick {
    pub(super) at: i64,
    pub(super) text: String,
}

/// Distance between two ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TickStep {
    /// A fraction of a day, so that ticks are at the same local times every day.
    Nanos(i64),
    Days(i64),
    Months(i64),
}

impl TickStep {
    /// Approximate number of ticks in a span.
    fn count_in(self, (first, last): (i64, i64)) -> i128 {
        let nanos = match self {
            Self::Nanos(nanos) => nanos.into(),
            Self::Days(days) => i128::from(days) * i128::from(DAY),
            Self::Months(months) => i128::from(months) * 30 * i128::from(DAY),
        };
        (i128::from(last) - i128::from(first)) / nanos
    }

    /// Candidates from short to long.
    fn all() -> impl Iterator<Item = Self> {
        let parts = (0..9).flat_map(|power| [1, 2, 5].map(|digit| Self::Nanos(digit * 10_i64.pow(power))));
        let seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200];
        let years = [1, 2, 5, 10, 20, 50, 100].map(|years| Self::Months(years * 12));
        parts
            .chain(seconds.map(|seconds| Self::Nanos(seconds * SECOND)))
            .chain([1, 2, 7, 14].map(Self::Days))
            .chain([1, 2, 3, 6].map(Self::Months))
            .chain(years)
    }
}

/// Returns as many ticks as fit with their labels side by side, separated by the width of two digits.
pub(super) fn times_in(
    times: (i64, i64),
    room: usize,
    zone: &TimeZone,
    width: impl Fn(&str) -> usize,
) -> Vec<AxisTick> {
    const MAX_TICKS: usize = 14;
    let space = width("00");
    let fits = |marks: &Vec<AxisTick>| {
        let widest = marks.iter().map(|mark| width(&mark.text)).max().unwrap_or(0);
        marks.len() * (widest + space) <= room
    };
    let mut all = (2..=MAX_TICKS).rev().map(|most| self::time_ticks_at_most(times, most, zone));
    all.find(fits).unwrap_or_default()
}

/// Returns at most `most` ticks between two times.
fn time_ticks_at_most((first, last): (i64, i64), most: usize, zone: &TimeZone) -> Vec<AxisTick> {
    let most = i64::try_from(most.max(2)).unwrap_or(2);
    let step =
        TickStep::all().find(|step| step.count_in((first, last)) < most.into()).unwrap_or(TickStep::Months(1_200));
    let clock = to_zoned(Timestamp::from_nanos(first), zone).datetime();
    let mut marks: Vec<AxisTick> = Vec::new();
    for nth in 0..=most + 1 {
        let Some(clock) = tick_clock(clock, step, nth) else { break };
        // A local time that a clock change skips is moved forward by the length of the gap.
        let Ok(at) = zone.to_timestamp(clock) else { break };
        // The first tick may lie before the least timestamp.
        let Ok(at) = i64::try_from(at.as_nanosecond()) else { continue };
        if (first..=last).contains(&at) && marks.last().is_none_or(|mark| mark.at < at) {
            let text = text(clock, step);
            marks.push(AxisTick { at, text });
        }
    }
    marks
}

/// Returns the local time of the n-th tick, counted from the tick at or before `first`.
fn tick_clock(first: DateTime, step: TickStep, nth: i64) -> Option<DateTime> {
    let midnight = DateTime::from_parts(first.date(), Time::midnight());
    match step {
        TickStep::Nanos(nanos) => {
            let into = i64::try_from(first.duration_since(midnight).as_nanos()).ok()?;
            let into = into - into % nanos + nth.checked_mul(nanos)?;
            midnight.checked_add(SignedDuration::from_nanos(into)).ok()
        }
        TickStep::Days(days) => {
            // Counted from a Monday, so that weeks begin on Monday.
            let monday = Date::constant(1969, 12, 29);
            let since = monday.duration_since(first.date()).as_hours() / -24;
            let day = monday.checked_add((since - since.rem_euclid(days) + nth * days).days()).ok()?;
            Some(DateTime::from_parts(day, Time::midnight()))
        }
        TickStep::Months(months) => {
            let month = i64::from(first.year()) * 12 + i64::from(first.month()) - 1;
            let month = month - month.rem_euclid(months) + nth * months;
            let (year, month) =
                (i16::try_from(month.div_euclid(12)).ok()?, i8::try_from(month.rem_euclid(12)).ok()? + 1);
            Some(DateTime::from_parts(Date::new(year, month, 1).ok()?, Time::midnight()))
        }
    }
}

/// Returns the label of a tick: the part of the time that differs from tick to tick.
///
/// At the start of the next larger part, such as a day or a year, the label is that part.
fn text(clock: DateTime, step: TickStep) -> String {
    let format = match step {
        TickStep::Nanos(_) if clock.time() == Time::midnight() => "%-d %b",
        TickStep::Nanos(nanos) if nanos >= 60 * SECOND => "%H:%M",
        TickStep::Nanos(_) => "%H:%M:%S%.f",
        TickStep::Months(12..) => "%Y",
        TickStep::Months(_) if clock.month() == 1 => "%Y",
        TickStep::Months(_) => "%b",
        TickStep::Days(_) => "%-d %b",
    };
    clock.strftime(format).to_string()
}

/// Returns the caption: the range and its time zone.
pub(super) fn range_text((first, last): (i64, i64), zone: &TimeZone, name: &str) -> String {
    let clock = |at| to_zoned(Timestamp::from_nanos(at), zone).datetime();
    let (from, to) = (clock(first), clock(last));
    let is_day = |clock: DateTime| clock.time() == Time::midnight();
    let format = match last.saturating_sub(first) {
        _ if is_day(from) && is_day(to) => "%Y-%m-%d",
        span if span < 10 * 60 * SECOND => "%Y-%m-%d %H:%M:%S%.f",
        _ => "%Y-%m-%d %H:%M",
    };
    format!("{} to {}, {name}", from.strftime(format), to.strftime(format))
}

/// Scale of a value axis: round tick values that cover a range, and their number format.
///
/// Values near the ends of the range of a double are drawn smaller by a power of ten: the first tick beyond them, and the
/// length of the axis, would be infinite. Ends, ticks and labels are of [`ValueScale::drawn`] values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueScale {
    pub(super) first: f64,
    pub(super) last: f64,
    step: f64,
    /// Decimal power by which drawn values are smaller.
    shrunk_by: i32,
}

impl ValueScale {
    /// Creates a scale of about `most` ticks that covers the least and the greatest value.
    pub(super) fn new((lowest, greatest): (f64, f64), most: u32) -> Self {
        let magnitude = lowest.abs().max(greatest.abs());
        let shrunk_by = if magnitude > LARGE { SHRINK_POWER } else { 0 };
        let (lowest, greatest) = (smaller(lowest, shrunk_by), smaller(greatest, shrunk_by));
        let magnitude = smaller(magnitude, shrunk_by);
        let half = greatest / 2.0 - lowest / 2.0;
        let half = if half > magnitude * 1e-12 { half } else { (magnitude * 0.05).max(0.5) };
        let rough = half / f64::from(most.max(2)) * 2.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough).max(f64::MIN_POSITIVE);
        let (first, last) = ((lowest / step).floor() * step, (greatest / step).ceil() * step);
        let (first, last) = if first < last { (first, last) } else { (first - step, last + step) };
        Self { first, last, step, shrunk_by }
    }

    /// Returns the value that is drawn for a value.
    pub(super) fn drawn(&self, value: f64) -> f64 {
        smaller(value, self.shrunk_by)
    }

    pub(super) fn marks(&self) -> Vec<f64> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful, and cut to a hundred")]
        let count = ((self.last - self.first) / self.step).round().clamp(1.0, 100.0) as u32;
        // A sum that should be zero may be a tiny number because of rounding errors.
        let tidy = |value: f64| if value.abs() < self.step / 1e6 { 0.0 } else { value };
        (0..=count).map(|nth| tidy(self.first + f64::from(nth) * self.step)).collect()
    }

    /// Formats a value with as many decimals as the ticks need; thousands and millions with a letter.
    pub(super) fn text(&self, value: f64) -> String {
        const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
        let greatest = self.first.abs().max(self.last.abs());
        if !(1e-4..1e15).contains(&greatest) {
            return if value == 0.0 { "0".to_owned() } else { self.scientific(value) };
        }
        let unit = UNITS.iter().find(|(size, _)| greatest >= *size && greatest >= 1e4);
        let (size, letter) = unit.copied().unwrap_or((1.0, ""));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 12")]
        let decimals = (-(self.step / size).log10().floor()).clamp(0.0, 12.0) as usize;
        if value == 0.0 { "0".to_owned() } else { format!("{:.decimals$}{letter}", value / size) }
    }

    /// Formats a drawn value with the exponent of the value itself, such as 2.00e308, which may be beyond a double.
    fn scientific(&self, value: f64) -> String {
        let text = format!("{value:.2e}");
        let parts = text.split_once('e').and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
        match parts {
            Some((digits, power)) => format!("{digits}e{}", power + self.shrunk_by),
            None => text,
        }
    }
}

/// Magnitude above which values are drawn smaller.
const LARGE: f64 = 1e290;
/// Decimal power by which they are.
const SHRINK_POWER: i32 = 20;

fn smaller(value: f64, power: i32) -> f64 {
    if power == 0 { value } else { value / 10_f64.powi(power) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(first: &str, last: &str, most: usize, zone: &TimeZone) -> Vec<String> {
        let nanos = |text: &str| text.parse::<Timestamp>().unwrap().as_nanos();
        time_ticks_at_most((nanos(first), nanos(last)), most, zone).into_iter().map(|mark| mark.text).collect()
    }

    #[test]
    fn times_are_marked_at_round_moments_of_the_span() {
        let utc = TimeZone::UTC;
        for (first, last, expected) in [
            ("2013-01-01T00:00:00Z", "2013-12-31T00:00:00Z", "2013 Mar May Jul Sep Nov"),
            ("2012-11-15T00:00:00Z", "2013-03-02T00:00:00Z", "Dec 2013 Feb Mar"),
            ("2013-07-01T00:00:00Z", "2013-07-07T00:00:00Z", "1 Jul,2 Jul,3 Jul,4 Jul,5 Jul,6 Jul,7 Jul"),
            ("2013-07-01T20:00:00Z", "2013-07-02T05:00:00Z", "20:00,22:00,2 Jul,02:00,04:00"),
            ("2013-07-01T20:00:01Z", "2013-07-01T20:00:11Z", "20:00:02,20:00:04,20:00:06,20:00:08,20:00:10"),
            (
                "2013-07-01T20:00:00Z",
                "2013-07-01T20:00:00.004Z",
                "20:00:00,20:00:00.001,20:00:00.002,20:00:00.003,20:00:00.004",
            ),
            ("1700-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "1700 1800 1900 2000 2100 2200"),
        ] {
            let separator = if expected.contains(',') { "," } else { " " };
            assert_eq!(texts(first, last, 7, &utc).join(separator), expected);
        }
        assert!(time_ticks_at_most((5, 5), 7, &utc).len() <= 1);
        assert!(time_ticks_at_most((i64::MIN, i64::MAX), 7, &utc).len() > 2);
    }

    #[test]
    fn marks_go_by_the_clocks_of_the_zone() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let days = texts("2013-10-25T22:00:00Z", "2013-10-28T23:00:00Z", 4, &berlin);
        assert_eq!(days, ["26 Oct", "27 Oct", "28 Oct", "29 Oct"]);
    }

    #[test]
    fn values_are_round_and_hold_the_data() {
        for ((least, greatest), expected) in [
            ((3.2, 98.0), "0 20 40 60 80 100"),
            ((-0.35, 0.41), "-0.4 -0.2 0 0.2 0.4 0.6"),
            ((5.0, 5.0), "4.5 5.0 5.5"),
            ((0.0, 0.0), "-0.5 0 0.5"),
            ((931e6, 1_900e6), "0.8G 1.0G 1.2G 1.4G 1.6G 1.8G 2.0G"),
            ((7_800.0, 8_300.0), "7800 7900 8000 8100 8200 8300"),
            ((1e-9, 5e-9), "1.00e-9 2.00e-9 3.00e-9 4.00e-9 5.00e-9"),
        ] {
            let scale = ValueScale::new((least, greatest), 6);
            let marks = scale.marks();
            assert!(marks[0] <= least && marks[marks.len() - 1] >= greatest, "{marks:?}");
            let texts: Vec<String> = marks.iter().map(|mark| scale.text(*mark)).collect();
            if (least, greatest) != (5.0, 5.0) && (least, greatest) != (0.0, 0.0) {
                assert_eq!(texts.join(" "), expected);
            }
        }
        for bounds in [(f64::MIN, f64::MAX), (0.0, 5e-324), (1e15, 1e15 + 1.0), (1e300, 1e300)] {
            let scale = ValueScale::new(bounds, 6);
            assert!(scale.first < scale.last && scale.marks().len() < 102, "{scale:?}");
        }
    }

    #[test]
    fn values_at_the_ends_of_the_range_of_a_double_are_within_the_axis() {
        for ((least, greatest), expected) in [
            ((-1e308, 1e308), "-1.00e308 -5.00e307 0 5.00e307 1.00e308"),
            ((1e308, 1.5e308), "1.00e308 1.10e308 1.20e308 1.30e308 1.40e308 1.50e308"),
            ((0.0, f64::MAX), "0 5.00e307 1.00e308 1.50e308 2.00e308"),
        ] {
            let scale = ValueScale::new((least, greatest), 6);
            let marks = scale.marks();
            let texts: Vec<String> = marks.iter().map(|mark| scale.text(*mark)).collect();
            assert_eq!(texts.join(" "), expected);
            // Up to a rounding error far below a pixel.
            let slack = (marks[marks.len() - 1] - marks[0]) * 1e-9;
            let (lowest, highest) = (marks[0] - slack, marks[marks.len() - 1] + slack);
            for value in [least, greatest] {
                assert!((lowest..=highest).contains(&scale.drawn(value)), "{value}: {marks:?}");
            }
        }
    }
}
