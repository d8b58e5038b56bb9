//! The directory itself: whether a database may be made there, and that its name survives power loss.

use std::path::Path;
use std::sync::Arc;

use super::directory::Directory;
use crate::env::{Dir, SyncStep};
use crate::error::{Error, Result};
use crate::manifest::MANIFEST;

/// Sees to it that there is a directory to lock, without touching one that holds something else.
pub(super) fn prepare(dir: &Dir, create: bool) -> Result<()> {
    match dir.env().list(dir.path()) {
        Ok(_) => check_creatable(dir, &Directory::list(dir)?, create),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => create_dirs(dir),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NotFound { dir: dir.path().to_owned() })
        }
        Err(error) => Err(Error::io("list", dir.path(), error)),
    }
}

/// Makes the directory and those above it that are missing, their names durable but for its own.
pub(super) fn create_dirs(dir: &Dir) -> Result<()> {
    let missing: Vec<&Path> = dir.path().ancestors().skip(1).take_while(|above| is_missing(dir, above)).collect();
    dir.env().create_dir(dir.path()).map_err(|error| Error::io("create", dir.path(), error))?;
    missing.into_iter().try_for_each(|made| sync_parent(&Dir::new(Arc::clone(dir.env()), made)))
}

fn is_missing(dir: &Dir, path: &Path) -> bool {
    let named = !path.as_os_str().is_empty();
    named && dir.env().list(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Makes the name of a new database's directory durable, whoever made the directory.
pub(super) fn sync_parent(dir: &Dir) -> Result<()> {
    let parent = dir.path().parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Survives power loss after the first acknowledgement: without it the whole database may vanish.
    Dir::new(Arc::clone(dir.env()), parent).sync(SyncStep::ParentDirectory)
}

/// Whether a directory without a manifest may become a database.
pub(super) fn check_creatable(dir: &Dir, listed: &Directory, create: bool) -> Result<()> {
    if listed.manifest {
        return Ok(());
    }
    if listed.has_data() {
        return Err(Error::MissingFiles { dir: dir.path().to_owned(), files: vec![MANIFEST.to_owned()] });
    }
    if !create {
        return Err(Error::NotFound { dir: dir.path().to_owned() });
    }
    match listed.unknown.first() {
        Some(found) => Err(Error::NotADatabase { dir: dir.path().to_owned(), found: found.clone() }),
        None => Ok(()),
    }
}
