//! Real files that fail on demand: every call is counted and written down, and a chosen one goes wrong.
//! For the tests of the logs' byte level; power loss is the simulated disk's part.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::{Dir, Entry, Env, File, Lock, Open, OsEnv, SyncStep};

/// A call as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Open(Open),
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

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens, and an error says so.
    Fails(io::ErrorKind),
    /// So many bytes are written before the error; other calls fail plainly.
    Short(usize),
    /// It happens, and an error claims that it did not.
    HappensAndFails,
    /// The thread that calls panics.
    Panics,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    /// By number of the call, from 0.
    faults: Vec<(usize, Fault)>,
    /// By kind of call: how many go through before so many go wrong.
    kinds: Vec<(Call, usize, usize, Fault)>,
}

impl State {
    fn of_kind(&mut self, call: Call) -> Option<Fault> {
        let (_, skip, times, fault) = self.kinds.iter_mut().find(|(kind, _, times, _)| *kind == call && *times > 0)?;
        if *skip > 0 {
            *skip -= 1;
            return None;
        }
        *times -= 1;
        Some(*fault)
    }
}

/// The operating system's files with faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultyEnv(Arc<Mutex<State>>);

impl FaultyEnv {
    pub(crate) fn dir(&self, path: &Path) -> Dir {
        Dir::new(Arc::new(self.clone()), path)
    }

    /// The calls made so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state(|state| state.calls.clone())
    }

    /// The call with this number, counted from 0, goes wrong.
    pub(crate) fn plant(&self, number: usize, fault: Fault) {
        self.state(|state| state.faults.push((number, fault)));
    }

    /// The next call goes wrong.
    pub(crate) fn plant_next(&self, after: usize, fault: Fault) {
        let made = self.calls().len();
        self.plant(made + after, fault);
    }

    /// Of the calls of this kind from now on, `times` go wrong after `skip` that do not.
    pub(crate) fn plant_kind(&self, call: Call, skip: usize, times: usize, fault: Fault) {
        self.state(|state| state.kinds.push((call, skip, times, fault)));
    }

    /// How many calls of this kind were made.
    pub(crate) fn count(&self, call: Call) -> usize {
        self.state(|state| state.calls.iter().filter(|made| **made == call).count())
    }

    /// From now on nothing goes wrong that was not yet.
    pub(crate) fn mend(&self) {
        self.state(|state| {
            state.faults.clear();
            state.kinds.clear();
        });
    }

    fn state<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next(&self, call: Call) -> Option<Fault> {
        self.state(|state| {
            let number = state.calls.len();
            state.calls.push(call);
            let planted = state.faults.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault);
            planted.or_else(|| state.of_kind(call))
        })
    }

    fn run<R>(&self, call: Call, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        match self.next(call) {
            None => act(),
            Some(Fault::Fails(kind)) => Err(kind.into()),
            Some(Fault::Short(_)) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::HappensAndFails) => {
                act()?;
                Err(io::Error::other("it happened all the same"))
            }
            Some(Fault::Panics) => panic!("planted"),
        }
    }
}

impl Env for FaultyEnv {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let file = self.run(Call::Open(how), || OsEnv.open(path, how))?;
        Ok(Box::new(FaultyFile { file, env: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(Call::Rename, || OsEnv.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.run(Call::Remove, || OsEnv.remove(path))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(Call::HardLink, || OsEnv.hard_link(from, to))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.run(Call::List, || OsEnv.list(dir))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        OsEnv.create_dir(dir)
    }

    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()> {
        self.run(Call::SyncDir(step), || OsEnv.sync_dir(dir, step))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        OsEnv.lock(path)
    }

    fn now(&self) -> Duration {
        OsEnv.now()
    }

    fn wall(&self) -> i64 {
        OsEnv.wall()
    }

    fn unique(&self) -> Uuid {
        OsEnv.unique()
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn File>,
    env: FaultyEnv,
}

impl File for FaultyFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.env.run(Call::Read, || self.file.read_at(offset, buffer))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.env.next(Call::Write) {
            None => self.file.write_at(offset, bytes),
            Some(Fault::Fails(kind)) => Err(kind.into()),
            Some(Fault::Short(len)) => {
                self.file.write_at(offset, &bytes[..len.min(bytes.len())])?;
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(Fault::HappensAndFails) => {
                self.file.write_at(offset, bytes)?;
                Err(io::Error::other("it happened all the same"))
            }
            Some(Fault::Panics) => panic!("planted"),
        }
    }

    fn sync(&self, step: SyncStep) -> io::Result<()> {
        self.env.run(Call::Sync(step), || self.file.sync(step))
    }

    fn len(&self) -> io::Result<u64> {
        self.env.run(Call::Len, || self.file.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.env.run(Call::SetLen, || self.file.set_len(len))
    }
}
