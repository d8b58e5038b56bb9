//! JSON: a parser that keeps the digits of numbers, and the rows of a stream of JSON.

pub(crate) mod decoder;
pub(crate) mod items;
pub(crate) mod value;
