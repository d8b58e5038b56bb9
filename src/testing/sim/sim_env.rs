//! Environment, open files and locks of one incarnation of the process on the simulated disk.
//!
//! Each call is one step under the lock of the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::disk::{DiskInner, LockState, SimDisk, SyncDecision, TracedCall};
use super::disk_state::FsNode;
use super::faults::{CallKind, Fault};
use super::file_bytes::{hash_bytes, len_u64};
use super::op::{DiskOp, Inode};
use crate::platform::env::{DirEntry, Env, File, FileLock, OpenMode, SyncStep};

/// Maximum file length: more than any test writes, and small enough for memory.
const MAX_FILE_BYTES: u64 = 1 << 30;

#[derive(Debug)]
pub(super) struct SimEnv {
    disk: SimDisk,
    incarnation: u64,
}

impl SimEnv {
    pub(super) fn new(disk: SimDisk, life: u64) -> Self {
        Self { disk, incarnation: life }
    }

    fn call<R>(&self, call: &TracedCall<'_>, act: impl FnOnce(&mut DiskInner) -> io::Result<R>) -> io::Result<R> {
        self.disk.call(self.incarnation, call, |inner, fault| with_fault(inner, fault, act))
    }

    fn take_lock(&self, path: &Path, alone: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        let path = normalize(path);
        self.disk.call(self.incarnation, &TracedCall::on_name(CallKind::Lock, path), |inner, fault| {
            // The handle is created only after success: a drop of the handle inside this call would deadlock on the
            // lock of the disk.
            let inode = with_fault(inner, fault, |inner| match inner.file(path) {
                Err(error) if alone && error.kind() == io::ErrorKind::NotFound => inner.create(path),
                found => found,
            })?;
            let held = match (inner.locks.get(&inode), alone) {
                (None, true) => LockState::Alone,
                (None, false) => LockState::Together(1),
                (Some(LockState::Together(others)), false) => LockState::Together(others + 1),
                (Some(_), _) => return Ok(None),
            };
            inner.locks.insert(inode, held);
            inner.add_handle(inode);
            let handle = SimHandle { disk: self.disk.clone(), incarnation: self.incarnation, inode, writable: alone };
            Ok(Some(Box::new(SimLock(handle)) as Box<dyn FileLock>))
        })
    }
}

/// Runs a call completely or not at all.
///
/// With any fault except `AppliedButFailed`, the call has no effect.
fn with_fault<R>(
    inner: &mut DiskInner,
    fault: Option<Fault>,
    act: impl FnOnce(&mut DiskInner) -> io::Result<R>,
) -> io::Result<R> {
    match fault {
        None => act(inner),
        Some(Fault::AppliedButFailed) => act(inner).and_then(|_| Err(Fault::AppliedButFailed.error())),
        Some(fault) => Err(fault.error()),
    }
}

/// Removes the leading dot from a path: the current directory of the process is the root of the disk.
fn normalize(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

impl DiskInner {
    fn file(&self, path: &Path) -> io::Result<Inode> {
        match self.state.live.get(path) {
            Some(FsNode::File(inode)) => Ok(*inode),
            Some(FsNode::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None if self.state.is_dir(path) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(self.missing(path)),
        }
    }

    /// Error for a name that does not exist.
    fn missing(&self, path: &Path) -> io::Error {
        let through_file =
            path.ancestors().skip(1).any(|above| matches!(self.state.live.get(above), Some(FsNode::File(_))));
        if through_file { io::ErrorKind::NotADirectory.into() } else { io::ErrorKind::NotFound.into() }
    }

    fn check_parent(&self, path: &Path) -> io::Result<()> {
        let there = path.parent().is_some_and(|dir| self.state.is_dir(dir));
        if there { Ok(()) } else { Err(self.missing(path)) }
    }

    fn create(&mut self, path: &Path) -> io::Result<Inode> {
        if self.state.is_dir(path) || self.state.live.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.check_parent(path)?;
        if self.free_bytes() == 0 {
            return Err(self.disk_full());
        }
        let inode = self.state.next_inode();
        self.push(DiskOp::Create { inode, path: path.to_owned() });
        Ok(inode)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        // Both parent directories are checked before either name, as the kernel does.
        self.check_parent(from)?;
        self.check_parent(to)?;
        let inode = self.file(from)?;
        if self.state.is_dir(to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let replaced = self.file(to).ok();
        if replaced != Some(inode) {
            self.push(DiskOp::Rename { from: from.to_owned(), to: to.to_owned() });
            if let Some(replaced) = replaced {
                self.mark_unlinked(replaced);
            }
        }
        Ok(())
    }

    fn hard_link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.file(from)?;
        if self.state.is_dir(to) || self.state.live.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.check_parent(to)?;
        self.push(DiskOp::HardLink { inode, path: to.to_owned() });
        Ok(())
    }

    fn list(&mut self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        if !self.state.is_dir(dir) {
            return Err(self.file(dir).map_or_else(|error| error, |_| io::ErrorKind::NotADirectory.into()));
        }
        let inside = self.state.live.iter().filter(|(path, _)| path.parent() == Some(dir));
        let mut entries: Vec<DirEntry> = inside
            .filter_map(|(path, node)| {
                let len = match node {
                    FsNode::File(inode) => self.state.bytes(*inode).map_or(0, |bytes| len_u64(bytes.len())),
                    FsNode::Dir => 0,
                };
                let name = path.file_name()?.to_string_lossy().into_owned();
                Some(DirEntry { name, len, is_dir: *node == FsNode::Dir })
            })
            .collect();
        for last in (1..entries.len()).rev() {
            entries.swap(last, self.list_order_rng.up_to(last));
        }
        Ok(entries)
    }

    fn create_dirs(&mut self, dir: &Path) -> io::Result<()> {
        let missing: Vec<PathBuf> =
            dir.ancestors().take_while(|above| !self.state.is_dir(above)).map(Path::to_owned).collect();
        if missing.iter().any(|path| self.state.live.contains_key(path)) {
            let own = self.state.live.contains_key(dir);
            let kind = if own { io::ErrorKind::AlreadyExists } else { io::ErrorKind::NotADirectory };
            return Err(kind.into());
        }
        missing.into_iter().rev().for_each(|path| self.push(DiskOp::CreateDir { path }));
        Ok(())
    }
}

impl Env for SimEnv {
    /// Returns `false` if a fault says so. The files stay where they are: a moved directory keeps its content.
    fn is_dir_at_its_path(&self, dir: &Path) -> bool {
        self.call(&TracedCall::on_name(CallKind::CheckPlace, normalize(dir)), |_| Ok(())).is_ok()
    }

    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>> {
        let path = normalize(path);
        let kind = if how == OpenMode::Create { CallKind::Create } else { CallKind::Open };
        self.disk.call(self.incarnation, &TracedCall::on_name(kind, path), |inner, fault| {
            let create = how == OpenMode::Create;
            let inode = with_fault(inner, fault, |inner| if create { inner.create(path) } else { inner.file(path) })?;
            inner.add_handle(inode);
            let writable = how != OpenMode::Read;
            Ok(Box::new(SimFile(SimHandle { disk: self.disk.clone(), incarnation: self.incarnation, inode, writable }))
                as Box<dyn File>)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normalize(from), normalize(to));
        let goal = hash_bytes(0, to.as_os_str().as_encoded_bytes());
        let call = TracedCall { numbers: [goal, 0, 0], ..TracedCall::on_name(CallKind::Rename, from) };
        self.call(&call, |inner| inner.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = normalize(path);
        self.call(&TracedCall::on_name(CallKind::Remove, path), |inner| {
            let inode = inner.file(path)?;
            inner.push(DiskOp::Remove { path: path.to_owned() });
            inner.mark_unlinked(inode);
            Ok(())
        })
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normalize(from), normalize(to));
        let goal = hash_bytes(0, to.as_os_str().as_encoded_bytes());
        let call = TracedCall { numbers: [goal, 0, 0], ..TracedCall::on_name(CallKind::HardLink, from) };
        self.call(&call, |inner| inner.hard_link(from, to))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let dir = normalize(dir);
        self.call(&TracedCall::on_name(CallKind::List, dir), |inner| inner.list(dir))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = normalize(dir);
        self.call(&TracedCall::on_name(CallKind::CreateDir, dir), |inner| inner.create_dirs(dir))
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = normalize(dir);
        self.call(&TracedCall::on_name(CallKind::Remove, dir), |inner| {
            if !inner.state.is_dir(dir) {
                return Err(io::ErrorKind::NotFound.into());
            }
            if inner.state.live.keys().any(|path| path.parent() == Some(dir)) {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            inner.push(DiskOp::Remove { path: dir.to_owned() });
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()> {
        let dir = normalize(dir);
        let call = TracedCall { step: Some(step), ..TracedCall::on_name(CallKind::SyncDir, dir) };
        self.disk.call(self.incarnation, &call, |inner, fault| {
            if !inner.state.is_dir(dir) {
                // The kernel accepts a sync of a file in place of a directory.
                return inner.file(dir).map(drop);
            }
            let op = || DiskOp::SyncDir { dir: dir.to_owned(), step };
            if fault.is_none_or(|fault| fault == Fault::AppliedButFailed) {
                if matches!(inner.decide_sync(step, op), SyncDecision::AsAsked) {
                    inner.push(op());
                    inner.free_unreachable();
                }
            } else {
                inner.push(DiskOp::FailedSyncDir { dir: dir.to_owned(), step });
            }
            fault.map_or(Ok(()), |fault| Err(fault.error()))
        })
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.take_lock(path, true)
    }

    fn try_lock_shared(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.take_lock(path, false)
    }

    fn monotonic_now(&self) -> Duration {
        self.disk.now()
    }

    fn wall_clock_nanos(&self) -> i64 {
        self.disk.wall()
    }

    fn random_uuid(&self) -> Uuid {
        self.disk.with_inner(|inner| {
            // A former incarnation must not change any state, including the random number generator.
            let mut former = inner.uuid_rng.clone();
            let chance = if self.incarnation == inner.incarnation { &mut inner.uuid_rng } else { &mut former };
            let (high, low) = (chance.next_u64(), chance.next_u64());
            let random = (u128::from(high) << 64 | u128::from(low)).to_le_bytes();
            uuid::Builder::from_random_bytes(random).into_uuid()
        })
    }
}

/// An open file of one incarnation.
#[derive(Debug)]
struct SimHandle {
    disk: SimDisk,
    incarnation: u64,
    inode: Inode,
    writable: bool,
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        self.disk.with_inner(|inner| {
            if inner.incarnation == self.incarnation {
                inner.drop_handle(self.inode);
            }
        });
    }
}

impl SimHandle {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let call = TracedCall {
            argument: bytes,
            ..TracedCall::on_file(CallKind::Write, self.inode, offset, len_u64(bytes.len()))
        };
        self.disk.call(self.incarnation, &call, |inner, fault| {
            // An empty write makes no system call, so a read-only handle accepts it.
            if !self.writable && !bytes.is_empty() {
                // EBADF.
                return Err(io::Error::from_raw_os_error(9));
            }
            let asked = match fault {
                None | Some(Fault::AppliedButFailed) => bytes.len(),
                Some(Fault::DiskFull) => inner.faults.random_prefix(bytes.len()),
                Some(Fault::ShortWrite(len)) => len.min(bytes.len()),
                Some(fault) => return Err(fault.error()),
            };
            check_size(offset.saturating_add(len_u64(bytes.len())))?;
            let room = inner.free_bytes();
            let len = inner.state.bytes(self.inode).map_or(0, |bytes| len_u64(bytes.len()));
            // Without its sync, a file that is overwritten on a full disk may have no blocks yet.
            let is_allocated = !inner.unallocated.contains(&self.inode);
            let allocated = if is_allocated { len } else { inner.state.durable_len(self.inode).min(len) };
            let fits = allocated.saturating_sub(offset).saturating_add(room.saturating_sub(offset.saturating_sub(len)));
            let fits = usize::try_from(fits).unwrap_or(usize::MAX);
            let taken = asked.min(fits);
            if taken > 0 {
                inner.push(DiskOp::Write { inode: self.inode, offset, bytes: bytes[..taken].into() });
            }
            match fault {
                Some(fault) => Err(fault.error()),
                None if taken < bytes.len() => Err(inner.disk_full()),
                None => Ok(()),
            }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let call = TracedCall::on_file(CallKind::SetLen, self.inode, 0, len);
        self.disk.call(self.incarnation, &call, |inner, fault| {
            if !self.writable {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            with_fault(inner, fault, |inner| {
                check_size(len)?;
                let own = inner.state.bytes(self.inode).map_or(0, |bytes| len_u64(bytes.len()));
                if len.saturating_sub(own) > inner.free_bytes() {
                    return Err(inner.disk_full());
                }
                if len != own {
                    inner.push(DiskOp::SetLen { inode: self.inode, len });
                }
                Ok(())
            })
        })
    }
}

fn check_size(len: u64) -> io::Result<()> {
    if len > MAX_FILE_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
}

#[derive(Debug)]
struct SimFile(SimHandle);

impl File for SimFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let call = TracedCall::on_file(CallKind::Read, self.0.inode, offset, len_u64(buffer.len()));
        self.0.disk.call(self.0.incarnation, &call, |inner, fault| {
            with_fault(inner, fault, |inner| {
                let bytes = inner.state.bytes(self.0.inode).ok_or(io::ErrorKind::NotFound)?;
                let asked =
                    usize::try_from(offset).ok().and_then(|from| bytes.get(from..from.checked_add(buffer.len())?));
                match asked {
                    Some(asked) => buffer.copy_from_slice(asked),
                    None if buffer.is_empty() => {}
                    None => return Err(io::ErrorKind::UnexpectedEof.into()),
                }
                Ok(())
            })
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn sync(&self, step: SyncStep) -> io::Result<()> {
        let SimHandle { disk, incarnation: life, inode, .. } = &self.0;
        let call = TracedCall { step: Some(step), ..TracedCall::on_file(CallKind::Sync, *inode, 0, 0) };
        disk.call(*life, &call, |inner, fault| {
            let op = || DiskOp::Sync { inode: *inode, step };
            if fault.is_none_or(|fault| fault == Fault::AppliedButFailed) {
                if matches!(inner.decide_sync(step, op), SyncDecision::AsAsked) {
                    inner.push(op());
                    inner.unallocated.remove(inode);
                } else {
                    inner.unallocated.insert(*inode);
                }
            } else {
                inner.push(DiskOp::FailedSync { inode: *inode, step });
            }
            fault.map_or(Ok(()), |fault| Err(fault.error()))
        })
    }

    fn len(&self) -> io::Result<u64> {
        let call = TracedCall::on_file(CallKind::Len, self.0.inode, 0, 0);
        self.0.disk.call(self.0.incarnation, &call, |inner, fault| {
            with_fault(inner, fault, |inner| {
                let bytes = inner.state.bytes(self.0.inode).ok_or(io::ErrorKind::NotFound)?;
                Ok(len_u64(bytes.len()))
            })
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

/// A held lock. The file of the lock is open until the lock is dropped.
#[derive(Debug)]
struct SimLock(SimHandle);

impl FileLock for SimLock {
    fn write_pid(&self) -> io::Result<()> {
        // The number is arbitrary, but equal in every run.
        self.0.write_at(0, b"1")?;
        self.0.set_len(1)
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.disk.with_inner(|inner| {
            if inner.incarnation != self.0.incarnation {
                return;
            }
            match inner.locks.get_mut(&self.0.inode) {
                Some(LockState::Together(holders)) if *holders > 1 => *holders -= 1,
                _ => drop(inner.locks.remove(&self.0.inode)),
            }
        });
    }
}
