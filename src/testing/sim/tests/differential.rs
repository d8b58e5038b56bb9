//! Compares the simulated disk with the operating system: equal calls must have equal results.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::{DiskImage, SimDisk};
use super::STEP;
use crate::platform::env::{Env, File, OpenMode, OsEnv};

#[derive(Debug, Clone)]
enum FsCall {
    Open { name: usize, how: usize },
    Close { handle: usize },
    Write { handle: usize, offset: u64, byte: u8, len: usize },
    Read { handle: usize, offset: u64, len: usize },
    SetLen { handle: usize, len: u64 },
    Len { handle: usize },
    Sync { handle: usize },
    Rename { from: usize, to: usize },
    HardLink { from: usize, to: usize },
    Remove { name: usize },
    List { dir: usize },
    CreateDir { dir: usize },
    SyncDir { dir: usize },
    Lock { name: usize, shared: bool },
    Unlock { lock: usize },
}

/// The directory of the last name exists only after it was created; the parent of the name before it is a file.
const NAMES: [&str; 6] = ["a", "b", "c", "LOCK", "a/inside", "sub/d"];
const DIRS: [&str; 4] = ["", "sub", "sub/deep", "gone"];

fn call() -> impl Strategy<Value = FsCall> {
    let (name, handle, dir) = (0..NAMES.len(), 0..4_usize, 0..DIRS.len());
    prop_oneof![
        4 => (name.clone(), 0..3_usize).prop_map(|(name, how)| FsCall::Open { name, how }),
        1 => handle.clone().prop_map(|handle| FsCall::Close { handle }),
        4 => (handle.clone(), 0..2_000_u64, any::<u8>(), 0..1_500_usize)
            .prop_map(|(handle, offset, byte, len)| FsCall::Write { handle, offset, byte, len }),
        2 => (handle.clone(), 0..2_500_u64, 0..600_usize)
            .prop_map(|(handle, offset, len)| FsCall::Read { handle, offset, len }),
        1 => (handle.clone(), 0..3_000_u64).prop_map(|(handle, len)| FsCall::SetLen { handle, len }),
        1 => handle.clone().prop_map(|handle| FsCall::Len { handle }),
        1 => handle.prop_map(|handle| FsCall::Sync { handle }),
        2 => (name.clone(), name.clone()).prop_map(|(from, to)| FsCall::Rename { from, to }),
        1 => (name.clone(), name.clone()).prop_map(|(from, to)| FsCall::HardLink { from, to }),
        1 => name.clone().prop_map(|name| FsCall::Remove { name }),
        1 => dir.clone().prop_map(|dir| FsCall::List { dir }),
        // The last directory is never created, so that one directory is always missing.
        1 => (0..3_usize).prop_map(|dir| FsCall::CreateDir { dir }),
        1 => dir.prop_map(|dir| FsCall::SyncDir { dir }),
        2 => (name, any::<bool>()).prop_map(|(name, shared)| FsCall::Lock { name, shared }),
        1 => (0..3_usize).prop_map(|lock| FsCall::Unlock { lock }),
    ]
}

/// One of the two compared environments, with its open files and locks.
struct DiskPair<'a> {
    env: Arc<dyn Env>,
    root: &'a Path,
    files: Vec<Box<dyn File>>,
    locks: Vec<Box<dyn crate::platform::env::FileLock>>,
}

impl DiskPair<'_> {
    /// Makes the call and returns the result as text; an error is represented by its kind.
    fn make(&mut self, call: &FsCall) -> String {
        let file = |handle: &usize| self.files.get(handle % self.files.len().max(1));
        let outcome = match call {
            FsCall::Open { name, how } => {
                let how = [OpenMode::Read, OpenMode::Write, OpenMode::Create][*how];
                self.env.open(&self.root.join(NAMES[*name]), how).map(|file| {
                    self.files.push(file);
                    String::new()
                })
            }
            FsCall::Close { handle } => {
                if !self.files.is_empty() {
                    self.files.remove(handle % self.files.len());
                }
                Ok(String::new())
            }
            FsCall::Write { handle, offset, byte, len } => match file(handle) {
                Some(file) => file.write_at(*offset, &vec![*byte; *len]).map(|()| String::new()),
                None => Ok(String::new()),
            },
            FsCall::Read { handle, offset, len } => match file(handle) {
                Some(file) => {
                    let mut bytes = vec![0; *len];
                    file.read_at(*offset, &mut bytes).map(|()| format!("{bytes:?}"))
                }
                None => Ok(String::new()),
            },
            FsCall::SetLen { handle, len } => {
                file(handle).map_or(Ok(()), |file| file.set_len(*len)).map(|()| String::new())
            }
            FsCall::Len { handle } => file(handle).map_or(Ok(0), |file| file.len()).map(|len| len.to_string()),
            FsCall::Sync { handle } => file(handle).map_or(Ok(()), |file| file.sync(STEP)).map(|()| String::new()),
            names => self.make_by_name(names),
        };
        match outcome {
            Ok(text) => format!("ok {text}"),
            Err(error) => format!("{:?}", error.kind()),
        }
    }

    fn make_by_name(&mut self, call: &FsCall) -> std::io::Result<String> {
        let done = |()| String::new();
        match call {
            FsCall::Rename { from, to } => {
                self.env.rename(&self.root.join(NAMES[*from]), &self.root.join(NAMES[*to])).map(done)
            }
            FsCall::HardLink { from, to } => {
                self.env.hard_link(&self.root.join(NAMES[*from]), &self.root.join(NAMES[*to])).map(done)
            }
            FsCall::Remove { name } => self.env.remove(&self.root.join(NAMES[*name])).map(done),
            FsCall::List { dir } => self.env.list(&self.root.join(DIRS[*dir])).map(|mut entries| {
                entries.sort_by(|left, right| left.name.cmp(&right.name));
                let of = |entry: &crate::platform::env::DirEntry| // A real directory has a length of its own.
                    if entry.is_dir { entry.name.clone() } else { format!("{} {}", entry.name, entry.len) };
                format!("{:?}", entries.iter().map(of).collect::<Vec<_>>())
            }),
            FsCall::CreateDir { dir } => self.env.create_dir(&self.root.join(DIRS[*dir])).map(done),
            FsCall::SyncDir { dir } => self.env.sync_dir(&self.root.join(DIRS[*dir]), STEP).map(done),
            FsCall::Lock { name, shared } => {
                let path = self.root.join(NAMES[*name]);
                let lock = if *shared { self.env.try_lock_shared(&path) } else { self.env.try_lock(&path) };
                lock.map(|lock| {
                    let taken = lock.is_some();
                    self.locks.extend(lock);
                    taken.to_string()
                })
            }
            FsCall::Unlock { lock } => {
                if !self.locks.is_empty() {
                    self.locks.remove(lock % self.locks.len());
                }
                Ok(String::new())
            }
            _ => unreachable!("the other calls are made on open files"),
        }
    }
}

/// Collects all files below a directory, by path relative to `root`.
fn on_disk(root: &Path, dir: &Path, found: &mut BTreeMap<std::path::PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            on_disk(root, &path, found);
        } else {
            found.insert(Path::new("/").join(path.strip_prefix(root).unwrap()), std::fs::read(&path).unwrap());
        }
    }
}

fn as_map(image: &DiskImage) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    image.files().iter().map(|(path, bytes)| (path.clone(), bytes.to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn both_disks_answer_alike(calls in prop::collection::vec(call(), 1..120), seed in any::<u64>()) {
        let home = tempfile::tempdir().unwrap();
        let disk = SimDisk::new(seed);
        let world = |env, root| DiskPair { env, root, files: Vec::new(), locks: Vec::new() };
        let (mut simulated, mut real) = (world(disk.env(), Path::new("/")), world(Arc::new(OsEnv), home.path()));
        for (nth, call) in calls.iter().enumerate() {
            prop_assert_eq!(simulated.make(call), real.make(call), "call {}: {:?}", nth, call);
        }
        let mut expected = BTreeMap::new();
        on_disk(home.path(), home.path(), &mut expected);
        prop_assert_eq!(as_map(&disk.live_image()), expected);
        // With all pending changes kept, the image equals the live files, synced or not.
        let all = disk.state().images(2, 0).nth(1);
        if let Some(all) = all.filter(|all| all.choice() == Some(super::super::CrashChoice::Everything)) {
            prop_assert_eq!(all, disk.live_image());
        }
    }
}
