//! The engine: actors, the threads that run them, the store for their I/O, and verification.

pub(crate) mod actor;
pub(crate) mod store;
pub(crate) mod threads;
pub(crate) mod verify;
