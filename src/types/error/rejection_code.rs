//! Codes of rejected points: stable names for programs, such as servers that report and count rejections.

use std::fmt;

use super::{Error, SkippedPoint};
use crate::types::rejected_point::RejectReason;

/// Why a point is rejected for good: the same point is rejected again until data, options or database change.
///
/// The names are stable: a server may use them in answers and as label values of its metrics. See
/// [`Error::rejection_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectionCode {
    /// `invalid-name`: a metric name or tag key is empty or reserved, or a tag key occurs twice.
    InvalidName,
    /// `key-too-long`: the texts of the key exceed [`MAX_SERIES_KEY_BYTES`](crate::MAX_SERIES_KEY_BYTES).
    KeyTooLong,
    /// `too-many-tags`: a new series has more tags than [`max_tags`](crate::DbBuilder::max_tags) allows.
    TooManyTags,
    /// `too-many-series`: a new series would exceed [`max_series`](crate::DbBuilder::max_series).
    TooManySeries,
    /// `too-many-key-bytes`: a new series would exceed
    /// [`max_series_key_bytes`](crate::DbBuilder::max_series_key_bytes).
    TooManyKeyBytes,
    /// `series-ids-exhausted`: the database has defined as many series as it ever can.
    SeriesIdsExhausted,
    /// `type-mismatch`: the series holds values of another type.
    TypeMismatch,
    /// `stale-series`: the handle of the series belongs to another opening.
    StaleSeries,
    /// `ahead-of-clock`: the timestamp is later than
    /// [`reject_ahead_of_clock`](crate::DbBuilder::reject_ahead_of_clock) allows.
    AheadOfClock,
    /// `behind-clock`: the timestamp is earlier than
    /// [`reject_behind_clock`](crate::DbBuilder::reject_behind_clock) allows.
    BehindClock,
    /// `behind-cutoff`: the timestamp is before the retention cutoff, see
    /// [`reject_behind_cutoff`](crate::DbBuilder::reject_behind_cutoff).
    BehindCutoff,
}

impl RejectionCode {
    /// All codes, for programs that count points by code.
    pub const ALL: [Self; 11] = [
        Self::InvalidName,
        Self::KeyTooLong,
        Self::TooManyTags,
        Self::TooManySeries,
        Self::TooManyKeyBytes,
        Self::SeriesIdsExhausted,
        Self::TypeMismatch,
        Self::StaleSeries,
        Self::AheadOfClock,
        Self::BehindClock,
        Self::BehindCutoff,
    ];

    /// Returns the name of the code: lower-case letters and hyphens, the same in every release.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidName => "invalid-name",
            Self::KeyTooLong => "key-too-long",
            Self::TooManyTags => "too-many-tags",
            Self::TooManySeries => "too-many-series",
            Self::TooManyKeyBytes => "too-many-key-bytes",
            Self::SeriesIdsExhausted => "series-ids-exhausted",
            Self::TypeMismatch => "type-mismatch",
            Self::StaleSeries => "stale-series",
            Self::AheadOfClock => "ahead-of-clock",
            Self::BehindClock => "behind-clock",
            Self::BehindCutoff => "behind-cutoff",
        }
    }
}

/// Writes the name of the code.
impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// Returns the code of the rejection if a write failed for what its points are; `None` for every other error.
    ///
    /// With a code, repeating the write fails again. [`RejectedPoints`](Error::RejectedPoints) has the code of its first
    /// point; [`RejectReason::code`] has that of each. A server that writes with
    /// [`WriteOptions::skip_rejected`](crate::WriteOptions::skip_rejected) gets one
    /// [`SkippedPoint`](crate::SkippedPoint) for each rejected point, with its [`code`](crate::SkippedPoint::code).
    ///
    /// What a server answers, by the first line that applies:
    ///
    /// | error of a write | meaning | answer of HTTP |
    /// |---|---|---|
    /// | `rejection_code()` is `Some` | the points are rejected for good | 400 |
    /// | `kind()` is [`InvalidInput`](crate::ErrorKind::InvalidInput) | the batch is too large or inconsistent | 400 or 413 |
    /// | `is_retryable()`, kind [`Busy`](crate::ErrorKind::Busy) | the queue is full: try again | 429 or 503 |
    /// | `is_retryable()`, kind [`StorageFull`](crate::ErrorKind::StorageFull) | try again after space was freed | 503 or 507 |
    /// | `is_retryable()`, any other kind | the write, or the flush it waited for, failed: try again | 503 |
    /// | [`PartlyWritten`](Error::PartlyWritten) | as its cause, for the points that are left in the batch | that of its cause |
    /// | kind [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) | it may be on disk: a retry may store it twice | 500 |
    /// | kind [`Reopen`](crate::ErrorKind::Reopen) or [`Closed`](crate::ErrorKind::Closed) | read-only, until the server opens the database again | 503 |
    /// | any other | damage or a bug | 500 |
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, RejectionCode, SeriesKey, Timestamp, WriteOptions};
    ///
    /// let db = Db::builder(dir.path().join("db")).max_tags(1).open_blocking()?;
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("up").tag("job", "a").tag("host", "b"), Timestamp::from_secs(1), 1.0);
    /// let error = db.write_blocking(&mut batch).unwrap_err();
    /// assert_eq!(error.rejection_code(), Some(RejectionCode::TooManyTags));
    ///
    /// let report = db.write_with_options_blocking(batch, &WriteOptions::new().skip_rejected(true))?;
    /// assert_eq!(report.skipped[0].code().map(RejectionCode::as_str), Some("too-many-tags"));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn rejection_code(&self) -> Option<RejectionCode> {
        Some(match self {
            Self::InvalidName { .. } => RejectionCode::InvalidName,
            Self::KeyTooLong { .. } => RejectionCode::KeyTooLong,
            Self::TooManyTags { .. } => RejectionCode::TooManyTags,
            Self::TooManySeries { .. } => RejectionCode::TooManySeries,
            Self::TooManyKeyBytes { .. } => RejectionCode::TooManyKeyBytes,
            Self::SeriesIdsExhausted { .. } => RejectionCode::SeriesIdsExhausted,
            Self::TypeMismatch { .. } => RejectionCode::TypeMismatch,
            Self::StaleSeries { .. } => RejectionCode::StaleSeries,
            Self::RejectedPoints { points } => points.first()?.reason.code(),
            _ => return None,
        })
    }
}

impl RejectReason {
    /// Returns the code of the rejection.
    #[must_use]
    pub fn code(self) -> RejectionCode {
        match self {
            Self::AheadOfClock { .. } => RejectionCode::AheadOfClock,
            Self::BehindClock { .. } => RejectionCode::BehindClock,
            Self::BehindCutoff { .. } => RejectionCode::BehindCutoff,
        }
    }
}

impl SkippedPoint {
    /// Returns the code of the rejection; `None` only after a bug of the engine, see
    /// [`Error::Internal`](crate::Error::Internal).
    #[must_use]
    pub fn code(&self) -> Option<RejectionCode> {
        self.error.rejection_code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_different_names_of_lower_case_words() {
        let mut names: Vec<&str> = RejectionCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RejectionCode::ALL.len());
        assert_eq!(RejectionCode::TypeMismatch.to_string(), "type-mismatch");
    }
}
