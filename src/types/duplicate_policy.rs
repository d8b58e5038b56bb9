//! The policy for several points of one series at one timestamp.

use std::fmt;

/// Policy for several points of one series at one timestamp.
///
/// Fixed when a database or a series is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DuplicatePolicy {
    /// Keeps all points, in the order of their arrival. The default.
    #[default]
    KeepAll,
    /// Keeps the point that arrived last: a later write corrects an earlier one.
    KeepLast,
    /// Keeps the point that arrived first: an existing point is never changed.
    KeepFirst,
}

impl DuplicatePolicy {
    /// Returns the number that represents the policy in files.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::KeepAll => 0,
            Self::KeepLast => 1,
            Self::KeepFirst => 2,
        }
    }

    /// Returns the policy of a number in a file; `None` for an unknown number.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::KeepAll),
            1 => Some(Self::KeepLast),
            2 => Some(Self::KeepFirst),
            _ => None,
        }
    }
}

impl fmt::Display for DuplicatePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeepAll => "keep all",
            Self::KeepLast => "keep the last",
            Self::KeepFirst => "keep the first",
        })
    }
}
