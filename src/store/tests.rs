//! Opening, over files that fail on demand or tell what was asked of them.

use std::sync::Arc;

use crate::env::SyncStep;
use crate::env::faulty::{Call, FaultyEnv};
use crate::options::Options;

/// Made by someone else a moment ago, or by an opening that was killed: its name may still be in the page cache alone.
#[test]
fn a_new_database_in_an_existing_directory_syncs_its_parent() {
    let dir = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    drop(super::open(Arc::new(env.clone()), dir.path(), &Options::default()).unwrap());
    assert!(env.calls().contains(&Call::SyncDir(SyncStep::ParentDirectory)));
}
