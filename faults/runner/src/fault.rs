//! Faults: description, the test that must catch the fault, and the patch that adds it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::patch::Patch;

/// A fault, as described in its file.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Name of the file without its extension, and of the switch.
    pub(crate) name: String,
    /// Description: what goes wrong, and the known failure of a storage engine that the fault imitates, if any.
    pub(crate) what: String,
    /// The test that must fail.
    pub(crate) test: Test,
    /// Part of a line of the output with which the test must fail.
    pub(crate) message: String,
    pub(crate) patch: Patch,
}

/// A test that catches faults.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    /// The test binary.
    pub(crate) binary: String,
    /// Path of the test in the binary.
    pub(crate) path: String,
    /// Name by which a loom model reports failures; its binary is in `loom-tests`. `None` for a test of `timestrata`.
    pub(crate) model: Option<String>,
}

/// All faults, and the patch that adds their switch.
#[derive(Debug)]
pub(crate) struct Faults {
    /// Adds the run-time switch.
    pub(crate) switch: Patch,
    /// Faults in the order in which their patches are applied: those for models first, then by path.
    pub(crate) all: Vec<Fault>,
}

impl Faults {
    /// Reads `switch.patch` and the patches in the folders `models` and `engine` of `folder`.
    ///
    /// # Errors
    /// Lists all faults whose file cannot be read, is no patch or has an invalid header, and all names that occur
    /// twice. If a folder or `switch.patch` cannot be read, only that is reported.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let switch = read(&folder.join("switch.patch"))?;
        let switch = Patch::parse(&switch).map_err(|why| format!("switch.patch: {why}"))?;
        let mut files = Vec::new();
        // Models first, since the faults run in this order: some models run for a minute, other tests for a moment.
        for kind in ["models", "engine"] {
            let mut of_kind = patches(&folder.join(kind))?;
            of_kind.sort();
            files.extend(of_kind);
        }
        let (mut all, mut wrong) = (Vec::new(), Vec::new());
        for path in files {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match read(&path).and_then(|text| Fault::parse(&name, &text)) {
                Ok(fault) => all.push(fault),
                Err(why) => wrong.push(format!("{}: {why}", path.display())),
            }
        }
        let mut names = BTreeSet::new();
        wrong.extend(
            all.iter().filter(|fault| !names.insert(&fault.name)).map(|fault| format!("two of {}", fault.name)),
        );
        if wrong.is_empty() { Ok(Self { switch, all }) } else { Err(wrong.join("\n")) }
    }
}

impl Fault {
    /// Parses the text of the file whose name, without its extension, is `name`.
    ///
    /// # Errors
    /// If the text is no patch, a field is missing or unknown, the field `Fault` is not `name`, or no added line
    /// contains the switch of the fault.
    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut parsed = Patch::parse(text)?;
        let mut field = |name: &str| parsed.fields.remove(name).ok_or_else(|| format!("the header has no {name}"));
        let (named, what, binary, test_path, message) =
            (field("Fault")?, field("What")?, field("Binary")?, field("Test")?, field("Message")?);
        let model = parsed.fields.remove("Model");
        if let Some(unknown) = parsed.fields.keys().next() {
            return Err(format!("the header has an unknown field {unknown}"));
        }
        if named != name {
            return Err(format!("the header says {named}"));
        }
        let asks = format!("faults::is_on(\"{name}\")");
        if !parsed.added().any(|line| line.contains(&asks)) {
            return Err(format!("the patch never asks for {asks}"));
        }
        Ok(Self { name: named, what, test: Test { binary, path: test_path, model }, message, patch: parsed })
    }
}

/// Returns the paths of the patch files in a folder, in no order.
fn patches(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> =
        paths.collect::<Result<_, _>>().map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "patch")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
Fault: f
What: it does harm.
Model: flush
Binary: models
Test: a::b
Message: harm

--- a.rs
+if crate::faults::is_on(\"f\") {}
";

    #[test]
    fn a_header_names_the_test_and_its_message() {
        let fault = Fault::parse("f", GOOD).expect("it is a fault");
        assert_eq!((fault.what.as_str(), fault.message.as_str()), ("it does harm.", "harm"));
        let Test { binary, path, model } = fault.test;
        assert_eq!((binary.as_str(), path.as_str(), model.as_deref()), ("models", "a::b", Some("flush")));
    }

    #[test]
    fn an_incomplete_header_is_refused() {
        for field in ["Fault", "What", "Binary", "Test", "Message"] {
            let without: Vec<&str> = GOOD.lines().filter(|line| !line.starts_with(field)).collect();
            let error = Fault::parse("f", &without.join("\n")).expect_err(field);
            assert_eq!(error, format!("the header has no {field}"));
        }
        Fault::parse("g", GOOD).expect_err("the file has another name");
        Fault::parse("f", &GOOD.replace("Model", "Mode")).expect_err("a field is unknown");
        Fault::parse("f", &GOOD.replace("is_on(\"f\")", "is_on(\"g\")")).expect_err("it asks for another switch");
    }

    #[test]
    fn every_fault_of_this_repository_is_complete_and_applies() {
        let root = Path::new(crate::ROOT);
        let faults = Faults::read(&root.join("faults")).unwrap_or_else(|wrong| panic!("{wrong}"));
        let read = |file: &str| std::fs::read(root.join(file)).ok();
        crate::tree::patched(&faults, read).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}
