//! One thing that is wrong with a file: what every check that goes on past damage collects.
//! It promises to tell what an error says of a file's bytes from what is no damage at all.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// One thing that is wrong with a database's files.
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
#[non_exhaustive]
pub struct Finding {
    /// The damaged, foreign or missing file.
    pub file: PathBuf,
    /// Where in it the damaged part begins, in bytes from its start; 0 if it is the whole file.
    pub offset: u64,
    /// What was expected and what was found.
    pub what: String,
}

impl Finding {
    pub(crate) fn new(file: impl Into<PathBuf>, offset: u64, what: impl Into<String>) -> Self {
        Self { file: file.into(), offset, what: what.into() }
    }

    /// What an error says of a file's bytes.
    ///
    /// # Errors
    /// The error itself if it is not about them: then nothing was learnt, and a check cannot go on.
    pub(crate) fn of(error: Error) -> Result<Self> {
        match error {
            Error::Corrupt { file, offset, what } => Ok(Self { file, offset, what }),
            Error::ForeignFile { file, what } => Ok(Self { file, offset: 0, what }),
            error => Err(error),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.file.display(), self.offset, self.what)
    }
}
