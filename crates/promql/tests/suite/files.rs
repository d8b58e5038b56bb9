//! The files of the suite.

use std::path::PathBuf;

/// Environment variable with the folder of the shared test data.
const SHARED: &str = "TIMESTRATA_SHARED";

/// Returns the name and text of each file of the suite in the order of names; `None`, with a line on standard error
/// that says why, if the folder is not there.
pub(crate) fn suite_files() -> Option<Vec<(String, String)>> {
    let Some(shared) = std::env::var_os(SHARED) else {
        eprintln!("skipped: {SHARED} is not set");
        return None;
    };
    let folder = PathBuf::from(shared).join("suites").join("promqltest");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    };
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "test"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort_unstable();
    Some(files)
}

/// Returns the name and text of each file of the project's own cases.
pub(crate) fn own_files() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join("cases");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, String)> = paths
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort_unstable();
    files
}
