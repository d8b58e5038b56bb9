//! Endpoints, one file or folder for each protocol.

pub(crate) mod databases;
pub(crate) mod explore;
pub(crate) mod export;
pub(crate) mod federate;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod import;
pub(crate) mod influx;
pub(crate) mod metrics;
pub(crate) mod otlp;
mod parameters;
pub(crate) mod prometheus;
pub(crate) mod remote_read;
pub(crate) mod remote_write;
mod request_database;
mod series_points;
mod suggestions;

pub(crate) use request_database::RequestDatabase;
