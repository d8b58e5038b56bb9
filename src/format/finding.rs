//! Findings: defects of files, as collected by checks that continue past damage.

use std::fmt;
use std::path::PathBuf;

use crate::types::error::{Error, Result};

/// One defect in one file of a database: its place and description.
///
/// # Examples
///
/// ```no_run
/// for finding in timestrata::verify("weather.db")?.findings {
///     eprintln!("{finding}");
/// }
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// Path of the damaged, foreign or missing file.
    pub file: PathBuf,
    /// Offset of the damaged part in the file, in bytes; 0 if the whole file is affected.
    pub offset: u64,
    /// Description of the defect: what was expected and what was found.
    pub detail: String,
}

impl Finding {
    pub(crate) fn new(file: impl Into<PathBuf>, offset: u64, detail: impl Into<String>) -> Self {
        Self { file: file.into(), offset, detail: detail.into() }
    }

    /// Converts a `Corrupt` or `ForeignFile` to a finding.
    ///
    /// # Errors
    /// Every other error, unchanged.
    pub(crate) fn from_error(error: Error) -> Result<Self> {
        match error {
            Error::Corrupt { file, offset, detail } => Ok(Self { file, offset, detail }),
            Error::ForeignFile { file, detail } => Ok(Self { file, offset: 0, detail }),
            error => Err(error),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.file.display(), self.offset, self.detail)
    }
}
