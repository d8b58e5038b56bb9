//! Directory of the demo: replaced only if it has the marker file of an earlier demo.
//!
//! Any other directory with files belongs to the user and is never changed.

use std::fs;
use std::io;
use std::path::Path;

use timestrata::{Db, Error};

use crate::failure::{Failure, Result};

/// Marker file. The engine ignores files with unknown names.
const MARKER_FILE: &str = "timestrata-demo.txt";
const MARKER_TEXT: &str = "Made by `timestrata demo`, which may delete and remake this directory.\n";

/// File that a demo leaves if it is killed before it has created its database.
///
/// A new database can be created in a directory with this file.
const LOCK_FILE: &str = "LOCK";

/// Removes the directory of an earlier demo. Returns an error if the directory must not be removed.
pub(crate) fn clear(dir: &Path) -> Result<()> {
    let failed = |error: io::Error| Failure::failed(format!("cannot clear {}: {error}", dir.display()));
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(about) if !about.is_dir() => {
            return Err(Failure::failed(format!("{} is not a directory: name another with --db", dir.display())));
        }
        Ok(_) => {}
    }
    let mut names = fs::read_dir(dir).map_err(failed)?.map(|entry| entry.map(|entry| entry.file_name()));
    if names.all(|name| name.is_ok_and(|name| name == LOCK_FILE)) {
        return Ok(());
    }
    if !is_marked(dir) {
        let dir = dir.display();
        return Err(Failure::failed(format!(
            "{dir} holds files and was not made by the demo, so it is left alone: name another with --db, or remove it"
        )));
    }
    // Takes the lock: files must not be removed while another process uses them.
    if let Err(error @ Error::Locked { .. }) = Db::builder(dir).create_if_missing(false).open_blocking().map(drop) {
        return Err(error.into());
    }
    fs::remove_dir_all(dir).map_err(failed)
}

/// Writes the marker file into a database that the demo has just created.
pub(crate) fn mark(dir: &Path) -> Result<()> {
    fs::write(dir.join(MARKER_FILE), MARKER_TEXT)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", dir.join(MARKER_FILE).display())))
}

fn is_marked(dir: &Path) -> bool {
    fs::read_to_string(dir.join(MARKER_FILE)).is_ok_and(|text| text == MARKER_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_bears_the_mark_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("d");
        clear(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
        clear(&dir).unwrap();
        fs::write(dir.join(LOCK_FILE), "123").unwrap();
        clear(&dir).unwrap();
        fs::write(dir.join("mine"), "x").unwrap();
        assert!(clear(&dir).unwrap_err().to_string().contains("left alone"));
        fs::write(dir.join(MARKER_FILE), "another text").unwrap();
        clear(&dir).unwrap_err();
        assert!(dir.join("mine").exists());
        mark(&dir).unwrap();
        clear(&dir).unwrap();
        assert!(!dir.exists());
        fs::write(&dir, "a file").unwrap();
        assert!(clear(&dir).unwrap_err().to_string().contains("not a directory"));
    }
}
