//! HTTP server of timestrata.
//!
//! It accepts what Prometheus, OpenTelemetry and Influx clients write, stores it durably in databases of the engine, and
//! answers the HTTP API of Prometheus. `timestrata serve` is this server on the command line. A program that embeds a
//! database can mount the same [router](App::router) beside its own:
//!
//! ```
//! use timestrata::{Db, DuplicatePolicy};
//! use timestrata_server::{App, ServerOptions};
//!
//! let db = Db::builder("metrics").in_memory().duplicates(DuplicatePolicy::KeepLast).open_blocking()?;
//! let app = App::with_database(db, ServerOptions::default())?;
//! let router: axum::Router = axum::Router::new().nest_service("/metrics-store", app.router());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Parts
//!
//! ```text
//!   listener --connection--> routes --request--> endpoints --Rows--> store --Batch--> Db (engine)
//!   (TCP, limits,            (database of the    (one file per        (durable when it returns;
//!    graceful stop)           path, access)       protocol)            refusals by reason)
//!                                                    | body: memory is reserved before bytes are held
//! ```
//!
//! An endpoint is an async function that takes the [`App`], the database of the request and its body, and returns an answer in
//! the form of its protocol. It reads the body with `body::read`, decodes it to rows, passes these to `store::store`, and
//! answers. Every error is a `Failure` with an HTTP status; the endpoint formats it for its protocol.
#![forbid(unsafe_code)]

mod access;
mod answer;
mod app;
mod blocking;
mod body;
mod counters;
mod databases;
mod endpoints;
mod failure;
mod line_listeners;
mod listener;
mod memory;
mod options;
mod requests;
mod routes;
mod store;

pub use access::{NewToken, Scope, TokensError};
pub use app::{App, Readiness};
pub use databases::DatabaseNameError;
pub use failure::StartError;
pub use listener::{Server, ServerStop, raise_descriptor_limit};
pub use options::{ByteText, DurabilityText, DurationText, ServerOptions, Settings, SettingsError, ValueError};
