//! A directory that is moved, replaced or removed while it is open: nothing is acknowledged as durable that its path
//! does not lead to, and no other directory is touched.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{TestDatabase, found, numbered, once};
use crate::platform::env::{Dir, OsEnv, SyncStep};
use crate::testing::faulty_env::EnvCall;
use crate::types::error::Error;
use crate::{Db, verify};

/// Returns every file of a directory with its bytes.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

fn is_moved(error: &Error) -> bool {
    let (Error::ReadOnly { cause } | Error::OutcomeUnknown { cause }) = error else { return false };
    matches!(**cause, Error::DirectoryMoved { .. }) && error.to_string().contains("was moved or replaced")
}

/// What happens to the directory while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Moved,
    /// Another database takes its place.
    Replaced,
    Removed,
}

impl Change {
    const ALL: [Self; 3] = [Self::Moved, Self::Replaced, Self::Removed];

    fn apply(self, home: &TestDatabase) {
        match self {
            Self::Removed => std::fs::remove_dir_all(home.path()).unwrap(),
            Self::Moved => std::fs::rename(home.path(), home.dir.path().join("moved")).unwrap(),
            Self::Replaced => {
                std::fs::rename(home.path(), home.dir.path().join("moved")).unwrap();
                std::fs::rename(home.dir.path().join("stranger"), home.path()).unwrap();
            }
        }
    }
}

/// Returns a database with the batch 1, and next to it another database.
fn two_databases() -> (TestDatabase, Db) {
    let home = TestDatabase::new();
    let stranger = Db::open_blocking(home.dir.path().join("stranger")).unwrap();
    stranger.write_blocking(numbered(100)).unwrap();
    stranger.close_blocking().unwrap();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    (home, db)
}

#[test]
fn a_write_after_the_directory_changed_is_refused_and_absent() {
    for change in Change::ALL {
        let (home, db) = two_databases();
        let stranger = contents(&home.dir.path().join("stranger"));
        change.apply(&home);
        for attempt in 0..2 {
            let error = db.write_blocking(numbered(2)).unwrap_err();
            assert!(matches!(error, Error::ReadOnly { .. }) && is_moved(&error), "{change:?}, {attempt}: {error}");
            let error = db.flush_blocking().unwrap_err();
            assert!(is_moved(&error), "{change:?}: {error}");
        }
        assert_eq!(found(&db), once([1]), "{change:?}: reads go on");
        drop(db);
        if change == Change::Replaced {
            assert_eq!(contents(&home.path()), stranger, "the stranger is unchanged");
        }
        if change != Change::Removed {
            let moved = Db::open_blocking(home.dir.path().join("moved")).unwrap();
            assert_eq!(found(&moved), once([1]), "{change:?}: the refused batch is absent");
        }
    }
}

#[test]
fn a_flush_or_compaction_after_the_directory_changed_touches_no_other_directory() {
    for change in Change::ALL {
        let (home, db) = two_databases();
        let stranger = contents(&home.dir.path().join("stranger"));
        db.flush_blocking().unwrap();
        db.write_blocking(numbered(2)).unwrap();
        change.apply(&home);
        let error = db.flush_blocking().unwrap_err();
        assert!(is_moved(&error), "{change:?}: {error}");
        assert!(is_moved(&db.compact_blocking().unwrap_err()), "{change:?}");
        drop(db.close_blocking());
        if change == Change::Replaced {
            assert_eq!(contents(&home.path()), stranger);
        }
        if change != Change::Removed {
            let moved = home.dir.path().join("moved");
            assert_eq!(found(&Db::open_blocking(&moved).unwrap()), once([1, 2]), "{change:?}");
            assert_eq!(verify(&moved).unwrap().findings, []);
        }
    }
}

/// The directory is moved between the append and the end of the sync: the batch may be in the moved directory.
#[test]
fn a_move_during_the_sync_leaves_the_outcome_unknown() {
    let (home, db) = two_databases();
    // The batch and the sync mark of the idle database: no other sync comes before that of the next write.
    while home.env.count(EnvCall::Sync(SyncStep::WalGroup)) < 2 {
        std::thread::yield_now();
    }
    home.env.on_sync({
        let (from, to) = (home.path(), home.dir.path().join("moved"));
        move || drop(std::fs::rename(&from, &to))
    });
    let error = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }) && is_moved(&error), "{error}");
    assert!(matches!(db.write_blocking(numbered(3)), Err(Error::ReadOnly { .. })));
    drop(db);
    let moved = found(&Db::open_blocking(home.dir.path().join("moved")).unwrap());
    assert!(moved == once([1]) || moved == once([1, 2]), "{moved:?}");
}

#[test]
fn a_directory_that_comes_back_is_accepted_at_the_next_opening() {
    let (home, db) = two_databases();
    Change::Moved.apply(&home);
    assert!(is_moved(&db.write_blocking(numbered(2)).unwrap_err()));
    std::fs::rename(home.dir.path().join("moved"), home.path()).unwrap();
    assert!(is_moved(&db.write_blocking(numbered(2)).unwrap_err()), "until it is opened again");
    drop(db);
    let db = home.open();
    db.write_blocking(numbered(2)).unwrap();
    assert_eq!(found(&db), once([1, 2]));
}

/// Deleting the lock file does not admit a second opening, or a verification.
#[test]
fn a_deleted_lock_file_admits_nobody() {
    let (home, db) = two_databases();
    std::fs::remove_file(home.path().join("LOCK")).unwrap();
    let second = Db::open_blocking(home.path());
    assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
    assert!(!home.path().join("LOCK").exists(), "the refused opening changed nothing");
    let verified = verify(home.path());
    assert!(matches!(verified, Err(Error::Locked { .. })), "{verified:?}");
    db.write_blocking(numbered(2)).unwrap();
    drop(db);
    assert_eq!(home.reopened(), once([1, 2]));
}

/// The check costs two `stat` calls per synced group, whatever its size.
#[test]
fn a_group_costs_two_checks_of_the_place() {
    let (home, db) = two_databases();
    let before = home.env.place_checks();
    for number in 2..12 {
        db.write_blocking(numbered(number)).unwrap();
    }
    let checks = home.env.place_checks() - before;
    // An idle moment may add a sync mark, which checks twice more.
    assert!((20..40).contains(&checks), "{checks} checks for ten groups");
    // The time of one check, printed with `--nocapture`.
    let dir = Dir::new(Arc::new(OsEnv), home.path()).hold().unwrap();
    let begun = std::time::Instant::now();
    (0..100_000).for_each(|_| dir.check_place().unwrap());
    println!("{:?} per check of the place", begun.elapsed() / 100_000);
}
