//! Tests of panics of an actor: requests are answered, and a reopening finds acknowledged batches.

use super::{TestDatabase, found, numbered, once};
use crate::Error;
use crate::platform::env::SyncStep;
use crate::testing::faulty_env::{EnvCall, EnvFault};

#[test]
fn a_panic_of_the_writer_answers_every_request_and_loses_nothing_acknowledged() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.inject_for_kind(EnvCall::Sync(SyncStep::WalGroup), 0, 1, EnvFault::Panic);
    let unknown = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(unknown, Error::OutcomeUnknown { .. }), "{unknown:?}");
    for _ in 0..2 {
        // A request that arrives during the unwinding cannot be distinguished from one that the writer has received.
        let error = db.write_blocking(numbered(3)).unwrap_err();
        assert!(matches!(error, Error::EnginePanicked | Error::OutcomeUnknown { .. }), "{error:?}");
        assert!(matches!(db.flush_blocking(), Err(Error::EnginePanicked)));
        assert!(matches!(db.sync_blocking(), Err(Error::EnginePanicked)));
    }
    assert_eq!(found(&db), once([1]), "reads go on");
    assert!(db.watch().next_blocking().is_none());
    assert!(matches!(db.close_blocking(), Err(Error::EnginePanicked)));
    // The record of batch 2 is in the page cache, although its write was not acknowledged.
    assert_eq!(home.reopened(), once([1, 2]));
}

#[test]
fn a_panic_of_the_flusher_answers_every_request_and_loses_nothing_acknowledged() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.inject_for_kind(EnvCall::Sync(SyncStep::SstData), 0, 1, EnvFault::Panic);
    assert!(matches!(db.flush_blocking(), Err(Error::EnginePanicked)));
    let error = loop {
        // The writer receives the panic as a message, so writes before the message may succeed.
        match db.write_blocking(numbered(2)) {
            Ok(_) => std::thread::yield_now(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::EnginePanicked | Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(found(&db)[&1], 1, "reads go on");
    assert!(matches!(db.close_blocking(), Err(Error::EnginePanicked)));
    assert!(home.reopened().contains_key(&1));
}
