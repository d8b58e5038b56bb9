//! The operating system: files, clocks and randomness in `env`, channels and locks in `sync`.
//!
//! Other layers use files only through `env` and send messages only through `sync`. Two clocks are read outside `env`:
//! `Timestamp::now` reads the wall clock, and the deadline and duration of a query use `std::time::Instant`.

pub(crate) mod env;
pub(crate) mod sync;
