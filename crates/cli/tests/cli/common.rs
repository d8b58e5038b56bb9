//! Helpers shared by the tests of the tool: a directory for each test, and runs of the program in that directory.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Result of one run of the program.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// Checks the exit code and that stderr is one line that begins with the program's name. Returns that line.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        let lines: Vec<&str> = self.err.lines().filter(|line| !line.starts_with("note: ")).collect();
        assert!(lines.len() == 1 && lines[0].starts_with("timestrata: "), "{}", self.err);
        lines[0].to_owned()
    }
}

/// Empty directory in which the program runs.
pub(crate) struct Place {
    home: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Returns a directory below `parent`, for a test on a file system of its own.
    pub(crate) fn in_directory(parent: &Path) -> Self {
        Self { home: tempfile::tempdir_in(parent).unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Returns a command that runs the program in this directory, without the environment variables that change its
    /// behaviour.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_timestrata"));
        command.args(words).current_dir(self.home.path()).stdin(Stdio::null());
        for name in ["TIMESTRATA_DB", "NO_COLOR", "CARGO", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program to its end. Spaces separate the arguments; `'..'` keeps an argument with spaces together.
    pub(crate) fn run(&self, line: &str) -> Ended {
        self.command(words(line)).output().unwrap().into()
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Ended {
        let mut command = self.command(words(line));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Returns the rows that a query prints as CSV, without the header: series, time, value.
    pub(crate) fn points(&self, query: &str) -> Vec<[String; 3]> {
        let out = self.run(&format!("query {query} --format csv")).ok();
        let mut csv = csv::Reader::from_reader(out.as_bytes());
        let rows = csv.records().map(|row| row.unwrap());
        rows.map(|row| [row[0].to_owned(), row[1].to_owned(), row[2].to_owned()]).collect()
    }
}

fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(nth, part)| match nth % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// Returns the path of a data file of the tests.
pub(crate) fn data(name: &str) -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let carried = crate_dir.join("tests/data").join(name);
    if carried.exists() { carried } else { crate_dir.join("data").join(name) }
}

/// Returns a file of the tests as rows of cells, header first. Splits at commas only, so the file must not contain
/// quotes.
pub(crate) fn cells(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(data(name)).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
