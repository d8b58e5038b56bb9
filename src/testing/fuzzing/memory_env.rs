//! Directories in memory, for decoders that read through a directory: real files would be the greatest cost of a fuzz
//! run.

use std::path::Path;
use std::sync::Arc;

use crate::platform::env::{Dir, Env, MemoryEnv, OpenMode};

/// Calls `run` with a directory that holds one file.
pub(crate) fn with_file<R>(name: &str, bytes: &[u8], run: impl FnOnce(&Dir) -> R) -> R {
    with_directory(|dir| {
        let file = dir.open(name, OpenMode::Create).expect("the directory is empty");
        file.write_at(0, bytes).expect("memory has room");
        run(dir)
    })
}

/// Calls `run` with an empty directory.
pub(crate) fn with_directory<R>(run: impl FnOnce(&Dir) -> R) -> R {
    let env = MemoryEnv::default();
    env.create_dir(Path::new(MEMORY_DIR)).expect("the path is new");
    run(&Dir::new(Arc::new(env), MEMORY_DIR))
}

const MEMORY_DIR: &str = "memory";
