//! Short names of the reasons for which rows are refused, for programs and their counters.

use timestrata::SeriesKey;

/// Why a row was refused, as a name that no release changes.
///
/// The sentence beside it ([`RefusedRow::reason`](crate::RefusedRow::reason)) is for people and may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RefusalCode {
    /// The row is not of its format, or the series cannot hold its value.
    BadRow,
    /// The row has no time, and no option gives one.
    NoTime,
    /// The time is beyond the years 1677 to 2262.
    TimeRange,
    /// A field is text, which no series can hold.
    TextValue,
    /// The series has no metric name.
    NoMetricName,
    /// A label has no name.
    EmptyLabelName,
    /// Two labels have the same name.
    DuplicateLabel,
    /// The series has too many labels, or their texts are too long.
    LabelLimit,
    /// A label has a name that only the metric name may have.
    ReservedLabelName,
    /// A name or a label is not UTF-8.
    InvalidUtf8,
    /// A label refers to a symbol that the request does not have, or has no value.
    InvalidReference,
    /// A native histogram of Prometheus.
    NativeHistogram,
    /// An exponential histogram of OTLP.
    ExponentialHistogram,
    /// A histogram whose bounds and buckets do not fit.
    InvalidHistogram,
    /// A value that counts from the last report, not from a start.
    DeltaTemporality,
    /// A sum or a histogram that does not say from when it counts.
    NoTemporality,
    /// A data point without a value.
    NoValue,
    /// More series than a limit allows.
    SeriesLimit,
}

impl RefusalCode {
    /// All codes, in the order of their declaration.
    pub const ALL: [Self; 18] = [
        Self::BadRow,
        Self::NoTime,
        Self::TimeRange,
        Self::TextValue,
        Self::NoMetricName,
        Self::EmptyLabelName,
        Self::DuplicateLabel,
        Self::LabelLimit,
        Self::ReservedLabelName,
        Self::InvalidUtf8,
        Self::InvalidReference,
        Self::NativeHistogram,
        Self::ExponentialHistogram,
        Self::InvalidHistogram,
        Self::DeltaTemporality,
        Self::NoTemporality,
        Self::NoValue,
        Self::SeriesLimit,
    ];

    /// Returns the name, such as `native-histogram`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRow => "bad-row",
            Self::NoTime => "no-time",
            Self::TimeRange => "time-range",
            Self::TextValue => "text-value",
            Self::NoMetricName => "no-metric-name",
            Self::EmptyLabelName => "empty-label-name",
            Self::DuplicateLabel => "duplicate-label",
            Self::LabelLimit => "label-limit",
            Self::ReservedLabelName => "reserved-label-name",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::InvalidReference => "invalid-reference",
            Self::NativeHistogram => "native-histogram",
            Self::ExponentialHistogram => "exponential-histogram",
            Self::InvalidHistogram => "invalid-histogram",
            Self::DeltaTemporality => "delta-temporality",
            Self::NoTemporality => "no-temporality",
            Self::NoValue => "no-value",
            Self::SeriesLimit => "series-limit",
        }
    }
}

impl RefusalCode {
    /// Returns why a key is invalid, with the sentence; `None` if it is valid.
    pub(crate) fn of_key(key: &SeriesKey) -> Option<(Self, String)> {
        let error = key.validate().err()?;
        let code = if matches!(error, timestrata::Error::KeyTooLong { .. } | timestrata::Error::TooManyTags { .. }) {
            Self::LabelLimit
        } else if key.metric().is_empty() {
            Self::NoMetricName
        } else if key.tags().any(|(name, _)| name.is_empty()) {
            Self::EmptyLabelName
        } else if key.tags().zip(key.tags().skip(1)).any(|((name, _), (next, _))| name == next) {
            Self::DuplicateLabel
        } else {
            Self::ReservedLabelName
        };
        Some((code, error.to_string()))
    }
}

/// Writes the name.
impl std::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Number of refused samples, data points or rows by code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefusalCounts([u64; RefusalCode::ALL.len()]);

impl RefusalCounts {
    /// Counts `count` more of a code.
    pub fn add(&mut self, code: RefusalCode, count: u64) {
        self.0[code as usize] += count;
    }

    /// Returns the count of a code.
    #[must_use]
    pub fn of(&self, code: RefusalCode) -> u64 {
        self.0[code as usize]
    }

    /// Returns the sum over all codes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns the codes that were counted, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (RefusalCode, u64)> {
        RefusalCode::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

/// Adds the counts of codes, which may repeat.
impl FromIterator<(RefusalCode, u64)> for RefusalCounts {
    fn from_iter<I: IntoIterator<Item = (RefusalCode, u64)>>(pairs: I) -> Self {
        pairs.into_iter().fold(Self::default(), |mut counts, (code, count)| {
            counts.add(code, count);
            counts
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_name_and_a_count_of_its_own() {
        let mut counts = RefusalCounts::default();
        for (at, code) in RefusalCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at);
            counts.add(code, 1 + at as u64);
        }
        let names: std::collections::BTreeSet<&str> = counts.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(names.len(), RefusalCode::ALL.len());
        assert_eq!((counts.of(RefusalCode::NoTime), counts.total()), (2, 171));
        assert_eq!(RefusalCode::NativeHistogram.to_string(), "native-histogram");
    }

    #[test]
    fn each_rule_for_keys_has_a_code() {
        let code = |key: SeriesKey| RefusalCode::of_key(&key).map(|(code, _)| code);
        let key = SeriesKey::new("m").tag("a", "1");
        assert_eq!(code(key.clone()), None);
        assert_eq!(code(key.clone().with_metric("")), Some(RefusalCode::NoMetricName));
        assert_eq!(code(key.clone().tag("", "x")), Some(RefusalCode::EmptyLabelName));
        assert_eq!(code(key.clone().tag("a", "2")), Some(RefusalCode::DuplicateLabel));
        assert_eq!(code(key.clone().tag("b", "x\n\0")), None);
        assert_eq!(code(key.clone().tag("__name__", "x")), Some(RefusalCode::ReservedLabelName));
        let many = (0..257).fold(key.clone(), |key, n| key.tag(format!("t{n}"), "x"));
        assert_eq!(code(many), Some(RefusalCode::LabelLimit));
        assert_eq!(code(key.tag("b", "x".repeat(20_000))), Some(RefusalCode::LabelLimit));
    }
}
