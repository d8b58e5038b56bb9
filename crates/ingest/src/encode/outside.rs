//! Points that a format cannot represent exactly.

use std::collections::BTreeMap;
use std::fmt;

use timestrata::{SeriesKey, Timestamp};

/// Why a format cannot represent a point exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OutsideReason {
    /// NaN or an infinity.
    NotFinite,
    /// NaN with other bits than the usual ones.
    NanBits,
    /// A value that is no `f64`.
    NotFloat,
    /// A second point of a series at one time.
    EqualTimes,
    /// A metric or tag text with characters that the format cannot escape.
    Text,
    /// A set of tags that would be read as another series.
    Tags,
}

impl fmt::Display for OutsideReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFinite => "the value is NaN or infinite",
            Self::NanBits => "the value is a NaN with bits of its own",
            Self::NotFloat => "the value is no f64",
            Self::EqualTimes => "the series has another point at this time",
            Self::Text => "the metric or a tag has characters that the format cannot hold",
            Self::Tags => "the tags would be read as those of another series",
        })
    }
}

/// Counts of the points outside the exact domain of a format.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutsidePoints {
    left_out: BTreeMap<OutsideReason, u64>,
    rounded: BTreeMap<OutsideReason, u64>,
    first: Option<(SeriesKey, Timestamp, OutsideReason)>,
}

impl OutsidePoints {
    pub(super) fn add(&mut self, series: &SeriesKey, time: Timestamp, reason: OutsideReason) {
        *self.left_out.entry(reason).or_default() += 1;
        if self.first.is_none() {
            self.first = Some((series.clone(), time, reason));
        }
    }

    pub(super) fn add_rounded(&mut self, reason: OutsideReason) {
        *self.rounded.entry(reason).or_default() += 1;
    }

    /// Returns the number of points that were left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out.values().sum()
    }

    /// Returns the number of points that a lossy encoder wrote with another value or type.
    #[must_use]
    pub fn rounded(&self) -> u64 {
        self.rounded.values().sum()
    }

    /// Returns the number of left-out points for each reason.
    pub fn reasons(&self) -> impl Iterator<Item = (OutsideReason, u64)> + '_ {
        self.left_out.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Returns the first point that was left out.
    #[must_use]
    pub fn first(&self) -> Option<&(SeriesKey, Timestamp, OutsideReason)> {
        self.first.as_ref()
    }
}
