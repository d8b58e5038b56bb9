//! What clients of InfluxDB 1.x and 2.x write, and the requests that they make before they write.
//!
//! | path | answer |
//! |---|---|
//! | `/write`, `/api/v2/write` | writes line protocol |
//! | `/ping` | liveness check of InfluxDB clients |
//! | `/query` | creates and lists databases; other InfluxQL is refused |
//! | `/api/v2/query` | refuses Flux |

mod error;
mod ping;
mod query;
mod results;
mod statement;
mod target;
mod write;

pub(crate) use ping::ping;
pub(crate) use query::{flux, query};
pub(crate) use write::{write_v1, write_v2};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Version that clients of InfluxDB see: that of the interface, by which they choose what they send.
const VERSION: &str = concat!("1.8.10-timestrata-", env!("CARGO_PKG_VERSION"));

/// Adds the headers by which clients recognise InfluxDB.
fn add_version(headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static("x-influxdb-version"), HeaderValue::from_static(VERSION));
    headers.insert(HeaderName::from_static("x-influxdb-build"), HeaderValue::from_static("timestrata"));
}
