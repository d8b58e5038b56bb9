//! An actor that panics: whoever waits hears of it, nothing hangs, and what was acknowledged is there again.

use super::{Home, found, numbered, once};
use crate::Error;
use crate::env::SyncStep;
use crate::env::faulty::{Call, Fault};

#[test]
fn a_panic_of_the_writer_answers_everyone_and_loses_nothing_acknowledged() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.plant_kind(Call::Sync(SyncStep::WalGroup), 0, 1, Fault::Panics);
    let unknown = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(unknown, Error::OutcomeUnknown { .. }), "{unknown:?}");
    for _ in 0..2 {
        // One that comes while the writer still unwinds cannot be told from one that it took.
        let error = db.write_blocking(numbered(3)).unwrap_err();
        assert!(matches!(error, Error::Poisoned | Error::OutcomeUnknown { .. }), "{error:?}");
        assert!(matches!(db.flush_blocking(), Err(Error::Poisoned)));
        assert!(matches!(db.sync_blocking(), Err(Error::Poisoned)));
    }
    assert_eq!(found(&db), once([1]), "reads go on");
    assert!(db.changes().next_blocking().is_none());
    assert!(matches!(db.close_blocking(), Err(Error::Poisoned)));
    // In the page cache, though nobody was told so.
    assert_eq!(home.reopened(), once([1, 2]));
}

#[test]
fn a_panic_of_the_flusher_answers_everyone_and_loses_nothing_acknowledged() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.plant_kind(Call::Sync(SyncStep::Sst), 0, 1, Fault::Panics);
    assert!(matches!(db.flush_blocking(), Err(Error::Poisoned)));
    let error = loop {
        // The writer hears of it by message.
        match db.write_blocking(numbered(2)) {
            Ok(_) => std::thread::yield_now(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Poisoned | Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(found(&db)[&1], 1, "reads go on");
    assert!(matches!(db.close_blocking(), Err(Error::Poisoned)));
    assert!(home.reopened().contains_key(&1));
}
