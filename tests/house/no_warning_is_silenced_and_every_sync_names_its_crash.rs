//! Checks the sources: no warning is silenced without a reason, and the comment of every sync names the crash that the
//! sync is for.

use crate::sources::sources;

/// Returns every source of the engine, its tests, its models and its tool.
fn everything() -> Vec<(String, String)> {
    ["src", "tests", "loom-tests", "crates", "benches", "examples"]
        .into_iter()
        .filter(|folder| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).is_dir())
        .flat_map(sources)
        .collect()
}

/// Returns an attribute from its first character to its closing bracket, over any number of lines.
fn attribute(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth == 1 => return &text[..=at],
            ']' => depth -= 1,
            _ => {}
        }
    }
    text
}

#[test]
fn no_warning_is_silenced_without_a_reason() {
    let mut broken = Vec::new();
    for (file, text) in everything() {
        let mut at = 0;
        for line in text.lines() {
            let code = line.trim_start();
            let begins = ["#[allow", "#![allow", "#[expect", "#![expect", "#[cfg_attr", "#![cfg_attr"];
            if begins.iter().any(|start| code.starts_with(start)) || code.contains(concat!("(#", "[allow")) {
                let whole = attribute(&text[at + line.find('#').unwrap()..]);
                let silenced = whole.contains("allow(") || whole.contains("expect(");
                if silenced && !whole.contains("reason = \"") {
                    broken.push(format!("{file}: {whole}"));
                }
                // With a reason, a whole file may be exempt from one lint, but never from all lints.
                if ["allow(warnings", "allow(unused)", "allow(clippy::all", "allow(clippy::pedantic"]
                    .iter()
                    .any(|all| whole.contains(all))
                {
                    broken.push(format!("{file}: {whole}"));
                }
            }
            at += line.len() + 1;
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Greatest distance between a sync and the first line of its comment.
const LINES_ABOVE: usize = 6;

#[test]
fn every_sync_names_its_crash() {
    let (mut broken, mut syncs) = (Vec::new(), 0);
    for (file, text) in sources("src") {
        if file.starts_with("src/platform/env/") || file.contains("tests") {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            // Only a call with a step as its argument reaches the disk.
            if !code.contains(".sync(SyncStep::") && !code.contains("sync_current(SyncStep::") {
                continue;
            }
            syncs += 1;
            let above = &lines[number.saturating_sub(LINES_ABOVE)..number];
            if !above.iter().any(|line| line.contains("// Survives")) {
                broken.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(syncs >= 12, "{syncs} syncs found: the pattern of this test no longer matches the code");
    assert!(broken.is_empty(), "no comment says what it survives:\n{}\n", broken.join("\n"));
}
