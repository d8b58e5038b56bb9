//! The two dialects of the exposition format, and how to distinguish them.

use timestrata::Timestamp;

use crate::formats::number::{parse_i64, parse_seconds};
use crate::formats::row_error::{RowError, shown};
use crate::{Precision, TimeFormat};

/// Text format of an exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Prometheus,
    OpenMetrics,
}

impl Dialect {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::OpenMetrics => "openmetrics",
        }
    }

    /// Returns the unit of times for people.
    pub(super) fn time_unit(self) -> &'static str {
        match self {
            Self::Prometheus => "milliseconds",
            Self::OpenMetrics => "seconds",
        }
    }

    /// Parses the time of a sample.
    ///
    /// A unit of the options applies to whole numbers. Without one, a time of Prometheus text that is of early 1970 in
    /// milliseconds and of this century in seconds is refused.
    pub(super) fn parse_time(self, text: &[u8], unit: Option<Precision>) -> Result<Timestamp, RowError> {
        let refusal = || {
            let unit = unit.map_or_else(|| self.time_unit().to_owned(), |unit| format!("the unit {}", unit.as_str()));
            RowError::refused(format!("{} is not a time in {unit}", shown(text)))
        };
        let time = match (unit, self) {
            (Some(unit), _) => {
                parse_i64(text).and_then(|count| count.checked_mul(unit.nanos())).map(Timestamp::from_nanos)
            }
            (None, Self::OpenMetrics) => parse_seconds(text).map(Timestamp::from_nanos),
            (None, Self::Prometheus) => {
                let count = parse_i64(text).ok_or_else(refusal)?;
                if (SECONDS.start..RECENT_END).contains(&count) {
                    let reason = format!("the time {count} is of 1970 in milliseconds and of this century in seconds");
                    return Err(RowError::refused(reason).suggest("precision", "s").suggest("precision", "ms"));
                }
                Timestamp::checked_from_millis(count)
            }
        };
        time.ok_or_else(refusal)
    }
}

/// What the first lines of an input say about its format.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent observations of the same lines")]
pub(super) struct Evidence {
    /// A line `# TYPE`, `# HELP`, `# UNIT` or `# EOF`.
    pub(super) has_metadata: bool,
    /// A sample with labels in braces.
    pub(super) has_labels: bool,
    /// Something that Prometheus text does not have.
    pub(super) is_openmetrics: bool,
    /// A time in seconds: it is of OpenMetrics, or a mistake in Prometheus text.
    pub(super) has_seconds: bool,
}

/// Looks at the whole lines of the first bytes of an input.
pub(super) fn evidence(head: &[u8]) -> Evidence {
    let mut found = Evidence::default();
    // Counter families whose name lacks `_total`, as OpenMetrics writes them.
    let (mut counter, mut has_total, mut has_millis): (&[u8], bool, bool) = (b"", false, false);
    for line in head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end) {
        let Some(comment) = line.strip_prefix(b"# ") else {
            found.has_labels |= line.contains(&b'{') && line.contains(&b'"');
            let is_total =
                !counter.is_empty() && line.strip_prefix(counter).is_some_and(|rest| rest.starts_with(b"_total"));
            let unit = unit_of_time(line);
            has_total |= is_total;
            has_millis |= unit == Some(TimeFormat::Milliseconds);
            found.is_openmetrics |= has_exemplar(line);
            found.has_seconds |= unit == Some(TimeFormat::Seconds);
            continue;
        };
        let mut words = comment.split(|byte| *byte == b' ');
        let (keyword, name, kind) = (words.next().unwrap_or_default(), words.next(), words.next());
        match (keyword, name) {
            (b"EOF", None) | (b"UNIT", Some(_)) => found.is_openmetrics = true,
            (b"TYPE", Some(name)) => {
                found.is_openmetrics |= matches!(kind, Some(b"unknown" | b"info" | b"stateset" | b"gaugehistogram"));
                counter = if kind == Some(b"counter") { name } else { b"" };
            }
            (b"HELP", Some(_)) => {}
            _ => continue,
        }
        found.has_metadata = true;
    }
    // Some exporters of Prometheus text name the family of a counter without its ending, too.
    found.is_openmetrics |= has_total && !has_millis;
    found
}

fn has_exemplar(line: &[u8]) -> bool {
    memchr::memmem::find(line, b" # {").is_some()
}

/// Whole numbers that are times since 2001 in seconds; in milliseconds they are times before 1973.
const SECONDS: std::ops::Range<i64> = 1_000_000_000..100_000_000_000;
/// Seconds since 1970 at the end of this century.
const RECENT_END: i64 = 4_102_444_800;

/// Returns the unit of the time of a sample: seconds with decimals, or if it is too small for milliseconds.
fn unit_of_time(line: &[u8]) -> Option<TimeFormat> {
    let after = memchr::memrchr(b'}', line).map_or(0, |at| at + 1);
    let mut words = line[after..].split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let skipped = usize::from(after == 0);
    let word = words.nth(skipped + 1)?;
    match parse_i64(word) {
        Some(time) if SECONDS.contains(&time) => Some(TimeFormat::Seconds),
        Some(time) if time >= SECONDS.end => Some(TimeFormat::Milliseconds),
        Some(_) => None,
        None => (word.contains(&b'.') && parse_seconds(word).is_some()).then_some(TimeFormat::Seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_seconds_are_of_openmetrics_or_a_mistake() {
        for (line, expected) in [
            ("x 1 1704067200000", false),
            ("x 1 1704067200", true),
            ("x{a=\"1 2\"} 1 1704067200.5", true),
            ("x 1704067200", false),
            ("x 1 0", false),
            ("x 1 60000", false),
        ] {
            assert_eq!(evidence(line.as_bytes()).has_seconds, expected, "{line}");
        }
        let counter = |time: &str| evidence(format!("# TYPE x counter\nx_total 1{time}\n").as_bytes()).is_openmetrics;
        assert!(counter("") && counter(" 1704067200") && !counter(" 1704067200000"));
    }
}
