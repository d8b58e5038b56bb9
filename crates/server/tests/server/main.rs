//! The server as its clients see it. All modules are one program, which saves link time.
#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod access;
mod common;
mod connections;
mod databases;
mod deploy_files;
mod export;
mod grafana;
mod import;
mod influx;
mod lines;
mod otlp;
mod prometheus_api;
mod remote_read;
#[path = "../support/remote_read_client.rs"]
mod remote_read_client;
mod remote_write;
#[path = "../support/remote_write_messages.rs"]
mod remote_write_messages;
#[cfg(feature = "tls")]
mod tls;
mod whole_reads;
mod whole_server;
