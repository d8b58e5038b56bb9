//! Models of the engine's protocols. Everything but `sync` is the production file, included by its path.
//! A model is a public function; tests and the runner of mutants call them one by one.

#![expect(dead_code, reason = "each model uses a part of the production files, the rest is used by the engine")]
#![expect(unused_imports, reason = "the production modules' names are re-exported for the engine")]
#![expect(clippy::enum_variant_names, reason = "names of the engine's interface are not judged here")]
#![expect(unreachable_pub, reason = "what the engine makes public has no reader here")]

#[path = "../../src/actor/mod.rs"]
mod actor;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/latest.rs"]
mod latest;
#[path = "../../src/memtable/mod.rs"]
mod memtable;
#[path = "../../src/options.rs"]
mod options;
#[path = "../../src/point/mod.rs"]
mod point;
#[path = "../../src/series/mod.rs"]
mod series;
mod sync;
#[path = "../../src/version/mod.rs"]
mod version;

mod explore;
pub mod models;
mod world;

pub use explore::Explored;
