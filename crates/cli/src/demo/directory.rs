//! The demo's directory: it is replaced only if it bears the mark of an earlier demo.
//! Anything else that is there is the user's, and is never touched.

use std::fs;
use std::io;
use std::path::Path;

use timestrata::{Db, Error};

use crate::failure::{Failure, Result};

/// The engine leaves files alone whose names it does not know.
const MARK: &str = "timestrata-demo.txt";
const MARK_TEXT: &str = "Made by `timestrata demo`, which may delete and remake this directory.\n";

/// All that a demo leaves which was killed before its database was made; a new database can be made beside it.
const LOCK: &str = "LOCK";

/// Makes way for a new demo, or says why not.
pub(crate) fn clear(dir: &Path) -> Result<()> {
    let failed = |error: io::Error| Failure::error(format!("cannot make way in {}: {error}", dir.display()));
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(about) if !about.is_dir() => {
            return Err(Failure::error(format!("{} is not a directory: name another with --db", dir.display())));
        }
        Ok(_) => {}
    }
    let mut names = fs::read_dir(dir).map_err(failed)?.map(|entry| entry.map(|entry| entry.file_name()));
    if names.all(|name| name.is_ok_and(|name| name == LOCK)) {
        return Ok(());
    }
    if !is_marked(dir) {
        let dir = dir.display();
        return Err(Failure::error(format!(
            "{dir} holds files and was not made by the demo, so it is left alone: name another with --db, or remove it"
        )));
    }
    // Asks for the lock: files must not vanish under another process.
    if let Err(error @ Error::Locked { .. }) = Db::builder(dir).create(false).open_blocking().map(drop) {
        return Err(error.into());
    }
    fs::remove_dir_all(dir).map_err(failed)
}

/// Leaves the mark in a database that the demo just made.
pub(crate) fn mark(dir: &Path) -> Result<()> {
    fs::write(dir.join(MARK), MARK_TEXT)
        .map_err(|error| Failure::error(format!("cannot write {}: {error}", dir.join(MARK).display())))
}

fn is_marked(dir: &Path) -> bool {
    fs::read_to_string(dir.join(MARK)).is_ok_and(|text| text == MARK_TEXT)
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
        fs::write(dir.join(LOCK), "123").unwrap();
        clear(&dir).unwrap();
        fs::write(dir.join("mine"), "x").unwrap();
        assert!(clear(&dir).unwrap_err().to_string().contains("left alone"));
        fs::write(dir.join(MARK), "another text").unwrap();
        clear(&dir).unwrap_err();
        assert!(dir.join("mine").exists());
        mark(&dir).unwrap();
        clear(&dir).unwrap();
        assert!(!dir.exists());
        fs::write(&dir, "a file").unwrap();
        assert!(clear(&dir).unwrap_err().to_string().contains("not a directory"));
    }
}
