//! Creation of a database's directory: the check whether it is allowed, and a durable name.

use std::io::ErrorKind;
use std::path::Path;

use super::listing::DirectoryListing;
use crate::format::manifest::MANIFEST;
use crate::platform::env::{Dir, SyncStep};
use crate::types::error::{Error, Result};

/// Creates the directory, with a durable name, if it is missing and `create` is set.
///
/// An existing directory is only checked. Returns `true` if the directory was created.
///
/// # Errors
/// `DatabaseNotFound`, `NotADatabase` or `MissingFiles` if there is no database and none may be created.
pub(super) fn prepare_directory(dir: &Dir, create: bool) -> Result<bool> {
    match dir.env().list(dir.path()) {
        Ok(_) => check_creatable(dir, &DirectoryListing::list(dir)?, create).map(|()| false),
        Err(error) if error.kind() == ErrorKind::NotFound && create => create_dirs(dir).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::DatabaseNotFound { dir: dir.path().to_owned() })
        }
        Err(error) => Err(Error::io("list", dir.path(), error)),
    }
}

/// Creates the directory and its missing parents, and makes their names durable.
///
/// If a sync fails, they are removed: no later sync makes up for it, and the next opening would find the directories.
pub(super) fn create_dirs(dir: &Dir) -> Result<()> {
    let mut missing = Vec::new();
    for path in dir.path().ancestors() {
        if !is_missing(dir, path)? {
            break;
        }
        missing.push(path);
    }
    dir.env().create_dir(dir.path()).map_err(|error| Error::io("create", dir.path(), error))?;
    let synced = dir.hold().and_then(|held| sync_parents(&held));
    if let Err(error) = &synced {
        let removed = missing.into_iter().try_for_each(|path| dir.env().remove_dir(path));
        if removed.is_err() {
            tracing::warn!(%error, dir = %dir.path().display(), "the name of a new directory may not survive a power loss");
        }
    }
    synced
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
        listed => Ok(listed.is_err_and(|error| error.io_kind() == Some(ErrorKind::NotFound))),
    }
}

/// Makes the names of a database's directory and of all directories above it durable.
///
/// All, since an opening that was killed may have created them. Except for the parent, a directory that cannot be opened
/// or whose file system syncs no directories counts as durable.
pub(super) fn sync_parents(dir: &Dir) -> Result<()> {
    let absolute = dir.absolute_path();
    let parent = absolute.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Survives power loss after the first acknowledgement: without it the whole database may vanish.
    let sync = |dir: Dir| dir.sync(SyncStep::ParentDirectory);
    sync(dir.other(parent).hold()?)?;
    let above = parent.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    let sync_if_possible = |dir| match sync(dir) {
        Err(error) if error.io_kind().is_some_and(syncs_no_directory) => Ok(()),
        synced => synced,
    };
    above.filter_map(|above| dir.other(above).hold().ok()).try_for_each(sync_if_possible)
}

fn syncs_no_directory(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::ReadOnlyFilesystem)
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
