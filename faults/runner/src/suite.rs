//! Builds the named test binaries of the copy, once per package, and runs tests with or without a fault.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::fault::Test;

/// Environment variable with the name of the fault whose switch is on.
const VARIABLE: &str = "TIMESTRATA_FAULT";

/// Test binaries of the copy, by package and name.
#[derive(Debug)]
pub(crate) struct Suite {
    copy: PathBuf,
    binaries: BTreeMap<(&'static str, String), PathBuf>,
}

/// Result of one run of a test binary.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) passed: bool,
    /// Standard output, followed by standard error; or the reason why nothing ran.
    pub(crate) text: String,
    pub(crate) seconds: f64,
}

impl Test {
    /// Returns the package of the test binary.
    pub(crate) fn package(&self) -> &'static str {
        if self.model.is_some() { "loom-tests" } else { "timestrata" }
    }
}

impl Suite {
    /// Builds the binaries of these tests.
    ///
    /// # Errors
    /// If a package cannot be built. The compiler prints its messages before that.
    pub(crate) fn build(copy: &Path, target: &Path, tests: &BTreeSet<&Test>) -> Result<Self, String> {
        let mut wanted: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
        for test in tests {
            wanted.entry(test.package()).or_default().insert(&test.binary);
        }
        let mut binaries = BTreeMap::new();
        for (package, names) in wanted {
            let started = Instant::now();
            for path in build(copy, target, package, &names)? {
                let name = path.file_name().and_then(|name| name.to_str()?.rsplit_once('-'));
                if let Some((name, _)) = name {
                    binaries.insert((package, name.to_owned()), path.clone());
                }
            }
            println!("built the tests of {package} with all patches, {:.0} s", started.elapsed().as_secs_f64());
        }
        Ok(Self { copy: copy.to_owned(), binaries })
    }

    /// Runs one test, with the switch of a fault on or with all switches off.
    pub(crate) fn run(&self, test: &Test, fault: Option<&str>) -> Outcome {
        self.run_matching(test, &["--exact", &test.path], fault)
    }

    /// Runs the tests that the arguments select, in the binary of `test`.
    pub(crate) fn run_matching(&self, test: &Test, arguments: &[&str], fault: Option<&str>) -> Outcome {
        let failed = |text: String| Outcome { passed: false, text, seconds: 0.0 };
        let Some(path) = self.binaries.get(&(test.package(), test.binary.clone())) else {
            return failed(format!("{} has no test binary {}", test.package(), test.binary));
        };
        let mut command = Command::new(path);
        command
            .args(arguments)
            .arg("--nocapture")
            .current_dir(&self.copy)
            .env("RUST_BACKTRACE", "0")
            // Fewer crash images and damages than by default: a fault is caught early, and a run without a fault would
            // take long.
            .env("TIMESTRATA_IMAGES", "64")
            .env("TIMESTRATA_DAMAGES", "6000")
            .env_remove("LOOM_LONG")
            .env_remove(VARIABLE);
        if let Some(fault) = fault {
            command.env(VARIABLE, fault);
        }
        let started = Instant::now();
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => return failed(format!("cannot run {}: {error}", path.display())),
        };
        let seconds = started.elapsed().as_secs_f64();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // A run without any test would pass, too.
        let passed = output.status.success() && !said.contains("running 0 tests");
        Outcome { passed, text: said, seconds }
    }
}

/// Builds test binaries of a package, and returns their paths.
fn build(copy: &Path, target: &Path, package: &str, names: &BTreeSet<&str>) -> Result<Vec<PathBuf>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--quiet", "--no-run", "--locked", "--package", package])
        .args(names.iter().flat_map(|name| ["--test", name]))
        .args(["--config", "profile.dev.debug=0"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", target)
        // A fault that causes a compiler warning needs no test to catch it.
        .env("RUSTFLAGS", "-D warnings")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("the tests of {package} cannot be built with all patches applied in {}", copy.display()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let paths = text.lines().filter_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
    Ok(paths.map(PathBuf::from).collect())
}
