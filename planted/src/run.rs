//! Builds the test binaries of this package once, and runs single tests of them with or without a bug turned on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The test binaries by the names of their tests.
#[derive(Debug)]
pub(crate) struct Suite(BTreeMap<String, PathBuf>);

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) passed: bool,
    pub(crate) text: String,
    pub(crate) seconds: f64,
}

impl Suite {
    /// Builds all of them.
    ///
    /// # Errors
    /// What the compiler says has been printed by then.
    pub(crate) fn build() -> Result<Self, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["test", "--quiet", "--no-run", "--package", "planted", "--tests", "--locked"])
            .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cannot run cargo: {error}"))?;
        if !output.status.success() {
            return Err("the test binaries cannot be built".to_owned());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let executables = text.lines().filter_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
        let named = executables.filter_map(|path| {
            let path = PathBuf::from(path);
            let name = path.file_name()?.to_str()?.rsplit_once('-')?.0.to_owned();
            Some((name, path))
        });
        Ok(Self(named.collect()))
    }

    /// Runs some tests of a binary.
    pub(crate) fn run(&self, binary: &str, tests: &[&str], bug: Option<&str>) -> Outcome {
        let failed = |text: String| Outcome { passed: false, text, seconds: 0.0 };
        let Some(path) = self.0.get(binary) else { return failed(format!("no binary {binary}")) };
        let mut command = Command::new(path);
        command
            .args(tests)
            .arg("--nocapture")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .env("RUST_BACKTRACE", "0")
            // A fraction of what plain tests try: whoever is not caught by it is caught late.
            .env("TIMESTRATA_IMAGES", "64")
            .env("TIMESTRATA_DAMAGES", "6000")
            .env_remove("TIMESTRATA_PLANTED");
        if let Some(bug) = bug {
            command.env("TIMESTRATA_PLANTED", bug);
        }
        let started = Instant::now();
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => return failed(format!("cannot run {}: {error}", path.display())),
        };
        let seconds = started.elapsed().as_secs_f64();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // No test at all would pass, too.
        let passed = output.status.success() && !text.contains("running 0 tests");
        Outcome { passed, text, seconds }
    }
}
