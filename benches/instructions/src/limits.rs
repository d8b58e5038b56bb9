//! The limits of the hot paths: limits.txt beside this crate.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

/// Fraction of a limit by which a count may exceed it: hash seeds and the placement of code change counts slightly.
pub(crate) const TOLERANCE: f64 = 0.05;

/// Start of the line that names the compiler.
const COMPILER: &str = "compiler ";

/// Limits of all paths, and the compiler with which they were counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) compiler: String,
    pub(crate) limits: Vec<Limit>,
}

/// Greatest number of instructions of one run of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) instructions: u64,
}

impl Limits {
    /// Returns the committed limits.
    pub(crate) fn committed() -> Result<Self, String> {
        let file = file();
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Self::parse(&text)
    }

    /// Writes the limits to the file that is committed.
    pub(crate) fn write(&self) -> Result<(), String> {
        let file = file();
        std::fs::write(&file, self.text()).map_err(|error| format!("{}: {error}", file.display()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<u64> {
        self.limits.iter().find(|limit| limit.name == name).map(|limit| limit.instructions)
    }

    /// Returns a sentence if another compiler counted the limits: it may be the cause of other counts.
    pub(crate) fn compiler_change(&self, now: &str) -> String {
        if self.compiler == now {
            return String::new();
        }
        format!("The limits were counted with {}; this is {now}.\n", self.compiler)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (mut compiler, mut limits) = (String::new(), Vec::new());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(version) = line.strip_prefix(COMPILER) {
                version.clone_into(&mut compiler);
                continue;
            }
            let limit = line.split_once(' ').and_then(|(name, count)| {
                Some(Limit { name: name.to_owned(), instructions: count.trim().parse().ok()? })
            });
            limits.push(limit.ok_or_else(|| format!("limits.txt has an invalid line: {line}"))?);
        }
        Ok(Self { compiler, limits })
    }

    fn text(&self) -> String {
        let mut text =
            "# Instructions of the hot paths, by callgrind; `cargo run --release -p timestrata-instructions -- \
            record` writes this file.\n"
                .to_owned();
        let width = self.limits.iter().map(|limit| limit.name.len()).max().unwrap_or(0);
        let lines = self.limits.iter().map(|limit| format!("{:<width$} {:>10}\n", limit.name, limit.instructions));
        let written = writeln!(text, "{COMPILER}{}", self.compiler);
        debug_assert!(written.is_ok(), "a string takes any text");
        text.extend(lines);
        text
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("limits.txt")
}

/// Returns the version of the compiler.
pub(crate) fn compiler() -> Result<String, String> {
    let output = Command::new("rustc").arg("--version").output().map_err(|error| format!("rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::HOT_PATHS;

    #[test]
    fn limits_are_read_as_they_were_written() {
        let limit = |name: &str, instructions| Limit { name: name.to_owned(), instructions };
        let limits =
            Limits { compiler: "rustc 1.95.0".to_owned(), limits: vec![limit("decode-gauges", 81_234), limit("a", 7)] };
        assert_eq!(Limits::parse(&limits.text()), Ok(limits));
        assert!(Limits::parse("decode-gauges many").is_err());
    }

    #[test]
    fn every_path_has_a_limit_and_every_limit_a_path() {
        let limits = Limits::committed().unwrap();
        let names: Vec<&str> = limits.limits.iter().map(|limit| limit.name.as_str()).collect();
        assert_eq!(names, HOT_PATHS.iter().map(|path| path.name).collect::<Vec<_>>());
    }
}
