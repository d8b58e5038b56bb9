//! Environment with real files and injected faults.
//!
//! The environment counts and records every call, and chosen calls fail. It serves tests of the log files at byte
//! level; the simulated disk covers power loss.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::platform::env::{Dir, DirEntry, Env, File, FileLock, OpenMode, OsEnv, SyncStep};

/// A recorded call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvCall {
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
    /// The call panics.
    Panic,
}

#[derive(Debug, Default)]
struct FaultScript {
    calls: Vec<EnvCall>,
    /// Faults by number of the call, from 0.
    faults: Vec<(usize, EnvFault)>,
    /// Faults by kind of call: how many calls succeed first, then how many calls fail.
    by_kind: Vec<(EnvCall, usize, usize, EnvFault)>,
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

    /// Number of calls of this kind.
    pub(crate) fn count(&self, call: EnvCall) -> usize {
        self.state(|state| state.calls.iter().filter(|made| **made == call).count())
    }

    /// Removes all faults that did not occur yet.
    pub(crate) fn clear_faults(&self) {
        self.state(|state| {
            state.faults.clear();
            state.by_kind.clear();
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
        Some(EnvFault::AppliedButFailed) => {
            act()?;
            Err(io::Error::other("the call took effect, and reports an error"))
        }
        Some(EnvFault::Panic) => panic!("planted"),
    }
}

impl Env for FaultyEnv {
    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>> {
        let file = self.call(EnvCall::Open(how), || OsEnv.open(path, how))?;
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
        self.call(EnvCall::List, || OsEnv.list(dir))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        OsEnv.create_dir(dir)
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
        call_with(fault, || self.file.write_at(offset, bytes))
    }

    fn sync(&self, step: SyncStep) -> io::Result<()> {
        self.env.call(EnvCall::Sync(step), || self.file.sync(step))
    }

    fn len(&self) -> io::Result<u64> {
        self.env.call(EnvCall::Len, || self.file.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.env.call(EnvCall::SetLen, || self.file.set_len(len))
    }
}
