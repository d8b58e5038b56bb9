//! The HTTP API of Prometheus.

mod error;
mod parameters;
mod query;

pub(crate) use query::{query, query_range};
