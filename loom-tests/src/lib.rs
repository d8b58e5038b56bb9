//! Loom models of the engine's protocols. The modules `engine::actor`, `state` and `types` are the production files,
//! included by path; `sync` is a variant on loom types. A model is a public function, and each test calls one model.

#![expect(dead_code, reason = "each model uses a part of the production files, the rest is used by the engine")]
#![expect(unused_imports, reason = "the production modules' names are re-exported for the engine")]
#![expect(clippy::enum_variant_names, reason = "names of the engine's interface are not judged here")]
#![expect(unreachable_pub, reason = "what the engine makes public has no reader here")]
#![expect(clippy::modulo_one, reason = "a group of the memtable has one point in the models")]

#[path = "../../src/engine"]
mod engine {
    pub(crate) mod actor;
}
#[path = "../../src/state/mod.rs"]
mod state;
mod sync;
#[path = "../../src/types/mod.rs"]
mod types;

mod explore;
pub mod models;
mod world;

pub use explore::Exploration;
