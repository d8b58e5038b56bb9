//! Bugs planted on purpose, in the test crate `planted` alone: all are compiled in, and the environment turns one on.
//! Each is a bug that a storage engine once had; the suite must catch every one, else it proves nothing.

use std::sync::LazyLock;

/// Names the bug that is on.
const VARIABLE: &str = "TIMESTRATA_PLANTED";

/// Whether this bug is on.
pub(crate) fn is(bug: &str) -> bool {
    static ON: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(VARIABLE).ok());
    ON.as_deref() == Some(bug)
}
