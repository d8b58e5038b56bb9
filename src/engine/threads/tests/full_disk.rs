//! Tests of errors of a full disk: a wrapped error still has one cause and one next step.

use super::{FULL, TestDatabase, numbered};
use crate::testing::faulty_env::EnvCall;
use crate::{Durability, Error};

/// Asserts that a text contains the cause once and one next step.
fn assert_named_once(text: &str) {
    println!("{text}");
    for part in ["no storage space", "free space", "open the database again", "unknown"] {
        assert!(text.matches(part).count() <= 1, "{part:?} is repeated: {text}");
    }
    assert!(text.contains("no storage space") && text.contains("; free space"), "{text}");
}

#[test]
fn a_full_disk_is_named_once_with_one_next_step() {
    let home = TestDatabase::new();
    let db = home.open();
    // Without a sync: otherwise the write of a sync mark by the idle writer could be the first write that fails.
    db.write_with_blocking(numbered(1), Durability::Os).unwrap();
    // The write of the group fails, and so does the write of the new segment that would seal the old segment.
    home.env.inject_for_kind(EnvCall::Write, 0, usize::MAX, FULL);
    let unknown = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(unknown, Error::OutcomeUnknown { .. }), "{unknown:?}");
    assert_named_once(&unknown.to_string());
    let read_only = db.write_blocking(numbered(3)).unwrap_err();
    assert!(matches!(read_only, Error::ReadOnly { .. }), "{read_only:?}");
    assert_named_once(&read_only.to_string());
}

#[test]
fn a_failed_write_on_a_full_disk_is_named_once_with_one_next_step() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_with_blocking(numbered(1), Durability::Os).unwrap();
    home.env.inject_for_kind(EnvCall::Write, 0, 1, FULL);
    let failed = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(failed, Error::WriteFailed { .. }), "{failed:?}");
    assert_named_once(&failed.to_string());
}
