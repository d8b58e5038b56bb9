//! What the operating system reports about this process. Everything is zero on systems other than Linux.

use std::fs;
use std::time::Duration;

/// Returns a number of `/proc/self/status`; memory is in KiB there.
pub(crate) fn status(name: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Returns the resident memory in bytes.
pub(crate) fn resident_bytes() -> usize {
    status("VmRSS") * 1_024
}

/// Returns the largest resident memory so far in bytes.
pub(crate) fn peak_bytes() -> usize {
    status("VmHWM") * 1_024
}

/// Returns the processor time of this thread so far.
pub(crate) fn thread_time() -> Duration {
    scheduled("/proc/thread-self")
}

/// Returns the processor time of the threads that exist and whose name has a prefix; the empty one selects all.
pub(crate) fn threads_time(prefix: &str) -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let tasks = tasks.filter_map(|task| task.path().to_str().map(str::to_owned));
    let selected = tasks.filter(|task| {
        prefix.is_empty() || fs::read_to_string(format!("{task}/comm")).is_ok_and(|name| name.starts_with(prefix))
    });
    selected.map(|task| scheduled(&task)).sum()
}

/// Returns the processor time of a thread by its directory.
fn scheduled(task: &str) -> Duration {
    let text = fs::read_to_string(format!("{task}/schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}
