//! What a power loss leaves, or whatever a test puts together: a tree of files, all of it durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::bytes::{Bytes, hash_bytes, mix};
use super::op::Inode;
use super::state::{Names, Node};

/// Which of the pending changes an image shows. Changes bear the number of their operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// None of them.
    Nothing,
    /// All of them.
    Everything,
    /// All but this one.
    Without(u64),
    /// This one alone.
    Alone(u64),
    /// Every byte, and no name.
    ContentsOnly,
    /// Every name, and no byte.
    NamesOnly,
    /// Every name and every length, and zeros where new bytes would be.
    NamesAndLengths,
    /// Those up to this one.
    UpTo(u64),
    /// All combinations are tried in turn, and this is the one with this number.
    Numbered(u64),
    /// This draw from the seed.
    Drawn(u64),
}

/// A tree of files.
#[derive(Debug, Clone, Default)]
pub struct Image {
    files: BTreeMap<PathBuf, Arc<Bytes>>,
    dirs: BTreeSet<PathBuf>,
    choice: Option<Choice>,
    hash: OnceLock<u64>,
}

impl Image {
    /// These files, and the directories that they are in.
    pub fn from_files<B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (PathBuf, B)>) -> Self {
        let mut image = Self::default();
        for (path, bytes) in files {
            image.put(path, bytes.into());
        }
        image
    }

    /// The names that lead somewhere, with what is there.
    pub(super) fn of(names: &Names, mut bytes: impl FnMut(Inode) -> Option<Arc<Bytes>>) -> Self {
        let mut image = Self::default();
        let mut files = Vec::with_capacity(names.len());
        for (path, node) in names {
            match node {
                Node::Dir => drop(image.dirs.insert(path.clone())),
                Node::File(inode) => files.extend(bytes(*inode).map(|bytes| (path.clone(), bytes))),
            }
        }
        image.files = files.into_iter().collect();
        image
    }

    pub(super) fn chosen(self, choice: Choice) -> Self {
        Self { choice: Some(choice), ..self }
    }

    fn put(&mut self, path: PathBuf, bytes: Vec<u8>) {
        self.hash = OnceLock::new();
        let above = path.ancestors().skip(1).filter(|dir| is_named(dir));
        self.dirs.extend(above.map(Path::to_owned));
        self.files.insert(path, Arc::new(bytes.into()));
    }

    /// The same with this file's bytes.
    #[must_use]
    pub fn with_file(&self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        let mut image = self.clone();
        image.put(path.into(), bytes.into());
        image
    }

    /// The same without this file.
    #[must_use]
    pub fn without_file(&self, path: impl AsRef<Path>) -> Self {
        let mut image = self.clone();
        image.hash = OnceLock::new();
        image.files.remove(path.as_ref());
        image
    }

    /// The same with a directory, and those above it.
    #[must_use]
    pub fn with_dir(&self, path: impl AsRef<Path>) -> Self {
        let mut image = self.clone();
        image.hash = OnceLock::new();
        image.dirs.extend(path.as_ref().ancestors().filter(|dir| is_named(dir)).map(Path::to_owned));
        image
    }

    /// The files by path.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<PathBuf, Arc<Bytes>> {
        &self.files
    }

    /// A file's bytes.
    #[must_use]
    pub fn file(&self, path: impl AsRef<Path>) -> Option<&[u8]> {
        self.files.get(path.as_ref()).map(|bytes| &bytes[..])
    }

    /// The directories, those without files included.
    #[must_use]
    pub fn dirs(&self) -> &BTreeSet<PathBuf> {
        &self.dirs
    }

    /// How it was chosen, unless it was put together by hand.
    #[must_use]
    pub fn choice(&self) -> Option<Choice> {
        self.choice
    }

    /// Equal for equal trees, however they came about.
    #[must_use]
    pub fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| {
            let path_hash = |path: &Path| hash_bytes(1, path.as_os_str().as_encoded_bytes());
            let dirs = self.dirs.iter().fold(0, |hash, dir| mix(hash, path_hash(dir)));
            self.files.iter().fold(mix(dirs, 1), |hash, (path, bytes)| mix(mix(hash, path_hash(path)), bytes.hash()))
        })
    }
}

/// The root needs no name to be there.
fn is_named(dir: &Path) -> bool {
    !dir.as_os_str().is_empty() && dir.parent().is_some()
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files && self.dirs == other.dirs
    }
}

impl Eq for Image {}
