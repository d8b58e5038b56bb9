//! The layers as a table: the modules from the lowest to the highest, each with the crates and the parts of std that it
//! may name. The commit message of a change to the table gives the reason.

use crate::sources::sources;

/// A module and the names that it may use. It may import itself and the modules that come before it in `MODULES`.
struct Module {
    /// Path below src/, without `.rs`. Longer paths are matched first.
    path: &'static str,
    /// Other crates that the module may name.
    crates: &'static [&'static str],
    /// Names of `RESTRICTED` that the module may use.
    std: &'static [&'static str],
    /// `true` if the module may contain `async` and `.await`.
    is_async: bool,
}

/// Names of std that only some modules may use: files, clocks, threads, processes.
const RESTRICTED: [&str; 6] =
    ["std::fs", "std::io::File", "std::time::Instant", "std::time::SystemTime", "std::thread", "std::process"];

/// Every crate that the engine may depend on.
const CRATES: [&str; 16] = [
    "tokio",
    "bytemuck",
    "fearless_simd",
    "flume",
    "im",
    "crc32fast",
    "futures_core",
    "jiff",
    "quick_cache",
    "regex",
    "thiserror",
    "tracing",
    "uuid",
    "pco",
    "roaring",
    "rustix",
];

const fn pure(path: &'static str, crates: &'static [&'static str]) -> Module {
    Module { path, crates, std: &[], is_async: false }
}

const fn asynchronous(path: &'static str, crates: &'static [&'static str]) -> Module {
    Module { path, crates, std: &[], is_async: true }
}

/// Every module, from the lowest to the highest. The layers are the first folder of the paths.
const MODULES: &[Module] = &[
    pure("types/value_type", &[]),
    pure("types/duplicate_policy", &[]),
    Module { path: "types/timestamp", crates: &["jiff"], std: &["std::time::SystemTime"], is_async: false },
    pure("types/rejected_point", &[]),
    pure("types/error", &[]),
    pure("types/time_range", &[]),
    pure("types/quoted_text", &[]),
    pure("types/series", &[]),
    pure("types/metric_metadata", &[]),
    pure("types/point", &["jiff"]),
    pure("types/selector", &["regex"]),
    pure("types/options", &[]),
    Module { path: "platform/sync", crates: &["flume", "tokio"], std: &["std::thread"], is_async: true },
    Module {
        path: "platform/env",
        crates: &["rustix", "uuid"],
        std: &["std::fs", "std::process", "std::time::Instant"],
        is_async: false,
    },
    // state, and engine/actor above it, compile inside loom-tests over loom's own `sync`.
    pure("state/watch", &[]),
    pure("state/file_id", &[]),
    pure("state/hidden_ranges", &[]),
    pure("state/rectangle", &[]),
    pure("state/tombstone", &[]),
    pure("state/metric_metadata", &["im"]),
    pure("state/log_record", &[]),
    pure("state/series_map", &["im"]),
    pure("state/series_index", &["im", "roaring"]),
    pure("state/memtable", &["im"]),
    pure("state/merge", &[]),
    pure("state/version", &["im"]),
    pure("format/finding", &[]),
    pure("format/bytes", &["crc32fast", "uuid"]),
    pure(
        "format/sst",
        &["bytemuck", "crc32fast", "fearless_simd", "pco", "quick_cache", "thiserror", "tracing", "uuid"],
    ),
    pure("format/wal", &["tracing", "uuid"]),
    pure("format/manifest", &["uuid"]),
    pure("format/inspect", &["uuid"]),
    asynchronous("engine/actor", &["tracing"]),
    pure("engine/store", &["quick_cache", "tracing", "uuid"]),
    Module { path: "engine/threads", crates: &[], std: &["std::thread"], is_async: true },
    pure("engine/verify", &["uuid"]),
    Module {
        path: "query",
        crates: &["bytemuck", "futures_core", "jiff", "tokio"],
        std: &["std::thread", "std::time::Instant"],
        is_async: true,
    },
    asynchronous("db", &[]),
    pure("serde_impls", &[]),
    // Only tests use this module, and no other module may import it.
    asynchronous("testing", &["crc32fast", "uuid"]),
];

/// Files that may name tokio, and the names that they may use.
const TOKIO: [(&str, &str); 8] = [
    ("src/platform/sync/mod.rs", "tokio::sync::Semaphore"),
    ("src/platform/sync/mod.rs", "tokio::sync::OwnedSemaphorePermit"),
    ("src/platform/sync/unbudgeted.rs", "tokio::sync"),
    ("src/platform/sync/unbudgeted.rs", "tokio::task::unconstrained"),
    ("src/query/offload.rs", "tokio::runtime::Handle"),
    ("src/query/offload.rs", "tokio::task::JoinHandle"),
    ("src/query/offload.rs", "tokio::task::JoinError"),
    ("src/query/offload.rs", "tokio::sync::oneshot"),
];

/// A line of production code, without its comment.
struct Line<'a> {
    file: &'a str,
    number: usize,
    code: &'a str,
}

/// Returns the lines of production code: without test files, and without the code behind `#[cfg(test)] mod tests {`.
fn code(sources: &[(String, String)]) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for (file, text) in sources {
        let is_test = file.ends_with("/tests.rs") || file.contains("/tests/") || file.ends_with("/conformance.rs");
        // The `mod.rs` of a layer only declares its modules.
        let declares = module_of(file).is_none();
        if is_test || declares || TEST_FILES.contains(&file.as_str()) {
            continue;
        }
        let all: Vec<&str> = text.lines().collect();
        for (at, line) in all.iter().enumerate() {
            let tests_begin =
                line.starts_with("#[cfg(test)]") && all.get(at + 1).is_some_and(|next| next.ends_with('{'));
            if tests_begin {
                break;
            }
            // A single item for unit tests, indented inside an `impl`: its signature and body are short.
            let is_for_tests = all[at.saturating_sub(3)..at].iter().any(|above| above.trim() == "#[cfg(test)]");
            let code = line.split("//").next().unwrap_or_default();
            if !code.trim().is_empty() && !is_for_tests {
                lines.push(Line { file, number: at + 1, code });
            }
        }
    }
    lines
}

/// Files of `testing` that only unit tests compile. They may use std and proptest without restriction.
const TEST_FILES: [&str; 3] = ["src/query/test_cursor.rs", "src/testing/faulty_env.rs", "src/testing/merge.rs"];

/// Returns the index of a file's module in `MODULES`; `None` for `lib.rs` and the `mod.rs` of a layer.
fn module_of(file: &str) -> Option<usize> {
    place_of(file.strip_prefix("src/").unwrap().trim_end_matches(".rs").trim_end_matches("/mod"))
}

/// Returns the index of the module that contains a path below src/.
fn place_of(path: &str) -> Option<usize> {
    let is_in =
        |module: &Module| path.strip_prefix(module.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    (0..MODULES.len()).filter(|at| is_in(&MODULES[*at])).max_by_key(|at| MODULES[*at].path.len())
}

/// Returns the index of the module that a path in code names, `crate::a::b::C`; `None` for a name that the root
/// re-exports.
fn named_module(path: &str) -> Option<usize> {
    let path = path.strip_prefix("crate::")?.replace("::", "/");
    let path = if path == "sync" || path.starts_with("sync/") { format!("platform/{path}") } else { path };
    let lower: Vec<&str> = path.split('/').take_while(|part| part.starts_with(char::is_lowercase)).collect();
    place_of(&lower.join("/"))
}

/// Returns every path in a line that begins with `root`, as far as the line spells it.
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

/// Returns the paths of a `use` of several names on one line: `a::{b, c::D}`.
fn spread(code: &str) -> Vec<String> {
    let Some((root, names)) = code.trim().trim_start_matches("use ").split_once("::{") else { return Vec::new() };
    let (root, names) = (root.trim(), names.trim_end_matches([';', '}']));
    names.split(',').map(|name| format!("{root}::{}", name.trim())).collect()
}

/// Returns every path of this crate that a line names.
fn crate_paths(code: &str) -> Vec<String> {
    let single = paths(code, "crate::").into_iter().map(str::to_owned);
    let several = spread(code).into_iter().filter(|path| path.starts_with("crate::") && !path.contains('{'));
    single.chain(several).collect()
}

fn fail_if_any(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn modules_import_only_lower_layers() {
    let sources = sources("src");
    let mut broken = Vec::new();
    for (file, _) in &sources {
        let path = file.strip_prefix("src/").unwrap();
        if module_of(file).is_none() && path != "lib.rs" && !path.ends_with("/mod.rs") {
            broken.push(format!("{file}: its module is not in the table"));
        }
    }
    for Line { file, number, code } in code(&sources) {
        let own = module_of(file).unwrap();
        let module = &MODULES[own];
        let mut forbid = |what: &str| broken.push(format!("{file}:{number}: {} may not name {what}", module.path));
        for path in crate_paths(code) {
            if let Some(named) = named_module(&path).filter(|named| *named > own) {
                forbid(MODULES[named].path);
            }
        }
        for name in CRATES {
            if !paths(code, &format!("{name}::")).is_empty() && !module.crates.contains(&name) {
                forbid(name);
            }
        }
        for name in RESTRICTED.into_iter().filter(|name| !module.std.contains(name)) {
            let names = |path: &str| path == name || path.starts_with(&format!("{name}::"));
            if paths(code, "std::").into_iter().any(names) || spread(code).iter().any(|path| names(path)) {
                forbid(name);
            }
        }
        if !module.is_async && (code.contains("async ") || code.contains(".await")) {
            forbid("async");
        }
    }
    fail_if_any(&broken);
}

#[test]
fn no_production_module_names_the_testing_module() {
    let sources = sources("src");
    let lines = code(&sources);
    let named = lines.iter().filter(|line| {
        let is_production = !line.file.starts_with("src/testing/");
        is_production && crate_paths(line.code).iter().any(|path| path.starts_with("crate::testing"))
    });
    fail_if_any(&named.map(|line| format!("{}:{}: {}", line.file, line.number, line.code.trim())).collect::<Vec<_>>());
}

/// The runtime is named only where reads move to another thread and where requests wait for permits.
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
    fail_if_any(&broken);
    assert!(TOKIO.iter().all(|entry| met.contains(entry)), "an entry is not used any more: {TOKIO:?}");
}

#[test]
fn no_entry_of_the_table_is_unused() {
    let sources = sources("src");
    let lines = code(&sources);
    let mut unused = Vec::new();
    for (at, module) in MODULES.iter().enumerate() {
        let own: Vec<&Line<'_>> = lines.iter().filter(|line| module_of(line.file) == Some(at)).collect();
        if own.is_empty() {
            unused.push(format!("{}: no such module", module.path));
        }
        let names = |root: &str| {
            let several = |code: &str| spread(code).iter().any(|path| path.starts_with(root.trim_end_matches(':')));
            own.iter().any(|line| !paths(line.code, root).is_empty() || several(line.code))
        };
        unused.extend(
            module
                .crates
                .iter()
                .filter(|name| !names(&format!("{name}::")))
                .map(|name| format!("{}: {name}", module.path)),
        );
        unused.extend(module.std.iter().filter(|name| !names(name)).map(|name| format!("{}: {name}", module.path)));
        if module.is_async && !own.iter().any(|line| line.code.contains("async ") || line.code.contains(".await")) {
            unused.push(format!("{}: async", module.path));
        }
    }
    fail_if_any(&unused);
}
