//! Where a run was made: machine, system, file system, and the versions of all engines.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::engine::Python;

const LOCK: &str = include_str!("../Cargo.lock");

/// Returns the version of a crate in Cargo.lock.
pub(crate) fn locked_version(name: &str) -> Option<&'static str> {
    let package = format!("name = \"{name}\"");
    let mut lines = LOCK.lines().skip_while(|line| *line != package);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

/// Returns name and version of every engine.
pub(crate) fn versions(python: Option<&Python>) -> String {
    let commit = output("git", &["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"]);
    let ours = locked_version("timestrata").unwrap_or("?");
    let mut versions = vec![format!("timestrata {ours} (commit {})", commit.as_deref().unwrap_or("unknown"))];
    for name in ["fjall", "redb", "tsink", "chronix"] {
        versions.push(format!("{name} {}", locked_version(name).unwrap_or("?")));
    }
    let binding = locked_version("rusqlite").unwrap_or("?");
    versions.push(format!("SQLite {} (rusqlite {binding})", rusqlite::version()));
    versions.push(python.map_or("DuckDB: not installed".to_owned(), |python| format!("DuckDB {}", python.version)));
    versions.join(", ")
}

/// Returns one line each of the machine, the system and the file system of a directory.
pub(crate) fn description(dir: &Path) -> Vec<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpus, "model name").unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = field(&memory, "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok()).unwrap_or(0);
    let kernel = read_line("/proc/sys/kernel/osrelease");
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let (kind, device) = file_system(&mounts, &dir).unwrap_or(("unknown", "unknown"));
    vec![
        format!("{cores} cores of {model}, {} GiB of memory", kib.div_ceil(1 << 20)),
        format!(
            "kernel {kernel}, {}",
            output("rustc", &["--version"]).unwrap_or_else(|| "unknown compiler".to_owned())
        ),
        format!("file system {kind} on {device}"),
    ]
}

/// Returns the load averages of 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    read_line("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Returns type and device of the mount that a path is in: the one with the longest path.
fn file_system<'a>(mounts: &'a str, path: &Path) -> Option<(&'a str, &'a str)> {
    let entries = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, at, kind) = (fields.next()?, fields.next()?, fields.next()?);
        path.starts_with(at).then_some((at.len(), kind, device))
    });
    // Of two mounts on one path, the later one is seen.
    entries.max_by_key(|(length, ..)| *length).map(|(_, kind, device)| (kind, device))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn read_line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_of_the_lock_file_has_a_version() {
        for name in ["timestrata", "fjall", "redb", "rusqlite", "tsink", "chronix"] {
            assert!(locked_version(name).is_some_and(|version| version.contains('.')), "{name}");
        }
        assert_eq!(locked_version("no-such-crate"), None);
    }

    #[test]
    fn the_file_system_is_that_of_the_longest_mount() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/a xfs rw 0 0\n";
        let of = |path| file_system(mounts, Path::new(path));
        assert_eq!(of("/home"), Some(("ext4", "/dev/vda")));
        assert_eq!(of("/tmp/abc"), Some(("tmpfs", "tmpfs")));
        assert_eq!(of("/tmp/a/b"), Some(("xfs", "/dev/vdb")));
    }
}
