//! The simulated disk as the engine meets it: environment, open files and locks of one life of the process.
//! Each call is one step under the disk's lock.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::super::{Entry, Env, File, Lock, Open, SyncStep};
use super::bytes::{hash_bytes, number};
use super::disk::{Call, Held, Inner, Planned, SimDisk};
use super::faults::{Fault, Kind};
use super::op::{Inode, Op};
use super::state::Node;

/// Far beyond what a test writes, and small enough to be in memory.
const MAX_FILE_BYTES: u64 = 1 << 30;

#[derive(Debug)]
pub(super) struct SimEnv {
    disk: SimDisk,
    life: u64,
}

impl SimEnv {
    pub(super) fn new(disk: SimDisk, life: u64) -> Self {
        Self { disk, life }
    }

    fn call<R>(&self, call: &Call<'_>, act: impl FnOnce(&mut Inner) -> io::Result<R>) -> io::Result<R> {
        self.disk.call(self.life, call, |inner, fault| plain(inner, fault, act))
    }

    fn take_lock(&self, path: &Path, alone: bool) -> io::Result<Option<Box<dyn Lock>>> {
        let path = normal(path);
        self.disk.call(self.life, &Call::on_name(Kind::Lock, path), |inner, fault| {
            // A handle is made only of what succeeds: dropped in here, it would wait for this very call's lock.
            let inode = plain(inner, fault, |inner| match inner.file(path) {
                Err(error) if alone && error.kind() == io::ErrorKind::NotFound => inner.create(path),
                found => found,
            })?;
            let held = match (inner.locks.get(&inode), alone) {
                (None, true) => Held::Alone,
                (None, false) => Held::Together(1),
                (Some(Held::Together(others)), false) => Held::Together(others + 1),
                (Some(_), _) => return Ok(None),
            };
            inner.locks.insert(inode, held);
            inner.opened(inode);
            let handle = Handle { disk: self.disk.clone(), life: self.life, inode, writable: alone };
            Ok(Some(Box::new(SimLock(handle)) as Box<dyn Lock>))
        })
    }
}

/// A call that happens or does not; short is as good as not.
fn plain<R>(inner: &mut Inner, fault: Option<Fault>, act: impl FnOnce(&mut Inner) -> io::Result<R>) -> io::Result<R> {
    match fault {
        None => act(inner),
        Some(Fault::HappensAndFails) => act(inner).and_then(|_| Err(Fault::HappensAndFails.error())),
        Some(fault) => Err(fault.error()),
    }
}

/// A path without the dot that stands for where the process began: that is the disk's root.
fn normal(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

impl Inner {
    fn file(&self, path: &Path) -> io::Result<Inode> {
        match self.state.live.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None if self.state.is_dir(path) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(self.missing(path)),
        }
    }

    /// Why a name cannot be found.
    fn missing(&self, path: &Path) -> io::Error {
        let through_file =
            path.ancestors().skip(1).any(|above| matches!(self.state.live.get(above), Some(Node::File(_))));
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
        if self.room() == 0 {
            return Err(self.full());
        }
        let inode = self.state.next_inode();
        self.push(Op::Create { inode, path: path.to_owned() });
        Ok(inode)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        // Both ways are gone before either name is looked for.
        self.check_parent(from)?;
        self.check_parent(to)?;
        let inode = self.file(from)?;
        if self.state.is_dir(to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let replaced = self.file(to).ok();
        if replaced != Some(inode) {
            self.push(Op::Rename { from: from.to_owned(), to: to.to_owned() });
            if let Some(replaced) = replaced {
                self.unnamed(replaced);
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
        self.push(Op::HardLink { inode, path: to.to_owned() });
        Ok(())
    }

    fn list(&mut self, dir: &Path) -> io::Result<Vec<Entry>> {
        if !self.state.is_dir(dir) {
            return Err(self.file(dir).map_or_else(|error| error, |_| io::ErrorKind::NotADirectory.into()));
        }
        let inside = self.state.live.iter().filter(|(path, _)| path.parent() == Some(dir));
        let mut entries: Vec<Entry> = inside
            .filter_map(|(path, node)| {
                let len = match node {
                    Node::File(inode) => self.state.bytes(*inode).map_or(0, |bytes| number(bytes.len())),
                    Node::Dir => 0,
                };
                let name = path.file_name()?.to_string_lossy().into_owned();
                Some(Entry { name, len, is_dir: *node == Node::Dir })
            })
            .collect();
        for last in (1..entries.len()).rev() {
            entries.swap(last, self.orders.up_to(last));
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
        missing.into_iter().rev().for_each(|path| self.push(Op::CreateDir { path }));
        Ok(())
    }
}

impl Env for SimEnv {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let path = normal(path);
        let kind = if how == Open::Create { Kind::Create } else { Kind::Open };
        self.disk.call(self.life, &Call::on_name(kind, path), |inner, fault| {
            let create = how == Open::Create;
            let inode = plain(inner, fault, |inner| if create { inner.create(path) } else { inner.file(path) })?;
            inner.opened(inode);
            let writable = how != Open::Read;
            Ok(Box::new(SimFile(Handle { disk: self.disk.clone(), life: self.life, inode, writable })) as Box<dyn File>)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normal(from), normal(to));
        let goal = hash_bytes(0, to.as_os_str().as_encoded_bytes());
        let call = Call { numbers: [goal, 0, 0], ..Call::on_name(Kind::Rename, from) };
        self.call(&call, |inner| inner.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.call(&Call::on_name(Kind::Remove, path), |inner| {
            let inode = inner.file(path)?;
            inner.push(Op::Remove { path: path.to_owned() });
            inner.unnamed(inode);
            Ok(())
        })
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normal(from), normal(to));
        let goal = hash_bytes(0, to.as_os_str().as_encoded_bytes());
        let call = Call { numbers: [goal, 0, 0], ..Call::on_name(Kind::HardLink, from) };
        self.call(&call, |inner| inner.hard_link(from, to))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let dir = normal(dir);
        self.call(&Call::on_name(Kind::List, dir), |inner| inner.list(dir))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = normal(dir);
        self.call(&Call::on_name(Kind::CreateDir, dir), |inner| inner.create_dirs(dir))
    }

    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()> {
        let dir = normal(dir);
        let call = Call { step: Some(step), ..Call::on_name(Kind::SyncDir, dir) };
        self.disk.call(self.life, &call, |inner, fault| {
            if !inner.state.is_dir(dir) {
                // A file can be opened and synced in a directory's place, and the kernel does not mind.
                return inner.file(dir).map(drop);
            }
            let op = || Op::SyncDir { dir: dir.to_owned(), step };
            if fault.is_none_or(|fault| fault == Fault::HappensAndFails) {
                if matches!(inner.plan(step, op), Planned::AsAsked) {
                    inner.push(op());
                    inner.sweep();
                }
            } else if fault != Some(Fault::TooManyFiles) {
                inner.push(Op::FailedSyncDir { dir: dir.to_owned(), step });
            }
            fault.map_or(Ok(()), |fault| Err(fault.error()))
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.take_lock(path, true)
    }

    fn lock_shared(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.take_lock(path, false)
    }

    fn now(&self) -> Duration {
        self.disk.now()
    }

    fn wall(&self) -> i64 {
        self.disk.wall()
    }

    fn unique(&self) -> Uuid {
        self.disk.look(|inner| {
            // A former life changes nothing, chance included.
            let mut former = inner.names.clone();
            let chance = if self.life == inner.life { &mut inner.names } else { &mut former };
            let (high, low) = (chance.draw(), chance.draw());
            let random = (u128::from(high) << 64 | u128::from(low)).to_le_bytes();
            uuid::Builder::from_random_bytes(random).into_uuid()
        })
    }
}

/// An open file's place in its life.
#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    life: u64,
    inode: Inode,
    writable: bool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.disk.look(|inner| {
            if inner.life == self.life {
                inner.closed(self.inode);
            }
        });
    }
}

impl Handle {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let call = Call { about: bytes, ..Call::on_file(Kind::Write, self.inode, offset, number(bytes.len())) };
        self.disk.call(self.life, &call, |inner, fault| {
            // Nothing to write is no call to the operating system, so a handle for reading takes it.
            if !self.writable && !bytes.is_empty() {
                // EBADF.
                return Err(io::Error::from_raw_os_error(9));
            }
            let asked = match fault {
                None | Some(Fault::HappensAndFails) => bytes.len(),
                Some(Fault::Full) => inner.faults.prefix(bytes.len()),
                Some(Fault::Short(len)) => len.min(bytes.len()),
                Some(fault) => return Err(fault.error()),
            };
            check_size(offset.saturating_add(number(bytes.len())))?;
            let room = inner.room();
            let len = inner.state.bytes(self.inode).map_or(0, |bytes| number(bytes.len()));
            let fits = usize::try_from(len.saturating_add(room).saturating_sub(offset)).unwrap_or(usize::MAX);
            let taken = asked.min(fits);
            if taken > 0 {
                inner.push(Op::Write { inode: self.inode, offset, bytes: bytes[..taken].into() });
            }
            match fault {
                Some(fault) => Err(fault.error()),
                None if taken < bytes.len() => Err(inner.full()),
                None => Ok(()),
            }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let call = Call::on_file(Kind::SetLen, self.inode, 0, len);
        self.disk.call(self.life, &call, |inner, fault| {
            if !self.writable {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            plain(inner, fault, |inner| {
                check_size(len)?;
                let own = inner.state.bytes(self.inode).map_or(0, |bytes| number(bytes.len()));
                if len.saturating_sub(own) > inner.room() {
                    return Err(inner.full());
                }
                if len != own {
                    inner.push(Op::SetLen { inode: self.inode, len });
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
struct SimFile(Handle);

impl File for SimFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let call = Call::on_file(Kind::Read, self.0.inode, offset, number(buffer.len()));
        self.0.disk.call(self.0.life, &call, |inner, fault| {
            plain(inner, fault, |inner| {
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
        let Handle { disk, life, inode, .. } = &self.0;
        let call = Call { step: Some(step), ..Call::on_file(Kind::Sync, *inode, 0, 0) };
        disk.call(*life, &call, |inner, fault| {
            let op = || Op::Sync { inode: *inode, step };
            if fault.is_none_or(|fault| fault == Fault::HappensAndFails) {
                if matches!(inner.plan(step, op), Planned::AsAsked) {
                    inner.push(op());
                }
            } else {
                inner.push(Op::FailedSync { inode: *inode, step });
            }
            fault.map_or(Ok(()), |fault| Err(fault.error()))
        })
    }

    fn len(&self) -> io::Result<u64> {
        let call = Call::on_file(Kind::Len, self.0.inode, 0, 0);
        self.0.disk.call(self.0.life, &call, |inner, fault| {
            plain(inner, fault, |inner| {
                let bytes = inner.state.bytes(self.0.inode).ok_or(io::ErrorKind::NotFound)?;
                Ok(number(bytes.len()))
            })
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

/// A held lock. Its file is open as long.
#[derive(Debug)]
struct SimLock(Handle);

impl Lock for SimLock {
    fn sign(&self) -> io::Result<()> {
        self.0.set_len(0)?;
        // Any number, but the same in every run.
        self.0.write_at(0, b"1")
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.disk.look(|inner| {
            if inner.life != self.0.life {
                return;
            }
            match inner.locks.get_mut(&self.0.inode) {
                Some(Held::Together(holders)) if *holders > 1 => *holders -= 1,
                _ => drop(inner.locks.remove(&self.0.inode)),
            }
        });
    }
}
