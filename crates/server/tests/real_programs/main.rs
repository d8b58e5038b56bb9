//! The server as programs of others use it: each test runs one of them against a server of its own.
//!
//! A test whose program is not there says so and passes; `.ci/run` installs them. The modules name the environment
//! variables.
#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod clients;
mod collectd;
#[path = "../server/common.rs"]
#[allow(dead_code, reason = "the router is for the other test program")]
mod common;
mod documented;
mod http;
mod programs;
mod prometheus;
mod prometheus_program;
#[path = "../support/remote_read_client.rs"]
mod remote_read_client;
#[path = "../support/remote_write_messages.rs"]
mod remote_write_messages;
mod scraped;
mod server;
