//! Directory of the operating system that is held open, on Unix.
//!
//! Every call names the file relative to the directory's descriptor (`openat`, `renameat`, `unlinkat`, `linkat`), so no
//! call is redirected by a changed current directory, or by a directory that was moved or replaced.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::path::Arg;

use super::dir_handle::{ChangeTimes, DirHandle};
use super::os::{OsFile, lock_or_none};
use super::{DirEntry, File, FileLock, OpenMode, SyncStep};

/// Permissions of a new file, before the umask of the process.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// Open directory.
#[derive(Debug)]
pub(super) struct OsDir {
    file: fs::File,
    /// Path by which the directory was opened, for messages.
    path: PathBuf,
    /// Path at the time of opening, which a change of the current directory does not affect.
    absolute_path: PathBuf,
    /// `None` if the path and the descriptor cannot be compared.
    identity: Option<Identity>,
}

/// Device and inode, which identify a directory as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl OsDir {
    pub(super) fn open(path: &Path) -> io::Result<Arc<dyn DirHandle>> {
        let file = fs::File::open(path)?;
        let absolute_path = std::path::absolute(path)?;
        let identity = Identity::find(&file, &absolute_path);
        Ok(Arc::new(Self { file, path: path.to_owned(), absolute_path, identity }))
    }

    fn open_fd(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        Ok(rustix::io::retry_on_intr(|| rustix::fs::openat(&self.file, name, flags, FILE_MODE))?)
    }

    /// Returns the properties of an entry; those of the link itself if it is a symbolic link.
    fn stat(&self, name: impl Arg + Copy) -> io::Result<Stat> {
        Ok(rustix::io::retry_on_intr(|| rustix::fs::statat(&self.file, name, AtFlags::SYMLINK_NOFOLLOW))?)
    }
}

impl Identity {
    /// Returns the identity of an open directory; `None` if the path does not lead to the same one.
    ///
    /// Some network and overlay file systems report other numbers for a path than for a descriptor.
    fn find(file: &fs::File, path: &Path) -> Option<Self> {
        let found = Self::from(&rustix::fs::fstat(file).ok()?);
        (Self::of_path(path).ok()? == found).then_some(found)
    }

    /// Returns the identity of the directory that the path names now.
    fn of_path(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&rustix::io::retry_on_intr(|| rustix::fs::stat(path))?))
    }
}

impl From<&Stat> for Identity {
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "the types differ between systems")]
    fn from(stat: &Stat) -> Self {
        Self { device: stat.st_dev as u64, inode: stat.st_ino as u64 }
    }
}

impl DirHandle for OsDir {
    fn path(&self) -> &Path {
        &self.path
    }

    fn absolute_path(&self) -> &Path {
        &self.absolute_path
    }

    fn open(&self, name: &str, how: OpenMode) -> io::Result<Box<dyn File>> {
        let flags = match how {
            OpenMode::Read => OFlags::RDONLY,
            OpenMode::Write => OFlags::RDWR,
            OpenMode::Create => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        Ok(Box::new(OsFile(fs::File::from(self.open_fd(name, flags)?))))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        match self.stat(name) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::io::retry_on_intr(|| rustix::fs::renameat(&self.file, from, &self.file, to))?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::io::retry_on_intr(|| rustix::fs::unlinkat(&self.file, name, AtFlags::empty()))?)
    }

    fn link_into(&self, name: &str, target: &dyn DirHandle) -> io::Result<()> {
        let Some(target) = target.descriptor() else { return Err(io::ErrorKind::Unsupported.into()) };
        Ok(rustix::io::retry_on_intr(|| rustix::fs::linkat(&self.file, name, target, name, AtFlags::empty()))?)
    }

    fn list(&self) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.file)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let stat = match self.stat(name) {
                // The entry was renamed or removed after it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                stat => stat?,
            };
            let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            let name = name.to_string_lossy().into_owned();
            entries.push(DirEntry { name, len: u64::try_from(stat.st_size).unwrap_or_default(), is_dir });
        }
        Ok(entries)
    }

    fn list_names(&self) -> io::Result<Vec<String>> {
        let entries = rustix::fs::Dir::read_from(&self.file)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn sync(&self, _step: SyncStep) -> io::Result<()> {
        self.file.sync_all()
    }

    fn try_lock_file(&self, name: &str, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        let flags = if exclusive { OFlags::RDWR | OFlags::CREATE } else { OFlags::RDONLY };
        lock_or_none(fs::File::from(self.open_fd(name, flags)?), exclusive)
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        // The lock belongs to what the two descriptors share, so a drop of the guard's one releases it.
        lock_or_none(self.file.try_clone()?, exclusive)
    }

    fn is_at_its_path(&self) -> bool {
        let Some(own) = self.identity else { return true };
        match Identity::of_path(&self.absolute_path) {
            Ok(found) => found == own,
            // Other errors say nothing about the directory: the process may have given up permissions, for example.
            Err(error) => !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::StaleNetworkFileHandle
            ),
        }
    }

    fn change_times(&self) -> Option<ChangeTimes> {
        let found = self.file.metadata().ok()?;
        Some(ChangeTimes([found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()]))
    }

    fn can_find_its_path(&self) -> bool {
        self.identity.is_some()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("db");
        fs::create_dir(&path).unwrap();
        (temp, path)
    }

    /// Some file systems report another inode for a path than for a descriptor.
    #[test]
    fn a_directory_whose_path_and_descriptor_disagree_counts_as_at_its_path() {
        let (temp, path) = directory();
        let file = fs::File::open(&path).unwrap();
        assert!(Identity::find(&file, &path).is_some());
        let identity = Identity::find(&file, temp.path());
        assert_eq!(identity, None);
        let dir = OsDir { file, path: path.clone(), absolute_path: path.clone(), identity };
        assert!(!dir.can_find_its_path() && dir.is_at_its_path());
        fs::rename(&path, temp.path().join("moved")).unwrap();
        assert!(dir.is_at_its_path(), "that cannot be found out");
    }

    #[test]
    fn a_symbolic_link_that_leads_elsewhere_is_noticed() {
        let (temp, path) = directory();
        let link = temp.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let dir = OsDir::open(&link).unwrap();
        assert!(dir.can_find_its_path() && dir.is_at_its_path());
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(temp.path(), &link).unwrap();
        assert!(!dir.is_at_its_path());
        fs::remove_file(&link).unwrap();
        assert!(!dir.is_at_its_path());
        fs::rename(&path, &link).unwrap();
        assert!(dir.is_at_its_path(), "the directory itself is at the path now");
    }
}
