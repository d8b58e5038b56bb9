//! Processor time, memory and files of a server's process.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::workload::float;

/// Clock ticks of a second in /proc, see proc_pid_stat(5).
const TICKS_PER_SECOND: f64 = 100.0;
/// Time in which a process must become idle.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// Size of the blocks in which a file system counts.
const BLOCK_BYTES: u64 = 512;

/// Returns the processor time of a process and of its children that ended, in seconds, to hundredths.
pub(crate) fn processor_seconds(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the program, in parentheses, may have spaces. The fields behind it begin with the third.
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime, stime, cutime and cstime are the fields 14 to 17.
    fields[11..15].iter().map(|field| field.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND
}

/// Returns the greatest resident memory of a process so far, in MiB.
pub(crate) fn peak_mib(process: u32) -> f64 {
    memory_mib(process, "VmHWM:")
}

/// Returns the resident memory of a process, in MiB.
pub(crate) fn resident_mib(process: u32) -> f64 {
    memory_mib(process, "VmRSS:")
}

fn memory_mib(process: u32, field: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
}

/// Waits until a process used little processor time for some seconds: servers write and merge files after the last write.
pub(crate) fn wait_until_idle(process: u32) {
    let began = Instant::now();
    let mut quiet = 0;
    while quiet < 3 && began.elapsed() < IDLE_TIMEOUT {
        let before = processor_seconds(process);
        std::thread::park_timeout(Duration::from_secs(1));
        quiet = if processor_seconds(process) - before < 0.05 { quiet + 1 } else { 0 };
    }
}

/// Returns the bytes on disk of the files below a folder for which a filter of the path holds.
pub(crate) fn disk_bytes(folder: &Path, filter: &dyn Fn(&Path) -> bool) -> u64 {
    // A server may delete files and folders in the meantime.
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| {
        let path = entry.path();
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&path, filter),
            Ok(metadata) if filter(&path) => std::os::unix::fs::MetadataExt::blocks(&metadata) * BLOCK_BYTES,
            _ => 0,
        }
    };
    entries.flatten().map(size).sum()
}

/// Returns the median of some measurements.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

/// Returns a percentile of some measurements.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Returns the load of the machine.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Returns bytes in MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    float(bytes) / 1_048_576.0
}
