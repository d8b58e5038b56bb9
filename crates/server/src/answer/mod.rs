//! Answers that are made piece by piece, so that a large one needs the memory of a piece or two.
//!
//! A client that reads slowly delays the making of the next piece: nothing but the pieces that are made already waits for
//! it. An error in the middle ends the connection, so that no client takes a part for the whole.

mod body;
mod json_list;
mod streams;

pub(crate) use body::{Pieces, respond};
pub(crate) use json_list::{JsonList, put_json_text};
pub(crate) use streams::{StreamPermit, Streams};
