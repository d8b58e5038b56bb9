//! `timestrata ingest`: rows of a file become points of the database.
//! The plan is made before the database is touched, so that a wrong column makes no directory.

mod cell;
mod load;
mod plan;
mod records;
mod refused;
mod rows;
mod sample;
mod source;
//mod summary;
