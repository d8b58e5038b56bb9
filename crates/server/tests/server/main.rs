//! The server as its clients see it. All modules are one program, which saves link time.
#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod access;
mod common;
mod databases;
mod deploy_files;
mod import;
mod influx;
mod otlp;
mod remote_write;
#[cfg(feature = "tls")]
mod tls;
mod whole_server;
