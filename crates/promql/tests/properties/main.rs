//! Properties of the parser and the printer on generated queries, and on inputs of the fuzz target.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod another_parser_agrees;
mod printed_queries_parse_to_the_same_tree;
mod queries;
