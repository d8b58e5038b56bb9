//! Environment with real files and injected faults.
//!
//! The environment counts and records every call, and chosen calls fail. It serves tests of the log files at byte
//! level; the simulated disk covers power loss.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::platform::env::{ChangeTimes, Dir, DirEntry, DirHandle, Env, File, FileLock, OpenMode, OsEnv, SyncStep};

/// A recorded call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvCall {
    OpenDir,
    Open(OpenMode),
    Read,
    Write,
    Len,
    SetLen,
    Sync(SyncStep),
    SyncDir(SyncStep),
    Rename,
    Remove,
    HardLink,
    List,
    Lock,
}

/// Effect of a fault on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvFault {
    /// The call has no effect and returns an error.
    Error(io::ErrorKind),
    /// A write applies this number of bytes before the error; other calls have no effect and fail.
    ShortWrite(usize),
    /// The call takes effect but returns an error.
    AppliedButFailed,
    /// The process has no descriptor left (`EMFILE`): the call has no effect.
    TooManyFiles,
    /// The call panics.
    Panic,
}

/// Action that runs once, before the next sync of a file.
#[derive(Default)]
struct SyncAction(Option<Box<dyn FnOnce() + Send>>);

impl std::fmt::Debug for SyncAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SyncAction")
    }
}

#[derive(Debug, Default)]
struct FaultScript {
    before_sync: SyncAction,
    calls: Vec<EnvCall>,
    /// Calls that take a descriptor, each with the name of its file or directory.
    opened: Vec<(EnvCall, String)>,
    /// Faults by number of the call that takes a descriptor, from 0: the first and how many fail.
    open_faults: Option<(usize, usize)>,
    /// Number of checks that a directory is still the one that its path names.
    place_checks: usize,
    /// Faults by number of the call, from 0.
    faults: Vec<(usize, EnvFault)>,
    /// Faults by kind of call: how many calls succeed first, then how many calls fail.
    by_kind: Vec<(EnvCall, usize, usize, EnvFault)>,
    /// `true` if no file can grow.
    is_full: bool,
}

impl FaultScript {
    fn of_kind(&mut self, call: EnvCall) -> Option<EnvFault> {
        let (_, skip, times, fault) =
            self.by_kind.iter_mut().find(|(kind, _, times, _)| *kind == call && *times > 0)?;
        if *skip > 0 {
            *skip -= 1;
            return None;
        }
        *times -= 1;
        Some(*fault)
    }
}

/// The files of the operating system, with faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultyEnv(Arc<Mutex<FaultScript>>);

impl FaultyEnv {
    pub(crate) fn dir(&self, path: &Path) -> Dir {
        Dir::new(Arc::new(self.clone()), path)
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> Vec<EnvCall> {
        self.state(|state| state.calls.clone())
    }

    /// Makes the call with this number fail, counted from 0.
    pub(crate) fn inject_at(&self, number: usize, fault: EnvFault) {
        self.state(|state| state.faults.push((number, fault)));
    }

    /// Makes a call fail: the call after `after` further calls.
    pub(crate) fn inject_after(&self, after: usize, fault: EnvFault) {
        let made = self.calls().len();
        self.inject_at(made + after, fault);
    }

    /// Makes calls of this kind fail, counted from now: `skip` calls succeed, then `times` calls fail.
    pub(crate) fn inject_for_kind(&self, call: EnvCall, skip: usize, times: usize, fault: EnvFault) {
        self.state(|state| state.by_kind.push((call, skip, times, fault)));
    }

    /// Sets whether the disk is full: writes within the length of a file succeed, others fail at its end.
    pub(crate) fn fill(&self, is_full: bool) {
        self.state(|state| state.is_full = is_full);
    }

    /// Number of calls of this kind.
    pub(crate) fn count(&self, call: EnvCall) -> usize {
        self.state(|state| state.calls.iter().filter(|made| **made == call).count())
    }

    /// Makes calls that take a descriptor fail with `EMFILE`: `times` calls from `first` on, counted from 0.
    pub(crate) fn fail_opens(&self, first: usize, times: usize) {
        self.state(|state| state.open_faults = Some((first, times)));
    }

    /// Calls that take a descriptor, made so far, each with the name of its file or directory.
    pub(crate) fn opened(&self) -> Vec<(EnvCall, String)> {
        self.state(|state| state.opened.clone())
    }

    /// Number of checks that a directory is still the one that its path names.
    pub(crate) fn place_checks(&self) -> usize {
        self.state(|state| state.place_checks)
    }

    /// Runs a call that takes a descriptor.
    fn opening<R>(&self, call: EnvCall, path: &Path, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let fails = self.state(|state| {
            let number = state.opened.len();
            state.opened.push((call, name));
            state.open_faults.is_some_and(|(first, times)| (first..first.saturating_add(times)).contains(&number))
        });
        if fails {
            return Err(io::Error::from_raw_os_error(24));
        }
        self.call(call, act)
    }

    /// Runs `action` once, before the next sync of a file.
    pub(crate) fn on_sync(&self, action: impl FnOnce() + Send + 'static) {
        self.state(|state| state.before_sync = SyncAction(Some(Box::new(action))));
    }

    /// Removes all faults that did not occur yet.
    pub(crate) fn clear_faults(&self) {
        self.state(|state| {
            state.faults.clear();
            state.by_kind.clear();
            state.open_faults = None;
        });
    }

    fn state<R>(&self, act: impl FnOnce(&mut FaultScript) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next(&self, call: EnvCall) -> Option<EnvFault> {
        self.state(|state| {
            let number = state.calls.len();
            state.calls.push(call);
            let planted = state.faults.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault);
            planted.or_else(|| state.of_kind(call))
        })
    }

    /// Makes a call, with the fault that is due for it.
    fn call<R>(&self, call: EnvCall, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        call_with(self.next(call), act)
    }
}

/// Makes a call with a fault. The caller writes the bytes of a short write.
fn call_with<R>(fault: Option<EnvFault>, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    match fault {
        None => act(),
        Some(EnvFault::Error(kind)) => Err(kind.into()),
        Some(EnvFault::ShortWrite(_)) => Err(io::ErrorKind::StorageFull.into()),
        Some(EnvFault::TooManyFiles) => Err(io::Error::from_raw_os_error(24)),
        Some(EnvFault::AppliedButFailed) => {
            act()?;
            Err(io::Error::other("the call took effect, and reports an error"))
        }
        Some(EnvFault::Panic) => panic!("planted"),
    }
}

impl Env for FaultyEnv {
    fn open_dir(&self, path: &Path) -> io::Result<Option<Arc<dyn DirHandle>>> {
        let opened = self.opening(EnvCall::OpenDir, path, || OsEnv.open_dir(path))?;
        Ok(opened.map(|dir| Arc::new(FaultyDir { dir, env: self.clone() }) as Arc<dyn DirHandle>))
    }

    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>> {
        let file = self.opening(EnvCall::Open(how), path, || OsEnv.open(path, how))?;
        Ok(Box::new(FaultyFile { file, env: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(EnvCall::Rename, || OsEnv.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(EnvCall::Remove, || OsEnv.remove(path))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(EnvCall::HardLink, || OsEnv.hard_link(from, to))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.opening(EnvCall::List, dir, || OsEnv.list(dir))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        OsEnv.create_dir(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        OsEnv.remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()> {
        self.call(EnvCall::SyncDir(step), || OsEnv.sync_dir(dir, step))
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        OsEnv.try_lock(path)
    }

    fn monotonic_now(&self) -> Duration {
        OsEnv.monotonic_now()
    }

    fn wall_clock_nanos(&self) -> i64 {
        OsEnv.wall_clock_nanos()
    }

    fn random_uuid(&self) -> Uuid {
        OsEnv.random_uuid()
    }
}

/// Directory that is held open, with faults.
#[derive(Debug)]
struct FaultyDir {
    dir: Arc<dyn DirHandle>,
    env: FaultyEnv,
}

impl DirHandle for FaultyDir {
    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn absolute_path(&self) -> &Path {
        self.dir.absolute_path()
    }

    fn open(&self, name: &str, how: OpenMode) -> io::Result<Box<dyn File>> {
        let file = self.env.opening(EnvCall::Open(how), Path::new(name), || self.dir.open(name, how))?;
        Ok(Box::new(FaultyFile { file, env: self.env.clone() }))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.dir.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.env.call(EnvCall::Rename, || self.dir.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.env.call(EnvCall::Remove, || self.dir.remove(name))
    }

    fn link_into(&self, name: &str, target: &dyn DirHandle) -> io::Result<()> {
        self.env.call(EnvCall::HardLink, || self.dir.link_into(name, target))
    }

    fn list(&self) -> io::Result<Vec<DirEntry>> {
        self.env.opening(EnvCall::List, self.path(), || self.dir.list())
    }

    fn list_names(&self) -> io::Result<Vec<String>> {
        self.env.opening(EnvCall::List, self.path(), || self.dir.list_names())
    }

    fn sync(&self, step: SyncStep) -> io::Result<()> {
        self.env.call(EnvCall::SyncDir(step), || self.dir.sync(step))
    }

    fn try_lock_file(&self, name: &str, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        self.env.opening(EnvCall::Lock, Path::new(name), || self.dir.try_lock_file(name, exclusive))
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        self.env.opening(EnvCall::Lock, self.path(), || self.dir.try_lock(exclusive))
    }

    fn is_at_its_path(&self) -> bool {
        self.env.state(|state| state.place_checks += 1);
        self.dir.is_at_its_path()
    }

    fn change_times(&self) -> Option<ChangeTimes> {
        self.dir.change_times()
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.dir.descriptor()
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn File>,
    env: FaultyEnv,
}

impl File for FaultyFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.env.call(EnvCall::Read, || self.file.read_at(offset, buffer))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let fault = self.env.next(EnvCall::Write);
        if let Some(EnvFault::ShortWrite(len)) = fault {
            self.file.write_at(offset, &bytes[..len.min(bytes.len())])?;
        }
        call_with(fault, || {
            let fits = if self.env.state(|state| state.is_full) {
                usize::try_from(self.file.len()?.saturating_sub(offset)).unwrap_or(usize::MAX)
            } else {
                usize::MAX
            };
            self.file.write_at(offset, &bytes[..fits.min(bytes.len())])?;
            if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        })
    }

    fn sync(&self, step: SyncStep) -> io::Result<()> {
        if let Some(action) = self.env.state(|state| state.before_sync.0.take()) {
            action();
        }
        self.env.call(EnvCall::Sync(step), || self.file.sync(step))
    }

    fn len(&self) -> io::Result<u64> {
        self.env.call(EnvCall::Len, || self.file.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.env.call(EnvCall::SetLen, || self.file.set_len(len))
    }
}
