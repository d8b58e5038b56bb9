//! The failure of a log: after it, nothing more is written.

use crate::types::error::{Error, Result};

/// Failed write or sync of a log, if there was one.
///
/// What the log contains after such a failure is unknown, and a later sync may succeed without having written it.
#[derive(Debug, Default)]
pub(crate) struct FailureLatch(Option<Error>);

impl FailureLatch {
    /// Returns `ReadOnly` after a failure.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.0 {
            None => Ok(()),
            Some(error) => Err(Error::read_only(error.clone())),
        }
    }

    /// Records a failure; it replaces one that was recorded before.
    pub(crate) fn record(&mut self, error: &Error) {
        self.0 = Some(error.clone());
    }

    /// Records a failure and returns it as `OutcomeUnknown`.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        self.record(&error);
        Error::outcome_unknown(error)
    }
}
