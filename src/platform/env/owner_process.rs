//! The process that owns a resource, to detect a use after `fork`.

use crate::types::error::{Error, Result};

/// Process that opened a resource.
///
/// `fork` copies memory but no thread: in the child, the actors do not exist, a lock may be held forever by a thread
/// that was not copied, and the file descriptors are shared with the parent. So the owner is checked before any lock is
/// taken. The check costs one system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnerProcess(u32);

impl OwnerProcess {
    /// Returns the process that calls.
    pub(crate) fn current() -> Self {
        Self(std::process::id())
    }

    /// Returns `true` if the calling process is the owner.
    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }

    /// Returns `ForkedHandle` if the calling process is not the owner.
    pub(crate) fn check(self) -> Result<()> {
        if self.is_current() { Ok(()) } else { Err(Error::ForkedHandle { pid: self.0 }) }
    }
}
