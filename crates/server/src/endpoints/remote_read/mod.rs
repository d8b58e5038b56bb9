//! Prometheus remote read.
//!
//! ```text
//!   request -> messages -> queries (series of each, sorted by labels)
//!                            |-> samples: one message, compressed by snappy, within the memory of answers
//!                            `-> chunks:  frames of XOR chunks, streamed
//! ```

mod chunks;
mod endpoint;
mod frame;
mod messages;
mod millis;
mod queries;
mod samples;
mod xor_chunk;

pub(crate) use endpoint::remote_read;
