//! Answers that are made piece by piece, so that a large one needs the memory of a piece or two.
//!
//! A piece is made once the client has read the one before, so a slow client holds at most two pieces. An error in the
//! middle ends the connection, so that no client mistakes a part for the whole answer.

mod body;
mod json_list;
mod streams;

pub(crate) use body::{Pieces, respond};
pub(crate) use json_list::{JsonList, put_json_text};
pub(crate) use streams::{StreamPermit, Streams};
