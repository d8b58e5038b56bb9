//! Creation of a database's directory: the check whether it is allowed, and a durable name.

use std::path::Path;

use super::listing::DirectoryListing;
use crate::format::manifest::MANIFEST;
use crate::platform::env::{Dir, SyncStep};
use crate::types::error::{Error, Result};

/// Creates the directory if it is missing and `create` is set.
///
/// An existing directory is only checked.
///
/// # Errors
/// `DatabaseNotFound`, `NotADatabase` or `MissingFiles` if there is no database and none may be created.
pub(super) fn prepare_directory(dir: &Dir, create: bool) -> Result<()> {
    match dir.env().list(dir.path()) {
        Ok(_) => check_creatable(dir, &DirectoryListing::list(dir)?, create),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => create_dirs(dir),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::DatabaseNotFound { dir: dir.path().to_owned() })
        }
        Err(error) => Err(Error::io("list", dir.path(), error)),
    }
}

/// Creates the directory and its missing parents, and makes the names of these parents durable.
///
/// [`sync_parent`] makes the name of the directory itself durable.
pub(super) fn create_dirs(dir: &Dir) -> Result<()> {
    let mut missing = Vec::new();
    for above in dir.path().ancestors().skip(1) {
        if !is_missing(dir, above)? {
            break;
        }
        missing.push(above);
    }
    dir.env().create_dir(dir.path()).map_err(|error| Error::io("create", dir.path(), error))?;
    missing.into_iter().try_for_each(|made| sync_parent(&dir.other(made)))
}

/// Returns `true` if a directory does not exist.
///
/// # Errors
/// `OutOfResources`: whether it exists is not known then.
fn is_missing(dir: &Dir, path: &Path) -> Result<bool> {
    if path.as_os_str().is_empty() {
        return Ok(false);
    }
    match dir.other(path).list() {
        Err(error @ Error::OutOfResources { .. }) => Err(error),
        listed => Ok(listed.is_err_and(|error| error.io_kind() == Some(std::io::ErrorKind::NotFound))),
    }
}

/// Makes the name of a database's directory durable, by a sync of its parent.
pub(super) fn sync_parent(dir: &Dir) -> Result<()> {
    let parent = dir.absolute_path().parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Survives power loss after the first acknowledgement: without it the whole database may vanish.
    dir.other(parent).hold()?.sync(SyncStep::ParentDirectory)
}

/// Checks that a directory has a manifest, or that a database may be created in it.
///
/// # Errors
/// `MissingFiles` if there are files of a database; `DatabaseNotFound` without `create`; `NotADatabase` if there are
/// other files.
pub(super) fn check_creatable(dir: &Dir, listed: &DirectoryListing, create: bool) -> Result<()> {
    if listed.manifest {
        return Ok(());
    }
    if listed.has_data() {
        return Err(Error::MissingFiles { dir: dir.path().to_owned(), files: vec![MANIFEST.to_owned()] });
    }
    if !create {
        return Err(Error::DatabaseNotFound { dir: dir.path().to_owned() });
    }
    match listed.unknown.first() {
        Some(found) => Err(Error::NotADatabase { dir: dir.path().to_owned(), found: found.clone() }),
        None => Ok(()),
    }
}
