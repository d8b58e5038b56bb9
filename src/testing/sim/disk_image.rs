//! Disk image: a tree of durable files that a power loss leaves, or that a test builds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::disk_state::{FsNode, Namespace};
use super::file_bytes::{FileBytes, hash_bytes, mix_hash};
use super::op::Inode;

/// Selects the pending changes that an image contains.
///
/// The number of a change is the number of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashChoice {
    /// No pending change.
    Nothing,
    /// All pending changes.
    Everything,
    /// All pending changes except this one.
    Without(u64),
    /// Only this change.
    Alone(u64),
    /// All changes of bytes, no change of a name.
    ContentsOnly,
    /// All changes of names, no change of bytes.
    NamesOnly,
    /// All changes of names and lengths; new bytes are zeros.
    NamesAndLengths,
    /// All changes up to and including this one.
    UpTo(u64),
    /// All combinations are enumerated, and this is the combination with this number.
    Numbered(u64),
    /// The random draw with this number.
    Drawn(u64),
}

/// A tree of files and directories.
#[derive(Debug, Clone, Default)]
pub struct DiskImage {
    files: BTreeMap<PathBuf, Arc<FileBytes>>,
    dirs: BTreeSet<PathBuf>,
    choice: Option<CrashChoice>,
    hash: OnceLock<u64>,
}

impl DiskImage {
    /// Creates an image from files. The image also contains the parent directories of the files.
    pub fn from_files<B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (PathBuf, B)>) -> Self {
        let mut image = Self::default();
        for (path, bytes) in files {
            image.put(path, bytes.into());
        }
        image
    }

    /// Creates an image from names and the bytes of the named files.
    pub(super) fn of(names: &Namespace, mut bytes: impl FnMut(Inode) -> Option<Arc<FileBytes>>) -> Self {
        let mut image = Self::default();
        let mut files = Vec::with_capacity(names.len());
        for (path, node) in names {
            match node {
                FsNode::Dir => drop(image.dirs.insert(path.clone())),
                FsNode::File(inode) => files.extend(bytes(*inode).map(|bytes| (path.clone(), bytes))),
            }
        }
        image.files = files.into_iter().collect();
        image
    }

    pub(super) fn with_choice(self, choice: CrashChoice) -> Self {
        Self { choice: Some(choice), ..self }
    }

    fn put(&mut self, path: PathBuf, bytes: Vec<u8>) {
        self.hash = OnceLock::new();
        let above = path.ancestors().skip(1).filter(|dir| is_named(dir));
        self.dirs.extend(above.map(Path::to_owned));
        self.files.insert(path, Arc::new(bytes.into()));
    }

    /// Returns a copy of the image in which the file has these bytes.
    #[must_use]
    pub fn with_file(&self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        let mut image = self.clone();
        image.put(path.into(), bytes.into());
        image
    }

    /// Returns a copy of the image without this file.
    #[must_use]
    pub fn without_file(&self, path: impl AsRef<Path>) -> Self {
        let mut image = self.clone();
        image.hash = OnceLock::new();
        image.files.remove(path.as_ref());
        image
    }

    /// Returns a copy of the image with this directory and its parent directories.
    #[must_use]
    pub fn with_dir(&self, path: impl AsRef<Path>) -> Self {
        let mut image = self.clone();
        image.hash = OnceLock::new();
        image.dirs.extend(path.as_ref().ancestors().filter(|dir| is_named(dir)).map(Path::to_owned));
        image
    }

    /// Files by path.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<PathBuf, Arc<FileBytes>> {
        &self.files
    }

    /// Returns the bytes of a file, or `None` if the file does not exist.
    #[must_use]
    pub fn file(&self, path: impl AsRef<Path>) -> Option<&[u8]> {
        self.files.get(path.as_ref()).map(|bytes| &bytes[..])
    }

    /// All directories, including empty ones.
    #[must_use]
    pub fn dirs(&self) -> &BTreeSet<PathBuf> {
        &self.dirs
    }

    /// The choice that led to this image; `None` if a test built the image.
    #[must_use]
    pub fn choice(&self) -> Option<CrashChoice> {
        self.choice
    }

    /// Hash of the tree. Equal trees have equal hashes, independent of how the images were built.
    #[must_use]
    pub fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| {
            let path_hash = |path: &Path| hash_bytes(1, path.as_os_str().as_encoded_bytes());
            let dirs = self.dirs.iter().fold(0, |hash, dir| mix_hash(hash, path_hash(dir)));
            self.files
                .iter()
                .fold(mix_hash(dirs, 1), |hash, (path, bytes)| mix_hash(mix_hash(hash, path_hash(path)), bytes.hash()))
        })
    }
}

/// Returns `true` if the directory needs a name. The root directory exists without a name.
fn is_named(dir: &Path) -> bool {
    !dir.as_os_str().is_empty() && dir.parent().is_some()
}

impl PartialEq for DiskImage {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files && self.dirs == other.dirs
    }
}

impl Eq for DiskImage {}
