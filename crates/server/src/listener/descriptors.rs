//! Limit of open descriptors of the process.

/// Raises the limit of open descriptors to what the system allows, and returns it; `None` where there is no such limit.
///
/// Each connection takes one, beside the files of the databases. The limit of a shell is often 1,024.
#[must_use]
pub fn raise_descriptor_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let before = limit.current;
        limit.current = limit.maximum;
        // A limit that cannot be raised stays: connections above it wait.
        if setrlimit(Resource::Nofile, limit).is_err() {
            return before;
        }
        limit.current
    }
    #[cfg(not(unix))]
    None
}
