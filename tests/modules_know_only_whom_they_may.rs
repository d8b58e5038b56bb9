//! ENGINE.md section 12 as a table: a row a module, with everything it may name. Whoever adds a name changes the row, and
//! says why in the commit.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use common::sources;

/// A module and what it may name: after `crate::`, other crates, and of std whatever `STD` forbids by default.
struct Row {
    module: &'static str,
    /// Modules of this crate, itself aside. Names re-exported at the root count as the module they come from.
    crate_modules: &'static [&'static str],
    /// Other crates.
    crates: &'static [&'static str],
    /// What of `STD` it may name all the same.
    std: &'static [&'static str],
    /// Whether it may await.
    is_async: bool,
}

/// Names that only some modules may bear: files, clocks, threads.
const STD: [&str; 6] =
    ["std::fs", "std::io::File", "std::time::Instant", "std::time::SystemTime", "std::thread", "std::process"];

/// Every crate that the engine may depend on.
const CRATES: [&str; 14] = [
    "tokio",
    "flume",
    "im",
    "crc32fast",
    "futures_core",
    "jiff",
    "quick_cache",
    "regex",
    "sketches_ddsketch",
    "thiserror",
    "tracing",
    "uuid",
    "pco",
    "roaring",
];

/// What stands below all modules; the planted bugs are compiled in a test crate alone.
const BASE: [&str; 6] = ["error", "point", "series", "options", "sync", "planted"];

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Pure: these and `latest` compile inside loom-tests, over loom's own `sync`.
    Row { module: "version", crate_modules: &["memtable"], crates: &["im", "roaring"], std: &[], is_async: false },
    Row { module: "memtable", crate_modules: &["version"], crates: &["im"], std: &[], is_async: false },
    Row { module: "actor", crate_modules: &["latest", "memtable", "version"], crates: &["tracing"], std: &[], is_async: true },
    Row { module: "latest", crate_modules: &[], crates: &[], std: &[], is_async: false },
    // The base.
    Row { module: "error", crate_modules: &[], crates: &["thiserror"], std: &[], is_async: false },
    Row { module: "point", crate_modules: &[], crates: &["jiff"], std: &["std::time::SystemTime"], is_async: false },
    Row { module: "series", crate_modules: &[], crates: &[], std: &[], is_async: false },
    Row { module: "options", crate_modules: &[], crates: &[], std: &[], is_async: false },
    Row { module: "sync", crate_modules: &[], crates: &["flume", "tokio"], std: &[], is_async: true },
    // Bytes.
    Row { module: "env", crate_modules: &[], crates: &["uuid"], std: &["std::fs", "std::process", "std::time::Instant"], is_async: false },
    Row { module: "bytes", crate_modules: &["env", "version"], crates: &["crc32fast", "uuid"], std: &[], is_async: false },
    Row { module: "sst", crate_modules: &["bytes", "env", "finding", "version"], crates: &["crc32fast", "pco", "quick_cache", "tracing", "uuid"], std: &[], is_async: false },
    Row { module: "wal", crate_modules: &["actor", "bytes", "env", "version"], crates: &["tracing", "uuid"], std: &[], is_async: false },
    Row { module: "manifest", crate_modules: &["bytes", "env", "finding", "version"], crates: &["uuid"], std: &[], is_async: false },
    // The engine put together.
    Row { module: "merge", crate_modules: &["version"], crates: &[], std: &[], is_async: false },
    Row { module: "store", crate_modules: &["actor", "env", "manifest", "memtable", "merge", "sst", "version", "wal"], crates: &["quick_cache", "tracing", "uuid"], std: &[], is_async: false },
    Row { module: "query", crate_modules: &["memtable", "merge", "sst", "store", "version"], crates: &["futures_core", "jiff", "regex", "sketches_ddsketch", "tokio"], std: &["std::thread", "std::time::Instant"], is_async: true },
    Row { module: "engine", crate_modules: &["actor", "env", "latest", "query", "store", "version"], crates: &[], std: &["std::thread"], is_async: true },
    Row { module: "db", crate_modules: &["actor", "engine", "env", "latest", "merge", "query", "store", "version"], crates: &["thiserror"], std: &[], is_async: true },
    Row { module: "verify", crate_modules: &["env", "finding", "manifest", "sst", "store", "version", "wal"], crates: &["uuid"], std: &[], is_async: false },
    Row { module: "planted", crate_modules: &[], crates: &[], std: &[], is_async: false },
    Row { module: "finding", crate_modules: &[], crates: &[], std: &[], is_async: false },
    Row { module: "inspect", crate_modules: &["bytes", "env", "finding", "manifest", "sst", "version", "wal"], crates: &["uuid"], std: &[], is_async: false },
    // The world around the engine, in its own tests alone.
    Row { module: "testing", crate_modules: &["verify", "actor", "engine", "bytes", "env", "manifest", "query", "sst", "version", "wal"], crates: &["crc32fast", "uuid"], std: &[], is_async: true },
];

/// Where tokio may be named, and what of it.
const TOKIO: [(&str, &str); 7] = [
    ("src/sync/mod.rs", "tokio::sync::Semaphore"),
    ("src/sync/mod.rs", "tokio::sync::OwnedSemaphorePermit"),
    ("src/sync/mod.rs", "tokio::task::unconstrained"),
    ("src/query/blocking.rs", "tokio::runtime::Handle"),
    ("src/query/blocking.rs", "tokio::task::JoinError"),
    ("src/query/stream.rs", "tokio::runtime::Handle"),
    ("src/query/stream.rs", "tokio::task::JoinHandle"),
];

/// A line of production code: no comment, no test.
struct Line<'a> {
    file: &'a str,
    number: usize,
    code: &'a str,
}

/// The lines that count: files of tests are passed over, and so is what follows `#[cfg(test)] mod tests {`.
fn code(sources: &[(String, String)]) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for (file, text) in sources {
        let test_file = file.ends_with("tests.rs") || file.contains("/tests/") || file.ends_with("testing.rs");
        // A module's own doors for the fuzzer; the module `testing` has a row.
        let doors = file.contains("/testing/") && !file.starts_with("src/testing/");
        if test_file || doors || file.ends_with("faulty.rs") || file.ends_with("reference.rs") {
            continue;
        }
        let all: Vec<&str> = text.lines().collect();
        for (at, line) in all.iter().enumerate() {
            let inner_tests =
                line.starts_with("#[cfg(test)]") && all.get(at + 1).is_some_and(|next| next.ends_with('{'));
            if inner_tests {
                break;
            }
            let code = line.split("//").next().unwrap_or_default();
            if !code.trim().is_empty() {
                lines.push(Line { file, number: at + 1, code });
            }
        }
    }
    lines
}

fn module_of(file: &str) -> &str {
    let path = file.strip_prefix("src/").unwrap();
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Every path in a line that begins with `root::`, as far as it is written there.
fn paths<'a>(code: &'a str, root: &str) -> Vec<&'a str> {
    let part_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let starts = code.match_indices(root).filter(|(at, _)| !code[..*at].ends_with(part_of_path));
    starts
        .map(|(at, _)| {
            let path = &code[at..];
            path[..path.find(|c: char| !part_of_path(c)).unwrap_or(path.len())].trim_end_matches("::")
        })
        .collect()
}

/// What a `use` of several names stands for, one path a name, when it fits on a line: `a::{b, c::D}`.
fn spread(code: &str) -> Vec<String> {
    let Some((root, names)) = code.trim().trim_start_matches("use ").split_once("::{") else { return Vec::new() };
    let (root, names) = (root.trim(), names.trim_end_matches([';', '}']));
    names.split(',').map(|name| format!("{root}::{}", name.trim())).collect()
}

fn complain(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn modules_know_only_whom_they_may() {
    let sources = sources("src");
    let mut broken = Vec::new();
    for Line { file, number, code } in code(&sources) {
        let module = module_of(file);
        if module == "lib" {
            continue;
        }
        let Some(row) = TABLE.iter().find(|row| row.module == module) else {
            broken.push(format!("{file}:{number}: module {module} has no row"));
            continue;
        };
        let mut forbid =
            |what: &str| broken.push(format!("{file}:{number}: {module} may not name {what}: {}", code.trim()));
        let spread = spread(code);
        let several =
            spread.iter().map(String::as_str).filter(|path| path.starts_with("crate::") && !path.contains('{'));
        for path in paths(code, "crate::").into_iter().filter(|path| *path != "crate").chain(several) {
            let named = path.trim_start_matches("crate::").split([':', ' ']).next().unwrap();
            // A re-export of the root.
            let named = if named.starts_with(char::is_uppercase) { continue } else { named };
            if named != module && !named.is_empty() && !BASE.contains(&named) && !row.crate_modules.contains(&named) {
                forbid(&format!("crate::{named}"));
            }
        }
        for name in CRATES {
            if !paths(code, &format!("{name}::")).is_empty() && !row.crates.contains(&name) {
                forbid(name);
            }
        }
        for name in STD.into_iter().filter(|name| !row.std.contains(name)) {
            let named = |path: &str| path == name || path.starts_with(&format!("{name}::"));
            if paths(code, "std::").into_iter().any(named) || spread.iter().any(|path| named(path)) {
                forbid(name);
            }
        }
        if !row.is_async && (code.contains("async ") || code.contains(".await")) {
            forbid("async");
        }
    }
    complain(&broken);
}

/// The runtime is named where reads leave their thread, and nowhere else; of its parts these and no others.
#[test]
fn tokio_is_named_in_three_places() {
    let sources = sources("src");
    let (mut broken, mut met) = (Vec::new(), Vec::new());
    for Line { file, number, code } in code(&sources) {
        for path in paths(code, "tokio::") {
            match TOKIO.iter().find(|(own, name)| *own == file && path.starts_with(name)) {
                Some(entry) => met.push(*entry),
                None => broken.push(format!("{file}:{number}: {path}")),
            }
        }
    }
    complain(&broken);
    assert!(TOKIO.iter().all(|entry| met.contains(entry)), "a row is of no more use: {TOKIO:?}");
}

#[test]
fn no_row_allows_what_nobody_names() {
    let sources = sources("src");
    let lines = code(&sources);
    let mut idle = Vec::new();
    for row in TABLE {
        let own: Vec<&Line<'_>> = lines.iter().filter(|line| module_of(line.file) == row.module).collect();
        let named = |root: String| {
            let several = |code: &str| spread(code).iter().any(|path| path.starts_with(root.trim_end_matches(':')));
            own.iter().any(|line| !paths(line.code, &root).is_empty() || several(line.code))
        };
        if own.is_empty() {
            idle.push(format!("{}: no such module", row.module));
        }
        idle.extend(
            row.crates.iter().filter(|name| !named(format!("{name}::"))).map(|name| format!("{}: {name}", row.module)),
        );
        let unnamed = row.crate_modules.iter().filter(|name| !named(format!("crate::{name}")));
        idle.extend(unnamed.map(|name| format!("{}: crate::{name}", row.module)));
    }
    complain(&idle);
}
